/* kernels_impl.h -- the one source of the kernel tables; each file in baseline/, avx2/ and avx512/
   defines ENF__DOUBLE and ENF__TABLE and includes it, and is compiled for its instruction set.

   Products are finished tile by tile (tile.h): bias, silu, gate and dot products are applied before
   a tile is stored. Contracts are in kernels_table.h. */
#include "math/kernels.h"
#include "math/tile.h"

/* y = f(x) over any count, the tail through a padded vector. */
#define ELEMENTWISE(name, f)                                                                       \
  static void name(size_t count, const REAL *x, REAL *y) {                                         \
    size_t k = 0;                                                                                  \
    for (; k + (size_t)L <= count; k += (size_t)L)                                                 \
      vec_store(y + k, f(vec_load(x + k)));                                                        \
    if (k < count) {                                                                               \
      REAL tail[ENF__LANES] = {0};                                                                 \
      memcpy(tail, x + k, (count - k) * sizeof(REAL));                                             \
      vec_store(tail, f(vec_load(tail)));                                                          \
      memcpy(y + k, tail, (count - k) * sizeof(REAL));                                             \
    }                                                                                              \
  }

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

/* ---- forward over edges ---------------------------------------------------------------------- */

static void edge_input(size_t rows, size_t n, const REAL *P, const REAL *Q, size_t ldp,
                       const int32_t *row_i, const int32_t *row_j, const REAL *wq, const REAL *w0,
                       const REAL *q, const REAL *q0, REAL *a, REAL *slope) {
  for (size_t r = 0; r < rows; r++) {
    const REAL *p = P + (size_t)row_i[r] * ldp, *s = Q + (size_t)row_j[r] * ldp;
    const vec qr = vec_set(q[r]), q0r = vec_set(q0[r]);
    for (size_t c = 0; c < n; c += (size_t)L) {
      vec z = vec_load(p + c) + vec_load(s + c);
      z = vec_fma(vec_load(wq + c), qr, z);
      z = vec_fma(vec_load(w0 + c), q0r, z);
      if (slope) {
        vec d;
        vec_store(a + r * n + c, vec_silu_grad(z, &d));
        vec_store(slope + r * n + c, d);
      } else {
        vec_store(a + r * n + c, vec_silu(z));
      }
    }
  }
}

INLINE void message_block(const int R, size_t n, const REAL *A, const REAL *W, const REAL *b,
                          const REAL *wa, REAL *z, REAL *m, REAL *logit) {
  vec dot[MR];
  UNROLL for (int r = 0; r < R; r++) dot[r] = vec_set(0);
  for (size_t c = 0; c < n; c += PANEL) {
    vec acc[MR][PV];
    UNROLL for (int r = 0; r < R; r++) UNROLL for (int p = 0; p < PV; p++) acc[r][p] =
        vec_load(b + c + (size_t)(p * L));
    product(R, n, A, n, W + c, n, acc);
    UNROLL for (int p = 0; p < PV; p++) UNROLL for (int r = 0; r < R; r++) {
      const size_t at = (size_t)r * n + c + (size_t)(p * L);
      if (z)
        vec_store(z + at, acc[r][p]);
      acc[r][p] = vec_silu(acc[r][p]);
      vec_store(m + at, acc[r][p]);
    }
    if (wa)
      UNROLL for (int p = 0; p < PV; p++) UNROLL for (int r = 0; r < R; r++) dot[r] =
          vec_fma(acc[r][p], vec_load(wa + c + (size_t)(p * L)), dot[r]);
  }
  UNROLL for (int r = 0; r < R; r++) logit[r] = vec_sum(dot[r]);
}

