/* test_training.c -- training: it learns, it is the same for any number of threads and after a
   resumption, its gradient is the loss's, and what goes wrong changes nothing. */
#include "../failing_alloc.h"
#include "core/random.h"
#include "suite.h"
#include "train/train.h"
#include <math.h>
#include <stdio.h>
#include <unistd.h>

enum { N = 3, D = 2, DIM = N * D, ROWS = 64 };

static failing_alloc memory;
static enf_ctx *ctx;
static enf_opts *opts;
static enf_flow *flow;
static enf_trainer *tr;
static double data[ROWS * DIM];
static char path[64];

static void set(const char *name, const char *value) {
  ck_assert_msg(enf_opts_set(opts, name, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
}

#define OK(call) ck_assert_msg((call) == ENF_OK, "%s", enf_ctx_errmsg(ctx))

/* Triangles with sides near 2, 2.5 and 3, anywhere and of any orientation. */
static void make_data(void) {
  const double corners[DIM] = {0, 0, 2.5, 0, 1, 2};
  for (size_t i = 0; i < ROWS; i++) {
    double angle, shift[D], noise[DIM];
    enf__random_uniform(1, 50, i, 1, &angle);
    enf__random_normal(1, 51, i, D, shift);
    enf__random_normal(1, 52, i, DIM, noise);
    const double c = cos(7 * angle), s = sin(7 * angle);
    for (size_t p = 0; p < N; p++) {
      const double x = corners[2 * p] + 0.1 * noise[2 * p];
      const double y = corners[2 * p + 1] + 0.1 * noise[2 * p + 1];
      data[i * DIM + 2 * p] = c * x - s * y + 3 * shift[0];
      data[i * DIM + 2 * p + 1] = s * x + c * y + 3 * shift[1];
    }
  }
}

static void open_bag(void) {
  memory = (failing_alloc){0};
  const enf_alloc alloc = failing_alloc_of(&memory);
  ck_assert_int_eq(enf_ctx_create(&ctx, &alloc), ENF_OK);
  OK(enf_opts_create(ctx, &opts));
  set("model.particles", "3");
  set("model.dimensions", "2");
  set("model.hidden", "8");
  set("model.layers", "2");
  set("train.seed", "7");
  set("train.steps", "400");
  make_data();
  snprintf(path, sizeof path, "/tmp/enf-training-%ld.safetensors", (long)getpid());
}

static void close_bag(void) {
  enf_trainer_destroy(tr);
  enf_destroy(flow);
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
  unlink(path);
  tr = NULL;
  flow = NULL;
  ck_assert_uint_eq(memory.live, 0);
  ck_assert(!memory.foreign);
}

static void begin(void) {
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_create(ctx, &flow, opts));
  OK(enf_trainer_create(ctx, &tr, flow, opts));
}

static void end(void) {
  enf_trainer_destroy(tr);
  enf_destroy(flow);
  tr = NULL;
  flow = NULL;
}

static enf_step_info step(void) {
  enf_step_info info = ENF_STEP_INFO_INIT;
  double x[ROWS * DIM];
  size_t rows[ROWS];
  ck_assert_int_eq(enf_trainer_rows(tr, ROWS, 48, rows), ENF_OK);
  for (size_t i = 0; i < 48; i++)
    memcpy(x + i * DIM, data + rows[i] * DIM, DIM * sizeof *x);
  OK(enf_train_step(ctx, tr, 48, x, &info));
  return info;
}

/* All parameters of the flow, on the heap. */
static double *weights(size_t *bytes) {
  *bytes = flow->params.size * sizeof(double);
  double *copy = malloc(*bytes);
  memcpy(copy, flow->params.value, *bytes);
  return copy;
}

/* ---- learning ------------------------------------------------------------------------------- */

START_TEST(the_loss_goes_down) {
  const char *const settings[][2] = {{"train.coupling", "independent"},
                                     {"train.coupling", "ot"},
                                     {"train.coupling", "equivariant-ot"},
                                     {"train.sigma", "0.05"},
                                     {"run.precision", "float64"}};
  double early = 0, late = 0;
  set(settings[_i][0], settings[_i][1]);
  set("train.lr", "5e-3");
  begin();
  for (int k = 0; k < 400; k++) {
    const enf_step_info info = step();
    early += k < 40 ? info.loss : 0;
    late += k >= 360 ? info.loss : 0;
    ck_assert_uint_eq(info.step, (uint64_t)k + 1);
    ck_assert_uint_eq(info.evaluations, 48);
    ck_assert_uint_eq(info.skipped, 0);
    ck_assert(info.grad_norm > 0 && info.seconds > 0);
  }
  ck_assert_msg(late < 0.7 * early, "loss %g, then %g", early / 40, late / 40);
}
END_TEST

/* The gradient of every tensor against central differences of the loss, through the objective. */
static double loss_at(const enf__batch *batch, double *gradient) {
  enf__slope slope;
  const size_t params = batch->flow->params.size;
  OK(enf__reserve(ctx, enf__flow_matching.call_bytes(batch),
                  enf__flow_matching.worker_bytes(batch, &ctx->run)));
  OK(enf__flow_matching.evaluate(ctx, batch, &slope));
  for (size_t b = 0; gradient && b < slope.buffers; b++)
    for (size_t k = 0; k < params; k++)
      gradient[k] = (b ? gradient[k] : 0) + slope.gradients[b * params + k];
  return slope.loss;
}

/* A point on the path of a row at time t, every number drawn by the number of its sample. */
static void path_point(uint64_t sample, const double *x1, double sigma, double t, double *x) {
  double x0[DIM], eps[DIM];
  enf__prior_sample(&flow->prior, 7, ENF__STREAM_TRAIN_PRIOR, sample, x0);
  enf__space_normal(&flow->space, sigma, 7, ENF__STREAM_TRAIN_NOISE, sample, eps);
  for (size_t k = 0; k < DIM; k++)
    x[k] = (1 - t) * x0[k] + t * x1[k] + 4 * t * (1 - t) * eps[k];
}

/* The loss from its definition; the path's velocity by central differences, exact for a path of
   second order. */
START_TEST(loss_is_the_mean_squared_difference_of_velocities) {
  const uint64_t first = 5000;
  double want = 0;
  set("run.precision", "float64");
  set("train.sigma", "0.1");
  set("train.coupling", "independent");
  begin();
  step();
  for (size_t i = 0; i < ROWS; i++) {
    double t, x[DIM], before[DIM], after[DIM], v[DIM];
    enf__random_uniform(7, ENF__STREAM_TRAIN_TIME, first + i, 1, &t);
    path_point(first + i, data + i * DIM, 0.1, t, x);
    path_point(first + i, data + i * DIM, 0.1, t - 0.5, before);
    path_point(first + i, data + i * DIM, 0.1, t + 0.5, after);
    OK(enf__reserve(ctx, 0,
                    enf__field_workspace(enf__chain_field(&tr->work->chain), &ctx->run,
                                         &tr->flow->space.shape, ENF__VELOCITY)));
    enf__field_velocity(enf__chain_field(&tr->work->chain), &ctx->run, &ctx->workers[0],
                        &(enf__points){&tr->flow->space.shape, 1, &t, x}, v);
    for (size_t k = 0; k < DIM; k++)
      want += pow(v[k] - (after[k] - before[k]), 2) / (ROWS * DIM);
  }
  const enf__batch batch = {
      .options = tr->options, .flow = tr->work, .n = ROWS, .x = data, .first = first};
  ck_assert_double_eq_tol(loss_at(&batch, NULL), want, 1e-10 * want);
}
END_TEST

START_TEST(gradient_is_that_of_the_loss_by_name) {
  set("run.precision", "float64");
  set("train.sigma", "0.1");
  begin();
  for (int k = 0; k < 3; k++)
    step(); /* away from the near-zero start */
  const enf__batch batch = {
      .options = tr->options, .flow = tr->work, .n = ROWS, .x = data, .first = 1000};
  const size_t params = tr->work->params.size;
  double *gradient = malloc(params * sizeof *gradient), *w = tr->work->params.value;
  loss_at(&batch, gradient);
  for (size_t i = 0; i < tr->work->params.count; i++) {
    const enf__tensor *tensor = &tr->work->params.tensor[i];
    const size_t count = tensor->rows * tensor->cols;
    for (size_t k = 0; k < count; k += 1 + count / 5) {
      const size_t at = tensor->offset + k;
      const double kept = w[at], h = 1e-5;
      w[at] = kept + h;
      enf__flow_pack(tr->work);
      const double above = loss_at(&batch, NULL);
      w[at] = kept - h;
      enf__flow_pack(tr->work);
      const double slope = (above - loss_at(&batch, NULL)) / (2 * h);
      w[at] = kept;
      ck_assert_msg(fabs(slope - gradient[at]) <= 1e-8 + 1e-5 * fabs(slope),
                    "%s[%zu]: gradient %.12g, differences %.12g", tensor->name, k, gradient[at],
                    slope);
    }
  }
  free(gradient);
}
END_TEST

/* ---- the same bits -------------------------------------------------------------------------- */

START_TEST(fifty_steps_are_the_same_for_one_and_two_threads) {
  const char *const threads[] = {"1", "2"};
  double *w[2];
  size_t bytes = 0;
  set("run.precision", _i ? "float64" : "float32");
  set("train.sigma", "0.01");
  set("train.ot_block", "20");
  for (int run = 0; run < 2; run++) {
    set("run.threads", threads[run]);
    begin();
    for (int k = 0; k < 50; k++)
      step();
    w[run] = weights(&bytes);
    end();
  }
  ck_assert_mem_eq(w[0], w[1], bytes);
  free(w[0]), free(w[1]);
}
END_TEST

START_TEST(resuming_gives_the_bits_of_the_uninterrupted_training) {
  const int breaks[] = {0, 1, 13, 5};
  size_t bytes;
  set("model.edge_depth", _i < 3 ? "2" : "3");
  set("model.node_depth", _i < 3 ? "2" : "4");
  set("train.schedule", "cosine");
  set("train.clip", "0.1");
  set("train.weight_decay", "0.01");
  begin();
  enf_step_info whole = ENF_STEP_INFO_INIT, resumed = ENF_STEP_INFO_INIT;
  for (int k = 0; k < 20; k++)
    whole = step();
  double *want = weights(&bytes);
  end();
  begin();
  for (int k = 0; k < breaks[_i]; k++)
    step();
  OK(enf_trainer_save(ctx, tr, path));
  end();
  OK(enf_create(ctx, &flow, opts)); /* a fresh flow, other weights */
  OK(enf_trainer_load(ctx, &tr, flow, path));
  for (int k = breaks[_i]; k < 20; k++)
    resumed = step();
  double *got = weights(&bytes);
  ck_assert_mem_eq(want, got, bytes);
  ck_assert_mem_eq(&whole.loss, &resumed.loss, sizeof whole.loss);
  ck_assert_mem_eq(&whole.lr, &resumed.lr, sizeof whole.lr);
  ck_assert_uint_eq(whole.step, resumed.step);
  ck_assert_uint_eq(whole.clipped, resumed.clipped);
  ck_assert_uint_gt(whole.clipped, 0);
  ck_assert_double_eq(flow->space.scale, 0.98);
  free(want), free(got);
}
END_TEST

/* A flow that went through a file of its own has a fixed data scale; the training's decides. */
START_TEST(a_training_saved_before_its_first_step_still_finds_the_scale) {
  begin();
  OK(enf_trainer_save(ctx, tr, path));
  flow->scale_fixed = true;
  enf_trainer_destroy(tr);
  OK(enf_trainer_load(ctx, &tr, flow, path));
  step();
  ck_assert_double_eq(flow->space.scale, 0.98);
}
END_TEST

START_TEST(steps_with_the_same_rows_do_not_allocate) {
  set("run.threads", "2");
  begin();
  step();
  const size_t calls = memory.calls;
  for (int k = 0; k < 5; k++)
    step();
  ck_assert_uint_eq(memory.calls, calls);
}
END_TEST

/* ---- weights to use, data scale, rows -------------------------------------------------------- */

START_TEST(without_average_the_flow_holds_the_working_weights) {
  set("train.ema", "0");
  begin();
  for (int k = 0; k < 4; k++)
    step();
  size_t bytes;
  double *w = weights(&bytes);
  ck_assert_mem_eq(w, tr->work->params.value, bytes);
  free(w);
}
END_TEST

START_TEST(the_flow_holds_the_average_and_uses_it) {
  set("train.ema", "0.9");
  begin();
  for (int k = 0; k < 4; k++)
    step();
  size_t bytes;
  double *w = weights(&bytes), t = 0.3, v[DIM], again[DIM];
  ck_assert_mem_eq(w, tr->optimiser.average, bytes);
  ck_assert_int_ne(memcmp(w, tr->work->params.value, bytes), 0);
  OK(enf_velocity(ctx, flow, 1, &t, data, v, NULL));
  enf__flow_pack(flow);
  OK(enf_velocity(ctx, flow, 1, &t, data, again, NULL));
  ck_assert_mem_eq(v, again, sizeof v);
  free(w);
}
END_TEST

START_TEST(data_scale_is_the_rms_of_the_first_batch_to_two_digits) {
  double small[2 * DIM], scale;
  int64_t fixed;
  for (size_t k = 0; k < 2 * DIM; k++)
    small[k] = 5 + (k % 2 ? -0.001234 : 0.001234) * (k / 2 % 3 == 2 ? -2 : 1);
  begin();
  ck_assert_int_eq(enf_get_int(flow, "data_scale_fixed", &fixed), ENF_OK);
  ck_assert_int_eq(fixed, 0);
  OK(enf_train_step(ctx, tr, 2, small, NULL));
  ck_assert_int_eq(enf_get_real(flow, "data_scale", &scale), ENF_OK);
  ck_assert_double_eq(scale, 0.0017); /* 0.001234 sqrt(2) */
  step();
  ck_assert_int_eq(enf_get_real(flow, "data_scale", &scale), ENF_OK);
  ck_assert_double_eq(scale, 0.0017);
}
END_TEST

/* The scale of a batch with one frame that blew up is that of the others. */
START_TEST(a_frame_far_outside_does_not_set_the_scale) {
  double scale, of_others;
  begin();
  OK(enf_train_step(ctx, tr, ROWS - 1, data, NULL));
  OK(enf_get_real(flow, "data_scale", &of_others));
  end();
  begin();
  for (size_t k = 0; k < DIM; k++)
    data[(ROWS - 1) * DIM + k] = 1e4 * (double)k;
  OK(enf_train_step(ctx, tr, ROWS, data, NULL));
  OK(enf_get_real(flow, "data_scale", &scale));
  ck_assert_double_eq(scale, of_others);
}
END_TEST

START_TEST(a_data_scale_that_was_given_stays) {
  double scale;
  set("model.data_scale", "0.5");
  begin();
  step();
  ck_assert_int_eq(enf_get_real(flow, "data_scale", &scale), ENF_OK);
  ck_assert_double_eq(scale, 0.5);
}
END_TEST

START_TEST(data_without_extent_have_scale_one) {
  const double points[DIM] = {1, 2, 1, 2, 1, 2};
  double scale;
  begin();
  OK(enf_train_step(ctx, tr, 1, points, NULL));
  ck_assert_int_eq(enf_get_real(flow, "data_scale", &scale), ENF_OK);
  ck_assert_double_eq(scale, 1);
}
END_TEST

START_TEST(an_epoch_takes_every_row_once) {
  size_t seen[ROWS] = {0}, rows[16], other[16];
  begin();
  ck_assert_int_eq(enf_trainer_rows(tr, ROWS, 16, rows), ENF_OK);
  ck_assert_int_eq(enf_trainer_rows(tr, ROWS, 16, other), ENF_OK);
  ck_assert_mem_eq(rows, other, sizeof rows);
  for (int k = 0; k < 3 * ROWS / 16; k++) {
    ck_assert_int_eq(enf_trainer_rows(tr, ROWS, 16, rows), ENF_OK);
    for (int i = 0; i < 16; i++) {
      ck_assert_uint_lt(rows[i], ROWS);
      seen[rows[i]]++;
    }
    OK(enf_train_step(ctx, tr, 16, data, NULL));
  }
  for (int i = 0; i < ROWS; i++)
    ck_assert_uint_eq(seen[i], 3);
}
END_TEST

START_TEST(numbers_of_a_trainer) {
  int64_t value;
  set("train.batch", "48");
  set("train.clip", "0");
  begin();
  step();
  const struct {
    const char *name;
    int64_t value;
  } want[] = {{"step", 1}, {"steps", 400}, {"batch", 48}, {"skipped", 0}, {"clipped", 0}};
  for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
    ck_assert_int_eq(enf_trainer_get_int(tr, want[i].name, &value), ENF_OK);
    ck_assert_int_eq(value, want[i].value);
  }
  ck_assert_int_eq(enf_trainer_get_int(tr, "stride", &value), ENF_ERR_ARG);
  ck_assert_int_eq(enf_trainer_get_int(NULL, "step", &value), ENF_ERR_ARG);
  ck_assert_int_eq(enf_trainer_rows(tr, 0, 0, NULL), ENF_ERR_ARG);
}
END_TEST

