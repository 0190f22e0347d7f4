/* tangents.c -- see tangents.h. */
#include "field/egnn/tangents.h"

static void list_edges(const tangents *d) {
  for (size_t k = 0; k < d->N * d->N; k++)
    d->edge[k] = NO_EDGE;
  for (size_t e = 0; e < d->E; e++)
    d->edge[(size_t)d->recv[e] * d->N + (size_t)d->send[e]] = (int32_t)e;
}

void egnn_layout_slopes(const group *g, edge_slopes *s, enf__arena *arena) {
  REAL **rows[] = {&s->u, &s->m, &s->p};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    *rows[i] = ENF__TAKE(arena, REAL, g->edges * g->H);
  for (size_t k = 0; k + 1 < g->edge_depth; k++)
    s->slope[k] = ENF__TAKE(arena, REAL, g->edges * g->H);
  s->p_wq = ENF__TAKE(arena, REAL, g->edges);
  s->p_w0 = ENF__TAKE(arena, REAL, g->edges);
  s->dz = ENF__TAKE(arena, REAL, g->tile * g->H);
  s->dz_next = ENF__TAKE(arena, REAL, g->tile * g->H);
  s->ones = ENF__TAKE(arena, REAL, g->tile);
  s->da = ENF__TAKE(arena, REAL, g->tile);
  for (size_t i = 0; arena->base && i < g->tile; i++)
    s->ones[i] = 1;
}

/* Dense rows come with a fourth layer. */
static void layout_rows(const group *g, size_t T, feature_rows *r, enf__arena *arena) {
  const size_t rows = g->layers < 4 ? g->edges + T : g->N * T;
  r->h_dot = ENF__TAKE(arena, REAL, rows * g->H);
  r->pqu_dot = ENF__TAKE(arena, REAL, rows * 3 * g->H);
  r->agg_dot = ENF__TAKE(arena, REAL, rows * g->H);
  r->z5_dot = ENF__TAKE(arena, REAL, rows * g->H);
  r->slope5 = ENF__TAKE(arena, REAL, g->N * g->H);
}

static void layout_edge(const group *g, size_t T, tangents *d, enf__arena *arena) {
  message_list *list = &d->list;
  d->edge_dot.r = ENF__TAKE(arena, REAL, g->D * T);
  REAL **numbers[] = {&d->edge_dot.q, &d->edge_dot.q0, &d->edge_dot.s, &list->coef[0],
                      &list->coef[1], &list->coef[2],  &list->coef[3], &list->cq,
                      &list->c0,      &list->dot};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    *numbers[i] = ENF__TAKE(arena, REAL, T);
  for (int k = 0; k < 4; k++)
    list->src[k] = ENF__TAKE(arena, const REAL *, T);
  list->out = ENF__TAKE(arena, REAL *, T);
  list->a_dot = ENF__TAKE(arena, REAL, T * g->H);
  list->a_next = ENF__TAKE(arena, REAL, T * g->H);
}

static void layout_receiver(const group *g, size_t T, receiver_rows *r, enf__arena *arena) {
  r->coef = ENF__TAKE(arena, REAL, g->N * T);
  r->p = ENF__TAKE(arena, const REAL *, g->N *T);
  r->q = ENF__TAKE(arena, const REAL *, g->N *T);
  r->own = ENF__TAKE(arena, REAL, g->N * g->H);
  r->mix = ENF__TAKE(arena, REAL, g->H);
  r->through = ENF__TAKE(arena, REAL, g->layers < 4 ? 0 : g->H * g->H);
}

void egnn_layout_tangents(const group *g, tangents *d, enf__arena *arena) {
  const size_t N = g->N, D = g->D, T = N * D;
  *d = (tangents){.N = N,
                  .D = D,
                  .E = g->edges,
                  .T = T,
                  .H = g->H,
                  .shape = g->shape,
                  .recv = g->recv, /* those of the group's first sample */
                  .send = g->send};
  egnn_layout_slopes(g, &d->slopes, arena);
  layout_rows(g, T, &d->rows, arena);
  layout_edge(g, T, d, arena);
  layout_receiver(g, T, &d->node, arena);
  d->r_first = ENF__TAKE(arena, REAL, D * N * N);
  d->r_last = ENF__TAKE(arena, REAL, D * N * N);
  d->v_dot = ENF__TAKE(arena, REAL, T * T);
  d->v_next = ENF__TAKE(arena, REAL, T * T);
  d->edge = ENF__TAKE(arena, int32_t, N * N);
  if (arena->base)
    list_edges(d);
}

