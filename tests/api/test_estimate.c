/* enf_log_prob_estimate: its memory for many particles, and paths longer than a record. */
#include "failing_alloc.h"
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <stdlib.h>

static enf_ctx *ctx;
static enf_flow *flow;

static void set(enf_opts *opts, const char *name, const char *value) {
  ck_assert_msg(enf_opts_set(opts, name, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
}

static void make_flow(const enf_alloc *alloc, const char *particles, const char *layers,
                      const char *hidden) {
  enf_opts *opts = NULL;
  ck_assert_int_eq(enf_ctx_create(&ctx, alloc), ENF_OK);
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  set(opts, "model.particles", particles);
  set(opts, "model.layers", layers);
  set(opts, "model.hidden", hidden);
  set(opts, "model.data_scale", "1");
  ck_assert_int_eq(enf_create(ctx, &flow, opts), ENF_OK);
  enf_opts_destroy(opts);
}

/* Names and values, then NULL. */
static void configure(const char *const *pairs) {
  enf_opts *opts = NULL;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  for (; *pairs; pairs += 2)
    set(opts, pairs[0], pairs[1]);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  enf_opts_destroy(opts);
}

static void free_flow(void) {
  enf_destroy(flow);
  enf_ctx_destroy(ctx);
}

/* All memory of a call is taken before its work begins, and a sample that is not finite has none.
 */
START_TEST(a_thousand_particles_take_less_than_300_megabytes) {
  enum { N = 1000, MEGABYTE = 1000000 };
  failing_alloc counter = {0};
  const enf_alloc alloc = failing_alloc_of(&counter);
  double *x = malloc(3 * N * sizeof *x), logp, var;
  for (size_t i = 0; i < 3 * N; i++)
    x[i] = NAN;
  make_flow(&alloc, "1000", "4", "32");
  configure((const char *const[]){"run.precision", "float32", "run.threads", "1", NULL});
  ck_assert_int_eq(enf_log_prob_estimate(ctx, flow, 1, x, 1, &logp, &var), ENF_ERR_NONFINITE);
  ck_assert_uint_gt(counter.peak, 10 * (size_t)MEGABYTE);
  ck_assert_msg(counter.peak < 300 * (size_t)MEGABYTE, "%zu bytes", counter.peak);
  free_flow();
  ck_assert_uint_eq(counter.live, 0);
  free(x);
}
END_TEST

static void estimate(const char *steps, double *logp, double *var) {
  const double x[] = {0.1, 0.9, -0.4, 1.2, -0.3, 0.5, -0.7, -0.2, 0.8};
  configure((const char *const[]){"ode.method", "rk4", "ode.steps", steps, "logdet.probes", "4",
                                  "run.precision", "float64", NULL});
  ck_assert_int_eq(enf_log_prob_estimate(ctx, flow, 1, x, 5, logp, var), ENF_OK);
}

/* 256 steps is the most that is recorded. */
START_TEST(estimates_do_not_depend_on_a_record) {
  double logp[2], var[2];
  make_flow(NULL, "3", "2", "16");
  double w4[16];
  for (int k = 0; k < 16; k++)
    w4[k] = 0.3 * cos(k);
  ck_assert_int_eq(enf_params_set(ctx, flow, "egnn.gcl_1.coord_mlp.2.weight", w4, 16), ENF_OK);
  estimate("200", logp, var);
  estimate("300", logp + 1, var + 1);
  ck_assert_double_gt(var[0], 1e-6);
  ck_assert_double_eq_tol(logp[0], logp[1], 1e-4);
  ck_assert_double_eq_tol(var[0], var[1], 1e-4 * (1 + var[0]));
  free_flow();
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("estimate");
  tcase_set_timeout(tc, 30);
  tcase_add_test(tc, a_thousand_particles_take_less_than_300_megabytes);
  tcase_add_test(tc, estimates_do_not_depend_on_a_record);
  return run_suite("estimate", tc);
}
