/* test_flow_laws.c -- what holds of every flow: symmetry, an exact density, two directions, and
   results that depend on the sample alone. The flows are made far from the identity by enlarging
   the last coordinate weights. Public calls only. */
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <stdio.h>
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

/* Options as "name=value name=value": values without blanks. */
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

static const char tight[] = "run.precision=float64 ode.rtol=1e-10 ode.atol=1e-10 logdet.tol=1e-8";

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

static const char four_in_the_plane[] =
    "model.particles=4 model.dimensions=2 model.hidden=12 model.layers=3 model.species=0,0,1,1";
static const char five_in_space[] =
    "model.particles=5 model.hidden=8 model.layers=2 model.prior_std=0.8 model.data_scale=1.7";

static double stat(const char *name) {
  double value = NAN;
  OK(enf_ctx_stat(ctx, name, &value));
  return value;
}

/* ---- symmetry ------------------------------------------------------------------------------- */

static double *scores(const enf_flow *flow, size_t n, const double *x) {
  double *logp = malloc(n * sizeof *logp);
  OK(enf_log_prob(ctx, flow, n, x, logp));
  return logp;
}

/* A rotation by an odd angle in the plane of axes 0 and 1 and, in space, of 1 and 2; mirrored. */
static void turn(size_t n, size_t D, double *x, int mirror) {
  for (size_t i = 0; i < n; i++)
    for (size_t plane = 0; plane + 1 < D; plane++) {
      double *a = x + i * D + plane, *b = a + 1, c = cos(0.7 + (double)plane), s = sqrt(1 - c * c);
      const double u = c * *a - s * *b, v = s * *a + c * *b;
      *a = mirror && plane == 0 ? -u : u;
      *b = v;
    }
}

static void swap_particles(double *x, size_t N, size_t D, size_t i, size_t j, size_t n) {
  for (size_t k = 0; k < n; k++)
    for (size_t d = 0; d < D; d++) {
      double *a = x + (k * N + i) * D + d, *b = x + (k * N + j) * D + d, keep = *a;
      *a = *b;
      *b = keep;
    }
}

/* 0 rotation, 1 rotation and reflection, 2 translation, 3 permutation. */
START_TEST(log_prob_is_invariant) {
  const size_t N = _i % 2 ? 5 : 4, D = _i % 2 ? 3 : 2, n = 6;
  double x[6 * 15];
  configure(tight);
  enf_flow *flow = strong_flow(_i % 2 ? five_in_space : four_in_the_plane);
  OK(enf_sample(ctx, flow, 1, 0, n, x, NULL));
  double *before = scores(flow, n, x);
  if (_i / 2 == 0 || _i / 2 == 1)
    turn(n * N, D, x, _i / 2);
  if (_i / 2 == 2)
    for (size_t i = 0; i < n * N * D; i++)
      x[i] += 3.5 - 2.0 * (double)(i % D);
  if (_i / 2 == 3)
    swap_particles(x, N, D, 0, 1, n);
  double *after = scores(flow, n, x);
  for (size_t i = 0; i < n; i++)
    ck_assert_double_eq_tol(before[i], after[i], 1e-7);
  free(before);
  free(after);
  enf_destroy(flow);
}
END_TEST

START_TEST(unlike_particles_are_not_interchangeable) {
  double x[8];
  configure(tight);
  enf_flow *flow = strong_flow(four_in_the_plane);
  OK(enf_sample(ctx, flow, 1, 0, 1, x, NULL));
  double *before = scores(flow, 1, x);
  swap_particles(x, 4, 2, 0, 2, 1);
  double *after = scores(flow, 1, x);
  ck_assert_double_gt(fabs(*before - *after), 1e-3);
  free(before);
  free(after);
  enf_destroy(flow);
}
END_TEST

/* ---- density -------------------------------------------------------------------------------- */

