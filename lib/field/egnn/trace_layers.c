/* trace_layers.c -- gradient of the exact trace: a layer's tangents, from the cotangents
   behind it to those before it, and what its values receive (edge_sums, m_bar, z_bar ...).
   docs/math.md, "Gradient of the exact divergence". Edge (i,j) has, for every tangent t,

     z1_dot = P_dot_i + Q_dot_j + wq q_dot + w0 q0_dot,  s_dot = p.z1_dot,
     v_dot_i += c r_dot + r (c_s s_dot + c_q q_dot),  q_dot = 2 r.r_dot.

   With u_hat the cotangent of v_dot behind the layer, rho = u_hat_i.r and s_hat = c_s rho,

     z1_hat = s_hat p + (message rows),  q_hat = c_q rho + wq.z1_hat,  q0_hat = w0.z1_hat,
     r_hat = c u_hat_i + 2 r q_hat, which u_hat_i gains and u_hat_j loses,
     r_bar = sum_t u_hat_i (c_s s_dot + c_q q_dot) + 2 q_hat r_dot.

   Layers between read and leave dense rows; the one before the last leaves contracted rows, and
   where it is the second layer it reads pair rows (divergence.c). */
#include "field/egnn/trace_layers.h"

static REAL *trace_grad(const trace_work *w, size_t offset) { return grad_of(&w->b, offset); }

/* ---- the part of positions ------------------------------------------------------------------- */

static void begin_edge(const layer *y, trace_work *w, size_t e, size_t i) {
  const tangents *d = &w->d;
  const size_t T = d->T;
  const REAL c_s = y->c_s[e], c_q = y->c_q[e], p_wq = d->slopes.p_wq[e], p_w0 = d->slopes.p_w0[e];
  fill(T, 0, w->rho);
  for (size_t b = 0; b < d->D; b++)
    add_row(T, r_of(d, y, e, b), w->u_hat + (i * d->D + b) * T, w->rho);
  for (size_t t = 0; t < T; t++) {
    w->s_hat[t] = c_s * w->rho[t];
    w->q_hat[t] = c_q * w->rho[t] + p_wq * w->s_hat[t];
    w->q0_hat[t] = p_w0 * w->s_hat[t];
    d->edge_dot.s[t] = p_wq * d->edge_dot.q[t] + p_w0 * d->edge_dot.q0[t];
  }
}

/* One row of P or Q with s_hat f: alpha and the row's cotangent. */
static inline void couple_row(const trace_work *w, size_t e, size_t at, REAL f) {
  const size_t H = w->d.H;
  const REAL *p = w->d.slopes.p + e * H, *in = w->d.rows.pqu_dot + at;
  REAL *restrict alpha = w->sums.alpha + e * H, *restrict hat = w->pqu_hat + at;
  for (size_t c = 0; c < H; c++) {
    alpha[c] += f * in[c];
    hat[c] += f * p[c];
  }
}

static void couple_dense_node(const group *g, trace_work *w, size_t e, size_t n, size_t offset) {
  const tangents *d = &w->d;
  const size_t T = d->T, H = d->H, at = n * T * 3 * H + offset;
  g->k->dots(T, H, d->slopes.p + e * H, d->rows.pqu_dot + at, 3 * H, d->list.dot);
  add_row(T, 1, d->list.dot, d->edge_dot.s);
  for (size_t t = 0; t < T; t++)
    couple_row(w, e, at + t * 3 * H, w->s_hat[t]);
}

