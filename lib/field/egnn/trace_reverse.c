/* trace_reverse.c -- gradient of sum <a,v> + b div v + c |v|^2 with the exact divergence, by
   the reverse of the structured forward mode. docs/math.md, "Gradient of the exact divergence". The
   order, for L layers:

     values forward, all kept; tangents forward through layers 0 ... L-3, kept;
     cotangents of the last layer's tangents, for which its values are enough;
     layer L-2: its tangents forward and their cotangents back at once, so its rows are made once;
     values of L-1 and L-2 backward;
     layers L-3 ... 1: tangents again and their cotangents, then values backward; layer 0 likewise.

   One sample costs some three to six divergences, with the gradient by the parameters a quarter
   more. */
#include "field/egnn/trace_edges.h"

/* ---- last layer ------------------------------------------------------------------------------ */

/* Cotangents before the last layer: u_hat of v_dot, h_hat (E + T,H) of contracted rows, from p. */
static void last_cotangents(group *g, trace_work *w, REAL f) {
  const size_t l = g->layers - 1;
  const layer *y = &g->layer[l];
  const tangents *d = &w->d;
  const size_t N = d->N, D = d->D, E = d->E, T = d->T, H = d->H;
  const REAL *node_wt = y->w + y->at->node_wt;
  egnn_edge_slopes(g, l, &w->d);
  memcpy(w->p_last, d->slopes.p, E * H * sizeof(REAL));
  memcpy(w->p_wq_last, d->slopes.p_wq, E * sizeof(REAL));
  memcpy(w->p_w0_last, d->slopes.p_w0, E * sizeof(REAL));
  fill((E + T) * H, 0, w->last_hat);
  for (size_t e = 0; e < E; e++) {
    const size_t k = (size_t)g->recv[e], j = (size_t)g->send[e];
    const REAL along_q = f * (y->c_q[e] + y->c_s[e] * d->slopes.p_wq[e]);
    add_row(H, f * y->c_s[e], d->slopes.p + e * H, w->last_hat + edge_of(d, j, k) * H);
    for (size_t a = 0; a < D; a++) {
      const REAL r = r_of(d, y, e, a);
      add_row(H, f * y->c_s[e] * r, d->slopes.p + e * H, w->last_hat + (E + k * D + a) * H);
      for (size_t b = 0; b < D; b++) {
        const REAL hat = (a == b ? f * y->c[e] : 0) + 2 * along_q * r * r_of(d, y, e, b);
        w->u_hat[(k * D + b) * T + a * N + k] += hat;
        w->u_hat[(j * D + b) * T + a * N + k] -= hat;
      }
    }
  }
  g->k->gemm(E, H, H, w->last_hat, H, node_wt + H * H, H, NULL, 0, NULL, false, w->h_hat, H);
  g->k->gemm(T, H, H, w->last_hat + E * H, H, node_wt, H, NULL, 0, NULL, false, w->h_hat + E * H,
             H);
}

/* The last layer's edge (k,j) with the tangents before it (edge_trace of divergence.c): its
   share of the divergence, and what its values receive. R_ab is r_dot_b for a tangent (k,a). */
