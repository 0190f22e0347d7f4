/* test_copula.c -- copula priors as parts of flows: draws against distribution functions, gradients of
   the likelihood, what a fit finds, files, what is refused; and the Gumbel copula's exact draws. */
#include "laws/objectives.h"
#include <enf/energy.h>

enum { DRAWS = 20000, BINS = 20 };

static const char *const margins =
    "student-t:df=3,loc=0.4; laplace:scale=0.7"; /* D of objectives.h is 2 */
static const char *const copulas[] = {"independent", "gaussian", "student-t"};
static const double correlation[] = {1, 0.6, 0.6, 1};

static void choose(int kind) {
  set("model.space", "vector");
  set("model.particles", "1");
  set("model.map", "autoregressive*1");
  set("model.prior", "copula");
  set("model.copula", copulas[kind]);
  set("model.copula_df", "4");
  set("model.margins", margins);
}

/* begin() with the numbers of the prior as they were. */
static void begin_copula(int kind) {
  choose(kind);
  begin();
  enf_flow *const both[] = {flow, tr->work};
  for (size_t i = 0; i < 2; i++) {
    enf__prior *prior = &both[i]->prior;
    enf__copula fresh = prior->copula;
    OK(enf__copula_allocate(ctx, &fresh));
    enf__copula_start(&fresh, both[i]->params.value);
    enf__copula_free(&ctx->alloc, &fresh);
    if (kind > 0)
      memcpy(both[i]->params.value + prior->copula.correlation, correlation, sizeof correlation);
    enf__flow_pack(both[i]);
  }
}

/* F(z) of a margin. */
static double probability(const enf__copula_margin *m, double z) {
  const double t = (z - m->loc) / m->scale, tail = exp(enf__law_log_tail(m->law, fabs(t)));
  return t < 0 ? tail : 1 - tail;
}

/* Chi-square of 20 cells of 20,000 draws: mean 19, standard deviation 6.2. */
static void expect_uniform(const double *u, size_t stride) {
  double count[BINS] = {0}, chi = 0;
  for (size_t i = 0; i < DRAWS; i++)
    count[(size_t)fmin(u[i * stride] * BINS, BINS - 1)]++;
  for (size_t c = 0; c < BINS; c++)
    chi += pow(count[c] - (double)DRAWS / BINS, 2) / ((double)DRAWS / BINS);
  ck_assert_msg(chi < 19 + 4 * 6.2, "chi^2 of 19 is %g", chi);
}

/* Kendall's tau of pairs of draws (1,2), (3,4), ... and its standard error. */
static double concordance(const double *u, double *error) {
  double sum = 0;
  for (size_t i = 0; i < DRAWS; i += 2)
    sum += (u[2 * i] - u[2 * i + 2]) * (u[2 * i + 1] - u[2 * i + 3]) > 0 ? 1 : -1;
  *error = 1 / sqrt(DRAWS / 2);
  return sum / (DRAWS / 2);
}

/* Margins have their laws, and tau is that of an elliptical copula, 2/pi asin R. */
START_TEST(draws_have_margins_and_dependence) {
  static double z[DRAWS * 2];
  double error;
  begin_copula(_i);
  OK(enf_prior_sample(ctx, flow, 5, 0, DRAWS, z));
  for (size_t k = 0; k < DRAWS * 2; k++)
    z[k] = probability(&flow->prior.copula.margin[k % 2], z[k]);
  expect_uniform(z, 2);
  expect_uniform(z + 1, 2);
  const double tau = concordance(z, &error);
  ck_assert_double_eq_tol(tau, _i > 0 ? 2 / M_PI * asin(0.6) : 0, 4 * error);
  end();
}
END_TEST

START_TEST(draws_are_cut_anywhere) {
  double all[20], part[20];
  begin_copula(_i);
  OK(enf_prior_sample(ctx, flow, 5, 0, 10, all));
  OK(enf_prior_sample(ctx, flow, 5, 0, 3, part));
  OK(enf_prior_sample(ctx, flow, 5, 3, 7, part + 6));
  ck_assert_mem_eq(all, part, sizeof all);
  end();
}
END_TEST

