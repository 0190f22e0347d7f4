/* train.c -- `enf train`: a flow from configurations, from an energy, or from both.

   Whatever moment the process dies at, the saved files go on bit for bit: loading the trainer also
   sets the flow's weights. Training seconds are the wall time of steps and of looks at the
   validation, the measuring of the rate included; saving, pictures and the NLL at the end are not
   counted. */
#include "train.h"
#include "progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double SAVE_SECONDS = 60;
enum { FIRST_PLAN = 100 /* steps */ };

/* ---- steps --------------------------------------------------------------------------------- */

static enf_status fill_batch(training *t) {
  const size_t width = t->N * t->D;
  if (t->x == NULL)
    return ENF_OK;
  const enf_status status = enf_trainer_rows(t->trainer, t->data.n, t->batch, t->rows);
  for (size_t i = 0; i < t->batch && status == ENF_OK; i++)
    memcpy(t->x + i * width, t->data.x + t->rows[i] * width, width * sizeof(double));
  return status;
}

static int step(training *t) {
  const uint64_t skipped = t->info.skipped;
  enf_status status = fill_batch(t);
  if (status == ENF_OK)
    status = enf_train_step(t->c->ctx, t->trainer, t->batch, t->x, &t->info);
  guard_count(&t->guard, t->info.skipped > skipped);
  t->capped += t->info.capped;
  t->forces_clipped += t->info.forces_clipped;
  return status == ENF_OK ? SUCCESS : cli_fail_status(t->c, status);
}

/* A time budget without --steps: set train.steps from the rate of this session so far, some 200
   times, so that the schedule ends with the budget however the machine's load changes. The first
   does not wait for that: a two-hundredth of a long budget may hold all steps of the default. */
static void plan(training *t) {
  const uint64_t done = t->info.step - t->first;
  const double left = t->budget - t->spent;
  const bool due = t->spent - t->planned_at >= t->budget / 200;
  if (!t->timed || left <= 0 || !(due || done == FIRST_PLAN))
    return;
  const double steps = (double)t->info.step + fmax((double)done / t->spent * left, 1);
  t->goal = (uint64_t)fmin(steps, 1e9);
  t->planned_at = t->spent;
  enf_trainer_set_steps(t->trainer, t->goal);
  curve_plan(&t->curve, t->goal);
}

/* In this order: rows of the curve behind the trainer's step are forgotten on --resume, and where
   the flow of a look at the trainer's step is not in its file, the trainer has it. A trainer's
   first file comes after one of its flow. A flow that is no good leaves the files as they are. */
static int save(training *t, bool with_flow) {
  enf_status status = ENF_OK;
  const int result = curve_write(&t->curve, t->csv_path);
  if (result != SUCCESS || !guard_look(&t->guard, t->flow, t->info.step))
    return result;
  if (!t->saved)
    status = enf_save(t->c->ctx, t->flow, t->c->value[FLAG_OUTPUT]);
  if (status == ENF_OK)
    status = enf_trainer_save(t->c->ctx, t->trainer, t->trainer_path);
  if (with_flow && t->saved && status == ENF_OK)
    status = enf_save(t->c->ctx, t->flow, t->c->value[FLAG_OUTPUT]);
  t->saved = true;
  return status == ENF_OK ? SUCCESS : cli_fail_status(t->c, status);
}

static double time_left(const training *t) {
  const double rate = (double)(t->info.step - t->first) / t->spent;
  return fmin((double)(t->goal - t->info.step) / rate, t->budget - t->spent);
}

static bool goes_on(const training *t) {
  return t->info.step < t->goal && t->spent < t->budget && !t->stopped && !interrupted() &&
         !guard_gives_up(&t->guard);
}

static int one_step(training *t) {
  const double start = cli_seconds();
  const int result = step(t);
  if (result != SUCCESS)
    return result;
  t->spent += cli_seconds() - start;
  if (guard_is_due(&t->guard, t->info.step))
    guard_look(&t->guard, t->flow, t->info.step);
  plan(t);
  return curve_add(&t->curve, &t->info, t->info.step * t->batch, t->before + t->spent);
}

/* A flow to be kept is saved at once; the flow is not saved otherwise, once there is a look. */
static int take_look(training *t) {
  look l = {.step = t->info.step};
  bool cancelled = false;
  const double start = cli_seconds();
  const int result = watch_look(t->c, &t->watch, t->flow, &l, &cancelled);
  t->spent += cli_seconds() - start;
  if (result != SUCCESS || cancelled)
    return result;
  const bool keep = watch_count(&t->watch, &l);
  watch_tell(t->c, &l, keep);
  t->stopped = watch_has_seen_enough(&t->watch);
  if (curve_look(&t->curve, &l, l.step * t->batch, t->before + t->spent) != SUCCESS)
    return FAILURE;
  return keep ? save(t, true) : SUCCESS;
}

/* Due looks come first: one that a killed session owes, and with --init that at its flow. */
static int look_and_step(training *t, progress *p) {
  const bool begun = t->info.step > 0 || cli_has(t->c, FLAG_INIT);
  int result = SUCCESS;
  if (begun && watch_is_due(&t->watch, t->info.step, training_finished(t))) {
    progress_end(p);
    result = take_look(t);
  }
  if (result == SUCCESS && goes_on(t))
    result = one_step(t);
  return result;
}

/* Of a training that failed the last good flow is kept, unless the validation has kept one; what an
   earlier training left of its own state has nothing to do with that flow. */
static int keep_good(training *t) {
  if (!guard_restore(&t->guard, t->flow) || (t->saved && t->watch.looks > 0))
    return SUCCESS;
  if (!t->saved)
    remove(t->trainer_path);
  const enf_status status = enf_save(t->c->ctx, t->flow, t->c->value[FLAG_OUTPUT]);
  return status == ENF_OK ? SUCCESS : cli_fail_status(t->c, status);
}

static int judge(training *t) {
  if (guard_is_stuck(&t->guard))
    t->fault = "most steps were skipped, since their loss or gradient was not finite";
  else if (!t->guard.fine)
    t->fault = "its flow can score no configuration";
  return t->fault != NULL ? keep_good(t) : SUCCESS;
}

static int run_steps(training *t) {
  double saved = cli_seconds();
  int result = SUCCESS;
  progress p = progress_begin(t->c, "training", "samples", t->first);
  while (result == SUCCESS && goes_on(t)) {
    result = look_and_step(t, &p);
    p.skipped = t->info.skipped;
    progress_show(&p, t->info.step, t->goal, (double)t->batch, t->curve.smoothed, time_left(t));
    if (result == SUCCESS && (save_requested() || cli_seconds() - saved > SAVE_SECONDS)) {
      result = save(t, t->watch.looks == 0);
      saved = cli_seconds();
      if (!t->guard.fine)
        cli_note("step %llu: not saved, most steps are skipped or the flow can score nothing",
                 (unsigned long long)t->info.step);
    }
  }
  progress_end(&p);
  if (result == SUCCESS && !interrupted() && !guard_gives_up(&t->guard))
    result = look_and_step(t, &p);
  if (result == SUCCESS && !t->saved && t->info.step == 0)
    return cli_fail("interrupted before the first step; nothing was written");
  if (result == SUCCESS)
    result = save(t, t->watch.looks == 0);
  return result == SUCCESS ? judge(t) : result;
}

int run_train(cli *c) {
  training t = {.c = c, .info = ENF_STEP_INFO_INIT};
  int result = training_begin(&t);
  if (result == SUCCESS)
    result = run_steps(&t);
  if (result == SUCCESS)
    result = training_end(&t);
  training_free(&t);
  return result;
}
