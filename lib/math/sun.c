/* sun.c -- small complex matrices, one at a time (sun.h). What is done to many of them at once is
   in the kernels. */
#include "math/sun.h"
#include <math.h>
#include <string.h>

static const double SQRT_HALF = 0.70710678118654752440;

/* ---- matrices -------------------------------------------------------------------------------- */

void enf__sun_identity(size_t n, double *c) {
  memset(c, 0, 2 * n * n * sizeof *c);
  for (size_t i = 0; i < n; i++)
    c[2 * (i * n + i)] = 1;
}

/* c_ij = sum_k a_ik b_kj, elements at these strides and conjugated where the sign is -1. */
typedef struct {
  size_t row, column;
  double sign;
} side;

static void multiply(size_t n, const double *a, side of_a, const double *b, side of_b, double *c) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double re = 0, im = 0;
      for (size_t k = 0; k < n; k++) {
        const double *p = a + 2 * (i * of_a.row + k * of_a.column);
        const double *q = b + 2 * (k * of_b.row + j * of_b.column);
        re += p[0] * q[0] - of_a.sign * of_b.sign * p[1] * q[1];
        im += of_b.sign * p[0] * q[1] + of_a.sign * p[1] * q[0];
      }
      c[2 * (i * n + j)] = re;
      c[2 * (i * n + j) + 1] = im;
    }
}

void enf__sun_product(size_t n, const double *a, const double *b, double *c) {
  multiply(n, a, (side){n, 1, 1}, b, (side){n, 1, 1}, c);
}

void enf__sun_product_adjoint(size_t n, const double *a, const double *b, double *c) {
  multiply(n, a, (side){n, 1, 1}, b, (side){1, n, -1}, c);
}

void enf__sun_adjoint_product(size_t n, const double *a, const double *b, double *c) {
  multiply(n, a, (side){1, n, -1}, b, (side){n, 1, 1}, c);
}

void enf__sun_trace(size_t n, const double *m, double z[2]) {
  z[0] = z[1] = 0;
  for (size_t i = 0; i < n; i++) {
    z[0] += m[2 * (i * n + i)];
    z[1] += m[2 * (i * n + i) + 1];
  }
}

void enf__sun_tangent(size_t n, const double *m, double *out) {
  double z[2];
  enf__sun_trace(n, m, z);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      const size_t ij = 2 * (i * n + j), ji = 2 * (j * n + i);
      const double re = 0.5 * (m[ij] - m[ji]), im = 0.5 * (m[ij + 1] + m[ji + 1]);
      out[ij] = re;
      out[ji] = -re;
      out[ij + 1] = out[ji + 1] = im;
      if (i == j)
        out[ij] = 0;
    }
  for (size_t i = 0; i < n; i++)
    out[2 * (i * n + i) + 1] -= z[1] / (double)n;
}

/* Column k of m (rows k ... n-1) brought to the row with the largest element; 1 or -1. */
static double pivot(size_t n, double *m, size_t k) {
  size_t best = k;
  for (size_t i = k + 1; i < n; i++)
    if (hypot(m[2 * (i * n + k)], m[2 * (i * n + k) + 1]) >
        hypot(m[2 * (best * n + k)], m[2 * (best * n + k) + 1]))
      best = i;
  for (size_t j = 0; best != k && j < 2 * n; j++) {
    const double swapped = m[2 * k * n + j];
    m[2 * k * n + j] = m[2 * best * n + j];
    m[2 * best * n + j] = swapped;
  }
  return best == k ? 1 : -1;
}

/* Row i less the multiple of row k that makes its element k vanish. */
static void eliminate(size_t n, double *m, size_t k, size_t i) {
  const double *top = m + 2 * k * n;
  double *row = m + 2 * i * n;
  const double a = top[2 * k], b = top[2 * k + 1], size = a * a + b * b;
  const double re = (row[2 * k] * a + row[2 * k + 1] * b) / size;
  const double im = (row[2 * k + 1] * a - row[2 * k] * b) / size;
  for (size_t j = k; j < n; j++) {
    row[2 * j] -= re * top[2 * j] - im * top[2 * j + 1];
    row[2 * j + 1] -= re * top[2 * j + 1] + im * top[2 * j];
  }
}

