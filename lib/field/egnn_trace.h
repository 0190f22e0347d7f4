/* egnn_trace.h -- gradient of the exact trace: what its reverse pass works on. docs/math.md,
   "Gradient of the exact divergence"; the passes are in egnn_trace_rows.h, egnn_trace_edges.h and
   egnn_trace_reverse.h.

   The divergence is a linear function of the tangents of egnn_divergence.h, layer after layer, with
   slopes that depend on the values. So its gradient has two parts: foo_hat, the derivative by a
   tangent foo_dot, goes back through the same rows as they are; and what slopes receive becomes a
   derivative by values, foo_bar, which joins an ordinary reverse pass. One sample at a time. */
#ifndef ENF__EGNN_TRACE_H
#define ENF__EGNN_TRACE_H

#include "field/egnn_divergence.h"
#include "field/egnn_pair.h"

/* What the rows of a layer leave to the reverse pass of its values, per edge. The tangents
   contracted with s_hat are one tangent, alpha, for the pair of egnn_pair.h. */
typedef struct {
  REAL *alpha;              /* (E,H) sum_t s_hat z1_dot */
  REAL *alpha_q, *alpha_q0; /* (E) sum_t s_hat q_dot, the same for q0 */
  REAL *by_c, *by_s, *by_q; /* (E) derivative of the trace by c, c_s, c_q */
  REAL *r_bar;              /* (D,E) */
} edge_sums;

typedef struct {
  tangents d;
  reverse b;
  edge_sums sums, last;                 /* of the layer under way, of the last layer */
  bool messages;                        /* the layer's messages gave something to these: */
  REAL *m_bar, *z_bar[ENF__EGNN_DEPTH]; /* (E,H) of m; of z[k+1], k = 0 ... depth-2 */
  REAL *logit_bar;                      /* (E) of the gate's logit */
  REAL *first_bar, *last_bar;           /* (D,N,N) of r_first, r_last */
  REAL *u_hat, *u_next;                 /* (N,D,T) of v_dot, and what is to be added */
  REAL *s_hat, *q_hat, *q0_hat, *rho;   /* (T) of one edge */
  REAL *h_hat, *h_in;                   /* (rows,H) behind and before the layer under way */
  REAL *pqu_hat;                        /* (rows,3H) */
  REAL *pair_rows;                      /* (E + T,H) h_dot behind the first layer */
  REAL *h_kept, *v_kept;                /* (layers between, rows, H), (.., N, D, T) tangents */
  REAL *own_hat;                        /* (N,H) contracted P of one receiver */
  REAL *p_last, *p_wq_last, *p_w0_last; /* (E,H), (E), (E) */
  REAL *last_hat;                       /* (E + T,H) Q of pair rows, P of own rows, last layer */
  REAL *node_out[ENF__EGNN_DEPTH], *node_in[ENF__EGNN_DEPTH]; /* (rows,H) behind and before a silu
                                                                 of the node network */
  REAL *node_sum;                                             /* (N,H) */
  REAL *agg_hat;                                              /* (rows,H) */
  REAL *row_dot[ENF__EGNN_DEPTH], *row_in[ENF__EGNN_DEPTH];   /* (block,H) z_dot, silu' z_dot */
  REAL *row_hat, *row_next;                                   /* (block,H) */
  const REAL **message_hat;                                   /* (block) */
  REAL *unit;                                                 /* (H) ones */
  REAL *no_hat, *one;                                         /* (N,H) zeros, (E) ones */
  REAL *z1, *z[ENF__EGNN_DEPTH], *u3;      /* (tile,H); (2 tile,H): values, tangents */
  REAL *a, *m, *slope, *bar, *next, *none; /* (2 tile,H) */
  REAL *logits, *logits_hat;               /* (tile) */
  REAL *gate, *gate_dot;                   /* (tile) */
  pair_layer curve;                        /* second derivatives of c */
} trace_work;

static size_t row_block(const tangents *d) { return d->E > d->T ? d->E : d->T; }

static void layout_sums(const tangents *d, edge_sums *s, enf__arena *arena) {
  s->alpha = ENF__TAKE(arena, REAL, d->E * d->H);
  s->r_bar = ENF__TAKE(arena, REAL, d->D * d->E);
  REAL **scalars[] = {&s->alpha_q, &s->alpha_q0, &s->by_c, &s->by_s, &s->by_q};
  for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++)
    *scalars[i] = ENF__TAKE(arena, REAL, d->E);
}

