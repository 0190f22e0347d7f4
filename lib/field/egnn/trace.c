/* trace.c -- see trace.h. */
#include "field/egnn/trace.h"

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
  w->along = ENF__TAKE(arena, REAL, block);
  w->across = ENF__TAKE(arena, REAL, block);
  w->unwanted = ENF__TAKE(arena, REAL, H);
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
               {&w->curve.c_qq, E}};
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

void egnn_layout_trace(const group *g, trace_work *w, enf__arena *arena) {
  egnn_layout_tangents(g, &w->d, arena);
  egnn_layout_reverse(g, &w->b, arena);
  layout_sums(&w->d, &w->sums, arena);
  layout_sums(&w->d, &w->last, arena);
  layout_rows(g, w, arena);
  layout_values(g, w, arena);
  if (!arena->base)
    return;
  fill(w->d.H, 1, w->unit);
  fill(w->d.E, 1, w->one);
  fill(w->d.H, 0, w->unwanted);
  fill(g->n * w->d.H, 0, w->no_hat);
}
