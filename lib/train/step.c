/* step.c -- one step of a training after another.

   A step is all or nothing: what it computes stays in the context's memory until the gradient is
   there, so a refused batch or a cancelled step leaves trainer and flow as they were. A step whose
   loss or gradient is not finite counts (schedule and random numbers go on) but changes no weight.
   In steady state, the same number of rows again, nothing is allocated.

   The data scale of a fresh flow is fixed by its first step: the RMS of all mean-free coordinates
   of the batch, to two significant digits. */
#include "train/step.h"
#include "core/parallel.h"
#include "core/random.h"
#include "flow/mixture.h"
#include "math/finite.h"
#include "train/pool.h"
#include "train/ranks.h"
#include "train/weighted.h"
#include <math.h>
#include <string.h>

/* ---- the batch ----------------------------------------------------------------------------- */

/* What the host gives a step. */
typedef struct {
  size_t n, left;         /* rows, and those that have weight */
  const double *x, *logw; /* logw NULL: all alike */
  double top;             /* of logw */
  const double *temperature; /* (n) NULL: all at the flow's */
} rows;

static enf_status check_rows(enf_ctx *ctx, const rows *r, size_t dim) {
  const double *x = r->x;
  for (size_t i = 0; i < r->n; i++)
    for (size_t k = 0; k < dim && !(r->logw && r->logw[i] == -(double)INFINITY); k++)
      if (!isfinite(x[i * dim + k]))
        return enf__fail(ctx, ENF_ERR_NONFINITE, "row %zu of the batch holds %g; no step was made",
                         i, x[i * dim + k]);
  return ENF_OK;
}

/* Is the flow a mixture, or to be the next part of one? */
static bool has_parts(const enf_trainer *tr) { return tr->flow->parts > 0 || tr->mixture; }

/* Temperatures of a ladder that hold for the flow. */
static enf_status check_temperatures(enf_ctx *ctx, const enf_trainer *tr, const rows *r) {
  const enf__ladder *ladder = &tr->flow->space.ladder;
  if (r->temperature && has_parts(tr))
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                     "rows have temperatures, and parts of a mixture are at that of the flow alone");
  if (r->temperature && !enf__ladder_on(ladder))
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                     "rows have temperatures, and the flow has no model.temperatures");
  for (size_t i = 0; r->temperature && i < r->n; i++)
    if (!enf__ladder_holds(ladder, r->temperature[i]))
      return enf__fail(ctx, ENF_ERR_RANGE,
                       "the temperature of row %zu is %g, the flow is for %g to %g; no step was made",
                       i, r->temperature[i], ladder->coldest, ladder->hottest);
  return ENF_OK;
}

/* x (n,N,D) of the host -> its states, at temperatures (n) or the space's, and their log-volumes;
   NaN for rows that have none. Noise beside x is new in every step, from a place of its own for
   every row, `at` for the first. */
static void enter(const enf__space *space, enf__place at, size_t n, const double *x,
                  const double *temperature, double *state, double *volume) {
  const size_t host = enf__space_host(space), size = enf__space_state(space);
  for (size_t i = 0; i < n; i++, at.index++) {
    if (space->ops->enter(space, x + i * host, state + i * size, NULL, volume + i).status != ENF_OK)
      enf__fill_nan(size, state + i * size);
    else if (space->ops->redraw)
      space->ops->redraw(space, at, state + i * size, volume + i);
  }
  enf__space_set_temperatures(space, n, temperature, state);
}

/* ---- a step -------------------------------------------------------------------------------- */

/* The two copies of the weights that kernels read. */
static enf_status renew(void *user, size_t which, enf__arena *arena) {
  enf_trainer *tr = user;
  (void)arena;
  if (which == 0)
    enf__flow_pack(tr->work);
  else
    enf__trainer_publish(tr);
  return ENF_OK;
}

/* The tensors that no training changes, from block to block. */
static void copy_fixed(const enf__params *params, const double *from, double *to) {
  for (size_t i = 0; i < params->count; i++) {
    const enf__tensor *t = &params->tensor[i];
    if (t->fixed)
      memcpy(to + t->offset, from + t->offset, t->rows * t->cols * sizeof *to);
  }
}

