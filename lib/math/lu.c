/* lu.c -- Gauss and Jordan's elimination (lu.h). */
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

double enf__lu_invert(size_t n, double *a, double *inverse) {
  double log_det = 0;
  memset(inverse, 0, n * n * sizeof *inverse);
  for (size_t i = 0; i < n; i++)
    inverse[i * n + i] = 1;
  for (size_t c = 0; c < n; c++) {
    const size_t p = pivot_of(n, a, c);
    exchange(p == c ? 0 : n, a + p * n, a + c * n);
    exchange(p == c ? 0 : n, inverse + p * n, inverse + c * n);
    const double pivot = a[c * n + c];
    log_det += log(fabs(pivot));
    for (size_t k = 0; k < n; k++) {
      a[c * n + k] /= pivot;
      inverse[c * n + k] /= pivot;
    }
    for (size_t i = 0; i < n; i++) {
      const double factor = a[i * n + c];
      for (size_t k = 0; i != c && k < n; k++) {
        a[i * n + k] -= factor * a[c * n + k];
        inverse[i * n + k] -= factor * inverse[c * n + k];
      }
    }
  }
  return isfinite(log_det) ? log_det : (double)NAN;
}

double enf__lu_log_det(size_t n, double *a) {
  double log_det = 0;
  for (size_t c = 0; c < n; c++) {
    const size_t p = pivot_of(n, a, c);
    exchange(p == c ? 0 : n, a + p * n, a + c * n);
    const double pivot = a[c * n + c];
    log_det += log(fabs(pivot));
    for (size_t k = c; k < n; k++)
      a[c * n + k] /= pivot;
    for (size_t i = c + 1; i < n; i++) {
      const double factor = a[i * n + c];
      for (size_t k = c; k < n; k++)
        a[i * n + k] -= factor * a[c * n + k];
    }
  }
  return isfinite(log_det) ? log_det : (double)NAN;
}
