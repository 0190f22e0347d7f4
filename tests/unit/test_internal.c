/* test_internal.c -- internal coordinates: their sign, symmetries, inverse, Jacobian by brute force
   and gradients by differences; molecules that have none. */
#include "math/kabsch.h"
#include "molecules.h"

/* ---- what they are -------------------------------------------------------------------------- */

/* Looking from a to b, the atom in front is turned clockwise onto c: IUPAC's plus. */
START_TEST(coordinates_are_the_known_ones) {
  const double x[] = {0, 1, 3, 0, 0, 3, 0, 0, 0, 2, 0, 0};
  double q[6], log_jacobian;
  enf__fault fault;
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf__zmatrix_parse(ctx, &ctx->alloc, 4, "0 1 2; 3 2 1 0 t", &z), ENF_OK);
  ck_assert(enf__internal_measure(&z, x, q, &log_jacobian, &fault));
  const double expected[] = {1, 3, 2, M_PI / 2, M_PI / 2, M_PI / 2};
  for (size_t k = 0; k < 6; k++)
    ck_assert_double_eq_tol(q[k], expected[k], 1e-15);
  ck_assert_double_eq_tol(log_jacobian, log(36), 1e-14);
  close_molecule();
}
END_TEST

START_TEST(a_flat_dihedral_is_pi_and_never_minus_pi) {
  for (int side = -1; side <= 1; side += 2) {
    const double x[] = {-1, 1, side * 0.0, 0, 0, 0, 1, 0, 0, 2, -1, side * 0.0};
    double q[6];
    enf__fault fault;
    ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
    ck_assert_int_eq(enf__zmatrix_parse(ctx, &ctx->alloc, 4, "0 1 2; 3 2 1 0 t", &z), ENF_OK);
    ck_assert(enf__internal_measure(&z, x, q, NULL, &fault));
    ck_assert_double_eq(q[5], M_PI);
    close_molecule();
  }
}
END_TEST

START_TEST(placing_is_unturned_and_mean_free) {
  double q[MOST], x[MOST];
  enf__fault fault;
  open_molecule(_i);
  random_coordinates(q);
  ck_assert(enf__internal_place(&z, q, x, &fault));
  for (size_t d = 0; d < 3; d++) {
    double mean = 0;
    for (size_t i = 0; i < N; i++)
      mean += x[3 * i + d];
    ck_assert_double_eq_tol(mean, 0, 1e-12);
  }
  const double *a = x + 3 * z.root[0], *b = x + 3 * z.root[1], *c = x + 3 * z.root[2];
  ck_assert_double_eq_tol(b[0] - a[0], q[0], 1e-14);
  ck_assert_double_eq_tol(b[1] - a[1], 0, 1e-14);
  ck_assert_double_eq_tol(b[2] - a[2], 0, 1e-14);
  ck_assert(c[1] > a[1]);
  ck_assert_double_eq_tol(c[2] - a[2], 0, 1e-14);
  close_molecule();
}
END_TEST

/* ---- there and back ------------------------------------------------------------------------- */

START_TEST(coordinates_of_what_was_placed_are_those_given) {
  double q[MOST], x[MOST], again[MOST];
  enf__fault fault;
  open_molecule(_i);
  for (int trial = 0; trial < 50; trial++) {
    random_coordinates(q);
    random_place(q, x);
    ck_assert(enf__internal_measure(&z, x, again, NULL, &fault));
    ck_assert_double_le(difference(C, q, again, true), 1e-9);
  }
  close_molecule();
}
END_TEST

