/* test_chart.c -- the chart of a molecule: inverse, symmetries, gradients by differences, a density
   that integrates to 1; centres and widths from frames. */
#include "failing_alloc.h"
#include "molecules.h"
#include "space/chart_fit.h"
#include <stdlib.h>

static enf__chart chart;

static bool is_torsion(size_t k) { return enf__internal_kind_of(&z, k) == ENF__ON_CIRCLE; }

static void set_chart(const double *center, const double *width) {
  ck_assert_int_eq(enf__chart_check_centers(ctx, &z, center), ENF_OK);
  ck_assert_int_eq(enf__chart_check_widths(ctx, &z, width), ENF_OK);
  enf__chart_set(&chart, center, width);
}

/* With centres and widths as molecules have them. */
static void open_chart(int number) {
  double center[MOST], width[MOST];
  open_molecule(number);
  ck_assert_int_eq(enf__chart_create(ctx, &ctx->alloc, &z, &chart), ENF_OK);
  for (size_t k = 0; k < C; k++) {
    center[k] = k < 2 * N - 3 ? uniform(-0.3, 0.3) : uniform(-M_PI, M_PI);
    width[k] = uniform(0.05, 0.4);
    if (is_torsion(k))
      center[k] = 0, width[k] = 1;
  }
  set_chart(center, width);
}

static void close_chart(void) {
  enf__chart_destroy(&ctx->alloc, &chart);
  close_molecule();
}

static void random_state(double *y) {
  for (size_t k = 0; k < C; k++)
    y[k] = is_torsion(k) ? uniform(-M_PI, M_PI) : uniform(-3, 3);
}

static void turn_anyhow(double *x) {
  double R[9];
  enf__rotation_uniform(state, (uint64_t)(1e6 * uniform(0, 1)), R);
  enf__rotation_apply(N, R, x);
  for (size_t i = 0; i < 3 * N; i++)
    x[i] += 1 + (double)(i % 3);
}

/* ---- there and back ------------------------------------------------------------------------- */

START_TEST(entering_what_was_left_is_the_identity) {
  double y[MOST], x[MOST], again[MOST], volume[2];
  enf__fault fault;
  open_chart(_i);
  for (int trial = 0; trial < 50; trial++) {
    random_state(y);
    ck_assert(enf__chart_leave(&chart, y, x, volume, &fault));
    turn_anyhow(x);
    ck_assert(enf__chart_enter(&chart, x, again, volume + 1, &fault));
    ck_assert_double_le(difference(C, y, again, true), 1e-9);
    ck_assert_double_eq_tol(volume[0], volume[1], 1e-10);
  }
  close_chart();
}
END_TEST

START_TEST(lines_are_inverted_and_their_logdet_is_that_of_differences) {
  double q[MOST], y[MOST], again[MOST], there[MOST], back[MOST];
  open_chart(_i);
  random_coordinates(q);
  for (size_t k = 2 * N - 3; k < C; k++) /* the other side of a centre is a pole */
    q[k] = is_torsion(k) ? 0.9 * q[k] : chart.center[k] + uniform(-2, 2);
  double expected = 0;
  const double logdet = enf__chart_line(&chart, q, y), h = 1e-5;
  for (size_t k = 0; k < C; k++) {
    const double kept = q[k];
    q[k] = kept + h, enf__chart_line(&chart, q, there);
    q[k] = kept - h, enf__chart_line(&chart, q, back);
    q[k] = kept;
    expected += log((there[k] - back[k]) / (2 * h));
  }
  ck_assert_double_eq_tol(logdet, expected, 1e-7);
  enf__chart_unline(&chart, y, again);
  ck_assert_double_le(difference(C, q, again, true), 1e-12);
  close_chart();
}
END_TEST

START_TEST(every_state_near_or_far_is_a_molecule) {
  double y[MOST], x[MOST], again[MOST], volume;
  enf__fault fault;
  open_chart(_i);
  for (int trial = 0; trial < 50; trial++) {
    for (size_t k = 0; k < C; k++)
      y[k] = uniform(-12, 12);
    ck_assert(enf__chart_leave(&chart, y, x, &volume, &fault));
    ck_assert(isfinite(volume));
    ck_assert(enf__chart_enter(&chart, x, again, NULL, &fault));
    for (size_t k = 2 * N - 3; k < C; k++)
      if (is_torsion(k))
        again[k] = y[k] + remainder(again[k] - y[k], 2 * M_PI);
    ck_assert_double_le(difference(C, y, again, false), 1e-6);
  }
  close_chart();
}
END_TEST

