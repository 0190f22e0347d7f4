/* test_energy.c -- the built-in energies: values by hand, gradients, symmetries, refusals. */
#include "comma_locale.h"
#include "failing_alloc.h"
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <string.h>

enum { MOST = 70 * 3 };

static enf_ctx *ctx;

static void setup(void) { ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK); }
static void teardown(void) { enf_ctx_destroy(ctx); }

static enf_energy *make(const char *spec) {
  enf_energy *energy;
  enf_status status = enf_energy_builtin(ctx, &energy, spec);
  ck_assert_msg(status == ENF_OK, "%s: %s", spec, enf_ctx_errmsg(ctx));
  return energy;
}

static size_t number(const enf_energy *energy, const char *name) {
  int64_t value;
  ck_assert_int_eq(enf_energy_get_int(energy, name, &value), ENF_OK);
  return (size_t)value;
}

static double energy_of(enf_energy *energy, const double *x) {
  double u;
  ck_assert_int_eq(enf_energy_eval(energy, 1, x, &u, NULL), 0);
  return u;
}

/* Particles on a skewed grid with a little noise: distances near 1.2, no two alike. */
static void grid(size_t N, size_t D, double scale, double *x) {
  uint32_t noise = 12345;
  for (size_t i = 0; i < N; i++)
    for (size_t d = 0; d < D; d++) {
      noise = noise * 1664525u + 1013904223u;
      const size_t place = d == 0 ? i % 5 : d == 1 ? i / 5 % 5 : i / 25;
      x[i * D + d] = scale * (1.2 * (double)place + 0.2 * (double)noise / 4294967296.0);
    }
}

static const struct {
  const char *spec;
  double scale;
} systems[] = {{"dw4", 3},
               {"dw4:quartic=0.5,quadratic=-1,centre=2.5", 2},
               {"lj13", 1},
               {"lj55", 1},
               {"lj:n=5,eps=0.7,rm=1.3,spring=0.4", 1},
               {"lj:n=70,eps=1", 1}, /* too large for the vector path */
               {"pair-dw", 3},
               {"pair-dw:dim=2", 3},
               {"loggas", 2},
               {"loggas:n=6,dim=3,alpha=1.5", 1},
               {"gaussians", 1}, /* no symmetry, from here */
               {"gaussians:n=3,radius=0.4,std=0.9", 1},
               {"toy:u1", 3},
               {"toy:u6", 3}};
enum { SYSTEMS = sizeof systems / sizeof *systems, SYMMETRIC = SYSTEMS - 4 };

/* ---- values --------------------------------------------------------------------------------- */

START_TEST(two_lennard_jones_particles_at_rm_have_minus_eps_and_their_spring) {
  enf_energy *energy = make("lj:n=2,eps=3,rm=1.5,spring=2");
  const double x[6] = {0.75, 4, 7, -0.75, 4, 7};
  double u, grad[6];
  enf_energy_eval(energy, 1, x, &u, grad);
  ck_assert_double_eq_tol(u, -3 + 2.0 / 2 * 2 * 0.75 * 0.75, 1e-14);
  ck_assert_double_eq_tol(grad[0], 2 * 0.75, 1e-13);
  ck_assert_double_eq_tol(grad[3], -2 * 0.75, 1e-13);
  enf_energy_destroy(energy);
}
END_TEST

START_TEST(two_lennard_jones_particles_at_half_rm_have_3968_eps) {
  enf_energy *energy = make("lj:n=2,spring=0");
  const double x[6] = {0.5, 0, 0, 0, 0, 0};
  ck_assert_double_eq_tol(energy_of(energy, x), 2 * (4096.0 - 2 * 64), 1e-9);
  enf_energy_destroy(energy);
}
END_TEST

