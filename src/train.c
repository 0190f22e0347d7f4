/* train.c -- `enf train`: a flow from configurations, from an energy, or from both.

   FLOW.safetensors is the flow, FLOW.trainer what --resume needs, FLOW.train.csv and FLOW.train.svg
   the curve. Whatever moment the process dies at, the saved pair goes on bit for bit: loading the
   trainer also sets the flow's weights. Training seconds are the wall time of steps, the measuring
   of the rate included; saving, pictures and validation are not counted. */
#include "curve.h"
#include "progress.h"
#include "score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double SAVE_SECONDS = 60;
enum { VALIDATION_ROWS = 1000, NAME = 4096 };

typedef struct {
  const char *name, *loss;
  bool needs_data, needs_energy, above_0; /* the loss is */
} objective;

/* In the order of train.objective's choices. */
static const objective objectives[] = {
    {"flow-matching", "flow-matching loss", true, false, true},
    {"likelihood", "negative log-likelihood", true, false, false},
    {"energy", "mean of u + log q", false, true, false},
    {"mixed", "lambda (-log q) + (1 - lambda) (u + log q)", true, true, false},
    {"path-gradient", "mean of u + log q", false, true, false},
};
enum { OBJECTIVES = sizeof objectives / sizeof objectives[0] };

typedef struct {
  cli *c;
  const objective *objective;
  size_t N, D;
  dataset data; /* n = 0: none */
  target target;
  enf_flow *flow;
  enf_trainer *trainer;
  size_t batch, *rows;
  double *x;            /* the batch; NULL if the objective takes none */
  double budget;        /* seconds of this session; infinite: none */
  double before, spent; /* training seconds of earlier sessions, of this one */
  bool timed;           /* the schedule is to end with the budget */
  double planned_at;    /* `spent` at the last planning */
  uint64_t first, goal; /* steps when this session began, and to be reached */
  enf_step_info info;
  uint64_t capped, forces_clipped; /* samples, forces on particles; in this session */
  curve curve;
  char trainer_path[NAME], csv_path[NAME], svg_path[NAME];
  bool drawn;
} training;

/* ---- names and options --------------------------------------------------------------------- */

static int name_files(training *t, const char *path) {
  const char ending[] = ".safetensors";
  const size_t length = strlen(path), tail = sizeof ending - 1;
  const bool named = length > tail && strcmp(path + length - tail, ending) == 0;
  const int stem = (int)(named ? length - tail : length);
  if (length + 16 > NAME)
    return cli_fail("the name of the flow is too long");
  snprintf(t->trainer_path, NAME, "%.*s.trainer", stem, path);
  snprintf(t->csv_path, NAME, "%.*s.train.csv", stem, path);
  snprintf(t->svg_path, NAME, "%.*s.train.svg", stem, path);
  return SUCCESS;
}

static int read_budget(training *t) {
  double seconds = 0, minutes = 0;
  int result = cli_real(t->c, FLAG_SECONDS, 0, INFINITY, &seconds);
  if (result == SUCCESS)
    result = cli_real(t->c, FLAG_MINUTES, 0, INFINITY, &minutes);
  t->budget = fmin(seconds, 60 * minutes);
  t->timed = isfinite(t->budget) && cli_setting(t->c, "train.steps") == NULL;
  return result;
}

/* Options that --resume and --init have fixed; of a resumed training only the goal may move. */
static int check_kept(const cli *c) {
  const bool resumes = cli_has(c, FLAG_RESUME);
  if (resumes && cli_has(c, FLAG_INIT))
    return cli_usage(c, "--init begins a training, --resume goes on with one: give one of them");
  if (!resumes && !cli_has(c, FLAG_INIT))
    return SUCCESS;
  for (size_t i = 0; i < c->settings; i++) {
    const char *name = c->setting[i].name;
    if (strcmp(name, "train.steps") == 0 || strcmp(name, "model.dimensions") == 0)
      continue;
    if (strncmp(name, "model.", 6) == 0 || (resumes && strncmp(name, "train.", 6) == 0))
      return cli_usage(c, "%s, so %s cannot be set",
                       resumes ? "--resume keeps the options of the first run"
                               : "--init keeps the model of its flow",
                       name);
  }
  return SUCCESS;
}