/* Parameters that an objective has found itself, into the average of those of all steps. */
static enf_status learn_found(enf_ctx *ctx, enf_trainer *tr, const enf__slope *slope) {
  const double *found = slope->found;
  double *value = tr->work->params.value;
  const size_t count = tr->work->params.size;
  if (!isfinite(slope->loss) || !enf__all_finite(count, found)) {
    tr->counters[ENF__SKIPPED]++;
    return ENF_OK;
  }
  const double steps = (double)(tr->counters[ENF__STEP] - tr->counters[ENF__SKIPPED]);
  for (size_t i = 0; i < count; i++)
    value[i] += (found[i] - value[i]) / steps;
  memcpy(tr->optimiser.average, value, count * sizeof *value);
  return enf__parallel_for(ctx, 2, renew, tr, 0, 0);
}

/* The update, if loss and gradient are finite. */
static enf_status learn(enf_ctx *ctx, enf_trainer *tr, const enf__slope *slope, double rate,
                        double norm) {
  const enf_opts *o = tr->options;
  const double clip = enf__opts_real(o, ENF__OPT_TRAIN_CLIP);
  if (slope->found)
    return learn_found(ctx, tr, slope);
  if (!isfinite(slope->loss) || !isfinite(norm)) {
    tr->counters[ENF__SKIPPED]++;
    return ENF_OK;
  }
  const bool clipped = clip > 0 && norm > clip;
  const enf__update update = {.rate = rate,
                              .shrink = clipped ? clip / norm : 1,
                              .weight_decay = enf__opts_real(o, ENF__OPT_TRAIN_WEIGHT_DECAY),
                              .ema = enf__opts_real(o, ENF__OPT_TRAIN_EMA)};
  tr->counters[ENF__CLIPPED] += clipped;
  const enf_status status =
      enf__optimiser_update(ctx, &tr->optimiser, &update, slope->gradients, tr->work->params.value);
  copy_fixed(&tr->work->params, tr->flow->params.value, tr->work->params.value);
  copy_fixed(&tr->work->params, tr->flow->params.value, tr->optimiser.average);
  return status == ENF_OK ? enf__parallel_for(ctx, 2, renew, tr, 0, 0) : status;
}

enf_status enf__step_check(enf_ctx *ctx, const enf_trainer *tr, const enf_step_info *info) {
  const enf_status status = enf__trainer_check(ctx, tr);
  if (status != ENF_OK || !info)
    return status;
  /* the size of its first version */
  return enf__struct_check(ctx, "info", info, ENF__SIZE_TO(enf_step_info, clipped),
                           "ENF_STEP_INFO_INIT");
}

static enf_status check_step(enf_ctx *ctx, const enf_trainer *tr, rows *r,
                             const enf_step_info *info) {
  const size_t most = INT32_MAX;
  enf_status status = enf__step_check(ctx, tr, info);
  if (status != ENF_OK)
    return status;
  if (r->n == 0 || r->n > most)
    return enf__fail(ctx, ENF_ERR_ARG, "a step takes 1 to %zu rows, not %zu", most, r->n);
  const enf__objective *objective = enf__trainer_objective(tr);
  char name[32];
  if (!r->x && objective->needs_data)
    return enf__fail(ctx, ENF_ERR_ARG, "x is NULL: train.objective %s needs data",
                     enf__opts_print(tr->options, ENF__OPT_TRAIN_OBJECTIVE, name));
  if (r->logw && tr->reduce.fn)
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                     "rows with weights do not go with a reduce function: a rank does not know the "
                     "weights of the others");
  if (r->logw && !objective->needs_data)
    return enf__fail(ctx, ENF_ERR_ARG, "train.objective %s takes no rows that logw could weigh",
                     enf__opts_print(tr->options, ENF__OPT_TRAIN_OBJECTIVE, name));
  if (r->temperature && !objective->needs_data)
    return enf__fail(ctx, ENF_ERR_ARG,
                     "train.objective %s takes no rows that could have temperatures",
                     enf__opts_print(tr->options, ENF__OPT_TRAIN_OBJECTIVE, name));
  if (!tr->energy && objective->needs_energy)
    return enf__fail(ctx, ENF_ERR_STATE,
                     "train.objective %s needs an energy: call enf_trainer_set_energy first",
                     enf__opts_print(tr->options, ENF__OPT_TRAIN_OBJECTIVE, name));
  status = enf__ranks_check(ctx, tr, r->n);
  if (status != ENF_OK)
    return status;
  if (r->logw)
    status = enf__weights_check(ctx, r->n, r->logw, &r->top, &r->left);
  if (status != ENF_OK || !objective->needs_data)
    return status;
  status = check_temperatures(ctx, tr, r);
  if (status != ENF_OK)
    return status;
  return check_rows(ctx, r, enf__space_host(&tr->flow->space));
}

