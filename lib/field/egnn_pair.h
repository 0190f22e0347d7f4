/* egnn_pair.h -- velocity and one tangent, J eps, of a group; and the reverse pass of the pair, for
   the gradient of <a,v> + b eps^T J eps + c |v|^2 + d |J eps|^2. docs/math.md, "Gradients of the
   trace".

   Every quantity of egnn_forward.h is carried with its tangent foo_dot for the displacement eps.
   In the reverse pass foo_bar is the derivative of the loss by foo and foo_hat that by foo_dot;
   second derivatives of silu, sigmoid, tanh and distances enter foo_bar. Products work on values
   and tangents together: rows of a tile, then rows of their tangents. For the exact
   divergence see egnn_trace_reverse.h. */
#ifndef ENF__EGNN_PAIR_H
#define ENF__EGNN_PAIR_H

#include "field/egnn_reverse.h"

/* What is kept of one layer beside `layer`; per-edge rows are tile-blocked: values, tangents. */
typedef struct {
  REAL *h_dot, *pqu_dot;         /* (rows,Hp), (rows,3Hp) */
  REAL *agg_dot;                 /* (n,Hp) */
  REAL *z5_dot[ENF__EGNN_DEPTH]; /* (n,Hp) of z5[k] */
  REAL *z[ENF__EGNN_DEPTH], *u3; /* (2e,Hp) edge network: k = 1 ... depth-1; coordinate network */
  REAL *gate_dot, *s_dot;        /* (e) */
  REAL *r_dot, *q_dot, *c_dot;   /* (D,e), (e), (e) */
  REAL *c_ss, *c_sq, *c_qq;      /* (e) second derivatives of c */
} pair_layer;

typedef struct {
  pair_layer layer[ENF__EGNN_LAYERS];
  REAL *eps, *x_dot, *v_dot; /* (n,D) */
  REAL *a, *m;               /* (2 tile,Hp) */
  REAL *a5, *slope5;         /* (2n,Hp) values and tangents; silu' and silu'' z5_dot */
  /* reverse */
  REAL *v_bar, *v_hat, *x_bar, *x_hat, *x_bar_new, *x_hat_new; /* (n,D) */
  REAL *h_bar, *h_hat, *h_class;                               /* (n,Hp) */
  REAL *pqu_bar, *pqu_hat;                                     /* (rows,3Hp) */
  REAL *z5_bar, *z5_hat, *agg_bar, *agg_hat;                   /* (n,Hp) */
  REAL *s_bar, *s_hat, *q_bar, *q_hat, *q0_bar, *q0_hat;       /* (e) */
  REAL *net_q, *net_q0;                                        /* (2 tile) */
  REAL *logit_bar, *logit_hat;                                 /* (tile) */
  REAL *u3_bar, *z_bar, *slope1; /* (2 tile,Hp) values and tangents; silu', silu'' z1_dot */
  REAL *grad, *scratch;
} pair;

static void layout_pair_layer(const group *g, pair_layer *y, enf__arena *arena) {
  const size_t n = g->n, H = g->H;
  y->h_dot = ENF__TAKE(arena, REAL, n * H);
  y->pqu_dot = ENF__TAKE(arena, REAL, n * 3 * H);
  y->agg_dot = ENF__TAKE(arena, REAL, n * H);
  for (size_t k = 0; k + 1 < g->node_depth; k++)
    y->z5_dot[k] = ENF__TAKE(arena, REAL, n * H);
  for (size_t k = 1; k < g->edge_depth; k++)
    y->z[k] = ENF__TAKE(arena, REAL, 2 * g->e * H);
  y->u3 = ENF__TAKE(arena, REAL, 2 * g->e * H);
  y->r_dot = ENF__TAKE(arena, REAL, g->e * g->D);
  REAL **scalars[] = {&y->gate_dot, &y->s_dot, &y->q_dot, &y->c_dot, &y->c_ss, &y->c_sq, &y->c_qq};
  for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++)
    *scalars[i] = ENF__TAKE(arena, REAL, g->e);
}

