/* fit_begin.c -- how a training begins: its plan, its memory, and what an earlier call has left in
   the files. */
#include "io/io.h"
#include "math/finite.h"
#include "train/fit.h"
#include <math.h>

static enf_status check_temperatures(const enf__fit *f) {
  const enf_fit_plan *p = &f->plan;
  const enf__ladder *ladder = &enf__fit_flow(f)->space.ladder;
  if (p->validation_temperature && enf__fit_flow(f)->parts)
    return enf__fail(f->ctx, ENF_ERR_UNSUPPORTED,
                     "validation_temperature is given, and a mixture is at one temperature");
  for (size_t i = 0; p->validation_temperature && i < p->held_out; i++)
    if (!enf__ladder_on(ladder) || !enf__ladder_holds(ladder, p->validation_temperature[i]))
      return enf__fail(f->ctx, ENF_ERR_RANGE,
                       "the temperature of row %zu of the validation is %g, the flow is for %g to %g",
                       i, p->validation_temperature[i], ladder->coldest, ladder->hottest);
  return ENF_OK;
}

static enf_status check_looks(const enf__fit *f) {
  const enf_fit_plan *p = &f->plan;
  enf_ctx *ctx = f->ctx;
  if (p->held_out > 0 && !p->validation)
    return enf__fail(ctx, ENF_ERR_ARG, "validation is NULL, but held_out is %zu", p->held_out);
  if (p->patience > 0 && f->looks.every == 0)
    return enf__fail(ctx, ENF_ERR_ARG, "patience is %llu, but there are no looks at a validation",
                     (unsigned long long)p->patience);
  if (f->looks.every > 0 && p->trainer_path && !(p->curve_path && p->flow_path))
    return enf__fail(ctx, ENF_ERR_ARG,
                     "%s_path is NULL: a trainer's file of a training with looks needs it beside",
                     p->flow_path ? "curve" : "flow");
  if (!enf__all_finite(p->held_out * enf__space_host(&enf__fit_flow(f)->space), p->validation))
    return enf__fail(ctx, ENF_ERR_NONFINITE, "the validation holds a number that is not finite");
  return check_temperatures(f);
}

static enf_status check_ranks(const enf__fit *f) {
  const size_t ranks = f->tr->reduce.ranks;
  if (f->tr->reduce.fn && f->plan.seconds > 0)
    return enf__fail(f->ctx, ENF_ERR_UNSUPPORTED,
                     "seconds is %g: with a reduce function no time is planned with, since the "
                     "clocks of ranks differ; the callback ends a training in time",
                     f->plan.seconds);
  if (f->tr->reduce.fn && f->batch % ranks != 0)
    return enf__fail(f->ctx, ENF_ERR_UNSUPPORTED,
                     "a batch of %zu rows is not to be divided among %zu ranks", f->batch, ranks);
  return ENF_OK;
}

static enf_status check_plan(const enf__fit *f, bool needs_data) {
  const enf_fit_plan *p = &f->plan;
  enf_ctx *ctx = f->ctx;
  if (needs_data && (f->n == 0 || !f->x))
    return enf__fail(ctx, ENF_ERR_ARG, "%s: the objective of the trainer needs data",
                     f->n == 0 ? "n is 0" : "x is NULL");
  if (p->steps > ENF__MOST_STEPS || f->batch > INT32_MAX)
    return enf__fail(ctx, ENF_ERR_RANGE, "a training has at most %llu steps of %d rows",
                     (unsigned long long)ENF__MOST_STEPS, INT32_MAX);
  if (!(p->seconds >= 0) || !(p->save_seconds >= 0))
    return enf__fail(ctx, ENF_ERR_RANGE, "%s is %g, and below 0 or no number",
                     p->seconds >= 0 ? "save_seconds" : "seconds",
                     p->seconds >= 0 ? p->save_seconds : p->seconds);
  const enf_status status = check_ranks(f);
  return status == ENF_OK ? check_looks(f) : status;
}

static void layout(enf__fit *f, bool needs_data, enf__arena *arena) {
  const enf_flow *flow = enf__fit_flow(f);
  if (needs_data) {
    f->rows = ENF__TAKE(arena, size_t, f->batch);
    f->rows_logw = f->plan.logw ? ENF__TAKE(arena, double, f->batch) : NULL;
    f->rows_temperature = f->plan.temperature ? ENF__TAKE(arena, double, f->batch) : NULL;
    f->rows_x = ENF__TAKE(arena, double, f->batch *enf__space_host(&flow->space));
  }
  f->kept = ENF__TAKE(arena, double, flow->params.size);
  f->looks.kept = ENF__TAKE(arena, double, f->looks.n);
  f->looks.now = ENF__TAKE(arena, double, f->looks.n);
  enf__guard_layout(&f->guard, flow, arena);
}

