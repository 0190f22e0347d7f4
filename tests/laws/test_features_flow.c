/* Flows of particles with features: their densities do not change under rotations, translations and
   permutations, integrate to 1, have the gradients of their differences, and are those of their
   samples. */
#include "core/random.h"
#include "flow/bound.h"
#include "host.h"
#include "moving.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static enf_flow *flow;
static enf__sized view;

static void set_up(option *list, size_t count) {
  setup();
  enf_opts *opts = options_of(count, list);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  ck_assert_msg(enf_create(ctx, &flow, opts) == ENF_OK, "%s", enf_ctx_errmsg(ctx));
  enf_opts_destroy(opts);
  make_it_move(flow);
  for (size_t k = 0; k < flow->params.count; k++)
    if (!strncmp(flow->params.tensor[k].name, "actnorm", 7))
      enf__random_normal(3, 1, k, flow->params.tensor[k].cols,
                         flow->params.value + flow->params.tensor[k].offset);
  enf__flow_pack(flow);
}

static void tear_down(void) {
  enf_destroy(flow);
  enf_ctx_destroy(ctx);
}

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const char *const molecules[][2] = {
    {"run.precision", "float64"}, {"ode.rtol", "1e-9"},      {"ode.atol", "1e-9"},
    {"logdet.tol", "1e-8"},       {"logdet.checks", "0"},    {"model.elements", "H C O"},
    {"model.charges", "1"},       {"model.actnorm", "1"},    {"model.hidden", "16"},
    {"model.layers", "3"},        {"model.seed", "4"},       {"model.dequantiser", "variational"},
    {"model.sizes", "4:3 5:1"},   {"model.data_scale", "1"}, {"model.reversed", "1"}};
enum { N = 4, F = 4, STATE = N * (3 + F) };

START_TEST(density_is_invariant) {
  static const size_t order[N] = {2, 0, 3, 1};
  const double c = cos(0.7), s = sin(0.7), R[9] = {c, -s, 0, s, c, 0, 0, 0, -1};
  double x[2 * STATE], logp[2];
  set_up(molecules, COUNT(molecules));
  const enf_flow *here = enf__flow_at(&view, flow, N);
  enf__random_normal(1, 1, 1, STATE, x);
  for (size_t i = 0; i < N; i++) {
    const double *from = x + 3 * order[i];
    double *to = x + STATE + 3 * i;
    for (size_t a = 0; a < 3; a++)
      to[a] = R[3 * a] * from[0] + R[3 * a + 1] * from[1] + R[3 * a + 2] * from[2] + (double)a;
    memcpy(x + STATE + 3 * N + i * F, x + 3 * N + order[i] * F, F * sizeof *x);
  }
  ck_assert_int_eq(enf_log_prob(ctx, here, 2, x, logp), ENF_OK);
  ck_assert_double_eq_tol(logp[0], logp[1], 1e-6);
  double again;
  ck_assert_int_eq(enf_log_prob(ctx, here, 1, x + STATE, &again), ENF_OK);
  ck_assert_mem_eq(&again, logp + 1, sizeof again); /* alone or among others */
  tear_down();
}
END_TEST

START_TEST(gradient_is_that_of_differences) {
  const double h = 1e-4;
  double x[STATE], grad[STATE], logp, ends[2], both[2 * STATE];
  set_up(molecules, COUNT(molecules));
  const enf_flow *here = enf__flow_at(&view, flow, N);
  enf__random_normal(1, 1, 2, STATE, x);
  ck_assert_int_eq(enf_log_prob_grad(ctx, here, 1, x, &logp, grad), ENF_OK);
  for (size_t k = 0; k < STATE; k += 3) {
    for (size_t e = 0; e < 2; e++) {
      memcpy(both + e * STATE, x, sizeof x);
      both[e * STATE + k] += e ? h : -h;
    }
    ck_assert_int_eq(enf_log_prob(ctx, here, 2, both, ends), ENF_OK);
    ck_assert_double_eq_tol((ends[1] - ends[0]) / (2 * h), grad[k], 1e-4);
  }
  tear_down();
}
END_TEST

START_TEST(samples_have_their_density) {
  const uint64_t number[2] = {7, 3};
  double x[2 * STATE], logp[2], again[2];
  int32_t kind[N];
  set_up(molecules, COUNT(molecules));
  const enf_flow *here = enf__flow_at(&view, flow, N);
  ck_assert_int_eq(enf__sample_numbers(ctx, here, 5, 2, number, NULL, x, logp), ENF_OK);
  ck_assert_int_eq(enf_log_prob(ctx, here, 2, x, again), ENF_OK);
  for (size_t i = 0; i < 2; i++)
    ck_assert_double_eq_tol(logp[i], again[i], 1e-5);
  ck_assert_int_eq(enf_sample(ctx, here, 5, 3, 1, x, NULL), ENF_OK);
  enf__flow_decode(here, N, x + 3 * N, kind);
  for (size_t i = 0; i < N; i++)
    ck_assert(kind[i] >= 0 && kind[i] < 3);
  tear_down();
}
END_TEST

