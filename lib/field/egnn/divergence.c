/* divergence.c -- exact divergence of a group's velocity by structured forward mode:
   docs/math.md, "Exact divergence". foo_dot is the tangent of foo for a unit displacement of
   particle k along axis a, numbered t = a N + k. With p_ij = ds_ij/dz1_ij from a small reverse
   pass, s_dot = p.z1_dot, and W3 is never applied to tangents. What makes the rest sparse:

   - first layer: h does not depend on x, so the tangent of h_i (i != k) has rank one in a:
     h_dot_i = w_ik,a C_ik, w_ik = -2 r_ik: one row per pair. Node i = k has D rows.
   - last layer: only x_k's own update counts; h_dot_i (i != k) enters only contracted over a with
     r_ki, so the layer before it forms those contractions alone: again one row per pair and D rows
     per node.
   - layers between are dense: T = D N rows per node. Behind the first layer, where pair rows come
     in, z1_dot of edge (i,j) is P of a row of i, Q of a row of j, and w_q q_dot + w_0 q0_dot, and
     the tangent of the message is linear in it: z1_dot G_ij, G_ij = diag(silu') W2 diag(u) and the
     gate's. So all P take is A_i = sum_j G_ij, one matrix per node, and for Q go N + D rows per
   edge through W2, not T. (With deeper edge networks A_i has no such short sum: T rows.)

   Deeper edge networks keep all this: p is carried back through the further linear layers once per
   edge, and tangents go forward through them only on their way into messages, that is, once per
   pair in the first layer and not at all in the last. Deeper node networks work on the rows above.

   "Pair rows" are the sparse form: row e(i,k) for every edge and, behind them, rows E + i D + a.
   The mean removal of v does not change the trace, because v is translation invariant. */
#include "field/egnn/divergence.h"
#include "field/egnn/features.h"

/* ---- layers between -------------------------------------------------------------------------- */

/* Rows of P and Q of all nodes for all tangents, with their coefficients, for dense_edge. */
void egnn_list_dense_rows(const tangents *d) {
  const size_t N = d->N, T = d->T, ld = 3 * d->H;
  for (size_t i = 0; i < N; i++)
    for (size_t t = 0; t < T; t++) {
      const size_t k = t % N, a = t / N;
      const size_t row = d->rows.dense ? i * T + t : pair_row(d, i, k, a);
      d->node.coef[i * T + t] = d->rows.dense ? 1 : pair_row_coef(d, i, k, a);
      d->node.p[i * T + t] = d->rows.pqu_dot + row * ld;
      d->node.q[i * T + t] = d->rows.pqu_dot + row * ld + d->H;
    }
}

/* r_dot, q_dot, q0_dot of edge (i,j) for all tangents. */
void egnn_edge_tangents(const group *g, const layer *y, tangents *d, size_t e, size_t i, size_t j) {
  const size_t T = d->T, D = d->D, N = d->N;
  memset(d->edge_dot.q, 0, T * sizeof(REAL));
  memset(d->edge_dot.q0, 0, T * sizeof(REAL));
  for (size_t b = 0; b < D; b++) {
    const REAL two_r0 = 2 * d->r_first[(b * N + i) * N + j];
    REAL *r_dot = d->edge_dot.r + b * T;
    g->fk->difference(T, d->v_dot + (i * D + b) * T, d->v_dot + (j * D + b) * T, r_dot);
    r_dot[b * N + i] += 1;
    r_dot[b * N + j] -= 1;
    g->fk->add_scaled(T, 2 * r_of(d, y, e, b), r_dot, d->edge_dot.q);
    d->edge_dot.q0[b * N + i] += two_r0;
    d->edge_dot.q0[b * N + j] -= two_r0;
  }
}

/* v_next_i += r_dot c + r (c_s s_dot + c_q q_dot) */
void egnn_move_tangents(const group *g, const layer *y, tangents *d, size_t e, size_t i) {
  const size_t T = d->T, D = d->D, ge = d->e0 + e;
  for (size_t b = 0; b < D; b++)
    g->fk->move_tangent(T, y->c[ge], d->edge_dot.r + b * T, r_of(d, y, e, b), y->c_s[ge],
                        d->edge_dot.s, y->c_q[ge], d->edge_dot.q, d->v_next + (i * D + b) * T);
}