/* --seed is that of the weights and of the training; with --init there are weights. */
static int set_seeds(cli *c) {
  int result = SUCCESS;
  if (cli_has(c, FLAG_SEED) && !cli_has(c, FLAG_INIT))
    result = cli_set(c, "model.seed", c->value[FLAG_SEED]);
  if (cli_has(c, FLAG_SEED) && result == SUCCESS)
    result = cli_set(c, "train.seed", c->value[FLAG_SEED]);
  return result;
}

static int check_needs(const training *t) {
  if (t->objective->needs_data && t->c->operands == 0)
    return cli_usage(t->c, "the objective %s needs DATA", t->objective->name);
  if (t->objective->needs_energy && !cli_has(t->c, FLAG_ENERGY))
    return cli_usage(t->c, "the objective %s needs --energy", t->objective->name);
  return SUCCESS;
}

/* Of a new training; a resumed one has its own. */
static int read_objective(training *t) {
  const char *name = cli_setting(t->c, "train.objective");
  if (cli_has(t->c, FLAG_RESUME))
    return SUCCESS;
  t->objective = &objectives[0];
  for (int i = 0; i < OBJECTIVES && name != NULL; i++)
    if (strcmp(name, objectives[i].name) == 0)
      t->objective = &objectives[i];
  return check_needs(t);
}

static int read_flags(training *t) {
  cli *c = t->c;
  int result = cli_require(c, FLAG_OUTPUT);
  if (result == SUCCESS)
    result = name_files(t, c->value[FLAG_OUTPUT]);
  if (result == SUCCESS)
    result = read_budget(t);
  if (result == SUCCESS)
    result = set_seeds(c);
  if (result == SUCCESS)
    result = check_kept(c);
  if (result == SUCCESS)
    result = read_objective(t);
  if (result == SUCCESS)
    result = cli_configure(c);
  return result == SUCCESS ? target_make(c, c->value[FLAG_ENERGY], &t->target) : result;
}

/* ---- a flow from before -------------------------------------------------------------------- */

static uint64_t trainer_number(const training *t, const char *name) {
  int64_t value = 0;
  enf_trainer_get_int(t->trainer, name, &value);
  return (uint64_t)value;
}

static int load_trainer(training *t) {
  const enf_status status = enf_trainer_load(t->c->ctx, &t->trainer, t->flow, t->trainer_path);
  if (status != ENF_OK)
    return cli_fail_status(t->c, status);
  const uint64_t place = trainer_number(t, "objective");
  if (place >= OBJECTIVES)
    return cli_fail("%s has an objective that is not known here", t->trainer_path);
  t->objective = &objectives[place];
  return check_needs(t);
}

/* The flow to go on with: of --resume, with its trainer, or of --init. */
static int load(training *t) {
  const bool resumes = cli_has(t->c, FLAG_RESUME);
  const char *path = t->c->value[resumes ? FLAG_OUTPUT : FLAG_INIT];
  if (path == NULL)
    return SUCCESS;
  const enf_status status = enf_load(t->c->ctx, &t->flow, path);
  if (status != ENF_OK)
    return cli_fail_status(t->c, status);
  flow_shape(t->flow, &t->N, &t->D);
  const size_t D = cli_setting_or(t->c, "model.dimensions", t->D);
  if (D != t->D)
    return cli_fail("%s has %zu dimensions, not %zu", path, t->D, D);
  return resumes ? load_trainer(t) : SUCCESS;
}

/* ---- data ---------------------------------------------------------------------------------- */

