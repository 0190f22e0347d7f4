/* egnn_tangents.h -- tangents of a sample on their way through the network: what egnn_divergence.h
   needs beside its layers. Their arrays; slopes of a layer's edge networks; the first layer, in
   pair rows; the node network; pair rows contracted or written out. foo_dot and pair rows are
   explained in egnn_divergence.h. */
#ifndef ENF__EGNN_TANGENTS_H
#define ENF__EGNN_TANGENTS_H

#include "field/egnn_forward.h"

typedef struct {
  size_t N, D, E, T, H;
  const enf__shape *shape;
  const int32_t *recv, *send;   /* (E) particles that an edge joins */
  int32_t *edge;                /* (N,N) edge of receiver and sender, or NO_EDGE */
  size_t e0, n0, stride;        /* the sample's first edge and node in the group; stride of r */
  REAL *slope[ENF__EGNN_DEPTH]; /* (E,H) silu' behind linear layer k of the edge network */
  REAL *u, *m, *p;              /* (E,H) all of the layer under way */
  REAL *p_wq, *p_w0;            /* (E) p.wq, p.w0 */
  REAL *dz, *dz_next;           /* (tile,H) */
  REAL *ones, *da;              /* (tile) */
  REAL *slope5;                 /* (N,H) */
  REAL *r_first, *r_last; /* (D,N,N) r_ik of the first and the last layer, 0 without an edge */
  bool dense;             /* h_dot is (N,T,H); else pair rows */
  REAL *h_dot, *pqu_dot, *agg_dot, *z5_dot; /* (rows,H), (rows,3H), (rows,H), (rows,H) */
  REAL *v_dot, *v_next;                     /* (N,D,T) tangents of x^l - x^0 */
  REAL *r_dot, *q_dot, *q0_dot, *s_dot;     /* (D,T), (T) of one edge */
  REAL *node_coef;                          /* (N,T) coefficients of the rows of a node's P and Q */
  const REAL **node_p, **node_q;            /* (N,T) the rows themselves */
  REAL *coef[4];                            /* (T) coefficients of one edge's terms */
  const REAL **src[4];                      /* (T) */
  REAL *cq, *c0, *dot;                      /* (T) */
  REAL *a_dot, *a_next;                     /* (T,H) of one edge */
  REAL *mix, *own;                          /* (H), (N,H) of one edge, one receiver */
  REAL *through;                            /* (H,H) of one receiver */
  REAL **out;                               /* (T) */
} tangents;

enum { NO_EDGE = -1 };

static void list_edges(const tangents *d) {
  for (size_t k = 0; k < d->N * d->N; k++)
    d->edge[k] = NO_EDGE;
  for (size_t e = 0; e < d->E; e++)
    d->edge[(size_t)d->recv[e] * d->N + (size_t)d->send[e]] = (int32_t)e;
}

static void layout_tangents(const group *g, tangents *d, enf__arena *arena) {
  *d = (tangents){.N = g->N,
                  .D = g->D,
                  .E = g->edges,
                  .T = g->N * g->D,
                  .H = g->H,
                  .shape = g->shape,
                  .recv = g->recv, /* those of the group's first sample */
                  .send = g->send};
  const size_t H = d->H, pair_rows = d->E + d->T;
  const size_t rows = g->layers < 4 ? pair_rows : d->N * d->T;
  const struct {
    REAL **array;
    size_t count;
  } reals[] = {{&d->u, d->E * H},
               {&d->m, d->E * H},
               {&d->p, d->E * H},
               {&d->p_wq, d->E},
               {&d->p_w0, d->E},
               {&d->dz, g->tile * H},
               {&d->dz_next, g->tile * H},
               {&d->ones, g->tile},
               {&d->da, g->tile},
               {&d->slope5, d->N * H},
               {&d->r_first, d->D * d->N * d->N},
               {&d->r_last, d->D * d->N * d->N},
               {&d->h_dot, rows * H},
               {&d->pqu_dot, rows * 3 * H},
               {&d->agg_dot, rows * H},
               {&d->z5_dot, rows * H},
               {&d->v_dot, d->T * d->T},
               {&d->v_next, d->T * d->T},
               {&d->r_dot, d->D * d->T},
               {&d->q_dot, d->T},
               {&d->q0_dot, d->T},
               {&d->s_dot, d->T},
               {&d->node_coef, d->N * d->T},
               {&d->coef[0], d->T},
               {&d->coef[1], d->T},
               {&d->coef[2], d->T},
               {&d->coef[3], d->T},
               {&d->cq, d->T},
               {&d->c0, d->T},
               {&d->dot, d->T},
               {&d->a_dot, d->T * H},
               {&d->a_next, d->T * H},
               {&d->mix, H},
               {&d->own, d->N * H},
               {&d->through, g->layers < 4 ? 0 : H * H}};
  for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
    *reals[i].array = ENF__TAKE(arena, REAL, reals[i].count);
  for (size_t k = 0; k + 1 < g->edge_depth; k++)
    d->slope[k] = ENF__TAKE(arena, REAL, d->E * H);
  d->node_p = ENF__TAKE(arena, const REAL *, d->N * d->T);
  d->node_q = ENF__TAKE(arena, const REAL *, d->N * d->T);
  for (int k = 0; k < 4; k++)
    d->src[k] = ENF__TAKE(arena, const REAL *, d->T);
  d->out = ENF__TAKE(arena, REAL *, d->T);
  d->edge = ENF__TAKE(arena, int32_t, d->N * d->N);
  if (!arena->base)
    return;
  for (size_t i = 0; i < g->tile; i++)
    d->ones[i] = 1;
  list_edges(d);
}

