/* egnn_divergence.h -- exact divergence of a group's velocity by structured forward mode:
   docs/math.md, "Exact divergence". foo_dot is the tangent of foo for a unit displacement of
   particle k along axis a, numbered t = k D + a. With p_ij = ds_ij/dz1_ij from a small reverse
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
  bool dense;                   /* h_dot is (N,T,H); else pair rows */
  REAL *h_dot, *pqu_dot, *agg_dot, *z5_dot; /* (rows,H), (rows,3H), (rows,H), (rows,H) */
  REAL *v_dot, *v_next;                     /* (N,D,T) tangents of x^l - x^0 */
  REAL *r_dot, *q_dot, *q0_dot, *s_dot;     /* (D,T), (T) of one edge */
  REAL *coef, *work, *mix;                  /* (rows,terms), (rows,H), (H) of one edge */
  const REAL **src;                         /* (rows,terms) */
  REAL **out;                               /* (rows) */
} tangents;

static void layout_tangents(const group *g, tangents *d, enf__arena *arena) {
  *d = (tangents){.N = g->N, .D = g->D, .E = g->f->edges, .T = g->N * g->D, .H = g->H};
  const size_t H = d->H, pair_rows = d->E + d->T;
  const size_t rows = g->layers < 4 ? pair_rows : d->N * d->T;
  const size_t terms = d->T * (2 * d->D + 2);
  REAL **edges[] = {&d->slope1, &d->u, &d->m, &d->p};
  for (size_t i = 0; i < sizeof edges / sizeof *edges; i++)
    *edges[i] = ENF__TAKE(arena, REAL, d->E * H);
  d->p_wq = ENF__TAKE(arena, REAL, d->E);
  d->p_w0 = ENF__TAKE(arena, REAL, d->E);
  d->gdz3 = ENF__TAKE(arena, REAL, g->tile * H);
  d->dz2 = ENF__TAKE(arena, REAL, g->tile * H);
  d->ones = ENF__TAKE(arena, REAL, g->tile);
  d->da = ENF__TAKE(arena, REAL, g->tile);
  d->slope5 = ENF__TAKE(arena, REAL, d->N * H);
  d->h_dot = ENF__TAKE(arena, REAL, rows * H);
  d->pqu_dot = ENF__TAKE(arena, REAL, rows * 3 * H);
  d->agg_dot = ENF__TAKE(arena, REAL, rows * H);
  d->z5_dot = ENF__TAKE(arena, REAL, rows * H);
  d->v_dot = ENF__TAKE(arena, REAL, d->T * d->T);
  d->v_next = ENF__TAKE(arena, REAL, d->T * d->T);
  d->r_dot = ENF__TAKE(arena, REAL, d->D * d->T);
  REAL **scalars[] = {&d->q_dot, &d->q0_dot, &d->s_dot};
  for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++)
    *scalars[i] = ENF__TAKE(arena, REAL, d->T);
  d->coef = ENF__TAKE(arena, REAL, terms);
  d->src = ENF__TAKE(arena, const REAL *, terms);
  d->out = ENF__TAKE(arena, REAL *, d->T);
  d->work = ENF__TAKE(arena, REAL, d->T * H);
  d->mix = ENF__TAKE(arena, REAL, H);
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
          d->v_dot[(i * d->D + b) * d->T + k * d->D + a] = -f;
          d->v_dot[(i * d->D + b) * d->T + i * d->D + a] += f;
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

/* sum_a weight_a(i,k) (first-layer w_ik,a): what turns a pair row into its contraction. */
static REAL pair_scale(const tangents *d, const layer *first, const layer *last, size_t weight_edge,
                       size_t row_edge) {
  REAL sum = 0;
  for (size_t a = 0; a < d->D; a++)
    sum += r_of(d, last, weight_edge, a) * r_of(d, first, row_edge, a);
  return 2 * sum;
}

/* Rows (i,k), k != i, contracted over a with r_ki of the last layer; rows of i = k as they are.
   in: stride ldi, of the present form; out (E + T, H) pair rows. */
