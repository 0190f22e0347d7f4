/* batch_calls.c -- densities, samples, velocities and transport of configurations of any size, each
   group of one shape by the call for that shape (groups.h). */
#include "flow/batch.h"
#include "flow/bound.h"
#include "flow/groups.h"
#include "math/finite.h"
#include <math.h>
#include <string.h>

/* What a call was given and is to give: flat, in the batch's order; some are NULL. */
typedef struct {
  const enf_batch *batch;
  uint64_t seed, first;
  double t0, t1;
  const double *t;
  double *x, *h, *each, *err;
  enf_batch *made;
} call;

/* ---- rows ------------------------------------------------------------------------------------ */

/* A row is positions, features and then context. */
static void gather(const call *c, const enf__group *g) {
  const enf__shape *shape = &g->flow->space.shape;
  const size_t D = c->batch->D, F = shape->features, row = enf__shape_size(shape);
  for (size_t i = 0; i < g->n; i++) {
    const enf__member *m = c->batch->member + g->index[i];
    double *in = g->in + i * row;
    memcpy(in, enf__member_x(c->batch, m), g->N * D * sizeof *in);
    if (F > 0)
      memcpy(in + g->N * D, c->batch->feature + m->feature, g->N * F * sizeof *in);
    enf__member_context(c->batch, g->index[i], shape->fixed, in + enf__shape_moved(shape));
  }
}

static void scatter(const call *c, const enf__group *g) {
  const enf__shape *shape = &g->flow->space.shape;
  const size_t D = c->batch->D, F = shape->features, row = enf__shape_size(shape);
  for (size_t i = 0; i < g->n; i++) {
    const enf__member *m = c->batch->member + g->index[i];
    const double *out = g->out + i * row;
    memcpy(c->x + D * m->atom, out, g->N * D * sizeof *out);
    if (c->h)
      memcpy(c->h + F * m->atom, out + g->N * D, g->N * F * sizeof *out);
    if (c->each)
      c->each[g->index[i]] = g->a[i];
  }
}

static enf_status run(enf_ctx *ctx, const enf_flow *flow, call *c, enf__batch_use use,
                      enf__group_fn fn) {
  enf_status status;
  enf__item *item = NULL;
  int *kinds = NULL;
  TRY(enf__items_of(ctx, flow, c->batch, use, &item, &kinds));
  TRY(enf__groups_run(ctx, flow, c->batch->count, item, fn, c));
out:
  enf__free(&ctx->alloc, item);
  enf__free(&ctx->alloc, kinds);
  return status;
}

