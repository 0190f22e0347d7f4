/* features.c -- exact divergence of (x,h): docs/math.md, "Features".

     div = sum_k,a dv_ka/dx_ka + sum_k,f dh'_kf/dh_kf

   by forward differentiation of all N (D + F) directions together. A message's tangent is linear in
   that of z1, z1_dot G_ij, G_ij = diag(silu') W2 diag(u) and the gate's, one small matrix for every
   edge; so with P = h_dot W1_i, Q = h_dot W1_j

     agg_dot_i = P_i sum_j G_ij + sum_j Q_j G_ij + q_dot (wq G_ij) + q0_dot (w0 G_ij),

   and P, which meets one matrix per node, is never formed. As in divergence.c s_dot = p.z1_dot, and
   W3 is not applied to tangents. Before the first layer a node's h has tangents of its own features
   only, so an edge has those of its two particles; of the last layer a receiver's own are wanted;
   layers between are dense. */
#include "field/egnn/features.h"

void egnn_layout_feature_tangents(const group *g, feature_tangents *d, enf__arena *arena) {
  const size_t N = g->N, D = g->D, H = g->H, C = D + g->F, T = N * C, Np = ENF__PADDED(N);
  *d = (feature_tangents){.of = {.N = N,
                                 .D = D,
                                 .E = g->edges,
                                 .T = T,
                                 .H = H,
                                 .shape = g->shape,
                                 .recv = g->recv,
                                 .send = g->send},
                          .C = C,
                          .Np = Np};
  egnn_layout_slopes(g, &d->of.slopes, arena);
  const struct {
    REAL **array;
    size_t count;
  } reals[] = {{&d->h_dot, N * T * H},   {&d->q, N * T * H},       {&d->v_dot, N * D * T},
               {&d->v_next, N * D * T},  {&d->p_sent, N * H * Np}, {&d->sent, N * T * Np},
               {&d->p_own, N * H},       {&d->p_t, H * Np},        {&d->own, T * Np},
               {&d->agg, T * H},         {&d->z5, T * H},          {&d->next, T * H},
               {&d->scalars, T * 2 * N}, {&d->rows, 2 * N * H},    {&d->message, H * H},
               {&d->deep, H * H},        {&d->through, H * H},     {&d->mix, H * H},
               {&d->node, H * H},        {&d->slope, H},           {&d->unit, H},
               {&d->r_dot, D * T},       {&d->q_dot, T},           {&d->q0_dot, T}};
  for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
    *reals[i].array = ENF__TAKE(arena, REAL, reals[i].count);
  for (size_t c = 0; arena->base && c < H; c++)
    d->unit[c] = 1;
}

/* Tangents first ... end-1. */
typedef struct {
  size_t first, end;
} range;

static range block_of(const feature_tangents *d, size_t k) {
  return (range){k * d->C, (k + 1) * d->C};
}

/* Where receiver i's own h has tangents, or they are wanted. */
static range own_range(const group *g, const feature_tangents *d, size_t l, size_t i) {
  return l == 0 || l + 1 == g->layers ? block_of(d, i) : (range){0, d->of.T};
}

/* The tangents that sender j brings to receiver i. */
static range sent_range(const group *g, const feature_tangents *d, size_t l, size_t i, size_t j) {
  return l + 1 == g->layers ? block_of(d, i) : l == 0 ? block_of(d, j) : (range){0, d->of.T};
}

/* ---- before the edges ------------------------------------------------------------------------ */

/* Tangents of the embedding: a node's own features. */
static void embed_tangents(const group *g, feature_tangents *d) {
  const size_t H = g->H, T = d->of.T;
  const REAL *w = PACKED(g->f) + g->f->embed;
  memset(d->h_dot, 0, g->N * T * H * sizeof(REAL));
  for (size_t i = 0; i < g->N; i++)
    memcpy(d->h_dot + (i * T + i * d->C + g->D) * H, w, g->F * H * sizeof(REAL));
  memset(d->v_dot, 0, g->N * g->D * T * sizeof(REAL));
}

