/* test_ode.c -- the integrator: its orders, its exactness, its limits, and that samples of one
   call know nothing of each other. */
#include "ode/ode.h"
#include "suite.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const enf__run defaults = {
    .ode_method = ENF__DOPRI5, .rtol = 1e-6, .atol = 1e-6, .ode_steps = 20, .max_steps = 1000};

static void *memory;

static enf__arena arena_of(size_t bytes) {
  const enf__arena arena = {memory, 0, bytes};
  ck_assert_uint_le(bytes, (size_t)64 << 20);
  return arena;
}

static void setup(void) { ck_assert_int_eq(posix_memalign(&memory, 64, (size_t)64 << 20), 0); }
static void teardown(void) { free(memory); }

static void solve(const enf__ode *ode, size_t S, double *y, enf__ode_result *result,
                  enf__ode_path *path) {
  enf__arena arena = arena_of(enf__ode_workspace(S, ode->dim));
  enf__ode_solve(ode, &arena, S, y, result, path);
  ck_assert_uint_eq(arena.used, 0);
}

/* ---- right-hand sides ----------------------------------------------------------------------- */

/* y' = (-y1, y0) (1 + t): angle t + t^2/2. */
static void spin(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                 double *dy) {
  (void)sample;
  (void)user;
  for (size_t i = 0; i < S; i++) {
    dy[2 * i] = -y[2 * i + 1] * (1 + t[i]);
    dy[2 * i + 1] = y[2 * i] * (1 + t[i]);
  }
}

static double spin_error(const double *y, double angle) {
  return hypot(y[0] - cos(angle), y[1] - sin(angle));
}

/* y0' = p(t), a polynomial of degree *user; y1' = 0. */
static void power(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                  double *dy) {
  (void)sample;
  const int degree = *(const int *)user;
  (void)y;
  for (size_t i = 0; i < S; i++) {
    dy[2 * i] = (degree + 1) * pow(t[i], degree);
    dy[2 * i + 1] = 0;
  }
}

/* Stiffness, a wall and a pole, by the sample's second coordinate, which stays as it is:
   0: y' = -y;  1: not a number beyond t = 0.5;  2: y' = -1e9 (y - cos t);  3: y' = y^2. */
static void hazard(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                   double *dy) {
  (void)sample;
  (void)user;
  for (size_t i = 0; i < S; i++) {
    const double u = y[2 * i];
    const int kind = (int)y[2 * i + 1];
    dy[2 * i] = kind == 1   ? (t[i] > 0.5 ? NAN : 1)
                : kind == 2 ? -1e9 * (u - cos(t[i]))
                : kind == 3 ? u * u
                            : -u;
    dy[2 * i + 1] = 0;
  }
}

/* ---- accuracy ------------------------------------------------------------------------------- */

static double fixed_error(int method, size_t steps, size_t *evaluations) {
  enf__run run = defaults;
  run.ode_method = method;
  run.ode_steps = steps;
  const enf__ode ode = {&run, spin, NULL, 2, 0, 1, NULL};
  double y[2] = {1, 0};
  enf__ode_result result = {0};
  solve(&ode, 1, y, &result, NULL);
  ck_assert_int_eq(result.status, ENF_OK);
  ck_assert_uint_eq(result.accepted, steps);
  *evaluations = result.evaluations;
  return spin_error(y, 1.5);
}

START_TEST(fixed_methods_have_order_four) {
  const int method = _i == 0 ? ENF__RK4 : ENF__RK4_38;
  size_t n1, n2;
  double coarse = fixed_error(method, 10, &n1), fine = fixed_error(method, 20, &n2);
  ck_assert_uint_eq(n1, 40);
  ck_assert_uint_eq(n2, 80);
  ck_assert_double_eq_tol(log2(coarse / fine), 4, 0.2);
}
END_TEST

