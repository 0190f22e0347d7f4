/* test_prior.c -- the mean-free Gaussian: normalised, mean-free, of the right width. */
#include "core/random.h"
#include "prior/prior.h"
#include "space/space.h"
#include "suite.h"
#include <math.h>
#include <string.h>

/* Two particles in the plane: z = (r, -r)/sqrt(2) with r in R^2 is an isometry of the subspace. */
START_TEST(density_integrates_to_one) {
  const enf__space space = enf__space_make(ENF__PARTICLES, 2, 2);
  const enf__prior prior = enf__prior_make(ENF__GAUSSIAN_PRIOR, &space, _i ? 2.5 : 1);
  const double step = 0.05 * prior.std;
  double sum = 0;
  for (int i = -160; i <= 160; i++)
    for (int j = -160; j <= 160; j++) {
      const double a = i * step / sqrt(2), b = j * step / sqrt(2), z[] = {a, b, -a, -b};
      sum += exp(enf__prior_log_density(&prior, z)) * step * step;
    }
  ck_assert_double_eq_tol(sum, 1, 1e-12);
}
END_TEST

START_TEST(samples_are_mean_free_and_functions_of_their_index) {
  const enf__space space = enf__space_make(ENF__PARTICLES, 13, 3);
  const enf__prior prior = enf__prior_make(ENF__GAUSSIAN_PRIOR, &space, 0.7);
  double z[39], again[39], other[39];
  enf__prior_sample(&prior, 5, ENF__STREAM_PRIOR, 1234567890123, z);
  enf__prior_sample(&prior, 5, ENF__STREAM_PRIOR, 1234567890123, again);
  enf__prior_sample(&prior, 5, ENF__STREAM_PRIOR, 1234567890124, other);
  ck_assert_mem_eq(z, again, sizeof z);
  ck_assert_int_ne(memcmp(z, other, sizeof z), 0);
  for (size_t d = 0; d < 3; d++) {
    double sum = 0;
    for (size_t i = 0; i < 13; i++)
      sum += z[3 * i + d];
    ck_assert_double_eq_tol(sum, 0, 1e-14);
  }
}
END_TEST

/* |z|^2/std^2 is chi-squared with k degrees: mean k, variance 2k. Fixed seed, 4 standard errors. */
START_TEST(samples_have_the_density_s_width) {
  const enf__space space = enf__space_make(ENF__PARTICLES, 5, 3);
  const enf__prior prior = enf__prior_make(ENF__GAUSSIAN_PRIOR, &space, 1.5);
  const double k = 12, n = 20000;
  double sum = 0, entropy = 0, z[15];
  for (uint64_t i = 0; i < (uint64_t)n; i++) {
    enf__prior_sample(&prior, 17, ENF__STREAM_PRIOR, i, z);
    for (size_t c = 0; c < 15; c++)
      sum += z[c] * z[c];
    entropy -= enf__prior_log_density(&prior, z);
  }
  ck_assert_double_eq_tol(sum / n, k * 1.5 * 1.5, 4 * 2.25 * sqrt(2 * k / n));
  const double exact = k / 2 * (1 + log(2 * acos(-1) * 2.25));
  ck_assert_double_eq_tol(entropy / n, exact, 4 * sqrt(k / 2 / n));
}
END_TEST

START_TEST(gradient_is_that_of_the_density) {
  const enf__space space = enf__space_make(ENF__PARTICLES, 3, 2);
  const enf__prior prior = enf__prior_make(ENF__GAUSSIAN_PRIOR, &space, 0.6);
  double z[] = {0.3, -0.2, 0.5, 0.1, -0.8, 0.1}, grad[6];
  enf__prior_gradient(&prior, z, grad);
  for (size_t i = 0; i < 6; i++) {
    const double h = 1e-6, at = z[i];
    z[i] = at + h;
    const double up = enf__prior_log_density(&prior, z);
    z[i] = at - h;
    const double down = enf__prior_log_density(&prior, z);
    z[i] = at;
    ck_assert_double_eq_tol(grad[i], (up - down) / (2 * h), 1e-8);
  }
}
END_TEST

/* |z|^2/(k std^2) of a t density follows Fisher's F(k, nu): 1 / (1 + q/nu) is Beta(nu/2, k/2), of
   mean nu/(nu+k). Fixed seed, 4 standard errors. */
START_TEST(student_t_draws_have_its_radial_law) {
  static const double dfs[] = {1.5, 3, 30};
  const enf__space space = enf__space_make(ENF__PARTICLES, 4, 3);
  enf__prior prior = enf__prior_make(ENF__STUDENT_PRIOR, &space, 0.7);
  const double n = 20000, nu = prior.df = dfs[_i], k = 9, mean = nu / (nu + k);
  double sum = 0, z[12];
  for (uint64_t i = 0; i < (uint64_t)n; i++) {
    double q = 0;
    enf__prior_sample(&prior, 3, ENF__STREAM_PRIOR, i, z);
    for (size_t c = 0; c < 12; c++)
      q += z[c] * z[c] / 0.49;
    sum += 1 / (1 + q / nu) / n;
  }
  const double variance = mean * (1 - mean) / ((nu + k) / 2 + 1);
  ck_assert_double_eq_tol(sum, mean, 4 * sqrt(variance / n));
}
END_TEST

/* P(q/(q+nu) <= y) where that is Beta(k/2, nu/2), k even: its distribution function by the finite sum
   over j < k/2 of y-powers. */
static double radial_law(double y, double k, double nu) {
  double sum = 0, term = 1;
  for (int j = 0; j < (int)(k / 2); j++) { /* 1 - I_{1-y}(nu/2, k/2) */
    sum += term;
    term *= y * (nu / 2 + j) / (j + 1);
  }
  return 1 - pow(1 - y, nu / 2) * sum;
}

/* Chi-square of 50 cells of equal probability over 1e5 draws: 49 degrees of freedom, mean 49,
   standard deviation 9.9; below mean + 4. */
START_TEST(student_t_draws_pass_a_chi_square_test) {
  enum { DRAWS = 100000, CELLS = 50 };
  static const double dfs[] = {1.5, 3, 30};
  const enf__space space = enf__space_make(ENF__PARTICLES, 4, 2);
  enf__prior prior = enf__prior_make(ENF__STUDENT_PRIOR, &space, 1.2);
  double count[CELLS] = {0}, z[8], chi = 0;
  prior.df = dfs[_i];
  for (uint64_t i = 0; i < DRAWS; i++) {
    double q = 0;
    enf__prior_sample(&prior, 8, ENF__STREAM_PRIOR, i, z);
    for (size_t c = 0; c < 8; c++)
      q += z[c] * z[c] / 1.44;
    const double p = radial_law(q / (q + prior.df), 6, prior.df);
    count[(size_t)fmin(p * CELLS, CELLS - 1)]++;
  }
  for (size_t c = 0; c < CELLS; c++)
    chi += pow(count[c] - (double)DRAWS / CELLS, 2) / ((double)DRAWS / CELLS);
  ck_assert_msg(chi < 49 + 4 * sqrt(98), "chi^2 of 49 is %g", chi);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("prior");
  tcase_add_loop_test(c, density_integrates_to_one, 0, 2);
  tcase_add_test(c, samples_are_mean_free_and_functions_of_their_index);
  tcase_add_test(c, samples_have_the_density_s_width);
  tcase_add_test(c, gradient_is_that_of_the_density);
  tcase_add_loop_test(c, student_t_draws_have_its_radial_law, 0, 3);
  tcase_add_loop_test(c, student_t_draws_pass_a_chi_square_test, 0, 3);
  return run_suite("prior", c);
}