/* slope[1], slope[2] ... of a tile of edges, and back through linear layers top ... 2 of their
   network: from ds/dz[top] in d->slopes.dz to ds/dz[1], which is returned. */
static const REAL *inner_slopes(const group *g, const layer *y, tangents *d, size_t e,
                                size_t rows) {
  const size_t H = d->H;
  REAL *dz = d->slopes.dz, *next = d->slopes.dz_next;
  for (size_t k = g->edge_depth - 1; k > 1; k--) {
    REAL *slope = d->slopes.slope[k - 1] + e * H;
    g->k->silu_slope(rows * H, y->z[k - 1] + (d->e0 + e) * H, slope);
    g->fk->sloped(rows, H, dz, y->w + y->at->edge[k].wt, slope, H, next);
    swap(&dz, &next);
  }
  return dz;
}

/* slope, u, m, p, p_wq, p_w0 of a layer's edges. */
void egnn_edge_slopes(group *g, size_t l, tangents *d) {
  layer *y = &g->layer[l];
  const enf__egnn_layer *at = y->at;
  const size_t H = d->H, top = g->edge_depth - 1;
  const REAL *w = y->w, *wa = g->f->base.model.attention ? w + at->wa : NULL;
  for (size_t e = 0; e < d->E; e += g->tile) {
    const size_t rows = d->E - e < g->tile ? d->E - e : g->tile, ge = d->e0 + e;
    const coordinate_grad of = {.ds = d->slopes.ones,
                                .gate = y->gate + ge,
                                .z2 = y->z[top] + ge * H,
                                .z3 = y->z3 + ge * H,
                                .b3 = w + at->coord.b,
                                .w4 = w + at->w4,
                                .wa = wa,
                                .m = d->slopes.m + e * H,
                                .slope2 = d->slopes.u + e * H,
                                .gdz3 = d->slopes.dz_next,
                                .da = d->slopes.da};
    g->fk->coordinate_grad(rows, H, &of);
    g->fk->message_grad(rows, H, d->slopes.dz_next, w + at->coord.wt, y->gate + ge, NULL, NULL,
                        d->slopes.da, wa, d->slopes.u + e * H, d->slopes.dz, NULL);
    const REAL *dz = inner_slopes(g, y, d, e, rows);
    g->fk->edge_input(rows, H, y->pqu, y->pqu + H, 3 * H, y->row_i + ge, y->row_j + ge, w + at->wq,
                      w + at->w0, y->q + ge, g->layer[0].q + ge, g->a1, d->slopes.slope[0] + e * H);
    g->fk->edge_grad(rows, H, dz, w + at->edge[1].wt, d->slopes.slope[0] + e * H, w + at->wq,
                     w + at->w0, d->slopes.p + e * H, d->slopes.p_wq + e, d->slopes.p_w0 + e);
  }
  for (size_t e = 0; e < d->E; e++)
    for (size_t c = 0; c < H; c++)
      d->slopes.u[e * H + c] *= y->gate[d->e0 + e];
}

/* ---- first layer ----------------------------------------------------------------------------- */