static double last_edge(const group *g, trace_work *w, const layer *y, size_t e, REAL f) {
  const tangents *d = &w->d;
  const size_t N = d->N, D = d->D, T = d->T, H = d->H;
  const size_t k = (size_t)g->recv[e], j = (size_t)g->send[e];
  const REAL c_s = y->c_s[e], by_q = y->c_q[e] + c_s * w->p_wq_last[e];
  const REAL by_q0 = c_s * w->p_w0_last[e], *p = w->p_last + e * H;
  REAL stretch = 0, along_q = 0, along_q0 = 0, along_s, own[3];
  REAL *alpha = w->last.alpha + e * H;
  fill(H, 0, alpha);
  g->k->dots(D, H, p, d->rows.agg_dot + (d->E + k * D) * H, H, own);
  for (size_t a = 0; a < D; a++) {
    const size_t kj = (a * N + k) * N + j;
    const REAL r = r_of(d, y, e, a);
    REAL bar = 2 * by_q0 * d->r_first[kj] + c_s * own[a];
    for (size_t b = 0; b < D; b++) {
      const size_t ab = a * N + k, ba = b * N + k;
      const REAL R_ab = d->v_dot[(k * D + b) * T + ab] - d->v_dot[(j * D + b) * T + ab] + (a == b);
      const REAL R_ba = d->v_dot[(k * D + a) * T + ba] - d->v_dot[(j * D + a) * T + ba] + (a == b);
      stretch += a == b ? R_ab : 0;
      along_q += 2 * r * R_ab * r_of(d, y, e, b);
      bar += 2 * by_q * (R_ab + R_ba) * r_of(d, y, e, b);
    }
    along_q0 += 2 * r * d->r_first[kj];
    w->last.r_bar[a * d->E + e] = f * bar;
    w->first_bar[kj] += f * 2 * by_q0 * r;
    add_row(H, r, d->rows.agg_dot + (d->E + k * D + a) * H, alpha);
  }
  add_row(H, 1, d->rows.agg_dot + edge_of(d, j, k) * H, alpha);
  add_row(H, along_q, y->w + y->at->wq, alpha);
  add_row(H, along_q0, y->w + y->at->w0, alpha);
  g->k->dots(1, H, p, alpha, H, &along_s);
  for (size_t c = 0; c < H; c++)
    alpha[c] *= f * c_s;
  w->last.alpha_q[e] = f * c_s * along_q;
  w->last.alpha_q0[e] = f * c_s * along_q0;
  w->last.by_c[e] = f * stretch;
  w->last.by_s[e] = f * along_s;
  w->last.by_q[e] = f * along_q;
  return (double)(y->c[e] * stretch + c_s * along_s + y->c_q[e] * along_q);
}

/* Trace of v_dot as it stands. */
static double diagonal(const tangents *d) {
  double sum = 0;
  for (size_t t = 0; t < d->T; t++)
    sum += (double)d->v_dot[(t % d->N * d->D + t / d->N) * d->T + t];
  return sum;
}

/* The last layer once the tangents before it are there; returns its share of the divergence. */
static double last_layer_grad(group *g, trace_work *w, REAL f) {
  const layer *y = &g->layer[g->layers - 1];
  tangents *d = &w->d;
  const size_t H = d->H, E = d->E;
  double trace = diagonal(d);
  egnn_last_products(g, y, d);
  for (size_t e = 0; e < E; e++)
    trace += last_edge(g, w, y, e, f);
  if (w->b.grad) {
    REAL *node_w = w->b.grad + y->at->node_w;
    g->k->gemm_grad(E, H, H, d->rows.h_dot, H, w->last_hat, H, node_w + H, 3 * H);
    g->k->gemm_grad(d->T, H, H, d->rows.h_dot + E * H, H, w->last_hat + E * H, H, node_w, 3 * H);
  }
  w->messages = false;
  egnn_values_grad(g, g->layers - 1, w, &w->last);
  egnn_add_pair_grads(d, w->last_bar, w->b.dx);
  return trace;
}

/* ---- first layer ----------------------------------------------------------------------------- */

/* v_dot of the first layer is a block f_ab = c delta_ab + 2 slope r_a r_b for every edge, slope =
   c_s p.(wq + w0) + c_q. */
static void first_positions_grad(const group *g, trace_work *w) {
  const layer *y = &g->layer[0];
  const tangents *d = &w->d;
  const size_t N = d->N, D = d->D, T = d->T, H = d->H;
  const REAL *wq = y->w + y->at->wq, *w0 = y->w + y->at->w0;
  for (size_t e = 0; e < d->E; e++) {
    const size_t i = (size_t)g->recv[e], k = (size_t)g->send[e];
    const REAL along = d->slopes.p_wq[e] + d->slopes.p_w0[e], slope = y->c_s[e] * along + y->c_q[e];
    REAL stretch = 0, square = 0;
    for (size_t a = 0; a < D; a++) {
      REAL bar = 0;
      for (size_t b = 0; b < D; b++) {
        const REAL *of_b = w->u_hat + (i * D + b) * T, *of_a = w->u_hat + (i * D + a) * T;
        const REAL ab = of_b[a * N + i] - of_b[a * N + k], ba = of_a[b * N + i] - of_a[b * N + k];
        stretch += a == b ? ab : 0;
        square += r_of(d, y, e, a) * ab * r_of(d, y, e, b);
        bar += 2 * slope * (ab + ba) * r_of(d, y, e, b);
      }
      w->sums.r_bar[a * d->E + e] = bar;
    }
    w->sums.by_c[e] = stretch;
    w->sums.by_s[e] = 2 * square * along;
    w->sums.by_q[e] = 2 * square;
    w->sums.alpha_q[e] = w->sums.alpha_q0[e] = 2 * square * y->c_s[e];
    for (size_t c = 0; c < H; c++)
      w->sums.alpha[e * H + c] = w->sums.alpha_q[e] * (wq[c] + w0[c]);
  }
}

