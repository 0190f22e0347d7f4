/* jacobi.c -- eigenvalues by cyclic Jacobi rotations (Golub, Van Loan 2013, section 8.5). */
#include "math/jacobi.h"
#include <math.h>

enum { SWEEPS = 60 };

/* Rotate rows and columns p < q so that a_pq = 0. */
static void rotate(size_t n, double *a, size_t p, size_t q) {
  const double tau = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
  const double t = (tau >= 0 ? 1 : -1) / (fabs(tau) + hypot(1, tau));
  const double c = 1 / hypot(1, t), s = t * c;
  for (size_t k = 0; k < n; k++) {
    const double x = a[k * n + p], y = a[k * n + q];
    a[k * n + p] = c * x - s * y;
    a[k * n + q] = s * x + c * y;
  }
  for (size_t k = 0; k < n; k++) {
    const double x = a[p * n + k], y = a[q * n + k];
    a[p * n + k] = c * x - s * y;
    a[q * n + k] = s * x + c * y;
  }
}

void enf__eigenvalues(size_t n, double *a, double *value) {
  double size = 0, off = 1;
  for (size_t i = 0; i < n * n; i++)
    size += a[i] * a[i];
  for (int sweep = 0; sweep < SWEEPS && off > 1e-32 * size; sweep++) {
    off = 0;
    for (size_t p = 0; p < n; p++)
      for (size_t q = p + 1; q < n; q++) {
        off += a[p * n + q] * a[p * n + q];
        if (a[p * n + q] != 0)
          rotate(n, a, p, q);
      }
  }
  for (size_t i = 0; i < n; i++) { /* by insertion */
    size_t k = i;
    for (; k > 0 && value[k - 1] < a[i * n + i]; k--)
      value[k] = value[k - 1];
    value[k] = a[i * n + i];
  }
}
