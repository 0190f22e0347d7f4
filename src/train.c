/* train.c -- `enf train`: a flow from configurations, from an energy, or from both.

   The training is enf_fit's; here are its plan, from flags, and the answers to it, from signals. */
#include "lattice.h"
#include "molecules.h"
#include "ranks.h"
#include "train.h"

#include <math.h>

static const double SAVE_SECONDS = 60;

static void show(training *t, const enf_fit_event *e) {
  t->progress.skipped = e->step->skipped;
  progress_show(&t->progress, e->step->step, e->goal, (double)t->batch, e->loss, e->left);
}

/* What this rank wants: to go on, to save, or to stop. Time is that of rank 0. */
static int want(training *t, double seconds) {
  t->time_up = ranks_shared() && ranks_first() && seconds > t->budget;
  if (interrupted() || t->time_up)
    return ENF_FIT_STOP;
  const double now = cli_seconds();
  const bool due = ranks_shared() && ranks_first() && now - t->saved_at > SAVE_SECONDS;
  if (due)
    t->saved_at = now;
  return save_requested() || due ? ENF_FIT_SAVE_NOW : ENF_FIT_GO_ON;
}

static int answer(void *user, const enf_fit_event *e) {
  training *t = user;
  const unsigned long long step = e->step->step;
  switch (e->what) {
  case ENF_FIT_BEGIN: /* no file is written before all have read */
    t->progress = progress_begin(t->c, "training", "samples", step);
    t->saved_at = cli_seconds();
    return ranks_worst(interrupted() ? ENF_FIT_STOP : ENF_FIT_GO_ON);
  case ENF_FIT_STEP:
    t->capped += e->step->capped;
    t->forces_clipped += e->step->forces_clipped;
    show(t, e);
    return ranks_worst(want(t, e->seconds));
  case ENF_FIT_WAIT:
    progress_end(&t->progress);
    break;
  case ENF_FIT_LOOK:
    watch_tell(t->c, e);
    break;
  case ENF_FIT_SAVE:
    if (!e->saved)
      cli_note("step %llu: not saved, most steps are skipped or the flow can score nothing", step);
    break;
  default:
    break;
  }
  return interrupted() && !ranks_shared() ? ENF_FIT_STOP : ENF_FIT_GO_ON;
}

static enf_fit_plan make_plan(const training *t) {
  const cli *c = t->c;
  enf_fit_plan plan = ENF_FIT_PLAN_INIT;
  plan.steps = t->timed ? 0 : cli_setting_or(c, "train.steps", trainer_number(t, "steps"));
  plan.seconds = isfinite(t->budget) && !ranks_shared() ? t->budget : 0;
  plan.held_out = t->watch.data.n;
  plan.validation = t->watch.data.x;
  plan.temperature = t->data.temperature;
  plan.look_every = t->watch.every;
  plan.patience = t->watch.patience;
  plan.look_first = cli_has(c, FLAG_INIT);
  plan.resume = cli_has(c, FLAG_RESUME);
  plan.flow_path = c->value[FLAG_OUTPUT];
  plan.trainer_path = t->trainer_path;
  plan.curve_path = t->csv_path;
  return plan;
}

static int run(training *t) {
  const enf_fit_plan plan = make_plan(t);
  const enf_status status =
      enf_fit(t->c->ctx, t->trainer, t->data.n, t->data.x, &plan, answer, t, &t->report);
  progress_end(&t->progress);
  if (status == ENF_ERR_STATE)
    return cli_usage(t->c,
                     "the training looked at a validation so far: --validation is needed again");
  if (status == ENF_ERR_CANCELLED)
    return cli_fail("interrupted; nothing was written");
  if (status != ENF_OK && training_fault(t) == NULL)
    return cli_fail_status(t->c, status);
  if (t->report.step == 0 && !t->report.saved && training_fault(t) == NULL)
    return cli_fail("interrupted before the first step; nothing was written");
  return SUCCESS;
}

int run_train(cli *c) {
  if (cli_has(c, FLAG_CONTEXT) && !cli_has(c, FLAG_FEATURES))
    return cli_usage(c, "--context goes with --features");
  if (cli_has(c, FLAG_FEATURES))
    return train_molecules(c);
  if (cli_has(c, FLAG_LIFT))
    return lattice_lift(c);
  training t = {.c = c, .report = ENF_FIT_REPORT_INIT};
  int result = training_begin(&t);
  if (result == SUCCESS)
    result = run(&t);
  if (result == SUCCESS)
    result = training_end(&t);
  training_free(&t);
  return result;
}