/* The message tangents of edge e: rows listed in coef, src, cq, c0, out. */
static void run_rows(group *g, const layer *y, tangents *d, size_t e, size_t rows, size_t terms,
                     const REAL *const *coef, const REAL *const *const *src, const REAL *cq,
                     const REAL *c0, const REAL *p) {
  const size_t H = d->H;
  const enf__egnn_layer *at = y->at;
  const REAL *w = y->w, *wa = g->f->base.model.attention ? w + at->wa : NULL;
  REAL *a_dot = d->list.a_dot, *next = d->list.a_next;
  g->fk->tangent_input(rows, H, terms, coef, src, cq, w + at->wq, c0, w + at->w0, p,
                       d->slopes.slope[0] + e * H, a_dot, d->edge_dot.s);
  for (size_t k = 1; k + 1 < g->edge_depth; k++) {
    g->fk->sloped(rows, H, a_dot, w + at->edge[k].w, d->slopes.slope[k] + e * H, 0, next);
    swap(&a_dot, &next);
  }
  g->fk->tangent_message(rows, H, a_dot, w + at->edge[g->edge_depth - 1].w, d->slopes.u + e * H,
                         d->slopes.m + e * H, wa, 1 - y->gate[d->e0 + e], d->list.out);
}

/* Dense rows of edge (i,j): all T tangents of its message; s_dot too. */
static void dense_edge(group *g, const layer *y, tangents *d, size_t e, size_t i, size_t j) {
  const size_t T = d->T;
  const REAL *const coef[2] = {d->node.coef + i * T, d->node.coef + j * T};
  const REAL *const *const src[2] = {d->node.p + i * T, d->node.q + j * T};
  for (size_t t = 0; t < T; t++)
    d->list.out[t] = d->rows.agg_dot + (i * T + t) * d->H;
  run_rows(g, y, d, e, T, 2, coef, src, d->edge_dot.q, d->edge_dot.q0, d->slopes.p + e * d->H);
}

/* s_dot += p.(rows of node n's P or Q) for all tangents; offset tells P from Q. */
static void add_node_dots(group *g, tangents *d, const REAL *p, size_t n, size_t offset) {
  const size_t T = d->T, D = d->D, N = d->N, H = d->H, ld = 3 * H, first = edges_of(d, n);
  const REAL *rows = d->rows.pqu_dot + offset;
  if (d->rows.dense) {
    g->k->dots(T, H, p, rows + n * T * ld, ld, d->list.dot);
    for (size_t t = 0; t < T; t++)
      d->edge_dot.s[t] += d->list.dot[t];
    return;
  }
  g->k->dots(edges_of(d, n + 1) - first, H, p, rows + first * ld, ld, d->list.dot);
  place_by_sender(d, n, d->list.dot);
  for (size_t a = 0; a < D; a++) {
    const REAL *r = d->r_first + (a * N + n) * N;
    REAL *s = d->edge_dot.s + a * N;
    for (size_t k = 0; k < N; k++)
      s[k] -= 2 * r[k] * d->list.dot[k];
  }
  g->k->dots(D, H, p, rows + (d->E + n * D) * ld, ld, d->list.dot);
  for (size_t a = 0; a < D; a++)
    d->edge_dot.s[a * N + n] += d->list.dot[a];
}

/* s_dot of edge (i,j) for all tangents, without forming z1_dot: p.P_i + p.Q_j + ... */
static void edge_s_dot(group *g, tangents *d, size_t e, size_t i, size_t j) {
  for (size_t t = 0; t < d->T; t++)
    d->edge_dot.s[t] = d->slopes.p_wq[e] * d->edge_dot.q[t] + d->slopes.p_w0[e] * d->edge_dot.q0[t];
  add_node_dots(g, d, d->slopes.p + e * d->H, i, 0);
  add_node_dots(g, d, d->slopes.p + e * d->H, j, d->H);
}

/* ---- the layer behind the first, where the next is dense ---------------------------------------
 */

/* A (H,H), the sum of G_ij over the edges of receiver i: row z W becomes the message
   tangent y = u (slope z W2) + (1 - gate)(wa.y) m, so
     A = W2 o sum_j slope_j u_j' + sum_j v_j m_j',  v = (1 - gate) slope W2 (u wa). */