/* With more draws the bound rises, by no more than its error allows. */
START_TEST(bound_rises_with_draws) {
  const int32_t kind[N] = {1, 0, 2, 0};
  double x[3 * N], logp[2], err[2];
  enf_opts *opts;
  set_up(molecules, COUNT(molecules));
  const enf_flow *here = enf__flow_at(&view, flow, N);
  enf__random_normal(1, 1, 3, 3 * N, x);
  double mean = 0;
  for (uint64_t seed = 0; seed < 8; seed++) {
    ck_assert_int_eq(enf__log_prob_kinds(ctx, here, 1, kind, x, NULL, seed, logp, err), ENF_OK);
    ck_assert(isnan(err[0]));
    mean += logp[0] / 8;
  }
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "dequant.samples", "64"), ENF_OK);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  enf_opts_destroy(opts);
  ck_assert_int_eq(enf__log_prob_kinds(ctx, here, 1, kind, x, NULL, 9, logp + 1, err + 1), ENF_OK);
  ck_assert(err[1] > 0 && err[1] <= 1);
  ck_assert_double_gt(logp[1], mean);
  ck_assert_double_eq_tol(enf__flow_size_log(flow, 4), log(0.75), 1e-12);
  ck_assert(enf__flow_size_log(flow, 3) == -(double)INFINITY);
  tear_down();
}
END_TEST

/* Gauss and Legendre's node and weight k of n on (0,end). */
static double legendre(size_t n, size_t k, double end, double *weight) {
  double z = cos(3.14159265358979323846 * ((double)k + 0.75) / ((double)n + 0.5)), slope = 1;
  for (int round = 0; round < 50; round++) {
    double p = 1, last = 0;
    for (size_t j = 1; j <= n; j++) {
      const double next = ((2 * (double)j - 1) * z * p - ((double)j - 1) * last) / (double)j;
      last = p;
      p = next;
    }
    slope = (double)n * (z * p - last) / (z * z - 1);
    z -= p / slope;
  }
  *weight = end / ((1 - z * z) * slope * slope);
  return end * (1 + z) / 2;
}

/* Two particles in the plane with one feature each: s = (x1 - x2) / sqrt 2, whose angle integrates
   to 2 pi, and the features, which may be exchanged. Nodes crowd at s = 0, where |s| has a cusp. */
START_TEST(density_of_two_integrates_to_one) {
  static const char *const pair[][2] = {
      {"run.precision", "float64"}, {"ode.rtol", "1e-7"},     {"ode.atol", "1e-7"},
      {"logdet.tol", "1e-6"},       {"logdet.checks", "0"},   {"model.dimensions", "2"},
      {"model.features", "1"},      {"model.hidden", "8"},    {"model.layers", "2"},
      {"model.seed", "2"},          {"model.data_scale", "1"}};
  enum { RADII = 36, SIDE = 17, MOST = RADII * SIDE * SIDE };
  const double step = 0.7, far = 6, pi = 3.14159265358979323846;
  double sum = 0, *x = calloc(MOST * 6, sizeof *x), *logp = calloc(MOST, sizeof *logp);
  double *weight = calloc(MOST, sizeof *weight), share;
  size_t n = 0;
  set_up(pair, COUNT(pair));
  for (size_t r = 0; r < RADII; r++)
    for (size_t a = 0; a < SIDE; a++)
      for (size_t b = a; b < SIDE; b++, n++) {
        const double v = legendre(RADII, r, 1, &share), s = far * v * v;
        x[n * 6] = s / sqrt(2), x[n * 6 + 2] = -s / sqrt(2);
        x[n * 6 + 4] = step * ((double)a - SIDE / 2);
        x[n * 6 + 5] = step * ((double)b - SIDE / 2);
        weight[n] = 2 * pi * s * (2 * far * v * share) * step * step * (a == b ? 1 : 2);
      }
  ck_assert_int_eq(enf_log_prob(ctx, enf__flow_at(&view, flow, 2), n, x, logp), ENF_OK);
  for (size_t i = 0; i < n; i++)
    sum += weight[i] * exp(logp[i]);
  ck_assert_double_eq_tol(sum, 1, 1e-6);
  free(x), free(logp), free(weight);
  tear_down();
}
END_TEST

/* ---- the bound of two ------------------------------------------------------------------------ */

/* Two atoms of two kinds in the plane: the integral over their distance, with its angle, and the sum
   over kinds, of exp(E log of a mean of k weights). Kinds that are exchanged have the same. */
enum { BOUND_RADII = 12, BOUND_ROWS = 3 * BOUND_RADII };
typedef struct {
  double x[BOUND_ROWS * 4], weight[BOUND_ROWS];
  int32_t kind[BOUND_ROWS * 2];
} both_kinds;

