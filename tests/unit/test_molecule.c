/* test_molecule.c -- the space `molecule` as flows have it: made from options, entered and left,
   its tensors, what data set; enf_internal and enf_cartesian; samples of its prior. */
#include "flow/flow.h"
#include "space/molecule.h"
#include <enf/molecule.h>

/* Its globals have short names: it comes last. */
#include "molecules.h"

static enf_opts *opts;
static enf_flow flow; /* of a space and nothing else */
static enf__params params;

static void option(const char *name, const char *value) {
  ck_assert_msg(enf_opts_set(opts, name, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
}

static void open_context(void) {
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  enf__params_open(ctx, &params);
}

static void close_context(void) {
  if (flow.space.molecule)
    flow.space.ops->destroy(&ctx->alloc, &flow.space);
  enf__params_close(&params);
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
}

static enf_status make(size_t atoms) {
  N = atoms, C = 3 * N - 6;
  flow = (enf_flow){.magic = ENF__MAGIC_FLOW, .space = enf__space_make(ENF__MOLECULE, atoms, 3)};
  return flow.space.ops->create(ctx, &flow.space, opts, &params);
}

/* Molecule number k of molecules.h, its parameters at their initial values. */
static const enf__space *make_molecule(int k) {
  option("model.zmatrix", molecules[k].text);
  ck_assert_msg(make(molecules[k].atoms) == ENF_OK, "%s", enf_ctx_errmsg(ctx));
  ck_assert_int_eq(enf__params_allocate(ctx, &params), ENF_OK);
  enf__params_init(&params, 1);
  flow.space.ops->pack(&flow.space, params.value);
  z = *enf__molecule_zmatrix(&flow.space);
  return &flow.space;
}

/* ---- making --------------------------------------------------------------------------------- */

START_TEST(a_molecule_has_its_sizes_and_circles) {
  const enf__space *space = make_molecule(5);
  ck_assert_uint_eq(enf__space_state(space), 15);
  ck_assert_uint_eq(enf__space_freedom(space), 18);
  ck_assert_uint_eq(enf__space_host(space), 21);
  for (size_t k = 0; k < C; k++)
    ck_assert_int_eq(enf__space_is_circle(space, k), k == 11 || k == 12);
}
END_TEST

START_TEST(bonds_become_the_zmatrix) {
  char number[32];
  option("model.bonds", "0-1 1-2 2-3");
  option("model.species", "H O O H");
  ck_assert_msg(make(4) == ENF_OK, "%s", enf_ctx_errmsg(ctx));
  ck_assert_str_eq(enf__opts_print(opts, ENF__OPT_MODEL_ZMATRIX, number), "2 1 0; 3 2 1 0 t");
}
END_TEST

START_TEST(molecules_that_are_none_are_refused) {
  ck_assert_int_eq(make(4), ENF_ERR_OPTION);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "needs model.zmatrix, or model.bonds"));
  ck_assert_ptr_null(flow.space.molecule);
  option("model.zmatrix", "0 1 2");
  ck_assert_int_eq(make(4), ENF_ERR_OPTION);
  option("model.zmatrix", "");
  option("model.bonds", "0-1 1-2");
  ck_assert_int_eq(make(4), ENF_ERR_OPTION);
  ck_assert_ptr_null(flow.space.molecule);
  enf__space flat = enf__space_make(ENF__MOLECULE, 5, 2);
  enf__space small = enf__space_make(ENF__MOLECULE, 2, 3);
  ck_assert_int_eq(flat.ops->check(ctx, &flat), ENF_ERR_OPTION);
  ck_assert_int_eq(small.ops->check(ctx, &small), ENF_ERR_OPTION);
}
END_TEST

START_TEST(velocity_fields_do_not_move_angles) {
  enf_flow *made;
  option("model.space", "molecule");
  option("model.particles", "3");
  option("model.zmatrix", "0 1 2");
  option("model.map", "cnf");
  ck_assert_int_eq(enf_create(ctx, &made, opts), ENF_ERR_OPTION);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "and a molecule has none"));
  ck_assert_ptr_null(made);
}
END_TEST

/* ---- points --------------------------------------------------------------------------------- */