static void layout_rows(const group *g, trace_work *w, enf__arena *arena) {
  const tangents *d = &w->d;
  const size_t H = d->H, rows = g->layers < 4 ? d->E + d->T : d->N * d->T;
  const size_t between = g->layers > 2 ? g->layers - 2 : 0, block = row_block(d);
  REAL **of_rows[] = {&w->h_hat, &w->h_in, &w->agg_hat};
  for (size_t i = 0; i < sizeof of_rows / sizeof *of_rows; i++)
    *of_rows[i] = ENF__TAKE(arena, REAL, rows * H);
  for (size_t k = 0; k + 1 < g->node_depth; k++) {
    w->node_out[k] = ENF__TAKE(arena, REAL, rows * H);
    w->node_in[k] = ENF__TAKE(arena, REAL, rows * H);
  }
  w->pqu_hat = ENF__TAKE(arena, REAL, rows * 3 * H);
  w->h_kept = ENF__TAKE(arena, REAL, between * rows * H);
  w->pair_rows = ENF__TAKE(arena, REAL, (d->E + d->T) * H);
  w->v_kept = ENF__TAKE(arena, REAL, between * d->T * d->T);
  for (size_t k = 0; k < g->edge_depth; k++) {
    w->row_dot[k] = ENF__TAKE(arena, REAL, block * H);
    w->row_in[k] = ENF__TAKE(arena, REAL, block * H);
  }
  w->row_hat = ENF__TAKE(arena, REAL, block * H);
  w->row_next = ENF__TAKE(arena, REAL, block * H);
  w->message_hat = ENF__TAKE(arena, const REAL *, block);
}

static void layout_values(const group *g, trace_work *w, enf__arena *arena) {
  const tangents *d = &w->d;
  const size_t H = d->H, E = d->E;
  const struct {
    REAL **array;
    size_t count;
  } reals[] = {{&w->m_bar, E * H},
               {&w->logit_bar, E},
               {&w->first_bar, d->D * d->N * d->N},
               {&w->last_bar, d->D * d->N * d->N},
               {&w->u_hat, d->T * d->T},
               {&w->u_next, d->T * d->T},
               {&w->s_hat, d->T},
               {&w->q_hat, d->T},
               {&w->q0_hat, d->T},
               {&w->rho, d->T},
               {&w->own_hat, d->N * H},
               {&w->p_last, E * H},
               {&w->p_wq_last, E},
               {&w->p_w0_last, E},
               {&w->last_hat, (E + d->T) * H},
               {&w->node_sum, d->N * H},
               {&w->unit, H},
               {&w->no_hat, g->n * H},
               {&w->one, E},
               {&w->z1, g->tile * H},
               {&w->logits, g->tile},
               {&w->logits_hat, g->tile},
               {&w->gate, g->tile},
               {&w->gate_dot, g->tile},
               {&w->curve.c_ss, E},
               {&w->curve.c_sq, E},
               {&w->curve.c_qq, E},
               {&w->curve.c_dot, E}};
  for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
    *reals[i].array = ENF__TAKE(arena, REAL, reals[i].count);
  REAL **pairs[] = {&w->u3, &w->a, &w->m, &w->slope, &w->bar, &w->next, &w->none};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
    *pairs[i] = ENF__TAKE(arena, REAL, 2 * g->tile * H);
  for (size_t k = 1; k < g->edge_depth; k++) {
    w->z[k] = ENF__TAKE(arena, REAL, 2 * g->tile * H);
    w->z_bar[k - 1] = ENF__TAKE(arena, REAL, E * H);
  }
  w->z_bar[g->edge_depth - 1] = ENF__TAKE(arena, REAL, E * H);
  for (size_t k = 0; k + 1 < g->node_depth; k++)
    w->b.z5_extra[k] = ENF__TAKE(arena, REAL, d->N * H);
}

static void fill(size_t count, REAL value, REAL *x) {
  for (size_t i = 0; i < count; i++)
    x[i] = value;
}

static void layout_trace(const group *g, trace_work *w, enf__arena *arena) {
  layout_tangents(g, &w->d, arena);
  layout_reverse(g, &w->b, arena);
  layout_sums(&w->d, &w->sums, arena);
  layout_sums(&w->d, &w->last, arena);
  layout_rows(g, w, arena);
  layout_values(g, w, arena);
  if (!arena->base)
    return;
  fill(w->d.H, 1, w->unit);
  fill(w->d.E, 1, w->one);
  fill(g->n * w->d.H, 0, w->no_hat);
}

#endif
