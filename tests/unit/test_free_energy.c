/* test_free_energy.c -- Bennett's acceptance ratio and weighted states: exact values, honest
   errors, the laws of a difference. */
#include "core/random.h"
#include "suite.h"
#include <check.h>
#include <enf/enf.h>
#include <math.h>

enum { MOST = 3000 };

static enf_ctx *ctx;

static void open_context(void) { ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK); }
static void close_context(void) { enf_ctx_destroy(ctx); }

/* State k is exp(-(x - k mean)^2 / (2 s_k^2)): Z_k = s_k sqrt(2 pi). */
static const double width[2] = {1, 0.6}, mean = 0.8;
static const double exact = 0.5108256237659907; /* -log(0.6 / 1) */

static double energy(int k, double x) { return 0.5 * pow((x - k * mean) / width[k], 2); }

/* u_{1-k} - u_k on n samples of state k. */
static void draw_work(int k, size_t n, uint64_t seed, double *work) {
  for (size_t i = 0; i < n; i++) {
    double x;
    enf__random_normal(seed, (uint32_t)(90 + k), i, 1, &x);
    x = k * mean + width[k] * x;
    work[i] = energy(1 - k, x) - energy(k, x);
  }
}

START_TEST(gaussians_differ_by_the_ratio_of_their_widths) {
  static const size_t sizes[][2] = {{1000, 1000}, {3000, 300}, {200, 2000}};
  double forward[MOST], reverse[MOST], squares = 0;
  const size_t n = sizes[_i][0], m = sizes[_i][1], sets = 60;
  for (uint64_t seed = 0; seed < sets; seed++) {
    double difference, err;
    draw_work(0, n, seed, forward);
    draw_work(1, m, seed, reverse);
    ck_assert_int_eq(enf_bar(ctx, n, forward, m, reverse, &difference, &err), ENF_OK);
    squares += pow((difference - exact) / err, 2);
  }
  /* chi-squared with 60 degrees: 60 +- 11; three standard errors */
  ck_assert_double_eq_tol(squares / (double)sets, 1, 3 * sqrt(2 / (double)sets));
}
END_TEST

START_TEST(bar_is_better_than_either_direction_alone) {
  const size_t n = 1000;
  double forward[MOST], reverse[MOST], difference, err, zero[MOST] = {0};
  enf_weights w = ENF_WEIGHTS_INIT;
  draw_work(0, n, 5, forward);
  draw_work(1, n, 5, reverse);
  ck_assert_int_eq(enf_bar(ctx, n, forward, n, reverse, &difference, &err), ENF_OK);
  for (int k = 0; k < 2; k++) {
    ck_assert_int_eq(enf_reweight(ctx, n, zero, k == 0 ? forward : reverse, NULL, &w), ENF_OK);
    ck_assert_double_gt(w.log_z_err, err);
  }
}
END_TEST

START_TEST(exchange_of_states_changes_the_sign) {
  double forward[MOST], reverse[MOST], there, back, err[2];
  draw_work(0, 700, 9, forward);
  draw_work(1, 1100, 9, reverse);
  ck_assert_int_eq(enf_bar(ctx, 700, forward, 1100, reverse, &there, &err[0]), ENF_OK);
  ck_assert_int_eq(enf_bar(ctx, 1100, reverse, 700, forward, &back, &err[1]), ENF_OK);
  ck_assert_double_eq_tol(there, -back, 1e-12);
  ck_assert_double_eq_tol(err[0], err[1], 1e-12);
}
END_TEST

START_TEST(a_shift_of_one_energy_is_added) {
  static const double shifts[] = {-1e5, -300, 1, 800, 1e8};
  double forward[MOST], reverse[MOST], before, after, err[2];
  draw_work(0, 500, 2, forward);
  draw_work(1, 400, 2, reverse);
  ck_assert_int_eq(enf_bar(ctx, 500, forward, 400, reverse, &before, &err[0]), ENF_OK);
  for (size_t i = 0; i < 500; i++)
    forward[i] += shifts[_i];
  for (size_t i = 0; i < 400; i++)
    reverse[i] -= shifts[_i];
  ck_assert_int_eq(enf_bar(ctx, 500, forward, 400, reverse, &after, &err[1]), ENF_OK);
  ck_assert_double_eq_tol(after - shifts[_i], before, 1e-11 * fabs(shifts[_i]) + 1e-11);
  ck_assert_double_eq_tol(err[0], err[1], 1e-6 * err[0]);
}
END_TEST

/* State 1 is state 0 inside a box that holds half of it. */
START_TEST(impossible_moves_count) {
  double forward[1000], reverse[500] = {0}, difference, err;
  for (size_t i = 0; i < 1000; i++)
    forward[i] = i % 2 == 0 ? 0 : INFINITY;
  ck_assert_int_eq(enf_bar(ctx, 1000, forward, 500, reverse, &difference, &err), ENF_OK);
  ck_assert_double_eq_tol(difference, log(2), 1e-12);
  /* a binomial with half the samples inside: sqrt((1 - p)/(n p)) */
  ck_assert_double_eq_tol(err, sqrt(1e-3), 1e-9);
}
END_TEST