/* With h proportional to tol^(1/5), the global error of the order 5 solution falls like tol. */
START_TEST(dopri5_has_order_five) {
  double error[2];
  size_t steps[2];
  for (int i = 0; i < 2; i++) {
    enf__run run = defaults;
    run.rtol = run.atol = i ? 1e-11 : 1e-7;
    const enf__ode ode = {&run, spin, NULL, 2, 0, 1, NULL};
    double y[2] = {1, 0};
    enf__ode_result result = {0};
    solve(&ode, 1, y, &result, NULL);
    ck_assert_int_eq(result.status, ENF_OK);
    error[i] = spin_error(y, 1.5);
    steps[i] = result.accepted;
    ck_assert_double_lt(error[i], 2 * run.rtol);
  }
  double order = log(error[0] / error[1]) / log((double)steps[1] / (double)steps[0]);
  ck_assert_double_ge(order, 4.5);
  ck_assert_double_le(order, 6);
}
END_TEST

/* A polynomial right-hand side of degree p-1 is integrated exactly by a method of order p. */
START_TEST(polynomials_are_exact) {
  static const struct {
    int method, degree;
  } row[] = {{ENF__DOPRI5, 4}, {ENF__RK4, 3}, {ENF__RK4_38, 3}};
  enf__run run = defaults;
  int degree = row[_i].degree;
  run.ode_method = row[_i].method;
  run.ode_steps = 3;
  const enf__ode ode = {&run, power, &degree, 2, 0, 1, NULL};
  double y[2] = {2, 3};
  enf__ode_result result = {0};
  solve(&ode, 1, y, &result, NULL);
  ck_assert_double_eq_tol(y[0], 3, 1e-14);
  ck_assert_double_eq(y[1], 3);
}
END_TEST

START_TEST(backward_undoes_forward) {
  enf__run run = defaults;
  run.ode_method = _i;
  run.rtol = run.atol = 1e-9;
  run.ode_steps = 200;
  double y[2] = {0.3, -0.8};
  enf__ode_result result = {0};
  solve(&(enf__ode){&run, spin, NULL, 2, 0.25, 0.75, NULL}, 1, y, &result, NULL);
  ck_assert_double_gt(hypot(y[0] - 0.3, y[1] + 0.8), 0.1);
  ck_assert_double_eq(result.t, 0.75);
  solve(&(enf__ode){&run, spin, NULL, 2, 0.75, 0.25, NULL}, 1, y, &result, NULL);
  ck_assert_double_eq(result.t, 0.25);
  ck_assert_double_eq_tol(y[0], 0.3, 1e-8);
  ck_assert_double_eq_tol(y[1], -0.8, 1e-8);
}
END_TEST

START_TEST(an_empty_interval_costs_nothing) {
  double y[2] = {1, 2};
  enf__ode_result result = {0};
  solve(&(enf__ode){&defaults, spin, NULL, 2, 0.5, 0.5, NULL}, 1, y, &result, NULL);
  ck_assert_int_eq(result.status, ENF_OK);
  ck_assert_uint_eq(result.evaluations, 0);
  ck_assert_double_eq(y[0], 1);
  ck_assert_double_eq(y[1], 2);
}
END_TEST

/* Fixed steps are ode.steps over [0,1], in proportion, and at least one. */
START_TEST(fixed_steps_scale_with_the_interval) {
  static const struct {
    double t0, t1;
    size_t steps;
  } row[] = {{0, 1, 20}, {1, 0.5, 10}, {0.1, 0.2, 2}, {0.3, 0.31, 1}};
  enf__run run = defaults;
  run.ode_method = ENF__RK4;
  double y[2] = {1, 0};
  enf__ode_result result = {0};
  solve(&(enf__ode){&run, spin, NULL, 2, row[_i].t0, row[_i].t1, NULL}, 1, y, &result, NULL);
  ck_assert_uint_eq(result.accepted, row[_i].steps);
  ck_assert_double_eq(result.t, row[_i].t1);
}
END_TEST

/* ---- samples of one call -------------------------------------------------------------------- */

enum { MANY = 37 };

static void many(double *y) {
  for (size_t i = 0; i < MANY; i++) {
    y[2 * i] = sin(1.0 + 7.0 * (double)i) * (double)(i + 1);
    y[2 * i + 1] = i % 9 == 4 ? 1 : i % 9 == 6 ? 3 : 0;
  }
}

