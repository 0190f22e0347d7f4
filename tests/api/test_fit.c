/* test_fit.c -- enf_fit: its steps are those of a loop by hand, a training that was stopped goes on
   as if it had not been, the validation keeps the best, the schedule follows the time, and what
   goes wrong is told and leaves a good flow. */
#include "../failing_alloc.h"
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { N = 3, D = 2, DIM = N * D, ROWS = 60, HELD = 40, BATCH = 16, MOST = 4096 };

static failing_alloc memory;
static enf_ctx *ctx;
static enf_opts *opts;
static enf_flow *flow;
static enf_trainer *tr;
static double data[ROWS * DIM], held[HELD * DIM];
static char flow_path[64], trainer_path[64], curve_path[64], other_path[64];

#define OK(call) ck_assert_msg((call) == ENF_OK, "%s", enf_ctx_errmsg(ctx))

static void set(const char *name, const char *value) {
  ck_assert_msg(enf_opts_set(opts, name, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
}

/* Triangles around one shape; a congruential generator is random enough. */
static void make_triangles(size_t n, uint32_t seed, double *x) {
  const double corners[DIM] = {0, 0, 2.5, 0, 1, 2};
  for (size_t i = 0; i < n * DIM; i++) {
    seed = seed * 1664525u + 1013904223u;
    x[i] = corners[i % DIM] + 0.6 * ((double)seed / 4294967296.0 - 0.5);
  }
}

static void begin(void) {
  OK(enf_create(ctx, &flow, opts));
  OK(enf_trainer_create(ctx, &tr, flow, opts));
}

static void end(void) {
  enf_trainer_destroy(tr);
  enf_destroy(flow);
  tr = NULL;
  flow = NULL;
}

static void open_bag(void) {
  memory = (failing_alloc){0};
  const enf_alloc alloc = failing_alloc_of(&memory);
  ck_assert_int_eq(enf_ctx_create(&ctx, &alloc), ENF_OK);
  OK(enf_opts_create(ctx, &opts));
  const char *const settings[][2] = {{"model.particles", "3"}, {"model.dimensions", "2"},
                                     {"model.hidden", "8"},    {"model.layers", "2"},
                                     {"train.seed", "7"},      {"train.steps", "40"},
                                     {"train.batch", "16"},    {"train.ema", "0.8"},
                                     {"train.lr", "0.01"},     {"train.coupling", "independent"}};
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
    set(settings[i][0], settings[i][1]);
  make_triangles(ROWS, 1, data);
  make_triangles(HELD, 2, held);
  const long id = (long)getpid();
  snprintf(flow_path, sizeof flow_path, "/tmp/enf-fit-%ld.safetensors", id);
  snprintf(trainer_path, sizeof trainer_path, "/tmp/enf-fit-%ld.trainer", id);
  snprintf(curve_path, sizeof curve_path, "/tmp/enf-fit-%ld.csv", id);
  snprintf(other_path, sizeof other_path, "/tmp/enf-fit-%ld.other", id);
}

static void close_bag(void) {
  end();
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
  unlink(flow_path);
  unlink(trainer_path);
  unlink(curve_path);
  unlink(other_path);
  ck_assert_uint_eq(memory.live, 0);
  ck_assert(!memory.foreign);
}

static size_t weights(enf_ctx *with, const enf_flow *of, double *values) {
  const char *name;
  size_t rows, cols, used = 0;
  for (size_t i = 0; enf_params_info(of, i, &name, &rows, &cols) == ENF_OK; i++) {
    ck_assert_uint_le(used + rows * cols, MOST);
    ck_assert_int_eq(enf_params_get(with, of, name, values + used, rows * cols), ENF_OK);
    used += rows * cols;
  }
  return used;
}

static void same_files(const char *a, const char *b) {
  FILE *f = fopen(a, "rb"), *g = fopen(b, "rb");
  ck_assert(f && g);
  for (int c = 0; c != EOF;) {
    c = fgetc(f);
    ck_assert_int_eq(c, fgetc(g));
  }
  fclose(f);
  fclose(g);
}

static enf_fit_plan with_files(void) {
  enf_fit_plan plan = ENF_FIT_PLAN_INIT;
  plan.flow_path = flow_path;
  plan.trainer_path = trainer_path;
  plan.curve_path = curve_path;
  return plan;
}

static enf_fit_plan with_looks(uint64_t every) {
  enf_fit_plan plan = with_files();
  plan.held_out = HELD;
  plan.validation = held;
  plan.look_every = every;
  return plan;
}

/* ---- the steps ------------------------------------------------------------------------------- */

static void train_by_hand(uint64_t steps, const double *weight) {
  double x[BATCH * DIM], logw[BATCH];
  size_t rows[BATCH];
  OK(enf_trainer_data(ctx, tr, ROWS, data));
  for (uint64_t k = 0; k < steps; k++) {
    OK(enf_trainer_rows(tr, ROWS, BATCH, rows));
    for (size_t i = 0; i < BATCH; i++) {
      memcpy(x + i * DIM, data + rows[i] * DIM, DIM * sizeof *x);
      logw[i] = weight ? weight[rows[i]] : 0;
    }
    OK(weight ? enf_train_step_weighted(ctx, tr, BATCH, x, logw, NULL)
              : enf_train_step(ctx, tr, BATCH, x, NULL));
  }
}

/* Also with looks on the way, of which the last is kept here, and with weights. */
START_TEST(a_fit_is_a_loop_of_steps) {
  enf_fit_plan plan = _i == 1 ? with_looks(9) : with_files();
  double logw[ROWS];
  for (size_t i = 0; i < ROWS; i++)
    logw[i] = 0.1 * (double)(i % 7);
  plan.logw = _i == 2 ? logw : NULL;
  enf_fit_report report = ENF_FIT_REPORT_INIT;
  static double by_hand[MOST], fitted[MOST];
  begin();
  train_by_hand(40, plan.logw);
  const size_t count = weights(ctx, flow, by_hand);
  OK(enf_trainer_save(ctx, tr, other_path));
  end();
  begin();
  OK(enf_fit(ctx, tr, ROWS, data, &plan, NULL, NULL, &report));
  weights(ctx, flow, fitted);
  ck_assert_int_eq(report.ended, ENF_FIT_FINISHED);
  ck_assert_uint_eq(report.step, 40);
  ck_assert_uint_eq(report.goal, 40);
  ck_assert_uint_eq(report.kept_step, 40);
  ck_assert_uint_eq(report.looks, _i == 1 ? 5 : 0);
  ck_assert(report.saved && report.kept && report.seconds > 0);
  ck_assert_mem_eq(by_hand, fitted, count * sizeof *fitted);
  same_files(trainer_path, other_path);
}
END_TEST

typedef struct {
  uint64_t stop_at;
  int what; /* the event to stop at; 0: a step */
  uint64_t begins, steps, looks, saves, waits, kept_step;
  uint64_t last_goal, plans;
  enf_ctx *ctx; /* of the callback's own */
  double kept[MOST];
  int answer, status; /* what to answer in place of STOP; of a call that is refused */
} host;

static int count(void *user, const enf_fit_event *e) {
  host *h = user;
  h->begins += e->what == ENF_FIT_BEGIN;
  h->steps += e->what == ENF_FIT_STEP;
  h->looks += e->what == ENF_FIT_LOOK;
  h->saves += e->what == ENF_FIT_SAVE;
  h->waits += e->what == ENF_FIT_WAIT;
  h->plans += e->goal != h->last_goal;
  h->last_goal = e->goal;
  if (e->what == ENF_FIT_LOOK && e->kept && h->ctx) {
    weights(h->ctx, flow, h->kept);
    h->kept_step = e->step->step;
  }
  const bool now = e->what == (h->what ? h->what : ENF_FIT_STEP) && e->step->step == h->stop_at;
  return now ? h->answer ? h->answer : ENF_FIT_STOP : ENF_FIT_GO_ON;
}

static void resume(enf_fit_plan plan, enf_fit_report *report) {
  end();
  OK(enf_load(ctx, &flow, flow_path));
  OK(enf_trainer_load(ctx, &tr, flow, trainer_path));
  plan.resume = 1;
  OK(enf_fit(ctx, tr, ROWS, data, &plan, NULL, NULL, report));
}

/* Stopped after a step, where a look is due, during one, and after one. */
START_TEST(a_training_that_was_stopped_goes_on_bit_by_bit) {
  const struct {
    uint64_t at;
    int what;
  } stops[] = {{1, 0}, {8, 0}, {13, 0}, {8, ENF_FIT_WAIT}, {16, ENF_FIT_LOOK}, {40, ENF_FIT_WAIT}};
  const enf_fit_plan plan = with_looks(8);
  enf_fit_report whole = ENF_FIT_REPORT_INIT, cut = ENF_FIT_REPORT_INIT;
  static double flows[2][MOST], files[MOST];
  host h = {.stop_at = stops[_i].at, .what = stops[_i].what};
  begin();
  OK(enf_fit(ctx, tr, ROWS, data, &plan, NULL, NULL, &whole));
  const size_t n = weights(ctx, flow, flows[0]);
  ck_assert_int_eq(rename(trainer_path, other_path), 0);
  end();
  begin();
  OK(enf_fit(ctx, tr, ROWS, data, &plan, count, &h, &cut));
  ck_assert_uint_eq(cut.step, stops[_i].at);
  ck_assert(cut.ended == ENF_FIT_ASKED || cut.step == 40);
  resume(plan, &cut);
  weights(ctx, flow, flows[1]);
  ck_assert_int_eq(cut.ended, ENF_FIT_FINISHED);
  ck_assert_uint_eq(cut.looks, whole.looks);
  ck_assert_uint_eq(cut.kept_step, whole.kept_step);
  ck_assert_mem_eq(flows[0], flows[1], n * sizeof(double));
  same_files(trainer_path, other_path);
  end();
  OK(enf_load(ctx, &flow, flow_path));
  weights(ctx, flow, files);
  ck_assert_mem_eq(flows[0], files, n * sizeof(double));
}
END_TEST

/* Without files, too, the trainer goes on from where it was, though the flow has kept weights. */
START_TEST(a_second_call_goes_on) {
  enf_fit_plan plan = with_looks(8);
  enf_fit_report report = ENF_FIT_REPORT_INIT;
  plan.flow_path = plan.trainer_path = plan.curve_path = NULL;
  begin();
  train_by_hand(40, NULL);
  OK(enf_trainer_save(ctx, tr, other_path));
  end();
  begin();
  plan.steps = 19;
  OK(enf_fit(ctx, tr, ROWS, data, &plan, NULL, NULL, &report));
  ck_assert(report.step == 19 && !report.saved);
  plan.steps = 0;
  OK(enf_fit(ctx, tr, ROWS, data, &plan, NULL, NULL, &report));
  ck_assert_uint_eq(report.first, 19);
  ck_assert_uint_eq(report.step, 40);
  OK(enf_trainer_save(ctx, tr, trainer_path));
  same_files(trainer_path, other_path);
}
END_TEST

/* ---- time ------------------------------------------------------------------------------------ */

/* How many steps it makes is the machine's affair; that the schedule is planned by them is not. */
START_TEST(the_schedule_follows_the_time) {
  enf_fit_plan plan = ENF_FIT_PLAN_INIT;
  enf_fit_report report = ENF_FIT_REPORT_INIT;
  int64_t planned;
  host h = {.stop_at = UINT64_MAX};
  plan.seconds = 0.2;
  begin();
  OK(enf_fit(ctx, tr, ROWS, data, &plan, count, &h, &report));
  OK(enf_trainer_get_int(tr, "steps", &planned));
  ck_assert_int_eq(report.ended, ENF_FIT_FINISHED);
  ck_assert_uint_eq((uint64_t)planned, report.goal);
  ck_assert_uint_eq(h.steps, report.step);
  ck_assert(report.seconds >= 0.2 || report.step == report.goal);
  ck_assert(h.plans > 1 || report.step == 1);
}
END_TEST

/* With steps, the time only ends it. */
START_TEST(a_time_does_not_move_steps_that_were_given) {
  enf_fit_plan plan = ENF_FIT_PLAN_INIT;
  enf_fit_report report = ENF_FIT_REPORT_INIT;
  int64_t planned;
  plan.seconds = 1e-9;
  plan.steps = 30;
  begin();
  OK(enf_fit(ctx, tr, ROWS, data, &plan, NULL, NULL, &report));
  OK(enf_trainer_get_int(tr, "steps", &planned));
  ck_assert_int_eq(report.ended, ENF_FIT_TIME_UP);
  ck_assert_uint_eq(report.step, 1);
  ck_assert_int_eq(planned, 40);
}
END_TEST

/* ---- the validation -------------------------------------------------------------------------- */

/* A rate that ruins the flow: the one that the looks began with, or one near it, is what is left.
 */
START_TEST(patience_keeps_the_best) {
  enf_fit_plan plan = with_looks(4);
  enf_fit_report report = ENF_FIT_REPORT_INIT;
  static double left[MOST];
  static host h = {.stop_at = UINT64_MAX};
  OK(enf_ctx_create(&h.ctx, NULL));
  begin();
  OK(enf_fit(ctx, tr, ROWS, data, NULL, NULL, NULL, NULL));
  enf_trainer_destroy(tr);
  set("train.lr", "0.5");
  set("train.clip", "0");
  set("train.ema", "0");
  set("train.schedule", "constant");
  OK(enf_trainer_create(ctx, &tr, flow, opts));
  plan.steps = 1000;
  plan.patience = 3;
  plan.look_first = 1;
  OK(enf_fit(ctx, tr, ROWS, data, &plan, count, &h, &report));
  const size_t n = weights(ctx, flow, left);
  ck_assert_int_eq(report.ended, ENF_FIT_NO_GAIN);
  ck_assert_uint_eq(report.looks, h.looks);
  ck_assert_uint_eq(report.kept_step, h.kept_step);
  ck_assert_uint_le(report.step, 100);
  ck_assert_uint_ge(report.step, 12 + (report.kept_step > 12 ? report.kept_step - 12 : 0));
  ck_assert_mem_eq(left, h.kept, n * sizeof *left);
  enf_ctx_destroy(h.ctx);
}
END_TEST

START_TEST(a_training_with_looks_needs_them_again) {
  const enf_fit_plan plan = with_looks(8);
  enf_fit_plan blind = with_files();
  begin();
  OK(enf_fit(ctx, tr, ROWS, data, &plan, NULL, NULL, NULL));
  end();
  OK(enf_load(ctx, &flow, flow_path));
  OK(enf_trainer_load(ctx, &tr, flow, trainer_path));
  blind.resume = 1;
  ck_assert_int_eq(enf_fit(ctx, tr, ROWS, data, &blind, NULL, NULL, NULL), ENF_ERR_STATE);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "needed again"));
}
END_TEST

