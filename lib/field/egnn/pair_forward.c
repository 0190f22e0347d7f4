/* pair_forward.c -- the velocity and one tangent of a group: see pair.h. */
#include "field/egnn/pair.h"

static void layout_pair_layer(const group *g, pair_layer *y, bool keep, enf__arena *arena) {
  const size_t n = g->n, H = g->H, rows = 2 * (keep ? g->e : g->tile);
  y->pqu_dot = ENF__TAKE(arena, REAL, n * 3 * H);
  y->agg_dot = ENF__TAKE(arena, REAL, n * H);
  for (size_t k = 0; k + 1 < g->node_depth; k++)
    y->z5_dot[k] = ENF__TAKE(arena, REAL, n * H);
  for (size_t k = 1; k < g->edge_depth; k++)
    y->z[k] = ENF__TAKE(arena, REAL, rows * H);
  y->u3 = ENF__TAKE(arena, REAL, rows * H);
  y->r_dot = ENF__TAKE(arena, REAL, g->e * g->D);
  REAL **scalars[] = {&y->gate_dot, &y->s_dot, &y->q_dot, &y->c_dot};
  for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++)
    *scalars[i] = ENF__TAKE(arena, REAL, g->e);
  REAL **curves[] = {&y->c_ss, &y->c_sq, &y->c_qq};
  for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
    *curves[i] = keep ? ENF__TAKE(arena, REAL, g->e) : NULL;
}

/* As layout_layers of group.c. */
static void layout_pair_layers(const group *g, pair *p, enf__arena *arena) {
  for (size_t l = 0; l < g->layers; l++) {
    pair_layer *y = &p->layer[l];
    if (p->keep || l == 0) {
      layout_pair_layer(g, y, p->keep, arena);
    } else {
      *y = p->layer[0];
      y->q_dot = l == 1 ? ENF__TAKE(arena, REAL, g->e) : p->layer[1].q_dot;
    }
    y->h_dot = p->keep || l < 2 ? ENF__TAKE(arena, REAL, g->n * g->H) : p->layer[l - 2].h_dot;
  }
}

static void layout_pair_reverse(const group *g, pair *p, enf__arena *arena) {
  const size_t n = g->n, H = g->H;
  REAL **positions[] = {&p->v_bar, &p->v_hat, &p->x_bar, &p->x_hat, &p->x_bar_new, &p->x_hat_new};
  for (size_t i = 0; i < sizeof positions / sizeof *positions; i++)
    *positions[i] = ENF__TAKE(arena, REAL, n * g->D);
  REAL **nodes[] = {&p->h_bar,  &p->h_hat,   &p->h_class, &p->z5_bar,
                    &p->z5_hat, &p->agg_bar, &p->agg_hat};
  for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
    *nodes[i] = ENF__TAKE(arena, REAL, n * H);
  p->pqu_bar = ENF__TAKE(arena, REAL, n * 3 * H);
  p->pqu_hat = ENF__TAKE(arena, REAL, n * 3 * H);
  REAL **scalars[] = {&p->s_bar, &p->s_hat, &p->q_bar, &p->q_hat, &p->q0_bar, &p->q0_hat};
  for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++)
    *scalars[i] = ENF__TAKE(arena, REAL, g->e);
  REAL **tiles[] = {&p->u3_bar, &p->z_bar, &p->slope1};
  for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++)
    *tiles[i] = ENF__TAKE(arena, REAL, 2 * g->tile * H);
  p->net_q = ENF__TAKE(arena, REAL, 2 * g->tile);
  p->net_q0 = ENF__TAKE(arena, REAL, 2 * g->tile);
  p->logit_bar = ENF__TAKE(arena, REAL, g->tile);
  p->logit_hat = ENF__TAKE(arena, REAL, g->tile);
  p->grad = ENF__TAKE(arena, REAL, g->f->forward_count);
  p->scratch = ENF__TAKE(arena, REAL, 2 * H);
  if (!g->F)
    return;
  p->rate_bar = ENF__TAKE(arena, REAL, n * g->Fp);
  p->rate_hat = ENF__TAKE(arena, REAL, n * g->Fp);
  p->in_bar = ENF__TAKE(arena, REAL, n * g->I);
}

void egnn_layout_pair(const group *g, pair *p, bool keep, enf__arena *arena) {
  *p = (pair){.keep = keep};
  layout_pair_layers(g, p, arena);
  REAL **positions[] = {&p->eps, &p->x_dot, &p->v_dot};
  for (size_t i = 0; i < sizeof positions / sizeof *positions; i++)
    *positions[i] = ENF__TAKE(arena, REAL, g->n * g->D);
  p->a5 = ENF__TAKE(arena, REAL, 2 * g->n * g->H);
  p->slope5 = ENF__TAKE(arena, REAL, 2 * g->n * g->H);
  p->a = ENF__TAKE(arena, REAL, 2 * g->tile * g->H);
  p->m = ENF__TAKE(arena, REAL, 2 * g->tile * g->H);
  if (g->F) {
    p->in_dot = ENF__TAKE(arena, REAL, g->n * g->I);
    p->h_last_dot = ENF__TAKE(arena, REAL, g->n * g->H);
    p->rate_dot = ENF__TAKE(arena, REAL, g->n * g->Fp);
  }
  if (keep)
    layout_pair_reverse(g, p, arena);
}