START_TEST(leaving_undoes_entering_up_to_a_rotation) {
  double q[MOST], x[MOST], y[MOST], back[MOST], turned[MOST], again[MOST], volume[2];
  const enf__place place = {3, 4}, other = {3, 5};
  const enf__space *space = make_molecule(_i);
  random_coordinates(q);
  random_place(q, x);
  ck_assert_int_eq(space->ops->enter(space, x, y, NULL, volume).status, ENF_OK);
  ck_assert_int_eq(space->ops->leave(space, &place, y, NULL, back, volume + 1).status, ENF_OK);
  ck_assert_double_eq_tol(volume[0], volume[1], 1e-10);
  ck_assert_int_eq(space->ops->enter(space, back, again, NULL, NULL).status, ENF_OK);
  ck_assert_double_le(difference(C, y, again, true), 1e-9);
  ck_assert_int_eq(space->ops->leave(space, &other, y, NULL, turned, NULL).status, ENF_OK);
  ck_assert_double_ge(difference(3 * N, back, turned, false), 1e-3);
  ck_assert_int_eq(space->ops->leave(space, NULL, y, NULL, turned, NULL).status, ENF_OK);
  ck_assert_double_eq_tol(turned[3 * z.root[1] + 2], turned[3 * z.root[0] + 2], 1e-13);
}
END_TEST

START_TEST(what_fails_names_its_atoms) {
  double x[12] = {0}, y[6] = {0}, volume;
  const enf__space *space = make_molecule(2);
  const enf__failure in = space->ops->enter(space, x, y, NULL, NULL);
  ck_assert_int_eq(in.status, ENF_ERR_RANGE);
  ck_assert_uint_eq(in.fault.atoms, 2);
  memset(y, 0, sizeof y);
  y[1] = -1e4;
  const enf__failure out = space->ops->leave(space, NULL, y, NULL, x, &volume);
  ck_assert_int_eq(out.status, ENF_ERR_RANGE);
  ck_assert_uint_eq(out.fault.atoms, 2);
}
END_TEST

/* ---- tensors -------------------------------------------------------------------------------- */

START_TEST(centres_and_widths_are_tensors_that_are_not_trained) {
  double number[6] = {0};
  const enf__space *space = make_molecule(2);
  ck_assert_uint_eq(params.count, 2);
  ck_assert_str_eq(params.tensor[0].name, "internal.center");
  ck_assert_str_eq(params.tensor[1].name, "internal.width");
  for (size_t k = 0; k < 6; k++) {
    ck_assert(params.tensor[k % 2].fixed);
    ck_assert_double_eq(params.value[k], 0);
    ck_assert_double_eq(params.value[6 + k], 1);
  }
  ck_assert_int_eq(space->ops->admit(ctx, space, 0, number), ENF_OK);
  ck_assert_int_eq(space->ops->admit(ctx, space, 6, number), ENF_ERR_RANGE);
  number[5] = 1;
  ck_assert_int_eq(space->ops->admit(ctx, space, 0, number), ENF_ERR_RANGE);
}
END_TEST

START_TEST(data_set_centres_and_widths_at_once) {
  enum { FRAMES = 64 };
  static double x[FRAMES * MOST];
  double q[MOST], y[MOST], sum = 0;
  const enf__space *space = make_molecule(4);
  for (size_t i = 0; i < FRAMES; i++) {
    for (size_t k = 0; k < C; k++)
      q[k] = 1 + uniform(-0.1, 0.1);
    random_place(q, x + i * 3 * N);
  }
  ck_assert_int_eq(space->ops->fit(ctx, &flow.space, params.value, FRAMES, x), ENF_OK);
  for (size_t i = 0; i < FRAMES; i++) {
    ck_assert_int_eq(space->ops->enter(space, x + i * 3 * N, y, NULL, NULL).status, ENF_OK);
    for (size_t k = 0; k < C; k++)
      sum += enf__space_is_circle(space, k) ? 0 : y[k] * y[k];
  }
  ck_assert_double_eq_tol(sum / FRAMES, (double)C - 1, 1e-6); /* one torsion */
  memset(x, 0, sizeof x);
  ck_assert_int_eq(space->ops->fit(ctx, &flow.space, params.value, FRAMES, x), ENF_ERR_RANGE);
}
END_TEST

/* ---- the public calls ----------------------------------------------------------------------- */

START_TEST(hosts_get_coordinates_and_molecules) {
  enum { SAMPLES = 5 };
  double q[SAMPLES * MOST], x[SAMPLES * MOST], again[SAMPLES * MOST], jacobian[SAMPLES], expected;
  enf__fault fault;
  make_molecule(_i);
  for (size_t i = 0; i < SAMPLES; i++)
    random_coordinates(q + i * C);
  ck_assert_int_eq(enf_cartesian(ctx, &flow, SAMPLES, q, x), ENF_OK);
  ck_assert_int_eq(enf_internal(ctx, &flow, SAMPLES, x, again, jacobian), ENF_OK);
  for (size_t i = 0; i < SAMPLES; i++) {
    ck_assert_double_le(difference(C, q + i * C, again + i * C, true), 1e-9);
    ck_assert(enf__internal_measure(&z, x + i * 3 * N, again, &expected, &fault));
    ck_assert_double_eq(jacobian[i], expected);
  }
  ck_assert_int_eq(enf_internal(ctx, &flow, SAMPLES, x, again, NULL), ENF_OK);
}
END_TEST

