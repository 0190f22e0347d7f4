/* test_lu.c -- inverses and determinants by elimination. */
#include "core/random.h"
#include "math/lu.h"
#include "suite.h"
#include <math.h>
#include <string.h>

enum { MOST = 40 };

/* A matrix whose determinant is known: P L U with a product of -1.5 on the diagonals, rows
   exchanged so that pivots are wanted. */
static double make(size_t n, double *a) {
  static double L[MOST * MOST], U[MOST * MOST];
  enf__random_normal(3, 1, n, n * n, L);
  enf__random_normal(4, 1, n, n * n, U);
  memset(a, 0, n * n * sizeof *a);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      for (size_t k = 0; k <= i && k <= j; k++) {
        const double l = k == i ? -1.5 : 0.3 * L[i * n + k], u = k == j ? 1 : 0.3 * U[k * n + j];
        a[(n - 1 - i) * n + j] += l * u;
      }
  return (double)n * log(1.5);
}

START_TEST(inverse_and_determinant_are_those_of_the_matrix) {
  static const size_t sizes[] = {1, 2, 3, 8, MOST};
  static double a[MOST * MOST], copy[MOST * MOST], inverse[MOST * MOST];
  const size_t n = sizes[_i];
  const double exact = make(n, a);
  memcpy(copy, a, sizeof a);
  const double log_det = enf__lu_invert(n, copy, inverse);
  memcpy(copy, a, sizeof a);
  ck_assert_double_eq_tol(log_det, exact, 1e-12 * (double)n);
  ck_assert(enf__lu_log_det(n, copy) == log_det);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double sum = 0;
      for (size_t k = 0; k < n; k++)
        sum += a[i * n + k] * inverse[k * n + j];
      ck_assert_double_eq_tol(sum, i == j, 1e-9);
    }
}
END_TEST

START_TEST(singular_matrix_has_no_determinant) {
  double a[] = {1, 2, 3, 2, 4, 6, 1, 0, 1}, b[9], inverse[9];
  memcpy(b, a, sizeof a);
  ck_assert(isnan(enf__lu_log_det(3, a)));
  ck_assert(isnan(enf__lu_invert(3, b, inverse)));
}
END_TEST

int main(void) {
  TCase *c = tcase_create("lu");
  tcase_add_loop_test(c, inverse_and_determinant_are_those_of_the_matrix, 0, 5);
  tcase_add_test(c, singular_matrix_has_no_determinant);
  return run_suite("lu", c);
}
