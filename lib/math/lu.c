/* lu.c -- Gauss' elimination, and with an inverse Jordan's (lu.h). */
#include "math/lu.h"
#include <math.h>
#include <string.h>

static void exchange(size_t n, double *a, double *b) {
  for (size_t k = 0; k < n; k++) {
    const double keep = a[k];
    a[k] = b[k];
    b[k] = keep;
  }
}

static size_t pivot_of(size_t n, const double *a, size_t column) {
  size_t best = column;
  for (size_t i = column + 1; i < n; i++)
    if (fabs(a[i * n + column]) > fabs(a[best * n + column]))
      best = i;
  return best;
}

static void divide(size_t n, double *a, double pivot) {
  for (size_t k = 0; k < n; k++)
    a[k] /= pivot;
}

static void subtract(size_t n, double *restrict a, double factor, const double *restrict b) {
  for (size_t k = 0; k < n; k++)
    a[k] -= factor * b[k];
}

/* a becomes 1 in and below its diagonal; with inverse, which takes part, above it too. Column c of
   row c is the first that is not 0. */
static double eliminate(size_t n, double *a, double *inverse) {
  const size_t also = inverse ? n : 0;
  double log_det = 0;
  for (size_t c = 0; c < n; c++) {
    const size_t p = pivot_of(n, a, c);
    exchange(p == c ? 0 : n, a + p * n, a + c * n);
    exchange(p == c ? 0 : also, inverse + p * also, inverse + c * also);
    const double pivot = a[c * n + c];
    log_det += log(fabs(pivot));
    divide(n - c, a + c * n + c, pivot);
    divide(also, inverse + c * also, pivot);
    for (size_t i = inverse ? 0 : c + 1; i < n; i++) {
      const double factor = a[i * n + c];
      if (i == c)
        continue;
      subtract(n - c, a + i * n + c, factor, a + c * n + c);
      subtract(also, inverse + i * also, factor, inverse + c * also);
    }
  }
  return isfinite(log_det) ? log_det : (double)NAN;
}

double enf__lu_invert(size_t n, double *a, double *inverse) {
  memset(inverse, 0, n * n * sizeof *inverse);
  for (size_t i = 0; i < n; i++)
    inverse[i * n + i] = 1;
  return eliminate(n, a, inverse);
}

double enf__lu_log_det(size_t n, double *a) { return eliminate(n, a, NULL); }
