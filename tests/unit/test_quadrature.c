/* test_quadrature.c -- integrals along recorded paths: known values, an honest error, points where
   the difficulty is, and that samples of one call know nothing of each other. */
#include "ode/ode.h"
#include "suite.h"
#include <math.h>
#include <stdlib.h>

enum { CAPACITY = 64, MOST = 8 };
static const size_t BYTES = (size_t)16 << 20;

static const enf__run run = {
    .ode_method = ENF__DOPRI5, .rtol = 1e-9, .atol = 1e-9, .ode_steps = 20, .max_steps = 1000};

static void *memory;
static bool lean;
static void setup(void) {
  lean = false;
  ck_assert_int_eq(posix_memalign(&memory, 64, BYTES), 0);
}
static void teardown(void) { free(memory); }

/* y' = (y1, -y0): (sin, cos) of (t + phase). */
static void circle(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                   double *dy) {
  (void)sample;
  (void)user;
  (void)t;
  for (size_t i = 0; i < S; i++) {
    dy[2 * i] = y[2 * i + 1];
    dy[2 * i + 1] = -y[2 * i];
  }
}

/* Paths of S samples with phases 0, 1, ..., and the integral of g along them. */
static void integrate(enf__integrand g, double tol, double t0, double t1, size_t S, size_t phase,
                      enf__integral *out) {
  const enf__ode ode = {&run, circle, NULL, 2, t0, t1, NULL};
  enf__quadrature q = {g, NULL, 2, tol, 1e-14, lean};
  enf__arena arena = {memory, 0, BYTES};
  enf__ode_path path[MOST];
  enf__ode_result result[MOST] = {{0}};
  double y[2 * MOST];
  for (size_t i = 0; i < S; i++) {
    y[2 * i] = sin(t0 + (double)(phase + i));
    y[2 * i + 1] = cos(t0 + (double)(phase + i));
    enf__ode_path_take(path + i, &arena, CAPACITY, 2, false);
  }
  enf__ode_solve(&ode, &arena, S, y, result, path);
  const size_t used = arena.used;
  arena.capacity = used + enf__quadrature_workspace(S, 2);
  enf__quadrature_along(&q, &arena, S, path, out);
  ck_assert_uint_eq(arena.used, used);
}

static void first(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                  double *value) {
  (void)sample;
  (void)user;
  (void)t;
  for (size_t i = 0; i < S; i++)
    value[i] = y[2 * i];
}

START_TEST(smooth_integrals_are_found) {
  static const double ends[][2] = {{0, 1}, {1, 0}, {0.2, 0.7}, {0, 0.01}};
  const double a = ends[_i][0], b = ends[_i][1];
  enf__integral out[3] = {{0}};
  integrate(first, 1e-6, a, b, 3, 0, out);
  for (int i = 0; i < 3; i++) {
    ck_assert_int_eq(out[i].status, ENF_OK);
    ck_assert_double_eq_tol(out[i].value, cos(a + i) - cos(b + i), 1e-8);
    ck_assert_double_lt(out[i].error, 1e-6);
    ck_assert_uint_le(out[i].evaluations, 30);
  }
}
END_TEST

START_TEST(an_empty_path_gives_zero) {
  enf__integral out[1] = {{.evaluations = 5, .value = 7}};
  integrate(first, 1e-6, 0.5, 0.5, 1, 0, out);
  ck_assert_int_eq(out[0].status, ENF_OK);
  ck_assert_double_eq(out[0].value, 0);
  ck_assert_uint_eq(out[0].evaluations, 0);
}
END_TEST

/* A dip of width 0.01, of which the path knows nothing, on a smooth ground. */
static void dip(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                double *value) {
  (void)sample;
  (void)user;
  (void)y;
  for (size_t i = 0; i < S; i++) {
    const double z = (t[i] - 0.93) / 0.01;
    value[i] = 5 * t[i] - 20 / (1 + z * z);
  }
}

START_TEST(a_sharp_dip_is_refined_until_the_error_is_below_tol) {
  static const double tols[] = {1e-2, 1e-3, 1e-4, 1e-6, 1e-8};
  const double exact = 2.5 - 20 * 0.01 * (atan(7) + atan(93));
  enf__integral out[1] = {{0}};
  integrate(dip, tols[_i], 1, 0, 1, 0, out);
  ck_assert_double_le(out[0].error, tols[_i]);
  ck_assert_double_eq_tol(out[0].value, -exact, tols[_i]);
  ck_assert_uint_le(out[0].evaluations, 600);
}
END_TEST

/* Dips here and there: the error told is the true one, and not a hundred times that. */
static double place;
static const double breadth = 0.1;
static void dip_at_place(void *user, size_t S, const size_t *sample, const double *t,
                         const double *y, double *value) {
  (void)sample;
  (void)user;
  (void)y;
  for (size_t i = 0; i < S; i++)
    value[i] = 1 / (1 + (t[i] - place) * (t[i] - place) / (breadth * breadth));
}

