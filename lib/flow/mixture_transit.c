/* mixture_transit.c -- densities and samples of a mixture, in tasks.

   Density: every sample goes through every part, from its space to its prior. Sample k of a stream:
   the part that the uniform (seed, component, k) chooses gives its sample k, in the same bits as
   alone; with density the sample then goes through the other parts. A sample that fails in one part
   has failed. */
#include "core/random.h"
#include "flow/mixture.h"
#include "math/finite.h"

/* One task at work. */
typedef struct {
  const enf__transit *c;
  double *each; /* (n,C) of the call, or NULL */
  size_t row, S, C, host;
  size_t *chosen, *list; /* (S) part of every sample; those at work, by place in the task */
  double *logp, *var;    /* (S,C), (S,C) */
  enf__failure *failed;  /* (S) */
  double *x;             /* (S,host) samples that were drawn */
  /* of those at work */
  double *y, *note, *logdet, *variance;
  enf__failure *why;
} group;

typedef struct {
  enf__transit *c;
  double *each;
} job;

static const enf_flow *mixture_of(const group *g) { return g->c->flow; }

static size_t largest_state(const enf_flow *mix) {
  size_t most = 0;
  for (size_t c = 0; c < mix->parts; c++)
    most = enf__larger(most, enf__space_state(&mix->part[c]->space));
  return most;
}

static void lay_out(group *g, enf__arena *arena) {
  const size_t S = g->S;
  g->chosen = ENF__TAKE(arena, size_t, S);
  g->list = ENF__TAKE(arena, size_t, S);
  g->logp = ENF__TAKE(arena, double, S * g->C);
  g->var = ENF__TAKE(arena, double, S * g->C);
  g->failed = ENF__TAKE(arena, enf__failure, S);
  g->x = ENF__TAKE(arena, double, S * g->host);
  g->y = ENF__TAKE(arena, double, S *largest_state(mixture_of(g)));
  g->note = ENF__TAKE(arena, double, S);
  g->logdet = ENF__TAKE(arena, double, S);
  g->variance = ENF__TAKE(arena, double, S);
  g->why = ENF__TAKE(arena, enf__failure, S);
}

static bool draws(const group *g) { return g->c->t1 > g->c->t0; }

/* What a part's maps are asked for the samples at work, from t0 to t1. */
static void carry(const group *g, const enf_flow *part, enf__arena *arena, size_t S, double t0,
                  double t1, enf__tally *tally) {
  const enf__transit *c = g->c;
  enf__carry carry = {.run = c->run,
                      .t0 = t0,
                      .t1 = t1,
                      .S = S,
                      .x = g->y,
                      .logdet = c->logdet ? g->logdet : NULL,
                      .why = g->why,
                      .probes = c->logdet ? c->probes : 0,
                      .seed = c->run->again ? ~c->seed : c->seed,
                      .tally = tally};
  carry.var = carry.probes ? g->variance : NULL;
  for (size_t k = 0; k < S; k++)
    g->logdet[k] = g->variance[k] = 0;
  enf__chain_carry(&part->chain, arena, &carry);
}

/* ---- drawing --------------------------------------------------------------------------------- */

static void choose(group *g) {
  const enf_flow *mix = mixture_of(g);
  for (size_t i = 0; i < g->S; i++) {
    double u;
    size_t part = 0;
    enf__random_uniform(g->c->seed, ENF__STREAM_COMPONENT, g->c->first + g->row + i, 1, &u);
    for (double sum = exp(mix->log_weight[0]); part + 1 < g->C && u >= sum;)
      sum += exp(mix->log_weight[++part]);
    g->chosen[i] = part;
  }
}

/* Sample g->list[k] has arrived at g->y: out with it, and its density by its own part. */
static void hand_out(group *g, size_t part, size_t k) {
  const enf_flow *flow = mixture_of(g)->part[part];
  const enf__space *space = &flow->space;
  const size_t i = g->list[k];
  const enf__place place = {g->c->seed, g->c->first + g->row + i};
  const bool turned = g->c->run->rotation == ENF__ROTATION_RANDOM;
  double *x = g->x + i * g->host, volume = 0;
  g->failed[i] = g->why[k];
  if (g->failed[i].status == ENF_OK)
    g->failed[i] = space->ops->leave(space, turned ? &place : NULL,
                                     g->y + k * enf__space_state(space), NULL, x, &volume);
  if (g->failed[i].status == ENF_OK)
    space->ops->project(space, x);
  g->logp[i * g->C + part] = g->note[k] - g->logdet[k] - enf__space_log_unit(space) + volume;
  g->var[i * g->C + part] = g->variance[k];
}

static void draw(group *g, size_t part, enf__arena *arena, enf__tally *tally) {
  const enf_flow *flow = mixture_of(g)->part[part];
  const size_t state = enf__space_state(&flow->space);
  size_t S = 0;
  for (size_t i = 0; i < g->S; i++) {
    if (g->chosen[i] != part)
      continue;
    double *y = g->y + S * state;
    enf__prior_sample(&flow->prior, g->c->seed, ENF__STREAM_PRIOR, g->c->first + g->row + i, y);
    g->note[S] = enf__prior_log_density(&flow->prior, y);
    g->why[S] = (enf__failure){.status = ENF_OK};
    g->list[S++] = i;
  }
  carry(g, flow, arena, S, 0, 1, tally);
  for (size_t k = 0; k < S; k++)
    hand_out(g, part, k);
}

