/* test_host_traps.c -- a host that has its floating-point exceptions trap (gfortran -ffpe-trap)
   gets answers and statuses for numbers that are not finite, and its traps back. */
#define _GNU_SOURCE /* feenableexcept */
#include "suite.h"
#include <enf/enf.h>
#include <fenv.h>
#include <math.h>

#if defined __SSE2__ && defined __GLIBC__
enum { TRAPS = FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW, N = 3, DIM = 2, ROWS = 4 };
static enf_ctx *ctx;

static void setup(void) { ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK); }
static void teardown(void) { enf_ctx_destroy(ctx); }

static void set_traps(void) {
  feclearexcept(FE_ALL_EXCEPT);
  feenableexcept(TRAPS);
}

static int take_traps_away(int status) {
  const int found = fegetexcept();
  fedisableexcept(FE_ALL_EXCEPT);
  ck_assert_int_eq(found, TRAPS);
  return status;
}

/* The call's status, with traps set meanwhile. */
#define TRAPPING(call) (set_traps(), take_traps_away((int)(call)))

static enf_opts *options(const char *objective) {
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set_int(opts, "model.particles", N), ENF_OK);
  ck_assert_int_eq(enf_opts_set_int(opts, "model.dimensions", DIM), ENF_OK);
  ck_assert_int_eq(enf_opts_set_int(opts, "model.hidden", 4), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "train.objective", objective), ENF_OK);
  return opts;
}

static enf_flow *flow_of(const enf_opts *opts) {
  enf_flow *flow;
  ck_assert_int_eq(enf_create(ctx, &flow, opts), ENF_OK);
  return flow;
}

START_TEST(weights_and_free_energies) {
  const double logp[ROWS] = {0}, u[ROWS] = {-2000, 0, NAN, INFINITY};
  const double none[ROWS] = {NAN, INFINITY, NAN, INFINITY}, far[ROWS] = {1e5, 1e5, 1e5, 2e5};
  const int state[ROWS] = {0, 1, 0, 1};
  enf_weights w = ENF_WEIGHTS_INIT;
  double logw[ROWS], difference, err;
  ck_assert_int_eq(TRAPPING(enf_reweight(ctx, ROWS, logp, u, logw, &w)), ENF_OK);
  ck_assert(isinf(w.log_z_err));
  ck_assert_int_eq(TRAPPING(enf_reweight(ctx, ROWS, logp, none, logw, &w)), ENF_ERR_NONFINITE);
  ck_assert_int_eq(TRAPPING(enf_bar(ctx, ROWS, far, ROWS, far, &difference, &err)), ENF_OK);
  ck_assert_double_gt(err, 1e3);
  ck_assert_int_eq(TRAPPING(enf_bar(ctx, ROWS, far, ROWS, none, &difference, &err)),
                   ENF_ERR_NONFINITE);
  ck_assert_int_eq(TRAPPING(enf_free_energy(ctx, ROWS, none, state, &difference, &err)),
                   ENF_ERR_NONFINITE);
}
END_TEST

START_TEST(histograms_and_distances) {
  const double values[ROWS] = {NAN, 0.5, INFINITY, -INFINITY}, x[ROWS] = {NAN, 0, 1e200, -1e200};
  double counts[2], distance[1];
  ck_assert_int_eq(TRAPPING(enf_histogram(ctx, ROWS, values, NULL, 0, 1, 2, counts)), ENF_OK);
  ck_assert(TRAPPING(enf_total_variation(ctx, ROWS, values, values, distance)) != ENF_OK);
  ck_assert(TRAPPING(enf_wasserstein(ctx, ROWS, values, NULL, ROWS, values, NULL, distance)) !=
            ENF_OK);
  TRAPPING(enf_pair_distances(ctx, 1, 2, 2, x, distance));
}
END_TEST

/* A row that is infinite, and one whose data scale would be. */
START_TEST(densities_and_batches) {
  double x[ROWS][N * DIM] = {{0}, {INFINITY, INFINITY}, {1, 2, 3}, {0}};
  double logp[ROWS], grad[ROWS][N * DIM];
  enf_opts *opts = options("flow-matching");
  enf_flow *flow = flow_of(opts);
  enf_trainer *trainer;
  ck_assert_int_eq(TRAPPING(enf_log_prob_grad(ctx, flow, ROWS, x[0], logp, grad[0])),
                   ENF_ERR_NONFINITE);
  ck_assert(isnan(logp[1]) && isfinite(logp[2]));
  ck_assert_int_eq(TRAPPING(enf_log_prob(ctx, flow, ROWS, x[0], logp)), ENF_ERR_NONFINITE);
  ck_assert(isnan(logp[1]) && isfinite(logp[2]));
  ck_assert_int_eq(enf_trainer_create(ctx, &trainer, flow, opts), ENF_OK);
  ck_assert_int_eq(TRAPPING(enf_train_step(ctx, trainer, ROWS, x[0], NULL)), ENF_ERR_NONFINITE);
  x[1][0] = x[1][1] = 1e300;
  ck_assert_int_eq(TRAPPING(enf_train_step(ctx, trainer, ROWS, x[0], NULL)), ENF_ERR_NONFINITE);
  enf_trainer_destroy(trainer);
  enf_destroy(flow);
  enf_opts_destroy(opts);
}
END_TEST

static int impossible(void *user, size_t n, const double *x, double *u, double *grad) {
  (void)user, (void)x;
  for (size_t i = 0; i < n; i++)
    u[i] = NAN;
  for (size_t k = 0; k < n * N * DIM; k++)
    grad[k] = INFINITY;
  return 0;
}

START_TEST(energies) {
  const double x[3 * N] = {0}; /* all on one spot */
  double u, grad[3 * N];
  enf_step_info info = ENF_STEP_INFO_INIT;
  enf_opts *opts = options("energy");
  enf_flow *flow = flow_of(opts);
  enf_trainer *trainer;
  enf_energy *energy;
  ck_assert_int_eq(enf_energy_builtin(ctx, &energy, "lj:n=3"), ENF_OK);
  ck_assert_int_eq(TRAPPING(enf_energy_eval(energy, 1, x, &u, grad)), 0);
  ck_assert(isinf(u));
  ck_assert_int_eq(enf_trainer_create(ctx, &trainer, flow, opts), ENF_OK);
  ck_assert_int_eq(enf_trainer_set_energy(trainer, impossible, NULL), ENF_OK);
  ck_assert_int_eq(TRAPPING(enf_train_step(ctx, trainer, ROWS, NULL, &info)), ENF_OK);
  ck_assert_uint_eq(info.skipped, 1);
  ck_assert_uint_eq(info.capped, ROWS);
  enf_trainer_destroy(trainer);
  enf_energy_destroy(energy);
  enf_destroy(flow);
  enf_opts_destroy(opts);
}
END_TEST
#endif

int main(void) {
  TCase *tests = tcase_create("traps");
#if defined __SSE2__ && defined __GLIBC__
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_test(tests, weights_and_free_energies);
  tcase_add_test(tests, histograms_and_distances);
  tcase_add_test(tests, densities_and_batches);
  tcase_add_test(tests, energies);
#endif
  return run_suite("host traps", tests);
}
