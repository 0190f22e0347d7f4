/* test_prior_draws.c -- draws and densities of the prior are those that samples begin with; a
   context gives its workspace back. */
#include "failing_alloc.h"
#include "suite.h"
#include <enf/enf.h>
#include <math.h>

enum { N = 4, D = 2, n = 12, STATE = N * D };

static failing_alloc memory;
static enf_ctx *ctx;
static enf_opts *opts;
static enf_flow *flow;

#define OK(call) ck_assert_msg((call) == ENF_OK, "%s", enf_ctx_errmsg(ctx))

static void set(const char *name, const char *value) {
  ck_assert_msg(enf_opts_set(opts, name, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
}

static void open_flow(void) {
  memory = (failing_alloc){0};
  const enf_alloc alloc = failing_alloc_of(&memory);
  ck_assert_int_eq(enf_ctx_create(&ctx, &alloc), ENF_OK);
  OK(enf_opts_create(ctx, &opts));
  set("model.particles", "4");
  set("model.dimensions", "2");
  set("model.data_scale", "1.7");
  set("model.prior_std", "0.8");
  set("run.precision", "float64");
  set("ode.rtol", "1e-8");
  set("ode.atol", "1e-8");
  set("logdet.tol", "1e-7");
  set("run.threads", "2");
  OK(enf_ctx_configure(ctx, opts));
  OK(enf_create(ctx, &flow, opts));
}

static void close_flow(void) {
  enf_destroy(flow);
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
  ck_assert_uint_eq(memory.live, 0);
  ck_assert(!memory.foreign);
}

/* x = F(s z), log q(x) = log p0(z) - k log s - log |dF|. */
START_TEST(samples_begin_with_the_priors_draws) {
  double z[n * STATE], y[n * STATE], x[n * STATE], logp[n], prior[n], logdet[n];
  int64_t state, k;
  OK(enf_get_int(flow, "state", &state));
  OK(enf_get_int(flow, "degrees_of_freedom", &k));
  ck_assert_int_eq(state, STATE);
  OK(enf_prior_sample(ctx, flow, 5, 100, n, z));
  OK(enf_prior_log_prob(ctx, flow, n, z, prior));
  OK(enf_sample(ctx, flow, 5, 100, n, x, logp));
  for (int i = 0; i < n * STATE; i++)
    z[i] *= 1.7;
  OK(enf_transport(ctx, flow, n, 0, 1, z, y, logdet));
  for (int i = 0; i < n; i++)
    ck_assert_double_eq_tol(logp[i], prior[i] - (double)k * log(1.7) - logdet[i], 1e-5);
  for (int i = 0; i < n * STATE; i++)
    ck_assert_double_eq_tol(x[i], y[i], 1e-6);
}
END_TEST

/* Of the mean-free Gaussian in closed form. */
START_TEST(densities_are_the_gaussians) {
  double z[n * STATE], prior[n];
  OK(enf_prior_sample(ctx, flow, 5, 0, n, z));
  OK(enf_prior_log_prob(ctx, flow, n, z, prior));
  for (int i = 0; i < n; i++) {
    double square = 0, mean[D] = {0};
    for (int k = 0; k < STATE; k++) {
      square += z[i * STATE + k] * z[i * STATE + k];
      mean[k % D] += z[i * STATE + k];
    }
    ck_assert_double_eq_tol(mean[0], 0, 1e-13);
    ck_assert_double_eq_tol(
        prior[i], -square / (2 * 0.64) - (N - 1) * D * (log(0.8) + 0.5 * log(2 * acos(-1))), 1e-12);
  }
}
END_TEST

START_TEST(a_cut_stream_is_the_whole_one) {
  double whole[n * STATE], cut[n * STATE];
  OK(enf_prior_sample(ctx, flow, 9, 3, n, whole));
  OK(enf_prior_sample(ctx, flow, 9, 3, 5, cut));
  OK(enf_prior_sample(ctx, flow, 9, 8, n - 5, cut + 5 * STATE));
  ck_assert_mem_eq(whole, cut, sizeof whole);
}
END_TEST

START_TEST(a_bad_state_is_its_own_failure) {
  double z[n * STATE], good[n], logp[n], failed;
  OK(enf_prior_sample(ctx, flow, 1, 0, n, z));
  OK(enf_prior_log_prob(ctx, flow, n, z, good));
  z[3 * STATE + 2] = INFINITY;
  ck_assert_int_eq(enf_prior_log_prob(ctx, flow, n, z, logp), ENF_ERR_NONFINITE);
  OK(enf_ctx_stat(ctx, "failed", &failed));
  ck_assert_double_eq(failed, 1);
  for (size_t i = 0; i < n; i++) {
    ck_assert_int_eq(enf_sample_status(ctx, i), i == 3 ? ENF_ERR_NONFINITE : ENF_OK);
    if (i == 3)
      ck_assert(isnan(logp[i]));
    else
      ck_assert_double_eq(logp[i], good[i]);
  }
}
END_TEST

START_TEST(misuse_is_refused) {
  double z[STATE];
  ck_assert_int_eq(enf_prior_sample(ctx, NULL, 0, 0, 1, z), ENF_ERR_ARG);
  ck_assert_int_eq(enf_prior_sample(ctx, flow, 0, 0, 1, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_prior_sample(ctx, flow, 0, UINT64_MAX, 1, z), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_prior_log_prob(ctx, flow, 1, NULL, z), ENF_ERR_ARG);
  ck_assert_int_eq(enf_prior_log_prob(ctx, flow, 1, z, NULL), ENF_ERR_ARG);
  OK(enf_prior_sample(ctx, flow, 0, 0, 0, NULL));
  OK(enf_prior_log_prob(ctx, flow, 0, NULL, NULL));
  ck_assert_int_eq(enf_ctx_trim(NULL), ENF_ERR_ARG);
}
END_TEST

static enf_status in_callback;
static int trim_meanwhile(void *user, uint64_t done, uint64_t total) {
  (void)user, (void)done, (void)total;
  in_callback = enf_ctx_trim(ctx);
  return 0;
}

START_TEST(workspace_is_given_back) {
  double x[n * STATE], again[n * STATE], grad[n * STATE], logp[n];
  OK(enf_ctx_trim(ctx));
  const size_t bare = memory.bytes, blocks = memory.live;
  OK(enf_sample(ctx, flow, 2, 0, n, x, logp));
  OK(enf_log_prob_grad(ctx, flow, n, x, logp, grad));
  ck_assert_uint_gt(memory.bytes, bare + 10000);
  OK(enf_ctx_trim(ctx));
  ck_assert_uint_eq(memory.bytes, bare);
  ck_assert_uint_eq(memory.live, blocks);
  ck_assert_int_eq(enf_sample_status(ctx, 0), ENF_ERR_RANGE);
  OK(enf_ctx_trim(ctx));
  OK(enf_sample(ctx, flow, 2, 0, n, again, logp));
  ck_assert_mem_eq(x, again, sizeof x);
  enf_ctx_set_progress(ctx, trim_meanwhile, NULL);
  OK(enf_sample(ctx, flow, 2, 0, n, again, logp));
  ck_assert_int_eq(in_callback, ENF_ERR_STATE);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("calls");
  tcase_add_checked_fixture(tests, open_flow, close_flow);
  tcase_add_test(tests, samples_begin_with_the_priors_draws);
  tcase_add_test(tests, densities_are_the_gaussians);
  tcase_add_test(tests, a_cut_stream_is_the_whole_one);
  tcase_add_test(tests, a_bad_state_is_its_own_failure);
  tcase_add_test(tests, misuse_is_refused);
  tcase_add_test(tests, workspace_is_given_back);
  return run_suite("prior draws", tests);
}
