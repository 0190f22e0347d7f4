/* kernels_table.h -- the fields' kernel table, for ENF__REAL; included by kernels.h once per
   precision. Arrays are those of math/kernels.h. */

/* Arguments of `coordinate_grad`. */
typedef struct {
  const ENF__REAL *ds, *gate;    /* (rows) */
  const ENF__REAL *z2, *z3;      /* (rows,n) */
  const ENF__REAL *b3, *w4, *wa; /* (n); wa NULL: no gate */
  const int32_t *seg;            /* (rows) */
  const ENF__REAL *dagg;         /* rows by seg, or NULL */
  ENF__REAL *m, *slope2, *gdz3;  /* (rows,n) out */
  ENF__REAL *da;                 /* (rows) out */
  ENF__REAL *dw4, *db3, *dwa;    /* (n) sums, or NULL */
  ENF__REAL *dba;                /* one number, or NULL */
} ENF__KERNEL(coordinate_grad);

/* Arguments of `pair_coordinate_grad`. */
typedef struct {
  const ENF__REAL *s_bar, *s_hat, *gate, *gate_dot; /* (rows) */
  const ENF__REAL *u3, *u3_dot, *z2, *z2_dot;       /* (rows,n) */
  const ENF__REAL *b3, *w4, *wa;                    /* (n); wa NULL: no gate */
  const int32_t *seg;                               /* (rows) */
  const ENF__REAL *dagg, *dagg_dot;                 /* rows by seg, or NULL */
  ENF__REAL *m, *m_dot, *u3_bar, *u3_hat;           /* (rows,n) out */
  ENF__REAL *logit_bar, *logit_hat;                 /* (rows) out */
  ENF__REAL *dw4, *db3, *dwa, *dba;                 /* (n), (n), (n), (1) sums, or dw4 NULL */
} ENF__KERNEL(pair_coordinate_grad);