/* The shape is that of the flow; of a new one, what the options, the energy or the data say. */
static int read_data(training *t) {
  if (t->flow == NULL) {
    t->N = cli_setting_or(t->c, "model.particles", t->target.N);
    t->D = cli_setting_or(t->c, "model.dimensions", t->target.D);
  }
  if (t->c->operands > 0) {
    const int result = data_read(t->c, t->c->operand[0], t->N, t->D, &t->data);
    if (result != SUCCESS)
      return result;
    t->N = t->data.N;
    t->D = t->data.D;
  }
  if (t->N == 0)
    return cli_usage(t->c, "neither DATA nor the energy says how many particles there are: "
                           "--set model.particles=N is needed");
  t->D = t->D > 0 ? t->D : 3;
  return target_check(&t->target, t->data.n > 0 ? "the configurations" : "the flow", t->N, t->D);
}

static void set_number(cli *c, const char *name, double value) {
  char text[32];
  snprintf(text, sizeof text, "%.9g", value);
  enf_opts_set(c->opts, name, text);
}

/* Refuses data that are not finite, too. */
static int fix_scale(training *t) {
  const char *text = cli_setting(t->c, "model.data_scale");
  double scale = 0;
  if (t->data.n == 0)
    return SUCCESS;
  const int result = data_scale(&t->data, t->c->operand[0], &scale);
  if (result == SUCCESS && (text == NULL || strcmp(text, "auto") == 0))
    set_number(t->c, "model.data_scale", scale);
  return result;
}

/* ---- flow and trainer ---------------------------------------------------------------------- */

static int create(training *t) {
  enf_opts *opts = t->c->opts;
  enf_status status = ENF_OK;
  enf_opts_set_int(opts, "model.particles", (int64_t)t->N);
  enf_opts_set_int(opts, "model.dimensions", (int64_t)t->D);
  if (t->flow == NULL)
    status = enf_create(t->c->ctx, &t->flow, opts);
  if (status == ENF_OK)
    status = enf_trainer_create(t->c->ctx, &t->trainer, t->flow, opts);
  return status == ENF_OK ? SUCCESS : cli_fail_status(t->c, status);
}

/* The trainer's energy is not in its file. */
static int make_batch(training *t) {
  if (t->objective->needs_energy)
    enf_trainer_set_energy(t->trainer, t->target.fn, t->target.user);
  t->batch = (size_t)trainer_number(t, "batch");
  if (!t->objective->needs_data)
    return SUCCESS;
  t->rows = cli_alloc(t->batch, sizeof *t->rows);
  t->x = cli_alloc(t->batch, t->N * t->D * sizeof(double));
  return t->rows != NULL && t->x != NULL ? SUCCESS : FAILURE;
}

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
  enf_status status = fill_batch(t);
  if (status == ENF_OK)
    status = enf_train_step(t->c->ctx, t->trainer, t->batch, t->x, &t->info);
  t->capped += t->info.capped;
  t->forces_clipped += t->info.forces_clipped;
  return status == ENF_OK ? SUCCESS : cli_fail_status(t->c, status);
}

/* A time budget without --steps: set train.steps from the rate of this session so far, some 200
   times, so that the schedule ends with the budget however the machine's load changes. */
static void plan(training *t) {
  const uint64_t done = t->info.step - t->first;
  const double left = t->budget - t->spent;
  if (!t->timed || left <= 0 || t->spent - t->planned_at < t->budget / 200)
    return;
  const double steps = (double)t->info.step + fmax((double)done / t->spent * left, 1);
  t->goal = (uint64_t)fmin(steps, 1e9);
  t->planned_at = t->spent;
  enf_trainer_set_steps(t->trainer, t->goal);
  curve_plan(&t->curve, t->goal);
}

static int start_fresh(training *t) {
  int result = fix_scale(t);
  if (result == SUCCESS)
    result = create(t);
  if (result == SUCCESS)
    result = make_batch(t);
  if (result != SUCCESS)
    return result;
  t->goal = trainer_number(t, "steps");
  curve_plan(&t->curve, t->goal);
  return SUCCESS;
}

static int start_again(training *t) {
  int result = make_batch(t);
  if (result != SUCCESS)
    return result;
  const uint64_t planned = trainer_number(t, "steps");
  t->goal = cli_setting_or(t->c, "train.steps", planned);
  t->info.step = t->first = trainer_number(t, "step");
  t->info.skipped = trainer_number(t, "skipped");
  curve_plan(&t->curve, planned);
  result = curve_read(&t->curve, t->csv_path, t->info.step);
  t->before = t->curve.n > 0 ? t->curve.point[t->curve.n - 1].seconds : 0;
  return result;
}