/* ---- what goes wrong ------------------------------------------------------------------------- */

static int fading(void *user, size_t n, const double *x, double *u, double *grad) {
  int *calls = user;
  const double zero = 0;
  (*calls)++;
  for (size_t i = 0; i < n; i++)
    u[i] = *calls > 70 ? zero / zero : 0;
  for (size_t k = 0; grad && k < n * DIM; k++)
    grad[k] = 0 * x[k];
  return 0;
}

/* Steps are skipped from the 71st on; the flow of step 64 was the last that was looked at. */
START_TEST(a_training_that_goes_nowhere_fails_and_leaves_a_good_flow) {
  enf_fit_plan plan = with_files();
  enf_fit_report report = ENF_FIT_REPORT_INIT;
  int calls = 0;
  static double left[MOST], good[MOST];
  set("train.objective", "energy");
  set("train.steps", "400");
  set("train.schedule", "constant");
  begin();
  OK(enf_trainer_set_energy(tr, fading, &calls));
  ck_assert_int_eq(enf_fit(ctx, tr, 0, NULL, &plan, NULL, NULL, &report), ENF_ERR_NONFINITE);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "most steps were skipped"));
  ck_assert_int_eq(report.ended, ENF_FIT_SKIPPING);
  ck_assert_uint_eq(report.step, 100);
  ck_assert_uint_eq(report.skipped, 30);
  ck_assert_uint_eq(report.kept_step, 64);
  ck_assert(report.kept && !report.saved && access(trainer_path, F_OK) != 0);
  const size_t n = weights(ctx, flow, left);
  end();
  begin();
  calls = 0;
  plan.steps = 64;
  OK(enf_trainer_set_energy(tr, fading, &calls));
  OK(enf_fit(ctx, tr, 0, NULL, &plan, NULL, NULL, &report));
  weights(ctx, flow, good);
  ck_assert_mem_eq(left, good, n * sizeof *left);
}
END_TEST

