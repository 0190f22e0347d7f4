/* actnorm.h -- the map "actnorm", set from data. */
#ifndef ENF__ACTNORM_H
#define ENF__ACTNORM_H

#include "map/formula.h"

/* Sums over states on the side of the data, of any sizes. */
typedef struct {
  double x_square, h[ENF__FEATURES], h_square[ENF__FEATURES];
  size_t x_count, h_count;
} enf__actnorm_sums;

void enf__actnorm_add(const enf__shape *shape, const double *x, enf__actnorm_sums *sums);
/* States (S) from the side of the data to the other, in place. */
void enf__actnorm_enter(const enf__map *map, size_t S, double *x);
/* The map's parameters in a block of the table's layout. */
void enf__actnorm_fit(const enf__map *map, const enf__actnorm_sums *sums, double *params);

#endif
