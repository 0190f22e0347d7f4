/* finite.h -- arrays whose numbers are all finite, or none. */
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

static inline void enf__fill_nan(size_t n, double *x) {
  for (size_t i = 0; i < n; i++)
    x[i] = (double)NAN;
}

#endif
