/* fit.c -- enf_fit: a whole training, with a time budget, looks at a validation, files and an end.

   Whatever moment the process dies at, the saved files go on bit for bit: loading the trainer also
   sets the flow's weights. Training seconds are the wall time of steps and of looks at the
   validation; saving is not counted. With a time budget and no number of steps the schedule is set
   again from the rate so far,

     steps = done + rate * time left,

   some 200 times, so that it ends with the budget however the machine's load changes. */
#include "train/fit.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_PLAN = 100 /* steps */, PLANS = 200 };

/* ---- files ----------------------------------------------------------------------------------- */

/* In this order: rows of the curve behind the trainer's step are forgotten on resuming, and where
   the flow of a look at the trainer's step is not in its file, the trainer has it. A trainer's
   first file comes after one of its flow. A flow that is no good leaves the files as they are. */
static enf_status save(enf__fit *f, bool with_flow) {
  const enf_fit_plan *p = &f->plan;
  const bool writes = enf__fit_writes(f);
  enf_status status = ENF_OK;
  if (p->curve_path && writes)
    TRY(enf__curve_write(f->ctx, &f->curve, p->curve_path));
  TRY(enf__guard_look(f->ctx, &f->guard, enf__fit_flow(f), f->info.step));
  if (!f->guard.fine)
    return ENF_OK;
  if (p->flow_path && writes && !f->saved)
    TRY(enf_save(f->ctx, enf__fit_flow(f), p->flow_path));
  if (p->trainer_path && writes)
    TRY(enf_trainer_save(f->ctx, f->tr, p->trainer_path));
  if (p->flow_path && writes && f->saved && with_flow)
    TRY(enf_save(f->ctx, enf__fit_flow(f), p->flow_path));
  f->saved = true;
out:
  return status;
}

/* The flow is saved with the looks that keep it, once there are any. Ranks do not go by their
   clocks, which differ, but by the callback alone. */
static enf_status save_in_time(enf__fit *f) {
  const bool due = !f->tr->reduce.fn && enf__seconds() - f->saved_at > f->plan.save_seconds;
  if (!f->save_now && !due)
    return ENF_OK;
  f->save_now = false;
  const enf_status status = save(f, f->looks.count == 0);
  f->saved_at = enf__seconds();
  return status == ENF_OK
             ? enf__fit_tell(f, (enf_fit_event){.what = ENF_FIT_SAVE, .saved = f->guard.fine})
             : status;
}

/* ---- looks ----------------------------------------------------------------------------------- */

