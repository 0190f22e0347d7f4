/* test_host_traps.c -- a host that has its floating-point exceptions trap (gfortran -ffpe-trap)
   gets answers and statuses for numbers that are not finite or do not fit, and its traps back, in
   its callbacks too. That every public function begins alike is looked for in the source
   (tests/project/check.sh). */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* feenableexcept */
#endif
#include "suite.h"
#include <enf/enf.h>
#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

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
  ck_assert_int_eq(fegetexcept(), TRAPS);
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

/* Harmonic up to a radius that every walker finds; impossible beyond, and torn apart. */
static int cliff(void *user, size_t n, const double *x, double *u, double *grad) {
  (void)user;
  ck_assert_int_eq(fegetexcept(), TRAPS);
  for (size_t i = 0; i < n; i++) {
    const double *row = x + i * N * DIM;
    u[i] = 0;
    for (size_t k = 0; k < N * DIM; k++)
      u[i] += row[k] * row[k] / 2;
    if (u[i] > 4)
      u[i] = INFINITY;
    for (size_t k = 0; grad && k < N * DIM; k++)
      grad[i * N * DIM + k] = isinf(u[i]) ? copysign(INFINITY, row[k]) : row[k];
  }
  return 0;
}

static int see_traps(void *user, uint64_t done, uint64_t total) {
  (void)done, (void)total;
  ck_assert_int_eq(fegetexcept(), TRAPS);
  ++*(int *)user;
  return 0;
}

START_TEST(simulations_and_callbacks) {
  double x[ROWS * N * DIM];
  int reports = 0;
  enf_opts *opts = options("energy");
  enf_flow *flow = flow_of(opts);
  ck_assert_int_eq(enf_opts_set_int(opts, "sim.walkers", 2), ENF_OK);
  ck_assert_int_eq(enf_opts_set_int(opts, "sim.burn_in", 20), ENF_OK);
  enf_ctx_set_progress(ctx, see_traps, &reports);
  ck_assert_int_eq(TRAPPING(enf_simulate(ctx, cliff, NULL, opts, ROWS, x, NULL)), ENF_OK);
  ck_assert_int_gt(reports, 0);
  reports = 0;
  ck_assert_int_eq(TRAPPING(enf_sample(ctx, flow, 0, 0, ROWS, x, NULL)), ENF_OK);
  ck_assert_int_gt(reports, 0);
  ck_assert(TRAPPING(enf_simulate(ctx, impossible, NULL, opts, ROWS, x, NULL)) != ENF_OK);
  enf_destroy(flow);
  enf_opts_destroy(opts);
}
END_TEST

/* Weights beyond float32, in which networks work too. */
START_TEST(weights_that_do_not_fit) {
  const char *path = "host_traps.safetensors", *name;
  double data[64] = {1e300};
  size_t rows, cols;
  enf_opts *opts = options("flow-matching");
  enf_flow *flow = flow_of(opts), *loaded;
  ck_assert_int_eq(enf_params_info(flow, 0, &name, &rows, &cols), ENF_OK);
  ck_assert_uint_le(rows * cols, 64);
  ck_assert_int_eq(TRAPPING(enf_params_set(ctx, flow, name, data, rows * cols)), ENF_OK);
  ck_assert_int_eq(enf_save(ctx, flow, path), ENF_OK);
  ck_assert_int_eq(TRAPPING(enf_load(ctx, &loaded, path)), ENF_OK);
  unlink(path);
  enf_destroy(loaded);
  enf_destroy(flow);
  enf_opts_destroy(opts);
}
END_TEST

static void write_file(const char *path, const char *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  ck_assert_ptr_nonnull(file);
  ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
  ck_assert_int_eq(fclose(file), 0);
}

START_TEST(numbers_in_files) {
  const size_t shape[1] = {1};
  const double large = 1e300;
  enf_array *array;
  /* One float32, a signalling NaN; the header of 128 bytes is filled with blanks. */
  char npy[132] =
      "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }";
  for (size_t i = 0; i < 127; i++)
    if (i > 10 && !npy[i])
      npy[i] = ' ';
  npy[127] = '\n', npy[128] = 1, npy[130] = (char)0x80, npy[131] = 0x7f;
  write_file("host_traps.npy", npy, sizeof npy);
  ck_assert_int_eq(TRAPPING(enf_array_read(ctx, &array, "host_traps.npy")), ENF_OK);
  ck_assert(isnan(enf_array_data(array)[0]));
  enf_array_destroy(array);
  const char xyz[] = "1\n\nH 1e400 0 0\n";
  write_file("host_traps.xyz", xyz, sizeof xyz - 1);
  TRAPPING(enf_array_read(ctx, &array, "host_traps.xyz"));
  enf_array_destroy(array);
  TRAPPING(enf_array_write(ctx, "host_traps.npy", "f4", 1, shape, NULL, &large));
  unlink("host_traps.npy");
  unlink("host_traps.xyz");
}
END_TEST

START_TEST(options_that_do_not_fit) {
  enf_opts *opts = options("flow-matching");
  ck_assert_int_eq(TRAPPING(enf_opts_set(opts, "ode.rtol", "1e400")), ENF_ERR_RANGE);
  ck_assert_int_eq(TRAPPING(enf_opts_set(opts, "ode.rtol", "1e-400")), ENF_ERR_RANGE);
  ck_assert_int_eq(TRAPPING(enf_opts_set_real(opts, "ode.rtol", NAN)), ENF_ERR_RANGE);
  ck_assert_int_eq(TRAPPING(enf_opts_set_real(opts, "model.data_scale", INFINITY)), ENF_ERR_OPTION);
  enf_opts_destroy(opts);
  enf_energy *energy;
  ck_assert_int_eq(TRAPPING(enf_energy_builtin(ctx, &energy, "lj:n=1e400")), ENF_ERR_RANGE);
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
  tcase_add_test(tests, simulations_and_callbacks);
  tcase_add_test(tests, weights_that_do_not_fit);
  tcase_add_test(tests, numbers_in_files);
  tcase_add_test(tests, options_that_do_not_fit);
#endif
  return run_suite("host traps", tests);
}
