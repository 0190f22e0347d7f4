/* test_simulate.c -- laws of enf_simulate, through the public calls only.

   Averages are compared with exact values (by quadrature; LJ13 from long runs elsewhere) within
   four standard errors, as the simulation itself estimates them from its walkers. Seeds are fixed.
 */
#include "failing_alloc.h"
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static enf_ctx *ctx;
static enf_opts *opts;
static enf_energy *energy;

static void setup(void) {
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  energy = NULL;
}

static void teardown(void) {
  enf_energy_destroy(energy);
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
}

static void set(const char *name, const char *value) {
  ck_assert_msg(enf_opts_set(opts, name, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
}

/* A short simulation, long enough to have temperatures, exchanges and adapted steps. */
static void set_short(void) {
  set("sim.walkers", "9");
  set("sim.burn_in", "55");
  set("sim.stride", "3");
  set("sim.seed", "7");
}

static void make(const char *spec) {
  ck_assert_int_eq(enf_energy_builtin(ctx, &energy, spec), ENF_OK);
}

static void use_threads(const char *count) {
  set("run.threads", count);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
}

/* ---- equilibrium ---------------------------------------------------------------------------- */

static const struct {
  const char *spec;
  size_t n, freedom;
  double mean_u, known_to;
} systems[] = {{"pair-dw:dim=2", 20000, 2, -3.87073, 0},
               {"pair-dw:dim=3", 20000, 3, -3.88138, 0},
               {"dw4", 20000, 6, -22.54151, 0},
               {"lj13", 4000, 36, -43.01, 0.08},
               {"lj:n=4,eps=0,spring=2", 4000, 9, 4.5, 0}}; /* harmonic: u = freedom / 2 */

START_TEST(averages_are_exact_within_their_error_bars) {
  enf_sim_info info = ENF_SIM_INFO_INIT;
  const size_t n = systems[_i].n;
  make(systems[_i].spec);
  use_threads("2");
  double *x = malloc(n * 13 * 3 * sizeof *x);
  ck_assert_int_eq(enf_simulate(ctx, enf_energy_eval, energy, opts, n, x, &info), ENF_OK);
  free(x);
  const double allowed = 4 * hypot(info.mean_u_err, systems[_i].known_to);
  ck_assert_msg(fabs(info.mean_u - systems[_i].mean_u) < allowed, "%s: <u> %g, should be %g +- %g",
                systems[_i].spec, info.mean_u, systems[_i].mean_u, allowed);
  ck_assert_msg(fabs(info.virial - (double)systems[_i].freedom) < 4 * info.virial_err,
                "%s: virial %g +- %g", systems[_i].spec, info.virial, info.virial_err);
  /* An error bar that is too wide would let anything pass. */
  ck_assert(info.mean_u_err > 0 && info.mean_u_err < 0.01 * (2 + fabs(info.mean_u)));
  ck_assert(info.virial_err < 0.1 * (double)systems[_i].freedom);
  ck_assert(info.acceptance > 0.5 && info.acceptance < 0.95);
  ck_assert(info.swap_acceptance > 0.2 && info.swap_acceptance < 1);
  ck_assert(info.autocorrelation > 0.7 && info.autocorrelation < 4);
}
END_TEST

START_TEST(stored_energies_are_those_of_the_samples_and_samples_are_mean_free) {
  enum { n = 100 };
  enf_sim_info info = ENF_SIM_INFO_INIT;
  static double x[n * 8], u[n], grad[n * 8];
  make("dw4");
  set_short();
  ck_assert_int_eq(enf_simulate(ctx, enf_energy_eval, energy, opts, n, x, &info), ENF_OK);
  enf_energy_eval(energy, n, x, u, grad);
  double mean_u = 0, virial = 0;
  for (size_t b = 0; b < n; b++) {
    mean_u += u[b] / n;
    ck_assert_double_eq_tol(x[b * 8] + x[b * 8 + 2] + x[b * 8 + 4] + x[b * 8 + 6], 0, 1e-12);
    for (size_t k = 0; k < 8; k++)
      virial += x[b * 8 + k] * grad[b * 8 + k] / n;
  }
  ck_assert_double_eq_tol(info.mean_u, mean_u, 1e-9);
  ck_assert_double_eq_tol(info.virial, virial, 1e-9);
  ck_assert_uint_eq(info.walkers, 9);
  ck_assert_uint_eq(info.rungs, 3);
  /* 101 evaluations to start (one draw, 100 relaxations), ten for each move. */
  ck_assert_uint_eq(info.evaluations, 9 * 3 * (101 + 10 * (55 + 3 * 12)));
}
END_TEST

START_TEST(one_temperature_is_no_tempering) {
  enf_sim_info info = ENF_SIM_INFO_INIT;
  double x[16 * 8];
  make("dw4");
  set_short();
  set("sim.rungs", "1");
  set("sim.walkers", "1");
  ck_assert_int_eq(enf_simulate(ctx, enf_energy_eval, energy, opts, 16, x, &info), ENF_OK);
  ck_assert(isnan(info.swap_acceptance));
  ck_assert(isnan(info.mean_u_err)); /* of one walker */
}
END_TEST

/* ---- reproducibility ------------------------------------------------------------------------ */

enum { ROWS = 50, ROW = 39 };

static void simulate_lj13(enf_energy_fn fn, void *user, double *x, enf_sim_info *info) {
  enf_status status = enf_simulate(ctx, fn, user, opts, ROWS, x, info);
  ck_assert_msg(status == ENF_OK, "%s", enf_ctx_errmsg(ctx));
}

START_TEST(two_threads_give_the_bits_of_one) {
  static double one[ROWS * ROW], two[ROWS * ROW], other[ROWS * ROW];
  enf_sim_info a = ENF_SIM_INFO_INIT, b = ENF_SIM_INFO_INIT;
  make("lj13");
  set_short();
  simulate_lj13(enf_energy_eval, energy, one, &a);
  use_threads("2");
  simulate_lj13(enf_energy_eval, energy, two, &b);
  ck_assert_mem_eq(one, two, sizeof one);
  a.seconds = b.seconds = 0;
  ck_assert_mem_eq(&a, &b, sizeof a);
  set("sim.seed", "8");
  simulate_lj13(enf_energy_eval, energy, other, NULL);
  for (size_t k = 0; k < ROWS * ROW; k++)
    ck_assert(other[k] != one[k]);
}
END_TEST

static int host_energy(void *user, size_t n, const double *x, double *u, double *grad) {
  return enf_energy_eval(user, n, x, u, grad);
}

START_TEST(a_host_energy_gives_the_bits_of_the_builtin_one) {
  static double builtin[ROWS * ROW], host[ROWS * ROW];
  make("lj13");
  set_short();
  set("model.particles", "13");
  simulate_lj13(enf_energy_eval, energy, builtin, NULL);
  simulate_lj13(host_energy, energy, host, NULL);
  ck_assert_mem_eq(builtin, host, sizeof host);
}
END_TEST

/* ---- hosts ---------------------------------------------------------------------------------- */

typedef struct {
  int calls, fail_at;
  enf_status inner;
  bool saw_nonfinite;
} host;

static int is_never_asked_about_nonsense(void *user, size_t n, const double *x, double *u,
                                         double *grad) {
  static const double nonsense[3] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
  host *h = user;
  h->calls++;
  for (size_t k = 0; k < n * 8; k++)
    h->saw_nonfinite = h->saw_nonfinite || !isfinite(x[k]);
  enf_energy_eval(energy, n, x, u, grad);
  for (size_t b = 0; b < n; b++) /* a hard wall, and gradients that are not finite behind another */
    if (x[b * 8] > 2)
      u[b] = nonsense[h->calls % 3];
    else if (x[b * 8] < -3)
      grad[b * 8 + 1] = (double)NAN;
  return h->calls == h->fail_at ? 3 : 0;
}

START_TEST(impossible_configurations_are_rejected_and_never_reach_the_host) {
  enum { n = 200 };
  static double x[n * 8];
  host h = {0};
  make("dw4");
  set_short();
  set("model.particles", "4");
  set("model.dimensions", "2");
  ck_assert_int_eq(enf_simulate(ctx, is_never_asked_about_nonsense, &h, opts, n, x, NULL), ENF_OK);
  ck_assert(!h.saw_nonfinite);
  for (size_t b = 0; b < n; b++)
    ck_assert(x[b * 8] <= 2 && x[b * 8] >= -3);
}
END_TEST

START_TEST(a_failing_callback_ends_the_call) {
  static const int when[] = {1, 5, 200}; /* while drawing, relaxing, moving */
  double x[20 * 8];
  make("dw4");
  set_short();
  set("model.particles", "4");
  set("model.dimensions", "2");
  for (size_t k = 0; k < 3; k++) {
    host h = {.fail_at = when[k]};
    enf_status status = enf_simulate(ctx, is_never_asked_about_nonsense, &h, opts, 20, x, NULL);
    ck_assert_int_eq(status, ENF_ERR_CALLBACK);
    ck_assert_str_eq(enf_ctx_errmsg(ctx), "the energy returned 3");
    ck_assert_int_eq(h.calls, when[k]);
  }
}
END_TEST

static int is_nowhere_finite(void *user, size_t n, const double *x, double *u, double *grad) {
  (void)x;
  for (size_t b = 0; b < n; b++)
    u[b] = *(double *)user;
  for (size_t k = 0; k < n * 4; k++)
    grad[k] = 0;
  return 0;
}

START_TEST(an_energy_that_is_nowhere_finite_is_refused) {
  double nowhere[] = {(double)NAN, (double)INFINITY, -(double)INFINITY}, x[4];
  set_short();
  set("model.particles", "2");
  set("model.dimensions", "2");
  for (size_t k = 0; k < 3; k++) {
    enf_status status = enf_simulate(ctx, is_nowhere_finite, &nowhere[k], opts, 1, x, NULL);
    ck_assert_int_eq(status, ENF_ERR_NONFINITE);
    ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "no starting point with a finite energy"));
  }
}
END_TEST

