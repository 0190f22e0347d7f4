/* trainer.c -- enf_trainer: the working weights, and one step after another.

   A step is all or nothing: what it computes stays in the context's memory until the gradient is
   there, so a refused batch or a cancelled step leaves trainer and flow as they were. A step whose
   loss or gradient is not finite counts (schedule and random numbers go on) but changes no weight.
   In steady state, the same number of rows again, nothing is allocated.

   The data scale of a fresh flow is fixed by its first step: the RMS of all mean-free coordinates
   of the batch, to two significant digits. */
#include "core/parallel.h"
#include "core/random.h"
#include "math/finite.h"
#include "train/train.h"
#include <math.h>
#include <string.h>

static const enf__objective *const objectives[] = {
    [ENF__OBJECTIVE_FLOW_MATCHING] = &enf__flow_matching,
    [ENF__OBJECTIVE_LIKELIHOOD] = &enf__likelihood,
    [ENF__OBJECTIVE_ENERGY] = &enf__energy_objective,
    [ENF__OBJECTIVE_MIXED] = &enf__mixed,
    [ENF__OBJECTIVE_PATH_GRADIENT] = &enf__path_gradient};
ENF__ROW_FOR_EVERY(ENF__OBJECTIVES, objectives);

static const enf__objective *objective_of(const enf_trainer *tr) {
  return objectives[enf__opts_int(tr->options, ENF__OPT_TRAIN_OBJECTIVE)];
}

/* ---- create and destroy -------------------------------------------------------------------- */

/* Options that only go together with others. */
static enf_status check_options(enf_ctx *ctx, const enf_opts *opts) {
  static const enf__opt penalties[] = {ENF__OPT_TRAIN_KINETIC, ENF__OPT_TRAIN_FROBENIUS};
  const bool matching =
      enf__opts_int(opts, ENF__OPT_TRAIN_OBJECTIVE) == ENF__OBJECTIVE_FLOW_MATCHING;
  for (size_t i = 0; i < 2; i++)
    if (matching && enf__opts_real(opts, penalties[i]) > 0)
      return enf__fail(ctx, ENF_ERR_OPTION,
                       "%s is %g, but train.objective flow-matching follows no paths: only "
                       "objectives on the density have it",
                       enf__opts_name(penalties[i]), enf__opts_real(opts, penalties[i]));
  const double frobenius = enf__opts_real(opts, ENF__OPT_TRAIN_FROBENIUS);
  if (frobenius > 0 && enf__opts_int(opts, ENF__OPT_TRAIN_TRACE) != ENF__HUTCHINSON)
    return enf__fail(
        ctx, ENF_ERR_OPTION,
        "train.frobenius is %g, but train.trace exact has no probes to estimate it: set "
        "train.trace hutchinson",
        frobenius);
  return ENF_OK;
}

/* auto: where other axes pay for every tensor. */
bool enf__trainer_uses_soap(const enf_opts *opts, const enf__params *params) {
  const int64_t kind = enf__opts_int(opts, ENF__OPT_TRAIN_OPTIMIZER);
  bool fits = true;
  for (size_t i = 0; i < params->count; i++)
    fits = fits && (params->tensor[i].turns || params->tensor[i].fixed);
  return kind == ENF__OPTIMIZER_AUTO ? fits : kind == ENF__SOAP;
}

/* A flow of its own with the flow's weights. */
static enf_status copy_flow(enf_ctx *ctx, enf_trainer *tr) {
  const enf_flow *flow = tr->flow;
  const enf_status status = enf__flow_make(ctx, &tr->work, flow->options, flow->by_number);
  if (status != ENF_OK)
    return status;
  memcpy(tr->work->params.value, flow->params.value, flow->params.size * sizeof(double));
  enf__flow_pack(tr->work);
  return ENF_OK;
}

