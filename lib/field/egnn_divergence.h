/* egnn_divergence.h -- exact divergence of a group's velocity by structured forward mode:
   docs/math.md, "Exact divergence". foo_dot is the tangent of foo for a unit displacement of
   particle k along axis a, numbered t = a N + k. With p_ij = ds_ij/dz1_ij from a small reverse
   pass, s_dot = p.z1_dot, and W3 is never applied to tangents. What makes the rest sparse:

   - first layer: h does not depend on x, so the tangent of h_i (i != k) has rank one in a:
     h_dot_i = w_ik,a C_ik, w_ik = -2 r_ik: one row per pair. Node i = k has D rows.
   - last layer: only x_k's own update counts; h_dot_i (i != k) enters only contracted over a with
     r_ki, so the layer before it forms those contractions alone: again one row per pair and D rows
     per node.
   - layers between are dense: T = D N rows per node.

   "Pair rows" are the sparse form: row e(i,k) for every edge and, behind them, rows E + i D + a.
   The mean removal of v does not change the trace, because v is translation invariant. */
#ifndef ENF__EGNN_DIVERGENCE_H
#define ENF__EGNN_DIVERGENCE_H

#include "field/egnn_forward.h"

typedef struct {
  size_t N, D, E, T, H;
  size_t e0, n0, stride;        /* the sample's first edge and node in the group; stride of r */
  REAL *slope1, *u, *m, *p;     /* (E,H) of the layer under way */
  REAL *p_wq, *p_w0;            /* (E) p.wq, p.w0 */
  REAL *gdz3, *dz2, *ones, *da; /* (tile,H), (tile) */
  REAL *slope5;                 /* (N,H) */
  REAL *r_first, *r_last;       /* (D,N,N) r_ik of the first and the last layer, 0 for i = k */
  bool dense;                   /* h_dot is (N,T,H); else pair rows */
  REAL *h_dot, *pqu_dot, *agg_dot, *z5_dot; /* (rows,H), (rows,3H), (rows,H), (rows,H) */
  REAL *v_dot, *v_next;                     /* (N,D,T) tangents of x^l - x^0 */
  REAL *r_dot, *q_dot, *q0_dot, *s_dot;     /* (D,T), (T) of one edge */
  REAL *node_coef;                          /* (N,T) coefficients of the rows of a node's P and Q */
  const REAL **node_p, **node_q;            /* (N,T) the rows themselves */
  REAL *coef[4];                            /* (T) coefficients of one edge's terms */
  const REAL **src[4];                      /* (T) */
  REAL *cq, *c0, *dot;                      /* (T) */
  REAL *work, *mix, *own; /* (T,H), (H), (N,H) of one edge, one edge, one receiver */
  REAL **out;             /* (T) */
} tangents;

static void layout_tangents(const group *g, tangents *d, enf__arena *arena) {
  *d = (tangents){.N = g->N, .D = g->D, .E = g->f->edges, .T = g->N * g->D, .H = g->H};
  const size_t H = d->H, pair_rows = d->E + d->T;
  const size_t rows = g->layers < 4 ? pair_rows : d->N * d->T;
  const struct {
    REAL **array;
    size_t count;
  } reals[] = {{&d->slope1, d->E * H},
               {&d->u, d->E * H},
               {&d->m, d->E * H},
               {&d->p, d->E * H},
               {&d->p_wq, d->E},
               {&d->p_w0, d->E},
               {&d->gdz3, g->tile * H},
               {&d->dz2, g->tile * H},
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
               {&d->work, d->T * H},
               {&d->mix, H},
               {&d->own, d->N * H}};
  for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
    *reals[i].array = ENF__TAKE(arena, REAL, reals[i].count);
  d->node_p = ENF__TAKE(arena, const REAL *, d->N * d->T);
  d->node_q = ENF__TAKE(arena, const REAL *, d->N * d->T);
  for (int k = 0; k < 4; k++)
    d->src[k] = ENF__TAKE(arena, const REAL *, d->T);
  d->out = ENF__TAKE(arena, REAL *, d->T);
  if (arena->base)
    for (size_t i = 0; i < g->tile; i++)
      d->ones[i] = 1;
}

/* Edge of receiver i and sender j. */
static size_t edge_of(const tangents *d, size_t i, size_t j) {
  return i * (d->N - 1) + (j < i ? j : j - 1);
}