static void message(size_t rows, size_t n, const REAL *A, const REAL *W, const REAL *b,
                    const REAL *wa, REAL ba, REAL *z, REAL *m, REAL *gate) {
#define BLOCK(R, r)                                                                                \
  message_block(R, n, A + (r)*n, W, b, wa, z ? z + (r)*n : NULL, m + (r)*n, gate + (r))
  FOR_ROW_BLOCKS(rows, BLOCK);
#undef BLOCK
  if (wa) {
    for (size_t r = 0; r < rows; r++)
      gate[r] += ba;
    each_sigmoid(rows, gate, gate);
  } else {
    for (size_t r = 0; r < rows; r++)
      gate[r] = 1;
  }
}

INLINE void coordinate_block(const int R, size_t n, const REAL *m, const REAL *W, const REAL *gate,
                             const REAL *b, const REAL *w4, REAL *z, REAL *s) {
  vec dot[MR];
  UNROLL for (int r = 0; r < R; r++) dot[r] = vec_set(0);
  for (size_t c = 0; c < n; c += PANEL) {
    vec acc[MR][PV];
    tile_zero(R, acc);
    product(R, n, m, n, W + c, n, acc);
    UNROLL for (int p = 0; p < PV; p++) UNROLL for (int r = 0; r < R; r++) {
      const vec zr = vec_fma(acc[r][p], vec_set(gate[r]), vec_load(b + c + (size_t)(p * L)));
      if (z)
        vec_store(z + (size_t)r * n + c + (size_t)(p * L), zr);
      dot[r] = vec_fma(vec_silu(zr), vec_load(w4 + c + (size_t)(p * L)), dot[r]);
    }
  }
  UNROLL for (int r = 0; r < R; r++) s[r] = vec_sum(dot[r]);
}

static void coordinate(size_t rows, size_t n, const REAL *m, const REAL *W, const REAL *gate,
                       const REAL *b, const REAL *w4, REAL *z, REAL *s) {
#define BLOCK(R, r)                                                                                \
  coordinate_block(R, n, m + (r)*n, W, gate + (r), b, w4, z ? z + (r)*n : NULL, s + (r))
  FOR_ROW_BLOCKS(rows, BLOCK);
#undef BLOCK
}

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

/* ---- backward over edges --------------------------------------------------------------------- */

static void coordinate_grad(size_t rows, size_t n, const REAL *ds, const REAL *z2, const REAL *z3,
                            const REAL *gate, const REAL *b3, const REAL *w4, const REAL *wa,
                            const int32_t *seg, const REAL *dagg, REAL *m, REAL *slope2, REAL *gdz3,
                            REAL *da, REAL *dw4, REAL *db3, REAL *dwa, REAL *dba) {
  for (size_t r = 0; r < rows; r++) {
    const REAL *agg = dagg ? dagg + (size_t)seg[r] * n : NULL;
    const vec g = vec_set(gate[r]), s = vec_set(ds[r]);
    vec through_z3 = vec_set(0), through_m = vec_set(0);
    for (size_t c = 0; c < n; c += (size_t)L) {
      const size_t at = r * n + c;
      vec slope;
      const vec z = vec_load(z3 + at), a3 = vec_silu_grad(z, &slope);
      const vec dz3 = s * vec_load(w4 + c) * slope;
      vec_store(gdz3 + at, g * dz3);
      through_z3 = vec_fma(dz3, z - vec_load(b3 + c), through_z3);
      if (dw4) {
        vec_store(dw4 + c, vec_fma(s, a3, vec_load(dw4 + c)));
        vec_store(db3 + c, vec_load(db3 + c) + dz3);
      }
      const vec mr = vec_silu_grad(vec_load(z2 + at), &slope);
      vec_store(m + at, mr);
      vec_store(slope2 + at, slope);
      if (agg)
        through_m = vec_fma(vec_load(agg + c), mr, through_m);
    }
    da[r] = wa ? (1 - gate[r]) * (vec_sum(through_z3) + gate[r] * vec_sum(through_m)) : 0;
    if (!wa || !dwa)
      continue;
    *dba += da[r];
    for (size_t c = 0; c < n; c += (size_t)L)
      vec_store(dwa + c, vec_fma(vec_set(da[r]), vec_load(m + r * n + c), vec_load(dwa + c)));
  }
}