enf_status enf__trainer_make(enf_ctx *ctx, enf_trainer **out, enf_flow *flow,
                             const enf_opts *opts) {
  enf_status status;
  enf_trainer *tr = enf__alloc(&ctx->alloc, sizeof *tr);
  if (!tr)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a trainer");
  *tr = (enf_trainer){.magic = ENF__MAGIC_TRAINER, .alloc = ctx->alloc, .flow = flow};
  TRY(enf__opts_copy(ctx, &tr->alloc, &tr->options, opts));
  TRY(check_options(ctx, tr->options));
  TRY(copy_flow(ctx, tr));
  TRY(enf__optimiser_create(ctx, &tr->optimiser, &tr->work->params,
                            enf__trainer_uses_soap(tr->options, &tr->work->params)));
  *out = tr;
out:
  if (status != ENF_OK)
    enf_trainer_destroy(tr);
  return status;
}

enf_status enf_trainer_create(enf_ctx *ctx, enf_trainer **tr, enf_flow *flow,
                              const enf_opts *opts) {
  ENF__ENTRY;
  enf_status status;
  if (tr)
    *tr = NULL;
  TRY(enf__enter(ctx));
  if (!tr)
    return enf__fail(ctx, ENF_ERR_ARG, "tr is NULL: there is nowhere to put the trainer");
  TRY(enf__flow_check(ctx, flow));
  TRY(enf__opts_check(ctx, opts));
  TRY(enf__trainer_make(ctx, tr, flow, opts));
out:
  return status;
}

void enf_trainer_destroy(enf_trainer *tr) {
  ENF__ENTRY;
  if (!tr || tr->magic != ENF__MAGIC_TRAINER || tr->busy)
    return;
  const enf_alloc alloc = tr->alloc;
  enf__optimiser_free(&tr->optimiser);
  enf_destroy(tr->work);
  enf_opts_destroy(tr->options);
  tr->magic = 0;
  enf__free(&alloc, tr);
}

enf_status enf__trainer_check(enf_ctx *ctx, const enf_trainer *tr) {
  if (!tr || tr->magic != ENF__MAGIC_TRAINER)
    return enf__fail(ctx, ENF_ERR_ARG, "the trainer is %s", tr ? "not a trainer" : "NULL");
  if (tr->busy)
    return enf__fail(ctx, ENF_ERR_STATE, "a callback may not use the trainer whose step it is in");
  return ENF_OK;
}

/* ---- what it says about itself ------------------------------------------------------------- */

enf_status enf_trainer_get_int(const enf_trainer *tr, const char *name, int64_t *value) {
  ENF__ENTRY;
  const enf_status status = enf__trainer_check(NULL, tr);
  if (status != ENF_OK || !name || !value)
    return status != ENF_OK ? status : ENF_ERR_ARG;
  const struct {
    const char *name;
    int64_t value;
  } known[] = {{"step", (int64_t)tr->counters[ENF__STEP]},
               {"steps", enf__opts_int(tr->options, ENF__OPT_TRAIN_STEPS)},
               {"batch", enf__opts_int(tr->options, ENF__OPT_TRAIN_BATCH)},
               {"objective", enf__opts_int(tr->options, ENF__OPT_TRAIN_OBJECTIVE)},
               {"skipped", (int64_t)tr->counters[ENF__SKIPPED]},
               {"clipped", (int64_t)tr->counters[ENF__CLIPPED]}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(name, known[i].name) == 0) {
      *value = known[i].value;
      return ENF_OK;
    }
  return ENF_ERR_ARG;
}

enf_status enf_trainer_set_steps(enf_trainer *tr, uint64_t steps) {
  ENF__ENTRY;
  const enf_status status = enf__trainer_check(NULL, tr);
  if (status != ENF_OK)
    return status;
  const int64_t value = steps <= INT64_MAX ? (int64_t)steps : INT64_MAX;
  return enf_opts_set_int(tr->options, enf__opts_name(ENF__OPT_TRAIN_STEPS), value);
}

