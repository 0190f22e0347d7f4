/* Metrics as a host sees them: the length and straightness of paths, the distance of distributions,
   interatomic distances. Known flows and closed forms; every refusal with its sentence. */
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

static void configure(const char *name, const char *value) {
  enf_opts *opts;
  OK(enf_opts_create(ctx, &opts));
  ck_assert_int_eq(enf_opts_set(opts, name, value), ENF_OK);
  OK(enf_ctx_configure(ctx, opts));
  enf_opts_destroy(opts);
}

static void make_tight(void) {
  configure("run.precision", "float64");
  configure("ode.rtol", "1e-10");
  configure("ode.atol", "1e-10");
}

/* ---- paths ---------------------------------------------------------------------------------- */

static enf_flow *make_flow(const char *field, const char *scale) {
  enf_opts *opts;
  enf_flow *flow;
  OK(enf_opts_create(ctx, &opts));
  ck_assert_int_eq(enf_opts_set(opts, "model.field", field), ENF_OK);
  ck_assert_int_eq(enf_opts_set_int(opts, "model.particles", 5), ENF_OK);
  ck_assert_int_eq(enf_opts_set_int(opts, "model.hidden", 8), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "model.data_scale", scale), ENF_OK);
  OK(enf_create(ctx, &flow, opts));
  enf_opts_destroy(opts);
  return flow;
}

static void set_tensor(enf_flow *flow, const char *wanted, double factor, double value) {
  const char *name;
  size_t rows, cols;
  for (size_t i = 0; enf_params_info(flow, i, &name, &rows, &cols) == ENF_OK; i++) {
    if (!strstr(name, wanted))
      continue;
    double *data = malloc(rows * cols * sizeof *data);
    OK(enf_params_get(ctx, flow, name, data, rows * cols));
    for (size_t k = 0; k < rows * cols; k++)
      data[k] = factor * data[k] + value;
    OK(enf_params_set(ctx, flow, name, data, rows * cols));
    free(data);
  }
}

/* A flow whose paths are far from straight: forces that turn with distance and with time. */
static enf_flow *strong_flow(void) {
  enf_flow *flow = make_flow("pair-kernel", "1.7");
  double w[30 * 20];
  for (int k = 0; k < 600; k++)
    w[k] = 0.5 * cos(0.4 * (k / 20) + 0.2 * (k % 20));
  OK(enf_params_set(ctx, flow, "pair_kernel.pair_0.weight", w, 600));
  return flow;
}

static double norm_of(size_t n, const double *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += x[i] * x[i];
  return sqrt(sum);
}

/* With phi = a, v_i = a sum_j (x_i - x_j) = N a x_i: x(1) = x(0) e^(N a), on straight lines. */
START_TEST(scaling_has_the_length_of_its_straight_lines) {
  enf_flow *flow = make_flow("pair-kernel", "2.5");
  const double a = _i ? -0.2 : 0.15, growth = exp(5 * a);
  double x[40 * 15], length[40], distance[40];
  set_tensor(flow, "weight", 0, 0);
  set_tensor(flow, "bias", 0, a);
  OK(enf_sample(ctx, flow, 4, 10, 40, x, NULL));
  OK(enf_path_lengths(ctx, flow, 4, 10, 40, length, distance));
  for (int k = 0; k < 40; k++) {
    const double exact = norm_of(15, x + 15 * k) * fabs(1 - 1 / growth);
    ck_assert_double_eq_tol(length[k], exact, 1e-4 * exact);
    ck_assert_double_eq_tol(distance[k], exact, 1e-4 * exact);
  }
  enf_destroy(flow);
}
END_TEST

/* Where the samples start: a flow without forces leaves them there. */
static void draw_starts(uint64_t seed, size_t n, double *x) {
  enf_flow *still = make_flow("pair-kernel", "1.7");
  set_tensor(still, "pair_0", 0, 0);
  OK(enf_sample(ctx, still, seed, 0, n, x, NULL));
  enf_destroy(still);
}

/* Many short chords along the path, found by enf_transport alone. */
static double chords(const enf_flow *flow, const double *start, double *distance) {
  enum { PIECES = 200 };
  double at[15], next[15], chord[15], sum = 0;
  memcpy(at, start, sizeof at);
  for (int k = 0; k < PIECES; k++) {
    OK(enf_transport(ctx, flow, 1, k / (double)PIECES, (k + 1) / (double)PIECES, at, next, NULL));
    for (int i = 0; i < 15; i++)
      chord[i] = next[i] - at[i];
    sum += norm_of(15, chord);
    memcpy(at, next, sizeof at);
  }
  for (int i = 0; i < 15; i++)
    chord[i] = at[i] - start[i];
  *distance = norm_of(15, chord);
  return sum;
}