/* ---- what goes wrong ------------------------------------------------------------------------- */

START_TEST(data_that_are_no_numbers_change_nothing) {
  const double bad[] = {NAN, INFINITY, -INFINITY};
  size_t bytes;
  int64_t done, fixed;
  char sentence[80];
  begin();
  double *before = weights(&bytes);
  data[5 * DIM + 3] = bad[_i];
  data[9 * DIM] = NAN;
  ck_assert_int_eq(enf_train_step(ctx, tr, ROWS, data, NULL), ENF_ERR_NONFINITE);
  snprintf(sentence, sizeof sentence, "row 5 of the batch holds %g; no step was made", bad[_i]);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), sentence);
  ck_assert_mem_eq(before, flow->params.value, bytes);
  ck_assert_int_eq(enf_trainer_get_int(tr, "step", &done), ENF_OK);
  ck_assert_int_eq(done, 0);
  ck_assert_int_eq(enf_get_int(flow, "data_scale_fixed", &fixed), ENF_OK);
  ck_assert_int_eq(fixed, 0);
  free(before);
}
END_TEST

/* Finite, but too far out for a length unit. */
START_TEST(a_batch_too_large_for_a_scale_changes_nothing) {
  int64_t fixed;
  begin();
  data[5 * DIM + 3] = 1e200;
  ck_assert_int_eq(enf_train_step(ctx, tr, ROWS, data, NULL), ENF_ERR_NONFINITE);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "too large for a data scale"));
  ck_assert_int_eq(enf_get_int(flow, "data_scale_fixed", &fixed), ENF_OK);
  ck_assert_int_eq(fixed, 0);
  data[5 * DIM + 3] = 1;
  ck_assert_int_eq(enf_train_step(ctx, tr, ROWS, data, NULL), ENF_OK);
}
END_TEST

