/* trace_edges.c -- gradient of the exact trace: a layer's values backward. It is the reverse
   pass of reverse.c, with additions: every edge has one tangent, alpha, whose s_dot is wanted
   (the pair of pair.h, s_hat = 1), and message rows have left m_bar, z_bar and logit_bar. */
#include "field/egnn/trace_edges.h"

/* ds, and the direct part of dq, through c, c_s and c_q. */
static void update_grad(const group *g, const layer *y, trace_work *w, const edge_sums *sums) {
  pair_layer *curve = &w->curve;
  reverse *b = &w->b;
  egnn_coefficient_curves(g, y, curve);
  egnn_coordinate_update_grad(g, y, b);
  for (size_t e = 0; e < g->e; e++) {
    const REAL by_c = sums->by_c[e], by_s = sums->by_s[e], by_q = sums->by_q[e];
    b->ds[e] += by_c * y->c_s[e] + by_s * curve->c_ss[e] + by_q * curve->c_sq[e];
    b->dq[e] += by_c * y->c_q[e] + by_s * curve->c_sq[e] + by_q * curve->c_qq[e];
  }
}

/* bar (rows,H) += what rows of messages left for pre-activation k, silu''(z) z_bar[k]. */
static void add_curve(group *g, trace_work *w, size_t k, size_t e, size_t rows, const REAL *z,
                      REAL *bar) {
  const size_t count = rows * g->H;
  REAL *extra = w->none + count;
  if (!w->messages)
    return;
  g->fk->pair_silu(count, z, w->z_bar[k] + e * g->H, w->none, w->none, w->none, extra);
  add_row(count, 1, extra, bar);
}

static void add_messages(const group *g, trace_work *w, const layer *y, size_t e, size_t rows) {
  const size_t H = g->H;
  if (!w->messages || !g->f->base.model.attention)
    return;
  for (size_t r = 0; r < rows; r++) {
    const REAL logit = w->logit_bar[e + r];
    w->logits[r] += logit;
    if (!w->b.grad)
      continue;
    w->b.grad[y->at->ba] += logit;
    add_row(H, logit, w->m + r * H, w->b.grad + y->at->wa);
  }
}

/* Values and alpha of a tile forward: z1, z[k], gate, m, u3. */
static void tile_forward(group *g, trace_work *w, const layer *y, const edge_sums *sums, size_t e,
                         size_t rows) {
  const enf__egnn_layer *at = y->at;
  const size_t H = g->H, half = rows * H;
  const REAL *wts = y->w, *q0 = g->layer[0].q;
  const REAL *wa = g->f->base.model.attention ? wts + at->wa : NULL, *in = w->a;
  for (size_t r = 0; r < rows; r++) {
    const REAL *P = y->pqu + (size_t)y->row_i[e + r] * 3 * H;
    const REAL *Q = y->pqu + (size_t)y->row_j[e + r] * 3 * H + H;
    for (size_t c = 0; c < H; c++)
      w->z1[r * H + c] = P[c] + Q[c] + wts[at->wq + c] * y->q[e + r] + wts[at->w0 + c] * q0[e + r];
  }
  g->fk->pair_silu(half, w->z1, sums->alpha + e * H, w->a, w->a + half, w->slope, w->slope + half);
  for (size_t k = 1; k < g->edge_depth; k++, in = w->m) {
    REAL *z = w->z[k];
    g->k->gemm(2 * rows, H, H, in, H, wts + at->edge[k].w, H, NULL, 0, NULL, false, z, H);
    g->fk->pair_message(rows, H, z, z + half, wts + at->edge[k].b,
                        k + 1 == g->edge_depth ? wa : NULL, wts[at->ba], w->m, w->m + half, w->gate,
                        w->gate_dot);
  }
  g->k->gemm(2 * rows, H, H, w->m, H, wts + at->coord.w, H, NULL, 0, NULL, false, w->u3, H);
}

/* From ds and dagg to the cotangents of z[top], in w->bar. */
static void tile_top_grad(group *g, size_t l, trace_work *w, size_t e, size_t rows) {
  layer *y = &g->layer[l];
  reverse *b = &w->b;
  const enf__egnn_layer *at = y->at;
  const size_t H = g->H, half = rows * H, top = g->edge_depth - 1;
  const REAL *wts = y->w, *wa = g->f->base.model.attention ? wts + at->wa : NULL, *z = w->z[top];
  const REAL *agg_bar = l + 1 < g->layers ? b->dagg : NULL;
  const pair_coordinate_grad of = {.s_bar = b->ds + e,
                                   .s_hat = w->one,
                                   .gate = w->gate,
                                   .gate_dot = w->gate_dot,
                                   .u3 = w->u3,
                                   .u3_dot = w->u3 + half,
                                   .z2 = z,
                                   .z2_dot = z + half,
                                   .b3 = wts + at->coord.b,
                                   .w4 = wts + at->w4,
                                   .wa = wa,
                                   .seg = g->recv + e,
                                   .dagg = agg_bar,
                                   .dagg_dot = w->no_hat,
                                   .m = w->m,
                                   .m_dot = w->m + half,
                                   .u3_bar = w->next,
                                   .u3_hat = w->next + half,
                                   .logit_bar = w->logits,
                                   .logit_hat = w->logits_hat,
                                   .dw4 = grad_of(b, at->w4),
                                   .db3 = grad_of(b, at->coord.b),
                                   .dwa = grad_of(b, at->wa),
                                   .dba = grad_of(b, at->ba)};
  g->fk->pair_coordinate_grad(rows, H, &of);
  add_messages(g, w, y, e, rows);
  if (b->grad)
    g->k->gemm_grad(2 * rows, H, H, w->m, H, w->next, H, b->grad + at->coord.w, H);
  g->k->gemm(2 * rows, H, H, w->next, H, wts + at->coord.wt, H, NULL, 0, NULL, false, w->bar, H);
  if (w->messages)
    add_row(half, 1, w->m_bar + e * H, w->bar);
  g->fk->pair_message_grad(rows, H, z, z + half, w->gate, w->gate_dot, g->recv + e, agg_bar,
                           w->no_hat, w->logits, w->logits_hat, wa, w->bar, w->bar + half, NULL);
  add_curve(g, w, top, e, rows, z, w->bar);
}

