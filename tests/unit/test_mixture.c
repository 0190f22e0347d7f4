/* test_mixture.c -- mixtures of flows: densities, gradients, samples and weights against those of
   their parts; golden EM; copies; what is refused. */
#include "flow/mixture.h"
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <string.h>

enum { C = 3, D = 2, ROWS = 40 };

static enf_ctx *ctx;
static enf_flow *part[C], *mix;
static const double weights[C] = {1, 2, 5};
static double x[ROWS * D];

#define OK(call) ck_assert_msg((call) == ENF_OK, "%s", enf_ctx_errmsg(ctx))

static enf_flow *make_part(int c) {
  static const char *const maps[] = {"linear*2", "linear", "cnf"};
  enf_opts *opts;
  enf_flow *flow;
  OK(enf_opts_create(ctx, &opts));
  enf_opts_set(opts, "model.space", "vector");
  enf_opts_set(opts, "model.dimensions", "2");
  enf_opts_set(opts, "model.map", maps[c]);
  enf_opts_set(opts, "model.hidden", "8");
  enf_opts_set_real(opts, "model.data_scale", 1 + 0.3 * c);
  if (c == 1)
    enf_opts_set(opts, "model.prior", "student-t");
  OK(enf_create(ctx, &flow, opts));
  enf_opts_destroy(opts);
  if (c < 2) {
    const double w[] = {1.1, 0.3, -0.2 * c, 0.7}, b[] = {0.5 * c, -1};
    OK(enf_params_set(ctx, flow, "linear.0.weight", w, 4));
    OK(enf_params_set(ctx, flow, "linear.0.bias", b, 2));
  }
  return flow;
}

static void setup(void) {
  enf_opts *opts;
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  OK(enf_opts_create(ctx, &opts));
  enf_opts_set(opts, "run.precision", "float64");
  enf_opts_set(opts, "run.threads", "2");
  enf_opts_set(opts, "ode.rtol", "1e-9");
  enf_opts_set(opts, "ode.atol", "1e-9");
  enf_opts_set(opts, "logdet.tol", "1e-9");
  OK(enf_ctx_configure(ctx, opts));
  enf_opts_destroy(opts);
  for (int c = 0; c < C; c++)
    part[c] = make_part(c);
  const enf_flow *parts[] = {part[0], part[1], part[2]};
  OK(enf_mixture_create(ctx, &mix, C, parts, weights));
  OK(enf_sample(ctx, part[2], 3, 0, ROWS, x, NULL));
}

static void teardown(void) {
  for (int c = 0; c < C; c++)
    enf_destroy(part[c]);
  enf_destroy(mix);
  enf_ctx_destroy(ctx);
}

START_TEST(density_is_the_weighted_sum) {
  double logp[ROWS], each[C][ROWS], r[ROWS * C];
  OK(enf_log_prob(ctx, mix, ROWS, x, logp));
  OK(enf_mixture_responsibilities(ctx, mix, ROWS, x, r));
  for (int c = 0; c < C; c++)
    OK(enf_log_prob(ctx, part[c], ROWS, x, each[c]));
  for (int i = 0; i < ROWS; i++) {
    double sum = 0, all = 0;
    for (int c = 0; c < C; c++)
      sum += weights[c] / 8 * exp(each[c][i]);
    ck_assert_double_eq_tol(logp[i], log(sum), 1e-12);
    for (int c = 0; c < C; c++) {
      ck_assert_double_eq_tol(r[i * C + c], weights[c] / 8 * exp(each[c][i]) / sum, 1e-12);
      all += r[i * C + c];
    }
    ck_assert_double_eq_tol(all, 1, 1e-14);
  }
}
END_TEST

START_TEST(gradient_is_that_of_the_density) {
  double logp[ROWS], again[ROWS], grad[ROWS * D];
  OK(enf_log_prob(ctx, mix, ROWS, x, logp));
  OK(enf_log_prob_grad(ctx, mix, ROWS, x, again, grad));
  for (int i = 0; i < ROWS; i++) {
    ck_assert_double_eq_tol(logp[i], again[i], 1e-6);
    for (int k = 0; k < D; k++) {
      double side[2][D], value[2];
      for (int s = 0; s < 2; s++) {
        memcpy(side[s], x + i * D, sizeof side[s]);
        side[s][k] += s ? 1e-4 : -1e-4;
      }
      OK(enf_log_prob(ctx, mix, 2, side[0], value));
      ck_assert_double_eq_tol(grad[i * D + k], (value[1] - value[0]) / 2e-4, 1e-5);
    }
  }
}
END_TEST