/* A built-in energy knows its shape; a host's own is believed. */
static enf_status check_builtin(const enf_trainer *tr, const enf_energy *energy) {
  int64_t N, D;
  enf_status status;
  TRY(enf_energy_get_int(energy, "particles", &N));
  TRY(enf_energy_get_int(energy, "dimensions", &D));
  const enf__shape *shape = &tr->flow->space.shape;
  if ((size_t)N != shape->particles || (size_t)D != shape->dimensions)
    return ENF_ERR_SHAPE;
out:
  return status;
}

enf_status enf_trainer_set_energy(enf_trainer *tr, enf_energy_fn fn, void *user) {
  ENF__ENTRY;
  enf_status status;
  TRY(enf__trainer_check(NULL, tr));
  if (fn == enf_energy_eval)
    TRY(check_builtin(tr, user));
  tr->energy = fn;
  tr->energy_user = user;
out:
  return status;
}

enf_status enf_trainer_rows(const enf_trainer *tr, size_t total, size_t n, size_t *rows) {
  ENF__ENTRY;
  const enf_status status = enf__trainer_check(NULL, tr);
  if (status != ENF_OK || total == 0 || (n > 0 && !rows))
    return status != ENF_OK ? status : ENF_ERR_ARG;
  const uint64_t seed = enf__opts_seed(tr->options, ENF__OPT_TRAIN_SEED);
  for (size_t i = 0; i < n; i++) {
    const uint64_t place = tr->counters[ENF__STEP] * n + i;
    rows[i] = (size_t)enf__random_permute(seed, ENF__STREAM_TRAIN_ROWS, place / total, total,
                                          place % total);
  }
  return ENF_OK;
}

/* ---- the batch ----------------------------------------------------------------------------- */

static enf_status check_rows(enf_ctx *ctx, size_t n, size_t dim, const double *x) {
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < dim; k++)
      if (!isfinite(x[i * dim + k]))
        return enf__fail(ctx, ENF_ERR_NONFINITE, "row %zu of the batch holds %g; no step was made",
                         i, x[i * dim + k]);
  return ENF_OK;
}

/* x (n,N,D) of the host -> its states and their log-volumes; NaN for rows that have none. */
static void enter(const enf__space *space, size_t n, const double *x, double *state,
                  double *volume) {
  const size_t host = enf__space_host(space), size = enf__space_state(space);
  for (size_t i = 0; i < n; i++)
    if (space->ops->enter(space, x + i * host, state + i * size, NULL, volume + i).status != ENF_OK)
      enf__fill_nan(size, state + i * size);
}

/* ---- a step -------------------------------------------------------------------------------- */

void enf__trainer_publish(enf_trainer *tr) {
  enf__params *published = &tr->flow->params;
  memcpy(published->value, tr->optimiser.average, published->size * sizeof *published->value);
  enf__flow_pack(tr->flow);
}

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

