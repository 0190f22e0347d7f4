/* trace_rows.c -- see trace_rows.h. */
#include "field/egnn/trace_rows.h"

static void multiply_rows(const row_set *s, size_t H, const REAL *factor, const REAL *in,
                          REAL *out) {
  for (size_t r = 0; r < s->count; r++) {
    const REAL *f = factor + (s->e + r * s->step) * H, *from = in + r * H;
    REAL *restrict to = out + r * H;
    for (size_t c = 0; c < H; c++)
      to[c] = f[c] * from[c];
  }
}

/* The derivative by the slope, sum of the rows += dot hat; and hat *= slope. */
static void slope_rows(const row_set *s, size_t H, const REAL *dot, const REAL *slope, REAL *hat,
                       REAL *sum) {
  for (size_t r = 0; r < s->count; r++) {
    const size_t at = (s->e + r * s->step) * H;
    const REAL *of = dot + r * H, *by = slope + at;
    REAL *restrict to = sum + at, *restrict row = hat + r * H;
    for (size_t c = 0; c < H; c++) {
      to[c] += of[c] * row[c];
      row[c] *= by[c];
    }
  }
}

/* From row_dot[0] to row_dot[top], and y in row_next. */
static void forward_rows(group *g, trace_work *w, const layer *y, const row_set *s) {
  const size_t H = g->H, top = g->edge_depth - 1;
  for (size_t k = 0; k < top; k++) {
    multiply_rows(s, H, w->d.slopes.slope[k], w->row_dot[k], w->row_in[k]);
    g->k->gemm(s->count, H, H, w->row_in[k], H, y->w + y->at->edge[k + 1].w, H, NULL, 0, NULL,
               false, w->row_dot[k + 1], H);
  }
  multiply_rows(s, H, w->d.slopes.u, w->row_dot[top], w->row_next);
}

/* One row, with wa.y and m.message_hat: its message tangent into out; what m, u, the gate and wa
   receive; and z_hat_top in the place of message_hat. */
static void gate_row(const group *g, trace_work *w, const layer *y, size_t e, size_t r, REAL along,
                     REAL across, REAL *restrict out) {
  const size_t H = g->H, top = g->edge_depth - 1;
  const REAL *wa = y->w + y->at->wa, *m = w->d.slopes.m + e * H, *u = w->d.slopes.u + e * H;
  const REAL *tangent = w->row_next + r * H, *dot = w->row_dot[top] + r * H;
  const REAL closed = 1 - y->gate[e], f = closed * along, f_hat = closed * across;
  REAL *restrict hat = w->row_hat + r * H, *restrict m_bar = w->m_bar + e * H;
  REAL *restrict u_bar = w->z_bar[top] + e * H;
  for (size_t c = 0; c < H; c++) {
    const REAL y_hat = hat[c] + f_hat * wa[c];
    out[c] += tangent[c] + f * m[c];
    m_bar[c] += f * hat[c];
    u_bar[c] += dot[c] * y_hat;
    hat[c] = u[c] * y_hat;
  }
  w->logit_bar[e] -= along * across;
  if (w->b.grad && g->f->base.model.attention)
    add_row(H, f_hat, tangent, w->b.grad + y->at->wa);
}

/* All rows, from row_dot[top] and y to z_hat_top in row_hat. Without attention the gate is 1, and
   wa, which is 0 then, has no part. */
static void gate_rows(group *g, trace_work *w, const layer *y, const row_set *s) {
  const size_t H = g->H;
  for (size_t r = 0; r < s->count; r++)
    memcpy(w->row_hat + r * H, w->message_hat[r], H * sizeof(REAL));
  g->k->dots(s->count, H, y->w + y->at->wa, w->row_next, H, w->along);
  if (s->step == 0)
    g->k->dots(s->count, H, w->d.slopes.m + s->e * H, w->row_hat, H, w->across);
  for (size_t r = 0; r < s->count; r++) {
    const size_t e = s->e + r * s->step;
    if (s->step)
      g->k->dots(1, H, w->d.slopes.m + e * H, w->row_hat + r * H, H, w->across + r);
    gate_row(g, w, y, e, r, w->along[r], w->across[r], s->out ? s->out[r] : w->unwanted);
  }
}