void enf__sun_determinant(size_t n, const double *m, double z[2]) {
  double work[ENF__SUN_DOUBLES];
  memcpy(work, m, 2 * n * n * sizeof *m);
  z[0] = 1;
  z[1] = 0;
  for (size_t k = 0; k < n; k++) {
    const double sign = pivot(n, work, k), *d = work + 2 * (k * n + k);
    const double re = sign * (z[0] * d[0] - z[1] * d[1]);
    z[1] = sign * (z[0] * d[1] + z[1] * d[0]);
    z[0] = re;
    if (d[0] == 0 && d[1] == 0)
      return;
    for (size_t i = k + 1; i < n; i++)
      eliminate(n, work, k, i);
  }
}

/* ---- the algebra ----------------------------------------------------------------------------- */

/* T_a is of block j, the place-th there: pairs of the elements i < j, then the diagonal. */
static size_t block_of(size_t a, size_t *place) {
  size_t j = 1;
  while ((j + 1) * (j + 1) - 1 <= a)
    j++;
  *place = a - (j * j - 1);
  return j;
}

void enf__sun_basis(size_t n, size_t a, double *t) {
  size_t place;
  const size_t j = block_of(a, &place), i = place / 2, ij = 2 * (i * n + j), ji = 2 * (j * n + i);
  memset(t, 0, 2 * n * n * sizeof *t);
  if (place == 2 * j) {
    const double one = 1 / sqrt((double)(j * (j + 1)));
    for (size_t k = 0; k <= j; k++)
      t[2 * (k * n + k) + 1] = k < j ? one : -(double)j * one;
  } else if (place % 2 == 0) {
    t[ij + 1] = t[ji + 1] = SQRT_HALF;
  } else {
    t[ij] = SQRT_HALF;
    t[ji] = -SQRT_HALF;
  }
}

void enf__sun_compose(size_t n, const double *c, double *m) {
  double t[ENF__SUN_DOUBLES];
  memset(m, 0, 2 * n * n * sizeof *m);
  for (size_t a = 0; a + 1 < n * n; a++) {
    enf__sun_basis(n, a, t);
    for (size_t k = 0; k < 2 * n * n; k++)
      m[k] += c[a] * t[k];
  }
}

void enf__sun_components(size_t n, const double *m, double *c) {
  double t[ENF__SUN_DOUBLES];
  for (size_t a = 0; a + 1 < n * n; a++) {
    enf__sun_basis(n, a, t);
    c[a] = 0; /* -tr(T m) = Re tr(T^+ m) */
    for (size_t k = 0; k < 2 * n * n; k++)
      c[a] += t[k] * m[k];
  }
}

/* ---- the group ------------------------------------------------------------------------------- */

/* Its Taylor series for scale m / 2^k, of norm below 1/2, squared k times. */
void enf__sun_exp(size_t n, double scale, const double *m, double *out) {
  enum { TERMS = 15 };
  const size_t D = 2 * n * n;
  double square = 0, term[ENF__SUN_DOUBLES], next[ENF__SUN_DOUBLES];
  int halvings = 0;
  for (size_t k = 0; k < D; k++)
    square += scale * scale * m[k] * m[k];
  while (halvings < 60 && ldexp(square, -2 * halvings) > 0.25)
    halvings++;
  enf__sun_identity(n, out);
  enf__sun_identity(n, term);
  for (int k = 1; k <= TERMS; k++) {
    enf__sun_product(n, term, m, next);
    for (size_t i = 0; i < D; i++) {
      term[i] = next[i] * ldexp(scale, -halvings) / k;
      out[i] += term[i];
    }
  }
  for (; halvings > 0; halvings--) {
    enf__sun_product(n, out, out, next);
    memcpy(out, next, D * sizeof *out);
  }
}

double enf__sun_distance(size_t n, const double *u) {
  double square[ENF__SUN_DOUBLES], det[2], most;
  enf__sun_adjoint_product(n, u, u, square);
  enf__sun_determinant(n, u, det);
  most = hypot(det[0] - 1, det[1]);
  for (size_t k = 0; k < n * n; k++) {
    const double off = hypot(square[2 * k] - (k % (n + 1) == 0), square[2 * k + 1]);
    most = off > most || isnan(off) ? off : most;
  }
  return most;
}

/* v = u (3 - u^+ u)/2 */
static void newton(size_t n, const double *u, double *v) {
  double square[ENF__SUN_DOUBLES];
  enf__sun_adjoint_product(n, u, u, square);
  for (size_t k = 0; k < 2 * n * n; k++)
    square[k] *= -0.5;
  for (size_t i = 0; i < n; i++)
    square[2 * (i * n + i)] += 1.5;
  enf__sun_product(n, u, square, v);
}