INLINE void message_grad_block(const int R, size_t n, const REAL *gdz3, const REAL *W3t,
                               const REAL *gate, const int32_t *seg, const REAL *dagg,
                               const REAL *da, const REAL *wa, const REAL *slope2, REAL *dz2,
                               REAL *db2) {
  for (size_t c = 0; c < n; c += PANEL) {
    vec acc[MR][PV];
    tile_zero(R, acc);
    product(R, n, gdz3, n, W3t + c, n, acc);
    UNROLL for (int p = 0; p < PV; p++) {
      const size_t col = c + (size_t)(p * L);
      vec sum = db2 ? vec_load(db2 + col) : vec_set(0);
      UNROLL for (int r = 0; r < R; r++) {
        vec d = acc[r][p];
        if (dagg)
          d = vec_fma(vec_set(gate[r]), vec_load(dagg + (size_t)seg[r] * n + col), d);
        if (wa)
          d = vec_fma(vec_set(da[r]), vec_load(wa + col), d);
        d *= vec_load(slope2 + (size_t)r * n + col);
        vec_store(dz2 + (size_t)r * n + col, d);
        sum += d;
      }
      if (db2)
        vec_store(db2 + col, sum);
    }
  }
}

static void message_grad(size_t rows, size_t n, const REAL *gdz3, const REAL *W3t, const REAL *gate,
                         const int32_t *seg, const REAL *dagg, const REAL *da, const REAL *wa,
                         const REAL *slope2, REAL *dz2, REAL *db2) {
#define BLOCK(R, r)                                                                                \
  message_grad_block(R, n, gdz3 + (r)*n, W3t, gate + (r), seg ? seg + (r) : NULL, dagg, da + (r),  \
                     wa, slope2 + (r)*n, dz2 + (r)*n, db2)
  FOR_ROW_BLOCKS(rows, BLOCK);
#undef BLOCK
}

INLINE void edge_grad_block(const int R, size_t n, const REAL *dz2, const REAL *W2t,
                            const REAL *slope1, const REAL *wq, const REAL *w0, REAL *dz1, REAL *dq,
                            REAL *dq0) {
  vec dot[MR], dot0[MR];
  UNROLL for (int r = 0; r < R; r++) dot[r] = dot0[r] = vec_set(0);
  for (size_t c = 0; c < n; c += PANEL) {
    vec acc[MR][PV];
    tile_zero(R, acc);
    product(R, n, dz2, n, W2t + c, n, acc);
    UNROLL for (int p = 0; p < PV; p++) UNROLL for (int r = 0; r < R; r++) {
      const size_t col = c + (size_t)(p * L);
      const vec d = acc[r][p] * vec_load(slope1 + (size_t)r * n + col);
      vec_store(dz1 + (size_t)r * n + col, d);
      dot[r] = vec_fma(d, vec_load(wq + col), dot[r]);
      dot0[r] = vec_fma(d, vec_load(w0 + col), dot0[r]);
    }
  }
  UNROLL for (int r = 0; r < R; r++) {
    dq[r] = vec_sum(dot[r]);
    dq0[r] = vec_sum(dot0[r]);
  }
}

static void edge_grad(size_t rows, size_t n, const REAL *dz2, const REAL *W2t, const REAL *slope1,
                      const REAL *wq, const REAL *w0, REAL *dz1, REAL *dq, REAL *dq0) {
#define BLOCK(R, r)                                                                                \
  edge_grad_block(R, n, dz2 + (r)*n, W2t, slope1 + (r)*n, wq, w0, dz1 + (r)*n, dq + (r), dq0 + (r))
  FOR_ROW_BLOCKS(rows, BLOCK);
#undef BLOCK
}

