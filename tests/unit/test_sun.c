/* test_sun.c -- small matrices: the basis is orthonormal and spans the algebra, Haar draws are of
   the group with Haar's moments, the way back to the group gets there and its reverse is that of
   finite differences. */
#include "core/random.h"
#include "math/sun.h"
#include "suite.h"
#include <math.h>
#include <string.h>

static void random_matrix(size_t n, uint64_t index, double *m) {
  enf__random_normal(7, 1, index, 2 * n * n, m);
}

static double dot(size_t n, const double *a, const double *b) {
  double sum = 0;
  for (size_t k = 0; k < 2 * n * n; k++)
    sum += a[k] * b[k];
  return sum;
}

START_TEST(the_basis_is_orthonormal_and_spans_the_algebra) {
  const size_t n = (size_t)_i, size = n * n - 1;
  double s[ENF__SUN_DOUBLES], t[ENF__SUN_DOUBLES], m[ENF__SUN_DOUBLES], c[64], z[2];
  for (size_t a = 0; a < size; a++)
    for (size_t b = 0; b < size; b++) {
      enf__sun_basis(n, a, s);
      enf__sun_basis(n, b, t);
      enf__sun_product(n, s, t, m);
      enf__sun_trace(n, m, z);
      ck_assert_double_eq_tol(-z[0], a == b, 1e-14);
      ck_assert_double_eq_tol(z[1], 0, 1e-14);
    }
  random_matrix(n, 1, m);
  enf__sun_tangent(n, m, m);
  enf__sun_components(n, m, c);
  enf__sun_compose(n, c, s);
  for (size_t k = 0; k < 2 * n * n; k++)
    ck_assert_double_eq_tol(s[k], m[k], 1e-13);
}
END_TEST

/* <|tr U|^2> = 1, <|tr U|^4> = 2 (n > 2; 2 of SU(2), too), <tr U> = 0; U_00 is no larger than the
   others. */
START_TEST(haar_draws_are_of_the_group_with_its_moments) {
  const size_t n = (size_t)_i, draws = 20000;
  double second = 0, fourth = 0, first[2] = {0, 0}, corner = 0;
  for (size_t i = 0; i < draws; i++) {
    double u[ENF__SUN_DOUBLES], z[2];
    random_matrix(n, i, u);
    enf__sun_haar(n, u);
    if (i < 100)
      ck_assert_double_lt(enf__sun_distance(n, u), 1e-14);
    enf__sun_trace(n, u, z);
    const double square = z[0] * z[0] + z[1] * z[1];
    second += square / (double)draws;
    fourth += square * square / (double)draws;
    first[0] += z[0] / (double)draws;
    first[1] += z[1] / (double)draws;
    corner += (u[0] * u[0] + u[1] * u[1]) / (double)draws;
  }
  ck_assert_double_eq_tol(second, 1, 0.05);
  ck_assert_double_eq_tol(fourth, 2, 0.25);
  ck_assert_double_eq_tol(first[0], 0, 0.04);
  ck_assert_double_eq_tol(first[1], 0, 0.04);
  ck_assert_double_eq_tol(corner, 1 / (double)n, 0.02);
}
END_TEST

/* A Haar matrix with an error of this size. */
static void near_group(size_t n, uint64_t index, double size, double *u) {
  double noise[ENF__SUN_DOUBLES];
  random_matrix(n, index, u);
  enf__sun_haar(n, u);
  random_matrix(n, index + 1000, noise);
  for (size_t k = 0; k < 2 * n * n; k++)
    u[k] += size * noise[k];
}

START_TEST(the_way_back_leads_to_the_group_nearby) {
  const size_t n = (size_t)_i;
  double u[ENF__SUN_DOUBLES], start[ENF__SUN_DOUBLES];
  near_group(n, 3, 1e-5, u);
  memcpy(start, u, sizeof u);
  enf__sun_restore(n, u);
  ck_assert_double_lt(enf__sun_distance(n, u), 1e-14);
  for (size_t k = 0; k < 2 * n * n; k++)
    ck_assert_double_eq_tol(u[k], start[k], 2e-4);
}
END_TEST

START_TEST(its_reverse_is_that_of_finite_differences) {
  const size_t n = (size_t)_i;
  const double h = 1e-5;
  double u[ENF__SUN_DOUBLES], a[ENF__SUN_DOUBLES], du[ENF__SUN_DOUBLES], v[2][ENF__SUN_DOUBLES];
  near_group(n, 5, 1e-4, u);
  random_matrix(n, 6, a);
  memcpy(du, a, sizeof a);
  enf__sun_restore_pull(n, u, du);
  for (size_t k = 0; k < 2 * n * n; k++) {
    for (int side = 0; side < 2; side++) {
      memcpy(v[side], u, sizeof u);
      v[side][k] += side ? h : -h;
      enf__sun_restore(n, v[side]);
    }
    ck_assert_double_eq_tol(du[k], (dot(n, a, v[1]) - dot(n, a, v[0])) / (2 * h), 1e-7);
  }
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("sun");
  tcase_add_loop_test(tests, the_basis_is_orthonormal_and_spans_the_algebra, 2, 9);
  tcase_add_loop_test(tests, haar_draws_are_of_the_group_with_its_moments, 2, 5);
  tcase_add_loop_test(tests, the_way_back_leads_to_the_group_nearby, 2, 9);
  tcase_add_loop_test(tests, its_reverse_is_that_of_finite_differences, 2, 9);
  return run_suite("sun", tests);
}