/* The cotangent of a pair row gains what own rows, sum_j 2 r_ij B_ij, have for it. */
static void own_messages_grad(const group *g, trace_work *w) {
  const tangents *d = &w->d;
  const size_t H = d->H;
  for (size_t e = 0; e < d->E; e++)
    for (size_t a = 0; a < d->D; a++) {
      const REAL *hat = w->agg_hat + (d->E + (size_t)g->recv[e] * d->D + a) * H;
      REAL dot;
      g->k->dots(1, H, hat, d->rows.agg_dot + e * H, H, &dot);
      w->sums.r_bar[a * d->E + e] += 2 * dot;
      add_row(H, 2 * r_of(d, &g->layer[0], e, a), hat, w->agg_hat + e * H);
    }
}

/* Messages of the first layer: a row per edge, whose z1_dot is wq + w0. */
static void first_messages_grad(group *g, trace_work *w) {
  const layer *y = &g->layer[0];
  tangents *d = &w->d;
  const size_t H = d->H, E = d->E;
  const row_set all = {.e = 0, .step = 1, .count = E};
  egnn_message_slopes(g, d);
  egnn_own_messages(g, d);
  egnn_node_rows_back(g, w, y, false);
  own_messages_grad(g, w);
  egnn_begin_messages(g, w);
  for (size_t e = 0; e < E; e++) {
    for (size_t c = 0; c < H; c++)
      w->row_dot[0][e * H + c] = y->w[y->at->wq + c] + y->w[y->at->w0 + c];
    w->message_hat[e] = w->agg_hat + e * H;
  }
  const REAL *hat = egnn_message_rows(g, w, y, &all);
  if (w->b.grad) {
    add_column_sums(E, H, hat, H, w->b.grad + y->at->wq);
    add_column_sums(E, H, hat, H, w->b.grad + y->at->w0);
  }
  egnn_end_messages(g, w, y);
  fill((E + d->T) * H, 0, d->rows.z5_dot);
  fill((E + d->T) * H, 0, d->rows.h_dot);
  egnn_node_tangent_rows(g, w, y, false);
}

static void first_layer_grad(group *g, trace_work *w) {
  egnn_edge_slopes(g, 0, &w->d);
  first_positions_grad(g, w);
  w->messages = false;
  if (g->layers > 1)
    first_messages_grad(g, w);
  egnn_values_grad(g, 0, w, &w->sums);
  egnn_add_pair_grads(&w->d, w->first_bar, w->b.dx);
}

/* ---- a sample -------------------------------------------------------------------------------- */

static void keep(const group *g, trace_work *w, size_t l) {
  const tangents *d = &w->d;
  memcpy(h_kept(g, w, l), d->rows.h_dot, rows_of(w, d->rows.dense) * d->H * sizeof(REAL));
  memcpy(v_kept(w, l), d->v_dot, d->T * d->T * sizeof(REAL));
}

/* Tangents forward through layers 0 ... L-3. */
static void first_tangents(group *g, trace_work *w) {
  tangents *d = &w->d;
  d->e0 = d->n0 = 0;
  d->stride = d->E;
  d->rows.dense = false;
  egnn_pair_table(d, &g->layer[0], d->r_first);
  egnn_pair_table(d, &g->layer[g->layers - 1], d->r_last);
  egnn_first_layer(g, d);
  if (g->layers > 1)
    memcpy(w->pair_rows, d->rows.h_dot, (d->E + d->T) * d->H * sizeof(REAL));
  for (size_t l = 1; l + 2 < g->layers; l++) {
    keep(g, w, l);
    egnn_middle_layer(g, l, d);
  }
  if (g->layers > 2)
    keep(g, w, g->layers - 2);
}

