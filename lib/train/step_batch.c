/* step_batch.c -- a step on configurations of any size, in groups of one shape. For flow matching all
   groups are one loss, a mean over coordinates. For the likelihood each is the objective's batch, and
   losses and gradients are added with their weights to a mean over configurations. A group
   without a finite loss (all its integrations failed) is left out of it; if all are, the step
   changes nothing. Samples are numbered in the order of the groups. Kinds are features as they are,
   one-hot numbers and charges, and for the likelihood of a flow with a dequantiser what that makes
   of them. */
#include "flow/groups.h"
#include "math/center.h"
#include "train/flow_matching.h"
#include "train/kinds.h"
#include "train/step.h"
#include <enf/batch.h>
#include <math.h>
#include <string.h>

typedef struct {
  enf_trainer *tr;
  const enf_batch *batch;
  enf__arena memory;
  size_t done;
  enf__slope sum;
  /* of a loss for every group */
  double weight, *total; /* (P) */
  /* of one loss for all */
  size_t parts;
  enf__batch *part;        /* (parts) */
  enf__sized *view;        /* (parts) */
  double *state;           /* of the next part */
  int32_t *kind;           /* of the next part */
  enf__first first; /* of a fresh flow */
} job;

/* ---- rows ------------------------------------------------------------------------------------ */

/* Numbers of all states. */
static size_t states_of(const job *j) {
  const enf__shape *shape = &j->tr->work->space.shape;
  return j->batch->atoms * (shape->dimensions + shape->features) + j->batch->count * shape->fixed;
}

/* Memory of whichever of the two ways a step goes. */
static size_t memory_of(const job *j) {
  enf__arena count = {0};
  ENF__TAKE(&count, double, j->tr->optimiser.params + states_of(j));
  ENF__TAKE(&count, enf__batch, j->batch->count);
  ENF__TAKE(&count, enf__sized, j->batch->count);
  ENF__TAKE(&count, int32_t, j->batch->atoms);
  return count.used;
}

/* Positions, features and context of configuration `index` in the host's units. */
static void row_of(const job *j, const enf__group *g, size_t index, double *row) {
  const enf_batch *batch = j->batch;
  const enf__member *m = batch->member + index;
  const size_t F = g->flow->space.shape.features;
  double *features = row + g->N * batch->D;
  memcpy(row, enf__member_x(batch, m), g->N * batch->D * sizeof *row);
  if (m->F > 0)
    memcpy(features, batch->feature + m->feature, g->N * F * sizeof *row);
  else if (F > 0)
    enf__kinds_features(g->flow, enf__member_kind(batch, m), features);
  enf__member_context(batch, index, g->flow->space.shape.fixed, features + g->N * F);
}

static enf_status look(enf_ctx *ctx, const enf__group *g, void *user) {
  job *j = user;
  (void)ctx;
  for (size_t i = 0; i < g->n; i++) {
    row_of(j, g, g->index[i], g->in);
    enf__center(g->N, j->batch->D, g->in, g->in, NULL);
    enf__actnorm_add(&g->flow->space.shape, g->in, &j->first.states);
    enf__space_context_add(&g->flow->space, g->in, &j->first.context);
  }
  return ENF_OK;
}

/* States in g->out, their volumes in g->a. */
static void enter(const job *j, const enf__group *g) {
  const enf__space *space = &g->flow->space;
  const size_t size = enf__space_state(space);
  for (size_t i = 0; i < g->n; i++) {
    const enf__member *m = j->batch->member + g->index[i];
    row_of(j, g, g->index[i], g->in);
    space->ops->enter(space, g->in, g->out + i * size, NULL, g->a + i);
    if (g->way)
      memcpy(g->kind + i * g->N, enf__member_kind(j->batch, m), g->N * sizeof *g->kind);
  }
}

/* ---- a group --------------------------------------------------------------------------------- */

