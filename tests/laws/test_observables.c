/* Gauge fields as a host sees them: what no gauge transformation changes, known fields, and every refusal with its sentence. */
#include "host.h"
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 3, MOST = 4096 };

/* ---- observables ---------------------------------------------------------------------------- */

static enf_flow *make_flow(const char *space, const char *group, const char *lattice) {
  enf_opts *opts;
  enf_flow *flow;
  OK(enf_opts_create(ctx, &opts));
  ck_assert_int_eq(enf_opts_set(opts, "model.space", space), ENF_OK);
  if (group)
    ck_assert_int_eq(enf_opts_set(opts, "model.group", group), ENF_OK);
  if (lattice)
    ck_assert_int_eq(enf_opts_set(opts, "model.lattice", lattice), ENF_OK);
  if (!strcmp(space, "particles"))
    ck_assert_int_eq(enf_opts_set(opts, "model.particles", "4"), ENF_OK);
  OK(enf_create(ctx, &flow, opts));
  enf_opts_destroy(opts);
  return flow;
}

static const struct {
  const char *group, *lattice;
} fields[] = {{"u1", "4 3"}, {"u1", "2 2"}, {"su2", "2 5"}, {"su3", "3 2"},
              {"su8", "2 2"}};
enum { FIELDS = 5 };

/* Energy, plaquettes, charges, loops and lines before and after. */
START_TEST(gauge_transformations_change_no_observable) {
  static double links[MOST], other[MOST], y[MOST], each[2][MOST];
  double mean[2][ROWS], charge[2][ROWS], loop[2][ROWS], line[2][2 * ROWS];
  enf_flow *flow = make_flow("lattice", fields[_i].group, fields[_i].lattice);
  const bool circle = !strcmp(fields[_i].group, "u1");
  int64_t N, D;
  OK(enf_get_int(flow, "particles", &N));
  OK(enf_get_int(flow, "dimensions", &D));
  const size_t sites = (size_t)N / 2;
  OK(enf_prior_sample(ctx, flow, 1, 0, ROWS, links));
  OK(enf_prior_sample(ctx, flow, 2, 0, ROWS, other)); /* of its links the first half are used */
  OK(enf_lattice_transform(ctx, flow, ROWS, other, links, y));
  for (int k = 0; k < 2; k++) {
    const double *x = k ? y : links;
    OK(enf_lattice_plaquettes(ctx, flow, ROWS, x, mean[k], each[k], circle ? charge[k] : NULL));
    OK(enf_lattice_loop(ctx, flow, ROWS, x, 2, 3, loop[k]));
    OK(enf_lattice_line(ctx, flow, ROWS, x, 1, line[k]));
  }
  for (size_t i = 0; i < ROWS; i++) {
    ck_assert_double_eq_tol(mean[0][i], mean[1][i], 1e-13);
    ck_assert_double_eq_tol(loop[0][i], loop[1][i], 1e-13);
    ck_assert_double_eq_tol(line[0][2 * i], line[1][2 * i], 1e-13);
    ck_assert_double_eq_tol(line[0][2 * i + 1], line[1][2 * i + 1], 1e-13);
    if (circle) {
      ck_assert_double_eq_tol(charge[0][i], charge[1][i], 1e-12);
      ck_assert_double_eq_tol(charge[0][i], round(charge[0][i]), 1e-12);
    }
  }
  double moved = 0;
  for (size_t k = 0; k < ROWS * sites; k++)
    ck_assert_double_eq_tol(each[0][k], each[1][k], 1e-13);
  for (size_t k = 0; k < ROWS * (size_t)(N * D); k++)
    moved = fmax(moved, fabs(links[k] - y[k]));
  ck_assert_double_gt(moved, 0.1);
  OK(enf_lattice_transform(ctx, flow, ROWS, other, links, links)); /* in place */
  ck_assert_mem_eq(links, y, ROWS * (size_t)(N * D) * sizeof *y);
  enf_destroy(flow);
}
END_TEST

/* All links e^{i a T} along axis 0 and 1 along axis 1: no plaquette, and lines that are known. */
START_TEST(lines_of_a_constant_field_are_known) {
  double x[2 * 12], mean, line[2], loop, charge;
  enf_flow *flow = make_flow("lattice", "u1", "4 3");
  for (size_t k = 0; k < 24; k++)
    x[k] = k < 12 ? 0.3 : -0.2;
  OK(enf_lattice_plaquettes(ctx, flow, 1, x, &mean, NULL, &charge));
  ck_assert_double_eq_tol(mean, 1, 1e-15);
  ck_assert_double_eq_tol(charge, 0, 1e-15);
  OK(enf_lattice_line(ctx, flow, 1, x, 0, line));
  ck_assert_double_eq_tol(line[0], cos(1.2), 1e-15);
  ck_assert_double_eq_tol(line[1], sin(1.2), 1e-15);
  OK(enf_lattice_line(ctx, flow, 1, x, 1, line));
  ck_assert_double_eq_tol(line[1], sin(-0.6), 1e-15);
  OK(enf_lattice_loop(ctx, flow, 1, x, 9, 7, &loop));
  ck_assert_double_eq_tol(loop, 1, 1e-14);
  enf_destroy(flow);
}
END_TEST

