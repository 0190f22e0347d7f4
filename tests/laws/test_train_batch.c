/* Steps on batches of any size: of one size that of enf_train_step; weights do not depend on how
   sizes are mixed, nor on threads; molecules with kinds are learned by both objectives; what cannot
   be trained on is refused and changes nothing. */
#include "flow/flow.h"
#include "host.h"
#include <math.h>
#include <string.h>

typedef struct {
  enf_flow *flow;
  enf_trainer *trainer;
} training;

static training begin(size_t count, option *list) {
  training t;
  enf_opts *opts = options_of(count, list);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  ck_assert_msg(enf_create(ctx, &t.flow, opts) == ENF_OK, "%s", enf_ctx_errmsg(ctx));
  ck_assert_msg(enf_trainer_create(ctx, &t.trainer, t.flow, opts) == ENF_OK, "%s",
                enf_ctx_errmsg(ctx));
  enf_opts_destroy(opts);
  return t;
}

static void end(training t) {
  enf_trainer_destroy(t.trainer);
  enf_destroy(t.flow);
}

enum { COUNT = 12, MOST = 4 };
/* Chains of 2, 3 and 4 particles a unit apart, with noise; kinds alternate. */
static void append(enf_batch *batch, size_t number, bool kinds) {
  const size_t N = 2 + number % 3;
  double x[3 * MOST];
  int32_t kind[MOST];
  for (size_t a = 0; a < N; a++) {
    kind[a] = (int32_t)(a % 2);
    for (size_t d = 0; d < 3; d++)
      x[3 * a + d] = (d == 0) * (double)a + 0.1 * sin((double)(37 * number + 3 * a + d));
  }
  ck_assert_int_eq(enf_batch_append(ctx, batch, N, kinds ? kind : NULL, 0, NULL, x), ENF_OK);
}

static enf_batch *chains(bool by_size, bool kinds) {
  enf_batch *batch;
  ck_assert_int_eq(enf_batch_create(ctx, &batch, 3), ENF_OK);
  for (size_t i = 0; i < COUNT; i++)
    append(batch, by_size ? 3 * (i % (COUNT / 3)) + i / (COUNT / 3) : i, kinds);
  return batch;
}

#define SMALL                                                                                      \
  {"model.hidden", "8"}, {"model.layers", "2"}, {"train.ema", "0"}, {"train.lr", "0.003"}, {       \
    "train.optimizer", "adamw"                                                                     \
  }
#define MOLECULES                                                                                  \
  SMALL, {"model.elements", "H O"}, { "model.charges", "on" }

START_TEST(one_size_is_the_step_there_is) {
  option list[] = {SMALL, {"model.particles", "3"}, {"run.precision", "float64"}};
  training one = begin(7, list), other = begin(7, list);
  enf_step_info a = ENF_STEP_INFO_INIT, b = ENF_STEP_INFO_INIT;
  enf_batch *batch;
  double x[4 * 9];
  ck_assert_int_eq(enf_batch_create(ctx, &batch, 3), ENF_OK);
  for (size_t i = 0; i < 4; i++) {
    const double *row;
    append(batch, 1 + 3 * i, false);
    enf_batch_get(batch, i, NULL, NULL, NULL, NULL, &row);
    memcpy(x + 9 * i, row, 9 * sizeof *x);
  }
  for (int step = 0; step < 5; step++) {
    ck_assert_int_eq(enf_train_step(ctx, one.trainer, 4, x, &a), ENF_OK);
    ck_assert_msg(enf_train_step_batch(ctx, other.trainer, batch, &b) == ENF_OK, "%s",
                  enf_ctx_errmsg(ctx));
    ck_assert_double_lt(fabs(a.loss - b.loss), 1e-9 * fabs(a.loss));
    ck_assert_double_lt(fabs(a.grad_norm - b.grad_norm), 1e-9 * fabs(a.grad_norm));
    ck_assert_uint_eq(b.step, (uint64_t)step + 1);
  }
  enf_batch_destroy(batch);
  end(one);
  end(other);
}
END_TEST

