/* test_accuracy.c -- the error that a call tells of its log-densities is the one they have: on
   trained flows, on their data and off it, both ways, by every method. The truth is that of float64
   with tolerances 1e-10. Public calls only. */
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 24, WIDTH = 39 };

static enf_ctx *ctx, *exact;
static enf_flow *flow;
static double x[MOST * WIDTH], logp[MOST], truth[MOST];

#define OK_ON(c, call)                                                                             \
  do {                                                                                             \
    const enf_status got = (call);                                                                 \
    ck_assert_msg(got == ENF_OK, "%s: %d %s", #call, (int)got, enf_ctx_errmsg(c));                 \
  } while (0)
#define OK(call) OK_ON(ctx, call)

static void configure_on(enf_ctx *c, const char *text) {
  enf_opts *opts;
  char copy[256], *rest = copy;
  OK_ON(c, enf_opts_create(c, &opts));
  snprintf(copy, sizeof copy, "%s", text);
  for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
    char *value = strchr(word, '=');
    *value++ = 0;
    ck_assert_msg(enf_opts_set(opts, word, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
  }
  OK_ON(c, enf_ctx_configure(c, opts));
  enf_opts_destroy(opts);
}

static void configure(const char *text) { configure_on(ctx, text); }

static void setup(void) {
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf_ctx_create(&exact, NULL), ENF_OK);
  configure_on(exact, "run.precision=float64 ode.rtol=1e-10 ode.atol=1e-10 logdet.tol=1e-7 "
                      "ode.max_steps=100000 logdet.checks=0");
}

static void teardown(void) {
  enf_destroy(flow);
  flow = NULL;
  enf_ctx_destroy(ctx);
  enf_ctx_destroy(exact);
}

/* Flow and the first n rows of its data, farther from their middle by `widen`. */
static void load(const char *name, size_t n, double widen) {
  char path[64];
  enf_array *data;
  snprintf(path, sizeof path, "bench/data/%s.safetensors", name);
  OK(enf_load(ctx, &flow, path));
  snprintf(path, sizeof path, "bench/data/%s.npy", name);
  OK(enf_array_read(ctx, &data, path));
  const size_t width = enf_array_shape(data, 1) * enf_array_shape(data, 2);
  ck_assert_uint_le(width, WIDTH);
  for (size_t i = 0; i < n * width; i++)
    x[i] = widen * enf_array_data(data)[i];
  enf_array_destroy(data);
}

static double stat(const char *name) {
  double value = NAN;
  OK(enf_ctx_stat(ctx, name, &value));
  return value;
}

static double rms_difference(size_t n, const double *a, const double *b) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sqrt(sum / (double)n);
}

/* The truth about logp of the x there are, beside what the last call said. */
static void expect_told(size_t n, const char *what) {
  const double said = stat("logdet_error");
  OK_ON(exact, enf_log_prob(exact, flow, n, x, truth));
  const double error = rms_difference(n, logp, truth);
  ck_assert_msg(said < 3 * error && error < 3 * said, "%s: said %.2e, is %.2e", what, said, error);
}

/* ---- told and true --------------------------------------------------------------------------- */

static const char *const methods[] = {"quadrature", "coupled"};
enum { TOLERANCES = 6, METHODS = 2 };

static const char *set(size_t number, char text[128]) {
  snprintf(text, 128, "run.precision=float64 logdet.method=%s ode.rtol=1e-%zu ode.atol=1e-%zu",
           methods[number % METHODS], 2 + number / METHODS, 2 + number / METHODS);
  configure(text);
  return text;
}

START_TEST(the_error_told_is_that_of_log_q) {
  char text[128];
  load("dw4", 12, 1);
  OK_ON(exact, enf_log_prob(exact, flow, 12, x, truth));
  for (size_t i = 0; i < TOLERANCES * METHODS; i++) {
    const char *what = set(i, text);
    OK(enf_log_prob(ctx, flow, 12, x, logp));
    const double said = stat("logdet_error"), error = rms_difference(12, logp, truth);
    ck_assert_msg(said < 3 * error && error < 3 * said, "%s: said %.2e, is %.2e", what, said,
                  error);
  }
}
END_TEST

START_TEST(so_is_that_of_samples) {
  char text[128];
  load("dw4", 1, 1);
  const char *what = set((size_t)_i, text);
  OK(enf_sample(ctx, flow, 7, 0, 12, x, logp));
  expect_told(12, what);
}
END_TEST

