/* pair_reverse.c -- the reverse pass of a value with its tangent: see pair.h. */
#include "field/egnn/pair.h"

/* Linear layers depth-1 ... 1 of the node network backwards: from h_bar, h_hat to z5_bar, z5_hat.
 */
static void node_layers_pair_grad(group *g, layer *y, pair_layer *d, pair *p) {
  const size_t H = g->H, n = g->n, all = n * H;
  const REAL *bar = p->h_bar, *hat = p->h_hat;
  for (size_t k = g->node_depth - 1; k > 0; k--) {
    const enf__egnn_linear *at = &y->at->node[k];
    REAL *bar_out = k % 2 ? p->z5_bar : p->agg_bar, *hat_out = k % 2 ? p->z5_hat : p->agg_hat;
    g->fk->pair_silu(all, y->z5[k - 1], d->z5_dot[k - 1], p->a5, p->a5 + all, p->slope5,
                     p->slope5 + all);
    if (p->grad) {
      g->k->gemm_grad(n, H, H, p->a5, H, bar, H, p->grad + at->w, H);
      g->k->gemm_grad(n, H, H, p->a5 + all, H, hat, H, p->grad + at->w, H);
      add_column_sums(n, H, bar, H, p->grad + at->b);
    }
    g->k->gemm(n, H, H, bar, H, y->w + at->wt, H, NULL, 0, NULL, false, bar_out, H);
    g->k->gemm(n, H, H, hat, H, y->w + at->wt, H, NULL, 0, NULL, false, hat_out, H);
    g->fk->pair_slope(all, p->slope5, p->slope5 + all, bar_out, hat_out);
    bar = bar_out;
    hat = hat_out;
  }
}

static void node_network_pair_grad(group *g, size_t l, pair *p) {
  layer *y = &g->layer[l];
  pair_layer *d = &p->layer[l];
  const size_t H = g->H, n = g->n;
  const REAL *w = y->w;
  node_layers_pair_grad(g, y, d, p);
  g->k->gemm(n, H, H, p->z5_bar, H, w + y->at->w5t, H, NULL, 0, NULL, false, p->agg_bar, H);
  g->k->gemm(n, H, H, p->z5_hat, H, w + y->at->w5t, H, NULL, 0, NULL, false, p->agg_hat, H);
  for (size_t i = 0; i < n; i++) {
    const size_t row = l ? i : (size_t)g->node_class[i];
    for (size_t c = 0; c < H; c++) {
      p->pqu_bar[row * 3 * H + 2 * H + c] += p->z5_bar[i * H + c];
      p->pqu_hat[row * 3 * H + 2 * H + c] += p->z5_hat[i * H + c];
    }
  }
  if (!p->grad)
    return;
  g->k->gemm_grad(n, H, H, y->agg, H, p->z5_bar, H, p->grad + y->at->w5, H);
  g->k->gemm_grad(n, H, H, d->agg_dot, H, p->z5_hat, H, p->grad + y->at->w5, H);
}

/* From the cotangents of v, v_dot (and x, x_dot) to those of s, s_dot and, directly, q, q_dot. */
static void coordinate_update_pair_grad(const group *g, const layer *y, const pair_layer *d,
                                        pair *p) {
  for (size_t e = 0; e < g->e; e++) {
    const size_t at = (size_t)g->recv[e] * g->D;
    REAL c_bar = 0, c_hat = 0;
    for (size_t a = 0; a < g->D; a++) {
      const REAL bar = p->v_bar[at + a] + p->x_bar[at + a],
                 hat = p->v_hat[at + a] + p->x_hat[at + a];
      c_bar += bar * y->r[a * g->e + e] + hat * d->r_dot[a * g->e + e];
      c_hat += hat * y->r[a * g->e + e];
    }
    p->s_bar[e] = c_bar * y->c_s[e] + c_hat * (d->c_ss[e] * d->s_dot[e] + d->c_sq[e] * d->q_dot[e]);
    p->q_bar[e] = c_bar * y->c_q[e] + c_hat * (d->c_sq[e] * d->s_dot[e] + d->c_qq[e] * d->q_dot[e]);
    p->s_hat[e] = c_hat * y->c_s[e];
    p->q_hat[e] = c_hat * y->c_q[e];
  }
}

