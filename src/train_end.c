/* train_end.c -- how a training ends: the picture, the NLL of the validation, the report. */
#include "progress.h"
#include "score.h"
#include "train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VALIDATION_ROWS = 1000 };

/* Of the flow that is kept, which need not be the last. */
static int validate_flow(training *t, const dataset *data, double *logp, score *s) {
  enf_flow *kept = NULL;
  if (t->watch.looks == 0)
    return score_flow(t->c, t->flow, data, &t->target, logp, s);
  const enf_status status = enf_load(t->c->ctx, &kept, t->c->value[FLAG_OUTPUT]);
  const int result = status == ENF_OK ? score_flow(t->c, kept, data, &t->target, logp, s)
                                      : cli_fail_status(t->c, status);
  enf_destroy(kept);
  return result;
}

static int validate(training *t, score *s) {
  dataset data = {0};
  uint64_t rows = 0;
  int result = cli_count(t->c, FLAG_ROWS, 1, VALIDATION_ROWS, &rows);
  if (result == SUCCESS)
    result = data_read(t->c, t->c->value[FLAG_VALIDATION], t->N, t->D, &data);
  if (result != SUCCESS)
    return result;
  data_thin(&data, rows);
  double *logp = cli_alloc(data.n, sizeof(double));
  result = logp != NULL ? validate_flow(t, &data, logp, s) : FAILURE;
  free(logp);
  data_free(&data);
  return result;
}

bool training_finished(const training *t) {
  return t->stopped || t->info.step >= t->goal || (t->timed && t->spent >= t->budget);
}

static const char *how_it_ended(const training *t) {
  if (t->fault != NULL)
    return "failed";
  if (t->stopped)
    return "stopped: no gain on the validation";
  if (training_finished(t))
    return "finished";
  return interrupted() ? "interrupted" : "time budget used up";
}

static void report_flow(report *r, const training *t) {
  int64_t parameters = 0;
  double scale = 0;
  enf_get_int(t->flow, "parameters", &parameters);
  enf_get_real(t->flow, "data_scale", &scale);
  if (cli_has(t->c, FLAG_INIT))
    report_text(r, "init", "begun from", t->c->value[FLAG_INIT]);
  if (t->data.n > 0) {
    report_text(r, "data", "data", t->c->operand[0]);
    report_count(r, "configurations", "configurations", t->data.n);
  }
  if (t->target.fn != NULL)
    report_text(r, "energy", "energy", t->target.spec);
  report_count(r, "particles", "particles", t->N);
  report_count(r, "dimensions", "dimensions", t->D);
  report_real(r, "data_scale", "data scale", scale);
  report_count(r, "parameters", "parameters", (uint64_t)parameters);
}

static uint64_t kept_step(const training *t) {
  return t->watch.looks > 0 ? t->watch.kept_step : t->guard.good_step;
}

static void report_steps(report *r, const training *t) {
  const uint64_t samples = t->info.step * t->batch;
  const double seconds = t->before + t->spent;
  report_text(r, "objective", "objective", t->objective->name);
  report_text(r, "ended", "training", how_it_ended(t));
  report_count(r, "step", "steps", t->info.step);
  report_count(r, "steps", "steps planned", t->goal);
  report_count(r, "batch", "batch", t->batch);
  report_count(r, "samples", "samples seen", samples);
  if (t->objective->needs_data)
    report_real(r, "epochs", "epochs", (double)samples / (double)t->data.n);
  if (t->watch.looks > 0 || t->fault != NULL)
    report_count(r, "kept_step", "step of the flow", kept_step(t));
  report_count(r, "skipped", "steps skipped", t->info.skipped);
  if (t->objective->needs_energy) {
    report_count(r, "capped", "energies or forces capped", t->capped);
    report_count(r, "forces_clipped", "forces clipped", t->forces_clipped);
  }
  if (t->info.step > t->first)
    report_real(r, "loss", "loss (smoothed)", t->curve.smoothed);
  report_real(r, "seconds", "seconds of training", seconds);
  report_real(r, "rate", "samples per second", seconds > 0 ? (double)samples / seconds : 0);
}

static void print_training(const training *t, const score *s) {
  report r = report_begin(t->c);
  report_flow(&r, t);
  report_steps(&r, t);
  if (s->n > 0) {
    report_text(&r, "validation", "validation", t->c->value[FLAG_VALIDATION]);
    score_report(&r, s);
  }
  report_text(&r, "output", "flow", t->c->value[FLAG_OUTPUT]);
  if (t->saved)
    report_text(&r, "trainer", "trainer", t->trainer_path);
  report_text(&r, "curve", "training curve", t->csv_path);
  if (t->drawn)
    report_text(&r, "plot", "picture", t->svg_path);
  report_end(&r);
}

/* The sentence at the end of a training that is not finished, or failed. */
static int conclude(const training *t) {
  const unsigned long long step = t->info.step, goal = t->goal;
  if (t->fault != NULL && t->guard.good == NULL)
    return cli_fail("the training failed: %s; there was no flow worth keeping", t->fault);
  if (t->fault != NULL)
    return cli_fail(
        "the training failed at step %llu of %llu: %s (%llu of %llu); %s is the flow of "
        "step %llu",
        step, goal, t->fault, (unsigned long long)t->guard.skipped,
        (unsigned long long)t->guard.steps, t->c->value[FLAG_OUTPUT],
        (unsigned long long)kept_step(t));
  if (!training_finished(t))
    cli_note("%s at step %llu of %llu; all is saved, --resume goes on", how_it_ended(t), step,
             goal);
  return SUCCESS;
}

int training_end(training *t) {
  score s = {0};
  const char *path = t->c->value[FLAG_OUTPUT], *slash = strrchr(path, '/');
  t->drawn = curve_plot(&t->curve, t->svg_path, slash != NULL ? slash + 1 : path,
                        t->objective->loss, t->objective->above_0);
  const bool scored = cli_has(t->c, FLAG_VALIDATION) && !interrupted() && t->fault == NULL;
  const int result = scored ? validate(t, &s) : SUCCESS;
  if (result == SUCCESS)
    print_training(t, &s);
  if (cli_has(t->c, FLAG_VALIDATION) && s.n == 0 && interrupted())
    cli_note("interrupted; the NLL at the end was not computed");
  return result == SUCCESS ? conclude(t) : result;
}