/* Weights so large that the velocity overflows: every step is skipped, and says so. */
START_TEST(a_step_that_overflows_is_skipped_and_counted) {
  const char *name = "egnn.gcl_0.edge_mlp.0.weight";
  double huge[8 * 18];
  size_t bytes;
  enf_step_info info = ENF_STEP_INFO_INIT;
  for (size_t k = 0; k < sizeof huge / sizeof *huge; k++)
    huge[k] = k % 2 ? 1e30 : -1e30;
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_create(ctx, &flow, opts));
  OK(enf_params_set(ctx, flow, name, huge, sizeof huge / sizeof *huge));
  OK(enf_params_set(ctx, flow, "egnn.gcl_0.edge_mlp.2.weight", huge, 64));
  OK(enf_trainer_create(ctx, &tr, flow, opts));
  double *before = weights(&bytes);
  for (uint64_t k = 1; k <= 3; k++) {
    OK(enf_train_step(ctx, tr, ROWS, data, &info));
    ck_assert(!isfinite(info.loss) || !isfinite(info.grad_norm));
    ck_assert_uint_eq(info.step, k);
    ck_assert_uint_eq(info.skipped, k);
  }
  ck_assert_mem_eq(before, flow->params.value, bytes);
  ck_assert_uint_eq(tr->optimiser.updates, 0);
  free(before);
}
END_TEST