static bool is_edge(const tangents *d, size_t i, size_t j) {
  return d->edge[i * d->N + j] != NO_EDGE;
}

/* Edge of receiver i and sender j, which there is. */
static size_t edge_of(const tangents *d, size_t i, size_t j) {
  return (size_t)d->edge[i * d->N + j];
}

/* First edge of receiver i; of i = N, E. */
static size_t edges_of(const tangents *d, size_t i) { return enf__shape_start(d->shape, i); }

/* Numbers of the edges of receiver i, one by one, go where their senders are in (N); others 0. */
static void place_by_sender(const tangents *d, size_t i, REAL *out) {
  size_t first = edges_of(d, i), left = edges_of(d, i + 1) - first;
  for (size_t k = d->N; k-- > 0;)
    out[k] = left && (size_t)d->send[first + left - 1] == k ? out[--left] : 0;
}

/* And back. */
static void gather_by_sender(const tangents *d, size_t i, REAL *out) {
  const size_t first = edges_of(d, i), count = edges_of(d, i + 1) - first;
  for (size_t row = 0; row < count; row++)
    out[row] = out[d->send[first + row]];
}

/* Component a of r_e of a layer, for edge e of the sample. */
static REAL r_of(const tangents *d, const layer *y, size_t e, size_t a) {
  return y->r[a * d->stride + d->e0 + e];
}

/* slope[1], slope[2] ... of a tile of edges, and back through linear layers top ... 2 of their
   network: from ds/dz[top] in d->dz to ds/dz[1], which is returned. */
static const REAL *inner_slopes(const group *g, const layer *y, tangents *d, size_t e,
                                size_t rows) {
  const size_t H = d->H;
  REAL *dz = d->dz, *next = d->dz_next;
  for (size_t k = g->edge_depth - 1; k > 1; k--) {
    REAL *slope = d->slope[k - 1] + e * H;
    g->k->silu_slope(rows * H, y->z[k - 1] + (d->e0 + e) * H, slope);
    g->k->sloped(rows, H, dz, y->w + y->at->edge[k].wt, slope, H, next);
    swap(&dz, &next);
  }
  return dz;
}

/* slope, u, m, p, p_wq, p_w0 of a layer's edges. */
static void edge_slopes(group *g, size_t l, tangents *d) {
  layer *y = &g->layer[l];
  const enf__egnn_layer *at = y->at;
  const size_t H = d->H, top = g->edge_depth - 1;
  const REAL *w = y->w, *wa = g->f->base.model.attention ? w + at->wa : NULL;
  for (size_t e = 0; e < d->E; e += g->tile) {
    const size_t rows = d->E - e < g->tile ? d->E - e : g->tile, ge = d->e0 + e;
    g->k->coordinate_grad(rows, H, d->ones, y->z[top] + ge * H, y->z3 + ge * H, y->gate + ge,
                          w + at->coord.b, w + at->w4, wa, NULL, NULL, d->m + e * H, d->u + e * H,
                          d->dz_next, d->da, NULL, NULL, NULL, NULL);
    g->k->message_grad(rows, H, d->dz_next, w + at->coord.wt, y->gate + ge, NULL, NULL, d->da, wa,
                       d->u + e * H, d->dz, NULL);
    const REAL *dz = inner_slopes(g, y, d, e, rows);
    g->k->edge_input(rows, H, y->pqu, y->pqu + H, 3 * H, y->row_i + ge, y->row_j + ge, w + at->wq,
                     w + at->w0, y->q + ge, g->layer[0].q + ge, g->a1, d->slope[0] + e * H);
    g->k->edge_grad(rows, H, dz, w + at->edge[1].wt, d->slope[0] + e * H, w + at->wq, w + at->w0,
                    d->p + e * H, d->p_wq + e, d->p_w0 + e);
  }
  for (size_t e = 0; e < d->E; e++)
    for (size_t c = 0; c < H; c++)
      d->u[e * H + c] *= y->gate[d->e0 + e];
}