/* Over z = sinh y. */
START_TEST(density_integrates_to_one) {
  enum { SIDE = 401 };
  static double z[SIDE * 2], logp[SIDE];
  const double step = 0.05;
  double sum = 0;
  set("model.prior_std", "0.8");
  begin_copula(_i);
  for (size_t i = 0; i < SIDE; i++) {
    const double y = sinh(step * ((double)i - SIDE / 2));
    for (size_t k = 0; k < SIDE; k++) {
      z[2 * k] = y;
      z[2 * k + 1] = sinh(step * ((double)k - SIDE / 2));
    }
    OK(enf_prior_log_prob(ctx, flow, SIDE, z, logp));
    for (size_t k = 0; k < SIDE; k++)
      sum += exp(logp[k]) * hypot(1, z[2 * k]) * hypot(1, z[2 * k + 1]) * step * step;
  }
  ck_assert_double_eq_tol(sum, 1, 2e-3); /* the bend of Laplace's law */
  end();
}
END_TEST

START_TEST(gradients_of_the_likelihood_are_those_of_differences) {
  set("model.prior_train", "1");
  begin_copula(_i);
  compare(&enf__likelihood, 1e-7);
  end();
}
END_TEST

START_TEST(prior_s_gradient_is_that_of_differences) {
  double z[2] = {-1.7, 0.9}, grad[2];
  begin_copula(_i);
  enf__prior_gradient(&flow->prior, z, grad);
  for (size_t k = 0; k < 2; k++) {
    const double keep = z[k], h = 1e-6;
    z[k] = keep + h;
    const double up = enf__prior_log_density(&flow->prior, z);
    z[k] = keep - h;
    const double down = enf__prior_log_density(&flow->prior, z);
    z[k] = keep;
    ck_assert_double_eq_tol(grad[k], (up - down) / (2 * h), 1e-8);
  }
  end();
}
END_TEST

/* Moving the first number of a tensor does not change the likelihood to first order. */
static void expect_stationary(const char *tensor, size_t count, const double *z) {
  static double logp[DRAWS];
  const double h = 1e-4;
  double value[2], mean[2] = {0};
  OK(enf_params_get(ctx, flow, tensor, value, count));
  for (size_t side = 0; side < 2; side++) {
    value[0] += side ? 2 * h : -h;
    OK(enf_params_set(ctx, flow, tensor, value, count));
    OK(enf_prior_log_prob(ctx, flow, DRAWS, z, logp));
    for (size_t i = 0; i < DRAWS; i++)
      mean[side] += logp[i] / DRAWS;
  }
  value[0] -= h;
  OK(enf_params_set(ctx, flow, tensor, value, count));
  ck_assert_double_eq_tol((mean[1] - mean[0]) / (2 * h), 0, 1e-6);
}

/* A prior is fitted to draws of its like: within 5 errors of each number, and without dependence
   where the likelihood is stationary. Numbers that the text sets stay. */