/* Message rows forward into `out` and back; returns z_hat of the first linear layer. */
const REAL *egnn_message_rows(group *g, trace_work *w, const layer *y, const row_set *s) {
  const size_t H = g->H, top = g->edge_depth - 1;
  forward_rows(g, w, y, s);
  gate_rows(g, w, y, s);
  REAL *hat = w->row_hat, *next = w->row_next;
  for (size_t k = top; k > 0; k--) {
    const enf__egnn_linear *at = &y->at->edge[k];
    if (w->b.grad)
      g->k->gemm_grad(s->count, H, H, w->row_in[k - 1], H, hat, H, w->b.grad + at->w, H);
    g->k->gemm(s->count, H, H, hat, H, y->w + at->wt, H, NULL, 0, NULL, false, next, H);
    slope_rows(s, H, w->row_dot[k - 1], w->d.slopes.slope[k - 1], next, w->z_bar[k - 1]);
    swap(&hat, &next);
  }
  return hat;
}

void egnn_begin_messages(const group *g, trace_work *w) {
  const size_t all = w->d.E * w->d.H;
  w->messages = true;
  fill(all, 0, w->m_bar);
  fill(w->d.E, 0, w->logit_bar);
  for (size_t k = 0; k < g->edge_depth; k++)
    fill(all, 0, w->z_bar[k]);
}

/* z_bar[top] holds u_bar, logit_bar the direct derivative by the gate; u = gate silu'. */
void egnn_end_messages(const group *g, trace_work *w, const layer *y) {
  const size_t H = w->d.H;
  REAL *u_bar = w->z_bar[g->edge_depth - 1];
  for (size_t e = 0; e < w->d.E; e++) {
    const REAL gate = y->gate[e];
    REAL dot;
    g->k->dots(1, H, w->d.slopes.u + e * H, u_bar + e * H, H, &dot);
    w->logit_bar[e] = (1 - gate) * (dot + gate * w->logit_bar[e]);
    for (size_t c = 0; c < H; c++)
      u_bar[e * H + c] *= gate;
  }
}

/* ---- node network ---------------------------------------------------------------------------- */

/* From h_hat, behind the layer, to agg_hat; node_in[0] is the cotangent of U. */
void egnn_node_rows_back(group *g, trace_work *w, const layer *y, bool dense) {
  const size_t H = g->H, rows = rows_of(w, dense);
  const REAL *hat = w->h_hat;
  for (size_t k = g->node_depth - 1; k > 0; k--) {
    REAL *out = w->node_out[k - 1], *in = w->node_in[k - 1];
    g->k->gemm(rows, H, H, hat, H, y->w + y->at->node[k].wt, H, NULL, 0, NULL, false, out, H);
    memcpy(in, out, rows * H * sizeof(REAL));
    egnn_scale_rows(g, &w->d, y->z5[k - 1], dense, rows, in);
    hat = in;
  }
  g->k->gemm(rows, H, H, w->node_in[0], H, y->w + y->at->w5t, H, NULL, 0, NULL, false, w->agg_hat,
             H);
}

/* The values' part of silu layer k-1, in b.z5_extra, of z_dot rows before it. */
static void node_slopes(group *g, trace_work *w, const layer *y, size_t k, bool dense,
                        const REAL *dot) {
  const size_t H = g->H, rows = rows_of(w, dense);
  fill(w->d.N * H, 0, w->node_sum);
  for (size_t row = 0; row < rows; row++) {
    REAL *sum = w->node_sum + node_of_row(&w->d, dense, row) * H;
    for (size_t c = 0; c < H; c++)
      sum[c] += dot[row * H + c] * w->node_out[k - 1][row * H + c];
  }
  REAL *scratch = w->b.dagg; /* not in use yet */
  g->fk->pair_silu(w->d.N * H, y->z5[k - 1], w->node_sum, scratch, scratch, scratch,
                   w->b.z5_extra[k - 1]);
}

/* The node network's tangents: z5_dot = U (in d.rows.z5_dot) + W5 agg_dot and on; the weights' and
   the slopes' gradients. h_dot, in d.rows.h_dot, becomes that behind the layer. */