static void layout_pair(const group *g, pair *p, enf__arena *arena) {
  const size_t n = g->n, H = g->H;
  for (size_t l = 0; l < g->layers; l++)
    layout_pair_layer(g, &p->layer[l], arena);
  REAL **positions[] = {&p->eps,   &p->x_dot, &p->v_dot,     &p->v_bar,    &p->v_hat,
                        &p->x_bar, &p->x_hat, &p->x_bar_new, &p->x_hat_new};
  for (size_t i = 0; i < sizeof positions / sizeof *positions; i++)
    *positions[i] = ENF__TAKE(arena, REAL, n * g->D);
  REAL **nodes[] = {&p->h_bar,  &p->h_hat,   &p->h_class, &p->z5_bar,
                    &p->z5_hat, &p->agg_bar, &p->agg_hat};
  for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
    *nodes[i] = ENF__TAKE(arena, REAL, n * H);
  p->a5 = ENF__TAKE(arena, REAL, 2 * n * H);
  p->slope5 = ENF__TAKE(arena, REAL, 2 * n * H);
  p->pqu_bar = ENF__TAKE(arena, REAL, n * 3 * H);
  p->pqu_hat = ENF__TAKE(arena, REAL, n * 3 * H);
  REAL **scalars[] = {&p->s_bar, &p->s_hat, &p->q_bar, &p->q_hat, &p->q0_bar, &p->q0_hat};
  for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++)
    *scalars[i] = ENF__TAKE(arena, REAL, g->e);
  REAL **tiles[] = {&p->a, &p->m, &p->u3_bar, &p->z_bar, &p->slope1};
  for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++)
    *tiles[i] = ENF__TAKE(arena, REAL, 2 * g->tile * H);
  p->net_q = ENF__TAKE(arena, REAL, 2 * g->tile);
  p->net_q0 = ENF__TAKE(arena, REAL, 2 * g->tile);
  p->logit_bar = ENF__TAKE(arena, REAL, g->tile);
  p->logit_hat = ENF__TAKE(arena, REAL, g->tile);
  p->grad = ENF__TAKE(arena, REAL, g->f->forward_count);
  p->scratch = ENF__TAKE(arena, REAL, 2 * H);
}

/* ---- forward --------------------------------------------------------------------------------- */

static void pair_vector_tangents(const group *g, const layer *y, pair_layer *d, const REAL *x_dot) {
  memset(d->q_dot, 0, g->e * sizeof(REAL));
  for (size_t a = 0; a < g->D; a++)
    for (size_t e = 0; e < g->e; e++) {
      const size_t i = (size_t)g->recv[e] * g->D, j = (size_t)g->send[e] * g->D;
      d->r_dot[a * g->e + e] = x_dot[i + a] - x_dot[j + a];
      d->q_dot[e] += 2 * y->r[a * g->e + e] * d->r_dot[a * g->e + e];
    }
}

/* c_dot and the second derivatives of c = share phi(s) psi(q), psi = 1/(d+1), d = sqrt(q + 1e-8).
 */
static void coefficient_tangents(const group *g, const layer *y, pair_layer *d) {
  const bool bounded = g->f->base.model.tanh;
  for (size_t e = 0; e < g->e; e++) {
    const REAL r = SQRT(y->q[e] + (REAL)1e-8), psi = 1 / (r + 1);
    const REAL psi1 = -psi * psi / (2 * r), psi2 = psi * psi / (4 * r * r * r) - psi * psi1 / r;
    const REAL th = bounded ? y->th[e] : 0;
    const REAL phi = bounded ? g->R * th : y->s[e], phi1 = bounded ? g->R * (1 - th * th) : 1;
    d->c_ss[e] = -2 * th * g->share[e] * phi1 * psi;
    d->c_sq[e] = g->share[e] * phi1 * psi1;
    d->c_qq[e] = g->share[e] * phi * psi2;
    d->c_dot[e] = y->c_s[e] * d->s_dot[e] + y->c_q[e] * d->q_dot[e];
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
  move_particles(g, y);
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
    REAL *u3 = d->u3 + 2 * e * H;
    const REAL *a = p->a;
    g->k->pair_input(rows, H, y->pqu, d->pqu_dot, 3 * H, y->row_i + e, y->row_j + e, w + at->wq,
                     w + at->w0, y->q + e, d->q_dot + e, q0 + e, q0_dot + e, p->a, p->a + half,
                     NULL, NULL);
    for (size_t k = 1; k < g->edge_depth; k++, a = p->m) {
      REAL *z = d->z[k] + 2 * e * H;
      g->k->gemm(2 * rows, H, H, a, H, w + at->edge[k].w, H, NULL, 0, NULL, false, z, H);
      g->k->pair_message(rows, H, z, z + half, w + at->edge[k].b,
                         k + 1 == g->edge_depth ? wa : NULL, w[at->ba], p->m, p->m + half,
                         y->gate + e, d->gate_dot + e);
    }
    g->k->gemm(2 * rows, H, H, p->m, H, w + at->coord.w, H, NULL, 0, NULL, false, u3, H);
    g->k->pair_coordinate(rows, H, u3, u3 + half, y->gate + e, d->gate_dot + e, w + at->coord.b,
                          w + at->w4, y->s + e, d->s_dot + e);
    if (l + 1 == g->layers)
      continue;
    g->k->segment_sum(rows, H, g->recv + e, y->gate + e, p->m, y->agg, H);
    gate_message_tangents(rows, H, y->gate + e, d->gate_dot + e, p->m, p->m + half);
    g->k->segment_sum(rows, H, g->recv + e, NULL, p->m + half, d->agg_dot, H);
  }
}