static enf__batch batch_of(const job *j, const enf__group *g) {
  const enf_trainer *tr = j->tr;
  const double steps = (double)enf__opts_int(tr->options, ENF__OPT_TRAIN_STEPS);
  return (enf__batch){.options = tr->options,
                      .flow = g->flow,
                      .n = g->n,
                      .x = g->out,
                      .volume = g->a,
                      .kind = g->way ? g->kind : NULL,
                      .first = tr->counters[ENF__SAMPLES] + j->done,
                      .progress = fmin(1, (double)tr->counters[ENF__STEP] / steps),
                      .passes = enf__trainer_objective(tr)->passes,
                      .step = tr->counters[ENF__STEP]};
}

/* Keeps the group for the loss of all. */
static enf_status keep(enf_ctx *ctx, const enf__group *g, void *user) {
  job *j = user;
  const size_t k = j->parts++, size = enf__space_state(&g->flow->space);
  (void)ctx;
  enter(j, g);
  j->part[k] = batch_of(j, g);
  j->part[k].x = memcpy(j->state, g->out, g->n * size * sizeof *j->state);
  j->part[k].volume = NULL;
  if (g->way)
    j->part[k].kind = memcpy(j->kind, g->kind, g->n * g->N * sizeof *j->kind);
  if (g->flow != j->tr->work) {
    j->part[k].flow = enf__flow_at(j->view + k, j->tr->work, g->N);
    j->view[k].flow.space.shape.kind = g->flow->space.shape.kind;
  }
  j->state += g->n * size;
  j->kind += g->n * g->N;
  j->done += g->n;
  return ENF_OK;
}

static void add(job *j, const enf__group *g, const enf__slope *s, double norm) {
  const size_t params = j->tr->optimiser.params;
  const double weight = (double)g->n;
  j->sum.evaluations += s->evaluations;
  j->sum.steps += s->steps;
  j->sum.failed += s->failed;
  if (!isfinite(s->loss) || !isfinite(norm))
    return;
  j->weight += weight;
  j->sum.loss += weight * s->loss;
  for (size_t k = 0; k < params; k++)
    j->total[k] += weight * s->gradients[k];
}

static enf_status run_group(enf_ctx *ctx, const enf__group *g, void *user) {
  enf_status status;
  job *j = user;
  const enf_trainer *tr = j->tr;
  const enf__objective *objective = enf__trainer_objective(tr);
  const enf__batch batch = batch_of(j, g);
  enf__slope slope;
  double norm;
  enter(j, g);
  TRY(enf__reserve(ctx, objective->call_bytes(&batch) + enf__gradient_bytes(tr->optimiser.params),
                   objective->worker_bytes(&batch, &ctx->run)));
  TRY(objective->evaluate(ctx, &batch, &slope));
  TRY(enf__gradient_sum(ctx, tr->optimiser.params, slope.buffers, slope.gradients, &norm));
  add(j, g, &slope, norm);
  j->done += g->n;
out:
  ctx->arena.used = 0;
  return status;
}

/* ---- the step -------------------------------------------------------------------------------- */

static enf_status check(enf_ctx *ctx, const enf_trainer *tr, const enf_batch *batch,
                        const enf_step_info *info) {
  enf_status status;
  char name[32];
  TRY(enf__step_check(ctx, tr, info));
  TRY(enf__batch_is(ctx, batch));
  const enf__objective *objective = enf__trainer_objective(tr);
  if (objective->needs_energy || !objective->needs_data)
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                     "train.objective is %s: a batch trains by flow-matching or likelihood",
                     enf__opts_print(tr->options, ENF__OPT_TRAIN_OBJECTIVE, name));
  if (tr->reduce.fn)
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                     "a batch of many sizes does not go with a reduce function");
  if (tr->mixture)
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED, "a batch trains a flow, not beside a mixture");
  if (batch->count == 0)
    return enf__fail(ctx, ENF_ERR_ARG, "the batch is empty");
  for (size_t i = 0; i < batch->count; i++)
    if (isnan(enf__member_x(batch, batch->member + i)[0]))
      return enf__fail(ctx, ENF_ERR_NONFINITE,
                       "configuration %zu of the batch is nan; no step was made", i);
out:
  return status;
}