static int cancel(void *user, uint64_t done, uint64_t total) {
  (void)user;
  return done < total;
}

START_TEST(a_cancelled_step_leaves_the_training_as_it_was) {
  size_t bytes;
  begin();
  step();
  double *before = weights(&bytes);
  enf_ctx_set_progress(ctx, cancel, NULL);
  ck_assert_int_eq(enf_train_step(ctx, tr, ROWS, data, NULL), ENF_ERR_CANCELLED);
  enf_ctx_set_progress(ctx, NULL, NULL);
  ck_assert_mem_eq(before, flow->params.value, bytes);
  ck_assert_uint_eq(tr->counters[ENF__STEP], 1);
  ck_assert_uint_eq(tr->counters[ENF__SAMPLES], 48);
  free(before);
}
END_TEST

START_TEST(misuse_is_refused) {
  enf_step_info info = {0};
  enf_trainer *other = (enf_trainer *)ctx;
  begin();
  const struct {
    enf_trainer *tr;
    size_t n;
    const double *x;
    enf_step_info *info;
    const char *sentence;
  } bad[] = {
      {NULL, 1, data, NULL, "the trainer is NULL"},
      {other, 1, data, NULL, "the trainer is not a trainer"},
      {tr, 0, data, NULL, "a step takes 1 to 2147483647 rows, not 0"},
      {tr, (size_t)1 << 40, data, NULL, "a step takes 1 to 2147483647 rows, not 1099511627776"},
      {tr, 1, NULL, NULL, "x is NULL: train.objective flow-matching needs data"},
      {tr, 1, data, &info, "info has struct_size 0: begin with ENF_STEP_INFO_INIT"}};
  ck_assert_int_eq(enf_train_step(NULL, tr, 1, data, NULL), ENF_ERR_ARG);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ck_assert_int_eq(enf_train_step(ctx, bad[i].tr, bad[i].n, bad[i].x, bad[i].info), ENF_ERR_ARG);
    ck_assert_str_eq(enf_ctx_errmsg(ctx), bad[i].sentence);
  }
  ck_assert_int_eq(enf_trainer_create(ctx, NULL, flow, opts), ENF_ERR_ARG);
  ck_assert_int_eq(enf_trainer_create(ctx, &other, NULL, opts), ENF_ERR_ARG);
  ck_assert_ptr_null(other);
  enf_trainer_destroy(NULL);
}
END_TEST

