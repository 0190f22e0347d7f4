/* formula.c -- see formula.h. */
#include "formula.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 4096, MOST_ATOMS = 255 };

int element_numbers(const enf_flow *flow, int32_t number[ATOMIC_NUMBERS]) {
  char text[TEXT];
  int count = 0;
  if (enf_get_text(flow, "model.elements", text, sizeof text, NULL) != ENF_OK)
    return -1;
  for (char *word = strtok(text, " \t"); word != NULL; word = strtok(NULL, " \t")) {
    const int32_t symbol = enf_element_number(word);
    if (count == ATOMIC_NUMBERS)
      return -1;
    number[count++] = symbol > 0 ? symbol : (int32_t)atoi(word);
  }
  return count;
}

bool formula_read(const char *text, formula *f) {
  *f = (formula){.atoms = 0};
  while (*text != '\0') {
    char symbol[3] = {*text++, '\0', '\0'}, *end;
    if (islower((unsigned char)*text))
      symbol[1] = *text++;
    const int32_t z = enf_element_number(symbol);
    const bool counted = isdigit((unsigned char)*text);
    const unsigned long n = counted ? strtoul(text, &end, 10) : 1;
    if (z < 1 || z >= ATOMIC_NUMBERS || n < 1 || n > MOST_ATOMS - f->atoms)
      return false;
    text = counted ? end : text;
    f->count[z] += n;
    f->atoms += n;
  }
  return f->atoms > 1;
}

bool formula_is(const formula *f, const int32_t *number, size_t N, const int32_t *kind) {
  uint64_t count[ATOMIC_NUMBERS] = {0};
  for (size_t a = 0; a < N; a++)
    count[number[kind[a]]]++;
  return N == f->atoms && memcmp(count, f->count, sizeof count) == 0;
}
