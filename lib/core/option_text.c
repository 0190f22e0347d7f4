/* option_text.c -- the texts of model.species and model.data_scale.

   model.species is a list of words between blanks, one for every particle: a whole number up to
   255, or the symbol of an element, which stands for its atomic number. Both may be mixed: H and 1
   are the same. How many words there have to be is not known here. */
#include "core/option_text.h"
#include "core/core.h"
#include <math.h>
#include <string.h>

enum { LARGEST_SPECIES = 255 };

/* Element Z at 2 (Z - 1), filled with a blank. */
static const char symbols[] = "H HeLiBeB C N O F NeNaMgAlSiP S ClArK CaScTiV CrMnFeCoNiCuZnGaGeAsSeBrKr"
                              "RbSrY ZrNbMoTcRuRhPdAgCdInSnSbTeI XeCsBaLaCePrNdPmSmEuGdTbDyHoErTmYbLu"
                              "HfTaW ReOsIrPtAuHgTlPbBiPoAtRnFrRaAcThPaU NpPuAmCmBkCfEsFmMdNoLrRfDbSg"
                              "BhHsMtDsRgCnNhFlMcLvTsOg";
_Static_assert(sizeof symbols == 2 * 118 + 1, "118 elements");

/* Number of the element of that symbol, or -1. */
static int find_element(const char *word, size_t length) {
  const char wanted[2] = {word[0], length == 2 ? word[1] : ' '};
  for (int z = 1; length <= 2 && 2 * (size_t)z < sizeof symbols; z++)
    if (!memcmp(symbols + 2 * (z - 1), wanted, 2))
      return z;
  return -1;
}

/* The number of a word, or -1. */
static int read_word(const char *word, size_t length) {
  if (strspn(word, "0123456789") < length)
    return find_element(word, length);
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