void egnn_node_tangent_rows(group *g, trace_work *w, const layer *y, bool dense) {
  tangents *d = &w->d;
  const size_t H = g->H, rows = rows_of(w, dense);
  REAL *dot = d->rows.z5_dot, *next = d->rows.agg_dot;
  if (w->b.grad)
    g->k->gemm_grad(rows, H, H, d->rows.agg_dot, H, w->node_in[0], H, w->b.grad + y->at->w5, H);
  g->k->gemm(rows, H, H, d->rows.agg_dot, H, y->w + y->at->w5, H, dot, H, NULL, false, dot, H);
  for (size_t k = 1; k < g->node_depth; k++) {
    const bool top = k + 1 == g->node_depth;
    const REAL *hat = top ? w->h_hat : w->node_in[k];
    REAL *out = top ? d->rows.h_dot : next;
    node_slopes(g, w, y, k, dense, dot);
    egnn_scale_rows(g, d, y->z5[k - 1], dense, rows, dot);
    if (w->b.grad)
      g->k->gemm_grad(rows, H, H, dot, H, hat, H, w->b.grad + y->at->node[k].w, H);
    g->k->gemm(rows, H, H, dot, H, y->w + y->at->node[k].w, H, top ? out : NULL, H, NULL, false,
               out, H);
    swap(&dot, &next);
  }
}

/* ---- pair rows ------------------------------------------------------------------------------- */

/* What 2 r_last_ik.r_first_jk, a coefficient of egnn_pair_scales, has for its two. Where (j,k) is
   no edge the table's entry for it is not read. */
void egnn_scale_grad(trace_work *w, size_t i, size_t j, size_t k, REAL f) {
  const tangents *d = &w->d;
  const size_t N = d->N;
  for (size_t a = 0; a < d->D; a++) {
    const size_t ik = (a * N + i) * N + k, jk = (a * N + j) * N + k;
    w->last_bar[ik] += 2 * f * d->r_first[jk];
    w->first_bar[jk] += 2 * f * d->r_last[ik];
  }
}

/* Reverse of egnn_contract_axes: rows from_hat += -r_last to_hat. */
void egnn_contract_axes_grad(const group *g, trace_work *w, size_t i, size_t k, const REAL *from,
                             size_t apart, const REAL *to_hat, REAL *from_hat, size_t hat_apart) {
  const tangents *d = &w->d;
  for (size_t a = 0; a < d->D; a++) {
    const size_t ik = (a * d->N + i) * d->N + k;
    REAL dot;
    g->k->dots(1, d->H, to_hat, from + a * apart, d->H, &dot);
    w->last_bar[ik] -= dot;
    add_row(d->H, -d->r_last[ik], to_hat, from_hat + a * hat_apart);
  }
}

/* Reverse of egnn_contract_rows: out_hat (E + T,H) into in_hat, rows ldh apart. */
void egnn_contract_rows_grad(const group *g, trace_work *w, bool dense, const REAL *in, size_t ldi,
                             const REAL *out_hat, REAL *in_hat, size_t ldh) {
  const tangents *d = &w->d;
  const size_t H = d->H, N = d->N, D = d->D, T = d->T;
  for (size_t i = 0; i < N; i++) {
    egnn_pair_scales(d, i, i, d->list.dot);
    for (size_t e = edges_of(d, i); e < edges_of(d, i + 1); e++) {
      const size_t k = (size_t)d->send[e], row = i * T + k;
      const REAL *hat = out_hat + e * H;
      if (dense) {
        egnn_contract_axes_grad(g, w, i, k, in + row * ldi, N * ldi, hat, in_hat + row * ldh,
                                N * ldh);
        continue;
      }
      REAL dot;
      g->k->dots(1, H, hat, in + e * ldi, ldi, &dot);
      egnn_scale_grad(w, i, i, k, dot);
      add_row(H, d->list.dot[k], hat, in_hat + e * ldh);
    }
    for (size_t a = 0; a < D; a++) {
      const size_t own = dense ? i * T + a * N + i : d->E + i * D + a;
      add_row(H, 1, out_hat + (d->E + i * D + a) * H, in_hat + own * ldh);
    }
  }
}

/* Reverse of egnn_expand_rows, from dense rows out_hat to pair rows in_hat. */
void egnn_expand_rows_grad(const group *g, trace_work *w, const REAL *in, const REAL *out_hat,
                           REAL *in_hat) {
  const tangents *d = &w->d;
  const size_t H = d->H, N = d->N;
  fill((d->E + d->T) * H, 0, in_hat);
  for (size_t i = 0; i < N; i++)
    for (size_t t = 0; t < d->T; t++) {
      const size_t k = t % N, a = t / N, row = pair_row(d, i, k, a);
      const REAL *hat = out_hat + (i * d->T + t) * H;
      REAL dot = 0;
      if (k != i)
        g->k->dots(1, H, hat, in + row * H, H, &dot);
      w->first_bar[(a * N + i) * N + k] -= 2 * dot;
      add_row(H, pair_row_coef(d, i, k, a), hat, in_hat + row * H);
    }
}