START_TEST(a_square_of_side_4_has_the_dw4_energy_of_its_diagonals) {
  enf_energy *energy = make("dw4");
  const double x[8] = {0, 0, 4, 0, 4, 4, 0, 4}, t = 4 * sqrt(2) - 4;
  ck_assert_double_eq_tol(energy_of(energy, x), 2 * (0.9 * t * t * t * t - 4 * t * t), 1e-12);
  enf_energy_destroy(energy);
}
END_TEST

START_TEST(two_particles_of_a_log_gas) {
  enf_energy *energy = make("loggas:n=2,alpha=3");
  const double x[4] = {1, 0, -1, 0};
  double u, grad[4];
  enf_energy_eval(energy, 1, x, &u, grad);
  ck_assert_double_eq_tol(u, 3 * log(5), 1e-14);
  ck_assert_double_eq_tol(grad[0], 3 * 2 * 2 / 5.0, 1e-14);
  enf_energy_destroy(energy);
}
END_TEST

START_TEST(coincident_lennard_jones_particles_have_infinite_energy_and_gradient_zero) {
  enf_energy *energy = make("lj13");
  double x[5 * 39], u[5], grad[5 * 39];
  for (int b = 0; b < 5; b++)
    grid(13, 3, 1, x + b * 39);
  for (int b = 1; b < 5; b += 3) /* one in a vector, one alone */
    memcpy(x + b * 39 + 3, x + b * 39 + 9, 3 * sizeof *x);
  ck_assert_int_eq(enf_energy_eval(energy, 5, x, u, grad), 0);
  for (int b = 0; b < 5; b++)
    ck_assert(b % 3 == 1 ? u[b] == (double)INFINITY : isfinite(u[b]));
  for (int k = 0; k < 5 * 39; k++)
    ck_assert(k / 39 % 3 == 1 ? grad[k] == 0 : isfinite(grad[k]));
  enf_energy_destroy(energy);
}
END_TEST

START_TEST(near_coincidence_gives_no_nan) {
  enf_energy *energy = make("lj:n=3");
  for (int power = 0; power > -330; power--) {
    double x[9] = {0, 0, 0, 1, 0, 0, 0, 0, 0}, u, grad[9];
    x[6] = pow(10, power);
    enf_energy_eval(energy, 1, x, &u, grad);
    ck_assert(u > -10);
    for (int k = 0; k < 9; k++)
      ck_assert(isfinite(grad[k]));
  }
  enf_energy_destroy(energy);
}
END_TEST

START_TEST(coincident_double_well_particles_have_finite_energy_and_no_force) {
  enf_energy *energy = make("pair-dw:dim=2");
  const double x[4] = {1, 2, 1, 2};
  double u, grad[4];
  enf_energy_eval(energy, 1, x, &u, grad);
  ck_assert_double_eq_tol(u, 0.9 * 256 - 4 * 16, 1e-12);
  for (int k = 0; k < 4; k++)
    ck_assert(grad[k] == 0);
  enf_energy_destroy(energy);
}
END_TEST

START_TEST(non_finite_coordinates_are_impossible) {
  const double bad[2] = {(double)NAN, (double)INFINITY};
  for (size_t s = 0; s < 2 * SYSTEMS; s++) {
    enf_energy *energy = make(systems[s / 2].spec);
    size_t size = number(energy, "particles") * number(energy, "dimensions");
    double x[MOST], u, grad[MOST];
    grid(number(energy, "particles"), number(energy, "dimensions"), systems[s / 2].scale, x);
    x[1] = bad[s % 2];
    enf_energy_eval(energy, 1, x, &u, grad);
    ck_assert(u == (double)INFINITY);
    for (size_t k = 0; k < size; k++)
      ck_assert(grad[k] == 0);
    enf_energy_destroy(energy);
  }
}
END_TEST

/* ---- laws ----------------------------------------------------------------------------------- */

