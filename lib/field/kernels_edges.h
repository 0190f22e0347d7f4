/* kernels_edges.h -- kernels of the EGNN's edge networks, forward and back; part of kernels_impl.h.

   Products are finished tile by tile (math/tile.h): bias, silu, gate and dot products are applied
   before a tile is stored. Contracts are in kernels_table.h. */

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

/* ---- backward over edges --------------------------------------------------------------------- */

static void coordinate_grad(size_t rows, size_t n, const KERNEL(coordinate_grad) * of) {
  const REAL *z2 = of->z2, *z3 = of->z3, *b3 = of->b3, *w4 = of->w4, *wa = of->wa;
  const REAL *gate = of->gate, *dagg = of->dagg;
  REAL *m = of->m, *slope2 = of->slope2, *gdz3 = of->gdz3, *da = of->da;
  REAL *dw4 = of->dw4, *db3 = of->db3, *dwa = of->dwa;
  for (size_t r = 0; r < rows; r++) {
    const REAL *agg = dagg ? dagg + (size_t)of->seg[r] * n : NULL;
    const vec g = vec_set(gate[r]), s = vec_set(of->ds[r]);
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
    *of->dba += da[r];
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