static int uses_the_context(void *user, size_t n, const double *x, double *u, double *grad) {
  host *h = user;
  double again[8];
  h->inner = enf_simulate(ctx, enf_energy_eval, energy, NULL, 1, again, NULL);
  return enf_energy_eval(energy, n, x, u, grad);
}

START_TEST(a_callback_may_not_use_the_context) {
  double x[8];
  host h = {0};
  make("dw4");
  set_short();
  set("model.particles", "4");
  set("model.dimensions", "2");
  ck_assert_int_eq(enf_simulate(ctx, uses_the_context, &h, opts, 1, x, NULL), ENF_OK);
  ck_assert_int_eq(h.inner, ENF_ERR_STATE);
}
END_TEST

static int cancels_in_the_middle(void *user, uint64_t done, uint64_t total) {
  uint64_t *last = user;
  ck_assert(done >= *last && done <= total);
  *last = done;
  return 2 * done > total;
}

START_TEST(progress_is_reported_and_cancels) {
  double x[20 * 8];
  uint64_t last = 0;
  make("dw4");
  set_short();
  enf_ctx_set_progress(ctx, cancels_in_the_middle, &last);
  ck_assert_int_eq(enf_simulate(ctx, enf_energy_eval, energy, opts, 20, x, NULL),
                   ENF_ERR_CANCELLED);
  ck_assert_uint_gt(last, 10);
  ck_assert_uint_lt(last, 20);
  enf_ctx_set_progress(ctx, NULL, NULL);
  ck_assert_int_eq(enf_simulate(ctx, enf_energy_eval, energy, opts, 20, x, NULL), ENF_OK);
}
END_TEST