/* Both sides of the equation are too small for a number: the root is still the one between, and
   nothing is known of it. */
START_TEST(without_overlap_the_error_is_enormous) {
  static const double gaps[][2] = {{2000, 3000}, {3000, 2000}, {400, 400}, {300, 300}};
  const double forward[] = {gaps[_i][0], gaps[_i][0] + 1},
               reverse[] = {gaps[_i][1], gaps[_i][1] + 1};
  double difference, err;
  ck_assert_int_eq(enf_bar(ctx, 2, forward, 2, reverse, &difference, &err), ENF_OK);
  ck_assert_double_eq_tol(difference, 0.5 * (gaps[_i][0] - gaps[_i][1]), 1e-9);
  ck_assert_double_gt(err, 1e60);
}
END_TEST

START_TEST(unusable_work_is_refused) {
  static const struct {
    size_t n, m;
    double forward, reverse;
    enf_status status;
    const char *sentence;
  } bad[] = {{0, 1, 0, 0, ENF_ERR_ARG, "forward holds no work: both directions are needed"},
             {1, 0, 0, 0, ENF_ERR_ARG, "reverse holds no work: both directions are needed"},
             {1, 1, NAN, 0, ENF_ERR_NONFINITE,
              "forward[0] is nan: a work is a number up to 1e300, or +infinity"},
             {1, 1, 0, -INFINITY, ENF_ERR_NONFINITE,
              "reverse[0] is -inf: a work is a number up to 1e300, or +infinity"},
             {1, 1, 1e301, 0, ENF_ERR_NONFINITE,
              "forward[0] is 1e+301: a work is a number up to 1e300, or +infinity"},
             {1, 1, INFINITY, 0, ENF_ERR_NONFINITE,
              "every work in forward is +infinity: there is no overlap"}};
  double difference, err;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ck_assert_int_eq(
        enf_bar(ctx, bad[i].n, &bad[i].forward, bad[i].m, &bad[i].reverse, &difference, &err),
        bad[i].status);
    ck_assert_str_eq(enf_ctx_errmsg(ctx), bad[i].sentence);
  }
  ck_assert_int_eq(enf_bar(ctx, 1, NULL, 1, &err, &difference, &err), ENF_ERR_ARG);
  ck_assert_int_eq(enf_bar(ctx, 1, &err, 1, &err, NULL, &err), ENF_ERR_ARG);
}
END_TEST

/* ---- both sets together -------------------------------------------------------------------- */

/* Their sum before it is made 1 is the equation that enf_bar solves. */
START_TEST(weights_of_both_sides_sum_to_one_at_the_root) {
  double forward[MOST], reverse[MOST], logw[2 * MOST], difference, sum = 0, err;
  const size_t n = 1500, m = 400;
  draw_work(0, n, 3, forward);
  draw_work(1, m, 3, reverse);
  forward[7] = INFINITY;
  ck_assert_int_eq(enf_bar(ctx, n, forward, m, reverse, &difference, &err), ENF_OK);
  ck_assert_int_eq(enf_bar_weights(ctx, n, forward, m, reverse, difference, logw), ENF_OK);
  for (size_t i = 0; i < n + m; i++) {
    const double d = i < n ? forward[i] : -reverse[i - n];
    const double w = 1 / ((double)n * exp(d - difference) + (double)m);
    sum += w;
    ck_assert_double_eq_tol(exp(logw[i]), w, 1e-12);
  }
  ck_assert_double_eq_tol(sum, 1, 1e-10);
  ck_assert_double_eq(logw[7], -INFINITY);
}
END_TEST

/* The mean of density 1 and its free energy beyond its middle, from both sets: right within the
   errors, which are too large rather than too small, and better than from the rows alone. */
START_TEST(averages_over_both_sides_are_those_of_the_target) {
  enum { SETS = 60, n = 1000, m = 200 };
  double forward[n], reverse[m], logw[n + m], x[n + m], both = 0, rows = 0, chi = 0, chi_states = 0;
  int state[n + m];
  for (uint64_t seed = 0; seed < SETS; seed++) {
    double difference, average, err, alone = 0;
    draw_work(0, n, seed, forward);
    draw_work(1, m, seed, reverse);
    for (size_t i = 0; i < n + m; i++) {
      const int k = i >= n;
      enf__random_normal(seed, (uint32_t)(90 + k), k ? i - n : i, 1, &x[i]);
      x[i] = k * mean + width[k] * x[i];
      state[i] = x[i] > mean;
      alone += k * x[i] / m;
    }
    ck_assert_int_eq(enf_bar(ctx, n, forward, m, reverse, &difference, &err), ENF_OK);
    ck_assert_int_eq(enf_bar_weights(ctx, n, forward, m, reverse, difference, logw), ENF_OK);
    ck_assert_int_eq(enf_average(ctx, n + m, logw, 1, x, &average, &err), ENF_OK);
    chi += pow((average - mean) / err, 2) / SETS;
    both += pow(average - mean, 2) / SETS;
    rows += pow(alone - mean, 2) / SETS;
    ck_assert_int_eq(enf_free_energy(ctx, n + m, logw, state, &difference, &err), ENF_OK);
    chi_states += pow(difference / err, 2) / SETS;
  }
  ck_assert_double_lt(chi, 1 + 3 * sqrt(2.0 / SETS));
  ck_assert_double_lt(chi_states, 1 + 3 * sqrt(2.0 / SETS));
  ck_assert_double_gt(chi, 0.3);
  ck_assert_double_gt(chi_states, 0.3);
  ck_assert_double_lt(both, 0.7 * rows);
}
END_TEST