START_TEST(a_sample_does_not_depend_on_the_others) {
  enf__run run = defaults;
  run.ode_method = _i;
  const enf__ode ode = {&run, hazard, NULL, 2, 0, 1, NULL};
  double together[2 * MANY], apart[2 * MANY];
  enf__ode_result a[MANY] = {{0}}, b[MANY] = {{0}};
  many(together);
  many(apart);
  solve(&ode, MANY, together, a, NULL);
  for (size_t i = 0, n; i < MANY; i += n) {
    n = i % 5 + 1 < MANY - i ? i % 5 + 1 : MANY - i;
    solve(&ode, n, apart + 2 * i, b + i, NULL);
  }
  ck_assert_mem_eq(together, apart, sizeof apart);
  for (size_t i = 0; i < MANY; i++) {
    ck_assert_int_eq(a[i].status, b[i].status);
    ck_assert_uint_eq(a[i].evaluations, b[i].evaluations);
    ck_assert_double_eq(a[i].t, b[i].t);
  }
}
END_TEST

START_TEST(a_failing_sample_fails_alone) {
  const enf__ode ode = {&defaults, hazard, NULL, 2, 0, 1, NULL};
  double y[] = {1, 0, 1, 1, 0.5, 2, 2, 3, 1, 0};
  enf__ode_result r[5] = {{0}};
  solve(&ode, 5, y, r, NULL);
  const enf_status expected[] = {ENF_OK, ENF_ERR_NONFINITE, ENF_ERR_ODE_STEPS, 0, ENF_OK};
  for (size_t i = 0; i < 5; i++)
    if (i != 3)
      ck_assert_int_eq(r[i].status, expected[i]);
  /* y' = y^2 has a pole at t = 1/2: whichever limit is met first */
  ck_assert_int_ne(r[3].status, ENF_OK);
  ck_assert_double_eq_tol(r[3].t, 0.5, 1e-3);
  ck_assert_double_eq_tol(r[1].t, 0.5, 1e-2);
  ck_assert_uint_eq(r[2].tried, 1000);
  ck_assert_double_eq_tol(y[0], exp(-1), 1e-6);
  ck_assert_double_eq(y[8], y[0]);
}
END_TEST

START_TEST(too_many_steps_is_said) {
  enf__run run = defaults;
  run.max_steps = 3;
  run.rtol = run.atol = 1e-10;
  double y[2] = {1, 0};
  enf__ode_result result = {0};
  solve(&(enf__ode){&run, spin, NULL, 2, 0, 1, NULL}, 1, y, &result, NULL);
  ck_assert_int_eq(result.status, ENF_ERR_ODE_STEPS);
  ck_assert_uint_eq(result.tried, 3);
  ck_assert_double_gt(result.t, 0);
  ck_assert_double_lt(result.t, 1);
}
END_TEST

/* A jump that no step can cross within the tolerance. */
static void comb(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                 double *dy) {
  (void)sample;
  (void)user;
  (void)y;
  for (size_t i = 0; i < S; i++)
    dy[i] = t[i] < 0.3 ? 0.0 : 1e20;
}

START_TEST(a_vanishing_step_is_said) {
  double y[1] = {1};
  enf__ode_result result = {0};
  solve(&(enf__ode){&defaults, comb, NULL, 1, 0, 1, NULL}, 1, y, &result, NULL);
  ck_assert_int_eq(result.status, ENF_ERR_ODE_STEPSIZE);
  ck_assert_double_eq_tol(result.t, 0.3, 1e-6);
}
END_TEST

START_TEST(samples_marked_as_failed_are_left_alone) {
  double y[] = {NAN, 0, 1, 0};
  enf__ode_result r[2] = {{.status = ENF_ERR_NONFINITE, .t = 7}, {0}};
  solve(&(enf__ode){&defaults, hazard, NULL, 2, 0, 1, NULL}, 2, y, r, NULL);
  ck_assert_int_eq(r[0].status, ENF_ERR_NONFINITE);
  ck_assert_double_eq(r[0].t, 7);
  ck_assert(isnan(y[0]));
  ck_assert_double_eq_tol(y[2], exp(-1), 1e-6);
}
END_TEST

START_TEST(a_non_finite_start_is_said) {
  double y[] = {INFINITY, 0, 1, 0};
  enf__ode_result r[2] = {{0}, {0}};
  solve(&(enf__ode){&defaults, hazard, NULL, 2, 0, 1, NULL}, 2, y, r, NULL);
  ck_assert_int_eq(r[0].status, ENF_ERR_NONFINITE);
  ck_assert_int_eq(r[1].status, ENF_OK);
}
END_TEST