/* Every sample is, bit for bit, that of a part, and as often as its weight says. */
START_TEST(samples_are_those_of_the_parts) {
  enum { DRAWS = 4000 };
  static double y[DRAWS * D], each[C][DRAWS * D], logp[DRAWS], again[DRAWS];
  double count[C] = {0};
  OK(enf_sample(ctx, mix, 7, 100, DRAWS, y, logp));
  OK(enf_log_prob(ctx, mix, DRAWS, y, again));
  for (int c = 0; c < C; c++)
    OK(enf_sample(ctx, part[c], 7, 100, DRAWS, each[c], NULL));
  for (int i = 0; i < DRAWS; i++) {
    int found = 0;
    ck_assert_double_eq_tol(logp[i], again[i], 1e-6);
    for (int c = 0; c < C; c++)
      if (!memcmp(y + i * D, each[c] + i * D, D * sizeof *y)) {
        count[c]++;
        found++;
      }
    ck_assert_int_eq(found, 1);
  }
  for (int c = 0; c < C; c++) {
    const double p = weights[c] / 8;
    ck_assert_double_eq_tol(count[c] / DRAWS, p, 4 * sqrt(p * (1 - p) / DRAWS));
  }
}
END_TEST

START_TEST(stream_can_be_cut_and_threads_do_not_matter) {
  double whole[50 * D], parts[50 * D], logp[50], cut[50];
  enf_opts *opts;
  OK(enf_sample(ctx, mix, 9, 5, 50, whole, logp));
  OK(enf_opts_create(ctx, &opts));
  enf_opts_set(opts, "run.threads", "1");
  enf_opts_set(opts, "run.precision", "float64");
  enf_opts_set(opts, "ode.rtol", "1e-9");
  enf_opts_set(opts, "ode.atol", "1e-9");
  enf_opts_set(opts, "logdet.tol", "1e-9");
  OK(enf_ctx_configure(ctx, opts));
  enf_opts_destroy(opts);
  OK(enf_sample(ctx, mix, 9, 5, 17, parts, cut));
  OK(enf_sample(ctx, mix, 9, 22, 33, parts + 17 * D, cut + 17));
  ck_assert_mem_eq(whole, parts, sizeof whole);
  ck_assert_mem_eq(logp, cut, sizeof logp);
}
END_TEST

/* Density of two linear parts by quadrature. */
START_TEST(integrates_to_one) {
  const enf_flow *two[] = {part[0], part[0]};
  enf_flow *pair;
  static double at[200 * D], logp[200];
  double sum = 0;
  OK(enf_mixture_create(ctx, &pair, 2, two, NULL));
  const double b[] = {3, 0};
  OK(enf_params_set(ctx, pair, "part.1.linear.0.bias", b, 2));
  for (int i = 0; i < 200; i++) {
    for (int k = 0; k < 200; k++) {
      at[k * D] = 0.25 * (i - 100);
      at[k * D + 1] = 0.25 * (k - 100);
    }
    OK(enf_log_prob(ctx, pair, 200, at, logp));
    for (int k = 0; k < 200; k++)
      sum += exp(logp[k]) * 0.25 * 0.25;
  }
  ck_assert_double_eq_tol(sum, 1, 1e-6);
  enf_destroy(pair);
}
END_TEST

START_TEST(copy_and_file_are_the_same_flow) {
  enf_flow *copy, *loaded;
  void *image, *twice;
  size_t bytes, more;
  double logp[ROWS], other[ROWS], weight;
  char text[8];
  OK(enf_meta_set(ctx, mix, "unit", "nm"));
  OK(enf_copy(ctx, &copy, mix));
  OK(enf_save_memory(ctx, copy, &image, &bytes));
  OK(enf_load_memory(ctx, &loaded, image, bytes));
  OK(enf_save_memory(ctx, loaded, &twice, &more));
  ck_assert_uint_eq(bytes, more);
  ck_assert_mem_eq(image, twice, bytes);
  OK(enf_log_prob(ctx, mix, ROWS, x, logp));
  OK(enf_log_prob(ctx, loaded, ROWS, x, other));
  ck_assert_mem_eq(logp, other, sizeof logp);
  OK(enf_meta_get(loaded, "unit", text, sizeof text, NULL));
  ck_assert_str_eq(text, "nm");
  ck_assert_int_eq(enf_mixture_get(loaded, 1, NULL, &weight), ENF_OK);
  ck_assert_double_eq_tol(weight, 0.25, 1e-15);
  ck_assert_int_eq(enf_mixture_get(loaded, C, NULL, NULL), ENF_ERR_RANGE);
  enf_free_memory(ctx, image);
  enf_free_memory(ctx, twice);
  enf_destroy(copy);
  enf_destroy(loaded);
}
END_TEST