/* Tangents of node features behind layer l. */
static REAL *h_dot_behind(const group *g, const pair *p, size_t l) {
  return l + 1 < g->layers ? p->layer[l + 1].h_dot : p->h_last_dot;
}

static void pair_vector_tangents(const group *g, const layer *y, pair_layer *d, const REAL *x_dot) {
  memset(d->q_dot, 0, g->e * sizeof(REAL));
  for (size_t a = 0; a < g->D; a++)
    for (size_t e = 0; e < g->e; e++) {
      const size_t i = (size_t)g->recv[e] * g->D, j = (size_t)g->send[e] * g->D;
      d->r_dot[a * g->e + e] = x_dot[i + a] - x_dot[j + a];
      d->q_dot[e] += 2 * y->r[a * g->e + e] * d->r_dot[a * g->e + e];
    }
}

static void coefficient_tangents(const group *g, const layer *y, pair_layer *d) {
  for (size_t e = 0; e < g->e; e++)
    d->c_dot[e] = y->c_s[e] * d->s_dot[e] + y->c_q[e] * d->q_dot[e];
}

/* The second derivatives of c = share phi(s) psi(q), psi = 1/(d+1), d = sqrt(q + 1e-8). */
void egnn_coefficient_curves(const group *g, const layer *y, pair_layer *d) {
  const bool bounded = g->f->base.model.tanh;
  for (size_t e = 0; e < g->e; e++) {
    const REAL r = SQRT(y->q[e] + (REAL)1e-8), psi = 1 / (r + 1);
    const REAL psi1 = -psi * psi / (2 * r), psi2 = psi * psi / (4 * r * r * r) - psi * psi1 / r;
    const REAL th = bounded ? y->th[e] : 0;
    const REAL phi = bounded ? g->R * th : y->s[e], phi1 = bounded ? g->R * (1 - th * th) : 1;
    d->c_ss[e] = -2 * th * g->share[e] * phi1 * psi;
    d->c_sq[e] = g->share[e] * phi1 * psi1;
    d->c_qq[e] = g->share[e] * phi * psi2;
  }
}

static void move_pair(group *g, const layer *y, const pair_layer *d, pair *p) {
  for (size_t e = 0; e < g->e; e++)
    for (size_t a = 0; a < g->D; a++) {
      const size_t at = (size_t)g->recv[e] * g->D + a, ra = a * g->e + e;
      const REAL step = y->c[e] * d->r_dot[ra] + d->c_dot[e] * y->r[ra];
      p->v_dot[at] += step;
      p->x_dot[at] += step;
    }
  egnn_move_particles(g, y);
}

/* m_dot = gate_dot m + gate m_dot: one sum over edges follows, whose order no tile can change. */
static void gate_message_tangents(size_t rows, size_t H, const REAL *gate, const REAL *gate_dot,
                                  const REAL *m, REAL *m_dot) {
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < H; c++)
      m_dot[r * H + c] = gate_dot[r] * m[r * H + c] + gate[r] * m_dot[r * H + c];
}

static void pair_edges(group *g, size_t l, pair *p) {
  layer *y = &g->layer[l];
  pair_layer *d = &p->layer[l];
  const enf__egnn_layer *at = y->at;
  const size_t H = g->H;
  const REAL *w = y->w, *wa = g->f->base.model.attention ? w + at->wa : NULL;
  const REAL *q0 = g->layer[0].q, *q0_dot = p->layer[0].q_dot;
  for (size_t e = 0; e < g->e; e += g->tile) {
    const size_t rows = g->e - e < g->tile ? g->e - e : g->tile, half = rows * H;
    const size_t kept = p->keep ? 2 * e * H : 0;
    REAL *u3 = d->u3 + kept;
    const REAL *a = p->a;
    g->fk->pair_input(rows, H, y->pqu, d->pqu_dot, 3 * H, y->row_i + e, y->row_j + e, w + at->wq,
                      w + at->w0, y->q + e, d->q_dot + e, q0 + e, q0_dot + e, p->a, p->a + half,
                      NULL, NULL);
    for (size_t k = 1; k < g->edge_depth; k++, a = p->m) {
      REAL *z = d->z[k] + kept;
      g->k->gemm(2 * rows, H, H, a, H, w + at->edge[k].w, H, NULL, 0, NULL, false, z, H);
      g->fk->pair_message(rows, H, z, z + half, w + at->edge[k].b,
                          k + 1 == g->edge_depth ? wa : NULL, w[at->ba], p->m, p->m + half,
                          y->gate + e, d->gate_dot + e);
    }
    g->k->gemm(2 * rows, H, H, p->m, H, w + at->coord.w, H, NULL, 0, NULL, false, u3, H);
    g->fk->pair_coordinate(rows, H, u3, u3 + half, y->gate + e, d->gate_dot + e, w + at->coord.b,
                           w + at->w4, y->s + e, d->s_dot + e);
    if (is_end(g, l))
      continue;
    g->k->segment_sum(rows, H, g->recv + e, y->gate + e, p->m, y->agg, H);
    gate_message_tangents(rows, H, y->gate + e, d->gate_dot + e, p->m, p->m + half);
    g->k->segment_sum(rows, H, g->recv + e, NULL, p->m + half, d->agg_dot, H);
  }
}