START_TEST(states_that_overflow_fail_and_name_their_atoms) {
  double y[MOST] = {0}, x[MOST];
  char sentence[120];
  enf__fault fault;
  open_chart(2);
  y[2] = 1e5;
  ck_assert(!enf__chart_leave(&chart, y, x, NULL, &fault));
  enf__fault_say(&fault, sentence, sizeof sentence);
  ck_assert_str_eq(sentence, "the distance of atoms 3 and 2 is not finite");
  y[2] = -1e5;
  ck_assert(!enf__chart_leave(&chart, y, x, NULL, &fault));
  ck_assert_int_eq(fault.status, ENF_ERR_RANGE);
  y[2] = 0, y[4] = 1e5;
  ck_assert(!enf__chart_leave(&chart, y, x, NULL, &fault));
  ck_assert_int_eq(fault.status, ENF_ERR_RANGE);
  y[4] = 0, y[5] = NAN;
  ck_assert(!enf__chart_leave(&chart, y, x, NULL, &fault));
  ck_assert_int_eq(fault.status, ENF_ERR_NONFINITE);
  close_chart();
}
END_TEST

/* ---- gradients ------------------------------------------------------------------------------ */

static double weight[MOST], volume_weight, R[9];

static double entered(const double *x) {
  double y[MOST], volume;
  enf__fault fault;
  ck_assert(enf__chart_enter(&chart, x, y, &volume, &fault));
  return inner(C, weight, y) + volume_weight * volume;
}

static double left(const double *y) {
  double x[MOST], volume;
  enf__fault fault;
  ck_assert(enf__chart_leave(&chart, y, x, &volume, &fault));
  enf__rotation_apply(N, R, x);
  return inner(3 * N, weight, x) + volume_weight * volume;
}

START_TEST(enter_is_pulled_back_as_by_differences) {
  double y[MOST], x[MOST], dx[MOST] = {0}, direction[MOST];
  enf__fault fault;
  open_chart(_i);
  random_state(y);
  for (size_t k = 2 * N - 3; k < C; k++)
    y[k] *= 0.9;
  ck_assert(enf__chart_leave(&chart, y, x, NULL, &fault));
  turn_anyhow(x);
  random_numbers(C, weight);
  volume_weight = uniform(-1, 1);
  enf__chart_enter_pullback(&chart, x, weight, volume_weight, dx);
  for (int trial = 0; trial < 10; trial++) {
    random_numbers(3 * N, direction);
    const double expected = slope(entered, 3 * N, x, direction, 1e-4);
    ck_assert_double_eq_tol(inner(3 * N, dx, direction), expected, 1e-7 * (1 + fabs(expected)));
  }
  close_chart();
}
END_TEST

START_TEST(leave_is_pulled_back_as_by_differences) {
  double y[MOST], x[MOST], dx[MOST], dy[MOST], direction[MOST];
  enf__fault fault;
  open_chart(_i);
  random_state(y);
  enf__rotation_uniform(2, (uint64_t)_i, R);
  random_numbers(3 * N, weight);
  volume_weight = uniform(-1, 1);
  ck_assert(enf__chart_leave(&chart, y, x, NULL, &fault));
  enf__rotation_apply(N, R, x);
  memcpy(dx, weight, sizeof dx);
  enf__chart_leave_pullback(&chart, y, x, dx, volume_weight, dy);
  for (int trial = 0; trial < 10; trial++) {
    random_numbers(C, direction);
    const double expected = slope(left, C, y, direction, 1e-3);
    ck_assert_double_eq_tol(inner(C, dy, direction), expected, 1e-8 * (1 + fabs(expected)));
  }
  close_chart();
}
END_TEST

/* ---- the density ---------------------------------------------------------------------------- */

/* Standard normals on the lines, uniform on circles. */
static double density(const double *x) {
  double y[MOST], volume;
  enf__fault fault;
  if (!enf__chart_enter(&chart, x, y, &volume, &fault))
    return 0;
  double sum = volume;
  for (size_t k = 0; k < C; k++)
    sum -= is_torsion(k) ? log(2 * M_PI) : 0.5 * y[k] * y[k] + 0.5 * log(2 * M_PI);
  return exp(sum);
}

/* Over r01, r12 and r02, by trapezia: the density is smooth and falls to 0 at all ends. The volume
   of the configurations with these distances: 8 pi^2 3^(-3/2) r01 r12 r02. */
