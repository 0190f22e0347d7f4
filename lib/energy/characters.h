/* characters.h -- the partition function of a two-dimensional lattice gauge theory and its
   derivatives, by character expansion. */
#ifndef ENF__CHARACTERS_H
#define ENF__CHARACTERS_H

#include <stdbool.h>
#include <stddef.h>

/* Of Z = integral of exp(beta/n sum_x Re tr P(x)) over normalised Haar links, periodic. */
typedef struct {
  double log_z, slope, curvature; /* log Z and its derivatives by beta */
  double charge_square;           /* of U(1): <Q^2>; NaN otherwise */
} enf__expansion;

/* n = 1: U(1). Largest beta for which the sums are good to 1e-9. */
double enf__characters_limit(size_t n);
/* 0 <= beta <= the limit, sites >= 4. False where more than 100,000 representations count. */
bool enf__characters_expand(size_t n, double beta, size_t sites, enf__expansion *out);

#endif