/* Back through linear layers top ... 2 of the edge network for a tile of edges, from the cotangents
   of z[top] in z_bar to those of z[1], which are returned. */
static REAL *edge_layers_pair_grad(group *g, layer *y, const pair_layer *d, pair *p, size_t e,
                                   size_t rows) {
  const size_t H = g->H, half = rows * H;
  REAL *bar = p->z_bar, *next = p->u3_bar;
  for (size_t k = g->edge_depth - 1; k > 1; k--) {
    const REAL *z = d->z[k - 1] + 2 * e * H;
    const enf__egnn_linear *at = &y->at->edge[k];
    g->fk->pair_silu(half, z, z + half, p->a, p->a + half, p->slope1, p->slope1 + half);
    g->k->gemm(2 * rows, H, H, bar, H, y->w + at->wt, H, NULL, 0, NULL, false, next, H);
    g->fk->pair_slope(half, p->slope1, p->slope1 + half, next, next + half);
    if (p->grad) {
      g->k->gemm_grad(2 * rows, H, H, p->a, H, bar, H, p->grad + at->w, H);
      add_column_sums(rows, H, next, H, p->grad + y->at->edge[k - 1].b);
    }
    swap(&bar, &next);
  }
  return bar;
}

/* One tile of edges from the cotangents of u3 and z[top] down to P, Q, q and the weights. */
static void edge_tile_grad(group *g, size_t l, pair *p, size_t e, size_t rows) {
  layer *y = &g->layer[l];
  pair_layer *d = &p->layer[l];
  const enf__egnn_layer *at = y->at;
  const size_t H = g->H, half = rows * H;
  const REAL *w = y->w, *q0 = g->layer[0].q, *q0_dot = p->layer[0].q_dot;
  REAL *dwq = p->grad ? p->grad + at->wq : p->scratch;
  REAL *dw0 = p->grad ? p->grad + at->w0 : p->scratch + H;
  if (p->grad)
    g->k->gemm_grad(2 * rows, H, H, p->m, H, p->u3_bar, H, p->grad + at->coord.w, H);
  const REAL *z_bar = edge_layers_pair_grad(g, y, d, p, e, rows);
  g->fk->pair_input(rows, H, y->pqu, d->pqu_dot, 3 * H, y->row_i + e, y->row_j + e, w + at->wq,
                    w + at->w0, y->q + e, d->q_dot + e, q0 + e, q0_dot + e, p->a, p->a + half,
                    p->slope1, p->slope1 + half);
  if (p->grad)
    g->k->gemm_grad(2 * rows, H, H, p->a, H, z_bar, H, p->grad + at->edge[1].w, H);
  g->k->gemm(2 * rows, H, H, z_bar, H, w + at->edge[1].wt, H, NULL, 0, NULL, false, p->a, H);
  g->fk->pair_slope(half, p->slope1, p->slope1 + half, p->a, p->a + half);
  g->k->dots(2 * rows, H, w + at->wq, p->a, H, p->net_q);
  g->k->dots(2 * rows, H, w + at->w0, p->a, H, p->net_q0);
  for (size_t r = 0; r < rows; r++) {
    p->q_bar[e + r] += p->net_q[r];
    p->q_hat[e + r] += p->net_q[rows + r];
    p->q0_bar[e + r] += p->net_q0[r];
    p->q0_hat[e + r] += p->net_q0[rows + r];
  }
  g->fk->edge_scatter(rows, H, p->a, y->row_i + e, y->row_j + e, y->q + e, q0 + e, p->pqu_bar,
                      p->pqu_bar + H, 3 * H, dwq, dw0);
  g->fk->edge_scatter(rows, H, p->a + half, y->row_i + e, y->row_j + e, d->q_dot + e, q0_dot + e,
                      p->pqu_hat, p->pqu_hat + H, 3 * H, dwq, dw0);
}

static REAL *pair_grad_of(const pair *p, size_t offset) {
  return p->grad ? p->grad + offset : NULL;
}