/* And the flow is nothing like the identity, or the tests here would show little. */
START_TEST(sampled_density_is_log_prob) {
  const size_t N = _i ? 5 : 4, D = _i ? 3 : 2, n = 20;
  double x[20 * 15], logp[20], z[20 * 15], strength = 0;
  configure(tight);
  enf_flow *flow = strong_flow(_i ? five_in_space : four_in_the_plane);
  OK(enf_sample(ctx, flow, 3, 100, n, x, logp));
  double *again = scores(flow, n, x);
  for (size_t i = 0; i < n; i++)
    ck_assert_double_eq_tol(logp[i], again[i], 1e-7);
  double logdet[20];
  OK(enf_transport(ctx, flow, n, 1, 0, x, z, logdet));
  for (size_t i = 0; i < n; i++)
    strength += fabs(logdet[i]) / (double)n;
  ck_assert_double_gt(strength, 0.5);
  for (size_t i = 0; i < n; i++)
    for (size_t d = 0; d < D; d++) {
      double sum = 0;
      for (size_t k = 0; k < N; k++)
        sum += x[(i * N + k) * D + d];
      ck_assert_double_eq_tol(sum, 0, 1e-12);
    }
  free(again);
  enf_destroy(flow);
}
END_TEST

/* Two particles: the subspace is r (1,-1)/sqrt(2), the density depends on |r| only. */
START_TEST(density_integrates_to_one) {
  enum { STEPS = 400 };
  const size_t D = _i ? 3 : 2;
  double x[2 * 3 * (STEPS + 1)] = {0}, sum = 0;
  configure("run.precision=float64 ode.rtol=1e-7 ode.atol=1e-7 logdet.tol=1e-4");
  enf_flow *flow = strong_flow(_i ? "model.particles=2 model.hidden=8 model.data_scale=0.5"
                                  : "model.particles=2 model.dimensions=2 model.hidden=8");
  const double step = 0.025 * (_i ? 0.5 : 1);
  for (size_t i = 0; i <= STEPS; i++) {
    x[i * 2 * D] = step * (double)i / sqrt(2);
    x[i * 2 * D + D] = -step * (double)i / sqrt(2);
  }
  double *logp = scores(flow, STEPS + 1, x);
  for (size_t i = 1; i <= STEPS; i++) {
    const double r = step * (double)i, pi = acos(-1);
    const double shell = D == 2 ? 2 * pi * r : 4 * pi * r * r;
    sum += (i == STEPS ? 1 : i % 2 ? 4 : 2) * shell * exp(logp[i]) * step / 3;
  }
  ck_assert_double_eq_tol(sum, 1, 1e-3);
  free(logp);
  enf_destroy(flow);
}
END_TEST

START_TEST(the_data_scale_is_a_unit_of_length) {
  const double s = 2.5, k = 6;
  double x[4 * 8], y[4 * 8], logp[4], t[] = {0.1, 0.5, 0.9, 1}, v[4 * 8], w[4 * 8], a[4], b[4];
  char text[256];
  configure(tight);
  snprintf(text, sizeof text, "%s model.data_scale=2.5", four_in_the_plane);
  enf_flow *one = strong_flow(four_in_the_plane), *scaled = strong_flow(text);
  OK(enf_sample(ctx, one, 7, 0, 4, x, logp));
  OK(enf_sample(ctx, scaled, 7, 0, 4, y, NULL));
  for (size_t i = 0; i < 32; i++)
    ck_assert_double_eq_tol(y[i], s * x[i], 1e-12);
  double *again = scores(scaled, 4, y);
  for (size_t i = 0; i < 4; i++)
    ck_assert_double_eq_tol(again[i], logp[i] - k * log(s), 1e-7);
  OK(enf_velocity(ctx, one, 4, t, x, v, a));
  OK(enf_velocity(ctx, scaled, 4, t, y, w, b));
  for (size_t i = 0; i < 32; i++)
    ck_assert_double_eq_tol(w[i], s * v[i], 1e-12);
  for (size_t i = 0; i < 4; i++)
    ck_assert_double_eq_tol(a[i], b[i], 1e-10);
  free(again);
  enf_destroy(one);
  enf_destroy(scaled);
}
END_TEST

/* ---- transport ------------------------------------------------------------------------------ */

START_TEST(forward_then_back_is_the_identity) {
  double x[5 * 15], y[5 * 15], z[5 * 15], there[5], back[5], moved = 0;
  configure(tight);
  enf_flow *flow = strong_flow(five_in_space);
  OK(enf_sample(ctx, flow, 2, 0, 5, x, NULL));
  for (size_t i = 0; i < 75; i++)
    x[i] += 4; /* the mean stays */
  OK(enf_transport(ctx, flow, 5, 0.2, 0.9, x, y, there));
  OK(enf_transport(ctx, flow, 5, 0.9, 0.2, y, z, back));
  for (size_t i = 0; i < 75; i++) {
    ck_assert_double_eq_tol(z[i], x[i], 1e-7);
    moved = fmax(moved, fabs(y[i] - x[i]));
  }
  ck_assert_double_gt(moved, 0.3);
  for (size_t i = 0; i < 5; i++)
    ck_assert_double_eq_tol(there[i], -back[i], 1e-6);
  enf_destroy(flow);
}
END_TEST

