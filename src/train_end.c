/* train_end.c -- how a training ends: the picture, the NLL of the validation, the report. */
#include "curve.h"
#include "lattice.h"
#include "score.h"
#include "train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VALIDATION_ROWS = 1000 };

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
  result = logp != NULL ? score_flow(t->c, t->flow, &data, &t->target, logp, s) : FAILURE;
  free(logp);
  data_free(&data);
  return result;
}

const char *training_fault(const training *t) {
  switch (t->report.ended) {
  case ENF_FIT_SKIPPING:
    return "most steps were skipped, since their loss or gradient was not finite";
  case ENF_FIT_NO_DENSITY:
    return "its flow can score no configuration";
  default:
    return NULL;
  }
}

static bool is_finished(const training *t) {
  return t->report.ended == ENF_FIT_FINISHED || t->report.ended == ENF_FIT_NO_GAIN;
}

static const char *how_it_ended(const training *t) {
  switch (t->report.ended) {
  case ENF_FIT_NO_GAIN:
    return "stopped: no gain on the validation";
  case ENF_FIT_FINISHED:
    return "finished";
  case ENF_FIT_ASKED:
    return t->time_up ? "time budget used up" : "interrupted";
  case ENF_FIT_TIME_UP:
    return "time budget used up";
  default:
    return "failed";
  }
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

static void report_steps(report *r, const training *t) {
  const uint64_t samples = t->report.step * t->batch;
  const double seconds = t->report.seconds_before + t->report.seconds;
  report_text(r, "objective", "objective", t->objective->name);
  report_text(r, "ended", "training", how_it_ended(t));
  report_count(r, "step", "steps", t->report.step);
  report_count(r, "steps", "steps planned", t->report.goal);
  report_count(r, "batch", "batch", t->batch);
  report_count(r, "samples", "samples seen", samples);
  if (t->objective->needs_data)
    report_real(r, "epochs", "epochs", (double)samples / (double)t->data.n);
  if (t->report.looks > 0 || training_fault(t) != NULL)
    report_count(r, "kept_step", "step of the flow", t->report.kept_step);
  report_count(r, "skipped", "steps skipped", trainer_number(t, "skipped"));
  if (t->objective->needs_energy) {
    report_count(r, "capped", "energies or forces capped", t->capped);
    report_count(r, "forces_clipped", "forces clipped", t->forces_clipped);
  }
  if (t->report.step > t->report.first)
    report_real(r, "loss", "loss (smoothed)", t->report.loss);
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
  if (t->flow != NULL && training_fault(t) == NULL)
    lattice_report(&r, t->c, t->flow, &t->target);
  report_text(&r, "output", "flow", t->c->value[FLAG_OUTPUT]);
  if (t->report.saved)
    report_text(&r, "trainer", "trainer", t->trainer_path);
  report_text(&r, "curve", "training curve", t->csv_path);
  if (t->drawn)
    report_text(&r, "plot", "picture", t->svg_path);
  report_end(&r);
}

/* The sentence at the end of a training that is not finished, or failed. */
static int conclude(const training *t) {
  const unsigned long long step = t->report.step, goal = t->report.goal;
  const char *fault = training_fault(t);
  if (fault != NULL && !t->report.kept)
    return cli_fail("the training failed: %s; there was no flow worth keeping", fault);
  if (fault != NULL)
    return cli_fail(
        "the training failed at step %llu of %llu: %s (%llu of %llu); %s is the flow of "
        "step %llu",
        step, goal, fault, (unsigned long long)t->report.skipped, step - t->report.first,
        t->c->value[FLAG_OUTPUT], (unsigned long long)t->report.kept_step);
  if (!is_finished(t))
    cli_note("%s at step %llu of %llu; all is saved, --resume goes on", how_it_ended(t), step,
             goal);
  return SUCCESS;
}

int training_end(training *t) {
  score s = {0};
  const char *path = t->c->value[FLAG_OUTPUT], *slash = strrchr(path, '/');
  t->drawn = curve_plot(t->csv_path, t->svg_path, slash != NULL ? slash + 1 : path,
                        t->objective->loss, t->objective->above_0);
  const bool scored = cli_has(t->c, FLAG_VALIDATION) && !interrupted() && training_fault(t) == NULL;
  const int result = scored ? validate(t, &s) : SUCCESS;
  if (result == SUCCESS)
    print_training(t, &s);
  if (cli_has(t->c, FLAG_VALIDATION) && s.n == 0 && interrupted())
    cli_note("interrupted; the NLL at the end was not computed");
  return result == SUCCESS ? conclude(t) : result;
}