/* Rows B_e = d(gate m)/dq of all edges into agg_dot, q and q0 moving together. */
void egnn_message_slopes(group *g, tangents *d) {
  const layer *y = &g->layer[0];
  REAL *a_dot = d->rows.z5_dot, *next = d->rows.h_dot; /* neither is in use yet */
  const size_t H = d->H;
  const REAL *w = y->w, *wq = w + y->at->wq, *w0 = w + y->at->w0;
  const REAL *wa = g->f->base.model.attention ? w + y->at->wa : NULL;
  for (size_t e = 0; e < d->E; e++)
    for (size_t c = 0; c < H; c++)
      a_dot[e * H + c] = d->slopes.slope[0][e * H + c] * (wq[c] + w0[c]);
  for (size_t k = 1; k + 1 < g->edge_depth; k++) {
    g->fk->sloped(d->E, H, a_dot, w + y->at->edge[k].w, d->slopes.slope[k], H, next);
    swap(&a_dot, &next);
  }
  g->k->gemm(d->E, H, H, a_dot, H, w + y->at->edge[g->edge_depth - 1].w, H, NULL, 0, NULL, false,
             d->rows.agg_dot, H);
  for (size_t e = 0; e < d->E; e++) {
    REAL *B = d->rows.agg_dot + e * H, dot = 0;
    for (size_t c = 0; c < H; c++)
      B[c] *= d->slopes.u[e * H + c];
    if (!wa)
      continue;
    g->k->dots(1, H, wa, B, H, &dot);
    dot *= 1 - y->gate[d->e0 + e];
    for (size_t c = 0; c < H; c++)
      B[c] += dot * d->slopes.m[e * H + c];
  }
}

/* Rows of node k itself: sum_j B_kj 2 r_kj,a. */
void egnn_own_messages(group *g, tangents *d) {
  const layer *y = &g->layer[0];
  const size_t H = d->H;
  memset(d->rows.agg_dot + d->E * H, 0, d->T * H * sizeof(REAL));
  for (size_t e = 0; e < d->E; e++) {
    const size_t k = (size_t)d->recv[e];
    for (size_t a = 0; a < d->D; a++) {
      REAL *row = d->rows.agg_dot + (d->E + k * d->D + a) * H;
      const REAL f = 2 * r_of(d, y, e, a);
      for (size_t c = 0; c < H; c++)
        row[c] += f * d->rows.agg_dot[e * H + c];
    }
  }
}

static void first_positions(group *g, tangents *d) {
  const layer *y = &g->layer[0];
  memset(d->v_dot, 0, d->T * d->T * sizeof(REAL));
  for (size_t e = 0; e < d->E; e++) {
    const size_t i = (size_t)d->recv[e], k = (size_t)d->send[e], ge = d->e0 + e;
    const REAL c = y->c[ge],
               slope = y->c_s[ge] * (d->slopes.p_wq[e] + d->slopes.p_w0[e]) + y->c_q[ge];
    for (size_t a = 0; a < d->D; a++)
      for (size_t b = 0; b < d->D; b++) {
        const REAL f = (a == b ? c : 0) + 2 * slope * r_of(d, y, e, a) * r_of(d, y, e, b);
        d->v_dot[(i * d->D + b) * d->T + a * d->N + k] = -f;
        d->v_dot[(i * d->D + b) * d->T + a * d->N + i] += f;
      }
  }
}

/* ---- tangents of node features --------------------------------------------------------------- */

/* Tangents of a pre-activation of the node network through its silu. */
void egnn_scale_rows(const group *g, const tangents *d, const REAL *z, bool dense, size_t rows,
                     REAL *dot) {
  const size_t H = d->H;
  g->k->silu_slope(d->N * H, z + d->n0 * H, d->rows.slope5);
  for (size_t row = 0; row < rows; row++) {
    const REAL *slope = d->rows.slope5 + node_of_row(d, dense, row) * H;
    for (size_t c = 0; c < H; c++)
      dot[row * H + c] *= slope[c];
  }
}

/* h_dot += the node network's, whose first pre-activation has z5_dot = (what is in it) + W5
   agg_dot; agg_dot is overwritten. */
void egnn_node_tangents(group *g, size_t l, tangents *d, bool dense) {
  const layer *y = &g->layer[l];
  const size_t H = d->H, rows = dense ? d->N * d->T : d->E + d->T;
  REAL *dot = d->rows.z5_dot, *next = d->rows.agg_dot;
  g->k->gemm(rows, H, H, d->rows.agg_dot, H, y->w + y->at->w5, H, dot, H, NULL, false, dot, H);
  for (size_t k = 1; k < g->node_depth; k++) {
    const bool top = k + 1 == g->node_depth;
    REAL *out = top ? d->rows.h_dot : next;
    egnn_scale_rows(g, d, y->z5[k - 1], dense, rows, dot);
    g->k->gemm(rows, H, H, dot, H, y->w + y->at->node[k].w, H, top ? out : NULL, H, NULL, false,
               out, H);
    swap(&dot, &next);
  }
  d->rows.dense = dense;
}