static enf_status check(enf_ctx *ctx, const enf_flow *flow, const enf_batch *batch, size_t arrays,
                        const enf__argument *array) {
  enf_status status;
  TRY(enf__flow_check(ctx, flow));
  TRY(enf__batch_is(ctx, batch));
  for (size_t i = 0; i < arrays && batch->count > 0; i++)
    if (!array[i].data)
      TRY(enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", array[i].name));
out:
  return status;
}

/* ---- density --------------------------------------------------------------------------------- */

/* All samples of a group have failed alike; a, b are NaN. */
static enf_status refuse_group(enf_ctx *ctx, const enf__group *g, enf_status why) {
  enf_status *ended = enf__ended_take(ctx, g->n);
  for (size_t i = 0; ended && i < g->n; i++)
    ended[i] = why;
  enf__fill_nan(g->n, g->a);
  enf__fill_nan(g->n, g->b);
  ctx->stats.failed = (double)g->n;
  return why;
}

static enf_status bound_kinds(enf_ctx *ctx, const enf__group *g, const call *c) {
  const size_t D = c->batch->D, G = g->flow->space.shape.fixed;
  if (enf__flow_size_log(g->flow, g->N) == -(double)INFINITY) {
    enf__fail(ctx, ENF_ERR_RANGE, "size: model.sizes has no configuration of %zu particles", g->N);
    return refuse_group(ctx, g, ENF_ERR_RANGE);
  }
  for (size_t i = 0; i < g->n; i++) {
    const enf__member *m = c->batch->member + g->index[i];
    memcpy(g->kind + i * g->N, c->batch->kind + m->atom, g->N * sizeof *g->kind);
    memcpy(g->in + i * g->N * D, enf__member_x(c->batch, m), g->N * D * sizeof *g->in);
    enf__member_context(c->batch, g->index[i], G, g->context + i * G);
  }
  const enf_status status = enf__log_prob_kinds(ctx, g->flow, g->n, g->kind, g->in, g->context,
                                                c->seed, g->a, g->b);
  const bool each = status != ENF_OK && ctx->stats.failed > 0;
  enf_status *ended = each ? enf__ended_take(ctx, g->n) : NULL;
  for (size_t i = 0; ended && i < g->n; i++)
    ended[i] = isnan(g->a[i]) ? status : ENF_OK;
  return status;
}

static enf_status density(enf_ctx *ctx, const enf__group *g, const call *c) {
  gather(c, g);
  const bool estimate = ctx->run.logdet_method == ENF__LOGDET_HUTCHINSON;
  const enf_status status =
      estimate ? enf_log_prob_estimate(ctx, g->flow, g->n, g->in, c->seed, g->a, g->b)
               : enf_log_prob(ctx, g->flow, g->n, g->in, g->a);
  for (size_t i = 0; i < g->n; i++)
    g->b[i] = estimate ? sqrt(g->b[i]) : isnan(g->a[i]) ? (double)NAN : 0;
  return status;
}

static enf_status log_prob(enf_ctx *ctx, const enf__group *g, void *user) {
  const call *c = user;
  const enf_status status = g->way ? bound_kinds(ctx, g, c) : density(ctx, g, c);
  for (size_t i = 0; i < g->n; i++) {
    c->each[g->index[i]] = g->a[i];
    if (c->err)
      c->err[g->index[i]] = g->b[i];
  }
  return status;
}

enf_status enf_log_prob_batch(enf_ctx *ctx, const enf_flow *flow, const enf_batch *batch,
                              uint64_t seed, double *logp, double *err) {
  ENF__ENTRY;
  enf_status status;
  const enf__argument arrays[] = {{"logp", logp}};
  call c = {.batch = batch, .seed = seed, .each = logp, .err = err};
  TRY(enf__enter(ctx));
  TRY(check(ctx, flow, batch, 1, arrays));
  TRY(run(ctx, flow, &c, ENF__BATCH_KINDS, log_prob));
out:
  return status;
}

/* ---- velocity, transport --------------------------------------------------------------------- */

static enf_status velocity(enf_ctx *ctx, const enf__group *g, void *user) {
  const call *c = user;
  gather(c, g);
  for (size_t i = 0; i < g->n; i++)
    g->b[i] = c->t[g->index[i]];
  const enf_status status =
      enf_velocity(ctx, g->flow, g->n, g->b, g->in, g->out, c->each ? g->a : NULL);
  scatter(c, g);
  return status;
}

enf_status enf_velocity_batch(enf_ctx *ctx, const enf_flow *flow, const enf_batch *batch,
                              const double *t, double *vx, double *vh, double *div) {
  ENF__ENTRY;
  enf_status status;
  const enf__argument arrays[] = {{"t", t}, {"vx", vx}};
  call c = {.batch = batch, .t = t, .x = vx, .h = vh, .each = div};
  TRY(enf__enter(ctx));
  TRY(check(ctx, flow, batch, 2, arrays));
  TRY(run(ctx, flow, &c, ENF__BATCH_STATES, velocity));
out:
  return status;
}

static enf_status transport(enf_ctx *ctx, const enf__group *g, void *user) {
  const call *c = user;
  gather(c, g);
  const enf_status status =
      enf_transport(ctx, g->flow, g->n, c->t0, c->t1, g->in, g->out, c->each ? g->a : NULL);
  scatter(c, g);
  return status;
}

enf_status enf_transport_batch(enf_ctx *ctx, const enf_flow *flow, const enf_batch *batch,
                               double t0, double t1, double *x, double *h, double *logdet) {
  ENF__ENTRY;
  enf_status status;
  const enf__argument arrays[] = {{"x", x}};
  call c = {.batch = batch, .t0 = t0, .t1 = t1, .x = x, .h = h, .each = logdet};
  TRY(enf__enter(ctx));
  TRY(check(ctx, flow, batch, 1, arrays));
  if (!(t0 >= 0 && t0 <= 1 && t1 >= 0 && t1 <= 1))
    TRY(enf__fail(ctx, ENF_ERR_RANGE, "t0 = %g and t1 = %g must lie between 0 and 1", t0, t1));
  TRY(run(ctx, flow, &c, ENF__BATCH_STATES, transport));
out:
  return status;
}

/* ---- samples --------------------------------------------------------------------------------- */

static enf_status sample(enf_ctx *ctx, const enf__group *g, void *user) {
  const call *c = user;
  enf_batch *made = c->made;
  const enf__shape *shape = &g->flow->space.shape;
  const size_t D = made->D, F = shape->features, G = shape->fixed, row = enf__shape_size(shape);
  for (size_t i = 0; i < g->n; i++) {
    g->number[i] = c->first + g->index[i];
    enf__member_context(made, g->index[i], G, g->context + i * G);
  }
  const enf_status status = enf__sample_numbers(ctx, g->flow, c->seed, g->n, g->number, g->context,
                                                g->out, c->each ? g->a : NULL);
  for (size_t i = 0; i < g->n; i++) {
    const enf__member *m = made->member + g->index[i];
    const double *out = g->out + i * row, *features = out + g->N * D;
    memcpy(made->x + D * m->atom, out, g->N * D * sizeof *out);
    if (F > 0)
      memcpy(made->feature + m->feature, features, g->N * F * sizeof *out);
    if (F > 0 && m->kinds)
      enf__flow_decode(g->flow, g->N, features, made->kind + m->atom);
    if (c->each)
      c->each[g->index[i]] = g->a[i];
  }
  return status;
}

/* The size of sample number `index`; OPTION or RANGE where there is none. */
static enf_status size_of(enf_ctx *ctx, const enf_flow *flow, uint64_t seed, uint64_t index,
                          size_t asked, size_t *N) {
  const size_t own = flow->space.shape.particles;
  *N = asked;
  if (asked == 0)
    *N = enf__flow_is_open(flow) ? enf__flow_size_draw(flow, seed, index) : own;
  if (*N == 0)
    *N = own;
  if (*N == 0)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "N is 0, and the flow has no model.sizes to draw it from");
  if (*N == 1)
    return enf__fail(ctx, ENF_ERR_RANGE, "N is 1: a flow needs 2 particles or more");
  if (enf__flow_size_log(flow, *N) == -(double)INFINITY)
    return enf__fail(ctx, ENF_ERR_RANGE, "N is %zu: model.sizes has no configuration of that size",
                     *N);
  return ENF_OK;
}