static void edge_scatter(size_t rows, size_t n, const REAL *dz1, const int32_t *row_i,
                         const int32_t *row_j, const REAL *q, const REAL *q0, REAL *dP, REAL *dQ,
                         size_t ldp, REAL *dwq, REAL *dw0) {
  for (size_t c = 0; c < n; c += 2 * (size_t)L) {
    vec wq0 = vec_load(dwq + c), wq1 = vec_load(dwq + c + L);
    vec w00 = vec_load(dw0 + c), w01 = vec_load(dw0 + c + L);
    for (size_t r = 0; r < rows; r++) {
      const vec d0 = vec_load(dz1 + r * n + c), d1 = vec_load(dz1 + r * n + c + L);
      const vec a = vec_set(q[r]), b = vec_set(q0[r]);
      REAL *p = dP + (size_t)row_i[r] * ldp + c, *s = dQ + (size_t)row_j[r] * ldp + c;
      vec_store(p, vec_load(p) + d0);
      vec_store(p + L, vec_load(p + L) + d1);
      vec_store(s, vec_load(s) + d0);
      vec_store(s + L, vec_load(s + L) + d1);
      wq0 = vec_fma(a, d0, wq0);
      wq1 = vec_fma(a, d1, wq1);
      w00 = vec_fma(b, d0, w00);
      w01 = vec_fma(b, d1, w01);
    }
    vec_store(dwq + c, wq0);
    vec_store(dwq + c + L, wq1);
    vec_store(dw0 + c, w00);
    vec_store(dw0 + c + L, w01);
  }
}

/* ---- tangents of one edge -------------------------------------------------------------------- */

INLINE void tangent_row(const size_t terms, size_t r, size_t n, const REAL *const *coef,
                        const REAL *const *const *src, const vec q, const REAL *wq, const vec q0,
                        const REAL *w0, const REAL *p, const REAL *slope, REAL *a_dot,
                        REAL *s_dot) {
  vec dot = vec_set(0);
  for (size_t c = 0; c < n; c += (size_t)L) {
    vec z = vec_fma(q0, vec_load(w0 + c), q * vec_load(wq + c));
    for (size_t k = 0; k < terms; k++)
      z = vec_fma(vec_set(coef[k][r]), vec_load(src[k][r] + c), z);
    if (p)
      dot = vec_fma(vec_load(p + c), z, dot);
    vec_store(a_dot + c, z * vec_load(slope + c));
  }
  if (p)
    s_dot[r] = vec_sum(dot);
}

INLINE void tangent_block(const int R, size_t n, const REAL *A, const REAL *W, const REAL *u,
                          const REAL *m, const REAL *wa, REAL g1, REAL *const *out) {
  vec dot[MR];
  UNROLL for (int r = 0; r < R; r++) dot[r] = vec_set(0);
  for (size_t c = 0; c < n; c += PANEL) {
    vec acc[MR][PV];
    tile_zero(R, acc);
    product(R, n, A, n, W + c, n, acc);
    UNROLL for (int p = 0; p < PV; p++) {
      const size_t col = c + (size_t)(p * L);
      const vec scale = vec_load(u + col), attention = wa ? vec_load(wa + col) : vec_set(0);
      UNROLL for (int r = 0; r < R; r++) {
        const vec y = acc[r][p] * scale;
        dot[r] = vec_fma(y, attention, dot[r]);
        vec_store(out[r] + col, vec_load(out[r] + col) + y);
      }
    }
  }
  if (!wa)
    return;
  UNROLL for (int r = 0; r < R; r++) {
    const vec f = vec_set(g1 * vec_sum(dot[r]));
    for (size_t c = 0; c < n; c += (size_t)L)
      vec_store(out[r] + c, vec_fma(f, vec_load(m + c), vec_load(out[r] + c)));
  }
}