START_TEST(a_bad_row_fails_alone) {
  double q[3 * 6] = {1, 1, 1, 2, 2, 0, 1, 1, 0, 2, 2, 0, 1, 1, 1, 2, 2, 1}, x[3 * 12], back[18];
  double jacobian[3];
  make_molecule(2);
  ck_assert_int_eq(enf_cartesian(ctx, &flow, 3, q, x), ENF_ERR_RANGE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "sample 1: the distance of atoms 3 and 2 is not above 0");
  ck_assert_int_eq(enf_sample_status(ctx, 1), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_sample_status(ctx, 2), ENF_OK);
  ck_assert(isfinite(x[0]) && isnan(x[12]) && isnan(x[23]) && isfinite(x[24]));
  ck_assert_int_eq(enf_internal(ctx, &flow, 3, x, back, jacobian), ENF_ERR_NONFINITE);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "sample 1: the position of atom"));
  ck_assert(isnan(back[6]) && isnan(jacobian[1]) && isfinite(jacobian[2]));
  ck_assert_double_eq_tol(back[17], 1, 1e-12);
}
END_TEST

/* Of 16 frames, about one molecule of one hand: one is a mirror image, one has a bond four times as
   long, one is in one place, and all are in another unit. */
START_TEST(frames_are_compared_with_the_flow) {
  enum { FRAMES = 16 };
  static double x[FRAMES * MOST];
  double q[MOST];
  int32_t verdict[FRAMES];
  enf_frames found = ENF_FRAMES_INIT;
  const enf__space *space = make_molecule(4);
  for (size_t i = 0; i < FRAMES; i++) {
    for (size_t k = 0; k < C; k++)
      q[k] = k == 0 ? 1 : 1 + uniform(-0.1, 0.1);
    random_place(q, x + i * 3 * N);
  }
  ck_assert_int_eq(enf_frames_compare(ctx, &flow, FRAMES, x, NULL, &found), ENF_ERR_STATE);
  ck_assert_int_eq(space->ops->fit(ctx, &flow.space, params.value, FRAMES, x), ENF_OK);
  flow.scale_fixed = true;
  ck_assert_int_eq(enf_frames_compare(ctx, &flow, FRAMES, x, NULL, &found), ENF_OK);
  ck_assert_double_eq_tol(found.scale, 1, 1e-12);
  ck_assert_uint_eq(found.bad + found.broken + found.other_hand, 0);
  ck_assert_uint_eq(found.constrained, 1);
  for (size_t i = 0; i < N; i++)
    x[3 * 3 * N + 3 * i] *= -1;
  ck_assert(enf__internal_measure(&z, x + 5 * 3 * N, q, NULL, &(enf__fault){0}));
  q[1] *= 4;
  random_place(q, x + 5 * 3 * N);
  memset(x + 7 * 3 * N, 0, 3 * N * sizeof *x);
  for (size_t i = 0; i < FRAMES * 3 * N; i++)
    x[i] *= 10;
  ck_assert_int_eq(enf_frames_compare(ctx, &flow, FRAMES, x, verdict, &found), ENF_OK);
  ck_assert_double_eq_tol(found.scale, 10, 0.5);
  for (int i = 0; i < FRAMES; i++)
    ck_assert_int_eq(verdict[i], i == 3   ? ENF_FRAME_OTHER_HAND
                                 : i == 5 ? ENF_FRAME_BROKEN
                                 : i == 7 ? ENF_FRAME_BAD
                                          : ENF_FRAME_GOOD);
  ck_assert_uint_eq(found.bad, 1);
  ck_assert_uint_eq(found.broken, 1);
  ck_assert_uint_eq(found.other_hand, 1);
  ck_assert_int_eq(enf_frames_compare(ctx, &flow, 0, NULL, NULL, &found), ENF_OK);
  ck_assert_int_eq(enf_frames_compare(ctx, &flow, 1, NULL, NULL, &found), ENF_ERR_ARG);
  found.struct_size = 8;
  ck_assert_int_eq(enf_frames_compare(ctx, &flow, 1, x, NULL, &found), ENF_ERR_ARG);
}
END_TEST

