/* restore_impl.h -- the way back to SU(2) and SU(3) (sun.h, enf__sun_restore) for as many matrices at a
   time as a vector has lanes, compiled once per instruction set. The including file defines
   ENF__TABLE. */
#include "math/sun_kernels.h"
#define ENF__UNROLL
#include "math/matrix_lanes.h"
#include <math.h>
#include <stdbool.h>

enum { MOST = 3, MATRIX = 2 * MOST * MOST };

/* v = u (3 - u^+ u)/2 */
INLINE void newton(size_t n, const vec *u, vec *v) {
  vec square[MATRIX];
  matrix_adjoint_product(n, u, u, square);
  for (size_t k = 0; k < 2 * n * n; k++)
    square[k] *= vec_set(-0.5);
  for (size_t i = 0; i < n; i++)
    square[2 * i * (n + 1)] += vec_set(1.5);
  matrix_product(n, u, square, v);
}

INLINE cvec minor_of(const vec *u, size_t a, size_t b, size_t c, size_t d) {
  const cvec first = c_fma(c_at(u, a), c_at(u, b), c_zero);
  const cvec second = c_fma(c_at(u, c), c_at(u, d), c_zero);
  return (cvec){first.re - second.re, first.im - second.im};
}

INLINE cvec determinant(size_t n, const vec *u) {
  if (n == 2)
    return minor_of(u, 0, 3, 1, 2);
  cvec sum = c_fma(c_at(u, 0), minor_of(u, 4, 8, 5, 7), c_zero);
  sum = c_fma(c_at(u, 1), minor_of(u, 5, 6, 3, 8), sum);
  return c_fma(c_at(u, 2), minor_of(u, 3, 7, 4, 6), sum);
}

/* exp(-i a/n), a = arg(det), for |det| = 1: by series where all |sin a| are below SMALL, as they are
   for steps that are worth anything. */
static const double SMALL = 0.03;
INLINE cvec phase_of(size_t n, cvec det) {
  cvec phase = c_zero;
  bool small = true;
  for (int lane = 0; lane < ENF__LANES; lane++)
    small = small && fabs(det.im[lane]) < SMALL && det.re[lane] > 0;
  if (small) {
    const vec s = det.im, q = s * s;
    const vec a = s * (vec_set(1) + q * (vec_set(1.0 / 6) + q * (vec_set(3.0 / 40) +
                       q * (vec_set(5.0 / 112) + q * vec_set(35.0 / 1152)))));
    const vec b = vec_set(-1 / (double)n) * a, r = b * b;
    phase.re = vec_set(1) - r * (vec_set(0.5) - r * (vec_set(1.0 / 24) - r * vec_set(1.0 / 720)));
    phase.im = b * (vec_set(1) - r * (vec_set(1.0 / 6) - r * (vec_set(1.0 / 120) -
                                                              r * vec_set(1.0 / 5040))));
    return phase;
  }
  for (int lane = 0; lane < ENF__LANES; lane++) {
    const double angle = -atan2(det.im[lane], det.re[lane]) / (double)n;
    phase.re[lane] = cos(angle);
    phase.im[lane] = sin(angle);
  }
  return phase;
}

/* One vector's matrices, `count` of them; lanes that are left over repeat the first. */
INLINE void restore_some(size_t n, size_t count, double *x) {
  const size_t width = 2 * n * n;
  vec u[MATRIX], v[MATRIX];
  for (size_t k = 0; k < width; k++) {
    u[k] = vec_set(x[k]);
    for (size_t lane = 1; lane < count; lane++)
      u[k][lane] = x[lane * width + k];
  }
  newton(n, u, v);
  newton(n, v, u);
  newton(n, u, v);
  const cvec phase = phase_of(n, determinant(n, v));
  for (size_t k = 0; k < n * n; k++)
    c_put(u, k, c_fma(c_at(v, k), phase, c_zero));
  for (size_t lane = 0; lane < count; lane++)
    for (size_t k = 0; k < width; k++)
      x[lane * width + k] = u[k][lane];
}

INLINE void restore_all(size_t n, size_t count, double *x) {
  const size_t lanes = ENF__LANES;
  for (size_t done = 0; done < count; done += lanes)
    restore_some(n, count - done < lanes ? count - done : lanes, x + done * 2 * n * n);
}

static void restore_2(size_t count, double *x) { restore_all(2, count, x); }
static void restore_3(size_t count, double *x) { restore_all(3, count, x); }

extern const enf__sun_kernels ENF__TABLE;
const enf__sun_kernels ENF__TABLE = {{restore_2, restore_3}};