/* ---- refusals ------------------------------------------------------------------------------- */

static void refuses(enf_energy_fn fn, void *user, size_t n, double *x, enf_sim_info *info,
                    enf_status status, const char *part) {
  ck_assert_int_eq(enf_simulate(ctx, fn, user, opts, n, x, info), status);
  ck_assert_msg(strstr(enf_ctx_errmsg(ctx), part), "%s", enf_ctx_errmsg(ctx));
}

START_TEST(wrong_arguments_are_refused) {
  double x[8];
  enf_sim_info blank = {0}, cut = ENF_SIM_INFO_INIT;
  cut.struct_size--;
  make("dw4");
  refuses(NULL, energy, 1, x, NULL, ENF_ERR_ARG, "fn is NULL");
  refuses(enf_energy_eval, energy, 1, NULL, NULL, ENF_ERR_ARG, "x is NULL");
  refuses(enf_energy_eval, NULL, 1, x, NULL, ENF_ERR_ARG, "user is not a built-in energy");
  refuses(enf_energy_eval, energy, 0, x, NULL, ENF_ERR_ARG, "n is 0");
  refuses(enf_energy_eval, energy, 1, x, &blank, ENF_ERR_ARG, "ENF_SIM_INFO_INIT");
  refuses(enf_energy_eval, energy, 1, x, &cut, ENF_ERR_ARG, "info has struct_size 103");
  ck_assert_int_eq(enf_simulate(NULL, enf_energy_eval, energy, opts, 1, x, NULL), ENF_ERR_ARG);
}
END_TEST