static void contract_rows(const group *g, const tangents *d, const REAL *in, size_t ldi,
                          REAL *out) {
  const layer *first = &g->layer[0], *last = &g->layer[g->layers - 1];
  const size_t H = d->H, D = d->D;
  for (size_t i = 0; i < d->N; i++)
    for (size_t k = 0; k < d->N; k++) {
      const size_t own = (d->dense ? i * d->T + i * D : d->E + i * D);
      if (k == i) {
        for (size_t a = 0; a < D; a++)
          memcpy(out + (d->E + i * D + a) * H, in + (own + a) * ldi, H * sizeof(REAL));
        continue;
      }
      const size_t e = edge_of(d, i, k);
      REAL *to = out + e * H;
      if (!d->dense) {
        const REAL f = pair_scale(d, first, last, e, e);
        for (size_t c = 0; c < H; c++)
          to[c] = f * in[e * ldi + c];
        continue;
      }
      memset(to, 0, H * sizeof(REAL));
      for (size_t a = 0; a < D; a++) {
        const REAL f = -r_of(d, last, e, a), *from = in + (i * d->T + k * D + a) * ldi;
        for (size_t c = 0; c < H; c++)
          to[c] += f * from[c];
      }
    }
}

/* Pair rows of the first layer written out as dense rows. */
static void expand_rows(const group *g, const tangents *d, const REAL *in, size_t ldi, REAL *out) {
  const layer *first = &g->layer[0];
  const size_t H = d->H, D = d->D;
  for (size_t i = 0; i < d->N; i++)
    for (size_t t = 0; t < d->T; t++) {
      const size_t k = t / D, a = t % D;
      const size_t e = k == i ? 0 : edge_of(d, i, k);
      const REAL *from = in + (k == i ? d->E + t : e) * ldi;
      const REAL f = k == i ? 1 : -2 * r_of(d, first, e, a);
      for (size_t c = 0; c < H; c++)
        out[(i * d->T + t) * H + c] = f * from[c];
    }
}

/* ---- layers between -------------------------------------------------------------------------- */

/* One term of a row: coefficient and source. */
static void put_term(tangents *d, size_t at, REAL coef, const REAL *src) {
  d->coef[at] = coef;
  d->src[at] = src;
}

/* Term for P (offset 0, node i) or Q (offset H, node j) of tangent t, single row. */
static void put_row_term(const group *g, tangents *d, size_t at, size_t node, size_t t,
                         size_t offset) {
  const size_t k = t / d->D, ld = 3 * d->H;
  if (d->dense) {
    put_term(d, at, 1, d->pqu_dot + (node * d->T + t) * ld + offset);
  } else if (k == node) {
    put_term(d, at, 1, d->pqu_dot + (d->E + t) * ld + offset);
  } else {
    const size_t e = edge_of(d, node, k);
    put_term(d, at, -2 * r_of(d, &g->layer[0], e, t % d->D), d->pqu_dot + e * ld + offset);
  }
}

/* r_dot, q_dot, q0_dot of edge (i,j) for all tangents. */
static void edge_tangents(const group *g, const layer *y, tangents *d, size_t e, size_t i,
                          size_t j) {
  const size_t T = d->T, D = d->D;
  const layer *first = &g->layer[0];
  memset(d->q_dot, 0, T * sizeof(REAL));
  memset(d->q0_dot, 0, T * sizeof(REAL));
  for (size_t b = 0; b < D; b++) {
    const REAL *vi = d->v_dot + (i * D + b) * T, *vj = d->v_dot + (j * D + b) * T;
    const REAL two_r = 2 * r_of(d, y, e, b), two_r0 = 2 * r_of(d, first, e, b);
    REAL *r_dot = d->r_dot + b * T;
    for (size_t t = 0; t < T; t++)
      r_dot[t] = vi[t] - vj[t];
    r_dot[i * D + b] += 1;
    r_dot[j * D + b] -= 1;
    for (size_t t = 0; t < T; t++)
      d->q_dot[t] += two_r * r_dot[t];
    d->q0_dot[i * D + b] += two_r0;
    d->q0_dot[j * D + b] -= two_r0;
  }
}

/* v_next_i += r_dot c + r (c_s s_dot + c_q q_dot) */
static void move_tangents(const layer *y, tangents *d, size_t e, size_t i) {
  const size_t T = d->T, ge = d->e0 + e;
  const REAL c = y->c[ge], c_s = y->c_s[ge], c_q = y->c_q[ge];
  for (size_t b = 0; b < d->D; b++) {
    const REAL r = r_of(d, y, e, b);
    REAL *v = d->v_next + (i * d->D + b) * T;
    const REAL *r_dot = d->r_dot + b * T;
    for (size_t t = 0; t < T; t++)
      v[t] += r_dot[t] * c + r * (c_s * d->s_dot[t] + c_q * d->q_dot[t]);
  }
}