static enf_status reserve(enf__fit *f, bool needs_data) {
  enf__arena count = {0};
  layout(f, needs_data, &count);
  if (!enf__arena_reserve(&f->ctx->alloc, &f->memory, count.used))
    return enf__fail(f->ctx, ENF_ERR_NOMEM, "no memory for a training of %zu bytes", count.used);
  layout(f, needs_data, &f->memory);
  return ENF_OK;
}

/* The flow that was kept is in its file, unless the process died on the way there: then it is the
   trainer's. */
static enf_status recall_kept(enf__fit *f) {
  const char *path = f->plan.flow_path;
  const bool trainers = f->looks.kept_step == f->first;
  enf_flow *kept = NULL;
  enf_status status = ENF_OK;
  if (trainers && enf__fit_writes(f))
    TRY(enf_save(f->ctx, enf__fit_flow(f), path));
  if (trainers)
    TRY(enf_copy(f->ctx, &kept, enf__fit_flow(f)));
  else
    TRY(enf_load(f->ctx, &kept, path));
  if (kept->params.size != enf__fit_flow(f)->params.size)
    TRY(enf__fail(f->ctx, ENF_ERR_SHAPE, "%s is not the flow of this training",
                  enf__file_name(path)));
  enf__weights_take(kept, f->kept);
  TRY(enf__fit_look(f, kept, NULL));
  if (f->asked)
    TRY(enf__fail(f->ctx, ENF_ERR_CANCELLED, "stopped before the first step"));
out:
  enf_destroy(kept);
  return status;
}

static enf_status recall(enf__fit *f) {
  enf_status status;
  TRY(enf__curve_read(f->ctx, &f->curve, f->plan.curve_path, f->first));
  f->before = f->curve.n > 0 ? f->curve.point[f->curve.n - 1].seconds : 0;
  if (f->curve.looked && f->looks.every == 0)
    TRY(enf__fail(f->ctx, ENF_ERR_STATE,
                  "the training looked at a validation so far: it is needed again"));
  for (size_t i = 0; i < f->curve.n; i++)
    if (f->curve.point[i].looked)
      enf__look_count(&f->looks, &f->curve.point[i].look);
  f->no_gain = enf__look_is_enough(&f->looks);
  if (f->curve.looked)
    TRY(recall_kept(f));
out:
  return status;
}

static enf_status make_ready(enf__fit *f) {
  const enf_opts *options = f->tr->options;
  const uint64_t planned = (uint64_t)enf__opts_int(options, ENF__OPT_TRAIN_STEPS);
  enf_status status = ENF_OK;
  f->budget = f->plan.seconds > 0 ? f->plan.seconds : (double)INFINITY;
  f->timed = f->plan.seconds > 0 && f->plan.steps == 0;
  f->first = f->info.step = f->tr->counters[ENF__STEP];
  f->info.skipped = f->tr->counters[ENF__SKIPPED];
  f->info.clipped = f->tr->counters[ENF__CLIPPED];
  f->goal = f->plan.steps > 0          ? f->plan.steps
            : f->timed && f->first > 0 ? ENF__MOST_STEPS
                                       : planned;
  f->saved = f->plan.resume;
  enf__curve_plan(&f->curve, planned);
  if (f->first > 0)
    enf__trainer_publish(f->tr);
  if (f->rows_x)
    TRY(enf_trainer_data(f->ctx, f->tr, f->n, f->x));
  if (f->plan.resume && f->plan.curve_path)
    TRY(recall(f));
  TRY(enf__guard_look(f->ctx, &f->guard, enf__fit_flow(f), f->first));
out:
  return status;
}

static enf_status take_plan(enf__fit *f, const enf_fit_plan *plan) {
  const enf_fit_plan fallback = ENF_FIT_PLAN_INIT;
  enf_status status;
  bool needs_data;
  f->plan = fallback;
  if (plan) {
    TRY(enf__struct_check(f->ctx, "plan", plan, ENF__SIZE_TO(enf_fit_plan, logw),
                          "ENF_FIT_PLAN_INIT"));
    enf__struct_take(&f->plan, plan, sizeof f->plan);
  }
  f->batch =
      f->plan.batch ? f->plan.batch : (size_t)enf__opts_int(f->tr->options, ENF__OPT_TRAIN_BATCH);
  f->part = f->batch / (f->tr->reduce.fn ? f->tr->reduce.ranks : 1);
  f->looks.n = f->plan.held_out;
  f->looks.x = f->plan.validation;
  f->looks.temperature = f->plan.validation_temperature;
  f->looks.every = f->plan.held_out > 0 ? f->plan.look_every : 0;
  f->looks.patience = f->plan.patience;
  needs_data = enf__trainer_objective(f->tr)->needs_data;
  f->guard.n = f->n;
  f->guard.x = f->x;
  TRY(check_plan(f, needs_data));
  TRY(reserve(f, needs_data));
out:
  return status;
}

enf_status enf__fit_begin(enf__fit *f, const enf_fit_plan *plan) {
  const enf_status status = take_plan(f, plan);
  return status == ENF_OK ? make_ready(f) : status;
}