START_TEST(length_is_that_of_many_short_chords) {
  enf_flow *flow = strong_flow();
  double start[2 * 15], length[2], distance[2], least = 1, end = 0;
  make_tight();
  draw_starts(1, 2, start);
  OK(enf_path_lengths(ctx, flow, 1, 0, 2, length, distance));
  for (int k = 0; k < 2; k++) {
    const double exact = chords(flow, start + 15 * k, &end);
    ck_assert_double_eq_tol(length[k], exact, 1e-4 * exact);
    ck_assert_double_eq_tol(distance[k], end, 1e-6 * end);
    least = fmin(least, distance[k] / length[k]);
  }
  ck_assert_double_lt(least, 0.95);
  enf_destroy(flow);
}
END_TEST

static const char *const settings[][2] = {
    {"run.precision", "float32"}, {"run.precision", "float64"}, {"ode.method", "rk4-38"}};

/* Equal steps have no tolerance: they are given as many as they need. */
START_TEST(default_tolerances_give_a_thousandth) {
  enf_flow *flow = strong_flow();
  double length[2][50], distance[2][50];
  configure(settings[_i][0], settings[_i][1]);
  configure("ode.steps", "100");
  OK(enf_path_lengths(ctx, flow, 8, 0, 50, length[0], distance[0]));
  configure("ode.method", "dopri5");
  make_tight();
  OK(enf_path_lengths(ctx, flow, 8, 0, 50, length[1], distance[1]));
  for (int k = 0; k < 50; k++) {
    ck_assert_double_eq_tol(length[0][k], length[1][k], 1e-3 * length[1][k]);
    ck_assert_double_eq_tol(distance[0][k], distance[1][k], 1e-3 * distance[1][k]);
    ck_assert_double_le(distance[1][k], length[1][k] * (1 + 1e-9));
  }
  enf_destroy(flow);
}
END_TEST

START_TEST(lengths_are_the_same_however_the_stream_is_cut) {
  enf_flow *flow = strong_flow();
  double whole[2][150], part[2][150];
  OK(enf_path_lengths(ctx, flow, 3, 7, 150, whole[0], whole[1]));
  configure("run.threads", "3");
  OK(enf_path_lengths(ctx, flow, 3, 7, 41, part[0], part[1]));
  OK(enf_path_lengths(ctx, flow, 3, 48, 109, part[0] + 41, part[1] + 41));
  ck_assert_mem_eq(whole, part, sizeof whole);
  OK(enf_path_lengths(ctx, flow, 3, 0, 0, NULL, NULL));
  enf_destroy(flow);
}
END_TEST

/* What a failing sample leaves behind: NaN, a count, and the sentence of the first. */
START_TEST(paths_that_fail_are_not_a_number) {
  enf_flow *flow = strong_flow();
  double length[20], distance[20], failed = 0;
  int nans = 0;
  configure("ode.max_steps", "9");
  const enf_status status = enf_path_lengths(ctx, flow, 3, 0, 20, length, distance);
  ck_assert_int_eq(status, ENF_ERR_ODE_STEPS);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "ode.max_steps = 9 steps were tried"));
  OK(enf_ctx_stat(ctx, "failed", &failed));
  for (int k = 0; k < 20; k++) {
    ck_assert_int_eq(isnan(length[k]), isnan(distance[k]));
    nans += isnan(length[k]);
  }
  ck_assert_int_eq(nans, (int)failed);
  enf_destroy(flow);
}
END_TEST

static int stop(void *user, uint64_t done, uint64_t total) {
  (void)user, (void)done, (void)total;
  return 1;
}

START_TEST(misuse_of_paths_is_refused) {
  enf_flow *flow = strong_flow();
  double l[4], d[4];
  ck_assert_int_eq(enf_path_lengths(NULL, flow, 0, 0, 1, l, d), ENF_ERR_ARG);
  ck_assert_int_eq(enf_path_lengths(ctx, NULL, 0, 0, 1, l, d), ENF_ERR_ARG);
  ck_assert_int_eq(enf_path_lengths(ctx, flow, 0, 0, 1, NULL, d), ENF_ERR_ARG);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "length is NULL");
  ck_assert_int_eq(enf_path_lengths(ctx, flow, 0, 0, 1, l, NULL), ENF_ERR_ARG);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "distance is NULL");
  ck_assert_int_eq(enf_path_lengths(ctx, flow, 0, UINT64_MAX - 1, 4, l, d), ENF_ERR_RANGE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx),
                   "first = 18446744073709551614 plus n = 4 runs past the end of the stream");
  enf_ctx_set_progress(ctx, stop, NULL);
  ck_assert_int_eq(enf_path_lengths(ctx, flow, 0, 0, 4, l, d), ENF_ERR_CANCELLED);
  enf_destroy(flow);
}
END_TEST