/* q = h_dot W1_j, and p.q for every edge, by sender. */
static void send_tangents(group *g, size_t l, feature_tangents *d) {
  const layer *y = &g->layer[l];
  const size_t H = g->H, T = d->of.T, N = g->N, Np = d->Np;
  const REAL *w = y->w + y->at->node_w + H;
  if (l == 0) {
    memset(d->q, 0, N * T * H * sizeof(REAL));
    for (size_t i = 0; i < N; i++) {
      const size_t at = (i * T + i * d->C) * H;
      g->k->gemm(d->C, H, H, d->h_dot + at, H, w, 3 * H, NULL, 0, NULL, false, d->q + at, H);
    }
  } else {
    g->k->gemm(N * T, H, H, d->h_dot, H, w, 3 * H, NULL, 0, NULL, false, d->q, H);
  }
  memset(d->p_sent, 0, N * H * Np * sizeof(REAL));
  for (size_t e = 0; e < d->of.E; e++)
    for (size_t c = 0; c < H; c++)
      d->p_sent[((size_t)d->of.send[e] * H + c) * Np + (size_t)d->of.recv[e]] =
          d->of.slopes.p[e * H + c];
  for (size_t j = 0; j < N; j++)
    g->k->gemm(T, H, Np, d->q + j * T * H, H, d->p_sent + j * H * Np, Np, NULL, 0, NULL, false,
               d->sent + j * T * Np, Np);
}

/* own = p.P_i for every edge of receiver i. */
static void own_products(group *g, const layer *y, feature_tangents *d, size_t i, range r) {
  const size_t H = g->H, T = d->of.T, Np = d->Np, e = edges_of(&d->of, i);
  const size_t edges = edges_of(&d->of, i + 1) - e;
  g->k->gemm(edges, H, H, d->of.slopes.p + e * H, H, y->w + y->at->node_wt, H, NULL, 0, NULL, false,
             d->p_own, H);
  memset(d->p_t, 0, H * Np * sizeof(REAL));
  for (size_t row = 0; row < edges; row++)
    for (size_t c = 0; c < H; c++)
      d->p_t[c * Np + (size_t)d->of.send[e + row]] = d->p_own[row * H + c];
  memset(d->own, 0, T * Np * sizeof(REAL));
  g->k->gemm(r.end - r.first, H, Np, d->h_dot + (i * T + r.first) * H, H, d->p_t, Np, NULL, 0, NULL,
             false, d->own + r.first * Np, Np);
}

/* ---- edges ----------------------------------------------------------------------------------- */

/* G of edge e into d->message, and added to d->through. */
static void find_message(group *g, const layer *y, feature_tangents *d, size_t e) {
  const size_t H = g->H, top = g->edge_depth - 1;
  const edge_slopes *s = &d->of.slopes;
  const REAL *w = y->w + y->at->edge[1].w, *slope = s->slope[0] + e * H;
  for (size_t k = 1; k < top; k++) {
    REAL *in = k % 2 ? d->mix : d->node, *out = k % 2 ? d->deep : d->message;
    for (size_t row = 0; row < H; row++)
      for (size_t c = 0; c < H; c++)
        in[row * H + c] = slope[row] * w[row * H + c] * s->slope[k][e * H + c];
    g->k->gemm(H, H, H, in, H, y->w + y->at->edge[k + 1].w, H, NULL, 0, NULL, false, out, H);
    w = out;
    slope = d->unit;
  }
  const REAL *wa = g->f->base.model.attention ? y->w + y->at->wa : NULL;
  if (w == d->message) { /* it would be written while it is read */
    memcpy(d->deep, w, H * H * sizeof(REAL));
    w = d->deep;
  }
  g->fk->message_matrix(H, H, slope, w, s->u + e * H, s->m + e * H, wa, 1 - y->gate[d->of.e0 + e],
                        d->message, d->through);
}

