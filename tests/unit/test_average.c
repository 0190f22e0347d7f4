/* test_average.c -- weighted averages: exact values, errors that cover, the laws of an average. */
#include "core/random.h"
#include "suite.h"
#include <check.h>
#include <enf/enf.h>
#include <math.h>

static enf_ctx *ctx;

static void open_context(void) { ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK); }
static void close_context(void) { enf_ctx_destroy(ctx); }

/* Weights 1, 2, 3 and 0. Without one of them the first mean is 13/5, 10/4 and 5/3. */
static const double logs[] = {0, 0.6931471805599453, 1.0986122886681098, -INFINITY};
static const double values[] = {1, -1, 2, -1, 3, -1, NAN, INFINITY};

START_TEST(means_and_errors_of_few_are_exact) {
  const double shift = _i * 1e3 - 1e3, mu = 14.0 / 6;
  const double off[] = {13.0 / 5 - mu, 10.0 / 4 - mu, 5.0 / 3 - mu};
  const double exact = sqrt(0.75 * (off[0] * off[0] + off[1] * off[1] + off[2] * off[2]));
  double logw[4], mean[2], err[2];
  for (int i = 0; i < 4; i++)
    logw[i] = logs[i] + shift;
  ck_assert_int_eq(enf_average(ctx, 4, logw, 2, values, mean, err), ENF_OK);
  ck_assert_double_eq_tol(mean[0], mu, 1e-12);
  ck_assert_double_eq_tol(mean[1], -1, 1e-15);
  ck_assert_double_eq_tol(err[0], exact, 1e-12);
  ck_assert_double_eq_tol(err[1], 0, 1e-15);
  ck_assert_int_eq(enf_average(ctx, 4, logw, 2, values, mean, NULL), ENF_OK);
}
END_TEST

/* Without weights, the mean and s / sqrt n, but for the n - 1 of s. */
START_TEST(without_weights_it_is_the_mean) {
  enum { n = 500 };
  double f[n], sum = 0, squares = 0, mean, err;
  for (size_t i = 0; i < n; i++) {
    enf__random_normal(3, 90, i, 1, &f[i]);
    sum += f[i] / n;
  }
  for (size_t i = 0; i < n; i++)
    squares += (f[i] - sum) * (f[i] - sum);
  ck_assert_int_eq(enf_average(ctx, n, NULL, 1, f, &mean, &err), ENF_OK);
  ck_assert_double_eq_tol(mean, sum, 1e-14);
  ck_assert_double_eq_tol(err, sqrt(squares / (n - 1) / n), 1e-12);
}
END_TEST

/* Normals reweighted to a mean of s: <x> = s, <x^2> = 1 + s^2, at an ESS of exp(-s^2). Over
   independent sets (found - exact)/err has variance 1; at s = 1 with 1000 samples it is 1.3 and
   1.8, as the tail of w x^2 is not seen by so few. */
START_TEST(errors_cover) {
  static const double shifts[] = {0, 0.5, 1};
  static const size_t sizes[] = {1000, 1000, 16000};
  enum { MOST = 16000, SETS = 100 };
  static double logw[MOST], f[2 * MOST];
  const size_t n = sizes[_i];
  double squares[2] = {0};
  const double s = shifts[_i], exact[] = {s, 1 + s * s};
  for (uint64_t seed = 0; seed < SETS; seed++) {
    double mean[2], err[2];
    for (size_t i = 0; i < n; i++) {
      double x;
      enf__random_normal(seed, 91, i, 1, &x);
      logw[i] = s * x;
      f[2 * i] = x, f[2 * i + 1] = x * x;
    }
    ck_assert_int_eq(enf_average(ctx, n, logw, 2, f, mean, err), ENF_OK);
    for (int k = 0; k < 2; k++)
      squares[k] += pow((mean[k] - exact[k]) / err[k], 2) / SETS;
  }
  for (int k = 0; k < 2; k++) /* chi-squared with 100 degrees; three standard errors */
    ck_assert_double_eq_tol(squares[k], 1, 3 * sqrt(2.0 / SETS));
}
END_TEST

/* One sample has nearly all weight: the means are its values, and the error says that nothing is
   known, where that of the delta method says 1e-5. */
START_TEST(error_grows_where_one_sample_decides) {
  const double logw[] = {0, -12, -12, -13}, f[] = {1, 2, 0, 5};
  const double alone[] = {0, -INFINITY, -1e4, -INFINITY};
  double mean, err;
  ck_assert_int_eq(enf_average(ctx, 4, logw, 1, f, &mean, &err), ENF_OK);
  ck_assert_double_eq_tol(mean, 1, 1e-4);
  ck_assert_double_gt(err, 0.1);
  ck_assert_int_eq(enf_average(ctx, 4, alone, 1, f, &mean, &err), ENF_OK);
  ck_assert_double_eq(mean, 1);
  ck_assert_double_eq(err, INFINITY);
  ck_assert_int_eq(enf_average(ctx, 1, NULL, 1, f, &mean, &err), ENF_OK);
  ck_assert_double_eq(err, INFINITY);
}
END_TEST

START_TEST(what_cannot_be_averaged_is_refused) {
  const double none[] = {-INFINITY, -INFINITY}, bad[] = {0, NAN}, huge[] = {INFINITY, 0};
  const double f[] = {1, NAN};
  double mean, err;
  ck_assert_int_eq(enf_average(ctx, 0, NULL, 1, f, &mean, &err), ENF_ERR_ARG);
  ck_assert_int_eq(enf_average(ctx, 1, NULL, 0, f, &mean, &err), ENF_ERR_ARG);
  ck_assert_int_eq(enf_average(ctx, 1, NULL, 1, NULL, &mean, &err), ENF_ERR_ARG);
  ck_assert_int_eq(enf_average(ctx, 1, NULL, 1, f, NULL, &err), ENF_ERR_ARG);
  ck_assert_int_eq(enf_average(ctx, 2, none, 1, f, &mean, &err), ENF_ERR_NONFINITE);
  ck_assert_int_eq(enf_average(ctx, 2, bad, 1, f, &mean, &err), ENF_ERR_NONFINITE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "logw[1] is nan: a log weight is a number or -infinity");
  ck_assert_int_eq(enf_average(ctx, 2, huge, 1, f, &mean, &err), ENF_ERR_NONFINITE);
  ck_assert_int_eq(enf_average(ctx, 2, NULL, 1, f, &mean, &err), ENF_ERR_NONFINITE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "value 0 of sample 1 is nan and has weight 0.5");
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("laws");
  tcase_add_checked_fixture(tests, open_context, close_context);
  tcase_add_loop_test(tests, means_and_errors_of_few_are_exact, 0, 3);
  tcase_add_test(tests, without_weights_it_is_the_mean);
  tcase_add_loop_test(tests, errors_cover, 0, 3);
  tcase_add_test(tests, error_grows_where_one_sample_decides);
  tcase_add_test(tests, what_cannot_be_averaged_is_refused);
  return run_suite("average", tests);
}