/* The rows of node n's P (offset 0) or Q (offset H): s_dot gains p.row, and they meet s_hat. */
static void couple_pair_node(const group *g, trace_work *w, size_t e, size_t n, size_t offset) {
  const tangents *d = &w->d;
  const size_t N = d->N, D = d->D, H = d->H, ld = 3 * H;
  const size_t first = edges_of(d, n), count = edges_of(d, n + 1) - first;
  const size_t own = (d->E + n * D) * ld + offset;
  g->k->dots(count, H, d->slopes.p + e * H, d->rows.pqu_dot + first * ld + offset, ld, d->list.dot);
  for (size_t row = 0; row < count; row++) {
    const size_t k = (size_t)d->send[first + row];
    REAL f = 0;
    for (size_t a = 0; a < D; a++) {
      const size_t nk = (a * N + n) * N + k;
      const REAL coef = -2 * d->r_first[nk];
      f += coef * w->s_hat[a * N + k];
      d->edge_dot.s[a * N + k] += coef * d->list.dot[row];
      w->first_bar[nk] -= 2 * w->s_hat[a * N + k] * d->list.dot[row];
    }
    couple_row(w, e, (first + row) * ld + offset, f);
  }
  g->k->dots(D, H, d->slopes.p + e * H, d->rows.pqu_dot + own, ld, d->list.dot);
  for (size_t a = 0; a < D; a++) {
    d->edge_dot.s[a * N + n] += d->list.dot[a];
    couple_row(w, e, own + a * ld, w->s_hat[a * N + n]);
  }
}

/* Sums over the tangents of one edge. */
static void sum_edge(const layer *y, trace_work *w, size_t e, size_t i) {
  const tangents *d = &w->d;
  const size_t T = d->T, H = d->H;
  REAL by_c = 0, by_s = 0, by_q = 0, alpha_q = 0, alpha_q0 = 0;
  for (size_t t = 0; t < T; t++) {
    by_s += w->rho[t] * d->edge_dot.s[t];
    by_q += w->rho[t] * d->edge_dot.q[t];
    alpha_q += w->s_hat[t] * d->edge_dot.q[t];
    alpha_q0 += w->s_hat[t] * d->edge_dot.q0[t];
  }
  for (size_t b = 0; b < d->D; b++) {
    const REAL *u = w->u_hat + (i * d->D + b) * T, *r_dot = d->edge_dot.r + b * T;
    for (size_t t = 0; t < T; t++)
      by_c += u[t] * r_dot[t];
  }
  w->sums.by_c[e] = by_c;
  w->sums.by_s[e] = by_s;
  w->sums.by_q[e] = by_q;
  w->sums.alpha_q[e] = alpha_q;
  w->sums.alpha_q0[e] = alpha_q0;
  add_row(H, alpha_q, y->w + y->at->wq, w->sums.alpha + e * H);
  add_row(H, alpha_q0, y->w + y->at->w0, w->sums.alpha + e * H);
}

/* r_hat and r_bar of the edge, once q_hat and q0_hat are whole. */
static void end_edge(const layer *y, trace_work *w, size_t e, size_t i, size_t j) {
  const tangents *d = &w->d;
  const size_t T = d->T, D = d->D, N = d->N;
  const REAL c = y->c[e], c_s = y->c_s[e], c_q = y->c_q[e];
  for (size_t b = 0; b < D; b++) {
    const REAL two_r = 2 * r_of(d, y, e, b), *u = w->u_hat + (i * D + b) * T;
    const REAL *r_dot = d->edge_dot.r + b * T;
    REAL *to_i = w->u_next + (i * D + b) * T, *to_j = w->u_next + (j * D + b) * T, bar = 0;
    for (size_t t = 0; t < T; t++) {
      const REAL hat = c * u[t] + two_r * w->q_hat[t];
      to_i[t] += hat;
      to_j[t] -= hat;
      bar += u[t] * (c_s * d->edge_dot.s[t] + c_q * d->edge_dot.q[t]) + 2 * w->q_hat[t] * r_dot[t];
    }
    w->sums.r_bar[b * d->E + e] = bar;
    w->first_bar[(b * N + i) * N + j] += 2 * (w->q0_hat[b * N + i] - w->q0_hat[b * N + j]);
  }
}

/* ---- message rows ---------------------------------------------------------------------------- */

