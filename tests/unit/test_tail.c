/* test_tail.c -- the Pareto tail of importance weights: shapes that are known, smoothing, and what
   has no tail or cannot tell. */
#include "core/random.h"
#include "suite.h"
#include <check.h>
#include <enf/enf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 10000 };

static enf_ctx *ctx;
static double logw[MOST], smoothed[MOST];

static void open_context(void) { ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK); }
static void close_context(void) { enf_ctx_destroy(ctx); }

static double khat_of(size_t n) {
  double k;
  ck_assert_int_eq(enf_weights_smooth(ctx, n, logw, smoothed, &k), ENF_OK);
  return k;
}

/* P(w > t) = t^(-1/k). */
static void pareto(size_t n, double k, uint64_t seed) {
  for (size_t i = 0; i < n; i++) {
    double uniform;
    enf__random_uniform(seed, 90, i, 1, &uniform);
    logw[i] = -k * log(uniform) - 700;
  }
}

/* Normals of standard deviation s in the plane as proposals for those of 1: P(w > t) is t^(-1/k),
   too, with k = 1 - s^2. */
static void normals(size_t n, double s, uint64_t seed) {
  for (size_t i = 0; i < n; i++) {
    double x[2];
    enf__random_normal(seed, 91, i, 2, x);
    logw[i] = 0.5 * (x[0] * x[0] + x[1] * x[1]) * (1 - s * s);
  }
}

/* The estimate's standard error is (1 + k)/sqrt M at M = 300 (Zhang and Stephens 2009), and it is
   drawn towards 1/2 as by 10 more of the tail. */
START_TEST(shape_of_exact_tails_is_found) {
  static const double shapes[] = {0.3, 0.7, 1.2};
  enum { SETS = 30, M = 300 };
  const double k = shapes[_i], drawn = (M * k + 5) / (M + 10), error = (1 + k) / sqrt(M);
  double mean = 0, squares = 0;
  for (uint64_t seed = 0; seed < SETS; seed++) {
    pareto(MOST, k, seed);
    const double khat = khat_of(MOST);
    mean += khat / SETS;
    squares += pow((khat - drawn) / error, 2) / SETS;
  }
  ck_assert_double_eq_tol(mean, drawn, 3 * error / sqrt(SETS));
  ck_assert_double_eq_tol(squares, 1, 3 * sqrt(2.0 / SETS));
}
END_TEST

START_TEST(narrow_proposals_are_told) {
  static const double widths[] = {0.25, 0.5, 0.8};
  enum { SETS = 20, M = 300 };
  const double s = widths[_i], k = 1 - s * s, drawn = (M * k + 5) / (M + 10);
  double mean = 0;
  for (uint64_t seed = 0; seed < SETS; seed++) {
    normals(MOST, s, seed);
    const double khat = khat_of(MOST);
    if (s < 0.3)
      ck_assert_double_gt(khat, 0.7);
    mean += khat / SETS;
  }
  ck_assert_double_eq_tol(mean, drawn, 3 * (1 + k) / sqrt(M * SETS));
}
END_TEST

/* Of proposals that are wider than the target weights have a bound. */
START_TEST(wide_proposals_are_harmless) {
  normals(MOST, 1.5, 3);
  ck_assert_double_lt(khat_of(MOST), -0.5);
}
END_TEST

/* Numbers of the published algorithm (psis.R and gpdfit.R of the R package loo), written anew in
   another language: the shape, and the smallest and largest smoothed weight of the tail. */