/* Of the rows that have weight, all in the objective's mean, or as many as there were. */
static size_t rows_of_batch(const enf_trainer *tr, const rows *r) {
  return r->logw && enf__trainer_objective(tr)->weighs ? r->left : r->n;
}

static enf_status reserve(enf_ctx *ctx, const enf_trainer *tr, const rows *r,
                          const enf__batch *batch) {
  const enf__objective *objective = enf__trainer_objective(tr);
  enf__arena count = {0};
  if (r->logw || objective->has_pool) {
    ENF__TAKE(&count, double, batch->n *enf__space_host(&batch->flow->space));
    ENF__TAKE(&count, double, batch->n);
  }
  ENF__TAKE(&count, double, batch->n *enf__space_state(&batch->flow->space));
  ENF__TAKE(&count, double, batch->n);
  ENF__TAKE(&count, double, r->temperature ? 2 * batch->n : 0);
  ENF__TAKE(&count, double, enf__flow_fit_doubles(batch->flow, batch->n));
  ENF__TAKE(&count, double, batch->flow->params.size);
  if (tr->reduce.fn)
    enf__arena_take(&count, enf__ranks_bytes(tr, batch));
  const size_t call =
      count.used + objective->call_bytes(batch) + enf__gradient_bytes(tr->optimiser.params);
  const size_t loss = objective->worker_bytes(batch, &ctx->run);
  const size_t update = enf__optimiser_worker_bytes(&tr->optimiser);
  return enf__reserve(ctx, call, loss > update ? loss : update);
}

static double progress_of(const enf_trainer *tr) {
  const double steps = (double)enf__opts_int(tr->options, ENF__OPT_TRAIN_STEPS);
  return fmin(1, (double)tr->counters[ENF__STEP] / steps);
}

/* The temperatures of the rows that have weight, if rows have any of their own. */
static const double *temperatures_of(enf_ctx *ctx, const rows *r, const enf__batch *batch) {
  if (!r->temperature || !r->logw)
    return r->temperature;
  double *kept = ENF__TAKE(&ctx->arena, double, 2 * batch->n);
  enf__weighted_keep(&(enf__weighted){r->n, 1, r->temperature, r->logw, r->top}, kept,
                     kept + batch->n);
  return kept;
}

/* The rows that weights make of the host's. */
static const double *weigh_rows(enf_ctx *ctx, const enf_trainer *tr, const rows *r,
                                enf__batch *batch) {
  const enf__weighted all = {r->n, enf__space_host(&tr->work->space), r->x, r->logw, r->top};
  double *x = ENF__TAKE(&ctx->arena, double, batch->n *all.dim), offset;
  if (enf__trainer_objective(tr)->weighs) {
    double *weight = ENF__TAKE(&ctx->arena, double, batch->n);
    enf__weighted_keep(&all, x, weight);
    batch->weight = weight;
  } else {
    enf__random_uniform(enf__opts_seed(tr->options, ENF__OPT_TRAIN_SEED),
                        ENF__STREAM_TRAIN_RESAMPLE, batch->first, 1, &offset);
    enf__weighted_resample(&all, offset, batch->n, x);
  }
  return x;
}

static const double *rows_of_pool(enf_ctx *ctx, const enf_trainer *tr, const enf__batch *batch) {
  double *x = ENF__TAKE(&ctx->arena, double, batch->n *enf__space_host(&tr->work->space));
  enf__pool_rows(tr, batch->first, batch->n, x);
  return x;
}