/* Tangents through the node network, after node_network has made its pre-activations. */
static void node_network_tangents(group *g, size_t l, pair *p) {
  layer *y = &g->layer[l];
  pair_layer *d = &p->layer[l];
  const size_t H = g->H, all = g->n * H;
  REAL *h_next = p->layer[l + 1].h_dot;
  memset(h_next, 0, all * sizeof(REAL));
  memset(d->z5_dot[0], 0, all * sizeof(REAL));
  for (size_t i = 0; l && i < g->n; i++) {
    memcpy(d->z5_dot[0] + i * H, d->pqu_dot + i * 3 * H + 2 * H, H * sizeof(REAL));
    memcpy(h_next + i * H, d->h_dot + i * H, H * sizeof(REAL));
  }
  g->k->gemm(g->n, H, H, d->agg_dot, H, y->w + y->at->w5, H, d->z5_dot[0], H, NULL, false,
             d->z5_dot[0], H);
  for (size_t k = 1; k < g->node_depth; k++) {
    const bool top = k + 1 == g->node_depth;
    g->k->pair_silu(all, y->z5[k - 1], d->z5_dot[k - 1], p->a5, p->a5 + all, p->slope5,
                    p->slope5 + all);
    g->k->gemm(g->n, H, H, p->a5 + all, H, y->w + y->at->node[k].w, H, top ? h_next : NULL, H, NULL,
               false, top ? h_next : d->z5_dot[k], H);
  }
}

static void forward_pair(group *g, pair *p) {
  const size_t H = g->H, positions = g->n * g->D;
  memset(g->v, 0, positions * sizeof(REAL));
  memset(p->v_dot, 0, positions * sizeof(REAL));
  memcpy(p->x_dot, p->eps, positions * sizeof(REAL));
  embed(g, &g->layer[0]);
  for (size_t l = 0; l < g->layers; l++) {
    layer *y = &g->layer[l];
    pair_layer *d = &p->layer[l];
    const bool last = l + 1 == g->layers;
    const size_t rows = node_rows(g, l), cols = (last ? 2 : 3) * H;
    const REAL *node_w = y->w + y->at->node_w;
    g->k->gemm(rows, H, cols, y->h, H, node_w, 3 * H, NULL, 0, y->w + y->at->node_b, false, y->pqu,
               3 * H);
    if (l)
      g->k->gemm(rows, H, cols, d->h_dot, H, node_w, 3 * H, NULL, 0, NULL, false, d->pqu_dot,
                 3 * H);
    else
      memset(d->pqu_dot, 0, rows * 3 * H * sizeof(REAL));
    pair_vectors(g, y);
    pair_vector_tangents(g, y, d, p->x_dot);
    memset(y->agg, 0, g->n * H * sizeof(REAL));
    memset(d->agg_dot, 0, g->n * H * sizeof(REAL));
    pair_edges(g, l, p);
    coefficients(g, y);
    coefficient_tangents(g, y, d);
    move_pair(g, y, d, p);
    if (last)
      continue;
    node_network(g, l, g->layer[l + 1].h);
    node_network_tangents(g, l, p);
  }
}

/* ---- reverse --------------------------------------------------------------------------------- */

/* Linear layers depth-1 ... 1 of the node network backwards: from h_bar, h_hat to z5_bar, z5_hat.
 */
