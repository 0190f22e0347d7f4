/* test_reweight.c -- importance weights: known normaliser, known errors, every rule about numbers
   that are none. */
#include "core/random.h"
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static enf_ctx *ctx;

static void open_context(void) { ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK); }
static void close_context(void) { enf_ctx_destroy(ctx); }

/* Samples of a standard normal as proposals for exp(-x^2/(2 s^2) - shift): Z = s sqrt(2 pi)
   exp(-shift), ess -> s sqrt(2 - s^2). */
static void gaussian(size_t n, double s, double shift, uint64_t seed, double *logp, double *u) {
  const double pi = acos(-1);
  for (size_t i = 0; i < n; i++) {
    double x;
    enf__random_normal(seed, 99, i, 1, &x);
    logp[i] = -0.5 * x * x - 0.5 * log(2 * pi);
    u[i] = 0.5 * x * x / (s * s) + shift;
  }
}

START_TEST(gaussian_normaliser_is_found_within_its_error) {
  const size_t n = 20000;
  const double s = 0.8, shift = _i * 700.0 - 1400, ess = s * sqrt(2 - s * s);
  const double exact = log(s) + 0.5 * log(2 * acos(-1)) - shift;
  double *logp = malloc(n * sizeof *logp), *u = malloc(n * sizeof *u);
  double *logw = malloc(n * sizeof *logw);
  enf_weights w = ENF_WEIGHTS_INIT;
  gaussian(n, s, shift, 3, logp, u);
  ck_assert_int_eq(enf_reweight(ctx, n, logp, u, logw, &w), ENF_OK);
  const double error = sqrt((1 / ess - 1) / (double)n);
  ck_assert_double_eq_tol(w.log_z, exact, 3 * error);
  /* 200 resamples know the error to 5 %, 4096 groups to 1 %. */
  ck_assert_double_eq_tol(w.log_z_err, error, 0.2 * error);
  ck_assert_double_eq_tol(w.ess, ess, 0.01);
  ck_assert_uint_eq(w.n, n);
  ck_assert_uint_eq(w.n_nonfinite, 0);
  double sum = 0, largest = 0;
  for (size_t i = 0; i < n; i++) {
    sum += exp(logw[i]);
    largest = fmax(largest, exp(logw[i]));
  }
  ck_assert_double_eq_tol(sum, 1, 1e-11);
  ck_assert_double_eq_tol(w.max_weight, largest, 1e-14);
  free(logp), free(u), free(logw);
}
END_TEST

/* However large all energies are, the weights are those of their differences and sum to 1. */
START_TEST(huge_energies_have_weights_that_sum_to_1) {
  enum { N = 1000 };
  static const double huge[] = {0, 1e8, 1e15, 1e17, -1e17, 1e300};
  double logp[N], u[N], logw[N], sum = 0;
  enf_weights w = ENF_WEIGHTS_INIT;
  for (int i = 0; i < N; i++) {
    logp[i] = 0;
    u[i] = huge[_i] + (i % 3); /* rounded where it is too small beside the rest */
  }
  ck_assert_int_eq(enf_reweight(ctx, N, logp, u, logw, &w), ENF_OK);
  for (int i = 0; i < N; i++) {
    sum += exp(logw[i]);
    ck_assert_double_eq_tol(logw[0] - logw[i], u[i] - u[0], 1e-9);
  }
  ck_assert_double_eq_tol(sum, 1, 1e-12);
}
END_TEST

/* The error bars' own test: over 60 independent data sets, (found - exact)/err has variance 1. */
START_TEST(error_bars_are_honest) {
  const size_t n = 1000, sets = 60;
  const double s = 0.7, exact = log(s) + 0.5 * log(2 * acos(-1)), ess = s * sqrt(2 - s * s);
  double logp[1000], u[1000], squares = 0, ess_squares = 0, ratio = 0;
  for (uint64_t k = 0; k < sets; k++) {
    enf_weights w = ENF_WEIGHTS_INIT;
    gaussian(n, s, 0, 100 + k, logp, u);
    ck_assert_int_eq(enf_reweight(ctx, n, logp, u, NULL, &w), ENF_OK);
    squares += pow((w.log_z - exact) / w.log_z_err, 2);
    ess_squares += pow((w.ess - ess) / w.ess_err, 2);
    ratio += w.ess_clipped_err / w.ess_err / (double)sets;
  }
  /* chi-squared with 60 degrees: 60 +- 11; three standard errors */
  ck_assert_double_eq_tol(squares / (double)sets, 1, 3 * sqrt(2 / (double)sets));
  ck_assert_double_eq_tol(ess_squares / (double)sets, 1, 3 * sqrt(2 / (double)sets));
  /* bounded weights: cutting one in a thousand changes little */
  ck_assert_double_eq_tol(ratio, 1, 0.02);
}
END_TEST