/* ---- paths ---------------------------------------------------------------------------------- */

static double interpolant_error(int method, double tol, size_t fixed, double t0, double t1) {
  enf__run run = defaults;
  run.ode_method = method;
  run.rtol = run.atol = tol;
  run.ode_steps = fixed;
  const enf__ode ode = {&run, spin, NULL, 2, t0, t1, NULL};
  double y[2] = {cos(t0 + t0 * t0 / 2), sin(t0 + t0 * t0 / 2)}, worst = 0, at[2];
  enf__ode_result result = {0};
  enf__ode_path path;
  enf__arena arena = arena_of((size_t)1 << 20);
  enf__ode_path_take(&path, &arena, 256, 2, false);
  enf__ode_solve(&ode, &arena, 1, y, &result, &path);
  ck_assert_uint_eq(path.steps, result.accepted);
  ck_assert_double_eq(path.t[0], t0);
  ck_assert_double_eq(path.t[path.steps], t1);
  for (size_t n = 0; n < path.steps; n++)
    for (int i = 0; i <= 4; i++) {
      double t = path.t[n] + 0.25 * i * (path.t[n + 1] - path.t[n]);
      enf__ode_path_at(&path, 2, n, t, at);
      worst = fmax(worst, spin_error(at, t + t * t / 2));
    }
  return worst;
}

START_TEST(dopri5_interpolates_as_well_as_it_integrates) {
  ck_assert_double_lt(interpolant_error(ENF__DOPRI5, 1e-6, 1, 0, 1), 4e-6);
  ck_assert_double_lt(interpolant_error(ENF__DOPRI5, 1e-9, 1, 0, 1), 4e-8);
  ck_assert_double_lt(interpolant_error(ENF__DOPRI5, 1e-9, 1, 1, 0), 4e-8);
}
END_TEST

START_TEST(fixed_methods_interpolate_with_order_four) {
  double coarse = interpolant_error(ENF__RK4, 1, 10, 0, 1);
  double fine = interpolant_error(ENF__RK4, 1, 20, 0, 1);
  ck_assert_double_eq_tol(log2(coarse / fine), 4, 0.4);
}
END_TEST

START_TEST(recording_changes_nothing_and_says_when_it_is_full) {
  enf__run run = defaults;
  run.rtol = run.atol = 1e-9;
  const enf__ode ode = {&run, spin, NULL, 2, 0, 1, NULL};
  double a[2] = {1, 0}, b[2] = {1, 0};
  enf__ode_result r = {0}, s = {0};
  enf__ode_path path;
  enf__arena arena = arena_of((size_t)1 << 20);
  solve(&ode, 1, a, &r, NULL);
  enf__ode_path_take(&path, &arena, 2, 2, false);
  enf__ode_solve(&ode, &arena, 1, b, &s, &path);
  ck_assert_mem_eq(a, b, sizeof a);
  ck_assert_uint_gt(path.steps, path.capacity);
  ck_assert_uint_eq(path.steps, s.accepted);
  ck_assert_uint_eq(r.evaluations, s.evaluations);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("ode");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_loop_test(c, fixed_methods_have_order_four, 0, 2);
  tcase_add_test(c, dopri5_has_order_five);
  tcase_add_loop_test(c, polynomials_are_exact, 0, 3);
  tcase_add_loop_test(c, backward_undoes_forward, 0, 3);
  tcase_add_test(c, an_empty_interval_costs_nothing);
  tcase_add_loop_test(c, fixed_steps_scale_with_the_interval, 0, 4);
  tcase_add_loop_test(c, a_sample_does_not_depend_on_the_others, 0, 3);
  tcase_add_test(c, a_failing_sample_fails_alone);
  tcase_add_test(c, too_many_steps_is_said);
  tcase_add_test(c, a_vanishing_step_is_said);
  tcase_add_test(c, samples_marked_as_failed_are_left_alone);
  tcase_add_test(c, a_non_finite_start_is_said);
  tcase_add_test(c, dopri5_interpolates_as_well_as_it_integrates);
  tcase_add_test(c, fixed_methods_interpolate_with_order_four);
  tcase_add_test(c, recording_changes_nothing_and_says_when_it_is_full);
  return run_suite("ode", c);
}