START_TEST(weights_of_both_sides_need_works_and_a_difference) {
  const double w = 0, none = NAN;
  double logw[2];
  ck_assert_int_eq(enf_bar_weights(ctx, 1, &w, 1, &w, 0, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_bar_weights(ctx, 0, &w, 1, &w, 0, logw), ENF_ERR_ARG);
  ck_assert_int_eq(enf_bar_weights(ctx, 1, &w, 1, &none, 0, logw), ENF_ERR_NONFINITE);
  ck_assert_int_eq(enf_bar_weights(ctx, 1, &w, 1, &w, NAN, logw), ENF_ERR_NONFINITE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "difference is nan, not a number up to 1e300");
}
END_TEST

/* ---- states -------------------------------------------------------------------------------- */

START_TEST(states_are_counted) {
  int state[1000];
  double difference, err;
  for (int i = 0; i < 1000; i++)
    state[i] = i < 600 ? 0 : i < 900 ? 1 : 7;
  ck_assert_int_eq(enf_free_energy(ctx, 1000, NULL, state, &difference, &err), ENF_OK);
  ck_assert_double_eq_tol(difference, log(2), 1e-12);
  ck_assert_double_eq_tol(err, sqrt(1.0 / 600 + 1.0 / 300), 1e-12);
}
END_TEST

/* Normal samples reweighted to a mean of 1: P(x > 0) = (1 + erf(1/sqrt 2))/2. */
START_TEST(weighted_states_are_within_their_errors) {
  const size_t n = 2000, sets = 60;
  const double inside = 0.5 * (1 + erf(sqrt(0.5))), truth = log(1 - inside) - log(inside);
  double logw[2000], squares = 0;
  int state[2000];
  for (uint64_t seed = 0; seed < sets; seed++) {
    double difference, err;
    for (size_t i = 0; i < n; i++) {
      double x;
      enf__random_normal(seed, 90, i, 1, &x);
      logw[i] = x + (double)(_i - 1) * 1e5; /* needs no normalisation */
      state[i] = x > 0;
    }
    ck_assert_int_eq(enf_free_energy(ctx, n, logw, state, &difference, &err), ENF_OK);
    squares += pow((difference - truth) / err, 2);
  }
  ck_assert_double_eq_tol(squares / (double)sets, 1, 3 * sqrt(2 / (double)sets));
}
END_TEST

START_TEST(unusable_states_are_refused) {
  const double logw[] = {-INFINITY, 0, NAN}, large[] = {INFINITY, 0};
  const int state[] = {0, 1, 1};
  double difference;
  ck_assert_int_eq(enf_free_energy(ctx, 0, NULL, state, &difference, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_free_energy(ctx, 2, NULL, NULL, &difference, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_free_energy(ctx, 2, NULL, state, NULL, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_free_energy(ctx, 1, NULL, state, &difference, NULL), ENF_ERR_NONFINITE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "no sample of weight above 0 is in state 1");
  ck_assert_int_eq(enf_free_energy(ctx, 2, logw, state, &difference, NULL), ENF_ERR_NONFINITE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "no sample of weight above 0 is in state 0");
  ck_assert_int_eq(enf_free_energy(ctx, 3, logw, state, &difference, NULL), ENF_ERR_NONFINITE);
  ck_assert_int_eq(enf_free_energy(ctx, 2, large, state, &difference, NULL), ENF_ERR_NONFINITE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "logw[0] is inf: a log weight is a number or -infinity");
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("laws");
  tcase_add_checked_fixture(tests, open_context, close_context);
  tcase_add_loop_test(tests, gaussians_differ_by_the_ratio_of_their_widths, 0, 3);
  tcase_add_test(tests, bar_is_better_than_either_direction_alone);
  tcase_add_test(tests, exchange_of_states_changes_the_sign);
  tcase_add_loop_test(tests, a_shift_of_one_energy_is_added, 0, 5);
  tcase_add_test(tests, impossible_moves_count);
  tcase_add_loop_test(tests, without_overlap_the_error_is_enormous, 0, 4);
  tcase_add_test(tests, unusable_work_is_refused);
  tcase_add_test(tests, weights_of_both_sides_sum_to_one_at_the_root);
  tcase_add_test(tests, averages_over_both_sides_are_those_of_the_target);
  tcase_add_test(tests, weights_of_both_sides_need_works_and_a_difference);
  tcase_add_test(tests, states_are_counted);
  tcase_add_loop_test(tests, weighted_states_are_within_their_errors, 0, 3);
  tcase_add_test(tests, unusable_states_are_refused);
  return run_suite("free_energy", tests);
}
