/* test_weighted.c -- steps on rows with weights: none are all alike, whole numbers are rows that
   come so often, the gradient is the loss's, and what is left out may be anything. */
#include "laws/objectives.h"
#include "train/weighted.h"

static void open_weighted(void) {
  open_bag();
  row_weights = NULL;
}

/* One step of a fresh trainer on these rows; the flow's weights after it, on the heap. */
static double *made(size_t n, const double *x, const double *logw, enf_step_info *info,
                    size_t *bytes) {
  begin();
  *info = (enf_step_info)ENF_STEP_INFO_INIT;
  OK(enf_train_step_weighted(ctx, tr, n, x, logw, info));
  info->seconds = 0;
  double *after = weights(bytes);
  end();
  return after;
}

/* Both steps do the same to the bit. */
static void same(size_t n, const double *x, const double *logw, size_t m, const double *y,
                 const double *logv) {
  enf_step_info info[2];
  size_t bytes;
  double *a = made(n, x, logw, &info[0], &bytes), *b = made(m, y, logv, &info[1], &bytes);
  ck_assert_mem_eq(&info[0], &info[1], sizeof info[0]);
  ck_assert_mem_eq(a, b, bytes);
  free(a), free(b);
}

static const char *const kinds[] = {"flow-matching", "likelihood", "mixed"};
static const char *const couplings[] = {"independent", "ot", "equivariant-ot"};

static double rows[ROWS * MOST_DIM];

static void take_rows(void) {
  begin();
  memcpy(rows, data, sizeof rows);
  end();
}

START_TEST(equal_weights_are_none) {
  double level[ROWS], low[ROWS] = {0};
  set("train.objective", kinds[_i]);
  take_rows();
  for (int i = 0; i < ROWS; i++)
    level[i] = 900.25;
  same(ROWS, rows, NULL, ROWS, rows, level);
  same(ROWS, rows, NULL, ROWS, rows, low);
  begin();
  enf_step_info info = ENF_STEP_INFO_INIT;
  OK(enf_train_step(ctx, tr, ROWS, rows, &info));
  info.seconds = 0;
  size_t bytes;
  double *a = weights(&bytes);
  end();
  enf_step_info other;
  double *b = made(ROWS, rows, NULL, &other, &bytes);
  ck_assert_mem_eq(&info, &other, sizeof info);
  ck_assert_mem_eq(a, b, bytes);
  free(a), free(b);
}
END_TEST

/* Flow matching, where whole numbers add up to n: to the bit, whatever the coupling. */
START_TEST(whole_numbers_are_repeated_rows_in_flow_matching) {
  static const double times[ROWS] = {3, 0, 1, 1, 0, 0, 4, 1, 0, 1, 1, 0};
  double logw[ROWS], repeated[ROWS * MOST_DIM];
  set("train.coupling", couplings[_i]);
  take_rows();
  size_t to = 0;
  for (size_t i = 0; i < ROWS; i++) {
    logw[i] = log(times[i]) - 40;
    for (double k = 0; k < times[i]; k++)
      memcpy(repeated + to++ * dim, rows + i * dim, dim * sizeof *rows);
  }
  ck_assert_uint_eq(to, ROWS);
  rows[1 * dim] = NAN; /* weight 0 */
  same(ROWS, rows, logw, ROWS, repeated, NULL);
}
END_TEST

/* Likelihood with the exact trace, where no random number belongs to a row: loss and gradient. */
START_TEST(whole_numbers_are_repeated_rows_in_likelihoods) {
  static const double times[] = {3, 1, 2};
  double gradient[2][4096], repeated[6 * MOST_DIM], loss[2];
  set("model.field", fields[_i]);
  set("train.objective", "likelihood");
  set("train.trace", "exact");
  set("train.kinetic", "0.3");
  begin();
  enf__batch batch = batch_of(3, 0);
  batch.weight = times;
  loss[0] = evaluate(&enf__likelihood, &batch, gradient[0]);
  size_t to = 0;
  for (size_t i = 0; i < 3; i++)
    for (double k = 0; k < times[i]; k++)
      memcpy(repeated + to++ * dim, data + i * dim, dim * sizeof *data);
  batch = batch_of(6, 0);
  batch.x = repeated;
  loss[1] = evaluate(&enf__likelihood, &batch, gradient[1]);
  ck_assert_double_eq_tol(loss[0], loss[1], 1e-12 * fabs(loss[1]));
  for (size_t k = 0; k < tr->work->params.size; k++)
    ck_assert_double_eq_tol(gradient[0][k], gradient[1][k], 1e-11);
}
END_TEST

START_TEST(gradient_is_that_of_the_weighted_loss) {
  static const double w[] = {0.2, 1, 0.05};
  row_weights = w;
  set("model.field", fields[_i % FIELDS]);
  if (_i / FIELDS == 0) {
    set("model.prior", "student-t");
    set("model.prior_train", "on");
  }
  begin();
  compare(_i / FIELDS ? &enf__mixed : &enf__likelihood, 1e-7);
}
END_TEST