static void pair_edges_grad(group *g, size_t l, pair *p) {
  layer *y = &g->layer[l];
  pair_layer *d = &p->layer[l];
  const enf__egnn_layer *at = y->at;
  const size_t H = g->H, top = g->edge_depth - 1;
  const bool last = is_end(g, l);
  const REAL *w = y->w, *wa = g->f->base.model.attention ? w + at->wa : NULL;
  const REAL *agg_bar = last ? NULL : p->agg_bar, *agg_hat = last ? NULL : p->agg_hat;
  for (size_t e = 0; e < g->e; e += g->tile) {
    const size_t rows = g->e - e < g->tile ? g->e - e : g->tile, half = rows * H;
    const REAL *z = d->z[top] + 2 * e * H, *u3 = d->u3 + 2 * e * H;
    const pair_coordinate_grad of = {.s_bar = p->s_bar + e,
                                     .s_hat = p->s_hat + e,
                                     .gate = y->gate + e,
                                     .gate_dot = d->gate_dot + e,
                                     .u3 = u3,
                                     .u3_dot = u3 + half,
                                     .z2 = z,
                                     .z2_dot = z + half,
                                     .b3 = w + at->coord.b,
                                     .w4 = w + at->w4,
                                     .wa = wa,
                                     .seg = g->recv + e,
                                     .dagg = agg_bar,
                                     .dagg_dot = agg_hat,
                                     .m = p->m,
                                     .m_dot = p->m + half,
                                     .u3_bar = p->u3_bar,
                                     .u3_hat = p->u3_bar + half,
                                     .logit_bar = p->logit_bar,
                                     .logit_hat = p->logit_hat,
                                     .dw4 = pair_grad_of(p, at->w4),
                                     .db3 = pair_grad_of(p, at->coord.b),
                                     .dwa = pair_grad_of(p, at->wa),
                                     .dba = pair_grad_of(p, at->ba)};
    g->fk->pair_coordinate_grad(rows, H, &of);
    g->k->gemm(2 * rows, H, H, p->u3_bar, H, w + at->coord.wt, H, NULL, 0, NULL, false, p->z_bar,
               H);
    g->fk->pair_message_grad(rows, H, z, z + half, y->gate + e, d->gate_dot + e, g->recv + e,
                             agg_bar, agg_hat, p->logit_bar, p->logit_hat, wa, p->z_bar,
                             p->z_bar + half, pair_grad_of(p, at->edge[top].b));
    edge_tile_grad(g, l, p, e, rows);
  }
}

/* x_bar and x_hat gain what flows through r, r_dot of a layer; c, c_dot NULL: only through q. */
static void add_vector_grads(const group *g, const layer *y, const pair_layer *d, pair *p,
                             bool update, const REAL *q_bar, const REAL *q_hat) {
  for (size_t e = 0; e < g->e; e++) {
    const size_t i = (size_t)g->recv[e] * g->D, j = (size_t)g->send[e] * g->D;
    for (size_t a = 0; a < g->D; a++) {
      const REAL r = y->r[a * g->e + e], r_dot = d->r_dot[a * g->e + e];
      REAL bar = 2 * (r * q_bar[e] + r_dot * q_hat[e]), hat = 2 * r * q_hat[e];
      if (update) {
        const REAL out_bar = p->v_bar[i + a] + p->x_bar[i + a];
        const REAL out_hat = p->v_hat[i + a] + p->x_hat[i + a];
        bar += y->c[e] * out_bar + d->c_dot[e] * out_hat;
        hat += y->c[e] * out_hat;
      }
      p->x_bar_new[i + a] += bar;
      p->x_bar_new[j + a] -= bar;
      p->x_hat_new[i + a] += hat;
      p->x_hat_new[j + a] -= hat;
    }
  }
}

static void position_grads(const group *g, size_t l, pair *p) {
  const size_t bytes = g->n * g->D * sizeof(REAL);
  memcpy(p->x_bar_new, p->x_bar, bytes);
  memcpy(p->x_hat_new, p->x_hat, bytes);
  add_vector_grads(g, &g->layer[l], &p->layer[l], p, true, p->q_bar, p->q_hat);
  swap(&p->x_bar, &p->x_bar_new);
  swap(&p->x_hat, &p->x_hat_new);
}