START_TEST(fit_finds_what_made_the_data) {
  static double z[DRAWS * 2];
  double loc[2], scale[2], df[2], R[4], unit;
  set("model.data_scale", "1");
  begin_copula(_i);
  OK(enf_prior_sample(ctx, flow, 6, 0, DRAWS, z));
  enf_destroy(flow);
  set("model.margins", "student-t; laplace:loc=0.1");
  OK(enf_create(ctx, &flow, opts));
  OK(enf_prior_fit(ctx, flow, DRAWS, z));
  OK(enf_get_real(flow, "data_scale", &unit));
  OK(enf_params_get(ctx, flow, "prior.loc", loc, 2));
  OK(enf_params_get(ctx, flow, "prior.log_scale", scale, 2));
  OK(enf_params_get(ctx, flow, "prior.log_df", df, 2));
  ck_assert_double_eq_tol(loc[0] * unit, 0.4, 0.05);
  ck_assert_double_eq_tol(loc[1], 0.1, 1e-15);
  ck_assert_double_eq_tol(scale[0] + log(unit), 0, 0.06);
  ck_assert_double_eq_tol(exp(scale[1]) * unit, 0.7, 0.06);
  ck_assert_double_eq_tol(exp(df[0]), 3, 0.4);
  if (_i > 0) {
    OK(enf_params_get(ctx, flow, "prior.correlation", R, 4));
    ck_assert_double_eq_tol(R[1], 0.6, 0.03);
  } else {
    for (size_t k = 0; k < DRAWS * 2; k++)
      z[k] /= unit;
    expect_stationary("prior.loc", 2, z);
    expect_stationary("prior.log_scale", 2, z);
    expect_stationary("prior.log_df", 2, z);
  }
  end();
}
END_TEST

START_TEST(files_and_copies_have_the_same_bits) {
  double x[8] = {0.3, 0.4, -2, 5, 0, 0, 30, -40}, here[4], there[4];
  enf_flow *again = NULL;
  begin_copula(_i);
  OK(enf_log_prob(ctx, flow, 4, x, here));
  OK(enf_save(ctx, flow, path));
  OK(enf_load(ctx, &again, path));
  OK(enf_log_prob(ctx, again, 4, x, there));
  ck_assert_mem_eq(here, there, sizeof here);
  enf_destroy(again);
  OK(enf_copy(ctx, &again, flow));
  OK(enf_log_prob(ctx, again, 4, x, there));
  ck_assert_mem_eq(here, there, sizeof here);
  enf_destroy(again);
  remove(path);
  end();
}
END_TEST

/* Allocation number k fails, for every k that is made: NOMEM, and nothing is left behind. */
static void fail_everywhere(enf_status (*call)(void)) {
  for (size_t k = 1;; k++) {
    const size_t live = memory.live;
    memory.calls = 0;
    memory.fail_at = k;
    const enf_status status = call();
    memory.fail_at = 0;
    ck_assert_uint_eq(memory.live, live);
    if (status == ENF_OK)
      break;
    ck_assert_int_eq(status, ENF_ERR_NOMEM);
    ck_assert_uint_lt(k, 200);
  }
}

static enf_status make_and_end(void) {
  enf_flow *made;
  const enf_status status = enf_create(ctx, &made, opts);
  enf_destroy(made);
  return status;
}

static double draws[100 * 2];
static enf_status fit_draws(void) { return enf_prior_fit(ctx, flow, 100, draws); }

START_TEST(memory_that_runs_out_is_told) {
  static const char *const made[][4] = {
      {"vector", "autoregressive*1", "copula", "mlp"},
      {"vector", "linear*2", "gaussian", "mlp"},
      {"particles", "residual*2", "gaussian", "egnn"},
  };
  choose(1);
  set("model.linear_gradient", "self-normalizing");
  OK(enf_create(ctx, &flow, opts));
  OK(enf_prior_sample(ctx, flow, 1, 0, 100, draws));
  fail_everywhere(fit_draws);
  for (size_t i = 0; i < 3; i++) {
    set("model.space", made[i][0]);
    set("model.particles", i == 2 ? "3" : "1");
    set("model.map", made[i][1]);
    set("model.prior", made[i][2]);
    set("model.residual", made[i][3]);
    fail_everywhere(make_and_end);
  }
}
END_TEST

/* One law for all coordinates, whether a semicolon is behind it or not. */
START_TEST(the_only_law_is_of_every_coordinate) {
  double loc[2], scale[2];
  begin_copula(0);
  enf_destroy(flow);
  set("model.margins", "laplace:loc=0.3,scale=4;");
  OK(enf_create(ctx, &flow, opts));
  OK(enf_params_get(ctx, flow, "prior.loc", loc, 2));
  OK(enf_params_get(ctx, flow, "prior.log_scale", scale, 2));
  for (size_t i = 0; i < 2; i++) {
    ck_assert_double_eq(loc[i], 0.3);
    ck_assert_double_eq(scale[i], log(4));
  }
  end();
}
END_TEST