static void tangent_input(size_t rows, size_t n, size_t terms, const REAL *const *coef,
                          const REAL *const *const *src, const REAL *cq, const REAL *wq,
                          const REAL *c0, const REAL *w0, const REAL *p, const REAL *slope,
                          REAL *a_dot, REAL *s_dot) {
  for (size_t r = 0; r < rows; r++) {
    const vec q = vec_set(cq[r]), q0 = vec_set(c0[r]);
    if (terms == 2)
      tangent_row(2, r, n, coef, src, q, wq, q0, w0, p, slope, a_dot + r * n, s_dot);
    else
      tangent_row(terms, r, n, coef, src, q, wq, q0, w0, p, slope, a_dot + r * n, s_dot);
  }
}

static void tangent_message(size_t rows, size_t n, const REAL *A, const REAL *W, const REAL *u,
                            const REAL *m, const REAL *wa, REAL g1, REAL *const *out) {
#define BLOCK(R, r) tangent_block(R, n, A + (r)*n, W, u, m, wa, g1, out + (r))
  FOR_ROW_BLOCKS(rows, BLOCK);
#undef BLOCK
}

INLINE void sloped_block(const int R, size_t n, const REAL *A, const REAL *W, const REAL *slope,
                         size_t lds, REAL *C) {
  for (size_t c = 0; c < n; c += PANEL) {
    vec acc[MR][PV];
    tile_zero(R, acc);
    product(R, n, A, n, W + c, n, acc);
    UNROLL for (int r = 0; r < R; r++) UNROLL for (int p = 0; p < PV; p++) {
      const size_t col = c + (size_t)(p * L);
      vec_store(C + (size_t)r * n + col, acc[r][p] * vec_load(slope + (size_t)r * lds + col));
    }
  }
}

static void sloped(size_t rows, size_t n, const REAL *A, const REAL *W, const REAL *slope,
                   size_t lds, REAL *C) {
#define BLOCK(R, r) sloped_block(R, n, A + (r)*n, W, slope + (r)*lds, lds, C + (r)*n)
  FOR_ROW_BLOCKS(rows, BLOCK);
#undef BLOCK
}

static void spread(size_t rows, size_t n, size_t copies, size_t apart, const REAL *f, const REAL *y,
                   const REAL *g, const REAL *z, REAL *out) {
  for (size_t c = 0; c < n; c += (size_t)L) {
    const vec zc = vec_load(z + c);
    for (size_t r = 0; r < rows; r++) {
      const vec yc = vec_load(y + r * n + c);
      for (size_t k = 0, t = r; k < copies; k++, t += apart) {
        const vec sum = vec_fma(vec_set(g[t]), zc, vec_load(out + t * n + c));
        vec_store(out + t * n + c, vec_fma(vec_set(f[t]), yc, sum));
      }
    }
  }
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

#include "math/expansion_impl.h"
#include "math/pair_impl.h"

#if ENF__DOUBLE
const enf__kernels_f64 ENF__TABLE = {
#else
const enf__kernels_f32 ENF__TABLE = {
#endif
    .gemm = gemm,
    .gemm_grad = gemm_grad,
    .edge_input = edge_input,
    .message = message,
    .coordinate = coordinate,
    .segment_sum = segment_sum,
    .coordinate_grad = coordinate_grad,
    .message_grad = message_grad,
    .edge_grad = edge_grad,
    .edge_scatter = edge_scatter,
    .tangent_input = tangent_input,
    .tangent_message = tangent_message,
    .sloped = sloped,
    .spread = spread,
    .dots = dots,
    .pair_input = pair_input,
    .pair_message = pair_message,
    .pair_coordinate = pair_coordinate,
    .pair_coordinate_grad = pair_coordinate_grad,
    .pair_message_grad = pair_message_grad,
    .pair_slope = pair_slope,
    .pair_silu = pair_silu,
    .basis = basis,
    .expansion = expansion,
    .expansion_grad = expansion_grad,
    .silu_slope = silu_slope,
    .exp = each_exp,
    .silu = each_silu,
    .sigmoid = each_sigmoid,
    .tanh = each_tanh,
};