/* The rows, if the objective takes any, in the flow's space. A scale that is still open is
   that of the host's; the flow gets it when the step is made. */
static enf_status fill_batch(enf_ctx *ctx, enf_trainer *tr, const rows *r, enf__batch *batch) {
  enf__space *space = &tr->work->space;
  const size_t n = batch->n, count = n * enf__space_state(space);
  space->scale = tr->flow->space.scale;
  const enf__objective *objective = enf__trainer_objective(tr);
  if (!objective->needs_data && !objective->has_pool)
    return ENF_OK;
  const double *x = objective->has_pool ? rows_of_pool(ctx, tr, batch)
                    : r->logw           ? weigh_rows(ctx, tr, r, batch)
                                        : r->x;
  const double *temperature = temperatures_of(ctx, r, batch);
  const enf__place at = {enf__opts_seed(tr->options, ENF__OPT_TRAIN_SEED), batch->first};
  double *state = ENF__TAKE(&ctx->arena, double, count);
  double *volume = ENF__TAKE(&ctx->arena, double, n);
  enter(space, at, n, x, temperature, state, volume);
  batch->x = state;
  batch->volume = volume;
  batch->host = x;
  if (tr->flow->scale_fixed || objective->has_pool)
    return ENF_OK;
  const enf_status status = enf__flow_fit(
      ctx, tr->work, n, x, ENF__TAKE(&ctx->arena, double, enf__flow_fit_doubles(tr->work, n)));
  if (status == ENF_OK)
    enter(space, at, n, x, temperature, state, volume);
  return status;
}

/* Loss and gradient, or what was found; meanwhile the host's callbacks may not use the trainer. */
static enf_status find_slope(enf_ctx *ctx, enf_trainer *tr, const enf__batch *batch,
                             enf__slope *slope, double *norm) {
  const enf__params *params = &tr->work->params;
  const enf__objective *objective = enf__trainer_objective(tr);
  enf_status status;
  tr->busy = true;
  *norm = 0;
  if (objective->find) {
    *slope = (enf__slope){.found = ENF__TAKE(&ctx->arena, double, params->size)};
    memcpy(slope->found, params->value, params->size * sizeof *slope->found);
    TRY(objective->find(ctx, batch, slope, slope->found));
    goto out;
  }
  if (tr->reduce.fn)
    TRY(enf__ranks_slope(ctx, tr, batch, slope));
  else
    TRY(objective->evaluate(ctx, batch, slope));
  slope->found = NULL;
  TRY(enf__gradient_sum(ctx, tr->optimiser.params, slope->buffers, slope->gradients, norm));
out:
  tr->busy = false;
  return status;
}

static void tell(const enf_trainer *tr, const enf__slope *slope, enf__stats *stats,
                 enf_step_info *info) {
  stats->failed = (double)slope->failed;
  stats->steps = (double)slope->steps;
  stats->velocities = (double)slope->evaluations;
  info->loss = slope->loss;
  info->step = tr->counters[ENF__STEP];
  info->evaluations = slope->evaluations;
  info->skipped = tr->counters[ENF__SKIPPED];
  info->capped = slope->capped + tr->pool.capped;
  info->clipped = tr->counters[ENF__CLIPPED];
  info->forces_clipped = slope->forces_clipped;
  info->temper = tr->pool.temper;
  info->pool_ess = tr->pool.ess;
}

/* What the first step has found is the flow's from now on. */
static void settle(enf_trainer *tr) {
  enf_flow *flow = tr->flow;
  if (flow->scale_fixed)
    return;
  flow->space.scale = tr->work->space.scale;
  flow->scale_fixed = true;
  copy_fixed(&flow->params, tr->work->params.value, flow->params.value);
  copy_fixed(&flow->params, tr->work->params.value, tr->optimiser.average);
  enf__flow_pack(flow);
}

/* Times that a batch goes along a flow; with mixtures, along any of them, at most. */
static size_t passes_of(const enf_trainer *tr) {
  const size_t parts = enf__flow_parts(tr->flow),
               beside = tr->mixture ? enf__flow_parts(tr->mixture) : 0;
  return enf__trainer_objective(tr)->passes * (parts + beside);
}