/* ---- distances of distributions ------------------------------------------------------------- */

/* Numbers without order, repeated now and then. */
static double number(int k) { return floor(50 * sin(1.3 * k * k + k)) / 8; }
static double weight(int k) { return k % 7 == 3 ? 0 : 1 + cos(2.1 * k); }

static double wasserstein(size_t n_a, const double *a, const double *weight_a, size_t n_b,
                          const double *b, const double *weight_b) {
  double w = NAN;
  OK(enf_wasserstein(ctx, n_a, a, weight_a, n_b, b, weight_b, &w));
  return w;
}

static double cumulative(size_t n, const double *a, const double *weights, double x) {
  double below = 0, all = 0;
  for (size_t i = 0; i < n; i++) {
    below += a[i] <= x ? weights[i] : 0;
    all += weights[i];
  }
  return below / all;
}

/* The area between distribution functions that are constant between multiples of 1/8. */
START_TEST(wasserstein_is_the_area_between_distribution_functions) {
  enum { MOST = 130 };
  static const size_t sizes[][2] = {{1, 1}, {1, 9}, {2, 3}, {64, 65}, {130, 17}, {127, 128}};
  double a[MOST], b[MOST], p[MOST], q[MOST];
  const size_t n = sizes[_i][0], m = sizes[_i][1];
  for (int k = 0; k < MOST; k++)
    a[k] = number(k), b[k] = 2 + 0.5 * floor(2 * number(k + 500)), p[k] = weight(k + 1),
    q[k] = weight(3 * k + 5) + 0.01;
  double area = 0;
  for (int k = -160; k < 160; k++)
    area += fabs(cumulative(n, a, p, k / 8.0) - cumulative(m, b, q, k / 8.0)) / 8;
  ck_assert_double_eq_tol(wasserstein(n, a, p, m, b, q), area, 1e-11);
}
END_TEST

START_TEST(shifted_sets_are_their_shift_apart) {
  double a[1000], b[1000], scaled[1000], w[1000], w3[1000];
  for (int k = 0; k < 1000; k++) {
    a[k] = number(k);
    b[(k + 300) % 1000] = a[k] - 0.7;
    w[k] = 1 + 0.5 * sin(k);
    w3[(k + 300) % 1000] = 3 * w[k];
    scaled[k] = 3 * a[k];
  }
  ck_assert_double_eq_tol(wasserstein(1000, a, NULL, 1000, b, NULL), 0.7, 1e-12);
  ck_assert_double_eq_tol(wasserstein(1000, a, w, 1000, b, w3), 0.7, 1e-12);
  ck_assert_double_eq_tol(wasserstein(1000, a, w, 1000, a, w), 0, 1e-12);
  const double to_b = wasserstein(1000, a, NULL, 1, b, NULL);
  const double three_b = 3 * b[0];
  ck_assert_double_eq_tol(wasserstein(1000, scaled, NULL, 1, &three_b, NULL), 3 * to_b, 1e-10);
}
END_TEST

/* int |F - G| of [0,1] and [0,L]: (L-1)/2. A grid of n points is off by less than 1/n. */
START_TEST(uniform_intervals_are_half_their_difference_apart) {
  double a[2000], b[3000];
  for (int k = 0; k < 2000; k++)
    a[k] = (k * 7 % 2000 + 0.5) / 2000;
  for (int k = 0; k < 3000; k++)
    b[k] = 2.5 * ((2999 - k) + 0.5) / 3000;
  ck_assert_double_eq_tol(wasserstein(2000, a, NULL, 3000, b, NULL), 0.75, 1e-3);
}
END_TEST

