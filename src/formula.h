/* formula.h -- molecular formulas, and which place in a flow's elements an atomic number has. */
#ifndef FORMULA_H
#define FORMULA_H

#include <enf/enf.h>
#include <stdbool.h>

enum { ATOMIC_NUMBERS = 119 };

/* Atomic numbers of the kinds of a flow of model.elements, and how many; -1: its list is too long. */
int element_numbers(const enf_flow *flow, int32_t number[ATOMIC_NUMBERS]);

typedef struct {
  uint64_t atoms, count[ATOMIC_NUMBERS];
} formula;

/* "C2H6O"; false if it is none. */
bool formula_read(const char *text, formula *f);
/* Are N atoms of these kinds those of the formula? */
bool formula_is(const formula *f, const int32_t *number, size_t N, const int32_t *kind);

#endif
