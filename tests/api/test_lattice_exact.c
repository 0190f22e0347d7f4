/* Exact values of lattice gauge theories against the tables of another program, and refusals. */
#include "host.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- exact values --------------------------------------------------------------------------- */

static const struct {
  const char *spec;
  double log_z, plaquette, variance, charge_square; /* NAN: not in the table */
} exact[] = {
    {"wilson:group=u1,l0=8,l1=8,beta=1", 15.098519, .446390, NAN, 2.600719},
    {"wilson:group=u1,l0=8,l1=8,beta=2", 52.735587, .697775, NAN, 1.239299},
    {"wilson:group=u1,l0=8,l1=8,beta=4", 155.198426, .863530, NAN, .482016},
    {"wilson:group=u1,l0=8,l1=8,beta=7", 328.173576, .925700, NAN, .217111},
    {"wilson:group=u1,l0=16,l1=16,beta=2", 210.942347, .697775, NAN, 4.957196},
    {"wilson:group=u1,l0=16,l1=16,beta=6", 1077.295392, .912359, NAN, 1.194701},
    {"wilson:group=u1,l0=4,l1=4,beta=4", 38.974695, NAN, NAN, .031891},
    {"wilson:group=su2,l0=8,l1=8,beta=1.8", 24.374010, .399372, 36.263, NAN},
    {"wilson:group=su2,l0=4,l1=4,beta=2.7", 12.861843, .532981, NAN, NAN},
    {"wilson:group=su2,l0=8,l1=8,beta=2.7", 51.447204, .532971, 57.738, NAN},
    {"wilson:group=su2,l0=16,l1=16,beta=4", 405.783147, .658047, NAN, NAN},
    {"wilson:group=su3,l0=8,l1=8,beta=4", 33.914778, .279619, 77.959, NAN},
    {"wilson:group=su3,l0=8,l1=8,beta=6", 79.096966, .422532, 149.485, NAN},
    {"wilson:l0=4,beta=8,l1=4", 35.195587, .535762, NAN, NAN},
    {"wilson:group=su3,l0=16,l1=16,beta=8", 563.127923, .535754, NAN, NAN},
    {"wilson:group=su4,l0=8,l1=8,beta=8", 68.236547, .278892, 159.944, NAN},
    {"wilson:group=su4,l0=16,l1=16,beta=12", 637.250845, .429697, NAN, NAN},
    {"wilson:group=su5,l0=3,l1=2,beta=0", 0, 0, 0, NAN},
};
enum { EXACT = sizeof exact / sizeof *exact };

static void same(const char *spec, const char *what, double got, double expected, double limit) {
  if (!isnan(expected))
    ck_assert_msg(fabs(got - expected) <= limit, "%s: %s is %.9g, not %.9g", spec, what, got,
                  expected);
}

START_TEST(exact_values_are_those_of_the_tables) {
  enf_lattice_exact v = ENF_LATTICE_EXACT_INIT;
  const char *spec = exact[_i].spec;
  OK(enf_lattice_exact_values(ctx, spec, &v));
  same(spec, "log Z", v.log_z, exact[_i].log_z, 1e-6);
  same(spec, "plaquette", v.plaquette, exact[_i].plaquette, 1e-6);
  same(spec, "variance", v.action_variance, exact[_i].variance, 1e-3);
  same(spec, "<Q^2>", v.charge_square, exact[_i].charge_square, 1e-6);
  ck_assert_int_eq(isnan(v.charge_square), strstr(spec, "u1") == NULL);
}
END_TEST

/* -beta d/dbeta of log Z is <S>, and -beta d/dbeta of that what is left of the variance. */
START_TEST(averages_are_derivatives_of_log_z) {
  static const char *const groups[] = {"u1", "su2", "su3", "su4", "su6", "su8"};
  const double beta = 7, h = 1e-3;
  enf_lattice_exact v[3] = {ENF_LATTICE_EXACT_INIT, ENF_LATTICE_EXACT_INIT,
                            ENF_LATTICE_EXACT_INIT};
  for (int k = 0; k < 3; k++) {
    char spec[80];
    snprintf(spec, sizeof spec, "wilson:group=%s,l0=3,l1=4,beta=%.17g", groups[_i],
             beta + h * (k - 1));
    OK(enf_lattice_exact_values(ctx, spec, &v[k]));
  }
  const double slope = (v[2].log_z - v[0].log_z) / (2 * h);
  const double curvature = (v[2].action_mean / (beta + h) - v[0].action_mean / (beta - h)) / (2 * h);
  same(groups[_i], "<S>", v[1].action_mean, -beta * slope, 1e-5 * beta * slope);
  same(groups[_i], "plaquette", v[1].plaquette, slope / 12, 1e-5);
  same(groups[_i], "variance", v[1].action_variance, -beta * beta * curvature, 1e-3);
}
END_TEST

START_TEST(what_has_no_exact_values_is_refused) {
  enf_lattice_exact v = ENF_LATTICE_EXACT_INIT, unset = {0};
  REFUSED(ENF_ERR_ARG, "wilson is NULL", enf_lattice_exact_values(ctx, NULL, &v));
  REFUSED(ENF_ERR_ARG, "out is NULL", enf_lattice_exact_values(ctx, "wilson", NULL));
  REFUSED(ENF_ERR_ARG, "ENF_LATTICE_EXACT_INIT", enf_lattice_exact_values(ctx, "wilson", &unset));
  REFUSED(ENF_ERR_OPTION, "not of lj13", enf_lattice_exact_values(ctx, "lj13", &v));
  REFUSED(ENF_ERR_OPTION, "su9", enf_lattice_exact_values(ctx, "wilson:group=su9", &v));
  REFUSED(ENF_ERR_OPTION, "group, l0, l1, beta", enf_lattice_exact_values(ctx, "wilson:c1=1", &v));
  REFUSED(ENF_ERR_RANGE, "l1 of wilson is 1", enf_lattice_exact_values(ctx, "wilson:l1=1", &v));
  REFUSED(ENF_ERR_RANGE, "up to 300", enf_lattice_exact_values(ctx, "wilson:beta=301", &v));
  REFUSED(ENF_ERR_RANGE, "between 0 and", enf_lattice_exact_values(ctx, "wilson:beta=-1", &v));
}
END_TEST

int main(void) {
  TCase *c = tcase_create("lattice exact");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_loop_test(c, exact_values_are_those_of_the_tables, 0, EXACT);
  tcase_add_loop_test(c, averages_are_derivatives_of_log_z, 0, 6);
  tcase_add_test(c, what_has_no_exact_values_is_refused);
  return run_suite("lattice exact", c);
}
