/* test_prior.c -- priors with a covariance: symmetries, gradients, draws, what is refused, what a
   fit finds; and that all of a flow works with one. */
#include "core/random.h"
#include "flow/flow.h"
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <string.h>

enum { N = 4, D = 3, DIM = N * D, ROWS = 400 };

static enf_ctx *ctx;
static enf_opts *opts;
static enf_flow *flow;
static double x[ROWS * DIM];

#define OK(call) ck_assert_msg((call) == ENF_OK, "%s", enf_ctx_errmsg(ctx))

static void set(const char *name, const char *value) {
  ck_assert_msg(enf_opts_set(opts, name, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
}

/* Rows of unequal widths: particle i has 1 + i/2, the last one follows the first; a t law of 4
   degrees of freedom if df. */
static void make_rows(double df) {
  for (size_t i = 0; i < ROWS; i++) {
    double *row = x + i * DIM, t[4], factor = 1;
    enf__random_normal(3, 77, i, DIM, row);
    for (size_t k = 0; k < DIM; k++)
      row[k] *= 1 + 0.5 * (double)(k / D);
    for (size_t d = 0; d < D; d++)
      row[3 * D + d] = row[d] + 0.2 * row[3 * D + d];
    enf__random_normal(3, 78, i, 4, t);
    if (df > 0)
      factor = sqrt(df / (t[0] * t[0] + t[1] * t[1] + t[2] * t[2] + t[3] * t[3]));
    for (size_t k = 0; k < DIM; k++)
      row[k] *= factor;
  }
}

static void open_flow(const char *prior) {
  OK(enf_ctx_create(&ctx, NULL));
  OK(enf_opts_create(ctx, &opts));
  set("model.particles", "4");
  set("model.species", "1 2 2 3");
  set("model.hidden", "4");
  set("model.layers", "1");
  set("model.prior", prior);
  set("model.prior_covariance", "data");
  set("run.precision", "float64");
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_create(ctx, &flow, opts));
  make_rows(strcmp(prior, "gaussian") ? 4 : 0);
}

static void fit_flow(const char *prior) {
  open_flow(prior);
  OK(enf_prior_fit(ctx, flow, ROWS, x));
}

static void close_flow(void) {
  enf_destroy(flow);
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
}

static const char *const priors[] = {"gaussian", "student-t"};

static double density(const double *z) { return enf__prior_log_density(&flow->prior, z); }

START_TEST(density_knows_no_directions_and_no_order_of_like_particles) {
  fit_flow(priors[_i]);
  double z[DIM], turned[DIM];
  const double c = cos(0.7), s = sin(0.7);
  enf__prior_sample(&flow->prior, 1, ENF__STREAM_PRIOR, 5, z);
  for (size_t i = 0; i < N; i++) { /* particles 1 and 2 are alike */
    const double *from = z + (i == 1 ? 2 : i == 2 ? 1 : i) * D;
    turned[i * D] = c * from[0] - s * from[1];
    turned[i * D + 1] = s * from[0] + c * from[1];
    turned[i * D + 2] = -from[2];
  }
  ck_assert_double_eq_tol(density(turned), density(z), 1e-12);
  memcpy(turned, z, sizeof z);
  memcpy(turned, z + 3 * D, D * sizeof *z); /* 0 and 3 are not */
  memcpy(turned + 3 * D, z, D * sizeof *z);
  ck_assert(fabs(density(turned) - density(z)) > 1e-3);
  close_flow();
}
END_TEST

START_TEST(gradient_is_that_of_the_density) {
  fit_flow(priors[_i]);
  double z[DIM], grad[DIM];
  flow->prior.std = 1.3;
  enf__prior_sample(&flow->prior, 1, ENF__STREAM_PRIOR, 9, z);
  enf__prior_gradient(&flow->prior, z, grad);
  for (size_t k = 0; k < DIM; k++) {
    double move[DIM] = {0}, up[DIM], down[DIM];
    move[k] = 1e-5;
    flow->space.ops->project(&flow->space, move);
    double along = 0;
    for (size_t i = 0; i < DIM; i++) {
      up[i] = z[i] + move[i];
      down[i] = z[i] - move[i];
      along += grad[i] * move[i];
    }
    ck_assert_double_eq_tol(2 * along, density(up) - density(down), 1e-9);
  }
  close_flow();
}
END_TEST

/* E -log p of draws, and for the Gaussian their covariance: 5 standard errors of 20,000. */
START_TEST(draws_follow_the_density) {
  fit_flow(priors[_i]);
  enum { DRAWS = 20000 };
  const double k = (N - 1) * D;
  double z[DIM], S[N * N], sum[N * N] = {0}, beta = 0;
  OK(enf_params_get(ctx, flow, "prior.covariance", S, N * N));
  const double nu = flow->prior.df;
  for (size_t r = 0; r < DRAWS; r++) {
    OK(enf_prior_sample(ctx, flow, 6, r, 1, z));
    const double q = enf__ellipse_square(&flow->prior.ellipse, &flow->space, 1, z);
    beta += (_i ? nu / (nu + q) : q) / DRAWS;
    for (size_t i = 0; i < N * N; i++)
      for (size_t d = 0; d < D; d++)
        sum[i] += z[i / N * D + d] * z[i % N * D + d] / (DRAWS * D);
  }
  const double mean = _i ? nu / (nu + k) : k;
  const double variance = _i ? mean * (1 - mean) / ((nu + k) / 2 + 1) : 2 * k;
  ck_assert_double_eq_tol(beta, mean, 5 * sqrt(variance / DRAWS));
  for (size_t i = 0; i < N * N && _i == 0; i++)
    ck_assert_double_eq_tol(sum[i], S[i],
                            5 * sqrt(2 * S[i / N * (N + 1)] * S[i % N * (N + 1)] / (DRAWS * D)));
  close_flow();
}
END_TEST

/* Any cut of the stream gives the same bits. */
START_TEST(streams_can_be_cut) {
  fit_flow(priors[_i]);
  double whole[7 * DIM], part[7 * DIM];
  OK(enf_prior_sample(ctx, flow, 6, 11, 7, whole));
  OK(enf_prior_sample(ctx, flow, 6, 11, 3, part));
  OK(enf_prior_sample(ctx, flow, 6, 14, 4, part + 3 * DIM));
  ck_assert_mem_eq(whole, part, sizeof whole);
  close_flow();
}
END_TEST

/* At the maximum no other covariance, width or number of degrees of freedom is better. */
START_TEST(fit_is_the_maximum_of_the_likelihood) {
  fit_flow(priors[_i]);
  double z[DIM], best = 0, S[N * N], less[N * N], other;
  OK(enf_params_get(ctx, flow, "prior.covariance", S, N * N));
  for (int change = 0; change < 7; change++) {
    memcpy(less, S, sizeof S);
    const double step = change % 2 ? 0.02 : -0.02;
    if (change == 1 || change == 2)
      flow->prior.std = 1 + step;
    if (change == 3 || change == 4)
      flow->prior.df *= 1 + 3 * step;
    if (change >= 5) { /* particle 0 against the others */
      const double v[N] = {3, -1, -1, -1};
      for (size_t i = 0; i < N * N; i++)
        less[i] += step / 10 * v[i / N] * v[i % N];
    }
    ck_assert(enf__ellipse_set(&flow->prior.ellipse, &flow->space, less));
    other = 0;
    for (size_t i = 0; i < ROWS; i++) {
      flow->space.ops->enter(&flow->space, x + i * DIM, z, NULL, NULL);
      other += density(z) / ROWS;
    }
    best = change == 0 ? other : best;
    if (change > 0 && !(_i == 0 && (change == 3 || change == 4)))
      ck_assert_msg(other < best, "change %d: %g, not below %g", change, other, best);
    flow->prior.std = 1;
    flow->prior.df = change >= 3 && change <= 4 ? flow->prior.df / (1 + 3 * step) : flow->prior.df;
  }
  if (_i == 1)
    ck_assert_double_eq_tol(flow->prior.df, 4, 1);
  close_flow();
}
END_TEST

START_TEST(number_that_was_set_stays) {
  OK(enf_ctx_create(&ctx, NULL));
  OK(enf_opts_create(ctx, &opts));
  set("model.particles", "4");
  set("model.prior", "student-t");
  set("model.prior_df", "7");
  OK(enf_create(ctx, &flow, opts));
  make_rows(4);
  double df, std;
  OK(enf_prior_fit(ctx, flow, ROWS, x));
  OK(enf_get_real(flow, "prior_df", &df));
  OK(enf_get_real(flow, "prior_std", &std));
  ck_assert_double_eq(df, 7);
  ck_assert(std != 1 && std > 0.3 && std < 3);
  close_flow();
}
END_TEST

/* The host's unit of length; the width says the rest. */
START_TEST(data_scale_that_was_set_stays) {
  OK(enf_ctx_create(&ctx, NULL));
  OK(enf_opts_create(ctx, &opts));
  set("model.particles", "4");
  set("model.prior", "student-t");
  OK(enf_create(ctx, &flow, opts));
  make_rows(4);
  double scale, width[2];
  OK(enf_prior_fit(ctx, flow, ROWS, x));
  OK(enf_get_real(flow, "data_scale", &scale));
  OK(enf_get_real(flow, "prior_std", &width[0]));
  ck_assert(scale != 2.5);
  width[0] *= scale;
  enf_destroy(flow);
  set("model.data_scale", "2.5");
  OK(enf_create(ctx, &flow, opts));
  for (int k = 0; k < 2; k++) { /* and a second fit finds it there */
    OK(enf_prior_fit(ctx, flow, ROWS, x));
    OK(enf_get_real(flow, "data_scale", &scale));
    OK(enf_get_real(flow, "prior_std", &width[1]));
    ck_assert_double_eq(scale, 2.5);
    ck_assert_double_eq_tol(2.5 * width[1] / width[0], 1, 1e-3);
  }
  close_flow();
}
END_TEST

START_TEST(flow_with_it_trains_saves_and_scores) {
  open_flow(priors[_i]);
  enf_trainer *tr;
  enf_flow *again, *copy;
  enf_step_info info = ENF_STEP_INFO_INIT;
  void *image;
  size_t bytes;
  double logp[3], loaded[3], grad[3 * DIM], S[N * N], kept[N * N], y[3 * DIM], py[3];
  OK(enf_trainer_create(ctx, &tr, flow, opts));
  OK(enf_train_step(ctx, tr, 64, x, &info));
  OK(enf_params_get(ctx, flow, "prior.covariance", S, N * N));
  ck_assert(S[1] != -0.25);
  OK(enf_train_step(ctx, tr, 64, x + 64 * DIM, &info));
  OK(enf_params_get(ctx, flow, "prior.covariance", kept, N * N));
  ck_assert_mem_eq(S, kept, sizeof S);
  ck_assert(isfinite(info.loss));
  OK(enf_save_memory(ctx, flow, &image, &bytes));
  OK(enf_load_memory(ctx, &again, image, bytes));
  OK(enf_copy(ctx, &copy, again));
  OK(enf_log_prob(ctx, flow, 3, x, logp));
  OK(enf_log_prob(ctx, copy, 3, x, loaded));
  ck_assert_mem_eq(logp, loaded, sizeof logp);
  OK(enf_log_prob_grad(ctx, flow, 3, x, loaded, grad));
  for (size_t i = 0; i < 3; i++)
    ck_assert_double_eq_tol(logp[i], loaded[i], 0.05);
  OK(enf_sample(ctx, flow, 4, 0, 3, y, py));
  OK(enf_log_prob(ctx, flow, 3, y, logp));
  for (size_t i = 0; i < 3; i++)
    ck_assert_double_eq_tol(logp[i], py[i], 0.01);
  enf_free_memory(ctx, image);
  enf_destroy(copy);
  enf_destroy(again);
  enf_trainer_destroy(tr);
  close_flow();
}
END_TEST

START_TEST(matrix_that_is_no_covariance_is_refused) {
  fit_flow("gaussian");
  double S[N * N], bad[N * N];
  OK(enf_params_get(ctx, flow, "prior.covariance", S, N * N));
  const double v[3][N] = {{1, 0, 0, 0}, {0, 1, -1, 0}, {1, -1, 0, 0}}, size[3] = {1, 0.1, -9};
  for (size_t b = 0; b < 4; b++) {
    for (size_t i = 0; i < N * N; i++)
      bad[i] = b < 3 ? S[i] + size[b] * v[b][i / N] * (v[b][i % N] + 0.5 * (b == 1) * (i % N == 1))
                     : S[i] * 0;
    ck_assert_int_eq(enf_params_set(ctx, flow, "prior.covariance", bad, N * N), ENF_ERR_RANGE);
  }
  memcpy(bad, S, sizeof S); /* tells 1 from 2 */
  for (size_t i = 0; i < N * N; i++)
    bad[i] += 0.1 * ((i / N == 1) - (i / N == 0)) * ((i % N == 1) - (i % N == 0));
  ck_assert_int_eq(enf_params_set(ctx, flow, "prior.covariance", bad, N * N), ENF_ERR_RANGE);
  OK(enf_params_get(ctx, flow, "prior.covariance", bad, N * N));
  ck_assert_mem_eq(S, bad, sizeof S);
  memset(x, 0, sizeof x);
  ck_assert_int_eq(enf_prior_fit(ctx, flow, ROWS, x), ENF_ERR_RANGE);
  OK(enf_params_get(ctx, flow, "prior.covariance", bad, N * N));
  ck_assert_mem_eq(S, bad, sizeof S);
  double z[DIM];
  enf__prior_sample(&flow->prior, 1, ENF__STREAM_PRIOR, 5, z);
  ck_assert(isfinite(density(z)));
  close_flow();
}
END_TEST

START_TEST(vectors_have_none) {
  OK(enf_ctx_create(&ctx, NULL));
  OK(enf_opts_create(ctx, &opts));
  set("model.space", "vector");
  set("model.prior_covariance", "data");
  ck_assert_int_eq(enf_create(ctx, &flow, opts), ENF_ERR_OPTION);
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("prior laws");
  tcase_add_loop_test(c, density_knows_no_directions_and_no_order_of_like_particles, 0, 2);
  tcase_add_loop_test(c, gradient_is_that_of_the_density, 0, 2);
  tcase_add_loop_test(c, draws_follow_the_density, 0, 2);
  tcase_add_loop_test(c, streams_can_be_cut, 0, 2);
  tcase_add_loop_test(c, fit_is_the_maximum_of_the_likelihood, 0, 2);
  tcase_add_test(c, number_that_was_set_stays);
  tcase_add_test(c, data_scale_that_was_set_stays);
  tcase_add_loop_test(c, flow_with_it_trains_saves_and_scores, 0, 2);
  tcase_add_test(c, matrix_that_is_no_covariance_is_refused);
  tcase_add_test(c, vectors_have_none);
  return run_suite("prior laws", c);
}
