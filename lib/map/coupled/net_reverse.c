/* net_reverse.c -- the network of a half step backwards, from cotangents of s, v and P to those of
   the positions and of the weights. Its arrays are those that coupled_network left. */
#include "map/coupled/work.h"

void coupled_open_reverse(cotangents *c, const tile *t, enf__arena *arena) {
  const size_t H = t->H, nodes = t->n > t->map->kinds ? t->n : t->map->kinds;
  c->ds = ENF__TAKE(arena, REAL, t->n);
  c->dv = ENF__TAKE(arena, REAL, t->n * t->D);
  c->dP = ENF__TAKE(arena, REAL, t->n * SYMMETRIC);
  c->dp = ENF__TAKE(arena, REAL, t->n * t->D);
  REAL **rows[] = {&c->do0, &c->do1, &c->dd, &c->dq, &c->dq0};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    *rows[i] = ENF__TAKE(arena, REAL, t->e);
  c->dz7 = ENF__TAKE(arena, REAL, t->e * H);
  REAL **wide[] = {&c->dh, &c->da, &c->dz};
  for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
    *wide[i] = ENF__TAKE(arena, REAL, nodes * H);
  c->din = ENF__TAKE(arena, REAL, t->n * 2 * H);
  c->dpq = ENF__TAKE(arena, REAL, nodes * 2 * H);
  REAL **chunks[] = {&c->dm, &c->dz1, &c->slope1};
  for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++)
    *chunks[i] = ENF__TAKE(arena, REAL, t->chunk * H);
  c->grad = ENF__TAKE(arena, REAL, t->map->forward);
  c->spare = ENF__TAKE(arena, REAL, H);
}

/* From dv and dP of the nodes to do0, do1, dd of the rows, and what r has of its own in dp. */
static inline __attribute__((always_inline)) void gather(const tile *t, cotangents *c,
                                                         const size_t D) {
  memset(c->dp, 0, t->n * D * sizeof *c->dp);
  for (size_t e = 0; e < t->e; e++) {
    const size_t i = (size_t)t->recv[e], j = (size_t)t->send[e];
    const REAL mirror = t->mirror[e], c0 = t->c0[e], c1 = t->c1[e], d = t->d[e];
    const REAL *Pi = c->dP + i * SYMMETRIC, *Pj = c->dP + j * SYMMETRIC;
    REAL r[3], dv[3], Qr[3] = {0}, dc0 = 0, dc1 = 0;
    for (size_t a = 0; a < D; a++) {
      r[a] = t->r[a * t->e + e];
      dv[a] = c->dv[i * D + a] - mirror * c->dv[j * D + a];
      dc0 += dv[a] * r[a];
    }
    for (size_t a = 0, k = 0; a < D; a++)
      for (size_t b = 0; b <= a; b++, k++) {
        const REAL Q = (Pi[k] + mirror * Pj[k]) * (a == b ? 1 : (REAL)0.5);
        Qr[a] += Q * r[b];
        if (a != b)
          Qr[b] += Q * r[a];
      }
    for (size_t a = 0; a < D; a++)
      dc1 += r[a] * Qr[a];
    c->do0[e] = dc0 / (d + 1);
    c->do1[e] = 4 * t->rise[e] * dc1 / (d * d);
    c->dd[e] = -c0 * c->do0[e] - 2 * c1 * dc1 / d;
    for (size_t a = 0; a < D; a++) {
      const REAL dr = c0 * dv[a] + 2 * c1 * Qr[a];
      c->dp[i * D + a] += dr;
      c->dp[j * D + a] -= dr;
    }
  }
}

/* What goes through the distances. */
static void add_distances(const tile *t, cotangents *c) {
  for (size_t e = 0; e < t->e; e++) {
    const size_t i = (size_t)t->recv[e] * t->D, j = (size_t)t->send[e] * t->D;
    const REAL f = c->dd[e] / t->d[e];
    for (size_t a = 0; a < t->D; a++) {
      c->dp[i + a] += f * t->r[a * t->e + e];
      c->dp[j + a] -= f * t->r[a * t->e + e];
    }
  }
}