START_TEST(gradient_is_the_central_difference) {
  enf_energy *energy = make(systems[_i].spec);
  const size_t N = number(energy, "particles"), D = number(energy, "dimensions");
  double x[MOST], u, grad[MOST];
  grid(N, D, systems[_i].scale, x);
  enf_energy_eval(energy, 1, x, &u, grad);
  for (size_t k = 0; k < N * D; k++) {
    const double kept = x[k], h = 1e-5;
    x[k] = kept + h;
    double difference = energy_of(energy, x);
    x[k] = kept - h;
    difference = (difference - energy_of(energy, x)) / (2 * h);
    x[k] = kept;
    ck_assert_double_eq_tol(grad[k], difference, 1e-5 * (1 + fabs(difference)));
  }
  enf_energy_destroy(energy);
}
END_TEST

START_TEST(energy_is_invariant_under_rotation_reflection_translation_and_permutation) {
  enf_energy *energy = make(systems[_i].spec);
  const size_t N = number(energy, "particles"), D = number(energy, "dimensions");
  double x[MOST], y[MOST], c = cos(0.7), s = sin(0.7);
  grid(N, D, systems[_i].scale, x);
  for (size_t i = 0; i < N; i++) {
    const double *from = x + i * D;
    double *to = y + (i + 1) % N * D; /* and on to the next particle's place */
    to[0] = c * from[0] - s * from[1] + 3;
    to[1] = -(s * from[0] + c * from[1]) - 2;
    if (D == 3)
      to[2] = from[2] + 5;
  }
  const double u = energy_of(energy, x);
  ck_assert_double_eq_tol(energy_of(energy, y), u, 1e-9 * (1 + fabs(u)));
  enf_energy_destroy(energy);
}
END_TEST

START_TEST(bits_do_not_depend_on_the_batch_nor_on_asking_for_gradients) {
  enum { B = 7 };
  enf_energy *energy = make(systems[_i].spec);
  const size_t N = number(energy, "particles"), D = number(energy, "dimensions"), size = N * D;
  static double x[B * MOST], grad[B * MOST];
  double u[B], alone[B], single, own[MOST];
  for (size_t b = 0; b < B; b++)
    grid(N, D, systems[_i].scale * (1 + 0.01 * (double)b), x + b * size);
  enf_energy_eval(energy, B, x, u, grad);
  enf_energy_eval(energy, B, x, alone, NULL);
  ck_assert_mem_eq(u, alone, sizeof u);
  for (size_t b = 0; b < B; b++) {
    enf_energy_eval(energy, 1, x + b * size, &single, own);
    ck_assert_mem_eq(&single, u + b, sizeof single);
    ck_assert_mem_eq(own, grad + b * size, size * sizeof *own);
  }
  enf_energy_destroy(energy);
}
END_TEST

/* ---- exact samples --------------------------------------------------------------------------- */

static const char *const drawn[] = {"gaussians", "gaussians:n=5,radius=1.5,std=0.6",
                                    "gaussians:n=1,radius=0,std=2", "toy:u1", "toy:u6"};
enum { DRAWN = sizeof drawn / sizeof *drawn };

/* Of u, x and x^2, against quadrature of exp(-u), which integrates to 1 but for the toys; 4 standard
   errors. */
