/* cholesky.c -- the factor row by row (Cholesky-Banachiewicz), log-determinant and inverse. */
#include "math/cholesky.h"
#include <math.h>

static double dot(size_t n, const double *a, const double *b) {
  double sum = 0;
  for (size_t k = 0; k < n; k++)
    sum += a[k] * b[k];
  return sum;
}

bool enf__cholesky(size_t n, double least, double *a) {
  for (size_t i = 0; i < n; i++) {
    double *row = a + i * n;
    for (size_t j = 0; j < i; j++)
      row[j] = (row[j] - dot(j, row, a + j * n)) / a[j * n + j];
    const double pivot = row[i] - dot(i, row, row);
    if (!(pivot > least && isfinite(pivot)))
      return false;
    row[i] = sqrt(pivot);
  }
  return true;
}

double enf__cholesky_log_det(size_t n, const double *l) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += log(l[i * n + i]);
  return 2 * sum;
}

/* Column c of the inverse: L y = e_c, then L^T x = y, of which the part from c on is kept. */
void enf__cholesky_inverse(size_t n, const double *l, double *inverse) {
  for (size_t c = 0; c < n; c++) {
    double *x = inverse + c * n;
    for (size_t i = c; i < n; i++) {
      double sum = i == c;
      for (size_t k = c; k < i; k++)
        sum -= l[i * n + k] * x[k];
      x[i] = sum / l[i * n + i];
    }
    for (size_t i = n; i-- > c;) {
      double sum = x[i];
      for (size_t k = i + 1; k < n; k++)
        sum -= l[k * n + i] * x[k];
      x[i] = sum / l[i * n + i];
    }
  }
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < i; k++)
      inverse[i * n + k] = inverse[k * n + i];
}

void enf__cholesky_solve(size_t n, const double *l, double *x) {
  for (size_t i = 0; i < n; i++)
    x[i] = (x[i] - dot(i, l + i * n, x)) / l[i * n + i];
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; k++)
      x[i] -= l[k * n + i] * x[k];
    x[i] /= l[i * n + i];
  }
}