static void make_rows(both_kinds *rows) {
  static const int32_t kinds[3][2] = {{0, 0}, {0, 1}, {1, 1}};
  const double far = 6, pi = 3.14159265358979323846;
  for (size_t i = 0; i < BOUND_ROWS; i++) {
    double share;
    const double v = legendre(BOUND_RADII, i / 3, 1, &share), s = far * v * v;
    double *x = rows->x + 4 * i;
    x[0] = s / sqrt(2), x[1] = 0, x[2] = -s / sqrt(2), x[3] = 0;
    rows->weight[i] = 2 * pi * s * (2 * far * v * share) * (i % 3 == 1 ? 2 : 1);
    memcpy(rows->kind + 2 * i, kinds[i % 3], sizeof kinds[0]);
  }
}

typedef struct {
  double bound, bound_error;   /* of exp of the mean */
  double weight, weight_error; /* of the mean of exp: of weights, whose mean is the density */
} sums;

/* With the errors of means over `seeds` estimates by k draws. */
static sums sum_of_bounds(const both_kinds *rows, const char *draws, uint64_t seeds) {
  double mean[BOUND_ROWS] = {0}, square[BOUND_ROWS] = {0}, logp[BOUND_ROWS];
  double weight[BOUND_ROWS] = {0}, weight_square[BOUND_ROWS] = {0};
  const double n = (double)seeds;
  sums sum = {0};
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "dequant.samples", draws), ENF_OK);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  enf_opts_destroy(opts);
  for (uint64_t seed = 0; seed < seeds; seed++) {
    ck_assert_int_eq(enf__log_prob_kinds(ctx, enf__flow_at(&view, flow, 2), BOUND_ROWS, rows->kind,
                                         rows->x, NULL, seed, logp, NULL),
                     ENF_OK);
    for (size_t i = 0; i < BOUND_ROWS; i++) {
      mean[i] += logp[i] / n;
      square[i] += logp[i] * logp[i] / n;
      weight[i] += exp(logp[i]) / n;
      weight_square[i] += exp(2 * logp[i]) / n;
    }
  }
  for (size_t i = 0; i < BOUND_ROWS; i++) {
    const double w = rows->weight[i], part = w * exp(mean[i]);
    sum.bound += part;
    sum.bound_error += part * part * (square[i] - mean[i] * mean[i]) / (n - 1);
    sum.weight += w * weight[i];
    sum.weight_error += w * w * (weight_square[i] - weight[i] * weight[i]) / (n - 1);
  }
  sum.bound_error = sqrt(sum.bound_error);
  sum.weight_error = sqrt(sum.weight_error);
  return sum;
}

START_TEST(bounds_of_two_sum_to_at_most_one) {
  static const char *const pair[][2] = {{"ode.rtol", "1e-4"},
                                        {"ode.atol", "1e-4"},
                                        {"logdet.checks", "0"},
                                        {"model.dimensions", "2"},
                                        {"model.elements", "H O"},
                                        {"model.dequantiser", "variational"},
                                        {"model.dequantiser_layers", "1"},
                                        {"model.hidden", "8"},
                                        {"model.layers", "2"},
                                        {"model.seed", "2"},
                                        {"model.data_scale", "1"},
                                        {"model.sizes", "2:1"}};
  both_kinds rows;
  set_up(pair, COUNT(pair));
  make_rows(&rows);
  const sums sum[3] = {sum_of_bounds(&rows, "1", 40), sum_of_bounds(&rows, "10", 16),
                       sum_of_bounds(&rows, "100", 4)};
  for (size_t k = 0; k < 3; k++)
    ck_assert_msg(sum[k].bound <= 1 + 3 * sum[k].bound_error, "%g +- %g", sum[k].bound,
                  sum[k].bound_error);
  for (size_t k = 0; k < 2; k++)
    ck_assert_msg(sum[k + 1].bound > sum[k].bound, "%g +- %g, then %g +- %g", sum[k].bound,
                  sum[k].bound_error, sum[k + 1].bound, sum[k + 1].bound_error);
  ck_assert_msg(sum[2].bound > 0.5, "%g +- %g", sum[2].bound, sum[2].bound_error);
  ck_assert_msg(sum[2].weight_error < 0.15, "%g", sum[2].weight_error);
  ck_assert_msg(fabs(sum[2].weight - 1) < 3 * sum[2].weight_error, "%g +- %g", sum[2].weight,
                sum[2].weight_error);
  tear_down();
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("features");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, density_is_invariant);
  tcase_add_test(tc, gradient_is_that_of_differences);
  tcase_add_test(tc, samples_have_their_density);
  tcase_add_test(tc, bound_rises_with_draws);
  tcase_add_test(tc, density_of_two_integrates_to_one);
  tcase_add_test(tc, bounds_of_two_sum_to_at_most_one);
  return run_suite("flows of features", tc);
}