/* Dense rows of edge (i,j): all T tangents of its message; s_dot too. */
static void dense_edge(group *g, layer *y, tangents *d, size_t e, size_t i, size_t j) {
  const size_t H = d->H, T = d->T;
  const REAL *w = y->w, *wa = g->f->base.model.attention ? w + y->at->wa : NULL;
  for (size_t t = 0; t < T; t++) {
    put_row_term(g, d, 4 * t, i, t, 0);
    put_row_term(g, d, 4 * t + 1, j, t, H);
    put_term(d, 4 * t + 2, d->q_dot[t], w + y->at->wq);
    put_term(d, 4 * t + 3, d->q0_dot[t], w + y->at->w0);
    d->out[t] = d->agg_dot + (i * T + t) * H;
  }
  g->k->tangent(T, H, 4, d->coef, d->src, d->p + e * H, d->slope1 + e * H, w + y->at->w2,
                d->u + e * H, d->m + e * H, wa, 1 - y->gate[d->e0 + e], d->work, d->s_dot, d->out);
}

/* s_dot of edge (i,j) for all tangents, without forming z1_dot: p.P_i + p.Q_j + ... */
static void edge_s_dot(group *g, tangents *d, size_t e, size_t i, size_t j) {
  const size_t T = d->T, D = d->D, H = d->H, ld = 3 * H;
  const REAL *p = d->p + e * H;
  const size_t node[2] = {i, j};
  for (size_t t = 0; t < T; t++)
    d->s_dot[t] = d->p_wq[e] * d->q_dot[t] + d->p_w0[e] * d->q0_dot[t];
  for (int side = 0; side < 2; side++) {
    const size_t n = node[side], offset = side ? H : 0;
    REAL *dot = d->work;
    if (d->dense) {
      g->k->dots(T, H, p, d->pqu_dot + n * T * ld + offset, ld, dot);
      for (size_t t = 0; t < T; t++)
        d->s_dot[t] += dot[t];
      continue;
    }
    g->k->dots(d->N - 1, H, p, d->pqu_dot + n * (d->N - 1) * ld + offset, ld, dot);
    for (size_t k = 0; k < d->N; k++) {
      if (k == n)
        continue;
      const size_t ek = edge_of(d, n, k);
      for (size_t a = 0; a < D; a++)
        d->s_dot[k * D + a] -= 2 * r_of(d, &g->layer[0], ek, a) * dot[ek - n * (d->N - 1)];
    }
    g->k->dots(D, H, p, d->pqu_dot + (d->E + n * D) * ld + offset, ld, dot);
    for (size_t a = 0; a < D; a++)
      d->s_dot[n * D + a] += dot[a];
  }
}

/* Terms of the contracted row (i,k), k != i, of edge (i,j). */
static void put_contracted_row(group *g, const layer *y, tangents *d, size_t at, size_t i, size_t j,
                               size_t k) {
  const layer *first = &g->layer[0], *last = &g->layer[g->layers - 1];
  const size_t D = d->D, H = d->H, ld = 3 * H, ek = edge_of(d, i, k);
  REAL along_q = 0, along_q0 = 0;
  for (size_t a = 0; a < D; a++) {
    const REAL weight = -r_of(d, last, ek, a);
    along_q += weight * d->q_dot[k * D + a];
    along_q0 += weight * d->q0_dot[k * D + a];
  }
  put_term(d, at, along_q, y->w + y->at->wq);
  put_term(d, at + 1, along_q0, y->w + y->at->w0);
  if (d->dense) {
    for (size_t a = 0; a < D; a++) {
      const REAL weight = -r_of(d, last, ek, a);
      put_term(d, at + 2 + 2 * a, weight, d->pqu_dot + (i * d->T + k * D + a) * ld);
      put_term(d, at + 3 + 2 * a, weight, d->pqu_dot + (j * d->T + k * D + a) * ld + H);
    }
    return;
  }
  put_term(d, at + 2, pair_scale(d, first, last, ek, ek), d->pqu_dot + ek * ld);
  if (k != j) {
    const size_t ejk = edge_of(d, j, k);
    put_term(d, at + 3, pair_scale(d, first, last, ek, ejk), d->pqu_dot + ejk * ld + H);
    return;
  }
  memset(d->mix, 0, H * sizeof(REAL));
  for (size_t a = 0; a < D; a++) {
    const REAL weight = -r_of(d, last, ek, a), *from = d->pqu_dot + (d->E + j * D + a) * ld + H;
    for (size_t c = 0; c < H; c++)
      d->mix[c] += weight * from[c];
  }
  put_term(d, at + 3, 1, d->mix);
}

