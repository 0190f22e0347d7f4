/* test_density_gradient.c -- enf_log_prob_grad is the gradient of enf_log_prob, and
   enf_log_prob_estimate an honest estimate of it. The flows are far from the identity. Public calls
   only. */
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static enf_ctx *ctx;

static void setup(void) { ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK); }
static void teardown(void) { enf_ctx_destroy(ctx); }

#define OK(call)                                                                                   \
  do {                                                                                             \
    const enf_status got = (call);                                                                 \
    ck_assert_msg(got == ENF_OK, "%s: %d %s", #call, (int)got, enf_ctx_errmsg(ctx));               \
  } while (0)

/* Options as "name=value name=value"; a comma in a value is a blank. */
static enf_opts *options(const char *text) {
  enf_opts *opts;
  char copy[512], *rest = copy;
  OK(enf_opts_create(ctx, &opts));
  ck_assert_uint_lt(strlen(text), sizeof copy);
  strcpy(copy, text);
  for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
    char *value = strchr(word, '=');
    *value++ = 0;
    for (char *c = value; *c; c++)
      *c = *c == ',' ? ' ' : *c;
    ck_assert_msg(enf_opts_set(opts, word, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
  }
  return opts;
}

static void configure(const char *text) {
  enf_opts *opts = options(text);
  OK(enf_ctx_configure(ctx, opts));
  enf_opts_destroy(opts);
}

static const char tight[] = "run.precision=float64 ode.rtol=1e-9 ode.atol=1e-9 logdet.tol=1e-8";
static const char loose[] = "run.precision=float32 ode.rtol=1e-4 ode.atol=1e-4 logdet.tol=1e-3";

static enf_flow *strong_flow(const char *text) {
  enf_opts *opts = options(text);
  enf_flow *flow;
  const char *name;
  size_t rows, cols;
  OK(enf_create(ctx, &flow, opts));
  for (size_t i = 0; enf_params_info(flow, i, &name, &rows, &cols) == ENF_OK; i++) {
    double data[256];
    if (!strstr(name, "coord_mlp.2.weight"))
      continue;
    ck_assert_uint_le(rows * cols, 256);
    OK(enf_params_get(ctx, flow, name, data, rows * cols));
    for (size_t k = 0; k < rows * cols; k++)
      data[k] *= 1500;
    OK(enf_params_set(ctx, flow, name, data, rows * cols));
  }
  enf_opts_destroy(opts);
  return flow;
}

/* 0: 4 particles of two species in the plane; 1: 5 in space, with a data scale. */
static enf_flow *flow_number(int i) {
  return strong_flow(i ? "model.particles=5 model.hidden=8 model.layers=2 model.prior_std=0.8 "
                         "model.data_scale=1.7"
                       : "model.particles=4 model.dimensions=2 model.hidden=12 model.layers=3 "
                         "model.species=0,0,1,1");
}

enum { MOST = 15 };
static size_t size_of(int i) { return i ? 15 : 8; }

/* Samples, some way off the centre. */
static void draw(const enf_flow *flow, size_t n, size_t size, double *x) {
  OK(enf_sample(ctx, flow, 7, 0, n, x, NULL));
  for (size_t k = 0; k < n * size; k++)
    x[k] += 0.5;
}

/* ---- the gradient -------------------------------------------------------------------------- */

START_TEST(gradient_is_that_of_log_prob) {
  enum { N = 2 };
  const size_t size = size_of(_i);
  double x[N * MOST], logp[N], grad[N * MOST], direct[N], steepest = 0;
  configure(tight);
  enf_flow *flow = flow_number(_i);
  draw(flow, N, size, x);
  OK(enf_log_prob_grad(ctx, flow, N, x, logp, grad));
  OK(enf_log_prob(ctx, flow, N, x, direct));
  for (size_t i = 0; i < N; i++)
    ck_assert_double_eq_tol(logp[i], direct[i], 1e-7);
  for (size_t k = 0; k < size; k++) {
    const double h = 1e-4;
    double up[N], down[N], y[N * MOST];
    for (int sign = -1; sign <= 1; sign += 2) {
      memcpy(y, x, sizeof y);
      for (size_t i = 0; i < N; i++)
        y[i * size + k] += sign * h;
      OK(enf_log_prob(ctx, flow, N, y, sign > 0 ? up : down));
    }
    for (size_t i = 0; i < N; i++) {
      ck_assert_double_eq_tol(grad[i * size + k], (up[i] - down[i]) / (2 * h), 1e-5);
      steepest = fmax(steepest, fabs(grad[i * size + k]));
    }
  }
  ck_assert_double_gt(steepest, 0.3);
  enf_destroy(flow);
}
END_TEST

START_TEST(gradient_is_mean_free) {
  enum { N = 5 };
  const size_t size = size_of(_i), D = _i ? 3 : 2;
  double x[N * MOST], logp[N], grad[N * MOST];
  configure(loose);
  enf_flow *flow = flow_number(_i);
  draw(flow, N, size, x);
  OK(enf_log_prob_grad(ctx, flow, N, x, logp, grad));
  for (size_t i = 0; i < N * D; i++) {
    double sum = 0;
    for (size_t k = i % D; k < size; k += D)
      sum += grad[i / D * size + k];
    ck_assert_double_eq_tol(sum, 0, 1e-12);
  }
  enf_destroy(flow);
}
END_TEST

/* ---- the estimate -------------------------------------------------------------------------- */

/* The mean of the probes lies where its variance says; the variance is that seen over seeds. */
START_TEST(estimate_agrees_with_its_variance) {
  enum { N = 4, SEEDS = 30 };
  const size_t size = size_of(_i / 2);
  double x[N * MOST], exact[N], logp[N], var[N], sum = 0, stated = 0;
  configure(_i % 2 ? "ode.rtol=1e-5 logdet.probes=6 logdet.probe=gaussian"
                   : "ode.rtol=1e-5 logdet.probes=6");
  enf_flow *flow = flow_number(_i / 2);
  draw(flow, N, size, x);
  OK(enf_log_prob(ctx, flow, N, x, exact));
  double bias[N] = {0}, variance[N] = {0};
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    OK(enf_log_prob_estimate(ctx, flow, N, x, seed, logp, var));
    for (size_t i = 0; i < N; i++) {
      bias[i] += (logp[i] - exact[i]) / SEEDS;
      variance[i] += var[i] / SEEDS;
      sum += (logp[i] - exact[i]) * (logp[i] - exact[i]) / SEEDS;
      stated += var[i] / SEEDS;
    }
  }
  for (size_t i = 0; i < N; i++) {
    ck_assert_double_gt(variance[i], 1e-4);
    ck_assert_double_lt(fabs(bias[i]), 3.5 * sqrt(variance[i] / SEEDS) + 2e-3);
  }
  ck_assert_double_gt(sum / stated, 0.5);
  ck_assert_double_lt(sum / stated, 1.8);
  enf_destroy(flow);
}
END_TEST

START_TEST(one_probe_has_no_variance) {
  double x[3 * MOST], logp[3], var[3];
  enf_flow *flow = flow_number(0);
  draw(flow, 3, 8, x);
  OK(enf_log_prob_estimate(ctx, flow, 3, x, 1, logp, var));
  for (size_t i = 0; i < 3; i++)
    ck_assert(isfinite(logp[i]) && isnan(var[i]));
  enf_destroy(flow);
}
END_TEST

START_TEST(hutchinson_as_the_method_is_the_estimate_of_seed_zero) {
  double x[3 * MOST], logp[3], var[3], direct[3];
  enf_flow *flow = flow_number(1);
  draw(flow, 3, 15, x);
  configure("logdet.probes=3");
  OK(enf_log_prob_estimate(ctx, flow, 3, x, 0, logp, var));
  configure("logdet.method=hutchinson");
  OK(enf_log_prob(ctx, flow, 3, x, direct));
  ck_assert_mem_eq(logp, direct, sizeof logp);
  OK(enf_log_prob_estimate(ctx, flow, 3, x, 1, logp, var));
  ck_assert_double_ne(logp[0], direct[0]);
  enf_destroy(flow);
}
END_TEST

/* ---- both ---------------------------------------------------------------------------------- */

enum { MANY = 40 };

static void both(const enf_flow *flow, size_t n, const double *x, double *logp, double *grad,
                 double *estimate, double *var) {
  OK(enf_log_prob_grad(ctx, flow, n, x, logp, grad));
  OK(enf_log_prob_estimate(ctx, flow, n, x, 5, estimate, var));
}

/* 0: split the batch; 1: two threads. */
START_TEST(results_depend_on_the_sample_alone) {
  const size_t size = 8;
  static double x[MANY * MOST], logp[2][MANY], grad[2][MANY * MOST], estimate[2][MANY],
      var[2][MANY];
  configure(loose);
  configure("logdet.probes=2");
  enf_flow *flow = flow_number(0);
  draw(flow, MANY, size, x);
  both(flow, MANY, x, logp[0], grad[0], estimate[0], var[0]);
  if (_i)
    configure("run.threads=2");
  for (size_t i = 0, n; i < MANY; i += n) {
    n = _i ? MANY : i % 9 + 1 < MANY - i ? i % 9 + 1 : MANY - i;
    both(flow, n, x + i * size, logp[1] + i, grad[1] + i * size, estimate[1] + i, var[1] + i);
  }
  ck_assert_mem_eq(logp[0], logp[1], sizeof *logp);
  ck_assert_mem_eq(grad[0], grad[1], MANY * size * sizeof(double));
  ck_assert_mem_eq(estimate[0], estimate[1], sizeof *estimate);
  ck_assert_mem_eq(var[0], var[1], sizeof *var);
  enf_destroy(flow);
}
END_TEST

START_TEST(a_failing_sample_fails_alone) {
  double x[3 * MOST], good[3], logp[3], grad[3 * MOST], right[3 * MOST], var[3], failed;
  configure(loose);
  configure("logdet.probes=2");
  enf_flow *flow = flow_number(0);
  draw(flow, 3, 8, x);
  OK(enf_log_prob_grad(ctx, flow, 3, x, good, right));
  x[8 + 3] = NAN;
  ck_assert_int_eq(enf_log_prob_grad(ctx, flow, 3, x, logp, grad), ENF_ERR_NONFINITE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "sample 1: x is not finite at t = 1");
  OK(enf_ctx_stat(ctx, "failed", &failed));
  ck_assert_double_eq(failed, 1);
  ck_assert(isnan(logp[1]) && isnan(grad[8]) && isnan(grad[15]));
  ck_assert_double_eq(logp[2], good[2]);
  ck_assert_mem_eq(grad + 16, right + 16, 8 * sizeof *grad);
  ck_assert_int_eq(enf_log_prob_estimate(ctx, flow, 3, x, 0, logp, var), ENF_ERR_NONFINITE);
  ck_assert(isnan(logp[1]) && isnan(var[1]) && isfinite(logp[2]) && isfinite(var[2]));
  enf_destroy(flow);
}
END_TEST

START_TEST(too_many_steps_are_said) {
  double x[MOST], logp, grad[MOST], var;
  enf_flow *flow = flow_number(0);
  draw(flow, 1, 8, x);
  configure("ode.max_steps=2");
  ck_assert_int_eq(enf_log_prob_grad(ctx, flow, 1, x, &logp, grad), ENF_ERR_ODE_STEPS);
  ck_assert(strstr(enf_ctx_errmsg(ctx), "ode.max_steps = 2") && isnan(logp) && isnan(grad[0]));
  ck_assert_int_eq(enf_log_prob_estimate(ctx, flow, 1, x, 0, &logp, &var), ENF_ERR_ODE_STEPS);
  ck_assert(isnan(logp) && isnan(var));
  enf_destroy(flow);
}
END_TEST

START_TEST(what_is_missing_is_named) {
  double x[8] = {0}, logp, grad[8], var;
  enf_flow *flow = flow_number(0);
  ck_assert_int_eq(enf_log_prob_grad(ctx, NULL, 1, x, &logp, grad), ENF_ERR_ARG);
  ck_assert_int_eq(enf_log_prob_estimate(ctx, NULL, 1, x, 0, &logp, &var), ENF_ERR_ARG);
  ck_assert_int_eq(enf_log_prob_grad(ctx, flow, 1, NULL, &logp, grad), ENF_ERR_ARG);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "x is NULL");
  ck_assert_int_eq(enf_log_prob_grad(ctx, flow, 1, x, NULL, grad), ENF_ERR_ARG);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "logp is NULL");
  ck_assert_int_eq(enf_log_prob_grad(ctx, flow, 1, x, &logp, NULL), ENF_ERR_ARG);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "grad is NULL");
  ck_assert_int_eq(enf_log_prob_estimate(ctx, flow, 1, x, 0, &logp, NULL), ENF_ERR_ARG);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "var is NULL");
  OK(enf_log_prob_grad(ctx, flow, 0, NULL, NULL, NULL));
  OK(enf_log_prob_estimate(ctx, flow, 0, NULL, 0, NULL, NULL));
  enf_destroy(flow);
}
END_TEST

