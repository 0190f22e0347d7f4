/* finite.h -- is every number of an array finite? */
#ifndef ENF__FINITE_H
#define ENF__FINITE_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

static inline bool enf__all_finite(size_t n, const double *x) {
  for (size_t i = 0; i < n; i++)
    if (!isfinite(x[i]))
      return false;
  return true;
}

#endif