/* The batch with room for the samples, their kinds as model.species has them if that is fixed. */
static enf_status plan_samples(enf_ctx *ctx, const enf_flow *flow, call *c, size_t n, size_t asked,
                               enf__item *item) {
  enf_status status = ENF_OK;
  const enf__space *space = &flow->space;
  const bool kinds = space->featured.elements > 0 || space->kinds > 0;
  for (size_t i = 0; i < n; i++) {
    size_t N;
    TRY(size_of(ctx, flow, c->seed, c->first + i, asked, &N));
    item[i] = (enf__item){.N = N};
    TRY(enf__size_check(ctx, flow, N));
    TRY(enf__batch_room(ctx, c->made, 1, N, N * space->shape.features));
    if (space->kinds > 0 && N != space->shape.particles)
      TRY(enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                    "N is %zu, and model.species says the kinds of %zu particles", N,
                    space->shape.particles));
    if (space->kinds > 0)
      enf__flow_species(flow, c->made->kind + c->made->atoms);
    enf__batch_add(c->made, N, kinds, space->shape.features);
  }
out:
  return status;
}

/* What the calls on samples begin with: an empty batch for them. */
static enf_status begin_samples(enf_ctx *ctx, const enf_flow *flow, size_t n, enf_batch **batch,
                                call *c) {
  enf_status status;
  TRY(enf__flow_check(ctx, flow));
  if (!batch)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "batch is NULL: nowhere to put the samples"));
  if (flow->parts > 0)
    TRY(enf__fail(ctx, ENF_ERR_UNSUPPORTED, "batches are not for mixtures"));
  if (n > UINT64_MAX - c->first)
    TRY(enf__fail(ctx, ENF_ERR_RANGE, "first = %llu plus n = %zu runs past the end of the stream",
                  (unsigned long long)c->first, n));
  TRY(enf_batch_create(ctx, &c->made, flow->space.shape.dimensions));