START_TEST(the_density_of_three_atoms_integrates_to_1) {
  enum { STEPS = 48, ANGLES = 80 };
  open_molecule(0);
  ck_assert_int_eq(enf__chart_create(ctx, &ctx->alloc, &z, &chart), ENF_OK);
  const double center[] = {0.1, -0.1, 0.3}, width[] = {0.1, 0.15, 0.3};
  set_chart(center, width);
  double sum = 0;
  for (int i = 0; i < STEPS; i++)
    for (int j = 0; j < STEPS; j++) {
      const double h01 = 1.4 * 1.1 / STEPS, h12 = 2.1 * 0.95 / STEPS;
      const double r01 = 0.5 + h01 * i, r12 = 0.2 + h12 * j;
      const double least = fabs(r01 - r12), h02 = (r01 + r12 - least) / ANGLES;
      for (int k = 1; k < ANGLES; k++) {
        const double r02 = least + h02 * k;
        const double along = (r01 * r01 + r02 * r02 - r12 * r12) / (2 * r01);
        const double x[9] = {0, 0, 0, r01, 0, 0, along, sqrt(fmax(r02 * r02 - along * along, 0)),
                             0};
        sum += h01 * h12 * h02 * r01 * r12 * r02 * density(x);
      }
    }
  ck_assert_double_eq_tol(sum * 8 * M_PI * M_PI / sqrt(27), 1, 1e-6);
  close_chart();
}
END_TEST

START_TEST(the_density_does_not_see_rotation_and_translation) {
  double q[MOST], x[MOST], turned[MOST];
  open_chart(_i);
  random_coordinates(q);
  for (size_t k = 2 * N - 3; k < C; k++)
    q[k] = is_torsion(k) ? q[k] : chart.center[k] + uniform(-0.5, 0.5);
  random_place(q, x);
  memcpy(turned, x, sizeof turned);
  turn_anyhow(turned);
  ck_assert_double_eq_tol(log(density(x)), log(density(turned)),
                          1e-10 * (1 + fabs(log(density(x)))));
  close_chart();
}
END_TEST

/* ---- setting -------------------------------------------------------------------------------- */

START_TEST(centres_and_widths_that_are_none_are_refused) {
  double numbers[6] = {1, 1, 1, 0, 1, 1};
  open_chart(2);
  ck_assert_int_eq(enf__chart_check_widths(ctx, &z, numbers), ENF_ERR_RANGE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "internal.width: number 3 is 0, not above 0");
  numbers[3] = INFINITY;
  ck_assert_int_eq(enf__chart_check_widths(ctx, &z, numbers), ENF_ERR_RANGE);
  numbers[3] = 1, numbers[5] = 2;
  ck_assert_int_eq(enf__chart_check_widths(ctx, &z, numbers), ENF_ERR_RANGE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx),
                   "internal.width: number 5 is of a torsion and must be 1, not 2");
  ck_assert_int_eq(enf__chart_check_centers(ctx, &z, numbers), ENF_ERR_RANGE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx),
                   "internal.center: number 5 is of a torsion and must be 0, not 2");
  numbers[0] = NAN;
  ck_assert_int_eq(enf__chart_check_centers(ctx, &z, numbers), ENF_ERR_RANGE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "internal.center: number 0 is not finite");
  numbers[0] = -1, numbers[5] = 0;
  ck_assert_int_eq(enf__chart_check_centers(ctx, &z, numbers), ENF_OK);
  close_chart();
}
END_TEST

START_TEST(without_memory_there_is_no_chart) {
  open_molecule(3);
  for (size_t k = 1; k <= 2; k++) {
    failing_alloc a = {.fail_at = k};
    const enf_alloc alloc = failing_alloc_of(&a);
    ck_assert_int_eq(enf__chart_create(ctx, &alloc, &z, &chart), ENF_ERR_NOMEM);
    ck_assert_ptr_null(chart.center);
    ck_assert_ptr_null(chart.width);
    ck_assert_uint_eq(a.live, 0);
  }
  close_molecule();
}
END_TEST

/* ---- from frames ---------------------------------------------------------------------------- */

enum { FRAMES = 400 };
static double frames[FRAMES * MOST], center[MOST], width[MOST];
static enf__chart_report report;

/* Frames of a chart whose lines have the quantiles -1.5, -.5, .5, 1.5: mean 0, deviation known. */
static void make_frames(size_t n) {
  double y[MOST];
  enf__fault fault;
  for (size_t i = 0; i < n; i++) {
    for (size_t k = 0; k < C; k++)
      y[k] = is_torsion(k) ? uniform(-M_PI, M_PI) : (double)((i >> 2 * (k % 4)) & 3) - 1.5;
    ck_assert(enf__chart_leave(&chart, y, frames + i * 3 * N, NULL, &fault));
    turn_anyhow(frames + i * 3 * N);
  }
}

