/* eigenangles.c -- eigenvalues of a unitary matrix by the QR algorithm with Wilkinson's shift and
   deflation (Golub and Van Loan 2013, 7.5). The matrix is normal: its last row empties as the cube
   of what is in it, and its eigenvalues are as well conditioned as can be. It is small, so it is not
   brought to Hessenberg form first. */
#include "math/eigenangles.h"
#include <complex.h>
#include <float.h>
#include <math.h>

enum { MOST_N = 8, MOST_SWEEPS = 60 /* for one eigenvalue; four or five are usual */ };

static const double SETTLED = 16 * DBL_EPSILON;
typedef double complex matrix[MOST_N][MOST_N];

/* Of the last two rows and columns of m, the eigenvalue nearer to the last element. */
static double complex shift_of(size_t m, matrix a) {
  const double complex p = a[m - 2][m - 2], q = a[m - 1][m - 1];
  const double complex half = (p - q) / 2;
  const double complex root = csqrt(half * half + a[m - 2][m - 1] * a[m - 1][m - 2]);
  const double complex plus = (p + q) / 2 + root, minus = (p + q) / 2 - root;
  return cabs(plus - q) < cabs(minus - q) ? plus : minus;
}

/* Rows (or columns) i and j of the leading m of a turned so that `second` becomes 0 beside
   `first`: c and s of the rotation. */
static void rotation(double complex first, double complex second, double *c, double complex *s) {
  const double length = hypot(cabs(first), cabs(second));
  const double complex phase = cabs(first) > 0 ? first / cabs(first) : 1;
  *c = length > 0 ? cabs(first) / length : 1;
  *s = length > 0 ? phase * conj(second) / length : 0;
}

/* a - shift = Q R by Givens rotations, then R Q + shift. */
static void sweep(size_t m, double complex shift, matrix a) {
  double c[MOST_N][MOST_N];
  double complex s[MOST_N][MOST_N];
  for (size_t i = 0; i < m; i++)
    a[i][i] -= shift;
  for (size_t k = 0; k + 1 < m; k++)
    for (size_t i = k + 1; i < m; i++) {
      rotation(a[k][k], a[i][k], &c[k][i], &s[k][i]);
      for (size_t j = k; j < m; j++) {
        const double complex up = a[k][j], down = a[i][j];
        a[k][j] = c[k][i] * up + s[k][i] * down;
        a[i][j] = c[k][i] * down - conj(s[k][i]) * up;
      }
    }
  for (size_t k = 0; k + 1 < m; k++)
    for (size_t i = k + 1; i < m; i++)
      for (size_t j = 0; j < m; j++) {
        const double complex left = a[j][k], right = a[j][i];
        a[j][k] = c[k][i] * left + conj(s[k][i]) * right;
        a[j][i] = c[k][i] * right - s[k][i] * left;
      }
  for (size_t i = 0; i < m; i++)
    a[i][i] += shift;
}

static double last_row(size_t m, matrix a) {
  double size = 0;
  for (size_t j = 0; j + 1 < m; j++)
    size += cabs(a[m - 1][j]) + cabs(a[j][m - 1]);
  return size;
}

static void sort(size_t n, double *v) {
  for (size_t i = 1; i < n; i++)
    for (size_t j = i; j > 0 && v[j] < v[j - 1]; j--) {
      const double kept = v[j];
      v[j] = v[j - 1];
      v[j - 1] = kept;
    }
}

void enf__eigenangles(size_t n, const double *u, double *angle) {
  static const double half_turn = 3.14159265358979323846;
  matrix a;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      a[i][j] = CMPLX(u[2 * (i * n + j)], u[2 * (i * n + j) + 1]);
  for (size_t m = n; m > 1; m--)
    for (int k = 0; k < MOST_SWEEPS && last_row(m, a) > SETTLED; k++)
      /* an odd shift now and then: permutations stand still under the usual one */
      sweep(m, k % 10 == 9 ? cexp(CMPLX(0, k)) : shift_of(m, a), a);
  for (size_t i = 0; i < n; i++) {
    angle[i] = carg(a[i][i]);
    if (angle[i] <= -half_turn)
      angle[i] = half_turn;
  }
  sort(n, angle);
}
