/* transit.c -- the samples of a call along the flow, in tasks: begin, through all maps, finish. */
#include "flow/mixture.h"
#include "math/finite.h"
#include <math.h>

/* One task at work. */
typedef struct {
  const enf__transit *c;
  size_t row, S, dim;
  double *x, *note, *logdet, *var;
  enf__failure *why; /* status OK: nothing has gone wrong with the sample so far */
} group;

static void lay_out(group *g, enf__arena *arena) {
  g->x = ENF__TAKE(arena, double, g->S * g->dim);
  g->note = ENF__TAKE(arena, double, g->S);
  g->logdet = ENF__TAKE(arena, double, g->S);
  g->var = ENF__TAKE(arena, double, g->S);
  g->why = ENF__TAKE(arena, enf__failure, g->S);
}

static void begin(group *g) {
  const enf__transit *c = g->c;
  for (size_t i = 0; i < g->S; i++) {
    double *x = g->x + i * g->dim;
    g->logdet[i] = 0;
    g->var[i] = 0;
    g->why[i] = c->begin(c, g->row + i, x, g->note + i);
    if (g->why[i].status == ENF_OK && !enf__all_finite(g->dim, x))
      g->why[i] = (enf__failure){.status = ENF_ERR_NONFINITE, .what = "x", .t = c->t0};
  }
}

static void finish(group *g, enf__tally *report) {
  const enf__transit *c = g->c;
  for (size_t i = 0; i < g->S; i++) {
    double *x = g->x + i * g->dim;
    if (g->why[i].status != ENF_OK) {
      g->logdet[i] = NAN;
      g->var[i] = NAN;
      enf__fill_nan(g->dim, x);
    }
    if (c->var)
      c->var[g->row + i] = g->var[i];
    const enf__failure late = c->finish(c, g->row + i, x, g->logdet[i], g->note[i]);
    if (g->why[i].status != ENF_OK)
      enf__tally_failure(report, g->row + i, g->why[i]);
    else if (late.status != ENF_OK)
      enf__tally_failure(report, g->row + i, late);
  }
}

/* What the maps are asked for S samples, but for their arrays. */
static enf__carry carry_of(const enf__transit *c, size_t S) {
  return (enf__carry){.run = c->run,
                      .t0 = c->t0,
                      .t1 = c->t1,
                      .S = S,
                      .probes = c->logdet ? c->probes : 0,
                      .seed = c->run->again ? ~c->seed : c->seed};
}

static enf_status run_task(void *user, size_t task, enf__arena *arena) {
  const enf__transit *c = user;
  const size_t row = task * c->group, left = c->n - row;
  group g = {.c = c,
             .row = row,
             .S = left < c->group ? left : c->group,
             .dim = enf__space_state(&c->flow->space)};
  lay_out(&g, arena);
  begin(&g);
  enf__carry carry = carry_of(c, g.S);
  carry.x = g.x;
  carry.logdet = c->logdet ? g.logdet : NULL;
  carry.var = carry.probes ? g.var : NULL;
  carry.why = g.why;
  carry.tally = c->reports + task;
  enf__chain_carry(&c->flow->chain, arena, &carry);
  finish(&g, c->reports + task);
  return ENF_OK;
}

static size_t workspace(const enf__transit *c) {
  enf__arena count = {0};
  double none;
  group g = {.c = c, .S = c->group, .dim = enf__space_state(&c->flow->space)};
  enf__carry carry = carry_of(c, c->group);
  carry.logdet = c->logdet ? &none : NULL; /* whether, not where */
  lay_out(&g, &count);
  return count.used + enf__chain_carry_workspace(&c->flow->chain, &carry);
}

enf_status enf__transit_run(enf_ctx *ctx, enf__transit *c) {
  if (c->flow->parts)
    return enf__mixture_transit(ctx, c, NULL);
  c->run = &ctx->run;
  if (!c->probes && c->run->logdet_method == ENF__LOGDET_HUTCHINSON)
    c->probes = c->run->probes;
  const enf__field *field = enf__chain_field(&c->flow->chain);
  if (c->logdet && c->probes && field && enf__field_closed(field))
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                     "an estimate by probes (logdet.method hutchinson): this field has its "
                     "divergence in closed form");
  c->group = enf__chain_carry_group(&c->flow->chain, c->probes);
  return enf__batch_run(ctx, c->n, c->group, workspace(c), run_task, c, &c->reports);
}

enf__failure enf__transit_from_x(const enf__transit *c, size_t row, double *x, double *note) {
  const enf__space *space = &c->flow->space;
  const enf__failure why =
      space->ops->enter(space, c->x + row * enf__space_host(space), x, NULL, note);
  if (c->temperature)
    enf__space_set_temperatures(space, 1, c->temperature + row, x);
  return why;
}