/* Rows of edge (i,j) in the layer before the last: N-1 contractions and D rows of node i itself. */
static void contracted_edge(group *g, layer *y, tangents *d, size_t e, size_t i, size_t j) {
  const size_t H = d->H, D = d->D, terms = d->dense ? 2 * D + 2 : 4;
  const REAL *w = y->w, *wa = g->f->base.model.attention ? w + y->at->wa : NULL;
  size_t row = 0;
  edge_s_dot(g, d, e, i, j);
  for (size_t k = 0; k < d->N; k++) {
    if (k == i)
      continue;
    d->out[row] = d->agg_dot + edge_of(d, i, k) * H;
    put_contracted_row(g, y, d, terms * row++, i, j, k);
  }
  for (size_t a = 0; a < D; a++, row++) {
    const size_t at = terms * row, t = i * D + a;
    put_term(d, at, d->q_dot[t], w + y->at->wq);
    put_term(d, at + 1, d->q0_dot[t], w + y->at->w0);
    put_row_term(g, d, at + 2, i, t, 0);
    put_row_term(g, d, at + 3, j, t, H);
    for (size_t q = 4; q < terms; q++)
      put_term(d, at + q, 0, w + y->at->wq);
    d->out[row] = d->agg_dot + (d->E + t) * H;
  }
  g->k->tangent(row, H, terms, d->coef, d->src, NULL, d->slope1 + e * H, w + y->at->w2,
                d->u + e * H, d->m + e * H, wa, 1 - y->gate[d->e0 + e], d->work, NULL, d->out);
}

static void middle_layer(group *g, size_t l, tangents *d) {
  layer *y = &g->layer[l];
  const size_t H = d->H, rows = d->dense ? d->N * d->T : d->E + d->T;
  const bool contract = l + 2 == g->layers;
  const size_t rows_out = contract ? d->E + d->T : d->N * d->T;
  edge_slopes(g, l, d);
  g->k->gemm(rows, H, 3 * H, d->h_dot, H, y->w + y->at->node_w, 3 * H, NULL, 0, NULL, false,
             d->pqu_dot, 3 * H);
  memcpy(d->v_next, d->v_dot, d->T * d->T * sizeof(REAL));
  memset(d->agg_dot, 0, rows_out * H * sizeof(REAL));
  for (size_t e = 0; e < d->E; e++) {
    const size_t i = (size_t)g->recv[e], j = (size_t)g->send[e];
    edge_tangents(g, y, d, e, i, j);
    if (contract)
      contracted_edge(g, y, d, e, i, j);
    else
      dense_edge(g, y, d, e, i, j);
    move_tangents(y, d, e, i);
  }
  REAL *v = d->v_dot;
  d->v_dot = d->v_next;
  d->v_next = v;

  /* the present h_dot and U in the form of the output; z5_dot is free until then */
  REAL *h = d->h_dot;
  if (contract || !d->dense) {
    void (*convert)(const group *, const tangents *, const REAL *, size_t, REAL *) =
        contract ? contract_rows : expand_rows;
    convert(g, d, h, H, d->z5_dot);
    memcpy(h, d->z5_dot, rows_out * H * sizeof(REAL));
    convert(g, d, d->pqu_dot + 2 * H, 3 * H, d->z5_dot);
  } else {
    for (size_t row = 0; row < rows; row++)
      memcpy(d->z5_dot + row * H, d->pqu_dot + row * 3 * H + 2 * H, H * sizeof(REAL));
  }
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
  const layer *first = &g->layer[0];
  REAL stretch = 0, along_q = 0, along_q0 = 0, along_s = 0, dot[3];
  for (size_t a = 0; a < D; a++) {
    const size_t t = k * D + a;
    REAL q_dot = 0;
    for (size_t b = 0; b < D; b++) {
      const REAL r_dot = d->v_dot[(k * D + b) * T + t] - d->v_dot[(j * D + b) * T + t] + (a == b);
      q_dot += 2 * r_of(d, y, e, b) * r_dot;
      if (a == b)
        stretch += r_dot;
    }
    along_q += r_of(d, y, e, a) * q_dot;
    along_q0 += r_of(d, y, e, a) * 2 * r_of(d, first, e, a);
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
    contract_rows(g, d, d->h_dot, d->H, d->z5_dot);
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
  first_layer(g, d);
  for (size_t l = 1; l + 1 < g->layers; l++)
    middle_layer(g, l, d);
  double trace = g->layers > 1 ? last_layer(g, d) : 0;
  for (size_t t = 0; t < d->T; t++)
    trace += (double)d->v_dot[t * d->T + t];
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
