/* Molecules in internal coordinates as a host meets them: what is refused, by a status and a
   sentence; what one bad row does to the others; what such flows have not. */
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <string.h>

static enf_ctx *ctx;
static enf_opts *opts;
static enf_flow *flow;

static void open_context(void) {
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  flow = NULL;
}

static void close_context(void) {
  enf_destroy(flow);
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
}

static void set(const char *name, const char *value) {
  ck_assert_msg(enf_opts_set(opts, name, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
}

static void says(const char *part) {
  ck_assert_msg(strstr(enf_ctx_errmsg(ctx), part) != NULL, "'%s' is not in '%s'", part,
                enf_ctx_errmsg(ctx));
}

/* Four atoms in a row, one of them a torsion. */
static const double frame[12] = {0, 0, 0, 1.1, 0.1, 0, 1.6, 1, 0.2, 2.5, 1.1, 0.9};

static void make_chain(void) {
  set("model.space", "molecule");
  set("model.particles", "4");
  set("model.zmatrix", "0 1 2; 3 2 1 0 t");
  set("model.hidden", "4");
  set("model.map", "spline*2");
  ck_assert_msg(enf_create(ctx, &flow, opts) == ENF_OK, "%s", enf_ctx_errmsg(ctx));
  ck_assert_int_eq(enf_prior_fit(ctx, flow, 1, frame), ENF_OK);
}

/* ---- what is none -----------------------------------------------------------------------------
 */

static const struct {
  const char *particles, *dimensions, *zmatrix, *bonds, *says;
} none[] = {
    {"2", "3", "0 1 2", "", "model.space molecule has 3 atoms or more in 3 dimensions, not 2 in 3"},
    {"4", "2", "0 1 2; 3 2 1 0 t", "", "not 4 in 2"},
    {"4", "3", "", "", "needs model.zmatrix, or model.bonds"},
    {"4", "3", "0 1 2", "", "3"},
    {"4", "3", "0 1 2; 2 1 0 3 t", "", "2"},
    {"4", "3", "0 1 1; 3 2 1 0 t", "", "1"},
    {"5", "3", "0 1 2; 3 4 1 0 t; 4 2 1 0 t", "", "4"},
    {"4", "3", "0 1 2; 3 2 2 0 t", "", "2"},
    {"4", "3", "0 1 2; 9 2 1 0 t", "", "9"},
    {"4", "3", "0 1 2; 3 2 1 0 x", "", "3"},
    {"4", "3", "0 1 2; 3 2 1 -1 t", "", "3"},
    {"4", "3", "0 1 2; 3 2 1 99999999999999999999 t", "", "3"},
    {"4", "3", "", "0-1 2-3", "no way of bonds leads from atom 0 to atom 2"},
    {"4", "3", "", "0-1 1-2 2-3 3-4", "4"},
    {"5", "3", "", "0-1 1-2 2-3", "no way of bonds leads from atom 0 to atom 4"},
    {"4", "3", "", "0-1 1-2 2-3 1-0", "0"},
    {"4", "3", "", "0-1 1-2 2-3 3-3", "3"},
    {"4", "3", "", "0-1, 1~2", "1"},
};
enum { NONE = sizeof none / sizeof none[0] };

START_TEST(what_is_no_molecule_is_refused) {
  open_context();
  set("model.space", "molecule");
  set("model.particles", none[_i].particles);
  set("model.dimensions", none[_i].dimensions);
  set("model.zmatrix", none[_i].zmatrix);
  set("model.bonds", none[_i].bonds);
  ck_assert_int_eq(enf_create(ctx, &flow, opts), ENF_ERR_OPTION);
  ck_assert_ptr_null(flow);
  says(none[_i].says);
  close_context();
}
END_TEST

/* eps = 1e-3 is the least share of a bin: 1000 bins would leave nothing to learn. */
START_TEST(more_bins_than_there_is_room_for_are_refused) {
  open_context();
  ck_assert_int_eq(enf_opts_set(opts, "model.bins", "1000"), ENF_ERR_RANGE);
  ck_assert_ptr_nonnull(strstr(enf_opts_errmsg(opts), "1000"));
  close_context();
}
END_TEST

START_TEST(widths_are_above_0) {
  double width[6] = {0.1, 0.1, 0.1, 0.1, 0.1, 1};
  open_context();
  make_chain();
  ck_assert_int_eq(enf_params_set(ctx, flow, "internal.width", width, 6), ENF_OK);
  for (int k = 0; k < 6; k++)
    for (int negative = 0; negative < 2; negative++) {
      const double kept = width[k];
      width[k] = negative ? -1 : 0;
      ck_assert_int_eq(enf_params_set(ctx, flow, "internal.width", width, 6), ENF_ERR_RANGE);
      width[k] = kept;
    }
  ck_assert_int_eq(enf_params_set(ctx, flow, "internal.width", width, 5), ENF_ERR_SHAPE);
  close_context();
}
END_TEST

START_TEST(frames_without_coordinates_set_nothing) {
  double line[12] = {0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0}, zero[12] = {0};
  double before[6], after[6];
  open_context();
  make_chain();
  ck_assert_int_eq(enf_params_get(ctx, flow, "internal.center", before, 6), ENF_OK);
  ck_assert_int_eq(enf_prior_fit(ctx, flow, 1, line), ENF_ERR_RANGE);
  says("no frame of 1 has internal coordinates");
  ck_assert_int_eq(enf_prior_fit(ctx, flow, 1, zero), ENF_ERR_RANGE);
  zero[7] = NAN;
  ck_assert_int_eq(enf_prior_fit(ctx, flow, 1, zero), ENF_ERR_NONFINITE);
  ck_assert_int_eq(enf_params_get(ctx, flow, "internal.center", after, 6), ENF_OK);
  ck_assert_mem_eq(before, after, sizeof before);
  close_context();
}
END_TEST

/* ---- rows -------------------------------------------------------------------------------------
 */

/* Atoms in one place, on a line, and not finite, between good ones. */
START_TEST(a_bad_row_is_its_own_failure) {
  static const enf_status expected[5] = {ENF_OK, ENF_ERR_RANGE, ENF_ERR_NONFINITE, ENF_ERR_RANGE,
                                         ENF_OK};
  double x[60], logp[5], grad[60], alone;
  open_context();
  make_chain();
  for (int i = 0; i < 5; i++)
    memcpy(x + 12 * i, frame, sizeof frame);
  memcpy(x + 12 + 3, x + 12, 3 * sizeof *x);
  x[2 * 12 + 5] = INFINITY;
  for (int k = 0; k < 3; k++)
    x[3 * 12 + 6 + k] = 2 * x[3 * 12 + 3 + k];
  for (int with_grad = 0; with_grad < 2; with_grad++) {
    const enf_status status = with_grad ? enf_log_prob_grad(ctx, flow, 5, x, logp, grad)
                                        : enf_log_prob(ctx, flow, 5, x, logp);
    ck_assert_int_eq(status, ENF_ERR_RANGE);
    says("sample 1: the distance of atoms 1 and 0 is 0");
    for (size_t i = 0; i < 5; i++) {
      ck_assert_int_eq(enf_sample_status(ctx, i), expected[i]);
      ck_assert_int_eq(isnan(logp[i]), expected[i] != ENF_OK);
    }
    ck_assert(isnan(grad[12 + 1]) == with_grad || !with_grad);
  }
  ck_assert_int_eq(enf_log_prob(ctx, flow, 1, frame, &alone), ENF_OK);
  ck_assert_double_eq(logp[4], logp[0]);
  ck_assert_double_eq_tol(alone, logp[0], 1e-10);
  close_context();
}
END_TEST

START_TEST(a_mirror_image_has_a_density_and_is_told) {
  static const char zmatrix[] = "0 1 2; 3 1 0 2 i";
  double x[12] = {0, 0, 0, 1, 0, 0, 1.4, 0.9, 0, 1.4, -0.5, 0.8}, logp[2], both[24];
  int32_t verdict[2];
  enf_frames found = ENF_FRAMES_INIT;
  open_context();
  set("model.zmatrix", zmatrix);
  set("model.space", "molecule");
  set("model.particles", "4");
  ck_assert_int_eq(enf_create(ctx, &flow, opts), ENF_OK);
  ck_assert_int_eq(enf_prior_fit(ctx, flow, 1, x), ENF_OK);
  memcpy(both, x, sizeof x);
  for (int k = 0; k < 12; k++)
    both[12 + k] = -x[k];
  ck_assert_int_eq(enf_log_prob(ctx, flow, 2, both, logp), ENF_OK);
  ck_assert(isfinite(logp[1]) && logp[1] < logp[0] - 10);
  ck_assert_int_eq(enf_frames_compare(ctx, flow, 2, both, verdict, &found), ENF_OK);
  ck_assert_int_eq(verdict[0], ENF_FRAME_GOOD);
  ck_assert_int_eq(verdict[1], ENF_FRAME_OTHER_HAND);
  ck_assert_uint_eq(found.other_hand, 1);
  close_context();
}
END_TEST

/* By the same coordinates of a Z-matrix, turned round, and by the cis, trans and gauche of a square
   chain. */
START_TEST(dihedrals_are_those_of_the_zmatrix) {
  static const int32_t atom[3][4] = {{3, 2, 1, 0}, {0, 1, 2, 3}, {0, 1, 3, 2}};
  double q[6], P[3],
      x[24] = {1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  open_context();
  make_chain();
  ck_assert_int_eq(enf_internal(ctx, flow, 1, frame, q, NULL), ENF_OK);
  ck_assert_int_eq(enf_dihedrals(ctx, 1, 4, frame, 3, atom, P), ENF_OK);
  ck_assert_double_eq_tol(P[0], q[5], 1e-14);
  ck_assert_double_eq_tol(P[1], q[5], 1e-14);
  for (int k = 0; k < 8; k++) {
    const double angle = k * 0.7 - 2.9;
    x[9] = cos(angle), x[10] = 1, x[11] = -sin(angle); /* seen along +y, clockwise is positive */
    ck_assert_int_eq(enf_dihedrals(ctx, 1, 4, x, 1, &atom[1], P), ENF_OK);
    ck_assert_double_eq_tol(P[0], angle, 1e-14);
  }
  x[9] = 0, x[10] = 2, x[11] = 0; /* on the line of atoms 1 and 2 */
  ck_assert_int_eq(enf_dihedrals(ctx, 2, 4, x, 1, &atom[1], P), ENF_OK);
  ck_assert(isnan(P[0]) && isnan(P[1]));
  close_context();
}
END_TEST

START_TEST(dihedrals_of_no_atoms_are_refused) {
  static const int32_t far[1][4] = {{0, 1, 2, 4}}, twice[1][4] = {{0, 1, 2, 1}},
                       minus[1][4] = {{-1, 1, 2, 3}};
  double P;
  open_context();
  ck_assert_int_eq(enf_dihedrals(ctx, 1, 4, frame, 1, far, &P), ENF_ERR_RANGE);
  says("dihedral 0 is of atom 4: there are 4, numbered from 0");
  ck_assert_int_eq(enf_dihedrals(ctx, 1, 4, frame, 1, twice, &P), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_dihedrals(ctx, 1, 4, frame, 1, minus, &P), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_dihedrals(ctx, 1, 4, NULL, 1, far, &P), ENF_ERR_ARG);
  ck_assert_int_eq(enf_dihedrals(ctx, 0, 4, NULL, 0, NULL, NULL), ENF_OK);
  close_context();
}
END_TEST

/* ---- what there is none of --------------------------------------------------------------------
 */

START_TEST(there_is_no_time_and_no_estimate) {
  double x[12], out[24] = {0}, t = 0.5, logp, exact, variance = 1;
  open_context();
  make_chain();
  ck_assert_int_eq(enf_transport(ctx, flow, 1, 0, 1, frame, x, out), ENF_ERR_UNSUPPORTED);
  ck_assert_int_eq(enf_velocity(ctx, flow, 1, &t, frame, x, out), ENF_ERR_UNSUPPORTED);
  ck_assert_int_eq(enf_path_lengths(ctx, flow, 0, 0, 1, x, out), ENF_ERR_UNSUPPORTED);
  says("spline*2");
  ck_assert_int_eq(enf_log_prob(ctx, flow, 1, frame, &exact), ENF_OK);
  ck_assert_int_eq(enf_log_prob_estimate(ctx, flow, 1, frame, 3, &logp, &variance), ENF_OK);
  ck_assert_double_eq(logp, exact);
  ck_assert_double_eq(variance, 0);
  close_context();
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("molecule");
  tcase_add_loop_test(tests, what_is_no_molecule_is_refused, 0, NONE);
  tcase_add_test(tests, more_bins_than_there_is_room_for_are_refused);
  tcase_add_test(tests, widths_are_above_0);
  tcase_add_test(tests, frames_without_coordinates_set_nothing);
  tcase_add_test(tests, a_bad_row_is_its_own_failure);
  tcase_add_test(tests, a_mirror_image_has_a_density_and_is_told);
  tcase_add_test(tests, dihedrals_are_those_of_the_zmatrix);
  tcase_add_test(tests, dihedrals_of_no_atoms_are_refused);
  tcase_add_test(tests, there_is_no_time_and_no_estimate);
  return run_suite("molecule", tests);
}