START_TEST(the_error_told_is_the_true_one) {
  static const double tols[] = {1e-2, 1e-4};
  double told = 0, is = 0;
  for (int i = 0; i < 64; i++) {
    enf__integral out[1] = {{0}};
    place = (i + 0.5) / 64;
    integrate(dip_at_place, tols[_i], 0, 1, 1, 0, out);
    const double exact = breadth * (atan((1 - place) / breadth) + atan(place / breadth));
    told += out[0].error * out[0].error;
    is += (out[0].value - exact) * (out[0].value - exact);
  }
  ck_assert_msg(is < told && told < 1e4 * is, "told %.2e, is %.2e", sqrt(told / 64), sqrt(is / 64));
}
END_TEST

/* What cannot be integrated is not claimed to be. */
static void noise(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                  double *value) {
  (void)sample;
  (void)user;
  (void)y;
  for (size_t i = 0; i < S; i++)
    value[i] = fmod(t[i] * 1e7, 1);
}

START_TEST(refinement_ends_and_the_error_is_honest) {
  enf__integral out[1] = {{0}};
  integrate(noise, 1e-9, 0, 1, 1, 0, out);
  ck_assert_int_eq(out[0].status, ENF_OK);
  ck_assert_double_gt(out[0].error, 1e-9);
  ck_assert_double_lt(fabs(out[0].value - 0.5), out[0].error);
  ck_assert_uint_le(out[0].evaluations, 3000);
}
END_TEST

/* Not a number for samples whose first coordinate exceeds 0.95. */
static void fragile(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                    double *value) {
  dip(user, S, sample, t, y, value);
  for (size_t i = 0; i < S; i++)
    value[i] = y[2 * i] > 0.95 ? NAN : value[i] + y[2 * i];
}

START_TEST(samples_know_nothing_of_each_other) {
  enf__integral together[MOST] = {{0}}, apart[MOST] = {{0}};
  integrate(fragile, 1e-7, 0, 1, MOST, 0, together);
  for (size_t i = 0; i < MOST; i += 2)
    integrate(fragile, 1e-7, 0, 1, 2, i, apart + i);
  size_t failed = 0;
  for (size_t i = 0; i < MOST; i++) {
    ck_assert_int_eq(together[i].status, apart[i].status);
    ck_assert_uint_eq(together[i].evaluations, apart[i].evaluations);
    failed += together[i].status == ENF_ERR_NONFINITE;
    if (together[i].status == ENF_OK)
      ck_assert_mem_eq(&together[i].value, &apart[i].value, sizeof(double));
  }
  ck_assert_uint_gt(failed, 0);
  ck_assert_uint_lt(failed, MOST);
}
END_TEST

START_TEST(samples_marked_as_failed_are_left_alone) {
  enf__integral out[2] = {{.status = ENF_ERR_ODE_STEPS, .value = 3}, {0}};
  integrate(first, 1e-6, 0, 1, 2, 0, out);
  ck_assert_int_eq(out[0].status, ENF_ERR_ODE_STEPS);
  ck_assert_double_eq(out[0].value, 3);
  ck_assert_double_eq_tol(out[1].value, cos(1) - cos(2), 1e-8);
}
END_TEST

/* With one rule of 15 points where that is enough, and refined to the same accuracy where not. */
START_TEST(a_lean_beginning_has_half_the_points) {
  static const double ends[][2] = {{0, 1}, {1, 0}, {0.2, 0.7}, {0, 0.01}};
  const double a = ends[_i][0], b = ends[_i][1];
  enf__integral out[3] = {{0}};
  lean = true;
  integrate(first, 1e-6, a, b, 3, 0, out);
  for (int i = 0; i < 3; i++) {
    ck_assert_double_eq_tol(out[i].value, cos(a + i) - cos(b + i), 1e-8);
    ck_assert_uint_eq(out[i].evaluations, 15);
  }
}
END_TEST

START_TEST(a_lean_beginning_is_not_fooled_by_a_dip) {
  static const double tols[] = {1e-2, 1e-3, 1e-4, 1e-6, 1e-8};
  const double exact = 2.5 - 20 * 0.01 * (atan(7) + atan(93));
  enf__integral out[1] = {{0}};
  lean = true;
  integrate(dip, tols[_i], 1, 0, 1, 0, out);
  ck_assert_double_le(out[0].error, tols[_i]);
  ck_assert_double_eq_tol(out[0].value, -exact, 4 * tols[_i]);
  ck_assert_uint_le(out[0].evaluations, 600);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("quadrature");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_loop_test(c, smooth_integrals_are_found, 0, 4);
  tcase_add_test(c, an_empty_path_gives_zero);
  tcase_add_loop_test(c, a_sharp_dip_is_refined_until_the_error_is_below_tol, 0, 5);
  tcase_add_loop_test(c, the_error_told_is_the_true_one, 0, 2);
  tcase_add_loop_test(c, a_lean_beginning_has_half_the_points, 0, 4);
  tcase_add_loop_test(c, a_lean_beginning_is_not_fooled_by_a_dip, 0, 5);
  tcase_add_test(c, refinement_ends_and_the_error_is_honest);
  tcase_add_test(c, samples_know_nothing_of_each_other);
  tcase_add_test(c, samples_marked_as_failed_are_left_alone);
  return run_suite("quadrature", c);
}