static void sum_messages(group *g, const layer *y, tangents *d, size_t i) {
  const size_t H = d->H, e = edges_of(d, i), rows = edges_of(d, i + 1) - e;
  const enf__egnn_layer *at = y->at;
  const REAL *w2 = y->w + at->edge[1].w, *wa = y->w + at->wa;
  REAL *v = d->list.a_next;
  memset(d->node.through, 0, H * H * sizeof(REAL));
  g->k->gemm_grad(rows, H, H, d->slopes.slope[0] + e * H, H, d->slopes.u + e * H, H,
                  d->node.through, H);
  for (size_t k = 0; k < H * H; k++)
    d->node.through[k] *= w2[k];
  if (!g->f->base.model.attention)
    return;
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < H; c++)
      d->list.a_dot[r * H + c] =
          (1 - y->gate[d->e0 + e + r]) * d->slopes.u[(e + r) * H + c] * wa[c];
  g->fk->sloped(rows, H, d->list.a_dot, y->w + at->edge[1].wt, d->slopes.slope[0] + e * H, H, v);
  g->k->gemm_grad(rows, H, H, v, H, d->slopes.m + e * H, H, d->node.through, H);
}

/* agg_dot begins with what P gives to the messages of each receiver. */
static void receive_rows(group *g, const layer *y, tangents *d) {
  const size_t N = d->N, D = d->D, H = d->H, ld = 3 * H;
  for (size_t i = 0; i < N; i++) {
    const size_t e = edges_of(d, i), own = d->E + i * D;
    sum_messages(g, y, d, i);
    g->k->gemm(edges_of(d, i + 1) - e, H, H, d->rows.pqu_dot + e * ld, ld, d->node.through, H, NULL,
               0, NULL, false, d->rows.z5_dot + e * H, H);
    g->k->gemm(D, H, H, d->rows.pqu_dot + own * ld, ld, d->node.through, H, NULL, 0, NULL, false,
               d->rows.z5_dot + own * H, H);
  }
  egnn_expand_rows(d, d->rows.z5_dot, H, d->rows.agg_dot);
}

/* One row of an edge's messages: coef of a row of Q, cq of wq, c0 of w0. */
static void list_row(tangents *d, size_t row, REAL coef, const REAL *src, REAL cq, REAL c0,
                     REAL *out) {
  d->list.coef[0][row] = coef;
  d->list.src[0][row] = src;
  d->list.cq[row] = cq;
  d->list.c0[row] = c0;
  d->list.out[row] = out;
}

/* The other rows of edge (i,j): the pair rows (j,k) of Q, into own (k); that of wq, into own (j);
   and the D rows of Q of node j itself. w0 joins row (j,i), which has the same coefficient, and
   the last D. Returns how many. */
static size_t list_sent_rows(tangents *d, size_t i, size_t j) {
  const size_t N = d->N, H = d->H, ld = 3 * H;
  const REAL *q = d->rows.pqu_dot + H;
  size_t row = 0;
  for (size_t e = edges_of(d, j); e < edges_of(d, j + 1); e++) {
    const size_t k = (size_t)d->send[e];
    list_row(d, row++, 1, q + e * ld, 0, k == i, d->node.own + k * H);
  }
  list_row(d, row++, 0, q, 1, 0, d->node.own + j * H);
  for (size_t a = 0; a < d->D; a++)
    list_row(d, row++, 1, q + (d->E + j * d->D + a) * ld, 0, d->edge_dot.q0[a * N + j],
             d->rows.agg_dot + (i * d->T + a * N + j) * H);
  return row;
}

static void sent_edge(group *g, const layer *y, tangents *d, size_t e, size_t i, size_t j) {
  const size_t N = d->N, D = d->D, H = d->H;
  const REAL *const coef[1] = {d->list.coef[0]}, *const *const src[1] = {d->list.src[0]};
  memset(d->node.own, 0, N * H * sizeof(REAL));
  edge_s_dot(g, d, e, i, j);
  run_rows(g, y, d, e, list_sent_rows(d, i, j), 1, coef, src, d->list.cq, d->list.c0, NULL);
  for (size_t a = 0; a < D; a++)
    for (size_t k = 0; k < N; k++)
      d->list.dot[a * N + k] = -2 * d->r_first[(a * N + j) * N + k];
  g->fk->spread(N, H, D, N, d->list.dot, d->node.own, d->edge_dot.q, d->node.own + j * H,
                d->rows.agg_dot + i * d->T * H);
}

