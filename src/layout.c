/* layout.c -- links of a lattice in the order of another program.

   A place is a number in a mixed radix whose digits are x0, x1 and mu: read with the axes in one
   order, written with them in the other. */
#include "layout.h"

#include <stdio.h>
#include <string.h>

static const char *const names[3] = {"x0", "x1", "mu"};

static bool is_word(const char *at, size_t length, const char *word) {
  return strlen(word) == length && memcmp(at, word, length) == 0;
}

static size_t find_axis(const char *at, size_t length) {
  size_t axis = 0;
  while (axis < 3 && !is_word(at, length, names[axis]))
    axis++;
  return axis;
}

/* One word, after `count` axes, of which `seen` has a bit. */
static bool take_word(layout *l, const char *at, size_t length, size_t *count, unsigned *seen,
                      char why[LAYOUT_WHY]) {
  const size_t axis = find_axis(at, length);
  const bool last = is_word(at, length, "complex");
  if (last && *count == 3 && !l->pairs)
    return l->pairs = true;
  if (axis == 3 && !last)
    snprintf(why, LAYOUT_WHY, "'%.*s' is no axis: those are x0, x1 and mu",
             (int)(length < 40 ? length : 40), at);
  else if (last || l->pairs)
    snprintf(why, LAYOUT_WHY, "complex stands once and behind the axes");
  else if (*seen >> axis & 1)
    snprintf(why, LAYOUT_WHY, "%s stands twice", names[axis]);
  else {
    l->axis[(*count)++] = (unsigned char)axis;
    *seen |= 1U << axis;
    return true;
  }
  return false;
}

bool layout_parse(const char *text, layout *l, char why[LAYOUT_WHY]) {
  size_t count = 0;
  unsigned seen = 0;
  l->pairs = false;
  for (const char *at = text + strspn(text, " "); *at != '\0'; at += strspn(at, " ")) {
    const size_t length = strcspn(at, " ");
    if (!take_word(l, at, length, &count, &seen, why))
      return false;
    at += length;
  }
  for (size_t axis = 0; axis < 3; axis++)
    if (!(seen >> axis & 1)) {
      snprintf(why, LAYOUT_WHY, "%s is missing", names[axis]);
      return false;
    }
  return true;
}

size_t layout_links(const layout *l) { return 2 * l->sides[0] * l->sides[1]; }

const char *layout_axis_name(const layout *l, size_t place) { return names[l->axis[place]]; }

size_t layout_length(const layout *l, size_t place) {
  return l->axis[place] == 2 ? 2 : l->sides[l->axis[place]];
}

/* Where the library has link k of another program. */
static size_t place_of(const layout *l, size_t k) {
  size_t digit[3];
  for (size_t i = 3; i-- > 0; k /= layout_length(l, i))
    digit[l->axis[i]] = k % layout_length(l, i);
  return (digit[2] * l->sides[0] + digit[0]) * l->sides[1] + digit[1];
}

void layout_take(const layout *l, size_t width, const double *theirs, double *ours) {
  for (size_t k = 0; k < layout_links(l); k++)
    memcpy(ours + width * place_of(l, k), theirs + width * k, width * sizeof *ours);
}

void layout_give(const layout *l, size_t width, const double *ours, double *theirs) {
  for (size_t k = 0; k < layout_links(l); k++)
    memcpy(theirs + width * k, ours + width * place_of(l, k), width * sizeof *ours);
}
