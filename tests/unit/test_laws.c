/* test_laws.c -- symmetric laws: exact values, quantiles undo tails, tails are integrals of densities,
   derivatives are those of differences. */
#include "math/laws.h"
#include "suite.h"
#include <math.h>

static const enf__law laws[] = {{ENF__NORMAL_LAW, 0},     {ENF__LAPLACE_LAW, 0},
                                {ENF__LOGISTIC_LAW, 0},   {ENF__STUDENT_LAW, 0.3},
                                {ENF__STUDENT_LAW, 1},    {ENF__STUDENT_LAW, 2},
                                {ENF__STUDENT_LAW, 4.7},  {ENF__STUDENT_LAW, 30},
                                {ENF__STUDENT_LAW, 1000}, {ENF__STUDENT_LAW, 1e6}};
enum { LAWS = 10 };

/* Closed forms, and Phi as tables have it (Abramowitz and Stegun 26.2). */
START_TEST(tails_have_exact_values) {
  const enf__law normal = laws[0], cauchy = laws[4], two = laws[5];
  for (double t = 1e-6; t < 1e12; t *= 7) {
    const double root = sqrt(2 + t * t), half = 1 / (root * (root + t)); /* (1 - t/root)/2 */
    ck_assert_double_eq_tol(enf__law_log_tail(cauchy, t), log(atan2(1, t) / M_PI), 2e-13);
    ck_assert_double_eq_tol(enf__law_log_tail(two, t), log(half), 2e-13);
  }
  ck_assert_double_eq_tol(exp(enf__law_log_tail(normal, 1.96)), 0.024997895148220435, 1e-16);
  ck_assert_double_eq_tol(enf__law_log_tail(normal, 10), -53.231285150512468, 1e-12);
  ck_assert_double_eq_tol(enf__law_log_tail(normal, 40), -804.60844201375380, 1e-10);
  ck_assert_double_eq_tol(enf__law_quantile(normal, log(0.025)), 1.9599639845400545, 1e-14);
  ck_assert_double_eq_tol(enf__law_log_tail(laws[9], 3), enf__law_log_tail(normal, 3), 3e-5);
}
END_TEST

START_TEST(quantiles_undo_tails) {
  const enf__law law = laws[_i];
  ck_assert_double_eq(enf__law_quantile(law, log(0.5)), 0);
  for (double tail = -0.7; tail > -650; tail *= 1.3) {
    const double t = enf__law_quantile(law, tail);
    if (t < 1e120)
      ck_assert_double_eq_tol(enf__law_log_tail(law, t), tail, (1e-12 + 1e-16 * law.df) * fabs(tail));
  }
  for (double t = 1e-3; t < 30; t *= 2) {
    const double again = enf__law_quantile(law, enf__law_log_tail(law, t));
    ck_assert_double_eq_tol(again, t, 1e-11 * (t + 1));
  }
}
END_TEST

START_TEST(densities_are_derivatives_of_tails) {
  const enf__law law = laws[_i];
  for (double t = 0.02; t < 30; t *= 1.7) {
    const double h = 1e-4 * t;
    const double slope =
        (enf__law_log_tail(law, t + h) - enf__law_log_tail(law, t - h)) / (2 * h);
    const double hazard = exp(enf__law_log_density(law, t) - enf__law_log_tail(law, t));
    ck_assert_double_eq_tol(-slope, hazard, 1e-6 * hazard);
    ck_assert_double_eq(enf__law_log_density(law, -t), enf__law_log_density(law, t));
  }
}
END_TEST

START_TEST(derivatives_are_those_of_differences) {
  enf__law law = laws[_i];
  for (double t = -20; t < 20; t += 1.37) {
    const double h = 1e-5, df = law.df, up = enf__law_log_density(law, t + h);
    ck_assert_double_eq_tol(enf__law_score(law, t),
                            (up - enf__law_log_density(law, t - h)) / (2 * h), 1e-8);
    law.df = df * (1 + h);
    const double more = enf__law_log_density(law, t);
    law.df = df * (1 - h);
    const double less = enf__law_log_density(law, t);
    law.df = df;
    const double by_log = law.kind == ENF__STUDENT_LAW ? (more - less) / (2 * h) : 0;
    ck_assert_double_eq_tol(df * enf__law_by_df(law, t), by_log, 1e-7);
  }
}
END_TEST

int main(void) {
  TCase *c = tcase_create("laws");
  tcase_add_test(c, tails_have_exact_values);
  tcase_add_loop_test(c, quantiles_undo_tails, 0, LAWS);
  tcase_add_loop_test(c, densities_are_derivatives_of_tails, 0, LAWS);
  tcase_add_loop_test(c, derivatives_are_those_of_differences, 0, LAWS);
  return run_suite("laws", c);
}