/* Component a of r_e of a layer, for edge e of the sample. */
static REAL r_of(const tangents *d, const layer *y, size_t e, size_t a) {
  return y->r[a * d->stride + d->e0 + e];
}

/* slope1, u, m, p, p_wq, p_w0 of a layer's edges. */
static void edge_slopes(group *g, size_t l, tangents *d) {
  layer *y = &g->layer[l];
  const enf__egnn_layer *at = y->at;
  const size_t H = d->H;
  const REAL *w = y->w, *wa = g->f->base.model.attention ? w + at->wa : NULL;
  for (size_t e = 0; e < d->E; e += g->tile) {
    const size_t rows = d->E - e < g->tile ? d->E - e : g->tile, ge = d->e0 + e;
    g->k->coordinate_grad(rows, H, d->ones, y->z2 + ge * H, y->z3 + ge * H, y->gate + ge,
                          w + at->b3, w + at->w4, wa, NULL, NULL, d->m + e * H, d->u + e * H,
                          d->gdz3, d->da, NULL, NULL, NULL, NULL);
    g->k->message_grad(rows, H, d->gdz3, w + at->w3t, y->gate + ge, NULL, NULL, d->da, wa,
                       d->u + e * H, d->dz2, NULL);
    g->k->edge_input(rows, H, y->pqu, y->pqu + H, 3 * H, y->row_i + ge, y->row_j + ge, w + at->wq,
                     w + at->w0, y->q + ge, g->layer[0].q + ge, g->a1, d->slope1 + e * H);
    g->k->edge_grad(rows, H, d->dz2, w + at->w2t, d->slope1 + e * H, w + at->wq, w + at->w0,
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
  const size_t H = d->H;
  const REAL *w = y->w, *wq = w + y->at->wq, *w0 = w + y->at->w0;
  const REAL *wa = g->f->base.model.attention ? w + y->at->wa : NULL;
  for (size_t e = 0; e < d->E; e++)
    for (size_t c = 0; c < H; c++)
      d->z5_dot[e * H + c] = d->slope1[e * H + c] * (wq[c] + w0[c]);
  g->k->gemm(d->E, H, H, d->z5_dot, H, w + y->at->w2, H, NULL, 0, NULL, false, d->agg_dot, H);
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
    const size_t k = e / (d->N - 1);
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
  for (size_t i = 0; i < d->N; i++)
    for (size_t k = 0; k < d->N; k++) {
      if (k == i)
        continue;
      const size_t e = edge_of(d, i, k), ge = d->e0 + e;
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
  return row < d->E ? row / (d->N - 1) : (row - d->E) / d->D;
}

/* h_dot += W6 (silu'(z5) z5_dot), z5_dot = (what is in it) + W5 agg_dot. */
static void node_tangents(group *g, size_t l, tangents *d, bool dense) {
  const layer *y = &g->layer[l];
  const size_t H = d->H, rows = dense ? d->N * d->T : d->E + d->T;
  g->k->silu_slope(d->N * H, y->z5 + d->n0 * H, d->slope5);
  g->k->gemm(rows, H, H, d->agg_dot, H, y->w + y->at->w5, H, d->z5_dot, H, NULL, false, d->z5_dot,
             H);
  for (size_t row = 0; row < rows; row++) {
    const REAL *slope = d->slope5 + node_of_row(d, dense, row) * H;
    for (size_t c = 0; c < H; c++)
      d->z5_dot[row * H + c] *= slope[c];
  }
  g->k->gemm(rows, H, H, d->z5_dot, H, y->w + y->at->w6, H, d->h_dot, H, NULL, false, d->h_dot, H);
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

/* r_ik of a layer for all pairs. */
static void pair_table(const tangents *d, const layer *y, REAL *table) {
  for (size_t a = 0; a < d->D; a++)
    for (size_t i = 0; i < d->N; i++)
      for (size_t k = 0; k < d->N; k++)
        table[(a * d->N + i) * d->N + k] = k == i ? 0 : r_of(d, y, edge_of(d, i, k), a);
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

/* Rows (i,k), k != i, contracted over a with r_ki of the last layer; rows of i = k as they are.
   in: stride ldi, of the present form; out (E + T, H) pair rows. */
static void contract_rows(const tangents *d, const REAL *in, size_t ldi, REAL *out) {
  const size_t H = d->H, D = d->D, N = d->N;
  for (size_t i = 0; i < N; i++) {
    pair_scales(d, i, i, d->dot);
    for (size_t k = 0; k < N; k++) {
      if (k == i)
        continue;
      const size_t e = edge_of(d, i, k);
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
      const size_t k = t % N, a = t / N, row = k == i ? d->E + i * d->D + a : edge_of(d, i, k);
      const REAL f = k == i ? 1 : -2 * d->r_first[(a * N + i) * N + k];
      for (size_t c = 0; c < H; c++)
        out[(i * d->T + t) * H + c] = f * in[row * ldi + c];
    }
}

/* ---- layers between -------------------------------------------------------------------------- */

/* Rows of P and Q of all nodes for all tangents, with their coefficients, for dense_edge. */
static void list_dense_rows(const tangents *d) {
  const size_t N = d->N, T = d->T, ld = 3 * d->H;
  for (size_t i = 0; i < N; i++)
    for (size_t t = 0; t < T; t++) {
      const size_t k = t % N, a = t / N;
      size_t row = i * T + t;
      REAL f = 1;
      if (!d->dense) {
        row = k == i ? d->E + i * d->D + a : edge_of(d, i, k);
        if (k != i)
          f = -2 * d->r_first[(a * N + i) * N + k];
      }
      d->node_coef[i * T + t] = f;
      d->node_p[i * T + t] = d->pqu_dot + row * ld;
      d->node_q[i * T + t] = d->pqu_dot + row * ld + d->H;
    }
}

/* r_dot, q_dot, q0_dot of edge (i,j) for all tangents. */
static void edge_tangents(const layer *y, tangents *d, size_t e, size_t i, size_t j) {
  const size_t T = d->T, D = d->D, N = d->N;
  memset(d->q_dot, 0, T * sizeof(REAL));
  memset(d->q0_dot, 0, T * sizeof(REAL));
  for (size_t b = 0; b < D; b++) {
    const REAL *vi = d->v_dot + (i * D + b) * T, *vj = d->v_dot + (j * D + b) * T;
    const REAL two_r = 2 * r_of(d, y, e, b), two_r0 = 2 * d->r_first[(b * N + i) * N + j];
    REAL *r_dot = d->r_dot + b * T, *q_dot = d->q_dot;
    for (size_t t = 0; t < T; t++)
      r_dot[t] = vi[t] - vj[t];
    r_dot[b * N + i] += 1;
    r_dot[b * N + j] -= 1;
    for (size_t t = 0; t < T; t++)
      q_dot[t] += two_r * r_dot[t];
    d->q0_dot[b * N + i] += two_r0;
    d->q0_dot[b * N + j] -= two_r0;
  }
}

/* v_next_i += r_dot c + r (c_s s_dot + c_q q_dot) */
static void move_tangents(const layer *y, tangents *d, size_t e, size_t i) {
  const size_t T = d->T, ge = d->e0 + e;
  const REAL c = y->c[ge], c_s = y->c_s[ge], c_q = y->c_q[ge];
  for (size_t t = 0; t < T; t++)
    d->dot[t] = c_s * d->s_dot[t] + c_q * d->q_dot[t];
  for (size_t b = 0; b < d->D; b++) {
    const REAL r = r_of(d, y, e, b);
    REAL *v = d->v_next + (i * d->D + b) * T;
    const REAL *r_dot = d->r_dot + b * T;
    for (size_t t = 0; t < T; t++)
      v[t] += r_dot[t] * c + r * d->dot[t];
  }
}

/* The message tangents of edge e: rows listed in coef, src, cq, c0, out. */
static void run_rows(group *g, const layer *y, tangents *d, size_t e, size_t rows, size_t terms,
                     const REAL *const *coef, const REAL *const *const *src, const REAL *cq,
                     const REAL *c0, const REAL *p) {
  const size_t H = d->H;
  const REAL *w = y->w, *wa = g->f->base.model.attention ? w + y->at->wa : NULL;
  g->k->tangent(rows, H, terms, coef, src, cq, w + y->at->wq, c0, w + y->at->w0, p,
                d->slope1 + e * H, w + y->at->w2, d->u + e * H, d->m + e * H, wa,
                1 - y->gate[d->e0 + e], d->work, d->s_dot, d->out);
}

/* Dense rows of edge (i,j): all T tangents of its message; s_dot too. */
static void dense_edge(group *g, const layer *y, tangents *d, size_t e, size_t i, size_t j) {
  const size_t T = d->T;
  const REAL *const coef[2] = {d->node_coef + i * T, d->node_coef + j * T};
  const REAL *const *const src[2] = {d->node_p + i * T, d->node_q + j * T};
  for (size_t t = 0; t < T; t++)
    d->out[t] = d->agg_dot + (i * T + t) * d->H;
  run_rows(g, y, d, e, T, 2, coef, src, d->q_dot, d->q0_dot, d->p + e * d->H);
}

/* s_dot += p.(rows of node n's P or Q) for all tangents; offset tells P from Q. */
static void add_node_dots(group *g, tangents *d, const REAL *p, size_t n, size_t offset) {
  const size_t T = d->T, D = d->D, N = d->N, H = d->H, ld = 3 * H;
  const REAL *rows = d->pqu_dot + offset;
  if (d->dense) {
    g->k->dots(T, H, p, rows + n * T * ld, ld, d->dot);
    for (size_t t = 0; t < T; t++)
      d->s_dot[t] += d->dot[t];
    return;
  }
  g->k->dots(N - 1, H, p, rows + n * (N - 1) * ld, ld, d->dot);
  memmove(d->dot + n + 1, d->dot + n, (N - 1 - n) * sizeof(REAL));
  d->dot[n] = 0;
  for (size_t a = 0; a < D; a++) {
    const REAL *r = d->r_first + (a * N + n) * N;
    REAL *s = d->s_dot + a * N;
    for (size_t k = 0; k < N; k++)
      s[k] -= 2 * r[k] * d->dot[k];
  }
  g->k->dots(D, H, p, rows + (d->E + n * D) * ld, ld, d->dot);
  for (size_t a = 0; a < D; a++)
    d->s_dot[a * N + n] += d->dot[a];
}

/* s_dot of edge (i,j) for all tangents, without forming z1_dot: p.P_i + p.Q_j + ... */
static void edge_s_dot(group *g, tangents *d, size_t e, size_t i, size_t j) {
  for (size_t t = 0; t < d->T; t++)
    d->s_dot[t] = d->p_wq[e] * d->q_dot[t] + d->p_w0[e] * d->q0_dot[t];
  add_node_dots(g, d, d->p + e * d->H, i, 0);
  add_node_dots(g, d, d->p + e * d->H, j, d->H);
}

/* Rows (i,k) of receiver i: their P, contracted, in node_p, and where they are added up in out. */
static void list_contracted_rows(tangents *d, size_t i) {
  const size_t N = d->N, D = d->D, H = d->H, ld = 3 * H;
  REAL *coef = d->node_coef;
  const REAL **p = d->node_p;
  if (!d->dense)
    pair_scales(d, i, i, d->dot);
  size_t row = 0;
  for (size_t k = 0; k < N; k++) {
    if (k == i)
      continue;
    const size_t e = edge_of(d, i, k);
    coef[row] = d->dense ? 1 : d->dot[k];
    p[row] = d->dense ? d->own + k * H : d->pqu_dot + e * ld;
    if (d->dense)
      contract_axes(d, i, k, d->pqu_dot + (i * d->T + k) * ld, N * ld, d->own + k * H);
    d->out[row++] = d->agg_dot + e * H;
  }
  for (size_t a = 0; a < D; a++, row++) {
    coef[row] = 1;
    p[row] = d->pqu_dot + (d->dense ? i * d->T + a * N + i : d->E + i * D + a) * ld;
    d->out[row] = d->agg_dot + (d->E + i * D + a) * H;
  }
}

/* cq and c0 of the rows (i,k) of edge (i,j): q_dot and q0_dot contracted, own rows as they are. */
static void contract_scalars(tangents *d, size_t i) {
  const size_t N = d->N, D = d->D;
  const REAL *from[2] = {d->q_dot, d->q0_dot};
  REAL *to[2] = {d->cq, d->c0};
  for (int which = 0; which < 2; which++) {
    REAL *out = to[which];
    for (size_t k = 0; k < N; k++)
      out[k] = 0;
    for (size_t a = 0; a < D; a++) {
      const REAL *r = d->r_last + (a * N + i) * N, *q = from[which] + a * N;
      for (size_t k = 0; k < N; k++)
        out[k] -= r[k] * q[k];
    }
    memmove(out + i, out + i + 1, (N - 1 - i) * sizeof(REAL));
    for (size_t a = 0; a < D; a++)
      out[N - 1 + a] = from[which][a * N + i];
  }
}

/* Q of the rows (i,k) of edge (i,j) from pair rows: one term. */
static void list_pair_q(tangents *d, size_t i, size_t j) {
  const size_t N = d->N, D = d->D, H = d->H, ld = 3 * H;
  const REAL *q = d->pqu_dot + H;
  REAL *coef = d->coef[1];
  const REAL **src = d->src[1];
  pair_scales(d, i, j, coef);
  size_t row = 0;
  for (size_t k = 0; k < N; k++) {
    if (k == i)
      continue;
    coef[row] = k == j ? 1 : coef[k];
    src[row++] = k == j ? d->mix : q + edge_of(d, j, k) * ld;
  }
  contract_axes(d, i, j, q + (d->E + j * D) * ld, ld, d->mix);
  for (size_t a = 0; a < D; a++, row++) {
    coef[row] = -2 * d->r_first[(a * N + j) * N + i];
    src[row] = q + edge_of(d, j, i) * ld;
  }
}

/* The same from dense rows: one term for every axis. */
static void list_dense_q(tangents *d, size_t i, size_t j) {
  const size_t N = d->N, D = d->D, ld = 3 * d->H;
  const REAL *q = d->pqu_dot + d->H;
  for (size_t a = 0; a < D; a++) {
    size_t row = 0;
    for (size_t k = 0; k < N; k++) {
      if (k == i)
        continue;
      d->coef[1 + a][row] = -d->r_last[(a * N + i) * N + k];
      d->src[1 + a][row++] = q + (j * d->T + a * N + k) * ld;
    }
    for (size_t b = 0; b < D; b++, row++) {
      d->coef[1 + a][row] = a == b;
      d->src[1 + a][row] = q + (j * d->T + a * N + i) * ld;
    }
  }
}

/* Rows of edge (i,j) in the layer before the last: N-1 contractions and D rows of node i itself. */
static void contracted_edge(group *g, const layer *y, tangents *d, size_t e, size_t i, size_t j) {
  const REAL *const coef[4] = {d->node_coef, d->coef[1], d->coef[2], d->coef[3]};
  const REAL *const *const src[4] = {d->node_p, d->src[1], d->src[2], d->src[3]};
  if (j == (i ? 0 : 1))
    list_contracted_rows(d, i);
  edge_s_dot(g, d, e, i, j);
  contract_scalars(d, i);
  (d->dense ? list_dense_q : list_pair_q)(d, i, j);
  run_rows(g, y, d, e, d->N - 1 + d->D, d->dense ? 1 + d->D : 2, coef, src, d->cq, d->c0, NULL);
}

/* h_dot and U in the form the layer leaves behind; U goes to z5_dot. */
static void convert_rows(tangents *d, bool contract, size_t rows) {
  const size_t H = d->H, rows_out = contract ? d->E + d->T : d->N * d->T;
  const REAL *U = d->pqu_dot + 2 * H;
  if (!contract && d->dense) {
    for (size_t row = 0; row < rows; row++)
      memcpy(d->z5_dot + row * H, U + row * 3 * H, H * sizeof(REAL));
    return;
  }
  void (*convert)(const tangents *, const REAL *, size_t, REAL *) =
      contract ? contract_rows : expand_rows;
  convert(d, d->h_dot, H, d->z5_dot);
  memcpy(d->h_dot, d->z5_dot, rows_out * H * sizeof(REAL));
  convert(d, U, 3 * H, d->z5_dot);
}

static void middle_layer(group *g, size_t l, tangents *d) {
  const layer *y = &g->layer[l];
  const size_t H = d->H, rows = d->dense ? d->N * d->T : d->E + d->T;
  const bool contract = l + 2 == g->layers;
  edge_slopes(g, l, d);
  g->k->gemm(rows, H, 3 * H, d->h_dot, H, y->w + y->at->node_w, 3 * H, NULL, 0, NULL, false,
             d->pqu_dot, 3 * H);
  memcpy(d->v_next, d->v_dot, d->T * d->T * sizeof(REAL));
  memset(d->agg_dot, 0, (contract ? d->E + d->T : d->N * d->T) * H * sizeof(REAL));
  if (!contract)
    list_dense_rows(d);
  for (size_t e = 0; e < d->E; e++) {
    const size_t i = (size_t)g->recv[e], j = (size_t)g->send[e];
    edge_tangents(y, d, e, i, j);
    (contract ? contracted_edge : dense_edge)(g, y, d, e, i, j);
    move_tangents(y, d, e, i);
  }
  REAL *v = d->v_dot;
  d->v_dot = d->v_next;
  d->v_next = v;
  convert_rows(d, contract, rows);
  node_tangents(g, l, d, !contract);
}

/* ---- last layer ------------------------------------------------------------------------------ */

/* P of the nodes' own rows behind Q of the pair rows, in agg_dot. */
static void last_products(group *g, const layer *y, tangents *d) {
  const size_t H = d->H;
  const REAL *w = y->w + y->at->node_w;
  g->k->gemm(d->E, H, H, d->h_dot, H, w + H, 3 * H, NULL, 0, NULL, false, d->agg_dot, H);
  g->k->gemm(d->T, H, H, d->h_dot + d->E * H, H, w, 3 * H, NULL, 0, NULL, false,
             d->agg_dot + d->E * H, H);
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
  const REAL *p = d->p + e * H;
  g->k->dots(D, H, p, d->agg_dot + (d->E + k * D) * H, H, dot);
  for (size_t a = 0; a < D; a++)
    along_s += r_of(d, y, e, a) * dot[a];
  g->k->dots(1, H, p, d->agg_dot + edge_of(d, j, k) * H, H, dot);
  along_s += dot[0] + d->p_wq[e] * along_q + d->p_w0[e] * along_q0;
  return (double)(y->c[ge] * stretch + y->c_s[ge] * along_s + y->c_q[ge] * along_q);
}

static double last_layer(group *g, tangents *d) {
  const size_t l = g->layers - 1;
  layer *y = &g->layer[l];
  double trace = 0;
  edge_slopes(g, l, d);
  if (g->layers == 2) {
    contract_rows(d, d->h_dot, d->H, d->z5_dot);
    memcpy(d->h_dot, d->z5_dot, (d->E + d->T) * d->H * sizeof(REAL));
  }
  last_products(g, y, d);
  for (size_t e = 0; e < d->E; e++)
    trace += edge_trace(g, y, d, e, (size_t)g->recv[e], (size_t)g->send[e]);
  return trace;
}

/* Divergence of sample s of the group, after its forward pass. */
static double trace_sample(group *g, tangents *d, size_t s) {
  d->e0 = s * d->E;
  d->n0 = s * d->N;
  d->stride = g->e;
  d->dense = false;
  pair_table(d, &g->layer[0], d->r_first);
  pair_table(d, &g->layer[g->layers - 1], d->r_last);
  first_layer(g, d);
  for (size_t l = 1; l + 1 < g->layers; l++)
    middle_layer(g, l, d);
  double trace = g->layers > 1 ? last_layer(g, d) : 0;
  for (size_t k = 0; k < d->N; k++)
    for (size_t a = 0; a < d->D; a++)
      trace += (double)d->v_dot[(k * d->D + a) * d->T + a * d->N + k];
  return trace;
}

void SUFFIX(enf__egnn_divergence)(const enf__egnn *f, int kernel, enf__arena *arena, size_t S,
                                  const double *t, const double *x, double *v, double *div) {
  const size_t mark = arena->used, size = f->base.model.particles * f->base.model.dimensions;
  group g;
  tangents d;
  open_group(&g, f, ENF__DIVERGENCE, arena);
  layout_tangents(&g, &d, arena);
  g.k = KERNELS_OF(kernel);
  for (size_t s = 0, step = g.S; s < S; s += step) {
    enter_samples(&g, S - s < step ? S - s : step, t + s, x + s * size);
    forward(&g);
    if (v)
      velocity_out(&g, v + s * size);
    for (size_t i = 0; i < g.S; i++)
      div[s + i] = trace_sample(&g, &d, i);
  }
  arena->used = mark;
}

#endif