static int cancel(void *user, uint64_t done, uint64_t total) {
  (void)total;
  *(uint64_t *)user = done;
  return done > 0;
}

START_TEST(a_gradient_can_be_cancelled) {
  static double x[600 * 8], logp[600], grad[600 * 8];
  uint64_t seen = 0;
  configure("ode.method=rk4 ode.steps=1");
  enf_flow *flow = flow_number(0);
  draw(flow, 600, 8, x);
  enf_ctx_set_progress(ctx, cancel, &seen);
  ck_assert_int_eq(enf_log_prob_grad(ctx, flow, 600, x, logp, grad), ENF_ERR_CANCELLED);
  ck_assert_uint_gt(seen, 0);
  ck_assert_uint_lt(seen, 600);
  enf_ctx_set_progress(ctx, NULL, NULL);
  OK(enf_log_prob_grad(ctx, flow, 3, x, logp, grad));
  enf_destroy(flow);
}
END_TEST

/* More samples than a round takes: groups of the last round may be larger than those before. */
START_TEST(rounds_do_not_matter) {
  enum { SAMPLES = 500, PARTICLES = 32, SIZE = 3 * PARTICLES };
  double *x = calloc(3 * SAMPLES * SIZE, sizeof *x), *grad = x + SAMPLES * SIZE, *one = grad;
  double logp[SAMPLES], alone;
  enf_flow *flow = strong_flow("model.field=pair-kernel model.particles=32");
  one += SAMPLES * SIZE;
  for (size_t k = 0; k < SAMPLES * SIZE; k++)
    x[k] = cos((double)(k * k % 10007));
  OK(enf_log_prob_grad(ctx, flow, SAMPLES, x, logp, grad));
  for (size_t i = 3; i < SAMPLES; i += 71) {
    OK(enf_log_prob_grad(ctx, flow, 1, x + i * SIZE, &alone, one));
    ck_assert_double_eq(alone, logp[i]);
    ck_assert_mem_eq(one, grad + i * SIZE, SIZE * sizeof *one);
  }
  enf_destroy(flow);
  free(x);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("laws");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, gradient_is_that_of_log_prob, 0, 2);
  tcase_add_loop_test(tc, gradient_is_mean_free, 0, 2);
  tcase_add_loop_test(tc, estimate_agrees_with_its_variance, 0, 4);
  tcase_add_test(tc, one_probe_has_no_variance);
  tcase_add_test(tc, hutchinson_as_the_method_is_the_estimate_of_seed_zero);
  tcase_add_loop_test(tc, results_depend_on_the_sample_alone, 0, 2);
  tcase_add_test(tc, rounds_do_not_matter);
  tcase_add_test(tc, a_failing_sample_fails_alone);
  tcase_add_test(tc, too_many_steps_are_said);
  tcase_add_test(tc, what_is_missing_is_named);
  tcase_add_test(tc, a_gradient_can_be_cancelled);
  return run_suite("density gradient", tc);
}