START_TEST(distances_are_metrics) {
  double x[3][60], w[3][60], tv[3], w1[3];
  for (int s = 0; s < 3; s++)
    for (int k = 0; k < 60; k++)
      x[s][k] = number(100 * s + k) * (1 + s), w[s][k] = weight(k + 9 * s) + 0.1;
  for (int s = 0; s < 3; s++) {
    const int r = (s + 1) % 3;
    double back;
    OK(enf_total_variation(ctx, 60, w[s], w[r], &tv[s]));
    OK(enf_total_variation(ctx, 60, w[r], w[s], &back));
    ck_assert_double_eq_tol(back, tv[s], 1e-15);
    w1[s] = wasserstein(60, x[s], w[s], 60, x[r], w[r]);
    ck_assert_double_eq_tol(wasserstein(60, x[r], w[r], 60, x[s], w[s]), w1[s], 1e-12);
    ck_assert_double_gt(w1[s], 0);
  }
  for (int s = 0; s < 3; s++) {
    ck_assert_double_le(tv[s], tv[(s + 1) % 3] + tv[(s + 2) % 3] + 1e-15);
    ck_assert_double_le(w1[s], w1[(s + 1) % 3] + w1[(s + 2) % 3] + 1e-12);
  }
}
END_TEST

START_TEST(total_variation_is_half_the_absolute_difference) {
  const double p[] = {1, 3, 0, 0}, q[] = {2, 2, 2, 2}, apart[] = {0, 0, 5, 1};
  double tv;
  OK(enf_total_variation(ctx, 4, p, q, &tv));
  ck_assert_double_eq(tv, 0.5);
  OK(enf_total_variation(ctx, 4, p, apart, &tv));
  ck_assert_double_eq(tv, 1);
  OK(enf_total_variation(ctx, 4, q, q, &tv));
  ck_assert_double_eq(tv, 0);
  OK(enf_total_variation(ctx, 3, p, p, &tv));
  ck_assert_double_eq(tv, 0);
}
END_TEST

START_TEST(values_without_weight_may_be_anything) {
  const double a[] = {NAN, 1, INFINITY}, w[] = {0, 2, 0}, b[] = {4};
  ck_assert_double_eq(wasserstein(3, a, w, 1, b, NULL), 3);
}
END_TEST

START_TEST(misuse_of_distances_is_refused) {
  const double v[] = {1, 2}, none[] = {0, 0}, less[] = {1, -1}, nan[] = {1, NAN};
  const double inf[] = {INFINITY, 1};
  double d = 0;
  const struct {
    size_t n;
    const double *a, *w, *b;
    double *d;
    enf_status status;
    const char *sentence;
  } w1[] = {
      {0, v, NULL, v, &d, ENF_ERR_ARG, "a holds no values"},
      {2, NULL, NULL, v, &d, ENF_ERR_ARG, "a is NULL"},
      {2, v, NULL, NULL, &d, ENF_ERR_ARG, "b is NULL"},
      {2, v, NULL, v, NULL, ENF_ERR_ARG, "distance is NULL"},
      {2, v, less, v, &d, ENF_ERR_RANGE, "weight_a[1] is -1: weights are 0 or more, and finite"},
      {2, v, nan, v, &d, ENF_ERR_RANGE, "weight_a[1] is nan: weights are 0 or more, and finite"},
      {2, v, none, v, &d, ENF_ERR_RANGE,
       "the weights weight_a add up to 0: there is no distribution"},
      {2, v, NULL, nan, &d, ENF_ERR_NONFINITE, "b[1] is nan and has weight 1"},
      {2, inf, NULL, v, &d, ENF_ERR_NONFINITE, "a[0] is inf and has weight 1"},
  };
  ck_assert_int_eq(enf_wasserstein(NULL, 1, v, NULL, 1, v, NULL, &d), ENF_ERR_ARG);
  for (size_t i = 0; i < sizeof w1 / sizeof *w1; i++) {
    ck_assert_int_eq(enf_wasserstein(ctx, w1[i].n, w1[i].a, w1[i].w, 2, w1[i].b, NULL, w1[i].d),
                     w1[i].status);
    ck_assert_str_eq(enf_ctx_errmsg(ctx), w1[i].sentence);
  }
  const struct {
    size_t bins;
    const double *p, *q;
    double *d;
    enf_status status;
    const char *sentence;
  } tv[] = {
      {2, NULL, v, &d, ENF_ERR_ARG, "p is NULL"},
      {2, v, NULL, &d, ENF_ERR_ARG, "q is NULL"},
      {2, v, v, NULL, ENF_ERR_ARG, "distance is NULL"},
      {2, v, less, &d, ENF_ERR_RANGE, "q[1] is -1: counts are 0 or more, and finite"},
      {2, nan, v, &d, ENF_ERR_RANGE, "p[1] is nan: counts are 0 or more, and finite"},
      {2, none, v, &d, ENF_ERR_RANGE, "the counts in p add up to 0: there is no distribution"},
      {0, v, v, &d, ENF_ERR_RANGE, "the counts in p add up to 0: there is no distribution"},
  };
  for (size_t i = 0; i < sizeof tv / sizeof *tv; i++) {
    ck_assert_int_eq(enf_total_variation(ctx, tv[i].bins, tv[i].p, tv[i].q, tv[i].d), tv[i].status);
    ck_assert_str_eq(enf_ctx_errmsg(ctx), tv[i].sentence);
  }
}
END_TEST