START_TEST(a_molecule_placed_by_its_coordinates_is_itself) {
  double x[MOST], again[MOST], q[MOST];
  enf__fault fault;
  open_molecule(_i);
  for (int trial = 0; trial < 50; trial++) {
    random_numbers(3 * N, x);
    for (size_t d = 0; d < 3; d++) {
      double mean = 0;
      for (size_t i = 0; i < N; i++)
        mean += x[3 * i + d] / (double)N;
      for (size_t i = 0; i < N; i++)
        x[3 * i + d] -= mean;
    }
    ck_assert(enf__internal_measure(&z, x, q, NULL, &fault));
    ck_assert(enf__internal_place(&z, q, again, &fault));
    double R[9];
    enf__kabsch_rotation(N, 3, x, again, false, R);
    enf__rotation_apply(N, R, again);
    ck_assert_double_le(difference(3 * N, x, again, false), 1e-9);
  }
  close_molecule();
}
END_TEST

START_TEST(dihedrals_of_any_turn_place_the_same_molecule) {
  double q[MOST], x[MOST], again[MOST];
  enf__fault fault;
  open_molecule(_i);
  random_coordinates(q);
  ck_assert(enf__internal_place(&z, q, x, &fault));
  for (size_t k = 2 * N - 3; k < C; k++)
    q[k] += 2 * M_PI * (double)((int)k % 5 - 2);
  ck_assert(enf__internal_place(&z, q, again, &fault));
  ck_assert_double_le(difference(3 * N, x, again, false), 1e-12);
  close_molecule();
}
END_TEST

/* ---- symmetry ------------------------------------------------------------------------------- */

START_TEST(coordinates_and_jacobian_do_not_see_rotation_and_translation) {
  double q[MOST], x[MOST], turned[MOST], other[MOST], jacobian[2];
  enf__fault fault;
  open_molecule(_i);
  for (int trial = 0; trial < 20; trial++) {
    random_coordinates(q);
    random_place(q, x);
    random_place(q, turned);
    ck_assert(enf__internal_measure(&z, x, q, jacobian, &fault));
    ck_assert(enf__internal_measure(&z, turned, other, jacobian + 1, &fault));
    ck_assert_double_le(difference(C, q, other, true), 1e-10);
    ck_assert_double_eq_tol(jacobian[0], jacobian[1], 1e-10);
  }
  close_molecule();
}
END_TEST

START_TEST(a_mirror_image_has_dihedrals_of_the_other_sign) {
  double q[MOST], x[MOST], mirrored[MOST];
  enf__fault fault;
  open_molecule(_i);
  random_coordinates(q);
  random_place(q, x);
  for (size_t i = 0; i < N; i++)
    x[3 * i + 1] *= -1;
  ck_assert(enf__internal_measure(&z, x, mirrored, NULL, &fault));
  for (size_t k = 2 * N - 3; k < C; k++)
    q[k] *= -1;
  ck_assert_double_le(difference(C, q, mirrored, true), 1e-9);
  close_molecule();
}
END_TEST

/* ---- Jacobian ------------------------------------------------------------------------------- */

/* Coordinates along an orthonormal basis of the mean-free subspace (Helmert's): (3N-3). */
static void to_subspace(const double *x, double *out) {
  for (size_t j = 1; j < N; j++)
    for (size_t d = 0; d < 3; d++) {
      double sum = 0;
      for (size_t i = 0; i < j; i++)
        sum += x[3 * i + d];
      out[3 * (j - 1) + d] = (sum - (double)j * x[3 * j + d]) / sqrt((double)(j * (j + 1)));
    }
}

/* Of (q, rotation vector) v (3N-3), at small rotations. */
static void from_parameters(const double *v, double *out) {
  double x[MOST], turned[MOST];
  enf__fault fault;
  ck_assert(enf__internal_place(&z, v, x, &fault));
  const double *w = v + C, angle = sqrt(inner(3, w, w));
  const double s = angle > 0 ? sin(angle) / angle : 1;
  const double t = angle > 0 ? (1 - cos(angle)) / (angle * angle) : 0.5;
  for (size_t i = 0; i < N; i++) {
    const double *p = x + 3 * i, along = inner(3, w, p);
    for (size_t d = 0; d < 3; d++) {
      const size_t e = (d + 1) % 3, f = (d + 2) % 3;
      turned[3 * i + d] = cos(angle) * p[d] + s * (w[e] * p[f] - w[f] * p[e]) + t * along * w[d];
    }
  }
  to_subspace(turned, out);
}