static int save(training *t) {
  enf_status status = enf_save(t->c->ctx, t->flow, t->c->value[FLAG_OUTPUT]);
  if (status == ENF_OK)
    status = enf_trainer_save(t->c->ctx, t->trainer, t->trainer_path);
  return status == ENF_OK ? curve_write(&t->curve, t->csv_path) : cli_fail_status(t->c, status);
}

static double time_left(const training *t) {
  const double rate = (double)(t->info.step - t->first) / t->spent;
  return fmin((double)(t->goal - t->info.step) / rate, t->budget - t->spent);
}

static int one_step(training *t) {
  const double start = cli_seconds();
  const int result = step(t);
  if (result != SUCCESS)
    return result;
  t->spent += cli_seconds() - start;
  plan(t);
  return curve_add(&t->curve, &t->info, t->info.step * t->batch, t->before + t->spent);
}

static int run_steps(training *t) {
  double saved = cli_seconds();
  int result = SUCCESS;
  progress p = progress_begin(t->c, "training", "samples", t->first);
  while (result == SUCCESS && t->info.step < t->goal && t->spent < t->budget && !interrupted()) {
    result = one_step(t);
    progress_show(&p, t->info.step, t->goal, (double)t->batch, t->curve.smoothed, time_left(t));
    if (result == SUCCESS && cli_seconds() - saved > SAVE_SECONDS) {
      result = save(t);
      saved = cli_seconds();
    }
  }
  progress_end(&p);
  return result == SUCCESS ? save(t) : result;
}

/* ---- the end ------------------------------------------------------------------------------- */

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

static bool finished(const training *t) {
  return t->info.step >= t->goal || (t->timed && t->spent >= t->budget);
}

static const char *how_it_ended(const training *t) {
  if (finished(t))
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
  report_count(r, "skipped", "steps skipped", t->info.skipped);
  if (t->objective->needs_energy) {
    report_count(r, "capped", "energies or forces capped", t->capped);
    report_count(r, "forces_clipped", "forces clipped", t->forces_clipped);
  }
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
  report_text(&r, "trainer", "trainer", t->trainer_path);
  report_text(&r, "curve", "training curve", t->csv_path);
  if (t->drawn)
    report_text(&r, "plot", "picture", t->svg_path);
  report_end(&r);
}

static int finish(training *t) {
  score s = {0};
  const char *path = t->c->value[FLAG_OUTPUT], *slash = strrchr(path, '/');
  t->drawn = curve_plot(&t->curve, t->svg_path, slash != NULL ? slash + 1 : path,
                        t->objective->loss, t->objective->above_0);
  const int result = cli_has(t->c, FLAG_VALIDATION) && !interrupted() ? validate(t, &s) : SUCCESS;
  if (result == SUCCESS)
    print_training(t, &s);
  if (!finished(t))
    cli_note("%s at step %llu of %llu; all is saved, --resume goes on", how_it_ended(t),
             (unsigned long long)t->info.step, (unsigned long long)t->goal);
  return result;
}

static void free_training(training *t) {
  enf_trainer_destroy(t->trainer);
  enf_destroy(t->flow);
  free(t->rows);
  free(t->x);
  curve_free(&t->curve);
  data_free(&t->data);
  target_free(&t->target);
}

int run_train(cli *c) {
  training t = {.c = c, .info = ENF_STEP_INFO_INIT};
  int result = read_flags(&t);
  if (result == SUCCESS)
    result = load(&t);
  if (result == SUCCESS)
    result = read_data(&t);
  interrupts_catch();
  if (result == SUCCESS)
    result = cli_has(c, FLAG_RESUME) ? start_again(&t) : start_fresh(&t);
  if (result == SUCCESS)
    result = run_steps(&t);
  if (result == SUCCESS)
    result = finish(&t);
  free_training(&t);
  return result;
}