void egnn_first_layer(group *g, tangents *d) {
  egnn_edge_slopes(g, 0, d);
  first_positions(g, d);
  if (g->layers == 1)
    return;
  const size_t reals = (d->E + d->T) * d->H;
  egnn_message_slopes(g, d);
  egnn_own_messages(g, d);
  memset(d->rows.z5_dot, 0, reals * sizeof(REAL));
  memset(d->rows.h_dot, 0, reals * sizeof(REAL));
  egnn_node_tangents(g, 0, d, false);
}

/* r_ik of a layer for all edges. */
void egnn_pair_table(const tangents *d, const layer *y, REAL *table) {
  memset(table, 0, d->D * d->N * d->N * sizeof(REAL));
  for (size_t a = 0; a < d->D; a++)
    for (size_t e = 0; e < d->E; e++)
      table[(a * d->N + (size_t)d->recv[e]) * d->N + (size_t)d->send[e]] = r_of(d, y, e, a);
}

/* out[k] = 2 sum_a r_last_ik,a r_first_jk,a: contracts pair row (j,k) with r_ki of the last layer.
 */
void egnn_pair_scales(const tangents *d, size_t i, size_t j, REAL *out) {
  const size_t N = d->N;
  for (size_t k = 0; k < N; k++)
    out[k] = 0;
  for (size_t a = 0; a < d->D; a++) {
    const REAL *last = d->r_last + (a * N + i) * N, *first = d->r_first + (a * N + j) * N;
    for (size_t k = 0; k < N; k++)
      out[k] += 2 * last[k] * first[k];
  }
}

/* to (H) = sum_a -r_last_ik,a from_a, rows from_a `apart` numbers apart */
void egnn_contract_axes(const tangents *d, size_t i, size_t k, const REAL *from, size_t apart,
                        REAL *to) {
  for (size_t c = 0; c < d->H; c++)
    to[c] = 0;
  for (size_t a = 0; a < d->D; a++) {
    const REAL f = -d->r_last[(a * d->N + i) * d->N + k];
    for (size_t c = 0; c < d->H; c++)
      to[c] += f * from[a * apart + c];
  }
}

/* Rows (i,k) contracted over a with r_ki of the last layer; rows of i = k as they are.
   in: stride ldi, of the present form; out (E + T, H) pair rows. */
void egnn_contract_rows(const tangents *d, const REAL *in, size_t ldi, REAL *out) {
  const size_t H = d->H, D = d->D, N = d->N;
  for (size_t i = 0; i < N; i++) {
    egnn_pair_scales(d, i, i, d->list.dot);
    for (size_t e = edges_of(d, i); e < edges_of(d, i + 1); e++) {
      const size_t k = (size_t)d->send[e];
      REAL *to = out + e * H;
      if (d->rows.dense)
        egnn_contract_axes(d, i, k, in + (i * d->T + k) * ldi, N * ldi, to);
      else
        for (size_t c = 0; c < H; c++)
          to[c] = d->list.dot[k] * in[e * ldi + c];
    }
    for (size_t a = 0; a < D; a++) {
      const size_t own = d->rows.dense ? i * d->T + a * N + i : d->E + i * D + a;
      memcpy(out + (d->E + i * D + a) * H, in + own * ldi, H * sizeof(REAL));
    }
  }
}

/* Pair rows of the first layer written out as dense rows. */
void egnn_expand_rows(const tangents *d, const REAL *in, size_t ldi, REAL *out) {
  const size_t H = d->H, N = d->N;
  for (size_t i = 0; i < N; i++)
    for (size_t t = 0; t < d->T; t++) {
      const size_t k = t % N, a = t / N, row = pair_row(d, i, k, a);
      const REAL f = pair_row_coef(d, i, k, a);
      for (size_t c = 0; c < H; c++)
        out[(i * d->T + t) * H + c] = f * in[row * ldi + c];
    }
}