/* What displacements of particles i and j themselves do to r and |r^0|^2 of edge (i,j). */
static void add_units(const group *g, feature_tangents *d, size_t e, size_t i, size_t j, range r) {
  const size_t T = d->of.T, ends[2] = {i, j};
  for (int k = 0; k < 2; k++)
    for (size_t b = 0; b < g->D; b++) {
      const size_t t = ends[k] * d->C + b;
      if (t < r.first || t >= r.end)
        continue;
      d->r_dot[b * T + t] += k ? -1 : 1;
      d->q0_dot[t] = (REAL)(k ? -2 : 2) * r_of(&d->of, &g->layer[0], e, b);
    }
}

/* r_dot, q_dot, q0_dot of edge (i,j) for a range of tangents; v_next of i gains
   r_dot c + r (c_s s_dot + c_q q_dot). */
static void move_tangents(const group *g, const layer *y, feature_tangents *d, size_t e, size_t i,
                          size_t j, range r) {
  const size_t T = d->of.T, D = g->D, Np = d->Np, ge = d->of.e0 + e;
  const REAL c = y->c[ge], c_s = y->c_s[ge], c_q = y->c_q[ge] + c_s * d->of.slopes.p_wq[e];
  const REAL c_q0 = c_s * d->of.slopes.p_w0[e];
  const REAL *own = d->own + j, *sent = d->sent + j * T * Np + i;
  for (size_t b = 0; b < D; b++)
    for (size_t t = r.first; t < r.end; t++)
      d->r_dot[b * T + t] = d->v_dot[(i * D + b) * T + t] - d->v_dot[(j * D + b) * T + t];
  memset(d->q_dot + r.first, 0, (r.end - r.first) * sizeof(REAL));
  memset(d->q0_dot + r.first, 0, (r.end - r.first) * sizeof(REAL));
  add_units(g, d, e, i, j, r);
  for (size_t b = 0; b < D; b++) {
    const REAL two_r = 2 * r_of(&d->of, y, e, b);
    for (size_t t = r.first; t < r.end; t++)
      d->q_dot[t] += two_r * d->r_dot[b * T + t];
  }
  for (size_t b = 0; b < D; b++) {
    const REAL along = r_of(&d->of, y, e, b);
    REAL *v = d->v_next + (i * D + b) * T;
    for (size_t t = r.first; t < r.end; t++)
      v[t] += c * d->r_dot[b * T + t] + along * (c_s * (own[t * Np] + sent[t * Np]) +
                                                 c_q * d->q_dot[t] + c_q0 * d->q0_dot[t]);
  }
}