/* It never falls, and ends where the data come from. */
START_TEST(fit_climbs_to_the_weights_of_the_data) {
  enum { DRAWS = 3000 };
  static double y[DRAWS * D], logw[DRAWS];
  const enf_flow *two[] = {part[0], part[1]};
  const double share[] = {0.3, 0.7}, equal[] = {1, 1};
  enf_flow *pair;
  double before, mean, weight;
  OK(enf_mixture_create(ctx, &pair, 2, two, share));
  OK(enf_sample(ctx, pair, 11, 0, DRAWS, y, NULL));
  OK(enf_mixture_set_weights(ctx, pair, 2, equal));
  OK(enf_mixture_fit(ctx, pair, DRAWS, y, NULL, 0, &before));
  for (int k = 0; k < 10; k++, before = mean) {
    OK(enf_mixture_fit(ctx, pair, DRAWS, y, NULL, 1, &mean));
    ck_assert_double_ge(mean, before - 1e-12);
  }
  OK(enf_mixture_fit(ctx, pair, DRAWS, y, NULL, 300, &mean));
  ck_assert_int_eq(enf_mixture_get(pair, 0, NULL, &weight), ENF_OK);
  ck_assert_double_eq_tol(weight, 0.3, 0.08);
  for (int i = 0; i < DRAWS; i++)
    logw[i] = i < DRAWS / 2 ? 3 : -(double)INFINITY;
  OK(enf_mixture_fit(ctx, pair, DRAWS, y, logw, 100, &mean));
  OK(enf_mixture_fit(ctx, pair, DRAWS / 2, y, NULL, 0, &before));
  ck_assert_double_eq_tol(mean, before, 1e-12);
  logw[0] = NAN;
  ck_assert_int_eq(enf_mixture_fit(ctx, pair, DRAWS, y, logw, 100, &mean), ENF_ERR_NONFINITE);
  enf_destroy(pair);
}
END_TEST

START_TEST(what_is_no_mixture_is_refused) {
  const enf_flow *parts[] = {part[0], mix};
  enf_flow *made, *other;
  const double bad[] = {1, -1}, none[] = {0, 0};
  double y[ROWS * D], logp[ROWS], df;
  enf_opts *opts;
  ck_assert_int_eq(enf_mixture_create(ctx, &made, 2, parts, NULL), ENF_ERR_UNSUPPORTED);
  ck_assert_ptr_null(made);
  ck_assert_int_eq(enf_mixture_create(ctx, &made, 0, parts, NULL), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_mixture_create(ctx, &made, 65, parts, NULL), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_mixture_create(ctx, &made, 1, NULL, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_mixture_create(ctx, NULL, 1, parts, NULL), ENF_ERR_ARG);
  parts[1] = part[1];
  ck_assert_int_eq(enf_mixture_create(ctx, &made, 2, parts, bad), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_mixture_create(ctx, &made, 2, parts, none), ENF_ERR_RANGE);
  OK(enf_opts_create(ctx, &opts));
  enf_opts_set(opts, "model.particles", "3");
  OK(enf_create(ctx, &other, opts));
  parts[1] = other;
  ck_assert_int_eq(enf_mixture_create(ctx, &made, 2, parts, NULL), ENF_ERR_SHAPE);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "model.space"));
  ck_assert_int_eq(enf_mixture_set_weights(ctx, part[0], 1, weights), ENF_ERR_UNSUPPORTED);
  ck_assert_int_eq(enf_mixture_set_weights(ctx, mix, 2, weights), ENF_ERR_SHAPE);
  ck_assert_int_eq(enf_mixture_fit(ctx, part[0], ROWS, x, NULL, 1, NULL), ENF_ERR_UNSUPPORTED);
  ck_assert_int_eq(enf_mixture_fit(ctx, mix, 0, x, NULL, 1, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_mixture_fit(ctx, mix, ROWS, NULL, NULL, 1, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_transport(ctx, mix, ROWS, 0, 1, x, y, NULL), ENF_ERR_UNSUPPORTED);
  ck_assert_int_eq(enf_prior_sample(ctx, mix, 0, 0, ROWS, y), ENF_ERR_UNSUPPORTED);
  ck_assert_int_eq(enf_prior_log_prob(ctx, mix, ROWS, x, logp), ENF_ERR_UNSUPPORTED);
  ck_assert_int_eq(enf_prior_fit(ctx, mix, ROWS, x), ENF_ERR_UNSUPPORTED);
  ck_assert_int_eq(enf_path_lengths(ctx, mix, 0, 0, ROWS, y, logp), ENF_ERR_UNSUPPORTED);
  ck_assert_int_eq(enf_get_real(mix, "prior_df", &df), ENF_OK);
  x[3] = NAN;
  ck_assert_int_eq(enf_log_prob(ctx, mix, ROWS, x, logp), ENF_ERR_NONFINITE);
  ck_assert(isnan(logp[1]) && isfinite(logp[0]));
  ck_assert_int_eq(enf_log_prob_grad(ctx, mix, ROWS, x, logp, y), ENF_ERR_NONFINITE);
  ck_assert(isnan(logp[1]) && isfinite(logp[0]));
  enf_destroy(other);
  enf_opts_destroy(opts);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("mixture");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_test(c, density_is_the_weighted_sum);
  tcase_add_test(c, gradient_is_that_of_the_density);
  tcase_add_test(c, samples_are_those_of_the_parts);
  tcase_add_test(c, stream_can_be_cut_and_threads_do_not_matter);
  tcase_add_test(c, integrates_to_one);
  tcase_add_test(c, copy_and_file_are_the_same_flow);
  tcase_add_test(c, fit_climbs_to_the_weights_of_the_data);
  tcase_add_test(c, what_is_no_mixture_is_refused);
  return run_suite("mixture", c);
}