START_TEST(equal_weights_are_perfect) {
  double logp[1000], u[1000];
  enf_weights w = ENF_WEIGHTS_INIT;
  for (size_t i = 0; i < 1000; i++)
    logp[i] = -2, u[i] = 5;
  ck_assert_int_eq(enf_reweight(ctx, 1000, logp, u, NULL, &w), ENF_OK);
  ck_assert_double_eq_tol(w.ess, 1, 1e-14);
  ck_assert_double_eq_tol(w.ess_clipped, 1, 1e-14);
  ck_assert_double_eq_tol(w.log_z, -3, 1e-14);
  ck_assert_double_lt(w.log_z_err, 1e-12);
  ck_assert_double_lt(w.ess_err, 1e-12);
  ck_assert_double_lt(w.ess_clipped_err, 1e-12);
  ck_assert_double_eq_tol(w.max_weight, 1e-3, 1e-16);
  ck_assert_double_eq(w.clipped_share, 1e-3);
}
END_TEST

/* 3000 weights 1 and, scattered, four of 50, 40, 30 and 20: the largest n/1000 = 3 become 20. */
START_TEST(largest_weights_are_clipped_to_the_next) {
  const size_t n = 3004;
  double logp[3004], u[3004] = {0};
  const double big[] = {50, 40, 30, 20};
  for (size_t i = 0; i < n; i++)
    logp[i] = 0;
  for (size_t k = 0; k < 4; k++)
    logp[(k * 911 + 13) % n] = -log(big[k]);
  enf_weights w = ENF_WEIGHTS_INIT;
  ck_assert_int_eq(enf_reweight(ctx, n, logp, u, NULL, &w), ENF_OK);
  const double sum = 3000 + 140, squares = 3000 + 2500 + 1600 + 900 + 400, count = 3004;
  ck_assert_double_eq_tol(w.ess, sum * sum / (count * squares), 1e-11);
  ck_assert_double_eq_tol(w.ess_clipped, 3080.0 * 3080 / (count * 4600), 1e-11);
  ck_assert_double_eq(w.clipped_share, 3 / count);
  ck_assert_double_lt(w.ess_clipped_err, 0.8 * w.ess_err);
  ck_assert_double_eq_tol(w.max_weight, 50 / sum, 1e-12);
}
END_TEST

/* What one sample among ten contributes: log weight of the others is 0. */
static const struct {
  double logp, u;
  int nonfinite;
} rules[] = {{0, INFINITY, 0},        {0, NAN, 1},          {NAN, 0, 1},
             {0, -INFINITY, 1},       {INFINITY, 0, 1},     {-INFINITY, 0, 1},
             {INFINITY, INFINITY, 1}, {NAN, INFINITY, 1},   {-INFINITY, INFINITY, 1},
             {-1.7e308, -1.7e308, 1}, {1.7e308, 1.7e308, 0}};

/* One weight that is larger than all others by any factor: without it they are equal. */
START_TEST(an_outlier_hides_nothing_from_the_clipped_figure) {
  enum { n = 1000 };
  double logp[n], u[n] = {0};
  for (double gap = 5; gap < 1e5; gap *= 3) {
    enf_weights w = ENF_WEIGHTS_INIT;
    for (size_t i = 0; i < n; i++)
      logp[i] = -7;
    logp[500] = -7 - gap;
    ck_assert_int_eq(enf_reweight(ctx, n, logp, u, NULL, &w), ENF_OK);
    ck_assert_double_eq_tol(w.ess_clipped, 1, 1e-12);
    ck_assert_double_eq_tol(w.ess_clipped_err, 0, 1e-7);
    /* a third of all resamples do not have it, and an ESS of 1 */
    ck_assert_double_gt(w.ess_err, gap > 10 ? 0.3 : 0.01);
  }
}
END_TEST

START_TEST(impossible_samples_weigh_nothing_but_count) {
  double logp[10] = {0}, u[10] = {0}, logw[10];
  enf_weights w = ENF_WEIGHTS_INIT;
  logp[4] = rules[_i].logp, u[4] = rules[_i].u;
  ck_assert_int_eq(enf_reweight(ctx, 10, logp, u, logw, &w), ENF_OK);
  ck_assert_double_eq(logw[4], -INFINITY);
  ck_assert_double_eq_tol(logw[3], -log(9), 1e-14);
  ck_assert_uint_eq(w.n, 10);
  ck_assert_uint_eq(w.n_nonfinite, (uint64_t)rules[_i].nonfinite);
  ck_assert_double_eq_tol(w.log_z, log(0.9), 1e-14);
  ck_assert_double_eq_tol(w.ess, 0.9, 1e-14);
  ck_assert_double_eq_tol(w.max_weight, 1.0 / 9, 1e-14);
}
END_TEST