/* log |det A|, A (n,n), by elimination with pivots. */
static double log_determinant(size_t n, double *A) {
  double sum = 0;
  for (size_t k = 0; k < n; k++) {
    size_t best = k;
    for (size_t i = k + 1; i < n; i++)
      if (fabs(A[i * n + k]) > fabs(A[best * n + k]))
        best = i;
    for (size_t j = 0; j < n; j++) {
      const double swap = A[k * n + j];
      A[k * n + j] = A[best * n + j], A[best * n + j] = swap;
    }
    sum += log(fabs(A[k * n + k]));
    for (size_t i = k + 1; i < n; i++)
      for (size_t j = n; j-- > k;)
        A[i * n + j] -= A[i * n + k] / A[k * n + k] * A[k * n + j];
  }
  return sum;
}

/* Rotations by the measure of volume 8 pi^2, which at small ones is that of rotation vectors. */
START_TEST(the_jacobian_is_that_of_brute_force) {
  static double A[MOST * MOST];
  double v[MOST] = {0}, x[MOST], q[MOST], at[4][MOST], log_jacobian;
  const double steps[4] = {-2, -1, 1, 2}, h = 2e-3;
  enf__fault fault;
  open_molecule(_i);
  const size_t n = 3 * N - 3;
  random_coordinates(v);
  for (size_t k = 0; k < n; k++) {
    for (int s = 0; s < 4; s++) {
      double moved[MOST];
      memcpy(moved, v, sizeof moved);
      moved[k] += steps[s] * h;
      from_parameters(moved, at[s]);
    }
    for (size_t i = 0; i < n; i++)
      A[i * n + k] = (at[0][i] - at[3][i] + 8 * (at[2][i] - at[1][i])) / (12 * h);
  }
  ck_assert(enf__internal_place(&z, v, x, &fault));
  ck_assert(enf__internal_measure(&z, x, q, &log_jacobian, &fault));
  ck_assert_double_eq_tol(log_determinant(n, A), log_jacobian - 1.5 * log((double)N), 1e-8);
  close_molecule();
}
END_TEST

/* ---- gradients ------------------------------------------------------------------------------ */

static double weight[MOST], R[9];

static double weighted_positions(const double *q) {
  double x[MOST];
  enf__fault fault;
  ck_assert(enf__internal_place(&z, q, x, &fault));
  enf__rotation_apply(N, R, x);
  return inner(3 * N, weight, x);
}

START_TEST(place_is_pulled_back_as_by_differences) {
  double q[MOST], x[MOST], dx[MOST], dq[MOST], direction[MOST];
  enf__fault fault;
  open_molecule(_i);
  random_coordinates(q);
  enf__rotation_uniform(1, (uint64_t)_i, R);
  random_numbers(3 * N, weight);
  ck_assert(enf__internal_place(&z, q, x, &fault));
  enf__rotation_apply(N, R, x);
  memcpy(dx, weight, sizeof dx);
  enf__internal_place_pullback(&z, x, dx, dq);
  for (int trial = 0; trial < 10; trial++) {
    random_numbers(C, direction);
    const double expected = slope(weighted_positions, C, q, direction, 1e-3);
    ck_assert_double_eq_tol(inner(C, dq, direction), expected, 1e-8 * (1 + fabs(expected)));
  }
  close_molecule();
}
END_TEST

/* ---- molecules without coordinates, coordinates without a molecule --------------------------- */