/* On through linear layer k of the edge network: from the cotangents of z[k], in w->bar, to those
   of z[k-1], whose values are in z and z_dot. */
static void tile_layer_grad(group *g, trace_work *w, const layer *y, size_t k, size_t e,
                            size_t rows, const REAL *z, const REAL *z_dot) {
  const enf__egnn_linear *at = &y->at->edge[k];
  const size_t H = g->H, half = rows * H;
  g->fk->pair_silu(half, z, z_dot, w->a, w->a + half, w->slope, w->slope + half);
  if (w->b.grad) {
    g->k->gemm_grad(2 * rows, H, H, w->a, H, w->bar, H, w->b.grad + at->w, H);
    add_column_sums(rows, H, w->bar, H, w->b.grad + at->b);
  }
  g->k->gemm(2 * rows, H, H, w->bar, H, y->w + at->wt, H, NULL, 0, NULL, false, w->next, H);
  g->fk->pair_slope(half, w->slope, w->slope + half, w->next, w->next + half);
  add_curve(g, w, k - 1, e, rows, z, w->next);
  swap(&w->bar, &w->next);
}

/* From the cotangents of z1 to P, Q, q, q0 and the weights. */
static void tile_input_grad(group *g, trace_work *w, const layer *y, const edge_sums *sums,
                            size_t e, size_t rows) {
  reverse *b = &w->b;
  const enf__egnn_layer *at = y->at;
  const size_t H = g->H;
  const REAL *q0 = g->layer[0].q, *hat = w->bar + rows * H;
  REAL *dwq = b->grad ? b->grad + at->wq : b->scratch;
  REAL *dw0 = b->grad ? b->grad + at->w0 : b->scratch + H;
  g->k->dots(rows, H, y->w + at->wq, w->bar, H, b->dq_net + e);
  g->k->dots(rows, H, y->w + at->w0, w->bar, H, b->dq0_net + e);
  g->fk->edge_scatter(rows, H, w->bar, y->row_i + e, y->row_j + e, y->q + e, q0 + e, b->dpqu,
                      b->dpqu + H, 3 * H, dwq, dw0);
  for (size_t r = 0; b->grad && r < rows; r++) {
    add_row(H, sums->alpha_q[e + r], hat + r * H, dwq);
    add_row(H, sums->alpha_q0[e + r], hat + r * H, dw0);
  }
}

static void edges_grad(group *g, size_t l, trace_work *w, const edge_sums *sums) {
  const layer *y = &g->layer[l];
  for (size_t e = 0; e < g->e; e += g->tile) {
    const size_t rows = g->e - e < g->tile ? g->e - e : g->tile;
    tile_forward(g, w, y, sums, e, rows);
    tile_top_grad(g, l, w, e, rows);
    for (size_t k = g->edge_depth - 1; k > 1; k--)
      tile_layer_grad(g, w, y, k, e, rows, w->z[k - 1], w->z[k - 1] + rows * g->H);
    tile_layer_grad(g, w, y, 1, e, rows, w->z1, sums->alpha + e * g->H);
    tile_input_grad(g, w, y, sums, e, rows);
  }
}

/* x gains the derivatives by r of all edges from a (D,N,N) table. */
void egnn_add_pair_grads(const tangents *d, const REAL *table, REAL *x) {
  for (size_t a = 0; a < d->D; a++)
    for (size_t e = 0; e < d->E; e++) {
      const size_t i = (size_t)d->recv[e], k = (size_t)d->send[e];
      const REAL bar = table[(a * d->N + i) * d->N + k];
      x[i * d->D + a] += bar;
      x[k * d->D + a] -= bar;
    }
}

/* A layer's values, from dx and dh behind it to those before it. */
void egnn_values_grad(group *g, size_t l, trace_work *w, const edge_sums *sums) {
  layer *y = &g->layer[l];
  reverse *b = &w->b;
  const size_t D = g->D;
  memset(b->dpqu, 0, node_rows(g, l) * 3 * g->H * sizeof(REAL));
  if (l + 1 < g->layers)
    egnn_node_network_grad(g, l, b);
  else
    memset(b->dh, 0, g->n * g->H * sizeof(REAL));
  update_grad(g, y, w, sums);
  edges_grad(g, l, w, sums);
  egnn_pair_vectors_grad(g, y, b, g->v);
  for (size_t e = 0; e < g->e; e++)
    for (size_t a = 0; a < D; a++) {
      g->v[(size_t)g->recv[e] * D + a] += sums->r_bar[a * g->e + e];
      g->v[(size_t)g->send[e] * D + a] -= sums->r_bar[a * g->e + e];
    }
  memcpy(b->dx, g->v, g->n * D * sizeof(REAL));
  egnn_node_input_grad(g, l, b);
}