static int misuse(void *user, const enf_fit_event *e) {
  host *h = user;
  if (e->what == ENF_FIT_STEP) {
    h->status = enf_train_step(ctx, tr, ROWS, data, NULL);
    ck_assert_int_eq(enf_trainer_set_steps(tr, 9), ENF_ERR_STATE);
  }
  return ENF_FIT_GO_ON;
}

START_TEST(the_callback_is_asked_and_kept_in_bounds) {
  enf_fit_plan plan = with_looks(8);
  enf_fit_report report = ENF_FIT_REPORT_INIT;
  host h = {.stop_at = 5, .answer = ENF_FIT_SAVE_NOW};
  begin();
  OK(enf_fit(ctx, tr, ROWS, data, &plan, count, &h, &report));
  ck_assert(h.begins == 1 && h.steps == 40 && h.looks == 5 && h.saves == 1 && h.waits >= 5);
  end();
  begin();
  h = (host){.stop_at = 5, .answer = 77};
  ck_assert_int_eq(enf_fit(ctx, tr, ROWS, data, &plan, count, &h, &report), ENF_ERR_CALLBACK);
  ck_assert(report.step == 5 && report.ended == 0);
  end();
  begin();
  OK(enf_fit(ctx, tr, ROWS, data, &plan, misuse, &h, &report));
  ck_assert_int_eq(h.status, ENF_ERR_STATE);
  end();
  begin();
  h = (host){.stop_at = 0, .what = ENF_FIT_BEGIN};
  OK(enf_fit(ctx, tr, ROWS, data, &plan, count, &h, &report));
  ck_assert(report.ended == ENF_FIT_ASKED && report.step == 0 && !report.saved);
}
END_TEST