static void node_layers_pair_grad(group *g, layer *y, pair_layer *d, pair *p) {
  const size_t H = g->H, n = g->n, all = n * H;
  const REAL *bar = p->h_bar, *hat = p->h_hat;
  for (size_t k = g->node_depth - 1; k > 0; k--) {
    const enf__egnn_linear *at = &y->at->node[k];
    REAL *bar_out = k % 2 ? p->z5_bar : p->agg_bar, *hat_out = k % 2 ? p->z5_hat : p->agg_hat;
    g->k->pair_silu(all, y->z5[k - 1], d->z5_dot[k - 1], p->a5, p->a5 + all, p->slope5,
                    p->slope5 + all);
    if (p->grad) {
      g->k->gemm_grad(n, H, H, p->a5, H, bar, H, p->grad + at->w, H);
      g->k->gemm_grad(n, H, H, p->a5 + all, H, hat, H, p->grad + at->w, H);
      add_column_sums(n, H, bar, H, p->grad + at->b);
    }
    g->k->gemm(n, H, H, bar, H, y->w + at->wt, H, NULL, 0, NULL, false, bar_out, H);
    g->k->gemm(n, H, H, hat, H, y->w + at->wt, H, NULL, 0, NULL, false, hat_out, H);
    g->k->pair_slope(all, p->slope5, p->slope5 + all, bar_out, hat_out);
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
    g->k->pair_silu(half, z, z + half, p->a, p->a + half, p->slope1, p->slope1 + half);
    g->k->gemm(2 * rows, H, H, bar, H, y->w + at->wt, H, NULL, 0, NULL, false, next, H);
    g->k->pair_slope(half, p->slope1, p->slope1 + half, next, next + half);
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
  g->k->pair_input(rows, H, y->pqu, d->pqu_dot, 3 * H, y->row_i + e, y->row_j + e, w + at->wq,
                   w + at->w0, y->q + e, d->q_dot + e, q0 + e, q0_dot + e, p->a, p->a + half,
                   p->slope1, p->slope1 + half);
  if (p->grad)
    g->k->gemm_grad(2 * rows, H, H, p->a, H, z_bar, H, p->grad + at->edge[1].w, H);
  g->k->gemm(2 * rows, H, H, z_bar, H, w + at->edge[1].wt, H, NULL, 0, NULL, false, p->a, H);
  g->k->pair_slope(half, p->slope1, p->slope1 + half, p->a, p->a + half);
  g->k->dots(2 * rows, H, w + at->wq, p->a, H, p->net_q);
  g->k->dots(2 * rows, H, w + at->w0, p->a, H, p->net_q0);
  for (size_t r = 0; r < rows; r++) {
    p->q_bar[e + r] += p->net_q[r];
    p->q_hat[e + r] += p->net_q[rows + r];
    p->q0_bar[e + r] += p->net_q0[r];
    p->q0_hat[e + r] += p->net_q0[rows + r];
  }
  g->k->edge_scatter(rows, H, p->a, y->row_i + e, y->row_j + e, y->q + e, q0 + e, p->pqu_bar,
                     p->pqu_bar + H, 3 * H, dwq, dw0);
  g->k->edge_scatter(rows, H, p->a + half, y->row_i + e, y->row_j + e, d->q_dot + e, q0_dot + e,
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
  const bool last = l + 1 == g->layers;
  const REAL *w = y->w, *wa = g->f->base.model.attention ? w + at->wa : NULL;
  const REAL *agg_bar = last ? NULL : p->agg_bar, *agg_hat = last ? NULL : p->agg_hat;
  for (size_t e = 0; e < g->e; e += g->tile) {
    const size_t rows = g->e - e < g->tile ? g->e - e : g->tile, half = rows * H;
    const REAL *z = d->z[top] + 2 * e * H, *u3 = d->u3 + 2 * e * H;
    g->k->pair_coordinate_grad(rows, H, p->s_bar + e, p->s_hat + e, u3, u3 + half, z, z + half,
                               y->gate + e, d->gate_dot + e, w + at->coord.b, w + at->w4, wa,
                               g->recv + e, agg_bar, agg_hat, p->m, p->m + half, p->u3_bar,
                               p->u3_bar + half, p->logit_bar, p->logit_hat,
                               pair_grad_of(p, at->w4), pair_grad_of(p, at->coord.b),
                               pair_grad_of(p, at->wa), pair_grad_of(p, at->ba));
    g->k->gemm(2 * rows, H, H, p->u3_bar, H, w + at->coord.wt, H, NULL, 0, NULL, false, p->z_bar,
               H);
    g->k->pair_message_grad(rows, H, z, z + half, y->gate + e, d->gate_dot + e, g->recv + e,
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
  const size_t H = g->H, rows = node_rows(g, l), cols = (l + 1 == g->layers ? 2 : 3) * H;
  const REAL *node_wt = y->w + y->at->node_wt;
  REAL *h_bar = l ? p->h_bar : p->h_class;
  if (l == 0) {
    memset(h_bar, 0, rows * H * sizeof(REAL));
    for (size_t i = 0; g->layers > 1 && i < g->n; i++)
      for (size_t c = 0; c < H; c++)
        h_bar[(size_t)g->node_class[i] * H + c] += p->h_bar[i * H + c];
  }
  g->k->gemm(rows, cols, H, p->pqu_bar, 3 * H, node_wt, H, h_bar, H, NULL, false, h_bar, H);
  if (l)
    g->k->gemm(rows, cols, H, p->pqu_hat, 3 * H, node_wt, H, p->h_hat, H, NULL, false, p->h_hat, H);
  if (!p->grad)
    return;
  REAL *node_w = p->grad + y->at->node_w;
  g->k->gemm_grad(rows, H, cols, y->h, H, p->pqu_bar, 3 * H, node_w, 3 * H);
  if (l)
    g->k->gemm_grad(rows, H, cols, d->h_dot, H, p->pqu_hat, 3 * H, node_w, 3 * H);
  add_column_sums(rows, cols, p->pqu_bar, 3 * H, p->grad + y->at->node_b);
}

static void reverse_pair_layer(group *g, size_t l, pair *p) {
  const size_t bytes = node_rows(g, l) * 3 * g->H * sizeof(REAL);
  memset(p->pqu_bar, 0, bytes);
  memset(p->pqu_hat, 0, bytes);
  if (l + 1 < g->layers)
    node_network_pair_grad(g, l, p);
  coordinate_update_pair_grad(g, &g->layer[l], &p->layer[l], p);
  pair_edges_grad(g, l, p);
  position_grads(g, l, p);
  node_input_pair_grad(g, l, p);
}

/* From v_bar and v_hat to x_bar and the weights. */
static void reverse_pair(group *g, pair *p) {
  const size_t positions = g->n * g->D * sizeof(REAL), nodes = g->n * g->H * sizeof(REAL);
  REAL *zero[] = {p->x_bar, p->x_hat};
  for (int i = 0; i < 2; i++)
    memset(zero[i], 0, positions);
  memset(p->h_bar, 0, nodes);
  memset(p->h_hat, 0, nodes);
  memset(p->q0_bar, 0, g->e * sizeof(REAL));
  memset(p->q0_hat, 0, g->e * sizeof(REAL));
  for (size_t l = g->layers; l-- > 0;)
    reverse_pair_layer(g, l, p);
  memcpy(p->x_bar_new, p->x_bar, positions);
  memcpy(p->x_hat_new, p->x_hat, positions);
  add_vector_grads(g, &g->layer[0], &p->layer[0], p, false, p->q0_bar, p->q0_hat);
  swap(&p->x_bar, &p->x_bar_new);
  if (!p->grad)
    return;
  reverse b = {.dh_class = p->h_class, .grad = p->grad};
  embed_grad(g, &b);
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* out (n,D) = f[sample] in, less its mean over particles. */
static void centred(const group *g, const double *in, const double *f, REAL *out) {
  for (size_t s = 0; s < g->S; s++)
    for (size_t a = 0; a < g->D; a++) {
      const double *from = in + s * g->N * g->D + a;
      double mean = 0;
      for (size_t i = 0; i < g->N; i++)
        mean += from[i * g->D];
      mean /= (double)g->N;
      for (size_t i = 0; i < g->N; i++)
        out[(s * g->N + i) * g->D + a] = (REAL)((f ? f[s] : 1) * (from[i * g->D] - mean));
    }
}

static void tangent_out(const group *g, const pair *p, double *v_dot) {
  group of_tangents = *g;
  of_tangents.v = p->v_dot;
  velocity_out(&of_tangents, v_dot);
}

/* Mean over the particles of one sample of one coordinate of a vector. */
static double mean_of(const group *g, const REAL *in) {
  double sum = 0;
  for (size_t i = 0; i < g->N; i++)
    sum += (double)in[i * g->D];
  return sum / (double)g->N;
}

/* |in|^2 of sample s, in (n,D) less its mean over particles. */
static double square_of(const group *g, const REAL *in, size_t s) {
  double sum = 0;
  for (size_t a = 0; a < g->D; a++) {
    const REAL *from = in + s * g->N * g->D + a;
    const double mean = mean_of(g, from);
    for (size_t i = 0; i < g->N; i++)
      sum += ((double)from[i * g->D] - mean) * ((double)from[i * g->D] - mean);
  }
  return sum;
}

static double form_of(const group *g, const pair *p, size_t s) {
  const size_t size = g->N * g->D;
  double sum = 0;
  for (size_t k = s * size; k < (s + 1) * size; k++)
    sum += (double)p->eps[k] * (double)p->v_dot[k];
  return sum;
}

static void give_values(const group *g, const pair *p, const double *c, const double *d,
                        double *value) {
  for (size_t s = 0; s < g->S; s++, value += ENF__VALUES) {
    value[ENF__TRACE_VALUE] = form_of(g, p, s);
    value[ENF__SPEED_VALUE] = c ? square_of(g, g->v, s) : 0;
    value[ENF__JACOBIAN_VALUE] = d ? square_of(g, p->v_dot, s) : 0;
  }
}

void SUFFIX(enf__egnn_jvp)(const enf__egnn *f, int kernel, enf__arena *arena, const enf__points *at,
                           const double *eps, double *v, double *v_dot, double *form) {
  const size_t mark = arena->used, size = enf__shape_size(at->shape);
  group g;
  pair p;
  open_group(&g, f, at->shape, ENF__JVP, arena);
  layout_pair(&g, &p, arena);
  g.k = KERNELS_OF(kernel);
  for (size_t s = 0, step = g.S; s < at->S; s += step) {
    enter_samples(&g, at, s, next_samples(at, s, step));
    centred(&g, eps + s * size, NULL, p.eps);
    forward_pair(&g, &p);
    if (v)
      velocity_out(&g, v + s * size);
    if (v_dot)
      tangent_out(&g, &p, v_dot + s * size);
    for (size_t i = 0; i < g.S; i++)
      form[s + i] = form_of(&g, &p, i);
  }
  arena->used = mark;
}

/* bar (n,D) += the gradient of f[sample] |in|^2, in (n,D) less its mean over particles. */
static void add_square_grad(const group *g, const REAL *in, const double *f, REAL *bar) {
  for (size_t s = 0; f && s < g->S; s++)
    for (size_t a = 0; a < g->D; a++) {
      const size_t from = s * g->N * g->D + a;
      const double mean = mean_of(g, in + from);
      for (size_t i = 0; i < g->N; i++)
        bar[from + i * g->D] += (REAL)(2 * f[s] * ((double)in[from + i * g->D] - mean));
    }
}

/* The same function from sample `first` on. */
static enf__cotangent cotangent_from(const enf__cotangent *of, size_t first, size_t size) {
  return (enf__cotangent){.eps = of->eps + first * size,
                          .a = of->a + first * size,
                          .b = of->b + first,
                          .c = of->c ? of->c + first : NULL,
                          .d = of->d ? of->d + first : NULL};
}

/* The samples in the group. */
static void trace_pass(group *g, pair *p, const enf__cotangent *of, double *value) {
  centred(g, of->eps, NULL, p->eps);
  forward_pair(g, p);
  if (value)
    give_values(g, p, of->c, of->d, value);
  centred(g, of->a, NULL, p->v_bar);
  add_square_grad(g, g->v, of->c, p->v_bar);
  centred(g, of->eps, of->b, p->v_hat);
  add_square_grad(g, p->v_dot, of->d, p->v_hat);
  reverse_pair(g, p);
}

void SUFFIX(enf__egnn_vjp_trace)(const enf__egnn *f, int kernel, enf__arena *arena,
                                 const enf__points *at, const enf__cotangent *of,
                                 const enf__gradient *out) {
  const size_t mark = arena->used, size = enf__shape_size(at->shape);
  group g;
  pair p;
  open_group(&g, f, at->shape, ENF__VJP_PROBE, arena);
  layout_pair(&g, &p, arena);
  g.k = KERNELS_OF(kernel);
  if (!out->dparams)
    p.grad = NULL;
  if (p.grad)
    memset(p.grad, 0, f->forward_count * sizeof(REAL));
  for (size_t s = 0, step = g.S; s < at->S; s += step) {
    const enf__cotangent here = cotangent_from(of, s, size);
    enter_samples(&g, at, s, next_samples(at, s, step));
    trace_pass(&g, &p, &here, out->value ? out->value + s * ENF__VALUES : NULL);
    for (size_t i = 0; out->dx && i < g.n * g.D; i++)
      out->dx[s * size + i] = (double)p.x_bar[i];
  }
  if (p.grad)
    unpack_gradient(f, p.grad, out->dparams);
  arena->used = mark;
}

#endif