/* The update, if loss and gradient are finite. */
static enf_status learn(enf_ctx *ctx, enf_trainer *tr, const enf__slope *slope, double rate,
                        double norm) {
  const enf_opts *o = tr->options;
  const double clip = enf__opts_real(o, ENF__OPT_TRAIN_CLIP);
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

static enf_status check_step(enf_ctx *ctx, const enf_trainer *tr, size_t n, const double *x,
                             const enf_step_info *info) {
  const size_t most = INT32_MAX;
  enf_status status = enf__trainer_check(ctx, tr);
  if (status != ENF_OK)
    return status;
  if (n == 0 || n > most)
    return enf__fail(ctx, ENF_ERR_ARG, "a step takes 1 to %zu rows, not %zu", most, n);
  const enf__objective *objective = objective_of(tr);
  char name[32];
  if (!x && objective->needs_data)
    return enf__fail(ctx, ENF_ERR_ARG, "x is NULL: train.objective %s needs data",
                     enf__opts_print(tr->options, ENF__OPT_TRAIN_OBJECTIVE, name));
  if (!tr->energy && objective->needs_energy)
    return enf__fail(ctx, ENF_ERR_STATE,
                     "train.objective %s needs an energy: call enf_trainer_set_energy first",
                     enf__opts_print(tr->options, ENF__OPT_TRAIN_OBJECTIVE, name));
  if (info) /* the size of its first version */
    status = enf__struct_check(ctx, "info", info, ENF__SIZE_TO(enf_step_info, clipped),
                               "ENF_STEP_INFO_INIT");
  if (status != ENF_OK || !objective->needs_data)
    return status;
  return check_rows(ctx, n, enf__space_host(&tr->flow->space), x);
}

static enf_status reserve(enf_ctx *ctx, const enf_trainer *tr, const enf__batch *batch) {
  const enf__objective *objective = objective_of(tr);
  enf__arena count = {0};
  ENF__TAKE(&count, double, batch->n *enf__space_state(&batch->flow->space));
  ENF__TAKE(&count, double, batch->n);
  ENF__TAKE(&count, double, enf__scale_doubles(&batch->flow->space, batch->n));
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

/* The host's rows, if the objective takes any, in the flow's space. A scale that is still open is
   theirs; the flow gets it when the step is made. */
static enf_status fill_batch(enf_ctx *ctx, enf_trainer *tr, const double *x, enf__batch *batch) {
  enf__space *space = &tr->work->space;
  const size_t n = batch->n, count = n * enf__space_state(space);
  space->scale = tr->flow->space.scale;
  if (!objective_of(tr)->needs_data)
    return ENF_OK;
  double *state = ENF__TAKE(&ctx->arena, double, count);
  double *volume = ENF__TAKE(&ctx->arena, double, n);
  enter(space, n, x, state, volume);
  batch->x = state;
  batch->volume = volume;
  if (tr->flow->scale_fixed)
    return ENF_OK;
  const enf_status status = enf__flow_fit(
      ctx, tr->work, n, x, ENF__TAKE(&ctx->arena, double, enf__scale_doubles(space, n)));
  if (status == ENF_OK)
    enter(space, n, x, state, volume);
  return status;
}

/* Loss and gradient; meanwhile the host's callbacks may not use the trainer. */
static enf_status find_slope(enf_ctx *ctx, enf_trainer *tr, const enf__batch *batch,
                             enf__slope *slope, double *norm) {
  enf_status status;
  tr->busy = true;
  TRY(objective_of(tr)->evaluate(ctx, batch, slope));
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
  info->capped = slope->capped;
  info->clipped = tr->counters[ENF__CLIPPED];
  info->forces_clipped = slope->forces_clipped;
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

enf_status enf_train_step(enf_ctx *ctx, enf_trainer *tr, size_t n, const double *x,
                          enf_step_info *info) {
  ENF__ENTRY;
  enf_status status;
  const double started = enf__seconds();
  TRY(enf__enter(ctx));
  TRY(check_step(ctx, tr, n, x, info));
  uint64_t *counters = tr->counters;
  enf__batch batch = {.options = tr->options,
                      .flow = tr->work,
                      .n = n,
                      .first = counters[ENF__SAMPLES],
                      .progress = progress_of(tr),
                      .passes = objective_of(tr)->passes,
                      .energy = tr->energy,
                      .energy_user = tr->energy_user};
  enf__slope slope;
  enf_step_info all = {0};
  TRY(reserve(ctx, tr, &batch));
  TRY(fill_batch(ctx, tr, x, &batch));
  TRY(find_slope(ctx, tr, &batch, &slope, &all.grad_norm));
  all.lr = enf__learning_rate((int)enf__opts_int(tr->options, ENF__OPT_TRAIN_SCHEDULE),
                              enf__opts_real(tr->options, ENF__OPT_TRAIN_LR), counters[ENF__STEP],
                              (uint64_t)enf__opts_int(tr->options, ENF__OPT_TRAIN_STEPS));
  settle(tr);
  counters[ENF__STEP]++;
  counters[ENF__SAMPLES] += n;
  TRY(learn(ctx, tr, &slope, all.lr, all.grad_norm));
  tell(tr, &slope, &ctx->stats, &all);
  all.seconds = ctx->stats.seconds = enf__seconds() - started;
  if (info)
    enf__struct_give(info, &all, sizeof all);
out:
  return status;
}