static REAL sum_of(size_t count, const REAL *x) {
  REAL sum = 0;
  for (size_t i = 0; i < count; i++)
    sum += x[i];
  return sum;
}

/* out (rows,H) = f w, row by row, += where `add`. */
static void outer(size_t rows, size_t H, const REAL *f, const REAL *restrict w, bool add,
                  REAL *restrict out) {
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < H; c++)
      out[r * H + c] = (add ? out[r * H + c] : 0) + f[r] * w[c];
}

/* o = W8 silu(W7 m + b7) + b8: dz7. */
static void vector_reverse(const tile *t, cotangents *c) {
  const size_t H = t->H;
  const enf__coupled_net *net = &t->map->net;
  const REAL *w8 = t->w + net->w8;
  c->grad[net->b8] += sum_of(t->e, c->do0);
  c->grad[net->b8 + 1] += sum_of(t->e, c->do1);
  t->k->segment_sum(t->e, H, t->none, c->do0, t->q7, c->grad + net->w8, H);
  t->k->segment_sum(t->e, H, t->none, c->do1, t->q7, c->grad + net->w8 + H, H);
  outer(t->e, H, c->do0, w8, false, c->dz7);
  outer(t->e, H, c->do1, w8 + H, true, c->dz7);
  t->k->slope_sums(t->e, H, t->slope7, c->dz7, c->grad + net->vector.b);
  t->k->gemm_grad(t->e, H, H, t->m, H, c->dz7, H, c->grad + net->vector.w, H);
}

/* s: dh behind the last round. */
static void scale_reverse(const tile *t, cotangents *c) {
  const size_t H = t->H;
  const enf__coupled_net *net = &t->map->net;
  c->grad[net->b10] += sum_of(t->n, c->ds);
  t->k->segment_sum(t->n, H, t->none, c->ds, t->q9, c->grad + net->w10, H);
  outer(t->n, H, c->ds, t->w + net->w10, false, c->dz);
  t->k->slope_sums(t->n, H, t->slope9, c->dz, c->grad + net->scale.b);
  t->k->gemm_grad(t->n, H, H, t->round[t->map->rounds].in, 2 * H, c->dz, H,
                  c->grad + net->scale.w, H);
  t->k->gemm(t->n, H, H, c->dz, H, t->w + net->scale.wt, H, NULL, 0, NULL, false, c->dh, H);
}

/* The node network of round r: din from dh. */
static void node_reverse(const tile *t, cotangents *c, size_t r) {
  const size_t H = t->H;
  const enf__coupled_round *at = &t->map->net.round[r];
  const round_kept *y = t->round + r;
  t->k->gemm_grad(t->n, H, H, y->a5, H, c->dh, H, c->grad + at->out.w, H);
  t->k->slope_sums(t->n, H, NULL, c->dh, c->grad + at->out.b);
  t->k->gemm(t->n, H, H, c->dh, H, t->w + at->out.wt, H, NULL, 0, NULL, false, c->dz, H);
  t->k->slope_sums(t->n, H, y->slope5, c->dz, c->grad + at->in.b);
  t->k->gemm_grad(t->n, 2 * H, H, y->in, 2 * H, c->dz, H, c->grad + at->in.w, H);
  t->k->gemm(t->n, H, 2 * H, c->dz, H, t->w + at->in.wt, 2 * H, NULL, 0, NULL, false, c->din,
             2 * H);
}