START_TEST(numbers_are_those_of_the_publication) {
  static const struct {
    size_t n, first, last;
    double scale, khat, least, most, ess;
  } cases[] = {{60, 53, 43, 3, 1.488054495841701, -5.566785488831924, -0.3918040876044204,
                0.03475614040193744},
               {400, 361, 0, 1, 0.9991508594627813, -5.94996001090483, -2.079896442803377,
                0.06902745957814754}};
  const size_t n = cases[_i].n;
  double squares = 0;
  for (size_t i = 0; i < n; i++)
    logw[i] = cases[_i].scale * (sin((double)(i * i)) - log((double)(7 * i % n + 1) / (double)n));
  ck_assert_double_eq_tol(khat_of(n), cases[_i].khat, 1e-9);
  ck_assert_double_eq_tol(smoothed[cases[_i].first], cases[_i].least, 1e-9);
  ck_assert_double_eq_tol(smoothed[cases[_i].last], cases[_i].most, 1e-9);
  for (size_t i = 0; i < n; i++)
    squares += exp(2 * smoothed[i]);
  ck_assert_double_eq_tol(1 / ((double)n * squares), cases[_i].ess, 1e-9);
}
END_TEST

/* Means of weights of shape 0.6, whose exact value is 1/(1 - k): smoothed ones scatter less. */
START_TEST(smoothed_averages_have_less_noise) {
  enum { SETS = 200, n = 400 };
  const double k = 0.6, exact = 1 / (1 - k);
  double raw = 0, smooth = 0;
  for (uint64_t seed = 0; seed < SETS; seed++) {
    double plain = 0, mended = 0;
    pareto(n, k, 100 + seed);
    khat_of(n);
    for (size_t i = 0; i < n; i++) {
      plain += exp(logw[i] + 700) / n;
      mended += exp(smoothed[i] - smoothed[0]) / n;
    }
    size_t body = 0; /* a weight that is not in the tail gives the unit of the smoothed ones */
    for (size_t i = 0; i < n; i++)
      if (logw[i] < logw[body])
        body = i;
    mended *= exp(smoothed[0] - smoothed[body] + logw[body] + 700);
    raw += pow(plain - exact, 2) / SETS;
    smooth += pow(mended - exact, 2) / SETS;
  }
  ck_assert_double_lt(smooth, 0.9 * raw);
}
END_TEST

/* The order stays, the body too (but for the sum), nothing is above the largest. */
START_TEST(smoothing_keeps_order_and_body) {
  const size_t n = 2000, tail = 135; /* 3 sqrt n, rounded up */
  pareto(n, 0.9, 7);
  logw[17] = -INFINITY;
  khat_of(n);
  double sum = 0, top = -INFINITY, top_smoothed = -INFINITY;
  size_t changed = 0;
  const double shift = smoothed[18] - logw[18]; /* 18 is in the body */
  for (size_t i = 0; i < n; i++) {
    sum += exp(smoothed[i]);
    top = fmax(top, logw[i]);
    top_smoothed = fmax(top_smoothed, smoothed[i]);
    changed += i != 17 && fabs(smoothed[i] - logw[i] - shift) > 1e-12;
    for (size_t j = 0; j < i; j += 97)
      ck_assert((logw[i] < logw[j]) == (smoothed[i] < smoothed[j]));
  }
  ck_assert_double_eq(smoothed[17], -INFINITY);
  ck_assert_double_eq_tol(sum, 1, 1e-12);
  ck_assert_uint_le(changed, tail);
  ck_assert_uint_ge(changed, tail - 5);
  ck_assert_double_le(top_smoothed, top + shift + 1e-12);
}
END_TEST

/* Any unit, any order; in place; and what enf_reweight says of the same weights. */
START_TEST(shape_is_of_the_weights_alone) {
  enum { n = 3000 };
  static double turned[n], logp[n], kept[n], u[n];
  double khat, again;
  enf_weights w = ENF_WEIGHTS_INIT;
  pareto(n, 0.5, 3);
  khat = khat_of(n);
  memcpy(kept, smoothed, sizeof kept);
  for (size_t i = 0; i < n; i++) {
    turned[i] = logw[n - 1 - i] + 512;
    logp[i] = -logw[i];
    u[i] = 0;
  }
  ck_assert_int_eq(enf_weights_smooth(ctx, n, turned, turned, &again), ENF_OK);
  ck_assert_double_eq_tol(again, khat, 1e-10);
  for (size_t i = 0; i < n; i++)
    ck_assert_double_eq_tol(turned[i], kept[n - 1 - i], 1e-9);
  ck_assert_int_eq(enf_reweight(ctx, n, logp, u, NULL, &w), ENF_OK);
  ck_assert_double_eq(w.khat, khat);
  ck_assert_uint_eq(w.n_tail, 165);
  double squares = 0;
  for (size_t i = 0; i < n; i++)
    squares += exp(2 * kept[i]);
  ck_assert_double_eq_tol(w.ess_smoothed, 1 / (n * squares), 1e-12);
}
END_TEST