static enf_status fit(size_t n) {
  return enf__chart_fit(ctx, &z, n, frames, center, width, &report);
}

START_TEST(centres_and_widths_of_frames_are_mean_and_deviation) {
  open_chart(_i);
  make_frames(256);
  ck_assert_msg(fit(256) == ENF_OK, "%s", enf_ctx_errmsg(ctx));
  ck_assert_uint_eq(report.used, 256);
  ck_assert_uint_eq(report.bad + report.other_hand + report.broken + report.constrained, 0);
  for (size_t k = 0; k < C; k++) {
    const bool torsion = is_torsion(k);
    ck_assert_double_eq_tol(remainder(center[k] - chart.center[k], 2 * M_PI), 0, 1e-9);
    ck_assert_double_eq_tol(width[k], torsion ? 1 : chart.width[k] * sqrt(1.25), 1e-9);
  }
  set_chart(center, width);
  close_chart();
}
END_TEST

START_TEST(frames_of_the_other_hand_are_counted_and_left_out) {
  open_chart(3);
  chart.center[5] = 2; /* far from the plane */
  make_frames(256);
  for (size_t i = 0; i < 256; i += 5)
    for (size_t a = 0; a < N; a++)
      frames[(i * N + a) * 3] *= -1;
  ck_assert_int_eq(fit(256), ENF_OK);
  ck_assert_uint_eq(report.other_hand, 52);
  ck_assert_uint_eq(report.used, 204);
  ck_assert_double_eq_tol(center[5], 2, 0.1);
  ck_assert_double_le(width[5], 0.6);
  close_chart();
}
END_TEST

/* As peptide bonds that are cis in a few hot frames: one of them would make a width of any size. */
START_TEST(frames_with_a_stiff_dihedral_turned_are_counted_and_left_out) {
  double y[64];
  enf__fault fault;
  open_chart(3);
  chart.center[5] = M_PI;
  make_frames(256);
  for (size_t i = 0; i < 256; i += 16) {
    ck_assert(enf__internal_measure(&z, frames + i * 3 * N, y, NULL, &fault));
    y[5] += M_PI;
    ck_assert(enf__internal_place(&z, y, frames + i * 3 * N, &fault));
  }
  ck_assert_int_eq(fit(256), ENF_OK);
  ck_assert_uint_eq(report.turned, 16);
  ck_assert_uint_eq(report.used, 240);
  ck_assert_double_gt(cos(center[5] - M_PI), 0.99);
  ck_assert_double_le(width[5], 0.6);
  close_chart();
}
END_TEST

START_TEST(frames_of_both_hands_at_once_are_refused) {
  const double q[] = {1, 1, 1, 1, 1.5, 1.5, 1.5, 1.5, 1.5, 0, 0, 0};
  double moved[12];
  enf__fault fault;
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  N = 6, C = 12;
  ck_assert_int_eq(
      enf__zmatrix_parse(ctx, &ctx->alloc, 6, "0 1 2; 3 2 1 0 i; 4 2 1 0 i; 5 2 1 0 i", &z),
      ENF_OK);
  for (size_t i = 0; i < 3; i++) {
    memcpy(moved, q, sizeof moved);
    for (size_t k = 0; k < 3; k++)
      moved[9 + k] = k == i ? -1 : 1.5;
    ck_assert(enf__internal_place(&z, moved, frames + i * 3 * N, &fault));
  }
  ck_assert_int_eq(fit(3), ENF_ERR_RANGE);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "of several molecules"));
  close_molecule();
}
END_TEST

START_TEST(bonds_of_constant_length_have_the_least_width) {
  double y[MOST];
  enf__fault fault;
  open_chart(5);
  for (size_t i = 0; i < 100; i++) {
    random_state(y);
    y[1] = y[3] = 0.5;
    ck_assert(enf__chart_leave(&chart, y, frames + i * 3 * N, NULL, &fault));
  }
  ck_assert_int_eq(fit(100), ENF_OK);
  ck_assert_uint_eq(report.constrained, 2);
  ck_assert_double_eq(width[1], 1e-3);
  ck_assert_double_eq(width[3], 1e-3);
  ck_assert_double_gt(width[2], 1e-2);
  close_chart();
}
END_TEST