/* ---- scoring --------------------------------------------------------------------------------- */

/* The samples that have not failed, but for those that the part has drawn. */
static size_t enter(group *g, size_t part) {
  const enf__space *space = &mixture_of(g)->part[part]->space;
  const size_t state = enf__space_state(space);
  size_t S = 0;
  for (size_t i = 0; i < g->S; i++) {
    if (g->failed[i].status != ENF_OK || (draws(g) && g->chosen[i] == part))
      continue;
    double *y = g->y + S * state;
    const double *x = draws(g) ? g->x + i * g->host : g->c->x + (g->row + i) * g->host;
    g->failed[i] = space->ops->enter(space, x, y, NULL, &g->note[S]);
    if (g->failed[i].status == ENF_OK && !enf__all_finite(state, y))
      g->failed[i] = (enf__failure){.status = ENF_ERR_NONFINITE, .what = "x", .t = 1};
    if (g->failed[i].status != ENF_OK)
      continue;
    g->why[S] = g->failed[i];
    g->list[S++] = i;
  }
  return S;
}

static void score(group *g, size_t part, enf__arena *arena, enf__tally *tally) {
  const enf_flow *flow = mixture_of(g)->part[part];
  const size_t state = enf__space_state(&flow->space), S = enter(g, part);
  carry(g, flow, arena, S, 1, 0, tally);
  for (size_t k = 0; k < S; k++) {
    const size_t i = g->list[k];
    g->failed[i] = g->why[k];
    if (g->failed[i].status != ENF_OK)
      continue;
    g->logp[i * g->C + part] = enf__prior_log_density(&flow->prior, g->y + k * state) +
                               g->logdet[k] - enf__space_log_unit(&flow->space) + g->note[k];
    g->var[i * g->C + part] = g->variance[k];
  }
}

/* ---- the task -------------------------------------------------------------------------------- */

/* Of sample i: what was asked, and NaN if it has failed. */
static void give(group *g, size_t i, enf__tally *tally) {
  const enf__transit *c = g->c;
  const size_t row = g->row + i;
  const bool well = g->failed[i].status == ENF_OK;
  double *logp = g->logp + i * g->C, var = 0;
  const double total = c->logdet && well ? enf__mixture_total(c->flow, logp) : (double)NAN;
  for (size_t p = 0; c->logdet && p < g->C; p++)
    var += exp(2 * (logp[p] - total)) * g->var[i * g->C + p];
  for (size_t k = 0; draws(g) && k < g->host; k++)
    c->y[row * g->host + k] = well ? g->x[i * g->host + k] : (double)NAN;
  for (size_t p = 0; g->each && p < g->C; p++)
    g->each[row * g->C + p] = well ? logp[p] : (double)NAN;
  if (c->logp)
    c->logp[row] = total;
  if (c->var)
    c->var[row] = well ? var : (double)NAN;
  if (!well)
    enf__tally_failure(tally, row, g->failed[i]);
}

static group group_of(const job *j, size_t row, size_t S) {
  return (group){.c = j->c,
                 .each = j->each,
                 .row = row,
                 .S = S,
                 .C = j->c->flow->parts,
                 .host = enf__space_host(&j->c->flow->space)};
}

static enf_status run_task(void *user, size_t task, enf__arena *arena) {
  const job *j = user;
  const size_t row = task * j->c->group, left = j->c->n - row;
  enf__tally *tally = j->c->reports + task;
  group g = group_of(j, row, left < j->c->group ? left : j->c->group);
  lay_out(&g, arena);
  const size_t used = arena->used;
  for (size_t i = 0; i < g.S; i++)
    g.failed[i] = (enf__failure){.status = ENF_OK};
  if (draws(&g))
    choose(&g);
  for (size_t p = 0; draws(&g) && p < g.C; p++, arena->used = used)
    draw(&g, p, arena, tally);
  for (size_t p = 0; j->c->logdet && p < g.C; p++, arena->used = used)
    score(&g, p, arena, tally);
  for (size_t i = 0; i < g.S; i++)
    give(&g, i, tally);
  return ENF_OK;
}

static size_t workspace(const job *j) {
  enf__arena count = {0};
  const enf__transit *c = j->c;
  group g = group_of(j, 0, c->group);
  size_t most = 0;
  double none;
  lay_out(&g, &count);
  for (size_t p = 0; p < g.C; p++)
    for (int back = 0; back < 2; back++) {
      const enf__carry carry = {.run = c->run,
                                .t0 = back,
                                .t1 = 1 - back,
                                .S = c->group,
                                .logdet = c->logdet ? &none : NULL,
                                .probes = c->logdet ? c->probes : 0};
      most = enf__larger(most, enf__chain_carry_workspace(&c->flow->part[p]->chain, &carry));
    }
  return count.used + most;
}

enf_status enf__mixture_transit(enf_ctx *ctx, enf__transit *c, double *each) {
  job j = {c, each};
  c->run = &ctx->run;
  if (!c->probes && c->run->logdet_method == ENF__LOGDET_HUTCHINSON)
    c->probes = c->run->probes;
  c->group = SIZE_MAX;
  for (size_t p = 0; p < c->flow->parts; p++) {
    const size_t most = enf__chain_carry_group(&c->flow->part[p]->chain, c->probes);
    c->group = most < c->group ? most : c->group;
  }
  return enf__batch_run(ctx, c->n, c->group, workspace(&j), run_task, &j, &c->reports);
}