/* A field of charge 1: constant flux 2 pi/V through every plaquette of a 4 x 4 lattice. */
START_TEST(a_constant_flux_has_its_charge) {
  const double turn = 6.28318530717958647692;
  double x[32] = {0}, mean, charge;
  enf_flow *flow = make_flow("lattice", "u1", "4 4");
  for (size_t x0 = 0; x0 < 4; x0++)
    for (size_t x1 = 0; x1 < 4; x1++) {
      x[16 + 4 * x0 + x1] = turn / 16 * (double)x0;
      x[4 * x0 + x1] = x0 == 3 ? -turn / 4 * (double)x1 : 0;
    }
  OK(enf_lattice_plaquettes(ctx, flow, 1, x, &mean, NULL, &charge));
  ck_assert_double_eq_tol(mean, cos(turn / 16), 1e-14);
  ck_assert_double_eq_tol(charge, 1, 1e-13);
  enf_destroy(flow);
}
END_TEST

START_TEST(misuse_of_observables_is_refused) {
  double x[48 * 8], out[16] = {0};
  enf_flow *flow = make_flow("lattice", "su2", "3 2"), *one = make_flow("group", "su2", NULL);
  enf_flow *other = make_flow("particles", NULL, NULL);
  OK(enf_prior_sample(ctx, flow, 1, 0, 2, x));
  REFUSED(ENF_ERR_ARG, "x is NULL", enf_lattice_plaquettes(ctx, flow, 1, NULL, out, NULL, NULL));
  REFUSED(ENF_ERR_ARG, "output is NULL", enf_lattice_plaquettes(ctx, flow, 1, x, NULL, out, NULL));
  REFUSED(ENF_ERR_ARG, "g is NULL", enf_lattice_transform(ctx, flow, 1, NULL, x, x));
  REFUSED(ENF_ERR_UNSUPPORTED, "SU(2)", enf_lattice_plaquettes(ctx, flow, 1, x, out, NULL, out));
  REFUSED(ENF_ERR_UNSUPPORTED, "model.space group", enf_group_angles(ctx, flow, 1, x, out, NULL));
  REFUSED(ENF_ERR_UNSUPPORTED, "model.space lattice", enf_lattice_loop(ctx, one, 1, x, 1, 1, out));
  REFUSED(ENF_ERR_UNSUPPORTED, "model.space lattice", enf_lattice_line(ctx, other, 1, x, 0, out));
  REFUSED(ENF_ERR_RANGE, "0 x 1", enf_lattice_loop(ctx, flow, 1, x, 0, 1, out));
  REFUSED(ENF_ERR_RANGE, "axis is 2", enf_lattice_line(ctx, flow, 1, x, 2, out));
  x[96 + 8] += 1e-3; /* matrix 1 of sample 1 */
  REFUSED(ENF_ERR_RANGE, "sample 1: matrix 1 of x", enf_lattice_loop(ctx, flow, 2, x, 1, 1, out));
  ck_assert(!isnan(out[0]) && isnan(out[1]));
  ck_assert_int_eq(enf_sample_status(ctx, 1), ENF_ERR_RANGE);
  x[8] = NAN;
  REFUSED(ENF_ERR_NONFINITE, "sample 0", enf_lattice_loop(ctx, flow, 1, x, 1, 1, out));
  OK(enf_lattice_loop(ctx, flow, 0, NULL, 1, 1, NULL));
  enf_destroy(flow);
  enf_destroy(one);
  enf_destroy(other);
}
END_TEST

START_TEST(a_transformation_outside_the_group_is_refused) {
  double x[4 * 4 * 8], g[2 * 4 * 8], angles[8], turn[4] = {0, NAN, 0, 0};
  enf_flow *flow = make_flow("lattice", "su2", "2 2"), *circle = make_flow("lattice", "u1", "2 2");
  OK(enf_prior_sample(ctx, flow, 1, 0, 1, x));
  memcpy(g, x, 4 * 8 * sizeof *g);
  g[16] += 0.25;
  REFUSED(ENF_ERR_RANGE, "matrix 2 of g", enf_lattice_transform(ctx, flow, 1, g, x, x));
  OK(enf_prior_sample(ctx, circle, 1, 0, 1, angles));
  REFUSED(ENF_ERR_NONFINITE, "g is not", enf_lattice_transform(ctx, circle, 1, turn, angles, angles));
  angles[3] = INFINITY;
  turn[1] = 0;
  REFUSED(ENF_ERR_NONFINITE, "x is not", enf_lattice_transform(ctx, circle, 1, turn, angles, angles));
  enf_destroy(flow);
  enf_destroy(circle);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("lattice");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_loop_test(c, gauge_transformations_change_no_observable, 0, FIELDS);
  tcase_add_test(c, lines_of_a_constant_field_are_known);
  tcase_add_test(c, a_constant_flux_has_its_charge);
  tcase_add_test(c, misuse_of_observables_is_refused);
  tcase_add_test(c, a_transformation_outside_the_group_is_refused);
  return run_suite("lattice", c);
}