static void take_steps(training t, const enf_batch *batch, int steps, double loss[2]) {
  enf_step_info info = ENF_STEP_INFO_INIT;
  for (int step = 0; step < steps; step++) {
    ck_assert_msg(enf_train_step_batch(ctx, t.trainer, batch, &info) == ENF_OK, "%s",
                  enf_ctx_errmsg(ctx));
    ck_assert_uint_eq(info.skipped, 0);
    if (step < steps / 5)
      loss[0] += info.loss / (steps / 5);
    if (step >= steps - steps / 5)
      loss[1] += info.loss / (steps / 5);
  }
}

START_TEST(how_sizes_are_mixed_leaves_no_trace) {
  option one_thread[] = {MOLECULES, {"run.threads", "1"}};
  option two_threads[] = {MOLECULES, {"run.threads", "2"}};
  enf_batch *mixed = chains(false, true), *sorted = chains(true, true);
  double loss[2] = {0}, other[2] = {0};
  training a = begin(8, one_thread);
  take_steps(a, mixed, 5, loss);
  training b = begin(8, two_threads);
  take_steps(b, sorted, 5, other);
  ck_assert(memcmp(loss, other, sizeof loss) == 0);
  ck_assert(memcmp(a.flow->params.value, b.flow->params.value,
                   a.flow->params.size * sizeof(double)) == 0);
  enf_batch_destroy(mixed);
  enf_batch_destroy(sorted);
  end(a);
  end(b);
}
END_TEST

/* The chains of N particles. */
static enf_batch *chains_of(size_t N) {
  enf_batch *batch;
  ck_assert_int_eq(enf_batch_create(ctx, &batch, 3), ENF_OK);
  for (size_t i = 0; i < COUNT; i++)
    if (2 + i % 3 == N)
      append(batch, i, true);
  return batch;
}

/* With no update between, sizes one after another have the draws that they have in one step. */
START_TEST(loss_of_all_sizes_is_the_mean_over_coordinates) {
  option list[] = {
      MOLECULES, {"train.lr", "0"}, {"model.data_scale", "1"}, {"run.precision", "float64"}};
  training together = begin(10, list), apart = begin(10, list);
  enf_step_info info = ENF_STEP_INFO_INIT;
  enf_batch *all = chains(false, true);
  double sum = 0, coordinates = 0;
  for (size_t N = 2; N <= MOST; N++) {
    enf_batch *some = chains_of(N);
    const double weight = (double)(enf_batch_count(some) * N * 6);
    ck_assert_msg(enf_train_step_batch(ctx, apart.trainer, some, &info) == ENF_OK, "%s",
                  enf_ctx_errmsg(ctx));
    sum += weight * info.loss;
    coordinates += weight;
    enf_batch_destroy(some);
  }
  ck_assert_int_eq(enf_train_step_batch(ctx, together.trainer, all, &info), ENF_OK);
  ck_assert_double_lt(fabs(info.loss - sum / coordinates), 1e-12 * info.loss);
  ck_assert_uint_eq(info.evaluations, COUNT);
  enf_batch_destroy(all);
  end(together);
  end(apart);
}
END_TEST

START_TEST(molecules_are_learned) {
  option matching[] = {MOLECULES};
  option likelihood[] = {MOLECULES,
                         {"train.objective", "likelihood"},
                         {"model.dequantiser", "variational"},
                         {"model.dequantiser_layers", "1"},
                         {"model.actnorm", "on"},
                         {"ode.rtol", "1e-3"},
                         {"ode.atol", "1e-3"}};
  enf_batch *batch = chains(false, true);
  double by_matching[2] = {0}, by_likelihood[2] = {0};
  training t = begin(7, matching);
  take_steps(t, batch, 200, by_matching);
  ck_assert_double_lt(by_matching[1], 0.9 * by_matching[0]);
  end(t);
  t = begin(13, likelihood);
  take_steps(t, batch, 30, by_likelihood);
  ck_assert_double_lt(by_likelihood[1], by_likelihood[0] - 1);
  end(t);
  enf_batch_destroy(batch);
}
END_TEST