static const struct {
  size_t atom;
  double position[3];
  enf_status status;
  const char *sentence;
} bad_positions[] = {
    {1, {1, NAN, 0}, ENF_ERR_NONFINITE, "the position of atom 1 is not finite"},
    {3, {1, 2, INFINITY}, ENF_ERR_NONFINITE, "the position of atom 3 is not finite"},
    {1, {0, 0, 0}, ENF_ERR_RANGE, "the distance of atoms 1 and 0 is 0"},
    {3, {1, 1, 0}, ENF_ERR_RANGE, "the distance of atoms 3 and 2 is 0"},
    {2, {2, 0, 0}, ENF_ERR_RANGE, "the angle of atoms 2, 1 and 0 is 0 or pi"},
    {2, {0.5, 1e-12, 0}, ENF_ERR_RANGE, "the angle of atoms 2, 1 and 0 is 0 or pi"},
    {3, {1 + 1e-12, 2, 0}, ENF_ERR_RANGE, "the angle of atoms 3, 2 and 1 is 0 or pi"},
    {3, {1e80, 1, 0}, ENF_ERR_RANGE, "the distance of atoms 3 and 2 is above 1e75"},
};

START_TEST(positions_without_coordinates_are_told_with_their_atoms) {
  double x[12] = {0, 0, 0, 1, 0, 0, 1, 1, 0, 2, 1, 0}, q[6];
  char sentence[120];
  enf__fault fault;
  open_molecule(2);
  ck_assert(enf__internal_measure(&z, x, q, NULL, &fault));
  memcpy(x + 3 * bad_positions[_i].atom, bad_positions[_i].position, 3 * sizeof *x);
  ck_assert(!enf__internal_measure(&z, x, q, NULL, &fault));
  enf__fault_say(&fault, sentence, sizeof sentence);
  ck_assert_str_eq(sentence, bad_positions[_i].sentence);
  ck_assert_int_eq(fault.status, bad_positions[_i].status);
  close_molecule();
}
END_TEST

START_TEST(a_frame_on_a_line_has_no_dihedral) {
  const double x[15] = {0, 0, 0, 1, 0, 0, 1, 1, 0, 2, 0, 0, 2, 1, 1};
  double q[9];
  char sentence[120];
  enf__fault fault;
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf__zmatrix_parse(ctx, &ctx->alloc, 5, "0 1 2; 3 1 2 0 i; 4 3 1 0 t", &z),
                   ENF_OK);
  ck_assert(!enf__internal_measure(&z, x, q, NULL, &fault));
  enf__fault_say(&fault, sentence, sizeof sentence);
  ck_assert_str_eq(sentence, "the dihedral of atoms 4, 3, 1 and 0 is not defined: the last three "
                             "are on a line");
  close_molecule();
}
END_TEST

static const struct {
  size_t number;
  double value;
  enf_status status;
  const char *sentence;
} bad_coordinates[] = {
    {0, 0, ENF_ERR_RANGE, "the distance of atoms 0 and 1 is not above 0"},
    {1, -1, ENF_ERR_RANGE, "the distance of atoms 1 and 2 is not above 0"},
    {2, NAN, ENF_ERR_NONFINITE, "the distance of atoms 3 and 2 is not finite"},
    {2, 1e76, ENF_ERR_RANGE, "the distance of atoms 3 and 2 is above 1e75"},
    {3, M_PI, ENF_ERR_RANGE, "the angle of atoms 0, 1 and 2 is not between 0 and pi"},
    {4, 0, ENF_ERR_RANGE, "the angle of atoms 3, 2 and 1 is not between 0 and pi"},
    {4, -INFINITY, ENF_ERR_NONFINITE, "the angle of atoms 3, 2 and 1 is not finite"},
    {5, INFINITY, ENF_ERR_NONFINITE, "the dihedral of atoms 3, 2, 1 and 0 is not finite"},
};