/* The kept tangents before layer l back, those of the second layer as dense rows. */
static void restore(const group *g, trace_work *w, size_t l) {
  tangents *d = &w->d;
  const size_t rows = d->N * d->T * d->H * sizeof(REAL);
  d->rows.dense = true;
  if (l == 1)
    egnn_expand_rows(d, w->pair_rows, d->H, h_kept(g, w, l));
  memcpy(d->rows.h_dot, h_kept(g, w, l), rows);
  memcpy(d->v_dot, v_kept(w, l), d->T * d->T * sizeof(REAL));
}

/* Tangents of layers 1 ... L-1 and values of the same. */
static double later_layers_grad(group *g, trace_work *w, REAL f) {
  tangents *d = &w->d;
  const size_t pair_reals = (d->E + d->T) * d->H;
  double trace;
  last_cotangents(g, w, f);
  if (g->layers == 2) {
    egnn_contract_rows(d, w->pair_rows, d->H, d->rows.h_dot);
    fill(pair_reals, 0, w->h_in);
    egnn_contract_rows_grad(g, w, false, w->pair_rows, d->H, w->h_hat, w->h_in, d->H);
    swap(&w->h_hat, &w->h_in);
    return last_layer_grad(g, w, f);
  }
  egnn_between_layer_grad(g, w, g->layers - 2, true);
  trace = last_layer_grad(g, w, f);
  w->messages = true;
  egnn_values_grad(g, g->layers - 2, w, &w->sums);
  for (size_t l = g->layers - 3; l > 0; l--) {
    restore(g, w, l);
    egnn_between_layer_grad(g, w, l, false);
    egnn_values_grad(g, l, w, &w->sums);
  }
  if (g->layers > 3) {
    egnn_expand_rows_grad(g, w, w->pair_rows, w->h_hat, w->h_in);
    swap(&w->h_hat, &w->h_in);
    d->rows.dense = false;
  }
  return trace;
}

/* One sample, after its forward pass, with b.dv and the factor of its divergence; returns that. */
static double trace_grad_sample(group *g, trace_work *w, REAL f) {
  tangents *d = &w->d;
  const size_t N = d->N, D = d->D, T = d->T, table = D * N * N;
  double trace;
  fill(T * T, 0, w->u_hat);
  fill(table, 0, w->first_bar);
  fill(table, 0, w->last_bar);
  fill(g->n * D, 0, w->b.dx);
  fill(g->e, 0, w->b.dq0);
  for (size_t t = 0; t < T; t++)
    w->u_hat[(t % N * D + t / N) * T + t] = f;
  first_tangents(g, w);
  if (g->layers > 1)
    trace = later_layers_grad(g, w, f);
  else
    trace = diagonal(d);
  first_layer_grad(g, w);
  egnn_reverse_end(g, &w->b);
  return trace;
}

void egnn_trace_grad(const enf__egnn *f, int kernel, enf__arena *arena, const enf__points *at,
                     const enf__cotangent *of, const enf__gradient *out) {
  const size_t mark = arena->used, size = enf__shape_size(at->shape);
  group g;
  trace_work w;
  egnn_open_group(&g, f, at->shape, ENF__VJP_TRACE, arena);
  egnn_layout_trace(&g, &w, arena);
  g.k = KERNELS_OF(kernel);
  g.fk = FIELD_KERNELS_OF(kernel);
  if (!out->dparams)
    w.b.grad = NULL;
  if (w.b.grad)
    memset(w.b.grad, 0, f->forward_count * sizeof(REAL));
  for (size_t s = 0; s < at->S; s++) {
    const double *c = of->c ? of->c + s : NULL;
    egnn_enter_samples(&g, at, s, 1);
    egnn_forward(&g);
    egnn_centred(&g, of->a + s * size, NULL, w.b.dv);
    egnn_add_square_grad(&g, g.v, c, w.b.dv);
    double value[ENF__VALUES] = {[ENF__SPEED_VALUE] = c ? egnn_square_of(&g, g.v, 0) : 0};
    value[ENF__TRACE_VALUE] = trace_grad_sample(&g, &w, (REAL)of->b[s]);
    if (out->value)
      memcpy(out->value + s * ENF__VALUES, value, sizeof value);
    for (size_t i = 0; out->dx && i < size; i++)
      out->dx[s * size + i] = i < g.N * g.D ? (double)w.b.dx[i] : 0;
  }
  if (w.b.grad)
    egnn_unpack_gradient(f, w.b.grad, out->dparams);
  arena->used = mark;
}
