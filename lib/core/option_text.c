/* option_text.c -- the texts of model.species and model.elements, model.sizes, model.map,
   model.lattice, model.temperatures and model.data_scale.

   model.species is a list of words between blanks, one for every particle: a whole number up to
   255, or the symbol of an element, which stands for its atomic number. Both may be mixed: H and 1
   are the same. How many words there have to be is not known here. */
#include "core/option_text.h"
#include "core/choices.h"
#include "core/core.h"
#include "core/elements.h"
#include <math.h>
#include <string.h>

/* The number of a word, or -1. */
static int read_word(const char *word, size_t length) {
  if (strspn(word, "0123456789") < length)
    return enf__element_number(word, length);
  int number = 0;
  for (size_t i = 0; i < length && number < ENF__SPECIES; i++)
    number = 10 * number + (word[i] - '0');
  return number < ENF__SPECIES ? number : -1;
}

static const char *skip_blanks(const char *text) { return text + strspn(text, " \t"); }

const char *enf__species_next(const char *text, int *number) {
  text = skip_blanks(text);
  const size_t length = strcspn(text, " \t");
  *number = length ? read_word(text, length) : -1;
  return *number >= 0 ? text + length : NULL;
}

bool enf__check_species(const char *text, char *why, size_t size) {
  int number;
  for (text = skip_blanks(text); *text; text = skip_blanks(text)) {
    const char *end = enf__species_next(text, &number);
    if (!end) {
      const size_t length = strcspn(text, " \t");
      enf__format(why, size,
                  "\"%.*s\" is neither a whole number from 0 to %d nor the symbol of an element",
                  length < 40 ? (int)length : 40, text, ENF__SPECIES - 1);
      return false;
    }
    text = end;
  }
  return true;
}

bool enf__read_data_scale(const char *text, double *scale) {
  char *end;
  *scale = 0;
  if (!strcmp(text, "auto"))
    return true;
  *scale = enf__strtod(text, &end);
  return end != text && !*end && *scale > 0 && isfinite(*scale);
}

bool enf__check_data_scale(const char *text, char *why, size_t size) {
  double scale;
  if (enf__read_data_scale(text, &scale))
    return true;
  enf__format(why, size, "\"%.100s\" is neither auto nor a number above 0", text);
  return false;
}

/* ---- model.lattice --------------------------------------------------------------------------- */

enum { MOST_SIDE = 4096 };

/* Digits up to a blank or the end as a side; false: they are none. */
static bool read_side(const char **text, size_t *side) {
  const size_t digits = strspn(*text, "0123456789");
  if (digits == 0 || digits > 4)
    return false;
  *side = 0;
  for (size_t i = 0; i < digits; i++)
    *side = 10 * *side + (size_t)(*(*text)++ - '0');
  return *side >= 2 && *side <= MOST_SIDE && (!**text || **text == ' ' || **text == '\t');
}

size_t enf__read_lattice(const char *text, size_t side[2]) {
  size_t count = 0, found;
  for (text = skip_blanks(text); *text; text = skip_blanks(text)) {
    if (!read_side(&text, &found))
      return 0;
    if (count < 2)
      side[count] = found;
    count++;
  }
  return count;
}

/* Any number of sides: how many there must be is told where the lattice is made. */
bool enf__check_lattice(const char *text, char *why, size_t size) {
  size_t side[2];
  if (!*skip_blanks(text) || enf__read_lattice(text, side) > 0)
    return true;
  enf__format(why, size, "\"%.40s\" is not two whole numbers from 2 to %d, as in \"16 16\"", text,
              (int)MOST_SIDE);
  return false;
}

/* ---- model.temperatures ---------------------------------------------------------------------- */

bool enf__read_temperatures(const char *text, double range[2]) {
  char *end;
  range[0] = range[1] = 0;
  if (!*(text = skip_blanks(text)))
    return true;
  for (size_t i = 0; i < 2; i++, text = end) {
    range[i] = enf__strtod(text, &end);
    if (end == text)
      return false;
  }
  return !*skip_blanks(end) && range[0] >= 1e-6 && range[0] <= 1 && range[1] >= 1 &&
         range[0] < range[1] && range[1] <= 1e6;
}

bool enf__check_temperatures(const char *text, char *why, size_t size) {
  double range[2];
  if (enf__read_temperatures(text, range))
    return true;
  enf__format(why, size,
              "\"%.40s\" is not two numbers of 1e-6 to 1e6, a lower and a higher one, with 1, the "
              "temperature of the energies, among them, as in \"1 2\"",
              text);
  return false;
}

bool enf__check_any(const char *text, char *why, size_t size) {
  (void)text;
  (void)why;
  (void)size;
  return true;
}

/* ---- model.elements, model.sizes ------------------------------------------------------------- */

enum { MOST_PARTICLES = 4096 };