/* ---- first layer ----------------------------------------------------------------------------- */

/* Rows B_e = d(gate m)/dq of all edges into agg_dot, q and q0 moving together. */
static void message_slopes(group *g, tangents *d) {
  const layer *y = &g->layer[0];
  REAL *a_dot = d->z5_dot, *next = d->h_dot; /* neither is in use yet */
  const size_t H = d->H;
  const REAL *w = y->w, *wq = w + y->at->wq, *w0 = w + y->at->w0;
  const REAL *wa = g->f->base.model.attention ? w + y->at->wa : NULL;
  for (size_t e = 0; e < d->E; e++)
    for (size_t c = 0; c < H; c++)
      a_dot[e * H + c] = d->slope[0][e * H + c] * (wq[c] + w0[c]);
  for (size_t k = 1; k + 1 < g->edge_depth; k++) {
    g->k->sloped(d->E, H, a_dot, w + y->at->edge[k].w, d->slope[k], H, next);
    swap(&a_dot, &next);
  }
  g->k->gemm(d->E, H, H, a_dot, H, w + y->at->edge[g->edge_depth - 1].w, H, NULL, 0, NULL, false,
             d->agg_dot, H);
  for (size_t e = 0; e < d->E; e++) {
    REAL *B = d->agg_dot + e * H, dot = 0;
    for (size_t c = 0; c < H; c++)
      B[c] *= d->u[e * H + c];
    if (!wa)
      continue;
    g->k->dots(1, H, wa, B, H, &dot);
    dot *= 1 - y->gate[d->e0 + e];
    for (size_t c = 0; c < H; c++)
      B[c] += dot * d->m[e * H + c];
  }
}

/* Rows of node k itself: sum_j B_kj 2 r_kj,a. */
static void own_messages(group *g, tangents *d) {
  const layer *y = &g->layer[0];
  const size_t H = d->H;
  memset(d->agg_dot + d->E * H, 0, d->T * H * sizeof(REAL));
  for (size_t e = 0; e < d->E; e++) {
    const size_t k = (size_t)d->recv[e];
    for (size_t a = 0; a < d->D; a++) {
      REAL *row = d->agg_dot + (d->E + k * d->D + a) * H;
      const REAL f = 2 * r_of(d, y, e, a);
      for (size_t c = 0; c < H; c++)
        row[c] += f * d->agg_dot[e * H + c];
    }
  }
}

static void first_positions(group *g, tangents *d) {
  const layer *y = &g->layer[0];
  memset(d->v_dot, 0, d->T * d->T * sizeof(REAL));
  for (size_t e = 0; e < d->E; e++) {
    const size_t i = (size_t)d->recv[e], k = (size_t)d->send[e], ge = d->e0 + e;
    const REAL c = y->c[ge], slope = y->c_s[ge] * (d->p_wq[e] + d->p_w0[e]) + y->c_q[ge];
    for (size_t a = 0; a < d->D; a++)
      for (size_t b = 0; b < d->D; b++) {
        const REAL f = (a == b ? c : 0) + 2 * slope * r_of(d, y, e, a) * r_of(d, y, e, b);
        d->v_dot[(i * d->D + b) * d->T + a * d->N + k] = -f;
        d->v_dot[(i * d->D + b) * d->T + a * d->N + i] += f;
      }
  }
}

/* ---- tangents of node features --------------------------------------------------------------- */

static size_t node_of_row(const tangents *d, bool dense, size_t row) {
  if (dense)
    return row / d->T;
  return row < d->E ? (size_t)d->recv[row] : (row - d->E) / d->D;
}

/* Tangents of a pre-activation of the node network through its silu. */
static void scale_rows(const group *g, const tangents *d, const REAL *z, bool dense, size_t rows,
                       REAL *dot) {
  const size_t H = d->H;
  g->k->silu_slope(d->N * H, z + d->n0 * H, d->slope5);
  for (size_t row = 0; row < rows; row++) {
    const REAL *slope = d->slope5 + node_of_row(d, dense, row) * H;
    for (size_t c = 0; c < H; c++)
      dot[row * H + c] *= slope[c];
  }
}