/* Rows e ... e+rows-1 of the edge network: dd and dpq gain. */
static void messages_reverse(const tile *t, cotangents *c, size_t r, size_t e, size_t rows) {
  const size_t H = t->H;
  const enf__coupled_net *net = &t->map->net;
  const enf__coupled_round *at = &net->round[r];
  const round_kept *y = t->round + r;
  const int32_t *row_i = (r ? t->recv : t->class_i) + e, *row_j = (r ? t->send : t->class_j) + e;
  for (size_t k = 0; k < rows; k++) {
    const REAL *restrict i = c->din + ((size_t)t->recv[e + k] * 2 + 1) * H;
    const REAL *restrict j = c->din + ((size_t)t->send[e + k] * 2 + 1) * H;
    REAL *restrict to = c->dm + k * H;
    const REAL mirror = t->mirror[e + k];
    for (size_t a = 0; a < H; a++)
      to[a] = i[a] + mirror * j[a];
  }
  if (r + 1 == t->map->rounds)
    t->k->gemm(rows, H, H, c->dz7 + e * H, H, t->w + net->vector.wt, H, c->dm, H, NULL, false,
               c->dm, H);
  t->k->slope_sums(rows, H, y->slope2 + e * H, c->dm, c->grad + at->edge.b);
  t->fk->edge_input(rows, H, y->pq, y->pq + H, 2 * H, row_i, row_j, t->w + at->wd, t->zero,
                    t->d + e, t->zero, t->a1, c->slope1);
  t->k->gemm_grad(rows, H, H, t->a1, H, c->dm, H, c->grad + at->edge.w, H);
  t->fk->edge_grad(rows, H, c->dm, t->w + at->edge.wt, c->slope1, t->w + at->wd, t->zero, c->dz1,
                   c->dq + e, c->dq0 + e);
  t->fk->edge_scatter(rows, H, c->dz1, row_i, row_j, t->d + e, t->zero, c->dpq, c->dpq + H, 2 * H,
                      c->grad + at->wd, c->spare);
  for (size_t k = e; k < e + rows; k++)
    c->dd[k] += c->dq[k];
}

/* dh before round r, from that behind it, din and dpq; the embedding's before the first. */
static void inputs_reverse(const tile *t, cotangents *c, size_t r) {
  const size_t H = t->H, rows = r ? t->n : t->map->kinds;
  const enf__coupled_net *net = &t->map->net;
  const enf__coupled_round *at = &net->round[r];
  const REAL *h = r ? t->round[r].in : t->w + net->embed;
  t->k->gemm_grad(rows, H, 2 * H, h, r ? 2 * H : H, c->dpq, 2 * H, c->grad + at->pq.w, 2 * H);
  t->k->slope_sums(rows, 2 * H, NULL, c->dpq, c->grad + at->pq.b);
  for (size_t i = 0; i < t->n; i++)
    for (size_t a = 0; a < H; a++)
      c->dh[i * H + a] += c->din[i * 2 * H + a];
  if (r) {
    t->k->gemm(rows, 2 * H, H, c->dpq, 2 * H, t->w + at->pq.wt, H, c->dh, H, NULL, false, c->dh,
               H);
    return;
  }
  REAL *dembed = c->grad + net->embed;
  t->k->gemm(rows, 2 * H, H, c->dpq, 2 * H, t->w + at->pq.wt, H, dembed, H, NULL, false, dembed,
             H);
  for (size_t i = 0; i < t->n; i++)
    for (size_t a = 0; a < H; a++)
      dembed[enf__coupled_kind(t->map, i % t->N) * H + a] += c->dh[i * H + a];
}

void coupled_network_reverse(tile *t, cotangents *c) {
  if (t->D == 3)
    gather(t, c, 3);
  else
    gather(t, c, 2);
  vector_reverse(t, c);
  scale_reverse(t, c);
  memset(c->spare, 0, t->H * sizeof *c->spare);
  for (size_t r = t->map->rounds; r-- > 0;) {
    node_reverse(t, c, r);
    memset(c->dpq, 0, (r ? t->n : t->map->kinds) * 2 * t->H * sizeof *c->dpq);
    for (size_t e = 0; e < t->e; e += t->chunk)
      messages_reverse(t, c, r, e, t->e - e < t->chunk ? t->e - e : t->chunk);
    inputs_reverse(t, c, r);
  }
  add_distances(t, c);
}