START_TEST(extremes_are_infinite) {
  enum { n = 1000 };
  for (size_t i = 0; i < n; i++)
    logw[i] = 3;
  ck_assert_double_eq(khat_of(n), -INFINITY); /* all alike */
  ck_assert_double_eq_tol(smoothed[5], -log(n), 1e-13);
  pareto(n, 0.3, 1);
  ck_assert_double_eq(khat_of(20), INFINITY); /* 4 in the tail */
  ck_assert(isfinite(khat_of(21)));
  for (size_t i = 0; i < n; i++)
    logw[i] = i < n - 4 ? -INFINITY : 0.1 * (double)i;
  ck_assert_double_eq(khat_of(n), INFINITY); /* 4 above 0 */
  for (size_t i = 0; i < n; i++)
    logw[i] = -800 * (double)i;
  ck_assert_double_eq(khat_of(n), INFINITY); /* differences beyond a double */
  ck_assert_double_eq(smoothed[0], 0);
}
END_TEST

/* One sample beyond all others by more and more: beyond 0.7, and at last beyond bounds. */
START_TEST(an_outlier_is_told_the_more_the_larger) {
  enum { n = 1000 };
  double last = 0;
  for (double gap = 30; gap < 1000; gap *= 2) {
    pareto(n, 0.2, 5);
    logw[500] += gap;
    const double khat = khat_of(n);
    ck_assert_double_gt(khat, last);
    last = khat;
  }
  ck_assert_double_gt(last, 0.7);
}
END_TEST

START_TEST(what_are_no_weights_is_refused) {
  const double none[] = {-INFINITY, -INFINITY}, bad[] = {0, NAN}, huge[] = {0, INFINITY};
  double out[2], khat;
  ck_assert_int_eq(enf_weights_smooth(ctx, 0, bad, out, &khat), ENF_ERR_ARG);
  ck_assert_int_eq(enf_weights_smooth(ctx, 2, NULL, out, &khat), ENF_ERR_ARG);
  ck_assert_int_eq(enf_weights_smooth(ctx, 2, none, NULL, &khat), ENF_ERR_ARG);
  ck_assert_int_eq(enf_weights_smooth(ctx, 2, none, out, &khat), ENF_ERR_NONFINITE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "all 2 weights are 0");
  ck_assert_int_eq(enf_weights_smooth(ctx, 2, bad, out, &khat), ENF_ERR_NONFINITE);
  ck_assert_int_eq(enf_weights_smooth(ctx, 2, huge, out, &khat), ENF_ERR_NONFINITE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "logw[1] is inf: a log weight is a number or -infinity");
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("laws");
  tcase_add_checked_fixture(tests, open_context, close_context);
  tcase_add_loop_test(tests, shape_of_exact_tails_is_found, 0, 3);
  tcase_add_loop_test(tests, narrow_proposals_are_told, 0, 3);
  tcase_add_test(tests, wide_proposals_are_harmless);
  tcase_add_loop_test(tests, numbers_are_those_of_the_publication, 0, 2);
  tcase_add_test(tests, smoothed_averages_have_less_noise);
  tcase_add_test(tests, smoothing_keeps_order_and_body);
  tcase_add_test(tests, shape_is_of_the_weights_alone);
  tcase_add_test(tests, extremes_are_infinite);
  tcase_add_test(tests, an_outlier_is_told_the_more_the_larger);
  tcase_add_test(tests, what_are_no_weights_is_refused);
  return run_suite("tail", tests);
}