/* Tangents through the node network, after egnn_node_network has made its pre-activations. */
static void node_network_tangents(group *g, size_t l, pair *p) {
  layer *y = &g->layer[l];
  pair_layer *d = &p->layer[l];
  const size_t H = g->H, all = g->n * H;
  REAL *h_next = h_dot_behind(g, p, l);
  const bool moves = l || g->F; /* has h a tangent before the layer? */
  memset(h_next, 0, all * sizeof(REAL));
  memset(d->z5_dot[0], 0, all * sizeof(REAL));
  for (size_t i = 0; moves && i < g->n; i++) {
    memcpy(d->z5_dot[0] + i * H, d->pqu_dot + i * 3 * H + 2 * H, H * sizeof(REAL));
    memcpy(h_next + i * H, d->h_dot + i * H, H * sizeof(REAL));
  }
  g->k->gemm(g->n, H, H, d->agg_dot, H, y->w + y->at->w5, H, d->z5_dot[0], H, NULL, false,
             d->z5_dot[0], H);
  for (size_t k = 1; k < g->node_depth; k++) {
    const bool top = k + 1 == g->node_depth;
    g->fk->pair_silu(all, y->z5[k - 1], d->z5_dot[k - 1], p->a5, p->a5 + all, p->slope5,
                     p->slope5 + all);
    g->k->gemm(g->n, H, H, p->a5 + all, H, y->w + y->at->node[k].w, H, top ? h_next : NULL, H, NULL,
               false, top ? h_next : d->z5_dot[k], H);
  }
}

/* Rates of features and their tangents. */
static void features_pair(group *g, pair *p) {
  const REAL *w = PACKED(g->f) + g->f->out, *b = PACKED(g->f) + g->f->out_b;
  const size_t H = g->H, Fp = g->Fp;
  g->k->gemm(g->n, H, Fp, g->h_last, H, w, Fp, NULL, 0, b, false, g->rate, Fp);
  g->k->gemm(g->n, H, Fp, p->h_last_dot, H, w, Fp, NULL, 0, NULL, false, p->rate_dot, Fp);
}

void egnn_forward_pair(group *g, pair *p) {
  const size_t H = g->H, positions = g->n * g->D;
  memset(g->v, 0, positions * sizeof(REAL));
  memset(p->v_dot, 0, positions * sizeof(REAL));
  memcpy(p->x_dot, p->eps, positions * sizeof(REAL));
  egnn_embed(g, &g->layer[0]);
  if (g->F)
    g->k->gemm(g->n, g->I, H, p->in_dot, g->I, PACKED(g->f) + g->f->embed, H, NULL, 0, NULL, false,
               p->layer[0].h_dot, H);
  for (size_t l = 0; l < g->layers; l++) {
    layer *y = &g->layer[l];
    pair_layer *d = &p->layer[l];
    const bool last = is_end(g, l);
    const size_t rows = node_rows(g, l), cols = (last ? 2 : 3) * H;
    const REAL *node_w = y->w + y->at->node_w;
    g->k->gemm(rows, H, cols, y->h, H, node_w, 3 * H, NULL, 0, y->w + y->at->node_b, false, y->pqu,
               3 * H);
    if (l || g->F)
      g->k->gemm(rows, H, cols, d->h_dot, H, node_w, 3 * H, NULL, 0, NULL, false, d->pqu_dot,
                 3 * H);
    else
      memset(d->pqu_dot, 0, rows * 3 * H * sizeof(REAL));
    egnn_pair_vectors(g, y);
    pair_vector_tangents(g, y, d, p->x_dot);
    memset(y->agg, 0, g->n * H * sizeof(REAL));
    memset(d->agg_dot, 0, g->n * H * sizeof(REAL));
    pair_edges(g, l, p);
    egnn_coefficients(g, y);
    coefficient_tangents(g, y, d);
    if (p->keep)
      egnn_coefficient_curves(g, y, d);
    move_pair(g, y, d, p);
    if (last)
      continue;
    egnn_node_network(g, l, h_behind(g, l));
    node_network_tangents(g, l, p);
  }
  if (g->F)
    features_pair(g, p);
}