START_TEST(log_determinants_add_up) {
  double x[5 * 15], y[5 * 15], z[5 * 15], w[5 * 15], a[5], b[5], all[5];
  configure(tight);
  enf_flow *flow = strong_flow(five_in_space);
  OK(enf_sample(ctx, flow, 2, 0, 5, x, NULL));
  OK(enf_transport(ctx, flow, 5, 0, 0.37, x, y, a));
  OK(enf_transport(ctx, flow, 5, 0.37, 1, y, z, b));
  OK(enf_transport(ctx, flow, 5, 0, 1, x, w, all));
  for (size_t i = 0; i < 5; i++)
    ck_assert_double_eq_tol(a[i] + b[i], all[i], 1e-7);
  for (size_t i = 0; i < 75; i++)
    ck_assert_double_eq_tol(z[i], w[i], 1e-8);
  enf_destroy(flow);
}
END_TEST

/* log |det| by elimination with pivots. */
static double log_det(size_t n, double *a) {
  double sum = 0;
  for (size_t c = 0; c < n; c++) {
    size_t pivot = c;
    for (size_t r = c; r < n; r++)
      if (fabs(a[r * n + c]) > fabs(a[pivot * n + c]))
        pivot = r;
    for (size_t k = 0; k < n; k++) {
      const double keep = a[c * n + k];
      a[c * n + k] = a[pivot * n + k];
      a[pivot * n + k] = keep;
    }
    sum += log(fabs(a[c * n + c]));
    for (size_t r = c + 1; r < n; r++)
      for (size_t k = n; k-- > c;)
        a[r * n + k] -= a[r * n + c] / a[c * n + c] * a[c * n + k];
  }
  return sum;
}

/* The mean is carried along unchanged, so the determinant on the full space is the same. */
START_TEST(log_determinant_is_that_of_the_jacobian) {
  enum { DIM = 8 };
  double x[DIM], y[DIM], logdet, near[2 * DIM * DIM], far[2 * DIM * DIM], jacobian[DIM * DIM];
  const double h = 1e-4;
  configure(tight);
  enf_flow *flow = strong_flow(four_in_the_plane);
  OK(enf_sample(ctx, flow, 5, 0, 1, x, NULL));
  OK(enf_transport(ctx, flow, 1, 0, 1, x, y, &logdet));
  for (size_t i = 0; i < 2 * DIM; i++) {
    memcpy(near + i * DIM, x, sizeof x);
    near[i * DIM + i / 2] += i % 2 ? -h : h;
  }
  OK(enf_transport(ctx, flow, 2 * DIM, 0, 1, near, far, NULL));
  for (size_t i = 0; i < DIM; i++)
    for (size_t j = 0; j < DIM; j++)
      jacobian[j * DIM + i] = (far[2 * i * DIM + j] - far[(2 * i + 1) * DIM + j]) / (2 * h);
  ck_assert_double_eq_tol(log_det(DIM, jacobian), logdet, 1e-5);
  enf_destroy(flow);
}
END_TEST

/* Every method, and the two ways to the log-determinant, agree as far as each is accurate. */
static const struct {
  const char *options;
  double tol;
} ways[] = {
    {"ode.rtol=1e-9 ode.atol=1e-9 logdet.method=coupled", 1e-6},
    {"ode.rtol=1e-6 ode.atol=1e-6", 1e-3},
    {"ode.rtol=1e-6 ode.atol=1e-6 logdet.method=coupled", 1e-3},
    {"ode.method=rk4 ode.steps=100", 1e-3},
    {"ode.method=rk4-38 ode.steps=100 logdet.method=coupled", 1e-3},
    {"ode.method=rk4 ode.steps=300", 1e-4}, /* more steps than a record holds */
    {"run.precision=float32 ode.rtol=1e-5 ode.atol=1e-5", 2e-2},
    {"run.precision=float32 run.kernel=baseline ode.rtol=1e-5 ode.atol=1e-5 logdet.method=coupled",
     2e-2},
};