/* The mean of the groups' losses, and the update by it. */
static enf_status step_by_groups(enf_ctx *ctx, job *j, const enf__item *item, double started,
                                 enf_step_info *info) {
  enf_status status;
  enf_trainer *tr = j->tr;
  const size_t params = tr->optimiser.params;
  double norm;
  j->total = ENF__TAKE(&j->memory, double, params);
  memset(j->total, 0, params * sizeof *j->total);
  TRY(enf__groups_run(ctx, tr->work, j->batch->count, item, run_group, j));
  for (size_t k = 0; k < params; k++)
    j->total[k] /= j->weight;
  j->sum.loss /= j->weight;
  j->sum.buffers = 1;
  j->sum.gradients = j->total;
  TRY(enf__reserve(ctx, enf__gradient_bytes(params), enf__optimiser_worker_bytes(&tr->optimiser)));
  TRY(enf__gradient_sum(ctx, params, 1, j->total, &norm));
  TRY(enf__step_end(ctx, tr, &j->sum, norm, j->batch->count, started, info));
out:
  return status;
}

/* The loss of all groups, and the update by it. */
static enf_status step_by_all(enf_ctx *ctx, job *j, const enf__item *item, double started,
                              enf_step_info *info) {
  enf_status status;
  enf_trainer *tr = j->tr;
  const size_t params = tr->optimiser.params, n = j->batch->count;
  double norm;
  j->part = ENF__TAKE(&j->memory, enf__batch, n);
  j->view = ENF__TAKE(&j->memory, enf__sized, n);
  j->state = ENF__TAKE(&j->memory, double, states_of(j));
  j->kind = ENF__TAKE(&j->memory, int32_t, j->batch->atoms);
  TRY(enf__groups_run(ctx, tr->work, n, item, keep, j));
  const size_t loss = enf__flow_matching_worker_bytes(j->parts, j->part, &ctx->run);
  TRY(enf__reserve(ctx,
                   enf__flow_matching_bytes(j->parts, j->part) + enf__gradient_bytes(params),
                   enf__larger(loss, enf__optimiser_worker_bytes(&tr->optimiser))));
  TRY(enf__flow_matching_evaluate(ctx, j->parts, j->part, &j->sum));
  TRY(enf__gradient_sum(ctx, params, j->sum.buffers, j->sum.gradients, &norm));
  TRY(enf__step_end(ctx, tr, &j->sum, norm, n, started, info));
out:
  ctx->arena.used = 0;
  return status;
}

static enf_status run(enf_ctx *ctx, job *j, const enf__item *item, double started,
                      enf_step_info *info) {
  enf_status status = ENF_OK;
  enf_trainer *tr = j->tr;
  const bool together = enf__trainer_objective(tr) == &enf__flow_matching;
  if (!tr->flow->scale_fixed || enf__space_context_is_open(&tr->flow->space)) {
    TRY(enf__groups_run(ctx, tr->work, j->batch->count, item, look, j));
    enf__train_settle(tr, &j->first);
  }
  tr->work->space.scale = tr->flow->space.scale;
  TRY((together ? step_by_all : step_by_groups)(ctx, j, item, started, info));
out:
  return status;
}

enf_status enf_train_step_batch(enf_ctx *ctx, enf_trainer *tr, const enf_batch *batch,
                                enf_step_info *info) {
  ENF__ENTRY;
  enf_status status;
  enf__item *item = NULL;
  int *kinds = NULL;
  const double started = enf__seconds();
  job j = {.tr = tr, .batch = batch};
  TRY(enf__enter(ctx));
  TRY(check(ctx, tr, batch, info));
  TRY(enf__items_of(ctx, tr->work, batch, ENF__BATCH_KINDS, &item, &kinds));
  if (!enf__arena_reserve(&ctx->alloc, &j.memory, memory_of(&j)))
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a step on %zu molecules", batch->count));
  TRY(run(ctx, &j, item, started, info));
out:
  enf__arena_free(&ctx->alloc, &j.memory);
  enf__free(&ctx->alloc, item);
  enf__free(&ctx->alloc, kinds);
  return status;
}
