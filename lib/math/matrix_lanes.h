/* matrix_lanes.h -- complex numbers and small complex matrices, one of each in every lane of a vector:
   vec m[2 n^2], row-major, (re,im) pairs. The including file may define ENF__UNROLL, where n is a
   constant of 3 at most. */
#ifndef ENF__MATRIX_LANES_H
#define ENF__MATRIX_LANES_H

#define ENF__DOUBLE 1
#include "math/simd.h"

#ifdef ENF__UNROLL
#define EACH _Pragma("GCC unroll 3") for
#else
#define EACH for
#endif

/* ---- complex numbers ------------------------------------------------------------------------- */

typedef struct {
  vec re, im;
} cvec;

INLINE cvec c_at(const vec *m, size_t element) { return (cvec){m[2 * element], m[2 * element + 1]}; }
INLINE void c_put(vec *m, size_t element, cvec c) {
  m[2 * element] = c.re;
  m[2 * element + 1] = c.im;
}
INLINE cvec c_conj(cvec a) { return (cvec){a.re, -a.im}; }
INLINE cvec c_scale(double f, cvec a) { return (cvec){vec_set(f) * a.re, vec_set(f) * a.im}; }
/* c + a b, c + a b*, c + a* b */
INLINE cvec c_fma(cvec a, cvec b, cvec c) {
  c.re = vec_fma(-a.im, b.im, vec_fma(a.re, b.re, c.re));
  c.im = vec_fma(a.im, b.re, vec_fma(a.re, b.im, c.im));
  return c;
}
INLINE cvec c_fma_right(cvec a, cvec b, cvec c) {
  c.re = vec_fma(a.im, b.im, vec_fma(a.re, b.re, c.re));
  c.im = vec_fma(a.im, b.re, vec_fma(-a.re, b.im, c.im));
  return c;
}
INLINE cvec c_fma_left(cvec a, cvec b, cvec c) { return c_fma_right(b, a, c); }
static const cvec c_zero = {{0}, {0}};

/* ---- matrices -------------------------------------------------------------------------------- */

INLINE void matrix_product(size_t n, const vec *a, const vec *b, vec *c) {
  EACH(size_t i = 0; i < n; i++) EACH(size_t j = 0; j < n; j++) {
    cvec sum = c_zero;
    EACH(size_t k = 0; k < n; k++) sum = c_fma(c_at(a, i * n + k), c_at(b, k * n + j), sum);
    c_put(c, i * n + j, sum);
  }
}

/* a b^+ */
INLINE void matrix_product_adjoint(size_t n, const vec *a, const vec *b, vec *c) {
  EACH(size_t i = 0; i < n; i++) EACH(size_t j = 0; j < n; j++) {
    cvec sum = c_zero;
    EACH(size_t k = 0; k < n; k++) sum = c_fma_right(c_at(a, i * n + k), c_at(b, j * n + k), sum);
    c_put(c, i * n + j, sum);
  }
}

/* a^+ b */
INLINE void matrix_adjoint_product(size_t n, const vec *a, const vec *b, vec *c) {
  EACH(size_t i = 0; i < n; i++) EACH(size_t j = 0; j < n; j++) {
    cvec sum = c_zero;
    EACH(size_t k = 0; k < n; k++) sum = c_fma_left(c_at(a, k * n + i), c_at(b, k * n + j), sum);
    c_put(c, i * n + j, sum);
  }
}

#endif