START_TEST(coordinates_without_a_molecule_are_told_with_their_atoms) {
  double x[12], q[6] = {1, 1, 1, 2, 2, 2};
  char sentence[120];
  enf__fault fault;
  open_molecule(2);
  ck_assert(enf__internal_place(&z, q, x, &fault));
  q[bad_coordinates[_i].number] = bad_coordinates[_i].value;
  ck_assert(!enf__internal_place(&z, q, x, &fault));
  enf__fault_say(&fault, sentence, sizeof sentence);
  ck_assert_str_eq(sentence, bad_coordinates[_i].sentence);
  ck_assert_int_eq(fault.status, bad_coordinates[_i].status);
  close_molecule();
}
END_TEST

/* ---- rotations ------------------------------------------------------------------------------ */

/* Uniform rotations: every entry has mean 0 and square 1/3, the trace square 1. */
START_TEST(rotations_are_uniform_and_proper) {
  enum { DRAWS = 20000 };
  double mean[9] = {0}, square[9] = {0}, trace = 0;
  for (uint64_t i = 0; i < DRAWS; i++) {
    double M[9], x[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    enf__rotation_uniform(7, i, M);
    enf__rotation_apply(3, M, x); /* rows: its columns */
    const double volume = x[0] * (x[4] * x[8] - x[5] * x[7]) - x[1] * (x[3] * x[8] - x[5] * x[6]) +
                          x[2] * (x[3] * x[7] - x[4] * x[6]);
    ck_assert_double_eq_tol(volume, 1, 1e-13);
    for (size_t k = 0; k < 9; k++) {
      ck_assert_double_eq_tol(inner(3, x + 3 * (k / 3), x + 3 * (k % 3)), k % 4 == 0, 1e-13);
      mean[k] += M[k] / DRAWS;
      square[k] += M[k] * M[k] / DRAWS;
    }
    trace += (M[0] + M[4] + M[8]) * (M[0] + M[4] + M[8]) / DRAWS;
  }
  for (size_t k = 0; k < 9; k++) { /* 4 errors */
    ck_assert_double_eq_tol(mean[k], 0, 4 * sqrt(1. / 3 / DRAWS));
    ck_assert_double_eq_tol(square[k], 1. / 3, 4 * sqrt(4. / 45 / DRAWS));
  }
  ck_assert_double_eq_tol(trace, 1, 4 * sqrt(2. / DRAWS));
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof *(table))

int main(void) {
  TCase *tests = tcase_create("internal");
  tcase_add_test(tests, coordinates_are_the_known_ones);
  tcase_add_test(tests, a_flat_dihedral_is_pi_and_never_minus_pi);
  tcase_add_loop_test(tests, placing_is_unturned_and_mean_free, 0, MOLECULES);
  tcase_add_loop_test(tests, coordinates_of_what_was_placed_are_those_given, 0, MOLECULES);
  tcase_add_loop_test(tests, a_molecule_placed_by_its_coordinates_is_itself, 0, MOLECULES);
  tcase_add_loop_test(tests, dihedrals_of_any_turn_place_the_same_molecule, 0, MOLECULES);
  tcase_add_loop_test(tests, coordinates_and_jacobian_do_not_see_rotation_and_translation, 0,
                      MOLECULES);
  tcase_add_loop_test(tests, a_mirror_image_has_dihedrals_of_the_other_sign, 0, MOLECULES);
  tcase_add_loop_test(tests, the_jacobian_is_that_of_brute_force, 0, MOLECULES);
  tcase_add_loop_test(tests, place_is_pulled_back_as_by_differences, 0, MOLECULES);
  tcase_add_loop_test(tests, positions_without_coordinates_are_told_with_their_atoms, 0,
                      ROWS(bad_positions));
  tcase_add_test(tests, a_frame_on_a_line_has_no_dihedral);
  tcase_add_loop_test(tests, coordinates_without_a_molecule_are_told_with_their_atoms, 0,
                      ROWS(bad_coordinates));
  tcase_add_test(tests, rotations_are_uniform_and_proper);
  return run_suite("internal", tests);
}