START_TEST(all_ways_agree) {
  const size_t n = 12;
  double x[12 * 8], y[12 * 8], logp[12];
  char text[256];
  configure(tight);
  enf_flow *flow = strong_flow(four_in_the_plane);
  OK(enf_sample(ctx, flow, 9, 0, n, x, logp));
  snprintf(text, sizeof text, "run.precision=float64 %s", ways[_i].options);
  configure(text);
  double *other = scores(flow, n, x);
  ck_assert_double_gt(stat("divergences"), 0);
  for (size_t i = 0; i < n; i++)
    ck_assert_double_eq_tol(other[i], logp[i], ways[_i].tol);
  OK(enf_sample(ctx, flow, 9, 0, n, y, NULL));
  ck_assert_double_eq(stat("divergences"), 0);
  for (size_t i = 0; i < n * 8; i++)
    ck_assert_double_eq_tol(x[i], y[i], ways[_i].tol);
  free(other);
  enf_destroy(flow);
}
END_TEST

/* ---- to the bit ----------------------------------------------------------------------------- */

START_TEST(neither_threads_nor_batches_change_a_bit) {
  const size_t n = 70;
  double x[70 * 8], logp[70], y[70 * 8], again[70];
  static const char *const methods[] = {"logdet.method=quadrature", "logdet.method=coupled"};
  configure(methods[_i]);
  enf_flow *flow = strong_flow(four_in_the_plane);
  OK(enf_sample(ctx, flow, 11, 5, n, x, logp));
  configure("run.threads=2");
  OK(enf_sample(ctx, flow, 11, 5, n, y, again));
  ck_assert_mem_eq(x, y, sizeof x);
  ck_assert_mem_eq(logp, again, sizeof logp);
  for (size_t i = 0, some; i < n; i += some) {
    some = 1 + i * i % 13 < n - i ? 1 + i * i % 13 : n - i;
    OK(enf_sample(ctx, flow, 11, 5 + i, some, y + i * 8, again + i));
  }
  ck_assert_mem_eq(x, y, sizeof x);
  ck_assert_mem_eq(logp, again, sizeof logp);

  OK(enf_log_prob(ctx, flow, n, x, logp));
  configure("run.threads=1");
  for (size_t i = n; i-- > 0;)
    OK(enf_log_prob(ctx, flow, 1, x + i * 8, again + i));
  ck_assert_mem_eq(logp, again, sizeof logp);
  enf_destroy(flow);
}
END_TEST

START_TEST(asking_for_the_density_does_not_change_the_sample) {
  double x[10 * 8], y[10 * 8], logp[10];
  enf_flow *flow = strong_flow(four_in_the_plane);
  OK(enf_sample(ctx, flow, 11, 5, 10, x, logp));
  OK(enf_sample(ctx, flow, 11, 5, 10, y, NULL));
  ck_assert_mem_eq(x, y, sizeof x);
  enf_destroy(flow);
}
END_TEST

/* ---- samples that fail ---------------------------------------------------------------------- */

static void expect_only_row_failed(const double *out, const double *good, size_t n, size_t width,
                                   size_t bad) {
  for (size_t i = 0; i < n * width; i++)
    if (i / width == bad)
      ck_assert(isnan(out[i]));
    else
      ck_assert_double_eq(out[i], good[i]);
  ck_assert_double_eq(stat("failed"), 1);
}

START_TEST(a_non_finite_sample_fails_alone) {
  const size_t n = 40, bad = 33;
  double x[40 * 8], t[40], good[40 * 8], out[40 * 8], a[40], b[40];
  enf_flow *flow = strong_flow(four_in_the_plane);
  OK(enf_sample(ctx, flow, 1, 0, n, x, NULL));
  for (size_t i = 0; i < n; i++)
    t[i] = (double)i / (double)n;
  OK(enf_log_prob(ctx, flow, n, x, a));
  OK(enf_transport(ctx, flow, n, 0, 1, x, good, NULL));
  x[bad * 8 + 3] = _i ? INFINITY : NAN;
  ck_assert_int_eq(enf_log_prob(ctx, flow, n, x, b), ENF_ERR_NONFINITE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "sample 33: x is not finite at t = 1");
  expect_only_row_failed(b, a, n, 1, bad);
  ck_assert_int_eq(enf_transport(ctx, flow, n, 0, 1, x, out, b), ENF_ERR_NONFINITE);
  ck_assert(isnan(b[bad]));
  expect_only_row_failed(out, good, n, 8, bad);

  x[bad * 8 + 3] = 0.5;
  OK(enf_velocity(ctx, flow, n, t, x, good, a));
  x[bad * 8 + 3] = NAN;
  ck_assert_int_eq(enf_velocity(ctx, flow, n, t, x, out, b), ENF_ERR_NONFINITE);
  expect_only_row_failed(out, good, n, 8, bad);
  expect_only_row_failed(b, a, n, 1, bad);
  enf_destroy(flow);
}
END_TEST