out:
  return status;
}

/* The samples of the items, handed over unless nothing was done. */
static enf_status make_samples(enf_ctx *ctx, const enf_flow *flow, size_t n, const enf__item *item,
                               call *c, enf_batch **batch) {
  const enf_status status = enf__groups_run(ctx, flow, n, item, sample, c);
  if (status == ENF_OK || ctx->samples == n) {
    *batch = c->made;
    c->made = NULL;
  }
  return status;
}

enf_status enf_sample_batch(enf_ctx *ctx, const enf_flow *flow, uint64_t seed, uint64_t first,
                            size_t n, size_t N, enf_batch **batch, double *logp) {
  ENF__ENTRY;
  enf_status status;
  enf__item *item = NULL;
  call c = {.seed = seed, .first = first, .each = logp};
  if (batch)
    *batch = NULL;
  TRY(enf__enter(ctx));
  TRY(begin_samples(ctx, flow, n, batch, &c));
  if (flow->space.shape.fixed || flow->space.featured.given)
    TRY(enf__fail(ctx, ENF_ERR_SHAPE,
                  "the flow is given %s, and none %s set: enf_sample_given takes a batch that has",
                  flow->space.shape.fixed ? "a context" : "kinds",
                  flow->space.shape.fixed ? "is" : "are"));
  item = enf__alloc_array(&ctx->alloc, n + 1, sizeof *item);
  if (!item)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu samples", n));
  TRY(plan_samples(ctx, flow, &c, n, N, item));
  TRY(make_samples(ctx, flow, n, item, &c, batch));
out:
  enf_batch_destroy(c.made);
  enf__free(&ctx->alloc, item);
  return status;
}

/* The batch with room for a sample of every configuration of c->batch, its kinds and contexts. */
static enf_status plan_given(enf_ctx *ctx, const enf_flow *flow, call *c) {
  enf_status status = ENF_OK;
  const enf_batch *given = c->batch;
  const enf__shape *shape = &flow->space.shape;
  const size_t F = shape->features, G = shape->fixed;
  const bool fixed = flow->space.kinds > 0, kinds = fixed || flow->space.featured.elements > 0;
  if (G > 0)
    TRY(enf__batch_context_open(ctx, c->made, G));
  for (size_t i = 0; i < given->count; i++) {
    const enf__member *m = given->member + i;
    size_t N;
    TRY(size_of(ctx, flow, c->seed, c->first + i, m->N, &N));
    TRY(enf__batch_room(ctx, c->made, 1, N, N * F));
    if (fixed && m->kinds)
      memcpy(c->made->kind + c->made->atoms, enf__member_kind(given, m), N * sizeof(int32_t));
    else if (fixed)
      enf__flow_species(flow, c->made->kind + c->made->atoms);
    enf__batch_add(c->made, N, kinds, F);
    enf__member_context(given, i, G, c->made->context + i * G);
  }
out:
  return status;
}

enf_status enf_sample_given(enf_ctx *ctx, const enf_flow *flow, const enf_batch *given,
                            uint64_t seed, uint64_t first, enf_batch **batch, double *logp) {
  ENF__ENTRY;
  enf_status status;
  enf__item *item = NULL;
  int *kinds = NULL;
  call c = {.batch = given, .seed = seed, .first = first, .each = logp};
  if (batch)
    *batch = NULL;
  TRY(enf__enter(ctx));
  TRY(enf__batch_is(ctx, given));
  TRY(begin_samples(ctx, flow, given->count, batch, &c));
  TRY(enf__items_of(ctx, flow, given, ENF__BATCH_GIVEN, &item, &kinds));
  TRY(plan_given(ctx, flow, &c));
  TRY(make_samples(ctx, flow, given->count, item, &c, batch));
out:
  enf_batch_destroy(c.made);
  enf__free(&ctx->alloc, item);
  enf__free(&ctx->alloc, kinds);
  return status;
}