START_TEST(other_flows_have_no_internal_coordinates) {
  double numbers[9] = {0};
  enf_frames found = ENF_FRAMES_INIT;
  flow = (enf_flow){.magic = ENF__MAGIC_FLOW, .space = enf__space_make(ENF__PARTICLES, 3, 3)};
  ck_assert_int_eq(enf_internal(ctx, &flow, 1, numbers, numbers, NULL), ENF_ERR_UNSUPPORTED);
  ck_assert_int_eq(enf_cartesian(ctx, &flow, 1, numbers, numbers), ENF_ERR_UNSUPPORTED);
  ck_assert_int_eq(enf_frames_compare(ctx, &flow, 1, numbers, NULL, &found), ENF_ERR_UNSUPPORTED);
  ck_assert_int_eq(enf_internal(ctx, NULL, 1, numbers, numbers, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_internal(ctx, &flow, 1, NULL, numbers, NULL), ENF_ERR_ARG);
}
END_TEST

/* ---- the prior ------------------------------------------------------------------------------ */

/* Moments of lines and, on circles, of cos P and cos 2P; each within 4 errors. */
START_TEST(the_prior_is_normal_on_lines_and_uniform_on_circles) {
  enum { DRAWS = 20000 };
  double mean[9] = {0}, square[9] = {0}, second = 0, draw[9];
  const enf__space *space = make_molecule(4);
  option("model.prior", "internal");
  ck_assert_int_eq(enf__prior_create(ctx, &flow.prior, opts, space, &params), ENF_OK);
  ck_assert(enf__space_is_circle(space, 7));
  for (uint64_t i = 0; i < DRAWS; i++) {
    enf__prior_sample(&flow.prior, 11, 2, i, draw);
    for (size_t k = 0; k < C; k++) {
      const double v = enf__space_is_circle(space, k) ? cos(draw[k]) * M_SQRT2 : draw[k];
      ck_assert(!enf__space_is_circle(space, k) || fabs(draw[k]) <= M_PI);
      mean[k] += v / DRAWS, square[k] += v * v / DRAWS;
    }
    second += cos(2 * draw[7]) * M_SQRT2 / DRAWS;
  }
  for (size_t k = 0; k < C; k++) {
    ck_assert_double_eq_tol(mean[k], 0, 4 / sqrt(DRAWS));
    ck_assert_double_eq_tol(square[k], 1, 4 * M_SQRT2 / sqrt(DRAWS));
  }
  ck_assert_double_eq_tol(second, 0, 4 / sqrt(DRAWS));
}
END_TEST

START_TEST(the_density_of_the_prior_is_its_formula) {
  double at[9], expected = 0;
  const enf__space *space = make_molecule(4);
  option("model.prior", "internal");
  ck_assert_int_eq(enf__prior_create(ctx, &flow.prior, opts, space, &params), ENF_OK);
  for (size_t k = 0; k < C; k++) {
    at[k] = 0.1 * (double)k;
    expected -=
        enf__space_is_circle(space, k) ? log(2 * M_PI) : 0.5 * at[k] * at[k] + 0.5 * log(2 * M_PI);
  }
  ck_assert_double_eq_tol(enf__prior_log_density(&flow.prior, at), expected, 1e-12);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("molecule");
  tcase_add_checked_fixture(tests, open_context, close_context);
  tcase_add_test(tests, a_molecule_has_its_sizes_and_circles);
  tcase_add_test(tests, bonds_become_the_zmatrix);
  tcase_add_test(tests, molecules_that_are_none_are_refused);
  tcase_add_test(tests, velocity_fields_do_not_move_angles);
  tcase_add_loop_test(tests, leaving_undoes_entering_up_to_a_rotation, 0, MOLECULES);
  tcase_add_test(tests, what_fails_names_its_atoms);
  tcase_add_test(tests, centres_and_widths_are_tensors_that_are_not_trained);
  tcase_add_test(tests, data_set_centres_and_widths_at_once);
  tcase_add_loop_test(tests, hosts_get_coordinates_and_molecules, 0, MOLECULES);
  tcase_add_test(tests, a_bad_row_fails_alone);
  tcase_add_test(tests, frames_are_compared_with_the_flow);
  tcase_add_test(tests, other_flows_have_no_internal_coordinates);
  tcase_add_test(tests, the_prior_is_normal_on_lines_and_uniform_on_circles);
  tcase_add_test(tests, the_density_of_the_prior_is_its_formula);
  return run_suite("molecule", tests);
}
