/* A flow with the pair-kernel field as a host sees it: refusals, its parameters, a round trip
   through a file, and a log-density that belongs to its samples. */
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enf_ctx *ctx;
static enf_opts *opts;

static void setup(void) {
  if (enf_ctx_create(&ctx, NULL) != ENF_OK || enf_opts_create(ctx, &opts) != ENF_OK ||
      enf_opts_set(opts, "model.field", "pair-kernel") != ENF_OK ||
      enf_opts_set(opts, "model.particles", "4") != ENF_OK ||
      enf_opts_set(opts, "model.dimensions", "2") != ENF_OK ||
      enf_opts_set(opts, "run.precision", "float64") != ENF_OK ||
      enf_opts_set(opts, "logdet.tol", "1e-5") != ENF_OK ||
      enf_opts_set(opts, "ode.rtol", "1e-8") != ENF_OK ||
      enf_opts_set(opts, "ode.atol", "1e-8") != ENF_OK || enf_ctx_configure(ctx, opts) != ENF_OK)
    exit(2);
}

static void teardown(void) {
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
}

START_TEST(options_out_of_bounds_are_refused) {
  const struct {
    const char *name, *value;
    enf_status status;
  } bad[] = {
      {"model.field", "pair", ENF_ERR_OPTION},      {"model.kernels", "0", ENF_ERR_RANGE},
      {"model.kernels", "256", ENF_ERR_RANGE},      {"model.kernel_times", "0", ENF_ERR_RANGE},
      {"model.kernel_times", "256", ENF_ERR_RANGE}, {"model.kernel_range", "0", ENF_ERR_RANGE}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ck_assert_int_eq(enf_opts_set(opts, bad[i].name, bad[i].value), bad[i].status);
    ck_assert_ptr_nonnull(strstr(enf_opts_errmsg(opts), bad[i].name));
  }
}
END_TEST

/* Weights that make a flow of some strength. */
static enf_flow *make_flow(void) {
  enf_flow *flow;
  double w[30 * 20];
  for (int k = 0; k < 600; k++)
    w[k] = 0.5 * cos(0.3 * (k / 20)) + 0.1 * cos(k);
  ck_assert_int_eq(enf_create(ctx, &flow, opts), ENF_OK);
  ck_assert_int_eq(enf_params_set(ctx, flow, "pair_kernel.pair_0.weight", w, 600), ENF_OK);
  return flow;
}

START_TEST(samples_have_the_density_they_were_told) {
  enf_flow *flow = make_flow();
  double x[80], told[10], logp[10];
  ck_assert_int_eq(enf_sample(ctx, flow, 1, 0, 10, x, told), ENF_OK);
  ck_assert_int_eq(enf_log_prob(ctx, flow, 10, x, logp), ENF_OK);
  for (int i = 0; i < 10; i++)
    ck_assert_double_eq_tol(logp[i], told[i], 1e-4);
  enf_destroy(flow);
}
END_TEST

START_TEST(a_file_gives_the_same_flow) {
  char path[] = "/tmp/enf-pair-kernel-XXXXXX";
  const int file = mkstemp(path);
  ck_assert_int_ge(file, 0);
  close(file);
  static const char *const set[][2] = {{"model.species", "0 1 1 0"},
                                       {"model.kernels", "12"},
                                       {"model.kernel_times", "5"},
                                       {"model.kernel_range", "6.5"}};
  for (size_t i = 0; i < 4; i++)
    ck_assert_int_eq(enf_opts_set(opts, set[i][0], set[i][1]), ENF_OK);
  enf_flow *flow, *again;
  int64_t count;
  ck_assert_int_eq(enf_create(ctx, &flow, opts), ENF_OK);
  ck_assert_int_eq(enf_save(ctx, flow, path), ENF_OK);
  ck_assert_msg(enf_load(ctx, &again, path) == ENF_OK, "%s", enf_ctx_errmsg(ctx));
  unlink(path);
  ck_assert_int_eq(enf_get_int(again, "parameters", &count), ENF_OK);
  ck_assert_int_eq(count, 2 * (12 + 5) + 3 * (12 * 5 + 5));
  const double x[] = {1, 0, -1, 0.5, 0, 2, 0, -2.5}, t = 0.3;
  double v[2][8], div[2], logp[2];
  for (int k = 0; k < 2; k++) {
    ck_assert_int_eq(enf_velocity(ctx, k ? again : flow, 1, &t, x, v[k], &div[k]), ENF_OK);
    ck_assert_int_eq(enf_log_prob(ctx, k ? again : flow, 1, x, &logp[k]), ENF_OK);
  }
  ck_assert_mem_eq(v[0], v[1], sizeof v[0]);
  ck_assert_mem_eq(&div[0], &div[1], sizeof div[0]);
  ck_assert_mem_eq(&logp[0], &logp[1], sizeof logp[0]);
  enf_destroy(flow);
  enf_destroy(again);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("pair-kernel flow");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_test(c, options_out_of_bounds_are_refused);
  tcase_add_test(c, samples_have_the_density_they_were_told);
  tcase_add_test(c, a_file_gives_the_same_flow);
  return run_suite("pair-kernel flow", c);
}