static double mean_bound(const enf_flow *flow, const enf_batch *batch) {
  double bound[COUNT], sum = 0;
  ck_assert_msg(enf_log_prob_batch(ctx, flow, batch, 1, bound, NULL) == ENF_OK, "%s",
                enf_ctx_errmsg(ctx));
  for (size_t i = 0; i < COUNT; i++)
    sum += bound[i] / COUNT;
  return sum;
}

/* Flow matching on the other side of dequantiser and actnorm makes a density of their kinds. */
START_TEST(matching_raises_the_bound) {
  option list[] = {MOLECULES,
                   {"model.dequantiser", "uniform"},
                   {"model.actnorm", "on"},
                   {"model.sizes", "2:1 3:1 4:1"},
                   {"train.sigma", "0"},
                   {"logdet.checks", "0"},
                   {"ode.rtol", "1e-3"},
                   {"ode.atol", "1e-3"}};
  enf_batch *batch = chains(false, true);
  double loss[2] = {0};
  training t = begin(14, list);
  take_steps(t, batch, 5, loss);
  const double before = mean_bound(t.flow, batch);
  take_steps(t, batch, 400, loss);
  const double after = mean_bound(t.flow, batch);
  ck_assert_msg(after > before + 5, "the bound is %g, and was %g", after, before);
  enf_batch_destroy(batch);
  end(t);
}
END_TEST

START_TEST(what_cannot_be_trained_on_is_refused) {
  option list[] = {MOLECULES};
  training t = begin(7, list);
  enf_batch *batch;
  const double nan[6] = {NAN, NAN, NAN, NAN, NAN, NAN}, x[6] = {0, 0, 0, 1, 0, 0};
  const int32_t kinds[2] = {0, 1}, other[2] = {0, 2};
  enf_step_info info = {0};
  ck_assert_int_eq(enf_batch_create(ctx, &batch, 3), ENF_OK);
  ck_assert_int_eq(enf_train_step_batch(ctx, t.trainer, batch, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_train_step_batch(ctx, t.trainer, NULL, NULL), ENF_ERR_ARG);
  enf_batch_append(ctx, batch, 2, kinds, 0, NULL, x);
  ck_assert_int_eq(enf_train_step_batch(ctx, t.trainer, batch, &info), ENF_ERR_ARG);
  enf_batch_append(ctx, batch, 2, kinds, 0, NULL, nan);
  ck_assert_int_eq(enf_train_step_batch(ctx, t.trainer, batch, NULL), ENF_ERR_NONFINITE);
  enf_batch_destroy(batch);
  enf_batch_create(ctx, &batch, 3);
  enf_batch_append(ctx, batch, 2, other, 0, NULL, x);
  ck_assert_int_eq(enf_train_step_batch(ctx, t.trainer, batch, NULL), ENF_ERR_RANGE);
  int64_t steps = -1;
  enf_trainer_get_int(t.trainer, "step", &steps);
  ck_assert_int_eq(steps, 0);
  enf_batch_destroy(batch);
  end(t);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("training");
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_test(tests, one_size_is_the_step_there_is);
  tcase_add_test(tests, how_sizes_are_mixed_leaves_no_trace);
  tcase_add_test(tests, loss_of_all_sizes_is_the_mean_over_coordinates);
  tcase_add_test(tests, molecules_are_learned);
  tcase_add_test(tests, matching_raises_the_bound);
  tcase_add_test(tests, what_cannot_be_trained_on_is_refused);
  return run_suite("training on batches", tests);
}