START_TEST(velocity_refuses_times_outside_sample_by_sample) {
  double x[3 * 8], t[] = {0.5, 1.25, NAN}, v[3 * 8];
  enf_flow *flow = strong_flow(four_in_the_plane);
  OK(enf_sample(ctx, flow, 1, 0, 3, x, NULL));
  ck_assert_int_eq(enf_velocity(ctx, flow, 3, t, x, v, NULL), ENF_ERR_RANGE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx),
                   "sample 1: t = 1.25 is not between 0 and 1; 2 of 3 samples failed");
  ck_assert(isfinite(v[0]) && isnan(v[8]) && isnan(v[16]));
  enf_destroy(flow);
}
END_TEST

START_TEST(too_few_steps_are_said) {
  double x[2 * 8], logp[2];
  configure("ode.max_steps=2 run.precision=float64 ode.rtol=1e-9 ode.atol=1e-9");
  enf_flow *flow = strong_flow(four_in_the_plane);
  ck_assert_int_eq(enf_sample(ctx, flow, 1, 0, 2, x, logp), ENF_ERR_ODE_STEPS);
  ck_assert_ptr_nonnull(
      strstr(enf_ctx_errmsg(ctx), "sample 0: ode.max_steps = 2 steps were tried"));
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "2 of 2 samples failed"));
  ck_assert(isnan(x[0]) && isnan(x[15]) && isnan(logp[0]) && isnan(logp[1]));
  ck_assert_double_eq(stat("failed"), 2);
  enf_destroy(flow);
}
END_TEST

static int give_up(void *user, uint64_t done, uint64_t total) {
  (void)done;
  *(uint64_t *)user = total;
  return 1;
}

START_TEST(a_call_can_be_cancelled) {
  static double x[200 * 8];
  uint64_t total = 0;
  enf_flow *flow = strong_flow(four_in_the_plane);
  enf_ctx_set_progress(ctx, give_up, &total);
  ck_assert_int_eq(enf_sample(ctx, flow, 1, 0, 200, x, NULL), ENF_ERR_CANCELLED);
  ck_assert_uint_eq(total, 200);
  enf_ctx_set_progress(ctx, NULL, NULL);
  OK(enf_sample(ctx, flow, 1, 0, 200, x, NULL));
  ck_assert_double_gt(stat("velocities"), stat("steps"));
  ck_assert_double_gt(stat("seconds"), 0);
  enf_destroy(flow);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("flow laws");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_loop_test(c, log_prob_is_invariant, 0, 8);
  tcase_add_test(c, unlike_particles_are_not_interchangeable);
  tcase_add_loop_test(c, sampled_density_is_log_prob, 0, 2);
  tcase_add_loop_test(c, density_integrates_to_one, 0, 2);
  tcase_add_test(c, the_data_scale_is_a_unit_of_length);
  tcase_add_test(c, forward_then_back_is_the_identity);
  tcase_add_test(c, log_determinants_add_up);
  tcase_add_test(c, log_determinant_is_that_of_the_jacobian);
  tcase_add_loop_test(c, all_ways_agree, 0, sizeof ways / sizeof *ways);
  tcase_add_loop_test(c, neither_threads_nor_batches_change_a_bit, 0, 2);
  tcase_add_test(c, asking_for_the_density_does_not_change_the_sample);
  tcase_add_loop_test(c, a_non_finite_sample_fails_alone, 0, 2);
  tcase_add_test(c, velocity_refuses_times_outside_sample_by_sample);
  tcase_add_test(c, too_few_steps_are_said);
  tcase_add_test(c, a_call_can_be_cancelled);
  return run_suite("flow laws", c);
}