/* Edge e = (i,j), number `row` of receiver i's: positions, scalars and Q's part of the message. */
static void add_edge(group *g, size_t l, feature_tangents *d, size_t i, size_t e, size_t row) {
  const layer *y = &g->layer[l];
  const size_t H = g->H, T = d->of.T, j = (size_t)d->of.send[e];
  const size_t columns = 2 * (edges_of(&d->of, i + 1) - edges_of(&d->of, i));
  const range sent = sent_range(g, d, l, i, j);
  const range moved[2] = {own_range(g, d, l, i), l == 0 && g->layers > 1 ? sent : (range){0, 0}};
  find_message(g, y, d, e);
  for (int k = 0; k < 2; k++) {
    move_tangents(g, y, d, e, i, j, moved[k]);
    for (size_t t = moved[k].first; t < moved[k].end; t++) {
      d->scalars[t * columns + 2 * row] = d->q_dot[t];
      d->scalars[t * columns + 2 * row + 1] = d->q0_dot[t];
    }
  }
  const REAL *w[2] = {y->w + y->at->wq, y->w + y->at->w0};
  for (size_t k = 0; k < 2; k++)
    g->k->gemm(1, H, H, w[k], H, d->message, H, NULL, 0, NULL, false, d->rows + (2 * row + k) * H,
               H);
  REAL *agg = d->agg + sent.first * H;
  g->k->gemm(sent.end - sent.first, H, H, d->q + (j * T + sent.first) * H, H, d->message, H, agg, H,
             NULL, false, agg, H);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

/* Tangents of h of node i behind layer l: those wanted. */
static void add_node(group *g, size_t l, feature_tangents *d, size_t i, range wanted) {
  const layer *y = &g->layer[l];
  const enf__egnn_layer *at = y->at;
  const size_t H = g->H, rows = wanted.end - wanted.first;
  const range own = own_range(g, d, l, i);
  const REAL *w = y->w + at->node_w;
  REAL *h = d->h_dot + (i * d->of.T) * H, *z = d->z5 + wanted.first * H, *next = d->next;
  REAL *first = d->z5 + own.first * H;
  g->k->gemm(H, H, H, w, 3 * H, d->through, H, NULL, 0, NULL, false, d->mix, H);
  g->k->gemm(H, H, H, d->mix, H, y->w + at->w5, H, w + 2 * H, 3 * H, NULL, false, d->node, H);
  g->k->gemm(rows, H, H, d->agg + wanted.first * H, H, y->w + at->w5, H, NULL, 0, NULL, false, z,
             H);
  g->k->gemm(own.end - own.first, H, H, h + own.first * H, H, d->node, H, first, H, NULL, false,
             first, H);
  for (size_t k = 1; k < g->node_depth; k++) {
    const bool top = k + 1 == g->node_depth;
    REAL *out = top ? h + wanted.first * H : next;
    g->k->silu_slope(H, y->z5[k - 1] + (d->of.n0 + i) * H, d->slope);
    for (size_t row = 0; row < rows; row++)
      for (size_t c = 0; c < H; c++)
        z[row * H + c] *= d->slope[c];
    g->k->gemm(rows, H, H, z, H, y->w + at->node[k].w, H, top ? out : NULL, H, NULL, false, out, H);
    swap(&z, &next);
  }
}

static void add_receiver(group *g, size_t l, feature_tangents *d, size_t i) {
  const layer *y = &g->layer[l];
  const size_t H = g->H, T = d->of.T, e = edges_of(&d->of, i);
  const size_t edges = edges_of(&d->of, i + 1) - e;
  const range wanted = l + 1 == g->layers ? block_of(d, i) : (range){0, T};
  REAL *agg = d->agg + wanted.first * H;
  own_products(g, y, d, i, own_range(g, d, l, i));
  memset(d->agg, 0, T * H * sizeof(REAL));
  memset(d->through, 0, H * H * sizeof(REAL));
  memset(d->scalars, 0, T * 2 * edges * sizeof(REAL));
  for (size_t row = 0; row < edges; row++)
    add_edge(g, l, d, i, e + row, row);
  g->k->gemm(wanted.end - wanted.first, 2 * edges, H, d->scalars + wanted.first * 2 * edges,
             2 * edges, d->rows, H, agg, H, NULL, false, agg, H);
  add_node(g, l, d, i, wanted);
}

static void add_layer(group *g, size_t l, feature_tangents *d) {
  egnn_edge_slopes(g, l, &d->of);
  send_tangents(g, l, d);
  memcpy(d->v_next, d->v_dot, g->N * g->D * d->of.T * sizeof(REAL));
  for (size_t i = 0; i < g->N; i++)
    add_receiver(g, l, d, i);
  swap(&d->v_dot, &d->v_next);
}

/* ---- a sample -------------------------------------------------------------------------------- */

static double trace_of(const group *g, const feature_tangents *d) {
  const size_t T = d->of.T, H = g->H;
  const REAL *w = PACKED(g->f) + g->f->out_t;
  double trace = 0;
  for (size_t k = 0; k < g->N; k++) {
    for (size_t a = 0; a < g->D; a++)
      trace += (double)d->v_dot[(k * g->D + a) * T + k * d->C + a];
    for (size_t f = 0; f < g->F; f++) {
      REAL dot;
      g->k->dots(1, H, w + f * H, d->h_dot + (k * T + k * d->C + g->D + f) * H, H, &dot);
      trace += (double)dot;
    }
  }
  return (double)g->sign * trace;
}

/* Divergence of sample s of the group, after its forward pass. */
double egnn_features_trace(group *g, feature_tangents *d, size_t s) {
  d->of.e0 = s * d->of.E;
  d->of.n0 = s * g->N;
  d->of.stride = g->e;
  embed_tangents(g, d);
  for (size_t l = 0; l < g->layers; l++)
    add_layer(g, l, d);
  return trace_of(g, d);
}