/* z1_dot rows from coef, src, cq, c0 as run_rows has them; z1_hat. */
static const REAL *edge_rows(group *g, trace_work *w, const layer *y, size_t e, size_t rows,
                             size_t terms, const REAL *const *coef, const REAL *const *const *src,
                             const REAL *cq, const REAL *c0) {
  const tangents *d = &w->d;
  const row_set s = {.e = e, .step = 0, .count = rows, .out = d->list.out};
  const REAL *wq = y->w + y->at->wq, *w0 = y->w + y->at->w0;
  g->fk->tangent_input(rows, d->H, terms, coef, src, cq, wq, c0, w0, NULL, w->unit, w->row_dot[0],
                       NULL);
  for (size_t r = 0; r < rows; r++)
    w->message_hat[r] = w->agg_hat + (d->list.out[r] - d->rows.agg_dot);
  const REAL *hat = egnn_message_rows(g, w, y, &s);
  for (size_t r = 0; w->b.grad && r < rows; r++) {
    add_row(d->H, cq[r], hat + r * d->H, trace_grad(w, y->at->wq));
    add_row(d->H, c0[r], hat + r * d->H, trace_grad(w, y->at->w0));
  }
  return hat;
}

static void dense_edge_grad(group *g, trace_work *w, const layer *y, size_t e, size_t i, size_t j) {
  tangents *d = &w->d;
  const size_t T = d->T, H = d->H;
  const REAL *const coef[2] = {d->node.coef + i * T, d->node.coef + j * T};
  const REAL *const *const src[2] = {d->node.p + i * T, d->node.q + j * T};
  for (size_t t = 0; t < T; t++)
    d->list.out[t] = d->rows.agg_dot + (i * T + t) * H;
  const REAL *hat = edge_rows(g, w, y, e, T, 2, coef, src, d->edge_dot.q, d->edge_dot.q0);
  for (size_t t = 0; t < T; t++) {
    add_row(H, 1, hat + t * H, w->pqu_hat + (i * T + t) * 3 * H);
    add_row(H, 1, hat + t * H, w->pqu_hat + (j * T + t) * 3 * H + H);
  }
  g->k->dots(T, H, y->w + y->at->wq, hat, H, d->list.cq);
  g->k->dots(T, H, y->w + y->at->w0, hat, H, d->list.c0);
  add_row(T, 1, d->list.cq, w->q_hat);
  add_row(T, 1, d->list.c0, w->q0_hat);
}

/* Reverse of egnn_contract_scalars, from the cotangents bar (rows) of cq or c0. */
static void contract_scalars_grad(trace_work *w, size_t i, const REAL *bar, const REAL *q_dot,
                                  REAL *q_hat) {
  const tangents *d = &w->d;
  const size_t N = d->N;
  const size_t first = edges_of(d, i), count = edges_of(d, i + 1) - first;
  for (size_t a = 0; a < d->D; a++) {
    for (size_t row = 0; row < count; row++) {
      const size_t k = (size_t)d->send[first + row], ik = (a * N + i) * N + k;
      w->last_bar[ik] -= bar[row] * q_dot[a * N + k];
      q_hat[a * N + k] -= d->r_last[ik] * bar[row];
    }
    q_hat[a * N + i] += bar[count + a];
  }
}

/* A scaled pair row (j,k) of P or Q in contracted row (i,k): its cotangent and its scale's. */
static void pair_row_grad(const group *g, trace_work *w, size_t i, size_t j, size_t k,
                          size_t offset, REAL f, const REAL *hat) {
  const size_t H = w->d.H, at = pair_row(&w->d, j, k, 0) * 3 * H + offset;
  REAL dot;
  g->k->dots(1, H, hat, w->d.rows.pqu_dot + at, H, &dot);
  egnn_scale_grad(w, i, j, k, dot);
  add_row(H, f, hat, w->pqu_hat + at);
}

/* Cotangents of P and Q from those of the contracted rows of edge (i,j), whose rows are pair rows.
   P is the same for all edges of the receiver, so its share is summed in own_hat. */