START_TEST(and_off_the_data_and_for_larger_flows) {
  static const struct {
    const char *flow;
    size_t n;
    double widen;
    const char *options;
  } cases[] = {
      {"dw4", 8, 2, "ode.rtol=1e-3 ode.atol=1e-3"},
      {"dw4", 8, 2, "run.precision=float64 ode.rtol=1e-7 ode.atol=1e-7"},
      {"dw4", 8, 2, "logdet.method=coupled"},
      {"dw4", 8, 1, "ode.rtol=1e-6 ode.atol=1e-6 logdet.method=coupled logdet.tol=1e-6"},
      {"dw4", 8, 1, "ode.method=rk4"},
      {"lj13", 2, 1, "ode.rtol=1e-4 ode.atol=1e-4"},
      {"lj13", 2, 1.2, "logdet.method=coupled"},
  };
  load(cases[_i].flow, cases[_i].n, cases[_i].widen);
  configure(cases[_i].options);
  OK(enf_log_prob(ctx, flow, cases[_i].n, x, logp));
  expect_told(cases[_i].n, cases[_i].options);
}
END_TEST

START_TEST(gradients_and_transports_tell_theirs) {
  double grad[12 * 8], y[12 * 8], z[12 * 8];
  load("dw4", 12, 1);
  configure("run.precision=float64 ode.rtol=1e-4 ode.atol=1e-4");
  OK(enf_log_prob_grad(ctx, flow, 12, x, logp, grad));
  expect_told(12, "enf_log_prob_grad");
  OK(enf_transport(ctx, flow, 12, 1, 0.2, x, y, logp));
  OK_ON(exact, enf_transport(exact, flow, 12, 1, 0.2, x, z, truth));
  const double said = stat("logdet_error"), error = rms_difference(12, logp, truth);
  ck_assert_msg(said < 3 * error && error < 3 * said, "said %.2e, is %.2e", said, error);
}
END_TEST

/* The noise of random probes is an error of log q like another. */
START_TEST(estimates_tell_the_noise_of_their_probes) {
  double var[MOST], mean = 0;
  load("dw4", MOST, 1);
  configure("logdet.probes=4");
  OK(enf_log_prob_estimate(ctx, flow, MOST, x, 3, logp, var));
  for (size_t i = 0; i < MOST; i++)
    mean += var[i] / MOST;
  expect_told(MOST, "enf_log_prob_estimate");
  const double said = stat("logdet_error");
  ck_assert_msg(said < 3 * sqrt(mean) && sqrt(mean) < 3 * said, "%g, %g", said, sqrt(mean));
  configure("logdet.method=hutchinson logdet.probes=4");
  OK(enf_log_prob(ctx, flow, MOST, x, logp));
  expect_told(MOST, "hutchinson");
  OK(enf_sample(ctx, flow, 2, 0, MOST, x, logp));
  expect_told(MOST, "hutchinson, samples");
}
END_TEST

/* ---- the rules of it ------------------------------------------------------------------------- */

START_TEST(checks_change_no_result_and_are_not_counted) {
  static const char *const stats[] = {"failed", "steps", "velocities", "divergences",
                                      "logdet_unmet"};
  double bare[MOST], before[5];
  load("dw4", MOST, 1);
  x[5 * 8] = NAN;
  configure("logdet.checks=0");
  ck_assert_int_eq(enf_log_prob(ctx, flow, MOST, x, bare), ENF_ERR_NONFINITE);
  for (size_t i = 0; i < 5; i++)
    before[i] = stat(stats[i]);
  ck_assert(isnan(stat("logdet_error")));
  configure("logdet.checks=16");
  ck_assert_int_eq(enf_log_prob(ctx, flow, MOST, x, logp), ENF_ERR_NONFINITE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "sample 5: x is not finite at t = 1");
  ck_assert_mem_eq(logp, bare, sizeof bare);
  for (size_t i = 0; i < 5; i++)
    ck_assert_double_eq(stat(stats[i]), before[i]);
  ck_assert_double_gt(stat("logdet_error"), 0);
}
END_TEST

/* After the first ones the error stands; another flow or kind of call begins anew. */
START_TEST(the_first_samples_are_checked_and_then_few) {
  double other[MOST];
  load("dw4", MOST, 1);
  configure("logdet.checks=8 ode.rtol=1e-3 ode.atol=1e-3");
  OK(enf_log_prob(ctx, flow, 8, x, logp));
  const double first = stat("logdet_error");
  OK(enf_log_prob(ctx, flow, 8, x + 64, other));
  ck_assert_double_eq(stat("logdet_error"), first);
  OK(enf_sample(ctx, flow, 1, 0, 4, x, logp));
  ck_assert_double_ne(stat("logdet_error"), first);
  const double samples = stat("logdet_error");
  OK(enf_sample(ctx, flow, 1, 0, 4, x, NULL));
  ck_assert_double_eq(stat("logdet_error"), 0);
  OK(enf_sample(ctx, flow, 1, 4, 4, x, logp));
  ck_assert_double_ne(stat("logdet_error"), samples);
  enf_flow *old = flow;
  load("dw4", 8, 2);
  OK(enf_log_prob(ctx, flow, 8, x, logp));
  const double wide = stat("logdet_error");
  ck_assert_double_gt(wide, 10 * first);
  OK(enf_log_prob(ctx, old, 8, x, logp));
  ck_assert_double_eq(stat("logdet_error"), first);
  enf_destroy(old);
  configure("ode.rtol=1e-4 ode.atol=1e-4");
  OK(enf_log_prob(ctx, flow, 8, x, logp));
  ck_assert_double_lt(stat("logdet_error"), wide);
}
END_TEST