static void refuse(enf_status status, const char *why) {
  enf_flow *none = NULL;
  ck_assert_int_eq(enf_create(ctx, &none, opts), status);
  ck_assert_msg(strstr(enf_ctx_errmsg(ctx), why) != NULL, "%s", enf_ctx_errmsg(ctx));
}

START_TEST(what_is_none_is_refused) {
  static const char *const bad[] = {"cauchy", "normal:df=2", "student-t:df=0", "laplace:scale=-1",
                                    "normal;;normal", "normal loc=2", "student-t:df=2,", "; normal"};
  const double skew[] = {1, 0.5, 0.4, 1}, flat[] = {1, 1, 1, 1};
  begin_copula(1);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_msg(enf_opts_set(opts, "model.margins", bad[i]) == ENF_ERR_OPTION, "%s", bad[i]);
  ck_assert_int_eq(enf_params_set(ctx, flow, "prior.correlation", skew, 4), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_params_set(ctx, flow, "prior.correlation", flat, 4), ENF_ERR_RANGE);
  set("model.margins", "normal; normal; normal");
  refuse(ENF_ERR_OPTION, "model.margins has 3 laws");
  set("model.margins", "normal; laplace;");
  set("model.space", "particles");
  set("model.particles", "3");
  set("model.map", "cnf");
  refuse(ENF_ERR_OPTION, "model.space vector alone");
  end();
}
END_TEST

/* Kendall's tau of a Gumbel copula is 1 - 1/theta; margins t_df. */
START_TEST(gumbel_draws_have_margins_and_dependence) {
  static double x[DRAWS * 2];
  static const double thetas[] = {1, 2.5, 6};
  const enf__copula_margin margin = {{ENF__STUDENT_LAW, 2}, 0, 1};
  char spec[64];
  double error;
  enf_energy *gumbel;
  snprintf(spec, sizeof spec, "gumbel:theta=%g,df=2", thetas[_i]);
  OK(enf_energy_builtin(ctx, &gumbel, spec));
  OK(enf_energy_sample(ctx, gumbel, 7, 0, DRAWS, x));
  for (size_t k = 0; k < DRAWS * 2; k++)
    x[k] = probability(&margin, x[k]);
  expect_uniform(x, 2);
  expect_uniform(x + 1, 2);
  const double tau = concordance(x, &error);
  ck_assert_double_eq_tol(tau, 1 - 1 / thetas[_i], 4 * error);
  enf_energy_destroy(gumbel);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("copula");
  tcase_add_checked_fixture(c, open_bag, close_bag);
  tcase_set_timeout(c, 60);
  tcase_add_loop_test(c, draws_have_margins_and_dependence, 0, 3);
  tcase_add_loop_test(c, draws_are_cut_anywhere, 0, 3);
  tcase_add_loop_test(c, density_integrates_to_one, 0, 3);
  tcase_add_loop_test(c, gradients_of_the_likelihood_are_those_of_differences, 0, 3);
  tcase_add_loop_test(c, prior_s_gradient_is_that_of_differences, 0, 3);
  tcase_add_loop_test(c, fit_finds_what_made_the_data, 0, 3);
  tcase_add_loop_test(c, files_and_copies_have_the_same_bits, 0, 3);
  tcase_add_test(c, memory_that_runs_out_is_told);
  tcase_add_test(c, the_only_law_is_of_every_coordinate);
  tcase_add_test(c, what_is_none_is_refused);
  tcase_add_loop_test(c, gumbel_draws_have_margins_and_dependence, 0, 3);
  return run_suite("copula", c);
}