static void node_input_pair_grad(group *g, size_t l, pair *p) {
  layer *y = &g->layer[l];
  pair_layer *d = &p->layer[l];
  const size_t H = g->H, rows = node_rows(g, l), cols = (is_end(g, l) ? 2 : 3) * H;
  const bool moves = l || g->F; /* has h a tangent before the layer? */
  const REAL *node_wt = y->w + y->at->node_wt;
  REAL *h_bar = l ? p->h_bar : p->h_class;
  if (l == 0) {
    memset(h_bar, 0, rows * H * sizeof(REAL));
    for (size_t i = 0; !is_end(g, 0) && i < g->n; i++)
      for (size_t c = 0; c < H; c++)
        h_bar[(size_t)g->node_class[i] * H + c] += p->h_bar[i * H + c];
  }
  g->k->gemm(rows, cols, H, p->pqu_bar, 3 * H, node_wt, H, h_bar, H, NULL, false, h_bar, H);
  if (moves)
    g->k->gemm(rows, cols, H, p->pqu_hat, 3 * H, node_wt, H, p->h_hat, H, NULL, false, p->h_hat, H);
  if (!p->grad)
    return;
  REAL *node_w = p->grad + y->at->node_w;
  g->k->gemm_grad(rows, H, cols, y->h, H, p->pqu_bar, 3 * H, node_w, 3 * H);
  if (moves)
    g->k->gemm_grad(rows, H, cols, d->h_dot, H, p->pqu_hat, 3 * H, node_w, 3 * H);
  add_column_sums(rows, cols, p->pqu_bar, 3 * H, p->grad + y->at->node_b);
}

static void reverse_pair_layer(group *g, size_t l, pair *p) {
  const size_t bytes = node_rows(g, l) * 3 * g->H * sizeof(REAL);
  memset(p->pqu_bar, 0, bytes);
  memset(p->pqu_hat, 0, bytes);
  if (!is_end(g, l))
    node_network_pair_grad(g, l, p);
  coordinate_update_pair_grad(g, &g->layer[l], &p->layer[l], p);
  pair_edges_grad(g, l, p);
  position_grads(g, l, p);
  node_input_pair_grad(g, l, p);
}

/* From rate_bar and rate_hat to h_bar and h_hat behind the last layer. */
static void begin_pair_features(group *g, pair *p) {
  egnn_rates_grad(g, g->h_last, p->rate_bar, p->grad, p->h_bar);
  egnn_rates_grad(g, p->h_last_dot, p->rate_hat, p->grad, p->h_hat);
  if (p->grad)
    add_column_sums(g->n, g->Fp, p->rate_bar, g->Fp, p->grad + g->f->out_b);
}

/* From v_bar and v_hat (and those of the rates of features) to x_bar, in_bar and the weights. */
void egnn_reverse_pair(group *g, pair *p) {
  const size_t positions = g->n * g->D * sizeof(REAL), nodes = g->n * g->H * sizeof(REAL);
  REAL *zero[] = {p->x_bar, p->x_hat};
  for (int i = 0; i < 2; i++)
    memset(zero[i], 0, positions);
  memset(p->h_bar, 0, nodes);
  memset(p->h_hat, 0, nodes);
  if (g->F)
    begin_pair_features(g, p);
  memset(p->q0_bar, 0, g->e * sizeof(REAL));
  memset(p->q0_hat, 0, g->e * sizeof(REAL));
  for (size_t l = g->layers; l-- > 0;)
    reverse_pair_layer(g, l, p);
  memcpy(p->x_bar_new, p->x_bar, positions);
  memcpy(p->x_hat_new, p->x_hat, positions);
  add_vector_grads(g, &g->layer[0], &p->layer[0], p, false, p->q0_bar, p->q0_hat);
  swap(&p->x_bar, &p->x_bar_new);
  if (g->F)
    egnn_inputs_grad(g, p->h_class, p->in_bar);
  if (!p->grad)
    return;
  if (g->F)
    egnn_embedding_grad(g, p->in_dot, p->h_hat, p->grad);
  reverse b = {.dh_class = p->h_class, .grad = p->grad};
  egnn_embed_grad(g, &b);
}