/* Of mixed, the data's part has the weights, and only that. */
START_TEST(energies_have_no_weights) {
  static const double w[] = {0.2, 1, 0.05, 0.5};
  set("train.lambda", "0.3");
  set("train.lambda_end", "0.3");
  begin();
  const enf__batch plain = batch_of(4, 0);
  row_weights = w;
  const enf__batch batch = batch_of(4, 0);
  const double likelihood = evaluate(&enf__likelihood, &batch, NULL);
  const double reverse = evaluate(&enf__energy_objective, &plain, NULL);
  ck_assert_double_gt(fabs(likelihood - evaluate(&enf__likelihood, &plain, NULL)), 1e-3);
  ck_assert_double_eq_tol(evaluate(&enf__mixed, &batch, NULL), 0.3 * likelihood + 0.7 * reverse,
                          1e-10);
}
END_TEST

/* As if they had not been there, the data scale of a fresh flow included. */
START_TEST(rows_without_weight_are_left_out) {
  double logw[ROWS], rest[ROWS * MOST_DIM], left[ROWS];
  size_t count = 0;
  set("train.objective", kinds[1 + _i]);
  set("model.data_scale", "auto");
  take_rows();
  for (size_t i = 0; i < ROWS; i++) {
    logw[i] = i % 4 == 1 ? -INFINITY : -0.3 * (double)i;
    if (i % 4 == 1) {
      rows[i * dim] = i == 1 ? NAN : 1e200;
      continue;
    }
    left[count] = logw[i];
    memcpy(rest + count++ * dim, rows + i * dim, dim * sizeof *rows);
  }
  same(ROWS, rows, logw, count, rest, left);
}
END_TEST

/* Row i about as often as its share says, at any offset, and in the mean exactly. */
START_TEST(resampled_rows_come_as_often_as_they_weigh) {
  enum { n = 7, OFFSETS = 1000 };
  static const double share[n] = {0.31, 0, 0.02, 0.4, 0.07, 0.2, 0};
  double x[n], out[n], logw[n], mean[n] = {0};
  for (int i = 0; i < n; i++)
    x[i] = i, logw[i] = log(share[i]) + 800;
  const enf__weighted all = {n, 1, x, logw, log(0.4) + 800};
  for (int k = 0; k < OFFSETS; k++) {
    double count[n] = {0};
    enf__weighted_resample(&all, (k + 0.5) / OFFSETS, n, out);
    for (int i = 0; i < n; i++) {
      count[(int)out[i]]++;
      ck_assert(i == 0 || out[i] >= out[i - 1]);
    }
    for (int i = 0; i < n; i++) {
      ck_assert_double_lt(fabs(count[i] - n * share[i]), 1);
      mean[i] += count[i] / OFFSETS;
    }
  }
  for (int i = 0; i < n; i++)
    ck_assert_double_eq_tol(mean[i], n * share[i], 1.0 / OFFSETS);
}
END_TEST

START_TEST(weights_that_are_none_are_refused) {
  static const struct {
    double bad;
    const char *sentence;
  } cases[] = {
      {NAN, "logw[3] is nan: a log weight is a number or -infinity; no step was made"},
      {INFINITY, "logw[3] is inf: a log weight is a number or -infinity; no step was made"},
      {-INFINITY, "all 12 rows have weight 0; no step was made"}};
  double logw[ROWS];
  set("train.objective", kinds[_i]);
  begin();
  for (int k = 0; k < 3; k++) {
    for (int i = 0; i < ROWS; i++)
      logw[i] = i == 3 ? cases[k].bad : -INFINITY;
    ck_assert_int_eq(enf_train_step_weighted(ctx, tr, ROWS, data, logw, NULL), ENF_ERR_NONFINITE);
    ck_assert_str_eq(enf_ctx_errmsg(ctx), cases[k].sentence);
  }
  logw[3] = 0;
  data[3 * dim] = NAN;
  ck_assert_int_eq(enf_train_step_weighted(ctx, tr, ROWS, data, logw, NULL), ENF_ERR_NONFINITE);
  ck_assert_int_eq(enf_train_step_weighted(ctx, tr, ROWS, NULL, logw, NULL), ENF_ERR_ARG);
  ck_assert_uint_eq(tr->counters[ENF__STEP], 0);
}
END_TEST

START_TEST(objectives_without_rows_refuse_weights) {
  const double logw[ROWS] = {0};
  set("train.objective", "energy");
  begin();
  ck_assert_int_eq(enf_train_step_weighted(ctx, tr, ROWS, data, logw, NULL), ENF_ERR_ARG);
  ck_assert_str_eq(enf_ctx_errmsg(ctx),
                   "train.objective energy takes no rows that logw could weigh");
  OK(enf_train_step_weighted(ctx, tr, ROWS, NULL, NULL, NULL));
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("laws");
  tcase_add_checked_fixture(tests, open_weighted, close_bag);
  tcase_add_loop_test(tests, equal_weights_are_none, 0, 3);
  tcase_add_loop_test(tests, whole_numbers_are_repeated_rows_in_flow_matching, 0, 3);
  tcase_add_loop_test(tests, whole_numbers_are_repeated_rows_in_likelihoods, 0, FIELDS);
  tcase_add_loop_test(tests, gradient_is_that_of_the_weighted_loss, 0, 2 * FIELDS);
  tcase_add_test(tests, energies_have_no_weights);
  tcase_add_loop_test(tests, rows_without_weight_are_left_out, 0, 2);
  tcase_add_test(tests, resampled_rows_come_as_often_as_they_weigh);
  tcase_add_loop_test(tests, weights_that_are_none_are_refused, 0, 3);
  tcase_add_test(tests, objectives_without_rows_refuse_weights);
  return run_suite("weighted", tests);
}