/* h_dot += the node network's, whose first pre-activation has z5_dot = (what is in it) + W5
   agg_dot; agg_dot is overwritten. */
static void node_tangents(group *g, size_t l, tangents *d, bool dense) {
  const layer *y = &g->layer[l];
  const size_t H = d->H, rows = dense ? d->N * d->T : d->E + d->T;
  REAL *dot = d->z5_dot, *next = d->agg_dot;
  g->k->gemm(rows, H, H, d->agg_dot, H, y->w + y->at->w5, H, dot, H, NULL, false, dot, H);
  for (size_t k = 1; k < g->node_depth; k++) {
    const bool top = k + 1 == g->node_depth;
    REAL *out = top ? d->h_dot : next;
    scale_rows(g, d, y->z5[k - 1], dense, rows, dot);
    g->k->gemm(rows, H, H, dot, H, y->w + y->at->node[k].w, H, top ? out : NULL, H, NULL, false,
               out, H);
    swap(&dot, &next);
  }
  d->dense = dense;
}

static void first_layer(group *g, tangents *d) {
  edge_slopes(g, 0, d);
  first_positions(g, d);
  if (g->layers == 1)
    return;
  const size_t reals = (d->E + d->T) * d->H;
  message_slopes(g, d);
  own_messages(g, d);
  memset(d->z5_dot, 0, reals * sizeof(REAL));
  memset(d->h_dot, 0, reals * sizeof(REAL));
  node_tangents(g, 0, d, false);
}

/* r_ik of a layer for all edges. */
static void pair_table(const tangents *d, const layer *y, REAL *table) {
  memset(table, 0, d->D * d->N * d->N * sizeof(REAL));
  for (size_t a = 0; a < d->D; a++)
    for (size_t e = 0; e < d->E; e++)
      table[(a * d->N + (size_t)d->recv[e]) * d->N + (size_t)d->send[e]] = r_of(d, y, e, a);
}

/* A pair row that i has for a displacement of k along a: its own; that of the edge; without an
   edge any, as its coefficient, which has a factor r_first, is 0. */
static size_t pair_row(const tangents *d, size_t i, size_t k, size_t a) {
  return k != i && is_edge(d, i, k) ? edge_of(d, i, k) : d->E + i * d->D + a;
}

static REAL pair_row_coef(const tangents *d, size_t i, size_t k, size_t a) {
  return k == i ? 1 : -2 * d->r_first[(a * d->N + i) * d->N + k];
}

/* out[k] = 2 sum_a r_last_ik,a r_first_jk,a: contracts pair row (j,k) with r_ki of the last layer.
 */
static void pair_scales(const tangents *d, size_t i, size_t j, REAL *out) {
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
static void contract_axes(const tangents *d, size_t i, size_t k, const REAL *from, size_t apart,
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
static void contract_rows(const tangents *d, const REAL *in, size_t ldi, REAL *out) {
  const size_t H = d->H, D = d->D, N = d->N;
  for (size_t i = 0; i < N; i++) {
    pair_scales(d, i, i, d->dot);
    for (size_t e = edges_of(d, i); e < edges_of(d, i + 1); e++) {
      const size_t k = (size_t)d->send[e];
      REAL *to = out + e * H;
      if (d->dense)
        contract_axes(d, i, k, in + (i * d->T + k) * ldi, N * ldi, to);
      else
        for (size_t c = 0; c < H; c++)
          to[c] = d->dot[k] * in[e * ldi + c];
    }
    for (size_t a = 0; a < D; a++) {
      const size_t own = d->dense ? i * d->T + a * N + i : d->E + i * D + a;
      memcpy(out + (d->E + i * D + a) * H, in + own * ldi, H * sizeof(REAL));
    }
  }
}

/* Pair rows of the first layer written out as dense rows. */
static void expand_rows(const tangents *d, const REAL *in, size_t ldi, REAL *out) {
  const size_t H = d->H, N = d->N;
  for (size_t i = 0; i < N; i++)
    for (size_t t = 0; t < d->T; t++) {
      const size_t k = t % N, a = t / N, row = pair_row(d, i, k, a);
      const REAL f = pair_row_coef(d, i, k, a);
      for (size_t c = 0; c < H; c++)
        out[(i * d->T + t) * H + c] = f * in[row * ldi + c];
    }
}

#endif