START_TEST(exact_samples_are_of_the_energy) {
  enum { SAMPLES = 20000, SIDE = 400, FUNCTIONS = 4 };
  static double x[SAMPLES * 2], u[SAMPLES];
  enf_energy *energy = make(drawn[_i]);
  double sum[FUNCTIONS] = {0}, square[FUNCTIONS] = {0}, want[FUNCTIONS] = {0}, mass = 0;
  const double step = 0.05;
  ck_assert_int_eq(enf_energy_sample(ctx, energy, 3, 0, SAMPLES, x), ENF_OK);
  enf_energy_eval(energy, SAMPLES, x, u, NULL);
  for (size_t i = 0; i < SAMPLES; i++) {
    const double f[FUNCTIONS] = {u[i], x[2 * i], x[2 * i + 1], x[2 * i] * x[2 * i]};
    for (size_t k = 0; k < FUNCTIONS; k++) {
      sum[k] += f[k] / SAMPLES;
      square[k] += f[k] * f[k] / SAMPLES;
    }
  }
  for (size_t i = 0; i < SIDE * SIDE; i++) {
    const double at[2] = {step * ((double)(i % SIDE) - SIDE / 2),
                          step * ((double)(i / SIDE) - SIDE / 2)};
    const double e = energy_of(energy, at), p = exp(-e) * step * step;
    const double f[FUNCTIONS] = {e, at[0], at[1], at[0] * at[0]};
    mass += p;
    for (size_t k = 0; k < FUNCTIONS; k++)
      want[k] += p * f[k];
  }
  if (strncmp(drawn[_i], "toy", 3) != 0)
    ck_assert_double_eq_tol(mass, 1, 1e-5);
  for (size_t k = 0; k < FUNCTIONS; k++)
    ck_assert_double_eq_tol(sum[k], want[k] / mass,
                            4 * sqrt((square[k] - sum[k] * sum[k]) / SAMPLES) + 1e-4);
  enf_energy_destroy(energy);
}
END_TEST

START_TEST(exact_samples_are_functions_of_their_numbers) {
  double x[20], y[20], z[20];
  enf_energy *energy = make("gaussians"), *other = make("dw4");
  enf_sim_info info = ENF_SIM_INFO_INIT;
  ck_assert_int_eq(enf_energy_sample(ctx, energy, 0, 0, 10, x), ENF_OK);
  ck_assert_int_eq(enf_energy_sample(ctx, energy, 0, 0, 4, y), ENF_OK);
  ck_assert_int_eq(enf_energy_sample(ctx, energy, 0, 4, 6, y + 8), ENF_OK);
  ck_assert_int_eq(enf_simulate(ctx, enf_energy_eval, energy, NULL, 10, z, &info), ENF_OK);
  ck_assert_mem_eq(x, y, sizeof x);
  ck_assert_mem_eq(x, z, sizeof x);
  ck_assert_uint_eq(info.walkers, 10);
  ck_assert_double_eq(info.autocorrelation, 1);
  ck_assert_int_eq(enf_energy_sample(ctx, energy, 1, 0, 10, y), ENF_OK);
  ck_assert_double_ne(x[0], y[0]);
  ck_assert_int_eq(enf_energy_sample(ctx, other, 0, 0, 1, x), ENF_ERR_UNSUPPORTED);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "dw4 has no exact samples"));
  ck_assert_int_eq(enf_energy_sample(ctx, NULL, 0, 0, 1, x), ENF_ERR_ARG);
  ck_assert_int_eq(enf_energy_sample(ctx, energy, 0, 0, 1, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_energy_sample(ctx, energy, 0, 0, 0, NULL), ENF_OK);
  enf_energy_destroy(energy);
  enf_energy_destroy(other);
}
END_TEST

/* ---- specs ---------------------------------------------------------------------------------- */

