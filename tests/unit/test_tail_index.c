/* test_tail_index.c -- Hill's estimator: by hand, of Pareto draws, and what is refused. */
#include "core/random.h"
#include "suite.h"
#include <enf/enf.h>
#include <math.h>

static enf_ctx *ctx;

static void setup(void) { ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK); }
static void teardown(void) { enf_ctx_destroy(ctx); }

START_TEST(is_the_mean_of_logarithms) {
  const double value[] = {1, 8, 2, 4, 2};
  double index, err;
  ck_assert_int_eq(enf_tail_index(ctx, 5, value, 2, &index, &err), ENF_OK);
  ck_assert_double_eq_tol(1 / index, (log(8.0 / 2) + log(4.0 / 2)) / 2, 1e-15);
  ck_assert_double_eq_tol(err, index / sqrt(2), 1e-15);
  ck_assert_int_eq(enf_tail_index(ctx, 5, value, 4, &index, NULL), ENF_OK);
  ck_assert_double_eq_tol(1 / index, log(8.0 * 4 * 2 * 2) / 4, 1e-15);
}
END_TEST

/* P(value > r) = r^-index; 4 standard errors. */
START_TEST(is_that_of_pareto_draws) {
  enum { DRAWS = 20000, LARGEST = 1000 };
  static double value[DRAWS];
  static const double indices[] = {0.7, 2.5, 9};
  double index, err;
  for (size_t i = 0; i < DRAWS; i++) {
    double u;
    enf__random_uniform(4, 99, i, 1, &u);
    value[i] = pow(u, -1 / indices[_i]);
  }
  ck_assert_int_eq(enf_tail_index(ctx, DRAWS, value, LARGEST, &index, &err), ENF_OK);
  ck_assert_double_eq_tol(index, indices[_i], 4 * err);
}
END_TEST

START_TEST(what_has_no_tail_is_refused) {
  double value[] = {1, 1, 1, 1}, index;
  ck_assert_int_eq(enf_tail_index(ctx, 4, value, 2, &index, NULL), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_tail_index(ctx, 4, value, 0, &index, NULL), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_tail_index(ctx, 4, value, 4, &index, NULL), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_tail_index(ctx, 0, value, 1, &index, NULL), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_tail_index(ctx, 4, NULL, 1, &index, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_tail_index(ctx, 4, value, 1, NULL, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_tail_index(NULL, 4, value, 1, &index, NULL), ENF_ERR_ARG);
  value[2] = 0;
  ck_assert_int_eq(enf_tail_index(ctx, 4, value, 1, &index, NULL), ENF_ERR_RANGE);
  value[2] = NAN;
  ck_assert_int_eq(enf_tail_index(ctx, 4, value, 1, &index, NULL), ENF_ERR_NONFINITE);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("tail index");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_test(c, is_the_mean_of_logarithms);
  tcase_add_loop_test(c, is_that_of_pareto_draws, 0, 3);
  tcase_add_test(c, what_has_no_tail_is_refused);
  return run_suite("tail index", c);
}