START_TEST(one_frame_gives_the_centres) {
  double q[MOST], y[MOST];
  enf__fault fault;
  open_chart(_i);
  random_coordinates(q);
  random_place(q, frames);
  ck_assert_int_eq(fit(1), ENF_OK);
  ck_assert_uint_eq(report.constrained, 0);
  set_chart(center, width);
  ck_assert(enf__chart_enter(&chart, frames, y, NULL, &fault));
  for (size_t k = 0; k < C; k++) {
    if (!is_torsion(k))
      ck_assert_double_eq_tol(y[k], 0, 1e-10);
    ck_assert_double_eq(width[k], is_torsion(k) ? 1 : k < N - 1 ? 0.03 : 0.1);
  }
  close_chart();
}
END_TEST

START_TEST(bad_frames_are_counted_and_the_rest_is_used) {
  open_chart(4);
  make_frames(256);
  frames[7 * 3 * N + 2] = NAN;
  memset(frames + 9 * 3 * N, 0, 3 * N * sizeof *frames);
  ck_assert_int_eq(fit(256), ENF_OK);
  ck_assert_uint_eq(report.used, 254);
  ck_assert_uint_eq(report.bad, 2);
  ck_assert_uint_eq(report.first_bad, 7);
  ck_assert_int_eq(report.fault.status, ENF_ERR_NONFINITE);
  memset(frames, 0, sizeof frames);
  ck_assert_int_eq(fit(3), ENF_ERR_RANGE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx),
                   "no frame of 3 has internal coordinates: the distance of atoms 2 and 1 is 0");
  ck_assert_int_eq(fit(0), ENF_ERR_RANGE);
  close_chart();
}
END_TEST

START_TEST(a_broken_molecule_sets_no_width) {
  double expected[MOST];
  open_chart(5);
  make_frames(256);
  ck_assert_int_eq(fit(255), ENF_OK);
  memcpy(expected, width, sizeof expected);
  for (size_t i = 0; i < 3 * N; i++)
    frames[255 * 3 * N + i] *= 1e4;
  ck_assert_int_eq(fit(256), ENF_OK);
  ck_assert_uint_eq(report.broken, 1);
  ck_assert_uint_eq(report.used, 255);
  ck_assert_mem_eq(width, expected, C * sizeof *width);
  close_chart();
}
END_TEST

START_TEST(another_unit_shows_in_the_scale) {
  double q[MOST];
  enf__fault fault;
  open_chart(6);
  enf__chart_unline(&chart, (double[MOST]){0}, q);
  ck_assert_double_eq_tol(enf__chart_scale(&chart, q), 1, 1e-12);
  ck_assert(enf__internal_place(&z, q, frames, &fault));
  for (size_t i = 0; i < 3 * N; i++)
    frames[i] *= 10;
  ck_assert(enf__internal_measure(&z, frames, q, NULL, &fault));
  ck_assert_double_eq_tol(enf__chart_scale(&chart, q), 10, 1e-9);
  close_chart();
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("chart");
  tcase_add_loop_test(tests, entering_what_was_left_is_the_identity, 0, MOLECULES);
  tcase_add_loop_test(tests, lines_are_inverted_and_their_logdet_is_that_of_differences, 0,
                      MOLECULES);
  tcase_add_loop_test(tests, every_state_near_or_far_is_a_molecule, 0, MOLECULES);
  tcase_add_test(tests, states_that_overflow_fail_and_name_their_atoms);
  tcase_add_loop_test(tests, enter_is_pulled_back_as_by_differences, 0, MOLECULES);
  tcase_add_loop_test(tests, leave_is_pulled_back_as_by_differences, 0, MOLECULES);
  tcase_add_test(tests, the_density_of_three_atoms_integrates_to_1);
  tcase_add_loop_test(tests, the_density_does_not_see_rotation_and_translation, 0, MOLECULES);
  tcase_add_test(tests, centres_and_widths_that_are_none_are_refused);
  tcase_add_test(tests, without_memory_there_is_no_chart);
  tcase_add_loop_test(tests, centres_and_widths_of_frames_are_mean_and_deviation, 0, MOLECULES - 1);
  tcase_add_test(tests, frames_of_the_other_hand_are_counted_and_left_out);
  tcase_add_test(tests, frames_with_a_stiff_dihedral_turned_are_counted_and_left_out);
  tcase_add_test(tests, frames_of_both_hands_at_once_are_refused);
  tcase_add_test(tests, bonds_of_constant_length_have_the_least_width);
  tcase_add_loop_test(tests, one_frame_gives_the_centres, 0, MOLECULES);
  tcase_add_test(tests, bad_frames_are_counted_and_the_rest_is_used);
  tcase_add_test(tests, a_broken_molecule_sets_no_width);
  tcase_add_test(tests, another_unit_shows_in_the_scale);
  return run_suite("chart", tests);
}