static int cancel_when_all_are_done(void *user, uint64_t done, uint64_t total) {
  int *calls = user;
  ck_assert_uint_eq(total, MOST);
  return done == total && ++*calls == 2;
}

START_TEST(a_host_can_cancel_during_the_checks) {
  int calls = 0;
  load("dw4", MOST, 1);
  enf_ctx_set_progress(ctx, cancel_when_all_are_done, &calls);
  ck_assert_int_eq(enf_log_prob(ctx, flow, MOST, x, logp), ENF_ERR_CANCELLED);
  ck_assert_int_eq(calls, 2);
  enf_ctx_set_progress(ctx, NULL, NULL);
  OK(enf_log_prob(ctx, flow, MOST, x, logp));
}
END_TEST

/* ---- the quadrature -------------------------------------------------------------------------- */

/* With a path that is exact enough the error is that of the integral: below what was asked. */
START_TEST(logdet_tol_is_kept_or_the_samples_are_counted) {
  static const char *const tol[] = {"1e-2", "1e-3", "1e-4", "1e-5", "1e-6"};
  char text[128];
  load("dw4", MOST, 1);
  OK_ON(exact, enf_log_prob(exact, flow, MOST, x, truth));
  for (size_t i = 0; i < 5; i++) {
    snprintf(text, sizeof text,
             "run.precision=float64 ode.rtol=1e-9 ode.atol=1e-9 logdet.checks=0 logdet.tol=%s",
             tol[i]);
    configure(text);
    OK(enf_log_prob(ctx, flow, MOST, x, logp));
    ck_assert_double_eq(stat("logdet_unmet"), 0);
    ck_assert_double_lt(rms_difference(MOST, logp, truth), strtod(tol[i], NULL));
  }
  configure("run.precision=float32 ode.rtol=1e-5 ode.atol=1e-5 logdet.tol=1e-9");
  OK(enf_log_prob(ctx, flow, MOST, x, logp));
  ck_assert_double_gt(stat("logdet_unmet"), 0);
  ck_assert_double_le(stat("logdet_unmet"), MOST);
}
END_TEST

/* Root mean squares of 24 rows are uncertain by a sixth, and more where few of them decide. */
START_TEST(density_tol_is_kept_by_path_and_quadrature_together) {
  static const char *const tol[] = {"0.03", "0.01", "0.003"};
  load("dw4", MOST, 1);
  OK_ON(exact, enf_log_prob(exact, flow, MOST, x, truth));
  configure("logdet.checks=0");
  OK(enf_log_prob(ctx, flow, MOST, x, logp));
  const double divergences = stat("divergences"), velocities = stat("velocities");
  for (int i = 0; i < 3; i++) {
    char text[64];
    snprintf(text, sizeof text, "logdet.checks=0 density.tol=%s", tol[i]);
    configure(text);
    OK(enf_log_prob(ctx, flow, MOST, x, logp));
    ck_assert_double_lt(rms_difference(MOST, logp, truth), 1.5 * strtod(tol[i], NULL));
    ck_assert_double_lt(stat("divergences"), 0.9 * divergences);
    ck_assert_double_lt(stat("velocities"), 0.9 * velocities);
  }
}
END_TEST

START_TEST(a_row_is_the_same_in_any_company_with_density_tol) {
  double alone;
  load("dw4", MOST, 1);
  configure("density.tol=0.01");
  OK(enf_log_prob(ctx, flow, MOST, x, logp));
  configure("run.threads=2");
  for (size_t i = 0; i < MOST; i += 5) {
    OK(enf_log_prob(ctx, flow, 1, x + 8 * i, &alone));
    ck_assert_mem_eq(&alone, logp + i, sizeof alone);
  }
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("accuracy");
  tcase_set_timeout(tests, 60);
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_test(tests, the_error_told_is_that_of_log_q);
  tcase_add_loop_test(tests, so_is_that_of_samples, 0, TOLERANCES * METHODS);
  tcase_add_loop_test(tests, and_off_the_data_and_for_larger_flows, 0, 7);
  tcase_add_test(tests, gradients_and_transports_tell_theirs);
  tcase_add_test(tests, estimates_tell_the_noise_of_their_probes);
  tcase_add_test(tests, checks_change_no_result_and_are_not_counted);
  tcase_add_test(tests, the_first_samples_are_checked_and_then_few);
  tcase_add_test(tests, a_host_can_cancel_during_the_checks);
  tcase_add_test(tests, logdet_tol_is_kept_or_the_samples_are_counted);
  tcase_add_test(tests, density_tol_is_kept_by_path_and_quadrature_together);
  tcase_add_test(tests, a_row_is_the_same_in_any_company_with_density_tol);
  return run_suite("accuracy", tests);
}