/* A list of species, none of them twice. */
bool enf__check_elements(const char *text, char *why, size_t size) {
  bool there[ENF__SPECIES] = {false};
  int number;
  if (!enf__check_species(text, why, size))
    return false;
  while ((text = enf__species_next(text, &number)) != NULL) {
    if (there[number]) {
      enf__format(why, size, "element %d is there twice", number);
      return false;
    }
    there[number] = true;
  }
  return true;
}

const char *enf__sizes_next(const char *text, size_t *particles, double *count) {
  char *end;
  text = skip_blanks(text);
  const size_t digits = strspn(text, "0123456789");
  *particles = 0;
  if (digits == 0 || digits > 4 || text[digits] != ':')
    return NULL;
  for (size_t i = 0; i < digits; i++)
    *particles = 10 * *particles + (size_t)(text[i] - '0');
  *count = enf__strtod(text + digits + 1, &end);
  const bool ends = end != text + digits + 1 && (!*end || *end == ' ' || *end == '\t');
  return ends && *particles >= 1 && *particles <= MOST_PARTICLES && *count > 0 && isfinite(*count)
             ? end
             : NULL;
}

bool enf__check_sizes(const char *text, char *why, size_t size) {
  size_t particles, last = 0;
  double count;
  for (text = skip_blanks(text); *text; text = skip_blanks(text)) {
    const char *end = enf__sizes_next(text, &particles, &count);
    if (!end || particles <= last) {
      enf__format(why, size,
                  "\"%.*s\" is not particles:count, particles from 1 to %d in ascending order",
                  (int)strcspn(text, " \t") < 40 ? (int)strcspn(text, " \t") : 40, text,
                  (int)MOST_PARTICLES);
      return false;
    }
    last = particles;
    text = end;
  }
  return true;
}

bool enf__check_symmetry(const char *text, char *why, size_t size) {
  const size_t digits = *text ? strspn(text + 1, "0123456789") : 0;
  const int n = digits == 1   ? text[1] - '0'
                : digits == 2 ? 10 * (text[1] - '0') + text[2] - '0'
                              : 0;
  const bool group = (*text == 'c' || *text == 'd') && !text[1 + digits] && text[1] != '0';
  if (!strcmp(text, "none") || (group && n >= 2 && n <= 16))
    return true;
  enf__format(why, size, "\"%.40s\" is none of none, c2 ... c16, d2 ... d16", text);
  return false;
}

/* ---- model.map ------------------------------------------------------------------------------- */

enum { MOST_LAYERS = 64 };

#define WORD(number, word) [number] = word,
static const char *const maps[] = {ENF__CHOICES_MAP(WORD)};
#undef WORD

static const char *next_map(const void *list, size_t index) {
  (void)list;
  return index < ENF__MAPS ? maps[index] : NULL;
}

static int find_map(const char *word, size_t length) {
  for (int k = 0; k < ENF__MAPS; k++)
    if (strlen(maps[k]) == length && !memcmp(maps[k], word, length))
      return k;
  return -1;
}

/* 1 to MOST_LAYERS, or 0. */
static size_t read_layers(const char *digits, size_t length) {
  size_t layers = 0;
  if (length == 0 || length > 2 || strspn(digits, "0123456789") < length)
    return 0;
  for (size_t i = 0; i < length; i++)
    layers = 10 * layers + (size_t)(digits[i] - '0');
  return layers <= MOST_LAYERS ? layers : 0;
}

/* Where the next map ends, its number and layers, -1 and 0 for what it is not. */
static const char *read_map(const char *text, int *map, size_t *layers) {
  const size_t length = strcspn(text, "+"), letters = strcspn(text, "*+");
  *map = find_map(text, letters);
  *layers = letters == length ? 1 : read_layers(text + letters + 1, length - letters - 1);
  return text + length;
}

const char *enf__map_next(const char *text, int *map, size_t *layers) {
  if (!*text)
    return NULL;
  const char *end = read_map(text + (*text == '+'), map, layers);
  return *map >= 0 && *layers > 0 ? end : NULL;
}

bool enf__check_map(const char *text, char *why, size_t size) {
  int map;
  size_t layers;
  for (bool more = true; more; text++) {
    char word[40];
    const char *end = read_map(text, &map, &layers);
    const size_t length = (size_t)(end - text), letters = strcspn(text, "*+");
    enf__format(word, sizeof word, "%.*s", (int)(letters < 39 ? letters : 39), text);
    const char *near = enf__nearest(word, next_map, NULL);
    if (map < 0)
      enf__format(why, size, "there is no map \"%s\"%s%s%s", word, near ? "; did you mean \"" : "",
                  near ? near : "", near ? "\"?" : "");
    else if (layers == 0)
      enf__format(why, size, "\"%.*s\" needs 1 to %d layers", (int)(length < 40 ? length : 40),
                  text, (int)MOST_LAYERS);
    if (map < 0 || layers == 0)
      return false;
    text = end;
    more = *text != 0;
  }
  return true;
}