/* ---- the layer before the last --------------------------------------------------------------- */

/* Rows (i,k) of receiver i: their P, contracted, in node_p, and where they are added up in out. */
void egnn_list_contracted_rows(tangents *d, size_t i) {
  const size_t N = d->N, D = d->D, H = d->H, ld = 3 * H;
  REAL *coef = d->node.coef;
  const REAL **p = d->node.p;
  if (!d->rows.dense)
    egnn_pair_scales(d, i, i, d->list.dot);
  size_t row = 0;
  for (size_t e = edges_of(d, i); e < edges_of(d, i + 1); e++) {
    const size_t k = (size_t)d->send[e];
    coef[row] = d->rows.dense ? 1 : d->list.dot[k];
    p[row] = d->rows.dense ? d->node.own + k * H : d->rows.pqu_dot + e * ld;
    if (d->rows.dense)
      egnn_contract_axes(d, i, k, d->rows.pqu_dot + (i * d->T + k) * ld, N * ld,
                         d->node.own + k * H);
    d->list.out[row++] = d->rows.agg_dot + e * H;
  }
  for (size_t a = 0; a < D; a++, row++) {
    coef[row] = 1;
    p[row] = d->rows.pqu_dot + (d->rows.dense ? i * d->T + a * N + i : d->E + i * D + a) * ld;
    d->list.out[row] = d->rows.agg_dot + (d->E + i * D + a) * H;
  }
}

/* cq and c0 of the rows (i,k) of edge (i,j): q_dot and q0_dot contracted, own rows as they are. */
void egnn_contract_scalars(tangents *d, size_t i) {
  const size_t N = d->N, D = d->D;
  const REAL *from[2] = {d->edge_dot.q, d->edge_dot.q0};
  REAL *to[2] = {d->list.cq, d->list.c0};
  for (int which = 0; which < 2; which++) {
    REAL *out = to[which];
    for (size_t k = 0; k < N; k++)
      out[k] = 0;
    for (size_t a = 0; a < D; a++) {
      const REAL *r = d->r_last + (a * N + i) * N, *q = from[which] + a * N;
      for (size_t k = 0; k < N; k++)
        out[k] -= r[k] * q[k];
    }
    gather_by_sender(d, i, out);
    for (size_t a = 0; a < D; a++)
      out[edges_of(d, i + 1) - edges_of(d, i) + a] = from[which][a * N + i];
  }
}

/* Q of the rows (i,k) of edge (i,j) from pair rows: one term. */
void egnn_list_pair_q(tangents *d, size_t i, size_t j) {
  const size_t N = d->N, D = d->D, H = d->H, ld = 3 * H;
  const REAL *q = d->rows.pqu_dot + H;
  REAL *coef = d->list.coef[1];
  const REAL **src = d->list.src[1];
  egnn_pair_scales(d, i, j, coef);
  size_t row = 0;
  for (size_t e = edges_of(d, i); e < edges_of(d, i + 1); e++) {
    const size_t k = (size_t)d->send[e];
    coef[row] = k == j ? 1 : coef[k];
    src[row++] = k == j ? d->node.mix : q + pair_row(d, j, k, 0) * ld;
  }
  egnn_contract_axes(d, i, j, q + (d->E + j * D) * ld, ld, d->node.mix);
  for (size_t a = 0; a < D; a++, row++) {
    coef[row] = -2 * d->r_first[(a * N + j) * N + i];
    src[row] = q + edge_of(d, j, i) * ld;
  }
}

/* The same from dense rows: one term for every axis. */
void egnn_list_dense_q(tangents *d, size_t i, size_t j) {
  const size_t N = d->N, D = d->D, ld = 3 * d->H;
  const REAL *q = d->rows.pqu_dot + d->H;
  for (size_t a = 0; a < D; a++) {
    size_t row = 0;
    for (size_t e = edges_of(d, i); e < edges_of(d, i + 1); e++) {
      const size_t k = (size_t)d->send[e];
      d->list.coef[1 + a][row] = -d->r_last[(a * N + i) * N + k];
      d->list.src[1 + a][row++] = q + (j * d->T + a * N + k) * ld;
    }
    for (size_t b = 0; b < D; b++, row++) {
      d->list.coef[1 + a][row] = a == b;
      d->list.src[1 + a][row] = q + (j * d->T + a * N + i) * ld;
    }
  }
}