/* A flow to be kept is saved at once. */
static enf_status take_look(enf__fit *f) {
  enf__look look = {.step = f->info.step};
  const double start = enf__seconds();
  enf_status status;
  TRY(enf__fit_look(f, NULL, &look));
  f->spent += enf__seconds() - start;
  if (f->asked)
    return ENF_OK;
  const bool keep = enf__look_count(&f->looks, &look);
  f->no_gain = enf__look_is_enough(&f->looks);
  if (keep)
    enf__weights_take(enf__fit_flow(f), f->kept);
  TRY(enf__curve_look(f->ctx, &f->curve, &look, look.step * f->batch, f->before + f->spent));
  TRY(enf__fit_tell(f, (enf_fit_event){.what = ENF_FIT_LOOK,
                                       .kept = keep,
                                       .nll = look.nll,
                                       .nll_err = look.nll_err,
                                       .gain = look.gain,
                                       .gain_err = look.gain_err}));
  if (keep)
    TRY(save(f, true));
out:
  return status;
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* Of ranks each takes its part of the batch. */
static enf_status fill_batch(enf__fit *f) {
  const size_t width = enf__space_host(&enf__fit_flow(f)->space);
  if (!f->rows_x)
    return ENF_OK;
  const enf_status status = enf_trainer_rows(f->tr, f->n, f->batch, f->rows);
  const size_t *rows = f->rows + (f->tr->reduce.fn ? f->tr->reduce.rank * f->part : 0);
  for (size_t i = 0; i < f->part && status == ENF_OK; i++) {
    memcpy(f->rows_x + i * width, f->x + rows[i] * width, width * sizeof(double));
    if (f->rows_logw)
      f->rows_logw[i] = f->plan.logw[rows[i]];
    if (f->rows_temperature)
      f->rows_temperature[i] = f->plan.temperature[rows[i]];
  }
  return status;
}

static enf_status step(enf__fit *f) {
  const uint64_t skipped = f->info.skipped;
  enf_status status;
  TRY(fill_batch(f));
  TRY(enf_train_step_tempered(f->ctx, f->tr, f->part, f->rows_x, f->rows_temperature, f->rows_logw,
                              &f->info));
  enf__guard_count(&f->guard, f->info.skipped > skipped);
out:
  return status;
}

/* The first planning does not wait for its share of the time: a two-hundredth of a long budget may
   hold all steps of the default. */
static void replan(enf__fit *f) {
  const uint64_t done = f->info.step - f->first;
  const double left = f->budget - f->spent;
  const bool due = f->spent - f->planned_at >= f->budget / PLANS;
  if (!f->timed || left <= 0 || !(due || done == FIRST_PLAN))
    return;
  const double steps = (double)f->info.step + fmax((double)done / f->spent * left, 1);
  f->goal = (uint64_t)fmin(steps, (double)ENF__MOST_STEPS);
  f->planned_at = f->spent;
  enf_trainer_set_steps(f->tr, f->goal);
  enf__curve_plan(&f->curve, f->goal);
}

static enf_status one_step(enf__fit *f) {
  const double start = enf__seconds();
  enf_status status;
  TRY(step(f));
  f->spent += enf__seconds() - start;
  if (enf__guard_is_due(&f->guard, f->info.step))
    TRY(enf__guard_look(f->ctx, &f->guard, enf__fit_flow(f), f->info.step));
  replan(f);
  TRY(enf__curve_add(f->ctx, &f->curve, &f->info, f->info.step * f->batch, f->before + f->spent));
  TRY(enf__fit_tell(f, (enf_fit_event){.what = ENF_FIT_STEP}));
out:
  return status;
}

static bool finished(const enf__fit *f) {
  return f->no_gain || f->info.step >= f->goal || (f->timed && f->spent >= f->budget);
}

static bool goes_on(const enf__fit *f) {
  return f->info.step < f->goal && f->spent < f->budget && !f->no_gain && !f->asked &&
         !enf__guard_gives_up(&f->guard);
}

/* Due looks come first: one that a killed process owes, and that before the first step. */
static enf_status look_and_step(enf__fit *f) {
  const bool begun = f->info.step > 0 || f->plan.look_first;
  enf_status status = ENF_OK;
  if (begun && enf__look_is_due(&f->looks, f->info.step, finished(f)))
    TRY(take_look(f));
  if (goes_on(f))
    TRY(one_step(f));
out:
  return status;
}

/* ---- the end --------------------------------------------------------------------------------- */

static bool validation_keeps(const enf__fit *f) { return f->saved && f->looks.count > 0; }

/* Of a training that failed the last good flow is kept, unless the validation has kept one; what an
   earlier training left of its own state has nothing to do with that flow. */
static enf_status keep_good(enf__fit *f) {
  if (!f->guard.has_good || validation_keeps(f))
    return ENF_OK;
  enf__weights_give(enf__fit_flow(f), f->guard.good);
  if (!enf__fit_writes(f))
    return ENF_OK;
  if (!f->saved && f->plan.trainer_path)
    remove(f->plan.trainer_path);
  return f->plan.flow_path ? enf_save(f->ctx, enf__fit_flow(f), f->plan.flow_path) : ENF_OK;
}

static enf_status conclude(enf__fit *f) {
  const bool stuck = enf__guard_is_stuck(&f->guard);
  enf_status status = ENF_OK;
  if (stuck || !f->guard.fine) {
    f->fault = stuck ? ENF_FIT_SKIPPING : ENF_FIT_NO_DENSITY;
    TRY(keep_good(f));
  }
  if (validation_keeps(f))
    enf__weights_give(enf__fit_flow(f), f->kept);
  if (f->fault)
    status = enf__fail(
        f->ctx, ENF_ERR_NONFINITE, "the training failed at step %llu of %llu: %s (%llu of %llu)",
        (unsigned long long)f->info.step, (unsigned long long)f->goal,
        stuck ? "most steps were skipped, since their loss or gradient was not finite"
              : "its flow can score no configuration",
        (unsigned long long)f->guard.skipped, (unsigned long long)f->guard.steps);
out:
  return status;
}

static enf_status run(enf__fit *f) {
  enf_status status;
  TRY(enf__fit_tell(f, (enf_fit_event){.what = ENF_FIT_BEGIN}));
  f->saved_at = enf__seconds();
  while (goes_on(f)) {
    TRY(look_and_step(f));
    TRY(save_in_time(f));
  }
  if (!f->asked && !enf__guard_gives_up(&f->guard))
    TRY(look_and_step(f));
  if (f->info.step == 0 && !f->saved)
    return ENF_OK;
  TRY(save(f, f->looks.count == 0));
  TRY(conclude(f));
out:
  return status;
}

static int32_t why(const enf__fit *f, enf_status status) {
  if (f->fault || status != ENF_OK)
    return f->fault;
  if (f->no_gain)
    return ENF_FIT_NO_GAIN;
  return finished(f) ? ENF_FIT_FINISHED : f->asked ? ENF_FIT_ASKED : ENF_FIT_TIME_UP;
}

static uint64_t kept_step(const enf__fit *f) {
  if (validation_keeps(f))
    return f->looks.kept_step;
  return f->fault ? f->guard.good_step : f->info.step;
}

static void fill_report(const enf__fit *f, enf_status status, enf_fit_report *report) {
  const enf_fit_plan *p = &f->plan;
  const enf_fit_report all = {.ended = why(f, status),
                              .saved = f->saved && (p->flow_path || p->trainer_path),
                              .kept = !f->fault || f->guard.has_good || validation_keeps(f),
                              .first = f->first,
                              .step = f->info.step,
                              .goal = f->goal,
                              .kept_step = kept_step(f),
                              .looks = f->looks.count,
                              .skipped = f->guard.skipped,
                              .loss = f->curve.smoothed,
                              .seconds = f->spent,
                              .seconds_before = f->before};
  if (report)
    enf__struct_give(report, &all, sizeof all);
}

enf_status enf_fit(enf_ctx *ctx, enf_trainer *tr, size_t n, const double *x,
                   const enf_fit_plan *plan, enf_fit_fn fn, void *user, enf_fit_report *report) {
  ENF__ENTRY;
  enf__fit f = {.ctx = ctx,
                .tr = tr,
                .n = x ? n : 0,
                .x = x,
                .fn = fn,
                .user = user,
                .info = ENF_STEP_INFO_INIT};
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  if (report)
    status = enf__struct_check(ctx, "report", report, ENF__SIZE_TO(enf_fit_report, seconds_before),
                               "ENF_FIT_REPORT_INIT");
  if (status != ENF_OK)
    return status;
  TRY(enf__trainer_check(ctx, tr));
  TRY(enf__fit_begin(&f, plan));
  TRY(run(&f));
  ctx->errmsg[0] = '\0';
out:
  fill_report(&f, status, report);
  enf__curve_free(ctx, &f.curve);
  enf__arena_free(&ctx->alloc, &f.memory);
  return status;
}