enf_status enf__step_end(enf_ctx *ctx, enf_trainer *tr, const enf__slope *slope, double norm,
                         size_t n, double started, enf_step_info *info) {
  enf_status status;
  uint64_t *counters = tr->counters;
  enf_step_info all = {.grad_norm = norm};
  all.lr = enf__learning_rate((int)enf__opts_int(tr->options, ENF__OPT_TRAIN_SCHEDULE),
                              enf__opts_real(tr->options, ENF__OPT_TRAIN_LR), counters[ENF__STEP],
                              (uint64_t)enf__opts_int(tr->options, ENF__OPT_TRAIN_STEPS));
  counters[ENF__STEP]++;
  counters[ENF__SAMPLES] += n;
  TRY(learn(ctx, tr, slope, all.lr, norm));
  tell(tr, slope, &ctx->stats, &all);
  all.seconds = ctx->stats.seconds = enf__seconds() - started;
  if (info)
    enf__struct_give(info, &all, sizeof all);
out:
  return status;
}

/* Rows of the batch on all ranks, for n on each. */
static size_t rows_of_ranks(const enf_trainer *tr, size_t n) {
  return tr->reduce.fn ? n * tr->reduce.ranks : n;
}

/* Parts of mixtures have samples at the temperature of the flow alone. */
static size_t rungs_of(const enf_trainer *tr) {
  return has_parts(tr) ? 0 : (size_t)enf__opts_int(tr->options, ENF__OPT_TRAIN_RUNGS);
}

static enf_status make_step(enf_ctx *ctx, enf_trainer *tr, rows r, enf_step_info *info) {
  enf_status status;
  const double started = enf__seconds();
  TRY(check_step(ctx, tr, &r, info));
  if (enf__trainer_objective(tr)->has_pool)
    TRY(enf__pool_renew(ctx, tr));
  enf__batch batch = {.options = tr->options,
                      .flow = tr->work,
                      .n = rows_of_batch(tr, &r),
                      .first = tr->counters[ENF__SAMPLES] + tr->reduce.rank * r.n,
                      .progress = progress_of(tr),
                      .passes = passes_of(tr),
                      .mixture = tr->mixture,
                      .share = tr->share,
                      .step = tr->counters[ENF__STEP],
                      .rungs = rungs_of(tr),
                      .place = tr->reduce.rank * r.n,
                      .whole = rows_of_ranks(tr, rows_of_batch(tr, &r)),
                      .energy = tr->energy,
                      .energy_user = tr->energy_user};
  enf__slope slope;
  double norm;
  TRY(reserve(ctx, tr, &r, &batch));
  TRY(fill_batch(ctx, tr, &r, &batch));
  TRY(find_slope(ctx, tr, &batch, &slope, &norm));
  settle(tr);
  tr->share = slope.share;
  TRY(enf__step_end(ctx, tr, &slope, norm, rows_of_ranks(tr, batch.n), started, info));
out:
  return status;
}

enf_status enf_train_step(enf_ctx *ctx, enf_trainer *tr, size_t n, const double *x,
                          enf_step_info *info) {
  ENF__ENTRY;
  const enf_status status = enf__enter(ctx);
  return status == ENF_OK ? make_step(ctx, tr, (rows){.n = n, .x = x}, info) : status;
}

enf_status enf_train_step_weighted(enf_ctx *ctx, enf_trainer *tr, size_t n, const double *x,
                                   const double *logw, enf_step_info *info) {
  ENF__ENTRY;
  const enf_status status = enf__enter(ctx);
  return status == ENF_OK ? make_step(ctx, tr, (rows){.n = n, .x = x, .logw = logw}, info) : status;
}

enf_status enf_train_step_tempered(enf_ctx *ctx, enf_trainer *tr, size_t n, const double *x,
                                   const double *temperature, const double *logw,
                                   enf_step_info *info) {
  ENF__ENTRY;
  const enf_status status = enf__enter(ctx);
  const rows r = {.n = n, .x = x, .logw = logw, .temperature = temperature};
  return status == ENF_OK ? make_step(ctx, tr, r, info) : status;
}