typedef struct {
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

  /* Reverse of `coordinate` and of the gate, first part. Given ds, z2, z3:
       m = silu(z2), slope2 = silu'(z2), dz3 = ds w4 silu'(z3), gdz3 = gate dz3,
       da = (1-gate)(dz3.(z3-b3) + gate dagg[seg].m)      (0 where wa is NULL)
     and, unless NULL: dw4 += ds silu(z3), db3 += dz3, dwa += da m, *dba += da. dagg NULL: 0. */
  void (*coordinate_grad)(size_t rows, size_t n, const ENF__KERNEL(coordinate_grad) * of);

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

  /* Tangents of one edge's message begin with, for every row r (terms of k; src[k][r]: n numbers),
       z_dot = sum_k coef[k][r] src[k][r] + cq[r] wq + c0[r] w0, a_dot[r] = slope z_dot,
       s_dot[r] = p . z_dot.   p NULL: no s_dot. */
  void (*tangent_input)(size_t rows, size_t n, size_t terms, const ENF__REAL *const *coef,
                        const ENF__REAL *const *const *src, const ENF__REAL *cq,
                        const ENF__REAL *wq, const ENF__REAL *c0, const ENF__REAL *w0,
                        const ENF__REAL *p, const ENF__REAL *slope, ENF__REAL *a_dot,
                        ENF__REAL *s_dot);

  /* They go through a linear layer and the silu behind it: C = (A W) slope, row by row; rows of
     slope are lds apart, 0: the same for all. */
  void (*sloped)(size_t rows, size_t n, const ENF__REAL *A, const ENF__REAL *W,
                 const ENF__REAL *slope, size_t lds, ENF__REAL *C);

  /* And end with the last layer and the gate: y_r = u (A_r W), out[r] += y_r + (g1 wa.y_r) m, where
     u = gate silu'(z) and g1 = 1 - gate (wa NULL: no gate term). */
  void (*tangent_message)(size_t rows, size_t n, const ENF__REAL *A, const ENF__REAL *W,
                          const ENF__REAL *u, const ENF__REAL *m, const ENF__REAL *wa, ENF__REAL g1,
                          ENF__REAL *const *out);

  /* The same as a matrix, rows of it: G (rows,n) = diag(slope) W diag(u) + (g1 slope W (u wa)) m^T,
     slope (rows), W (rows,n); sum (rows,n) += G. wa NULL: no gate term. */
  void (*message_matrix)(size_t rows, size_t n, const ENF__REAL *slope, const ENF__REAL *W,
                         const ENF__REAL *u, const ENF__REAL *m, const ENF__REAL *wa, ENF__REAL g1,
                         ENF__REAL *G, ENF__REAL *sum);

  /* Products that rows share: out[t] += f[t] y[r] + g[t] z for every row r and t = r, r + apart,
     ... (`copies` of them). */
  void (*spread)(size_t rows, size_t n, size_t copies, size_t apart, const ENF__REAL *f,
                 const ENF__REAL *y, const ENF__REAL *g, const ENF__REAL *z, ENF__REAL *out);

  /* Positions, for all n displacements: out = a - b; y += f x; and a particle's part in the move of
     another, v += c r_dot + r (c_s s_dot + c_q q_dot). */
  void (*difference)(size_t n, const ENF__REAL *a, const ENF__REAL *b, ENF__REAL *out);
  void (*add_scaled)(size_t n, ENF__REAL f, const ENF__REAL *x, ENF__REAL *y);
  void (*move_tangent)(size_t n, ENF__REAL c, const ENF__REAL *r_dot, ENF__REAL r, ENF__REAL c_s,
                       const ENF__REAL *s_dot, ENF__REAL c_q, const ENF__REAL *q_dot,
                       ENF__REAL *v);

  /* ---- values with one tangent each, for gradients of eps^T J eps: foo_dot is the tangent of foo,
     "bar" marks the derivative of the loss by a value, "hat" that by a tangent. No products here.
   */

  /* As edge_input for z1 and z1_dot: a = silu(z1), a_dot = silu'(z1) z1_dot; unless NULL also
     slope = silu'(z1), curve = silu''(z1) z1_dot. */
  void (*pair_input)(size_t rows, size_t n, const ENF__REAL *P, const ENF__REAL *P_dot, size_t ldp,
                     const int32_t *row_i, const int32_t *row_j, const ENF__REAL *wq,
                     const ENF__REAL *w0, const ENF__REAL *q, const ENF__REAL *q_dot,
                     const ENF__REAL *q0, const ENF__REAL *q0_dot, ENF__REAL *a, ENF__REAL *a_dot,
                     ENF__REAL *slope, ENF__REAL *curve);

  /* z2 += b2 in place; m = silu(z2), m_dot; gate = sigmoid(wa.m + ba), gate_dot (wa NULL: 1, 0). */
  void (*pair_message)(size_t rows, size_t n, ENF__REAL *z2, const ENF__REAL *z2_dot,
                       const ENF__REAL *b2, const ENF__REAL *wa, ENF__REAL ba, ENF__REAL *m,
                       ENF__REAL *m_dot, ENF__REAL *gate, ENF__REAL *gate_dot);

  /* From u3 = W3 m and u3_dot: s = w4.silu(gate u3 + b3) and s_dot. */
  void (*pair_coordinate)(size_t rows, size_t n, const ENF__REAL *u3, const ENF__REAL *u3_dot,
                          const ENF__REAL *gate, const ENF__REAL *gate_dot, const ENF__REAL *b3,
                          const ENF__REAL *w4, ENF__REAL *s, ENF__REAL *s_dot);

  /* Reverse of pair_coordinate and of the gate: from s_bar, s_hat to the cotangents of u3, u3_dot,
     and of the gate's logit (logit_bar, logit_hat); m and m_dot again; dagg, dagg_dot rows by seg,
     NULL in the last layer. dw4, db3, dwa, dba gain unless dw4 is NULL. */
  void (*pair_coordinate_grad)(size_t rows, size_t n, const ENF__KERNEL(pair_coordinate_grad) * of);

  /* In place, from W3^T u3_bar and W3^T u3_hat to z2_bar and z2_hat; db2 gains unless NULL. */
  void (*pair_message_grad)(size_t rows, size_t n, const ENF__REAL *z2, const ENF__REAL *z2_dot,
                            const ENF__REAL *gate, const ENF__REAL *gate_dot, const int32_t *seg,
                            const ENF__REAL *dagg, const ENF__REAL *dagg_dot,
                            const ENF__REAL *logit_bar, const ENF__REAL *logit_hat,
                            const ENF__REAL *wa, ENF__REAL *z2_bar, ENF__REAL *z2_hat,
                            ENF__REAL *db2);

  /* In place, through a = silu(z): bar = bar slope + hat curve, hat = hat slope; count numbers. */
  void (*pair_slope)(size_t count, const ENF__REAL *slope, const ENF__REAL *curve, ENF__REAL *bar,
                     ENF__REAL *hat);

  /* a = silu(z), a_dot = silu'(z) z_dot, slope = silu'(z), curve = silu''(z) z_dot. */
  void (*pair_silu)(size_t count, const ENF__REAL *z, const ENF__REAL *z_dot, ENF__REAL *a,
                    ENF__REAL *a_dot, ENF__REAL *slope, ENF__REAL *curve);

  /* Functions of one variable as sums of n normalised Gaussians (n at most ENF__EXPANSION):
       f = sum_k coef_k R_k(x), R_k = g_k / (1e-6 + sum g), g_k = exp(-((x - center_k) sharp_k)^2).
     basis: R (rows,n) = R_k(x[r]). */
  void (*basis)(size_t rows, size_t n, const ENF__REAL *x, const ENF__REAL *center,
                const ENF__REAL *sharp, ENF__REAL *R);

  /* f[r] with the coefficients of row seg[r] of coef, and f1 = df/dx unless NULL. */
  void (*expansion)(size_t rows, size_t n, const ENF__REAL *x, const ENF__REAL *center,
                    const ENF__REAL *sharp, const ENF__REAL *coef, const int32_t *seg, ENF__REAL *f,
                    ENF__REAL *f1);

  /* f, f1, and the reverse pass of sum_r p0 f + p1 f1 (p1 NULL: 0): dx[r]; dcoef[seg[r]], dcenter
     and dlog_width (of 1/sharp) with +=. seg NULL: row r; dcoef NULL: not wanted. */
  void (*expansion_grad)(size_t rows, size_t n, const ENF__REAL *x, const ENF__REAL *center,
                         const ENF__REAL *sharp, const ENF__REAL *coef, const int32_t *seg,
                         const ENF__REAL *p0, const ENF__REAL *p1, ENF__REAL *f, ENF__REAL *f1,
                         ENF__REAL *dx, ENF__REAL *dcoef, ENF__REAL *dcenter,
                         ENF__REAL *dlog_width);
} ENF__KERNEL(kernels);
