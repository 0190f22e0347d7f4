/* kernels_impl.h -- the one source of the kernel tables; each file in baseline/, avx2/ and avx512/
   defines ENF__DOUBLE and ENF__TABLE and includes it, and is compiled for its instruction set.

   Products are finished tile by tile (tile.h). Contracts are in kernels_table.h. */
#include "math/elementwise.h"
#include "math/kernels.h"
#include "math/tile.h"

ELEMENTWISE(each_exp, vec_exp)
ELEMENTWISE(each_silu, vec_silu)
ELEMENTWISE(each_sigmoid, vec_sigmoid)
ELEMENTWISE(each_tanh, vec_tanh)

static void silu_slope(size_t count, const REAL *z, REAL *slope) {
  for (size_t k = 0; k < count; k += (size_t)L) {
    vec d;
    vec_silu_grad(vec_load(z + k), &d);
    vec_store(slope + k, d);
  }
}

/* ---- plain products ------------------------------------------------------------------------- */

INLINE void gemm_block(const int R, size_t K, size_t n, const REAL *A, size_t lda, const REAL *B,
                       size_t ldb, const REAL *init, size_t ldi, const REAL *bias, bool silu,
                       REAL *C, size_t ldc) {
  for (size_t c = 0; c < n; c += PANEL) {
    vec acc[MR][PV];
    tile_zero(R, acc);
    if (init)
      UNROLL for (int r = 0; r < R; r++) UNROLL for (int p = 0; p < PV; p++) acc[r][p] =
          vec_load(init + (size_t)r * ldi + c + (size_t)(p * L));
    if (bias)
      UNROLL for (int r = 0; r < R; r++) UNROLL for (int p = 0; p < PV; p++) acc[r][p] +=
          vec_load(bias + c + (size_t)(p * L));
    product(R, K, A, lda, B + c, ldb, acc);
    UNROLL for (int r = 0; r < R; r++) UNROLL for (int p = 0; p < PV; p++) vec_store(
        C + (size_t)r * ldc + c + (size_t)(p * L), silu ? vec_silu(acc[r][p]) : acc[r][p]);
  }
}

static void gemm(size_t rows, size_t K, size_t n, const REAL *A, size_t lda, const REAL *B,
                 size_t ldb, const REAL *init, size_t ldi, const REAL *bias, bool silu, REAL *C,
                 size_t ldc) {
#define BLOCK(R, r)                                                                                \
  gemm_block(R, K, n, A + (r)*lda, lda, B, ldb, init ? init + (r)*ldi : NULL, ldi, bias, silu,     \
             C + (r)*ldc, ldc)
  FOR_ROW_BLOCKS(rows, BLOCK);
#undef BLOCK
}

static void gemm_grad(size_t rows, size_t K, size_t n, const REAL *A, size_t lda, const REAL *B,
                      size_t ldb, REAL *C, size_t ldc) {
  for (size_t k = 0; k < K; k += GRAD_ROWS)
    for (size_t c = 0; c < n; c += PANEL) {
      vec acc[GRAD_ROWS][PV];
      tile_zero(GRAD_ROWS, acc);
      product_grad(rows, A + k, lda, B + c, ldb, acc);
      UNROLL for (int i = 0; i < GRAD_ROWS; i++) UNROLL for (int p = 0; p < PV; p++) {
        REAL *out = C + (k + (size_t)i) * ldc + c + (size_t)(p * L);
        vec_store(out, vec_load(out) + acc[i][p]);
      }
    }
}

/* ---- sums ------------------------------------------------------------------------------------ */

static void segment_sum(size_t rows, size_t n, const int32_t *seg, const REAL *scale,
                        const REAL *row, REAL *out, size_t ldo) {
  for (size_t first = 0, last; first < rows; first = last) {
    for (last = first + 1; last < rows && seg[last] == seg[first];)
      last++;
    for (size_t c = 0; c < n; c += 2 * (size_t)L) {
      REAL *o = out + (size_t)seg[first] * ldo + c;
      vec s0 = vec_load(o), s1 = vec_load(o + L);
      for (size_t r = first; r < last; r++) {
        const vec g = vec_set(scale ? scale[r] : 1);
        s0 = vec_fma(g, vec_load(row + r * n + c), s0);
        s1 = vec_fma(g, vec_load(row + r * n + c + L), s1);
      }
      vec_store(o, s0);
      vec_store(o + L, s1);
    }
  }
}

static void add_parts(size_t count, size_t parts, size_t between, const REAL *restrict part,
                      double *restrict sum) {
  for (size_t p = 0; p < parts; p++)
    for (size_t k = 0; k < count; k++)
      sum[k] += (double)part[p * between + k];
}

static void narrow(size_t count, const double *restrict x, REAL *restrict y) {
  for (size_t k = 0; k < count; k++)
    y[k] = (REAL)x[k];
}

INLINE void dots_block(const int R, size_t n, const REAL *p, const REAL *A, size_t lda, REAL *y) {
  vec dot[MR];
  UNROLL for (int r = 0; r < R; r++) dot[r] = vec_set(0);
  for (size_t c = 0; c < n; c += (size_t)L)
    UNROLL for (int r = 0; r < R; r++) dot[r] =
        vec_fma(vec_load(p + c), vec_load(A + (size_t)r * lda + c), dot[r]);
  UNROLL for (int r = 0; r < R; r++) y[r] = vec_sum(dot[r]);
}

static void dots(size_t rows, size_t n, const REAL *p, const REAL *A, size_t lda, REAL *y) {
#define BLOCK(R, r) dots_block(R, n, p, A + (r)*lda, lda, y + (r))
  FOR_ROW_BLOCKS(rows, BLOCK);
#undef BLOCK
}

#ifdef ENF__TABLE
#include "math/spline_impl.h"

#if ENF__DOUBLE
const enf__kernels_f64 ENF__TABLE = {
#else
const enf__kernels_f32 ENF__TABLE = {
#endif
    .gemm = gemm,
    .gemm_grad = gemm_grad,
    .segment_sum = segment_sum,
    .dots = dots,
    .silu_slope = silu_slope,
    .residual = residual,
    .slope_sums = slope_sums,
    .spline = spline,
    .spline_grad = spline_grad,
    .add_parts = add_parts,
    .narrow = narrow,
    .sincos = sincos_rows,
    .exp = each_exp,
    .silu = each_silu,
    .sigmoid = each_sigmoid,
    .tanh = each_tanh,
};
#endif
