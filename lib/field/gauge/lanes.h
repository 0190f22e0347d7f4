/* lanes.h -- small matrices of several samples, one sample in each lane of a vector.

   A matrix is vec m[2 n^2], row-major, (re,im) pairs. An anti-Hermitian matrix, of the algebra but
   for a trace that rounding and the stages of an integrator may give it, is vec a[n^2]: i a_ii on
   the diagonal, a_ij + i a_ji above it (i < j). U(1) has n = 1: an angle and a number, one vec each,
   which nothing carries. With constant n the compiler unrolls the products.

   A cotangent of an anti-Hermitian matrix is one, too, by <A,B> = Re tr A^+ B; that of a link has the
   2 n^2 numbers, and

     Y = U X U^+:   dX = U^+ dY U,   dU = - 2 dY U X
     Y = U^+ X U:   dX = U dY U^+,   dU = - 2 X U dY. */
#ifndef ENF__GAUGE_LANES_H
#define ENF__GAUGE_LANES_H

#if ENF__N
#define ENF__UNROLL
#endif
#include "math/matrix_lanes.h"

enum {
  MOST = ENF__N ? ENF__N : 8, /* ENF__N 0: n is known at run time only */
  MATRIX = 2 * MOST * MOST,
  ALGEBRA = MOST * MOST
};

#define SIZED(n) (ENF__N ? (size_t)ENF__N : (n))
/* A product is long enough to be called, and there are many of them. */
#define CALLED static __attribute__((noinline))

INLINE size_t matrix_of(size_t n) { return n == 1 ? 1 : 2 * n * n; }

INLINE void vecs_clear(size_t count, vec *a) { memset(a, 0, count * sizeof *a); }
INLINE void vecs_copy(size_t count, const vec *a, vec *out) { memcpy(out, a, count * sizeof *a); }
/* What will be read so many sites later, in an order that no processor guesses. */
enum { FETCHED = 6 };
INLINE void fetch(size_t count, const vec *a) {
  for (size_t i = 0; i < count; i += 64 / sizeof *a)
    __builtin_prefetch(a + i);
}
/* out += factor a */
INLINE void vecs_add(size_t count, double factor, const vec *a, vec *out) {
  const vec f = vec_set(factor);
  EACH(size_t i = 0; i < count; i++) out[i] = vec_fma(f, a[i], out[i]);
}

/* ---- matrices -------------------------------------------------------------------------------- */

INLINE void identity(size_t n, vec *c) {
  vecs_clear(2 * n * n, c);
  for (size_t i = 0; i < n; i++)
    c[2 * i * (n + 1)] = vec_set(1);
}

CALLED void product(size_t n, const vec *a, const vec *b, vec *c) {
  matrix_product(SIZED(n), a, b, c);
}
CALLED void product_adjoint(size_t n, const vec *a, const vec *b, vec *c) {
  matrix_product_adjoint(SIZED(n), a, b, c);
}
CALLED void adjoint_product(size_t n, const vec *a, const vec *b, vec *c) {
  matrix_adjoint_product(SIZED(n), a, b, c);
}

/* ---- the algebra ----------------------------------------------------------------------------- */

/* Element (i,j) of an anti-Hermitian matrix. */
INLINE cvec element(size_t n, const vec *a, size_t i, size_t j) {
  if (i == j)
    return (cvec){vec_set(0), a[i * n + i]};
  return i < j ? (cvec){a[i * n + j], a[j * n + i]} : (cvec){-a[j * n + i], a[i * n + j]};
}

/* c + b times element (i,j), and times that of the left side */
INLINE cvec times_element(size_t n, cvec b, const vec *a, size_t i, size_t j, cvec c) {
  if (i != j)
    return c_fma(b, element(n, a, i, j), c);
  return (cvec){vec_fma(-b.im, a[i * n + i], c.re), vec_fma(b.re, a[i * n + i], c.im)};
}

INLINE void full(size_t n, const vec *a, vec *m) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      c_put(m, i * n + j, element(n, a, i, j));
}