/* Rows of edge (i,j) in the layer before the last: a contraction for every edge of i, and D rows
   of node i itself. */
static void contracted_edge(group *g, const layer *y, tangents *d, size_t e, size_t i, size_t j) {
  const REAL *const coef[4] = {d->node.coef, d->list.coef[1], d->list.coef[2], d->list.coef[3]};
  const REAL *const *const src[4] = {d->node.p, d->list.src[1], d->list.src[2], d->list.src[3]};
  if (e == edges_of(d, i))
    egnn_list_contracted_rows(d, i);
  edge_s_dot(g, d, e, i, j);
  egnn_contract_scalars(d, i);
  (d->rows.dense ? egnn_list_dense_q : egnn_list_pair_q)(d, i, j);
  run_rows(g, y, d, e, edges_of(d, i + 1) - edges_of(d, i) + d->D, d->rows.dense ? 1 + d->D : 2,
           coef, src, d->list.cq, d->list.c0, NULL);
}

/* ---- layers between, whole ------------------------------------------------------------------- */

/* h_dot and U in the form the layer leaves behind; U goes to z5_dot. */
void egnn_convert_rows(tangents *d, bool contract, size_t rows) {
  const size_t H = d->H, rows_out = contract ? d->E + d->T : d->N * d->T;
  const REAL *U = d->rows.pqu_dot + 2 * H;
  if (!contract && d->rows.dense) {
    for (size_t row = 0; row < rows; row++)
      memcpy(d->rows.z5_dot + row * H, U + row * 3 * H, H * sizeof(REAL));
    return;
  }
  void (*convert)(const tangents *, const REAL *, size_t, REAL *) =
      contract ? egnn_contract_rows : egnn_expand_rows;
  convert(d, d->rows.h_dot, H, d->rows.z5_dot);
  memcpy(d->rows.h_dot, d->rows.z5_dot, rows_out * H * sizeof(REAL));
  convert(d, U, 3 * H, d->rows.z5_dot);
}

void egnn_middle_layer(group *g, size_t l, tangents *d) {
  const layer *y = &g->layer[l];
  const size_t H = d->H, rows = d->rows.dense ? d->N * d->T : d->E + d->T;
  const bool contract = l + 2 == g->layers;
  const bool split = !d->rows.dense && !contract && g->edge_depth == 2;
  egnn_edge_slopes(g, l, d);
  g->k->gemm(rows, H, 3 * H, d->rows.h_dot, H, y->w + y->at->node_w, 3 * H, NULL, 0, NULL, false,
             d->rows.pqu_dot, 3 * H);
  memcpy(d->v_next, d->v_dot, d->T * d->T * sizeof(REAL));
  if (split)
    receive_rows(g, y, d);
  else
    memset(d->rows.agg_dot, 0, (contract ? d->E + d->T : d->N * d->T) * H * sizeof(REAL));
  if (!contract && !split)
    egnn_list_dense_rows(d);
  for (size_t e = 0; e < d->E; e++) {
    const size_t i = (size_t)d->recv[e], j = (size_t)d->send[e];
    egnn_edge_tangents(g, y, d, e, i, j);
    (contract ? contracted_edge : split ? sent_edge : dense_edge)(g, y, d, e, i, j);
    egnn_move_tangents(g, y, d, e, i);
  }
  REAL *v = d->v_dot;
  d->v_dot = d->v_next;
  d->v_next = v;
  egnn_convert_rows(d, contract, rows);
  egnn_node_tangents(g, l, d, !contract);
}

/* ---- last layer ------------------------------------------------------------------------------ */

/* P of the nodes' own rows behind Q of the pair rows, in agg_dot. */
void egnn_last_products(group *g, const layer *y, tangents *d) {
  const size_t H = d->H;
  const REAL *w = y->w + y->at->node_w;
  g->k->gemm(d->E, H, H, d->rows.h_dot, H, w + H, 3 * H, NULL, 0, NULL, false, d->rows.agg_dot, H);
  g->k->gemm(d->T, H, H, d->rows.h_dot + d->E * H, H, w, 3 * H, NULL, 0, NULL, false,
             d->rows.agg_dot + d->E * H, H);
}