START_TEST(misuse_is_refused) {
  enf_fit_plan plan = ENF_FIT_PLAN_INIT;
  enf_fit_report report = ENF_FIT_REPORT_INIT;
  begin();
#define REFUSED(status, words)                                                                     \
  ck_assert_int_eq(enf_fit(ctx, tr, ROWS, data, &plan, NULL, NULL, &report), status);              \
  ck_assert_msg(strstr(enf_ctx_errmsg(ctx), words) != NULL, "%s", enf_ctx_errmsg(ctx))
  plan.patience = 2;
  REFUSED(ENF_ERR_ARG, "patience is 2");
  plan.held_out = 3;
  REFUSED(ENF_ERR_ARG, "validation is NULL");
  plan = with_looks(5);
  plan.curve_path = NULL;
  REFUSED(ENF_ERR_ARG, "curve_path is NULL");
  plan = with_looks(5);
  held[7] = (double)INFINITY;
  REFUSED(ENF_ERR_NONFINITE, "validation");
  plan = with_files();
  plan.seconds = -1;
  REFUSED(ENF_ERR_RANGE, "seconds is -1");
  plan.seconds = 0;
  plan.steps = UINT64_MAX;
  REFUSED(ENF_ERR_RANGE, "at most 1000000000 steps");
  plan.struct_size = 0;
  REFUSED(ENF_ERR_ARG, "ENF_FIT_PLAN_INIT");
  plan = with_files();
  report.struct_size = 0;
  REFUSED(ENF_ERR_ARG, "ENF_FIT_REPORT_INIT");
#undef REFUSED
  ck_assert_int_eq(enf_fit(ctx, tr, 0, NULL, &plan, NULL, NULL, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_fit(ctx, NULL, ROWS, data, &plan, NULL, NULL, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_fit(NULL, tr, ROWS, data, &plan, NULL, NULL, NULL), ENF_ERR_ARG);
  plan.flow_path = "/nowhere/flow.safetensors";
  ck_assert_int_eq(enf_fit(ctx, tr, ROWS, data, &plan, NULL, NULL, NULL), ENF_ERR_IO);
}
END_TEST

/* Whichever allocation fails, the call ends with NOMEM and leaks nothing (close_bag). */
START_TEST(without_memory_it_fails_and_leaks_nothing) {
  enf_fit_plan plan = with_looks(2);
  enf_status status = ENF_ERR_NOMEM;
  size_t failed = 0;
  plan.steps = 4;
  for (size_t k = 1; status == ENF_ERR_NOMEM; k++) {
    begin();
    memory.calls = 0;
    memory.once = true;
    memory.fail_at = k;
    status = enf_fit(ctx, tr, ROWS, data, &plan, NULL, NULL, NULL);
    memory.fail_at = 0;
    failed += status == ENF_ERR_NOMEM;
    end();
  }
  OK(status);
  ck_assert_uint_ge(failed, 3);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("fit");
  tcase_add_checked_fixture(tests, open_bag, close_bag);
  tcase_add_loop_test(tests, a_fit_is_a_loop_of_steps, 0, 3);
  tcase_add_loop_test(tests, a_training_that_was_stopped_goes_on_bit_by_bit, 0, 6);
  tcase_add_test(tests, a_second_call_goes_on);
  tcase_add_test(tests, the_schedule_follows_the_time);
  tcase_add_test(tests, a_time_does_not_move_steps_that_were_given);
  tcase_add_test(tests, patience_keeps_the_best);
  tcase_add_test(tests, a_training_with_looks_needs_them_again);
  tcase_add_test(tests, a_training_that_goes_nowhere_fails_and_leaves_a_good_flow);
  tcase_add_test(tests, the_callback_is_asked_and_kept_in_bounds);
  tcase_add_test(tests, misuse_is_refused);
  tcase_add_test(tests, without_memory_it_fails_and_leaks_nothing);
  return run_suite("fit", tests);
}