/* v times exp(-i arg(det v)/n), whose numbers are returned in phase. */
static void turn(size_t n, double *v, double phase[2]) {
  double det[2];
  enf__sun_determinant(n, v, det);
  const double angle = -atan2(det[1], det[0]) / (double)n;
  phase[0] = cos(angle);
  phase[1] = sin(angle);
  for (size_t k = 0; k < 2 * n * n; k += 2) {
    const double re = v[k] * phase[0] - v[k + 1] * phase[1];
    v[k + 1] = v[k] * phase[1] + v[k + 1] * phase[0];
    v[k] = re;
  }
}

void enf__sun_restore(size_t n, double *u) {
  double v[ENF__SUN_DOUBLES], w[ENF__SUN_DOUBLES], phase[2];
  newton(n, u, v);
  newton(n, v, w);
  newton(n, w, u);
  turn(n, u, phase);
}

/* dv -> du = (3 dv - dv u^+ u - u dv^+ u - u u^+ dv)/2, in place */
static void newton_pull(size_t n, const double *u, double *dv) {
  double a[ENF__SUN_DOUBLES], b[ENF__SUN_DOUBLES], c[ENF__SUN_DOUBLES];
  enf__sun_product_adjoint(n, dv, u, a);
  enf__sun_product(n, a, u, b); /* dv u^+ u */
  enf__sun_adjoint_product(n, dv, u, a);
  enf__sun_product(n, u, a, c); /* u dv^+ u */
  for (size_t k = 0; k < 2 * n * n; k++)
    b[k] += c[k];
  enf__sun_adjoint_product(n, u, dv, a);
  enf__sun_product(n, u, a, c); /* u u^+ dv */
  for (size_t k = 0; k < 2 * n * n; k++)
    dv[k] = 1.5 * dv[k] - 0.5 * (b[k] + c[k]);
}

/* out = v exp(-i phi), phi = arg(det v)/n, with d phi = Im tr(v^+ dv)/n for v of the group U(n). */
static void turn_pull(size_t n, const double *v, const double *out, const double phase[2],
                      double *dv) {
  double slope = 0;
  for (size_t k = 0; k < 2 * n * n; k += 2)
    slope += dv[k] * out[k + 1] - dv[k + 1] * out[k]; /* Im tr(dv^+ out) */
  slope /= (double)n;
  for (size_t k = 0; k < 2 * n * n; k += 2) {
    const double re = dv[k] * phase[0] + dv[k + 1] * phase[1];
    dv[k + 1] = dv[k + 1] * phase[0] - dv[k] * phase[1] + slope * v[k];
    dv[k] = re - slope * v[k + 1];
  }
}

void enf__sun_restore_pull(size_t n, const double *u, double *du) {
  double once[ENF__SUN_DOUBLES], twice[ENF__SUN_DOUBLES], thrice[ENF__SUN_DOUBLES];
  double out[ENF__SUN_DOUBLES], phase[2];
  newton(n, u, once);
  newton(n, once, twice);
  newton(n, twice, thrice);
  memcpy(out, thrice, 2 * n * n * sizeof *out);
  turn(n, out, phase);
  turn_pull(n, thrice, out, phase, du);
  newton_pull(n, twice, du);
  newton_pull(n, once, du);
  newton_pull(n, u, du);
}

/* Column j of u less its parts along the columns before it. */
static void orthogonalise(size_t n, double *u, size_t j) {
  for (size_t k = 0; k < j; k++) {
    double re = 0, im = 0;
    for (size_t i = 0; i < n; i++) {
      const double *a = u + 2 * (i * n + k), *b = u + 2 * (i * n + j);
      re += a[0] * b[0] + a[1] * b[1];
      im += a[0] * b[1] - a[1] * b[0];
    }
    for (size_t i = 0; i < n; i++) {
      const double *a = u + 2 * (i * n + k);
      double *b = u + 2 * (i * n + j);
      b[0] -= re * a[0] - im * a[1];
      b[1] -= re * a[1] + im * a[0];
    }
  }
}

void enf__sun_haar(size_t n, double *u) {
  for (size_t j = 0; j < n; j++) {
    orthogonalise(n, u, j);
    orthogonalise(n, u, j); /* again, for what rounding left where columns were nearly parallel */
    double square = 0;
    for (size_t i = 0; i < n; i++)
      square += u[2 * (i * n + j)] * u[2 * (i * n + j)] +
                u[2 * (i * n + j) + 1] * u[2 * (i * n + j) + 1];
    for (size_t i = 0; i < n; i++) {
      u[2 * (i * n + j)] /= sqrt(square);
      u[2 * (i * n + j) + 1] /= sqrt(square);
    }
  }
  enf__sun_restore(n, u);
}