START_TEST(missing_and_contradicting_shapes_are_refused) {
  double x[8];
  make("dw4");
  refuses(host_energy, energy, 1, x, NULL, ENF_ERR_OPTION, "model.particles is 0");
  set("model.particles", "5");
  refuses(enf_energy_eval, energy, 1, x, NULL, ENF_ERR_OPTION,
          "model.particles is 5, but dw4 has 4");
  set("model.particles", "4");
  set("model.dimensions", "3");
  refuses(enf_energy_eval, energy, 1, x, NULL, ENF_ERR_OPTION,
          "model.dimensions is 3, but dw4 has 2");
}
END_TEST

START_TEST(no_memory_is_reported_and_the_context_works_afterwards) {
  failing_alloc a = {0};
  const enf_alloc alloc = failing_alloc_of(&a);
  enf_ctx *own;
  double x[8];
  make("dw4");
  set_short();
  ck_assert_int_eq(enf_ctx_create(&own, &alloc), ENF_OK);
  a.fail_at = a.calls + 1;
  ck_assert_int_eq(enf_simulate(own, enf_energy_eval, energy, opts, 1, x, NULL), ENF_ERR_NOMEM);
  a.fail_at = 0;
  ck_assert_int_eq(enf_simulate(own, enf_energy_eval, energy, opts, 1, x, NULL), ENF_OK);
  const size_t calls = a.calls;
  ck_assert_int_eq(enf_simulate(own, enf_energy_eval, energy, opts, 1, x, NULL), ENF_OK);
  ck_assert_uint_eq(a.calls, calls); /* memory is kept */
  enf_ctx_destroy(own);
  ck_assert_uint_eq(a.live, 0);
  ck_assert(!a.foreign);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("simulate");
  tcase_set_timeout(tests, 60);
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_loop_test(tests, averages_are_exact_within_their_error_bars, 0,
                      sizeof systems / sizeof *systems);
  tcase_add_test(tests, stored_energies_are_those_of_the_samples_and_samples_are_mean_free);
  tcase_add_test(tests, one_temperature_is_no_tempering);
  tcase_add_test(tests, two_threads_give_the_bits_of_one);
  tcase_add_test(tests, a_host_energy_gives_the_bits_of_the_builtin_one);
  tcase_add_test(tests, impossible_configurations_are_rejected_and_never_reach_the_host);
  tcase_add_test(tests, a_failing_callback_ends_the_call);
  tcase_add_test(tests, an_energy_that_is_nowhere_finite_is_refused);
  tcase_add_test(tests, a_callback_may_not_use_the_context);
  tcase_add_test(tests, progress_is_reported_and_cancels);
  tcase_add_test(tests, wrong_arguments_are_refused);
  tcase_add_test(tests, missing_and_contradicting_shapes_are_refused);
  tcase_add_test(tests, no_memory_is_reported_and_the_context_works_afterwards);
  return run_suite("simulate", tests);
}