START_TEST(no_weight_at_all_is_nonfinite) {
  const double logp[] = {0, NAN, 1}, u[] = {INFINITY, 0, INFINITY};
  double logw[3];
  enf_weights w = ENF_WEIGHTS_INIT;
  ck_assert_int_eq(enf_reweight(ctx, 3, logp, u, logw, &w), ENF_ERR_NONFINITE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx),
                   "all 3 weights are 0: u is +infinity or, in 1 of them, u or "
                   "logp is not a usable number");
  ck_assert_double_eq(w.log_z, -INFINITY);
  ck_assert_double_eq(w.ess, 0);
  ck_assert_double_eq(w.ess_clipped, 0);
  ck_assert_double_eq(w.max_weight, 0);
  ck_assert_uint_eq(w.n, 3);
  ck_assert_uint_eq(w.n_nonfinite, 1);
  for (int i = 0; i < 3; i++)
    ck_assert_double_eq(logw[i], -INFINITY);
}
END_TEST

/* One sample, or a single weight above 0, says nothing about the error. */
START_TEST(unknown_errors_are_infinite) {
  const double logp[50] = {-3};
  double u[50];
  enf_weights w = ENF_WEIGHTS_INIT;
  for (int i = 0; i < 50; i++)
    u[i] = i ? INFINITY : 2;
  ck_assert_int_eq(enf_reweight(ctx, 1, logp, u, NULL, &w), ENF_OK);
  ck_assert_double_eq(w.log_z, 1);
  ck_assert_double_eq(w.log_z_err, INFINITY);
  ck_assert_double_eq(w.ess_err, INFINITY);
  ck_assert_double_eq(w.ess_clipped_err, INFINITY);
  ck_assert_double_eq(w.ess_clipped, 1);
  ck_assert_double_eq(w.clipped_share, 0);
  ck_assert_int_eq(enf_reweight(ctx, 50, logp, u, NULL, &w), ENF_OK);
  ck_assert_double_eq_tol(w.log_z, 1 - log(50), 1e-14);
  ck_assert_double_eq(w.log_z_err, INFINITY);
  ck_assert_double_eq(w.ess_err, INFINITY);
  ck_assert_double_eq(w.ess_clipped, 0);
}
END_TEST

/* A program of the first 0.1 knows nothing behind n_nonfinite. */
START_TEST(older_structs_are_not_overrun) {
  const double logp[3] = {0, -1, -2}, u[3] = {0};
  enf_weights w = ENF_WEIGHTS_INIT;
  w.struct_size = offsetof(enf_weights, ess_err);
  w.ess_err = w.ess_clipped_err = 77;
  ck_assert_int_eq(enf_reweight(ctx, 3, logp, u, NULL, &w), ENF_OK);
  ck_assert_uint_eq(w.n, 3);
  ck_assert_double_eq(w.ess_err, 77);
  ck_assert_double_eq(w.ess_clipped_err, 77);
}
END_TEST

START_TEST(misuse_is_refused) {
  const double a[1] = {0};
  enf_weights w = ENF_WEIGHTS_INIT, none = {0};
  ck_assert_int_eq(enf_reweight(NULL, 1, a, a, NULL, &w), ENF_ERR_ARG);
  const struct {
    size_t n;
    const double *logp, *u;
    enf_weights *out;
    const char *sentence;
  } bad[] = {{0, a, a, &w, "n is 0: there are no samples to weigh"},
             {1, NULL, a, &w, "logp is NULL"},
             {1, a, NULL, &w, "u is NULL"},
             {1, a, a, NULL, "out is NULL"},
             {1, a, a, &none, "out has struct_size 0: begin with ENF_WEIGHTS_INIT"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ck_assert_int_eq(enf_reweight(ctx, bad[i].n, bad[i].logp, bad[i].u, NULL, bad[i].out),
                     ENF_ERR_ARG);
    ck_assert_str_eq(enf_ctx_errmsg(ctx), bad[i].sentence);
  }
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("laws");
  tcase_add_checked_fixture(tests, open_context, close_context);
  tcase_add_loop_test(tests, gaussian_normaliser_is_found_within_its_error, 0, 5);
  tcase_add_loop_test(tests, huge_energies_have_weights_that_sum_to_1, 0, 6);
  tcase_add_test(tests, error_bars_are_honest);
  tcase_add_test(tests, equal_weights_are_perfect);
  tcase_add_test(tests, largest_weights_are_clipped_to_the_next);
  tcase_add_test(tests, an_outlier_hides_nothing_from_the_clipped_figure);
  tcase_add_loop_test(tests, impossible_samples_weigh_nothing_but_count, 0,
                      (int)(sizeof rules / sizeof *rules));
  tcase_add_test(tests, no_weight_at_all_is_nonfinite);
  tcase_add_test(tests, unknown_errors_are_infinite);
  tcase_add_test(tests, older_structs_are_not_overrun);
  tcase_add_test(tests, misuse_is_refused);
  return run_suite("reweight", tests);
}