/* Every allocation of a training's life fails once. */
START_TEST(without_memory_a_call_fails_and_leaks_nothing) {
  begin();
  enf_trainer_destroy(tr);
  tr = NULL;
  const size_t live = memory.live;
  for (size_t k = 1;; k++) {
    const size_t before = memory.calls;
    memory.fail_at = before + k;
    enf_status status = enf_trainer_create(ctx, &tr, flow, opts);
    if (status == ENF_OK)
      status = enf_train_step(ctx, tr, ROWS, data, NULL);
    if (status == ENF_OK)
      status = enf_trainer_save(ctx, tr, path);
    enf_trainer_destroy(tr);
    tr = NULL;
    if (status == ENF_OK)
      status = enf_trainer_load(ctx, &tr, flow, path);
    const bool failed = memory.calls >= memory.fail_at;
    memory.fail_at = 0;
    enf_trainer_destroy(tr);
    tr = NULL;
    ck_assert_int_eq(status, failed ? ENF_ERR_NOMEM : ENF_OK);
    if (!failed)
      break;
    ck_assert_str_ne(enf_ctx_errmsg(ctx), "");
    ck_assert_uint_le(memory.live, live + 2); /* the context's own workspace stays */
  }
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("laws");
  tcase_add_checked_fixture(tests, open_bag, close_bag);
  tcase_add_loop_test(tests, the_loss_goes_down, 0, 5);
  tcase_add_test(tests, loss_is_the_mean_squared_difference_of_velocities);
  tcase_add_test(tests, gradient_is_that_of_the_loss_by_name);
  tcase_add_loop_test(tests, fifty_steps_are_the_same_for_one_and_two_threads, 0, 2);
  tcase_add_loop_test(tests, resuming_gives_the_bits_of_the_uninterrupted_training, 0, 4);
  tcase_add_test(tests, a_training_saved_before_its_first_step_still_finds_the_scale);
  tcase_add_test(tests, steps_with_the_same_rows_do_not_allocate);
  tcase_add_test(tests, without_average_the_flow_holds_the_working_weights);
  tcase_add_test(tests, the_flow_holds_the_average_and_uses_it);
  tcase_add_test(tests, data_scale_is_the_rms_of_the_first_batch_to_two_digits);
  tcase_add_test(tests, a_frame_far_outside_does_not_set_the_scale);
  tcase_add_test(tests, a_data_scale_that_was_given_stays);
  tcase_add_test(tests, data_without_extent_have_scale_one);
  tcase_add_test(tests, an_epoch_takes_every_row_once);
  tcase_add_test(tests, numbers_of_a_trainer);
  tcase_add_loop_test(tests, data_that_are_no_numbers_change_nothing, 0, 3);
  tcase_add_test(tests, a_batch_too_large_for_a_scale_changes_nothing);
  tcase_add_test(tests, a_step_that_overflows_is_skipped_and_counted);
  tcase_add_test(tests, a_cancelled_step_leaves_the_training_as_it_was);
  tcase_add_test(tests, misuse_is_refused);
  tcase_add_test(tests, without_memory_a_call_fails_and_leaks_nothing);
  return run_suite("training", tests);
}
