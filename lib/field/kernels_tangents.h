/* kernels_tangents.h -- kernels of the tangents of one edge's message; part of kernels_impl.h.
   Contracts are in kernels_table.h. */

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

static void message_matrix(size_t rows, size_t n, const REAL *slope, const REAL *W, const REAL *u,
                           const REAL *m, const REAL *wa, REAL g1, REAL *G, REAL *sum) {
  for (size_t r = 0; r < rows; r++) {
    const vec s = vec_set(slope[r]);
    REAL *out = G + r * n;
    vec dot = vec_set(0);
    for (size_t c = 0; c < n; c += (size_t)L) {
      const vec y = s * vec_load(W + r * n + c) * vec_load(u + c);
      if (wa)
        dot = vec_fma(y, vec_load(wa + c), dot);
      vec_store(out + c, y);
    }
    const vec f = vec_set(wa ? g1 * vec_sum(dot) : 0);
    for (size_t c = 0; c < n; c += (size_t)L) {
      const vec y = vec_fma(f, vec_load(m + c), vec_load(out + c));
      vec_store(out + c, y);
      vec_store(sum + r * n + c, vec_load(sum + r * n + c) + y);
    }
  }
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

/* ---- numbers of one edge for all displacements: n of any size, in the order of plain C --------- */

static void difference(size_t n, const REAL *a, const REAL *b, REAL *out) {
  size_t t = 0;
  for (; t + (size_t)L <= n; t += (size_t)L)
    vec_store(out + t, vec_load(a + t) - vec_load(b + t));
  for (; t < n; t++)
    out[t] = a[t] - b[t];
}

static void add_scaled(size_t n, REAL f, const REAL *x, REAL *y) {
  size_t t = 0;
  for (; t + (size_t)L <= n; t += (size_t)L)
    vec_store(y + t, vec_load(y + t) + vec_set(f) * vec_load(x + t));
  for (; t < n; t++)
    y[t] += f * x[t];
}

static void move_tangent(size_t n, REAL c, const REAL *r_dot, REAL r, REAL c_s, const REAL *s_dot,
                         REAL c_q, const REAL *q_dot, REAL *v) {
  size_t t = 0;
  for (; t + (size_t)L <= n; t += (size_t)L) {
    const vec c_dot = vec_set(c_s) * vec_load(s_dot + t) + vec_set(c_q) * vec_load(q_dot + t);
    const vec move = vec_load(r_dot + t) * vec_set(c) + vec_set(r) * c_dot;
    vec_store(v + t, vec_load(v + t) + move);
  }
  for (; t < n; t++)
    v[t] += r_dot[t] * c + r * (c_s * s_dot[t] + c_q * q_dot[t]);
}
