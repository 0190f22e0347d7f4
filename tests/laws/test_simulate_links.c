/* Hybrid Monte Carlo of gauge fields and of one matrix: averages against exact values, what a
   host's gradient may be, one chain in order, and refusals. */
#include "host.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 20, MOST = 2000 };

/* Mean and its error from blocks of the chain. */
static void average(size_t n, const double *v, double *mean, double *error) {
  double block[BLOCKS], square = 0;
  *mean = 0;
  for (size_t b = 0; b < BLOCKS; b++) {
    block[b] = 0;
    for (size_t i = b * (n / BLOCKS); i < (b + 1) * (n / BLOCKS); i++)
      block[b] += v[i] / (double)(n / BLOCKS);
    *mean += block[b] / BLOCKS;
  }
  for (size_t b = 0; b < BLOCKS; b++)
    square += (block[b] - *mean) * (block[b] - *mean);
  *error = sqrt(square / (BLOCKS * (BLOCKS - 1.0)));
}

static void agree(const char *spec, const char *what, size_t n, const double *v, double exact) {
  double mean, error;
  average(n, v, &mean, &error);
  ck_assert_msg(fabs(mean - exact) < 3 * error && error < 0.1 * fabs(exact),
                "%s: %s is %.5g +- %.2g, not %.5g", spec, what, mean, error, exact);
}

static const char *const lattices[] = {
    "wilson:group=su2,l0=4,l1=4,beta=2.2", "wilson:group=su3,l0=3,l1=2,beta=5",
    "wilson:group=su4,l0=2,l1=2,beta=8", "wilson:group=u1,l0=4,l1=5,beta=1"};
enum { LATTICES = 4 };

START_TEST(means_and_variances_are_exact) {
  static double u[MOST], squares[MOST];
  const char *spec = lattices[_i];
  enf_energy *energy;
  enf_lattice_exact exact = ENF_LATTICE_EXACT_INIT;
  enf_sim_info info = ENF_SIM_INFO_INIT;
  int64_t N, D;
  OK(enf_energy_builtin(ctx, &energy, spec));
  OK(enf_lattice_exact_values(ctx, spec, &exact));
  OK(enf_energy_get_int(energy, "particles", &N));
  OK(enf_energy_get_int(energy, "dimensions", &D));
  double *x = malloc(MOST * (size_t)(N * D) * sizeof *x);
  enf_opts *opts = options("sim.burn_in=200,sim.stride=1,sim.leapfrog=8,sim.seed=1");
  OK(enf_simulate(ctx, enf_energy_eval, energy, opts, MOST, x, &info));
  ck_assert_int_eq(enf_energy_eval(energy, MOST, x, u, NULL), 0);
  agree(spec, "<S>", MOST, u, exact.action_mean);
  for (size_t i = 0; i < MOST; i++)
    squares[i] = (u[i] - exact.action_mean) * (u[i] - exact.action_mean);
  agree(spec, "variance", MOST, squares, exact.action_variance);
  ck_assert_double_gt(info.acceptance, 0.6);
  ck_assert_double_lt(info.acceptance, 0.9);
  ck_assert_double_eq_tol(info.mean_u, exact.action_mean, 0.1 * fabs(exact.action_mean));
  ck_assert(info.walkers == 1 && info.rungs == 1 && isnan(info.virial));
  enf_opts_destroy(opts);
  free(x);
  enf_energy_destroy(energy);
}
END_TEST

START_TEST(one_matrix_has_its_exact_mean) {
  static double x[MOST * 18], u[MOST];
  const char *spec = "class:group=su3,beta=9,c1=0.98,c2=-0.63,c3=-0.21";
  enf_energy *energy;
  OK(enf_energy_builtin(ctx, &energy, spec));
  enf_opts *opts = options("sim.burn_in=300,sim.stride=1,sim.leapfrog=8,sim.rungs=3,sim.hottest=4");
  OK(enf_simulate(ctx, enf_energy_eval, energy, opts, MOST, x, NULL));
  ck_assert_int_eq(enf_energy_eval(energy, MOST, x, u, NULL), 0);
  agree(spec, "<u>", MOST, u, -5.868590);
  enf_opts_destroy(opts);
  enf_energy_destroy(energy);
}
END_TEST

typedef struct {
  enf_energy *energy;
  size_t size;
  double extension; /* of u off the group: this times the squares of all numbers */
} host;