START_TEST(specs_have_the_documented_numbers) {
  static const struct {
    const char *spec;
    size_t N, D;
    double eps, rm, spring;
  } known[] = {{"lj13", 13, 3, 2, 1, 1},
               {"lj55", 55, 3, 2, 1, 1},
               {"lj", 13, 3, 2, 1, 1},
               {"lj13:eps=1", 13, 3, 1, 1, 1},
               {"lj:spring=0.5,n=7,rm=1.25,eps=3", 7, 3, 3, 1.25, 0.5}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    enf_energy *energy = make(known[i].spec);
    double value;
    ck_assert_uint_eq(number(energy, "particles"), known[i].N);
    ck_assert_uint_eq(number(energy, "dimensions"), known[i].D);
    ck_assert_int_eq(enf_energy_get_real(energy, "eps", &value), ENF_OK);
    ck_assert(value == known[i].eps);
    ck_assert_int_eq(enf_energy_get_real(energy, "rm", &value), ENF_OK);
    ck_assert(value == known[i].rm);
    ck_assert_int_eq(enf_energy_get_real(energy, "spring", &value), ENF_OK);
    ck_assert(value == known[i].spring);
    ck_assert_int_eq(enf_energy_get_real(energy, "centre", &value), ENF_ERR_ARG);
    enf_energy_destroy(energy);
  }
  enf_energy *pair = make("pair-dw");
  ck_assert_uint_eq(number(pair, "particles"), 2);
  ck_assert_uint_eq(number(pair, "dimensions"), 3);
  int64_t unknown;
  ck_assert_int_eq(enf_energy_get_int(pair, "eps", &unknown), ENF_ERR_ARG);
  ck_assert_int_eq(enf_energy_get_int(NULL, "particles", &unknown), ENF_ERR_ARG);
  enf_energy_destroy(pair);
}
END_TEST

static const struct {
  const char *spec;
  enf_status status;
  const char *part; /* of the sentence */
} refused[] = {
    {"", ENF_ERR_OPTION, "known are dw4, lj13, lj55, lj, pair-dw, gaussians, loggas, toy:u1, toy:u6"},
    {"lj1", ENF_ERR_OPTION, "\"lj1\" is not a built-in system"},
    {"lj13 ", ENF_ERR_OPTION, "known are"},
    {"lj13:", ENF_ERR_OPTION, "names eps, rm, spring"},
    {"lj13:n=12", ENF_ERR_OPTION, "\"n=12\": lj13 takes"},
    {"lj:N=12", ENF_ERR_OPTION, "names n, eps, rm, spring"},
    {"dw4:dim=3", ENF_ERR_OPTION, "names quartic, quadratic, centre"},
    {"pair-dw:eps=1", ENF_ERR_OPTION, "names dim, quartic"},
    {"lj:eps", ENF_ERR_OPTION, "\"eps\""},
    {"lj:eps=", ENF_ERR_OPTION, "\"eps=\""},
    {"lj:eps=2x", ENF_ERR_OPTION, "\"eps=2x\""},
    {"lj:eps=2,", ENF_ERR_OPTION, "name=value"},
    {"lj:eps=2;rm=1", ENF_ERR_OPTION, "name=value"},
    {"lj:n=1", ENF_ERR_RANGE, "n of lj is 1, must be between 2 and 4096"},
    {"lj:n=2.5", ENF_ERR_RANGE, "whole number"},
    {"lj:n=5000", ENF_ERR_RANGE, "5000"},
    {"lj:rm=0", ENF_ERR_RANGE, "rm of lj is 0"},
    {"lj:eps=-1", ENF_ERR_RANGE, "between 0 and"},
    {"lj:eps=nan", ENF_ERR_RANGE, "eps of lj"},
    {"lj:eps=inf", ENF_ERR_RANGE, "eps of lj"},
    {"pair-dw:dim=4", ENF_ERR_RANGE, "between 2 and 3"},
};

START_TEST(a_wrong_spec_is_refused_with_what_is_known) {
  enf_energy *energy = (enf_energy *)&ctx;
  ck_assert_int_eq(enf_energy_builtin(ctx, &energy, refused[_i].spec), refused[_i].status);
  ck_assert_ptr_null(energy);
  ck_assert_msg(strstr(enf_ctx_errmsg(ctx), refused[_i].part), "\"%s\": %s", refused[_i].spec,
                enf_ctx_errmsg(ctx));
}
END_TEST

START_TEST(specs_do_not_follow_the_locale) {
  if (!use_comma_locale())
    return;
  enf_energy *energy = make("lj:rm=1.25,eps=0.5"); /* a comma is never a decimal point */
  double value;
  ck_assert_int_eq(enf_energy_get_real(energy, "rm", &value), ENF_OK);
  ck_assert(value == 1.25);
  enf_energy_destroy(energy);
}
END_TEST

