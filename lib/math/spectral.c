/* spectral.c -- one-sided Jacobi: rotations of pairs of columns from the right make A V = U S. A
   wide matrix is transposed, so that there are no more columns than rows. Columns are kept as rows.
 */
#include "math/spectral.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { SWEEPS = 60 };

size_t enf__spectral_work(size_t rows, size_t cols) {
  const size_t least = rows < cols ? rows : cols;
  return rows * cols + least * least;
}

static double dot(size_t n, const double *a, const double *b) {
  double sum = 0;
  for (size_t k = 0; k < n; k++)
    sum += a[k] * b[k];
  return sum;
}

static void rotate(size_t n, double c, double s, double *a, double *b) {
  for (size_t k = 0; k < n; k++) {
    const double x = a[k], y = b[k];
    a[k] = c * x - s * y;
    b[k] = s * x + c * y;
  }
}

/* Makes two columns orthogonal; were they not? */
static bool turn(size_t m, size_t n, double *a, double *b, double *va, double *vb) {
  const double aa = dot(m, a, a), bb = dot(m, b, b), ab = dot(m, a, b);
  if (!(fabs(ab) > 1e-15 * sqrt(aa * bb)))
    return false;
  const double zeta = (bb - aa) / (2 * ab);
  const double t = (zeta > 0 ? 1 : -1) / (fabs(zeta) + sqrt(1 + zeta * zeta));
  const double c = 1 / sqrt(1 + t * t);
  rotate(m, c, c * t, a, b);
  rotate(n, c, c * t, va, vb);
  return true;
}

double enf__spectral_norm(size_t rows, size_t cols, const double *a, double *u, double *v,
                          double *work) {
  const bool wide = cols > rows;
  const size_t m = wide ? cols : rows, n = wide ? rows : cols; /* n columns of m numbers */
  double *column = work, *turned = work + m * n;
  for (size_t j = 0; j < n; j++)
    for (size_t i = 0; i < m; i++)
      column[j * m + i] = wide ? a[j * cols + i] : a[i * cols + j];
  memset(turned, 0, n * n * sizeof *turned);
  for (size_t j = 0; j < n; j++)
    turned[j * n + j] = 1;
  bool more = true;
  for (int sweep = 0; more && sweep < SWEEPS; sweep++) {
    more = false;
    for (size_t p = 0; p < n; p++)
      for (size_t q = p + 1; q < n; q++)
        more |= turn(m, n, column + p * m, column + q * m, turned + p * n, turned + q * n);
  }
  size_t best = 0;
  double largest = 0;
  for (size_t j = 0; j < n; j++) {
    const double square = dot(m, column + j * m, column + j * m);
    best = square > largest ? j : best;
    largest = square > largest ? square : largest;
  }
  const double norm = sqrt(largest);
  double *by_column = wide ? v : u, *by_turn = wide ? u : v;
  memcpy(by_turn, turned + best * n, n * sizeof *v);
  for (size_t i = 0; i < m; i++)
    by_column[i] = norm > 0 ? column[best * m + i] / norm : 0;
  return norm;
}
