/* test_histogram.c -- every value lands in the one bin that holds it. */
#include "suite.h"
#include <enf/enf.h>
#include <math.h>

static enf_ctx *ctx;

static void open_context(void) { ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK); }
static void close_context(void) { enf_ctx_destroy(ctx); }

START_TEST(edges_belong_to_the_bin_above_and_the_last_to_the_last) {
  const double values[] = {-1, -0.5,     -0.500001, 0,   0.5,     0.999,
                           1,  1.000001, -1.000001, NAN, INFINITY};
  const double want[] = {2, 1, 1, 3};
  double counts[4];
  ck_assert_int_eq(enf_histogram(ctx, 11, values, NULL, -1, 1, 4, counts), ENF_OK);
  for (int k = 0; k < 4; k++)
    ck_assert_double_eq(counts[k], want[k]);
}
END_TEST

START_TEST(weights_are_summed) {
  const double values[] = {0.1, 0.9, 0.2, 7}, weights[] = {0.25, 0.5, 2, 100};
  double counts[2];
  ck_assert_int_eq(enf_histogram(ctx, 4, values, weights, 0, 1, 2, counts), ENF_OK);
  ck_assert_double_eq(counts[0], 2.25);
  ck_assert_double_eq(counts[1], 0.5);
  ck_assert_int_eq(enf_histogram(ctx, 0, NULL, NULL, 0, 1, 2, counts), ENF_OK);
  ck_assert_double_eq(counts[0], 0);
}
END_TEST

START_TEST(misuse_is_refused) {
  const double v[1] = {0};
  double c[1];
  const struct {
    const double *values;
    double lowest, highest;
    size_t bins;
    double *counts;
    enf_status status;
    const char *sentence;
  } bad[] = {
      {NULL, 0, 1, 1, c, ENF_ERR_ARG, "values is NULL"},
      {v, 0, 1, 1, NULL, ENF_ERR_ARG, "counts is NULL"},
      {v, 0, 1, 0, c, ENF_ERR_RANGE, "bins is 0: a histogram needs one or more"},
      {v, 1, 1, 1, c, ENF_ERR_RANGE, "the bins cannot reach from 1 to 1"},
      {v, NAN, 1, 1, c, ENF_ERR_RANGE, "the bins cannot reach from nan to 1"},
      {v, 0, INFINITY, 1, c, ENF_ERR_RANGE, "the bins cannot reach from 0 to inf"},
      {v, -1e308, 1e308, 1, c, ENF_ERR_RANGE, "the bins cannot reach from -1e+308 to 1e+308"}};
  ck_assert_int_eq(enf_histogram(NULL, 1, v, NULL, 0, 1, 1, c), ENF_ERR_ARG);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ck_assert_int_eq(enf_histogram(ctx, 1, bad[i].values, NULL, bad[i].lowest, bad[i].highest,
                                   bad[i].bins, bad[i].counts),
                     bad[i].status);
    ck_assert_str_eq(enf_ctx_errmsg(ctx), bad[i].sentence);
  }
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("laws");
  tcase_add_checked_fixture(tests, open_context, close_context);
  tcase_add_test(tests, edges_belong_to_the_bin_above_and_the_last_to_the_last);
  tcase_add_test(tests, weights_are_summed);
  tcase_add_test(tests, misuse_is_refused);
  return run_suite("histogram", tests);
}