static void unlist_pair_rows(const group *g, trace_work *w, size_t i, size_t j, const REAL *hat) {
  const tangents *d = &w->d;
  const size_t N = d->N, D = d->D, H = d->H, ld = 3 * H;
  size_t row = 0;
  for (size_t e = edges_of(d, i); e < edges_of(d, i + 1); e++) {
    const size_t k = (size_t)d->send[e];
    const REAL *from = hat + row * H;
    add_row(H, 1, from, w->own_hat + k * H);
    if (k == j) {
      const size_t at = (d->E + j * D) * ld + H;
      egnn_contract_axes_grad(g, w, i, j, d->rows.pqu_dot + at, ld, from, w->pqu_hat + at, ld);
    } else {
      pair_row_grad(g, w, i, j, k, H, d->list.coef[1][row], from);
    }
    row++;
  }
  for (size_t a = 0; a < D; a++, row++) {
    const size_t ji = edge_of(d, j, i) * ld + H;
    REAL dot;
    add_row(H, 1, hat + row * H, w->pqu_hat + (d->E + i * D + a) * ld);
    g->k->dots(1, H, hat + row * H, d->rows.pqu_dot + ji, H, &dot);
    w->first_bar[(a * N + j) * N + i] -= 2 * dot;
    add_row(H, d->list.coef[1][row], hat + row * H, w->pqu_hat + ji);
  }
}

/* The same with dense rows. */
static void unlist_dense_rows(const group *g, trace_work *w, size_t i, size_t j, const REAL *hat) {
  const tangents *d = &w->d;
  const size_t N = d->N, T = d->T, H = d->H, ld = 3 * H;
  size_t row = 0;
  for (size_t e = edges_of(d, i); e < edges_of(d, i + 1); e++) {
    const size_t k = (size_t)d->send[e], at = (j * T + k) * ld + H;
    const REAL *from = hat + row++ * H;
    add_row(H, 1, from, w->own_hat + k * H);
    egnn_contract_axes_grad(g, w, i, k, d->rows.pqu_dot + at, N * ld, from, w->pqu_hat + at,
                            N * ld);
  }
  for (size_t a = 0; a < d->D; a++, row++) {
    add_row(H, 1, hat + row * H, w->pqu_hat + (i * T + a * N + i) * ld);
    add_row(H, 1, hat + row * H, w->pqu_hat + (j * T + a * N + i) * ld + H);
  }
}

/* P of the receiver, after its last edge. */
static void contract_receiver_grad(const group *g, trace_work *w, size_t i) {
  const tangents *d = &w->d;
  const size_t H = d->H, ld = 3 * H, first = edges_of(d, i);
  for (size_t e = first; e < edges_of(d, i + 1); e++) {
    const size_t k = (size_t)d->send[e], at = (i * d->T + k) * ld;
    const REAL *hat = w->own_hat + k * H;
    if (d->rows.dense)
      egnn_contract_axes_grad(g, w, i, k, d->rows.pqu_dot + at, d->N * ld, hat, w->pqu_hat + at,
                              d->N * ld);
    else
      pair_row_grad(g, w, i, i, k, 0, d->node.coef[e - first], hat);
  }
}

static void contracted_edge_grad(group *g, trace_work *w, const layer *y, size_t e, size_t i,
                                 size_t j) {
  tangents *d = &w->d;
  const size_t first = edges_of(d, i), end = edges_of(d, i + 1), rows = end - first + d->D;
  const size_t H = d->H;
  const REAL *const coef[4] = {d->node.coef, d->list.coef[1], d->list.coef[2], d->list.coef[3]};
  const REAL *const *const src[4] = {d->node.p, d->list.src[1], d->list.src[2], d->list.src[3]};
  if (e == first) {
    egnn_list_contracted_rows(d, i);
    fill(d->N * H, 0, w->own_hat);
  }
  egnn_contract_scalars(d, i);
  (d->rows.dense ? egnn_list_dense_q : egnn_list_pair_q)(d, i, j);
  const REAL *hat =
      edge_rows(g, w, y, e, rows, d->rows.dense ? 1 + d->D : 2, coef, src, d->list.cq, d->list.c0);
  (d->rows.dense ? unlist_dense_rows : unlist_pair_rows)(g, w, i, j, hat);
  if (e + 1 == end)
    contract_receiver_grad(g, w, i);
  g->k->dots(rows, H, y->w + y->at->wq, hat, H, d->list.cq);
  g->k->dots(rows, H, y->w + y->at->w0, hat, H, d->list.c0);
  contract_scalars_grad(w, i, d->list.cq, d->edge_dot.q, w->q_hat);
  contract_scalars_grad(w, i, d->list.c0, d->edge_dot.q0, w->q0_hat);
}

