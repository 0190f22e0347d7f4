/* option_text.c -- the texts of model.species and model.data_scale.

   model.species is a list of words between blanks, one for every particle: a whole number up to
   255, or the symbol of an element, which stands for its atomic number. Both may be mixed: H and 1
   are the same. How many words there have to be is not known here. */
#include "core/option_text.h"
#include "core/core.h"
#include "core/elements.h"
#include <math.h>
#include <string.h>

enum { LARGEST_SPECIES = 255 };

/* The number of a word, or -1. */
static int read_word(const char *word, size_t length) {
  if (strspn(word, "0123456789") < length)
    return enf__element_number(word, length);
  int number = 0;
  for (size_t i = 0; i < length && number <= LARGEST_SPECIES; i++)
    number = 10 * number + (word[i] - '0');
  return number <= LARGEST_SPECIES ? number : -1;
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
                  length < 40 ? (int)length : 40, text, LARGEST_SPECIES);
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