/* u x, and x u */
CALLED void product_algebra(size_t n, const vec *u, const vec *x, vec *c) {
  n = SIZED(n);
  EACH(size_t i = 0; i < n; i++) EACH(size_t j = 0; j < n; j++) {
    cvec sum = c_zero;
    EACH(size_t k = 0; k < n; k++) sum = times_element(n, c_at(u, i * n + k), x, k, j, sum);
    c_put(c, i * n + j, sum);
  }
}
CALLED void algebra_product(size_t n, const vec *x, const vec *u, vec *c) {
  n = SIZED(n);
  EACH(size_t i = 0; i < n; i++) EACH(size_t j = 0; j < n; j++) {
    cvec sum = c_zero;
    EACH(size_t k = 0; k < n; k++) sum = times_element(n, c_at(u, k * n + j), x, i, k, sum);
    c_put(c, i * n + j, sum);
  }
}

/* The anti-Hermitian part of m; without its trace. */
INLINE void antihermitian(size_t n, const vec *m, vec *a) {
  const vec half = vec_set(0.5);
  for (size_t i = 0; i < n; i++) {
    a[i * n + i] = m[2 * i * (n + 1) + 1];
    for (size_t j = i + 1; j < n; j++) {
      a[i * n + j] = half * (m[2 * (i * n + j)] - m[2 * (j * n + i)]);
      a[j * n + i] = half * (m[2 * (i * n + j) + 1] + m[2 * (j * n + i) + 1]);
    }
  }
}
INLINE void remove_trace(size_t n, vec *a) {
  vec trace = vec_set(0);
  for (size_t i = 0; i < n; i++)
    trace += a[i * (n + 1)];
  for (size_t i = 0; i < n; i++)
    a[i * (n + 1)] -= vec_set(1.0 / (double)n) * trace;
}

/* Re tr A^+ B */
INLINE vec inner(size_t n, const vec *a, const vec *b) {
  vec diagonal = vec_set(0), rest = vec_set(0);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      if (i == j)
        diagonal = vec_fma(a[i * n + j], b[i * n + j], diagonal);
      else
        rest = vec_fma(a[i * n + j], b[i * n + j], rest);
    }
  return diagonal + vec_set(2) * rest;
}

/* ---- transports ------------------------------------------------------------------------------ */

/* y = u x u^+ */
CALLED void carry(size_t n, const vec *u, const vec *x, vec *y) {
  n = SIZED(n);
  if (n == 1) {
    y[0] = x[0];
    return;
  }
  vec t[MATRIX];
  product_algebra(n, u, x, t);
  EACH(size_t i = 0; i < n; i++) EACH(size_t j = i; j < n; j++) {
    cvec sum = c_zero;
    EACH(size_t k = 0; k < n; k++) sum = c_fma_right(c_at(t, i * n + k), c_at(u, j * n + k), sum);
    if (i != j)
      y[i * n + j] = sum.re;
    y[j * n + i] = sum.im;
  }
}

/* y = u^+ x u */
CALLED void carry_back(size_t n, const vec *u, const vec *x, vec *y) {
  n = SIZED(n);
  if (n == 1) {
    y[0] = x[0];
    return;
  }
  vec t[MATRIX];
  algebra_product(n, x, u, t);
  EACH(size_t i = 0; i < n; i++) EACH(size_t j = i; j < n; j++) {
    cvec sum = c_zero;
    EACH(size_t k = 0; k < n; k++) sum = c_fma_left(c_at(u, k * n + i), c_at(t, k * n + j), sum);
    if (i != j)
      y[i * n + j] = sum.re;
    y[j * n + i] = sum.im;
  }
}

/* du -= 2 a u b: the link's cotangent of carry with a = dy, b = x, of carry_back with a = x, b =
   dy. */
CALLED void pull_link(size_t n, const vec *a, const vec *u, const vec *b, vec *du) {
  n = SIZED(n);
  if (n == 1)
    return;
  vec t[MATRIX], c[MATRIX];
  product_algebra(n, u, b, t);
  algebra_product(n, a, t, c);
  vecs_add(2 * n * n, -2, c, du);
}

#endif