/* ---- layers between -------------------------------------------------------------------------- */

/* Residual and U: from behind the layer, h_hat and node_in[0], to h_in and pqu_hat. */
static void begin_layer_grad(const group *g, trace_work *w, size_t l, bool contract) {
  const tangents *d = &w->d;
  const size_t H = d->H, rows = rows_of(w, d->rows.dense);
  fill(rows * 3 * H, 0, w->pqu_hat);
  if (!contract) {
    memcpy(w->h_in, w->h_hat, rows * H * sizeof(REAL));
    for (size_t row = 0; row < rows; row++)
      memcpy(w->pqu_hat + row * 3 * H + 2 * H, w->node_in[0] + row * H, H * sizeof(REAL));
    return;
  }
  fill(rows * H, 0, w->h_in);
  egnn_contract_rows_grad(g, w, d->rows.dense, h_kept(g, w, l), H, w->h_hat, w->h_in, H);
  egnn_contract_rows_grad(g, w, d->rows.dense, d->rows.pqu_dot + 2 * H, 3 * H, w->node_in[0],
                          w->pqu_hat + 2 * H, 3 * H);
}

static void between_edges(group *g, trace_work *w, const layer *y, bool contract) {
  tangents *d = &w->d;
  void (*couple)(const group *, trace_work *, size_t, size_t, size_t) =
      d->rows.dense ? couple_dense_node : couple_pair_node;
  if (!contract)
    egnn_list_dense_rows(d);
  for (size_t e = 0; e < d->E; e++) {
    const size_t i = (size_t)g->recv[e], j = (size_t)g->send[e];
    egnn_edge_tangents(g, y, d, e, i, j);
    begin_edge(y, w, e, i);
    couple(g, w, e, i, 0);
    couple(g, w, e, j, d->H);
    egnn_move_tangents(g, y, d, e, i);
    sum_edge(y, w, e, i);
    (contract ? contracted_edge_grad : dense_edge_grad)(g, w, y, e, i, j);
    end_edge(y, w, e, i, j);
  }
}

/* A layer between, whose h_dot (also in h_kept) and v_dot are in d: they become those behind it,
   h_hat and u_hat those before it. */
void egnn_between_layer_grad(group *g, trace_work *w, size_t l, bool contract) {
  layer *y = &g->layer[l];
  tangents *d = &w->d;
  const size_t H = d->H, rows = rows_of(w, d->rows.dense), squares = d->T * d->T * sizeof(REAL);
  egnn_edge_slopes(g, l, d);
  g->k->gemm(rows, H, 3 * H, d->rows.h_dot, H, y->w + y->at->node_w, 3 * H, NULL, 0, NULL, false,
             d->rows.pqu_dot, 3 * H);
  memcpy(d->v_next, d->v_dot, squares);
  memcpy(w->u_next, w->u_hat, squares);
  fill(rows_of(w, !contract) * H, 0, d->rows.agg_dot);
  fill(d->E * H, 0, w->sums.alpha);
  egnn_node_rows_back(g, w, y, !contract);
  begin_layer_grad(g, w, l, contract);
  egnn_begin_messages(g, w);
  between_edges(g, w, y, contract);
  egnn_end_messages(g, w, y);
  swap(&d->v_dot, &d->v_next);
  swap(&w->u_hat, &w->u_next);
  egnn_convert_rows(d, contract, rows);
  egnn_node_tangent_rows(g, w, y, !contract);
  d->rows.dense = !contract;
  if (w->b.grad)
    g->k->gemm_grad(rows, H, 3 * H, h_kept(g, w, l), H, w->pqu_hat, 3 * H,
                    trace_grad(w, y->at->node_w), 3 * H);
  g->k->gemm(rows, 3 * H, H, w->pqu_hat, 3 * H, y->w + y->at->node_wt, H, w->h_in, H, NULL, false,
             w->h_hat, H);
}