START_TEST(values_too_far_apart_are_refused) {
  const double low = -1.5e308, high = 1.5e308;
  double d;
  ck_assert_int_eq(enf_wasserstein(ctx, 1, &low, NULL, 1, &high, NULL, &d), ENF_ERR_NONFINITE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "the values of a and b lie too far apart for a double");
}
END_TEST

/* ---- interatomic distances ------------------------------------------------------------------ */

START_TEST(pair_distances_are_all_pairs_in_order) {
  const double flat[] = {0, 0, 3, 4, 0, 1, 5, 5, 5, 5, 6, 5};
  const double want[] = {5, 1, sqrt(18), 0, 1, 1};
  const double space[] = {1, 2, 3, 3, 3, 5};
  double d[6];
  OK(enf_pair_distances(ctx, 2, 3, 2, flat, d));
  for (int k = 0; k < 6; k++)
    ck_assert_double_eq_tol(d[k], want[k], 1e-15);
  OK(enf_pair_distances(ctx, 1, 2, 3, space, d));
  ck_assert_double_eq(d[0], 3);
}
END_TEST

START_TEST(misuse_of_pair_distances_is_refused) {
  const double x[6] = {0};
  double d[3];
  const struct {
    size_t n, N, D;
    const double *x;
    double *d;
    enf_status status;
    const char *sentence;
  } bad[] = {
      {1, 1, 3, x, d, ENF_ERR_SHAPE,
       "1 particles in 3 dimensions have no distances: 2 and 1 at least"},
      {1, 3, 0, x, d, ENF_ERR_SHAPE,
       "3 particles in 0 dimensions have no distances: 2 and 1 at least"},
      {1, 3, 2, NULL, d, ENF_ERR_ARG, "x is NULL"},
      {1, 3, 2, x, NULL, ENF_ERR_ARG, "distance is NULL"},
      {SIZE_MAX / 16, 3, 2, x, d, ENF_ERR_ARG,
       "1152921504606846975 configurations of 3 particles in 2 dimensions cannot exist"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ck_assert_int_eq(enf_pair_distances(ctx, bad[i].n, bad[i].N, bad[i].D, bad[i].x, bad[i].d),
                     bad[i].status);
    ck_assert_str_eq(enf_ctx_errmsg(ctx), bad[i].sentence);
  }
  OK(enf_pair_distances(ctx, 0, 3, 2, NULL, NULL));
}
END_TEST

static void add_paths(TCase *c) {
  tcase_add_loop_test(c, scaling_has_the_length_of_its_straight_lines, 0, 2);
  tcase_add_test(c, length_is_that_of_many_short_chords);
  tcase_add_loop_test(c, default_tolerances_give_a_thousandth, 0, 3);
  tcase_add_test(c, lengths_are_the_same_however_the_stream_is_cut);
  tcase_add_test(c, paths_that_fail_are_not_a_number);
  tcase_add_test(c, misuse_of_paths_is_refused);
}

static void add_distances(TCase *c) {
  tcase_add_loop_test(c, wasserstein_is_the_area_between_distribution_functions, 0, 6);
  tcase_add_test(c, shifted_sets_are_their_shift_apart);
  tcase_add_test(c, uniform_intervals_are_half_their_difference_apart);
  tcase_add_test(c, distances_are_metrics);
  tcase_add_test(c, total_variation_is_half_the_absolute_difference);
  tcase_add_test(c, values_without_weight_may_be_anything);
  tcase_add_test(c, values_too_far_apart_are_refused);
  tcase_add_test(c, misuse_of_distances_is_refused);
  tcase_add_test(c, pair_distances_are_all_pairs_in_order);
  tcase_add_test(c, misuse_of_pair_distances_is_refused);
}

int main(void) {
  TCase *tests = tcase_create("metrics");
  tcase_add_checked_fixture(tests, setup, teardown);
  add_paths(tests);
  add_distances(tests);
  return run_suite("metrics", tests);
}