START_TEST(null_arguments_are_refused) {
  enf_energy *energy = (enf_energy *)&ctx;
  double one = 0;
  ck_assert_int_eq(enf_energy_builtin(NULL, &energy, "dw4"), ENF_ERR_ARG);
  ck_assert_ptr_null(energy);
  ck_assert_int_eq(enf_energy_builtin(ctx, NULL, "dw4"), ENF_ERR_ARG);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "energy is NULL");
  ck_assert_int_eq(enf_energy_builtin(ctx, &energy, NULL), ENF_ERR_ARG);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "spec is NULL");
  ck_assert_int_ne(enf_energy_eval(NULL, 1, &one, &one, NULL), 0);
  energy = make("dw4");
  ck_assert_int_ne(enf_energy_eval(energy, 1, NULL, &one, NULL), 0);
  ck_assert_int_ne(enf_energy_eval(energy, 1, &one, NULL, NULL), 0);
  ck_assert_int_eq(enf_energy_eval(energy, 0, NULL, NULL, NULL), 0);
  enf_energy_destroy(energy);
  enf_energy_destroy(NULL);
}
END_TEST

START_TEST(no_memory_is_reported_and_nothing_leaks) {
  failing_alloc a = {0};
  const enf_alloc alloc = failing_alloc_of(&a);
  enf_ctx *own;
  enf_energy *energy;
  ck_assert_int_eq(enf_ctx_create(&own, &alloc), ENF_OK);
  a.fail_at = a.calls + 1;
  ck_assert_int_eq(enf_energy_builtin(own, &energy, "lj13"), ENF_ERR_NOMEM);
  ck_assert_ptr_null(energy);
  a.fail_at = 0;
  ck_assert_int_eq(enf_energy_builtin(own, &energy, "lj13"), ENF_OK);
  enf_ctx_destroy(own);
  enf_energy_destroy(energy); /* outlives its context */
  ck_assert_uint_eq(a.live, 0);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("energy");
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_test(tests, two_lennard_jones_particles_at_rm_have_minus_eps_and_their_spring);
  tcase_add_test(tests, two_lennard_jones_particles_at_half_rm_have_3968_eps);
  tcase_add_test(tests, a_square_of_side_4_has_the_dw4_energy_of_its_diagonals);
  tcase_add_test(tests, two_particles_of_a_log_gas);
  tcase_add_test(tests, coincident_lennard_jones_particles_have_infinite_energy_and_gradient_zero);
  tcase_add_test(tests, near_coincidence_gives_no_nan);
  tcase_add_test(tests, coincident_double_well_particles_have_finite_energy_and_no_force);
  tcase_add_test(tests, non_finite_coordinates_are_impossible);
  tcase_add_loop_test(tests, gradient_is_the_central_difference, 0, SYSTEMS);
  tcase_add_loop_test(
      tests, energy_is_invariant_under_rotation_reflection_translation_and_permutation, 0,
      SYMMETRIC);
  tcase_add_loop_test(tests, exact_samples_are_of_the_energy, 0, DRAWN);
  tcase_add_test(tests, exact_samples_are_functions_of_their_numbers);
  tcase_add_loop_test(tests, bits_do_not_depend_on_the_batch_nor_on_asking_for_gradients, 0,
                      SYSTEMS);
  tcase_add_test(tests, specs_have_the_documented_numbers);
  tcase_add_loop_test(tests, a_wrong_spec_is_refused_with_what_is_known, 0,
                      sizeof refused / sizeof *refused);
  tcase_add_test(tests, specs_do_not_follow_the_locale);
  tcase_add_test(tests, null_arguments_are_refused);
  tcase_add_test(tests, no_memory_is_reported_and_nothing_leaks);
  return run_suite("energy", tests);
}