/* sum_a of d(c r_a)/dx_k,a over the edge (k,j): its share of the trace in the last layer. */
static double edge_trace(group *g, const layer *y, const tangents *d, size_t e, size_t k,
                         size_t j) {
  const size_t D = d->D, H = d->H, T = d->T, ge = d->e0 + e;
  REAL stretch = 0, along_q = 0, along_q0 = 0, along_s = 0, dot[3];
  for (size_t a = 0; a < D; a++) {
    const size_t t = a * d->N + k;
    REAL q_dot = 0;
    for (size_t b = 0; b < D; b++) {
      const REAL r_dot = d->v_dot[(k * D + b) * T + t] - d->v_dot[(j * D + b) * T + t] + (a == b);
      q_dot += 2 * r_of(d, y, e, b) * r_dot;
      if (a == b)
        stretch += r_dot;
    }
    along_q += r_of(d, y, e, a) * q_dot;
    along_q0 += r_of(d, y, e, a) * 2 * d->r_first[(a * d->N + k) * d->N + j];
  }
  const REAL *p = d->slopes.p + e * H;
  g->k->dots(D, H, p, d->rows.agg_dot + (d->E + k * D) * H, H, dot);
  for (size_t a = 0; a < D; a++)
    along_s += r_of(d, y, e, a) * dot[a];
  g->k->dots(1, H, p, d->rows.agg_dot + edge_of(d, j, k) * H, H, dot);
  along_s += dot[0] + d->slopes.p_wq[e] * along_q + d->slopes.p_w0[e] * along_q0;
  return (double)(y->c[ge] * stretch + y->c_s[ge] * along_s + y->c_q[ge] * along_q);
}

static double last_layer(group *g, tangents *d) {
  const size_t l = g->layers - 1;
  layer *y = &g->layer[l];
  double trace = 0;
  egnn_edge_slopes(g, l, d);
  if (g->layers == 2) {
    egnn_contract_rows(d, d->rows.h_dot, d->H, d->rows.z5_dot);
    memcpy(d->rows.h_dot, d->rows.z5_dot, (d->E + d->T) * d->H * sizeof(REAL));
  }
  egnn_last_products(g, y, d);
  for (size_t e = 0; e < d->E; e++)
    trace += edge_trace(g, y, d, e, (size_t)d->recv[e], (size_t)d->send[e]);
  return trace;
}

/* Divergence of sample s of the group, after its forward pass. */
static double trace_sample(group *g, tangents *d, size_t s) {
  d->e0 = s * d->E;
  d->n0 = s * d->N;
  d->stride = g->e;
  d->rows.dense = false;
  egnn_pair_table(d, &g->layer[0], d->r_first);
  egnn_pair_table(d, &g->layer[g->layers - 1], d->r_last);
  egnn_first_layer(g, d);
  for (size_t l = 1; l + 1 < g->layers; l++)
    egnn_middle_layer(g, l, d);
  double trace = g->layers > 1 ? last_layer(g, d) : 0;
  for (size_t k = 0; k < d->N; k++)
    for (size_t a = 0; a < d->D; a++)
      trace += (double)d->v_dot[(k * d->D + a) * d->T + a * d->N + k];
  return trace;
}

void egnn_divergence(const enf__egnn *f, int kernel, enf__arena *arena, const enf__points *at,
                     double *v, double *div) {
  const size_t mark = arena->used, size = enf__shape_size(at->shape);
  group g;
  tangents d;
  feature_tangents of_features;
  egnn_open_group(&g, f, at->shape, ENF__DIVERGENCE, arena);
  if (g.F)
    egnn_layout_feature_tangents(&g, &of_features, arena);
  else
    egnn_layout_tangents(&g, &d, arena);
  g.k = KERNELS_OF(kernel);
  g.fk = FIELD_KERNELS_OF(kernel);
  for (size_t s = 0, step = g.S; s < at->S; s += step) {
    egnn_enter_samples(&g, at, s, next_samples(at, s, step));
    egnn_forward(&g);
    if (v)
      egnn_velocity_out(&g, v + s * size);
    for (size_t i = 0; i < g.S; i++)
      div[s + i] = g.F ? egnn_features_trace(&g, &of_features, i) : trace_sample(&g, &d, i);
  }
  arena->used = mark;
}
