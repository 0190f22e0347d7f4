/* kernels_table.h -- one kernel table, for ENF__REAL; included by kernels.h once per precision. */

typedef struct {
  /* C = act(init + bias + A B): A (rows,K) stride lda, B (K,n) stride ldb, init rows stride ldi or
     NULL (may be C itself), bias (n) or NULL, silu: apply silu. */
  void (*gemm)(size_t rows, size_t K, size_t n, const ENF__REAL *A, size_t lda, const ENF__REAL *B,
               size_t ldb, const ENF__REAL *init, size_t ldi, const ENF__REAL *bias, bool silu,
               ENF__REAL *C, size_t ldc);

  /* C (K,n) += A^T B over rows in ascending order: A (rows,K), B (rows,n). Weight gradients. */
  void (*gemm_grad)(size_t rows, size_t K, size_t n, const ENF__REAL *A, size_t lda,
                    const ENF__REAL *B, size_t ldb, ENF__REAL *C, size_t ldc);

  /* First edge layer: z = P[row_i] + Q[row_j] + wq q + w0 q0, a = silu(z); slope = silu'(z) unless
     NULL. P and Q have stride ldp. */
  void (*edge_input)(size_t rows, size_t n, const ENF__REAL *P, const ENF__REAL *Q, size_t ldp,
                     const int32_t *row_i, const int32_t *row_j, const ENF__REAL *wq,
                     const ENF__REAL *w0, const ENF__REAL *q, const ENF__REAL *q0, ENF__REAL *a,
                     ENF__REAL *slope);

  /* Second edge layer and gate: z = A W + b, m = silu(z), gate = sigmoid(wa.m + ba), or 1 where wa
     is NULL. z is stored unless NULL. */
  void (*message)(size_t rows, size_t n, const ENF__REAL *A, const ENF__REAL *W, const ENF__REAL *b,
                  const ENF__REAL *wa, ENF__REAL ba, ENF__REAL *z, ENF__REAL *m, ENF__REAL *gate);

  /* Coordinate network: z = gate (m W) + b, s = w4 . silu(z). z is stored unless NULL. */
  void (*coordinate)(size_t rows, size_t n, const ENF__REAL *m, const ENF__REAL *W,
                     const ENF__REAL *gate, const ENF__REAL *b, const ENF__REAL *w4, ENF__REAL *z,
                     ENF__REAL *s);

  /* out[seg[r]] += scale[r] row[r]; seg ascending in r. scale NULL: 1. */
  void (*segment_sum)(size_t rows, size_t n, const int32_t *seg, const ENF__REAL *scale,
                      const ENF__REAL *row, ENF__REAL *out, size_t ldo);

  /* Reverse of `coordinate` and of the gate, first part. Given ds, z2, z3:
       m = silu(z2), slope2 = silu'(z2), dz3 = ds w4 silu'(z3), gdz3 = gate dz3,
       da = (1-gate)(dz3.(z3-b3) + gate dagg[seg].m)      (0 where wa is NULL)
     and, unless NULL: dw4 += ds silu(z3), db3 += dz3, dwa += da m, *dba += da. dagg NULL: 0. */
  void (*coordinate_grad)(size_t rows, size_t n, const ENF__REAL *ds, const ENF__REAL *z2,
                          const ENF__REAL *z3, const ENF__REAL *gate, const ENF__REAL *b3,
                          const ENF__REAL *w4, const ENF__REAL *wa, const int32_t *seg,
                          const ENF__REAL *dagg, ENF__REAL *m, ENF__REAL *slope2, ENF__REAL *gdz3,
                          ENF__REAL *da, ENF__REAL *dw4, ENF__REAL *db3, ENF__REAL *dwa,
                          ENF__REAL *dba);

  /* Second part: dz2 = (gdz3 W3' + gate dagg[seg] + da wa) slope2; db2 += dz2 unless NULL. */
  void (*message_grad)(size_t rows, size_t n, const ENF__REAL *gdz3, const ENF__REAL *W3t,
                       const ENF__REAL *gate, const int32_t *seg, const ENF__REAL *dagg,
                       const ENF__REAL *da, const ENF__REAL *wa, const ENF__REAL *slope2,
                       ENF__REAL *dz2, ENF__REAL *db2);

  /* Reverse of `edge_input` after the second layer: dz1 = (dz2 W2') slope1, dq = dz1.wq,
     dq0 = dz1.w0. */
  void (*edge_grad)(size_t rows, size_t n, const ENF__REAL *dz2, const ENF__REAL *W2t,
                    const ENF__REAL *slope1, const ENF__REAL *wq, const ENF__REAL *w0,
                    ENF__REAL *dz1, ENF__REAL *dq, ENF__REAL *dq0);

  /* dP[row_i] += dz1, dQ[row_j] += dz1, dwq += q dz1, dw0 += q0 dz1. dP and dQ have stride ldp. */
  void (*edge_scatter)(size_t rows, size_t n, const ENF__REAL *dz1, const int32_t *row_i,
                       const int32_t *row_j, const ENF__REAL *q, const ENF__REAL *q0, ENF__REAL *dP,
                       ENF__REAL *dQ, size_t ldp, ENF__REAL *dwq, ENF__REAL *dw0);

  /* Tangents of one edge's message: for every row r,
       z1_dot = sum_k coef[r][k] src[r][k]  (terms of them, each a row of n numbers),
       s_dot[r] = p . z1_dot, y_r = u ((slope1 z1_dot) W), out[r] += y_r + (g1 wa.y_r) m,
     where u = gate silu'(z2) and g1 = 1 - gate (wa NULL: no gate term). work (rows,n). out NULL:
     s_dot only; p NULL: no s_dot. */
  void (*tangent)(size_t rows, size_t n, size_t terms, const ENF__REAL *coef,
                  const ENF__REAL *const *src, const ENF__REAL *p, const ENF__REAL *slope1,
                  const ENF__REAL *W, const ENF__REAL *u, const ENF__REAL *m, const ENF__REAL *wa,
                  ENF__REAL g1, ENF__REAL *work, ENF__REAL *s_dot, ENF__REAL *const *out);

  /* y[r] = p . A[r]: A (rows,n) stride lda. */
  void (*dots)(size_t rows, size_t n, const ENF__REAL *p, const ENF__REAL *A, size_t lda,
               ENF__REAL *y);

  /* slope = silu'(z) elementwise, over count numbers (a multiple of 32). */
  void (*silu_slope)(size_t count, const ENF__REAL *z, ENF__REAL *slope);

  /* Elementwise functions over any count; x and y may be the same array. */
  void (*exp)(size_t count, const ENF__REAL *x, ENF__REAL *y);
  void (*silu)(size_t count, const ENF__REAL *x, ENF__REAL *y);
  void (*sigmoid)(size_t count, const ENF__REAL *x, ENF__REAL *y);
  void (*tanh)(size_t count, const ENF__REAL *x, ENF__REAL *y);
} ENF__KERNEL_TABLE;