static int host_energy(void *user, size_t n, const double *x, double *u, double *grad) {
  const host *h = user;
  const int failed = enf_energy_eval(h->energy, n, x, u, grad);
  for (size_t k = 0; grad && k < n * h->size; k++)
    grad[k] += 2 * h->extension * x[k];
  return failed;
}

/* The part of a gradient off the group is not used, and threads change nothing. */
START_TEST(chains_know_the_tangent_part_only) {
  enum { ROWS = 12, SIZE = 12 * 8 };
  static double one[ROWS * SIZE], two[ROWS * SIZE];
  host h = {.size = SIZE, .extension = 7};
  OK(enf_energy_builtin(ctx, &h.energy, "wilson:group=su2,l0=3,l1=2,beta=2"));
  enf_opts *opts = options("model.space=lattice,model.group=su2,model.lattice=3 2,sim.burn_in=20,"
                           "sim.stride=1,sim.walkers=2");
  OK(enf_simulate(ctx, enf_energy_eval, h.energy, opts, ROWS, one, NULL));
  OK(enf_simulate(ctx, host_energy, &h, opts, ROWS, two, NULL));
  for (size_t k = 0; k < ROWS * SIZE; k++)
    ck_assert_double_eq_tol(one[k], two[k], 1e-9);
  h.extension = 0;
  OK(enf_simulate(ctx, host_energy, &h, opts, ROWS, two, NULL));
  ck_assert_mem_eq(one, two, sizeof one);
  enf_opts_destroy(opts);
  enf_energy_destroy(h.energy);
}
END_TEST

/* The first rows of a longer chain are a shorter one's. */
START_TEST(rows_are_the_chain_in_order) {
  static double few[5 * 8], many[9 * 8];
  enf_energy *energy;
  OK(enf_energy_builtin(ctx, &energy, "wilson:group=u1,l0=2,l1=2,beta=2"));
  enf_opts *opts = options("sim.burn_in=20,sim.stride=2");
  OK(enf_simulate(ctx, enf_energy_eval, energy, opts, 5, few, NULL));
  OK(enf_simulate(ctx, enf_energy_eval, energy, opts, 9, many, NULL));
  ck_assert_mem_eq(few, many, sizeof few);
  enf_opts_destroy(opts);
  enf_energy_destroy(energy);
}
END_TEST

static int broken_energy(void *user, size_t n, const double *x, double *u, double *grad) {
  (void)user;
  (void)x;
  for (size_t i = 0; i < n; i++)
    u[i] = 0;
  if (grad)
    for (size_t k = 0; k < n * 8; k++)
      grad[k] = (double)NAN;
  return 0;
}

START_TEST(what_is_no_chain_of_matrices_is_refused) {
  double x[64];
  enf_energy *energy;
  OK(enf_energy_builtin(ctx, &energy, "wilson:group=u1,l0=4,l1=2,beta=2"));
  static const char *const wrong[] = {"model.space=lattice,model.group=u1,model.lattice=2 4",
                                      "model.space=lattice,model.group=su2,model.lattice=4 2",
                                      "model.space=group,model.group=su2"};
  for (size_t k = 0; k < 3; k++) {
    enf_opts *opts = options(wrong[k]);
    ck_assert_int_eq(enf_simulate(ctx, enf_energy_eval, energy, opts, 1, x, NULL), ENF_ERR_OPTION);
    ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "wilson is not of the space"));
    enf_opts_destroy(opts);
  }
  enf_opts *opts = options("model.space=group,model.group=su2");
  ck_assert_int_eq(enf_simulate(ctx, broken_energy, NULL, opts, 1, x, NULL), ENF_ERR_NONFINITE);
  enf_opts_destroy(opts);
  opts = options("model.space=lattice,model.group=su2");
  ck_assert_int_eq(enf_simulate(ctx, broken_energy, NULL, opts, 1, x, NULL), ENF_ERR_OPTION);
  enf_opts_destroy(opts);
  enf_energy_destroy(energy);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("simulate links");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_loop_test(c, means_and_variances_are_exact, 0, LATTICES);
  tcase_add_test(c, one_matrix_has_its_exact_mean);
  tcase_add_test(c, chains_know_the_tangent_part_only);
  tcase_add_test(c, rows_are_the_chain_in_order);
  tcase_add_test(c, what_is_no_chain_of_matrices_is_refused);
  return run_suite("simulate links", c);
}
