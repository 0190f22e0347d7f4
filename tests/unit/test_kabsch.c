/* test_kabsch.c -- the aligned distance is what its rotation reaches, no rotation reaches less, and
   points on a plane, a line or in one place are as good as any. */
#include "math/center.h"
#include "math/kabsch.h"
#include "suite.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { MOST = 55, TRIALS = 200 };

static uint64_t state;

static double uniform(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(state >> 11) * 0x1p-53;
}

static double normal(void) {
  const double u = uniform() + 0x1p-60;
  return sqrt(-2 * log(u)) * cos(2 * M_PI * uniform());
}

/* ---- orthogonal matrices ----------------------------------------------------------------------
 */

static double determinant(size_t D, const double *R) {
  if (D == 2)
    return R[0] * R[3] - R[1] * R[2];
  return R[0] * (R[4] * R[8] - R[5] * R[7]) - R[1] * (R[3] * R[8] - R[5] * R[6]) +
         R[2] * (R[3] * R[7] - R[4] * R[6]);
}

/* Gram-Schmidt on normal rows; the sign of the last row makes it proper unless reflect. */
static void random_rotation(size_t D, bool reflect, double *R) {
  for (size_t i = 0; i < D; i++) {
    double *row = R + D * i, square = 0;
    for (size_t k = 0; k < D; k++)
      row[k] = normal();
    for (size_t j = 0; j < i; j++) {
      double along = 0;
      for (size_t k = 0; k < D; k++)
        along += row[k] * R[D * j + k];
      for (size_t k = 0; k < D; k++)
        row[k] -= along * R[D * j + k];
    }
    for (size_t k = 0; k < D; k++)
      square += row[k] * row[k];
    for (size_t k = 0; k < D; k++)
      row[k] /= sqrt(square);
  }
  if (!reflect && determinant(D, R) < 0)
    for (size_t k = 0; k < D; k++)
      R[D * (D - 1) + k] *= -1;
}

static void assert_orthogonal(size_t D, const double *R, bool reflect) {
  for (size_t i = 0; i < D; i++)
    for (size_t j = 0; j <= i; j++) {
      double sum = 0;
      for (size_t k = 0; k < D; k++)
        sum += R[D * i + k] * R[D * j + k];
      ck_assert_double_eq_tol(sum, i == j, 1e-14);
    }
  if (!reflect)
    ck_assert_double_eq_tol(determinant(D, R), 1, 1e-13);
}

/* ---- points -----------------------------------------------------------------------------------
 */

enum {
  CLOUD,
  NEARLY_FLAT,
  FLAT,
  NEARLY_STRAIGHT,
  STRAIGHT,
  COINCIDENT,
  LATTICE,
  TINY,
  VAST,
  KINDS
};

/* Extent along the last axes, then turned. */
static void make_points(int kind, size_t N, size_t D, double *x) {
  const double flat = kind == NEARLY_FLAT ? 1e-9 : kind == FLAT ? 0 : 1;
  const bool line = kind == STRAIGHT || kind == NEARLY_STRAIGHT;
  const double thin = kind == NEARLY_STRAIGHT ? 1e-8 : line ? 0 : 1;
  const double unit = kind == TINY ? 1e-120 : kind == VAST ? 1e120 : 1;
  double R[9];
  for (size_t a = 0; a < N; a++)
    for (size_t d = 0; d < D; d++) {
      double value = kind == COINCIDENT ? 0 : kind == LATTICE ? (double)((a >> d) & 1) : normal();
      if (d > 0)
        value *= thin;
      if (d == D - 1)
        value *= flat;
      x[D * a + d] = unit * value;
    }
  random_rotation(D, true, R);
  enf__kabsch_apply(N, D, R, x, x);
  enf__center(N, D, x, x, NULL);
}

static double squares(size_t n, const double *x, const double *y) {
  double sum = 0;
  for (size_t k = 0; k < n; k++)
    sum += (x[k] - y[k]) * (x[k] - y[k]);
  return sum;
}

/* |x - R y|^2 */
static double turned_distance(size_t N, size_t D, const double *x, const double *R,
                              const double *y) {
  double turned[3 * MOST];
  enf__kabsch_apply(N, D, R, y, turned);
  return squares(N * D, x, turned);
}

static double extent(size_t n, const double *x, const double *y) {
  double sum = 0;
  for (size_t k = 0; k < n; k++)
    sum += x[k] * x[k] + y[k] * y[k];
  return sum;
}

/* Random rotations, then ever smaller random turns of the best of them: an optimum that owes
   nothing to singular values. */
static double search(size_t N, size_t D, const double *x, const double *y) {
  double best[9], trial[9], small[9], least = INFINITY;
  for (int k = 0; k < 300; k++) {
    random_rotation(D, false, trial);
    const double distance = turned_distance(N, D, x, trial, y);
    if (distance < least)
      least = distance, memcpy(best, trial, sizeof best);
  }
  double step = 0.5;
  for (int k = 0; k < 1500; k++, step *= 0.99) {
    /* A turn by `step` or so about a random axis (in a plane: D = 2). */
    const double angle = step * normal(), c = cos(angle), s = sin(angle);
    double frame[9], turn[9];
    random_rotation(D, false, frame);
    for (size_t i = 0; i < D; i++)
      for (size_t j = 0; j < D; j++) {
        turn[D * i + j] = i == j ? 1 : 0;
        turn[D * i + j] += (c - 1) * (frame[i] * frame[j] + frame[D + i] * frame[D + j]) +
                           s * (frame[i] * frame[D + j] - frame[D + i] * frame[j]);
      }
    for (size_t i = 0; i < D; i++)
      for (size_t j = 0; j < D; j++) {
        small[D * i + j] = 0;
        for (size_t l = 0; l < D; l++)
          small[D * i + j] += turn[D * i + l] * best[D * l + j];
      }
    const double distance = turned_distance(N, D, x, small, y);
    if (distance < least)
      least = distance, memcpy(best, small, sizeof best);
  }
  return least;
}

/* ---- laws -------------------------------------------------------------------------------------
 */

static const size_t sizes[] = {1, 2, 3, 4, 13, MOST};

START_TEST(rotation_reaches_the_distance) {
  double x[3 * MOST], y[3 * MOST], R[9];
  state = 1;
  for (size_t D = 2; D <= 3; D++)
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++)
      for (int first = 0; first < KINDS; first++)
        for (int second = 0; second < KINDS; second++)
          for (int reflect = 0; reflect < 2; reflect++) {
            const size_t N = sizes[n];
            make_points(first, N, D, x);
            make_points(second, N, D, y);
            const double scale = extent(N * D, x, y);
            enf__kabsch_rotation(N, D, x, y, reflect, R);
            assert_orthogonal(D, R, reflect);
            const double want = enf__kabsch_distance(N, D, x, y, reflect);
            const double got = turned_distance(N, D, x, R, y);
            ck_assert_msg(fabs(got - want) <= 4e-15 * (double)(N + 10) * scale,
                          "D %zu, N %zu, points %d %d, reflect %d: %.17g, distance %.17g", D, N,
                          first, second, reflect, got, want);
          }
}
END_TEST

START_TEST(no_rotation_reaches_less) {
  double x[3 * MOST], y[3 * MOST];
  state = 2;
  for (size_t D = 2; D <= 3; D++)
    for (int kind = 0; kind < LATTICE; kind++)
      for (int reflect = 0; reflect < 2; reflect++)
        for (int trial = 0; trial < 3; trial++) {
          make_points(kind, 5, D, x);
          make_points(CLOUD, 5, D, y);
          double mirrored[15], least = search(5, D, x, y);
          memcpy(mirrored, y, sizeof mirrored);
          for (size_t a = 0; a < 5; a++)
            mirrored[D * a] *= -1;
          if (reflect)
            least = fmin(least, search(5, D, x, mirrored));
          const double got = enf__kabsch_distance(5, D, x, y, reflect);
          ck_assert_msg(got <= least + 1e-10 && got >= least - 1e-4,
                        "D %zu, points %d, reflect %d: %.12g, search %.12g", D, kind, reflect, got,
                        least);
        }
}
END_TEST

START_TEST(turned_points_come_back) {
  double x[3 * MOST], y[3 * MOST], R[9];
  state = 3;
  for (size_t D = 2; D <= 3; D++)
    for (int kind = 0; kind < TINY; kind++)
      for (int trial = 0; trial < TRIALS; trial++) {
        const bool reflect = trial % 2;
        make_points(kind, 13, D, x);
        random_rotation(D, reflect, R);
        enf__kabsch_apply(13, D, R, x, y);
        const double scale = extent(39 - 13 * (3 - D), x, x);
        ck_assert_double_le(enf__kabsch_distance(13, D, x, y, reflect), 1e-14 * scale);
        enf__kabsch_rotation(13, D, x, y, reflect, R);
        /* What M does not tell from rounding it cannot turn back. */
        const bool nearly = kind == NEARLY_FLAT || kind == NEARLY_STRAIGHT;
        ck_assert_double_le(turned_distance(13, D, x, R, y), (nearly ? 1e-14 : 1e-25) * scale);
      }
}
END_TEST

START_TEST(identical_points_stay) {
  double x[39], R[9];
  state = 4;
  for (size_t D = 2; D <= 3; D++) {
    make_points(CLOUD, 13, D, x);
    enf__kabsch_rotation(13, D, x, x, true, R);
    for (size_t i = 0; i < D * D; i++)
      ck_assert_double_eq_tol(R[i], i % (D + 1) == 0, 1e-14);
  }
}
END_TEST

/* A mirror image is as near as the points themselves with reflections, and further without unless
   the points have a mirror plane of their own. */
START_TEST(mirror_images_need_reflections) {
  double x[39], y[39];
  state = 5;
  for (size_t D = 2; D <= 3; D++)
    for (int trial = 0; trial < TRIALS; trial++) {
      make_points(CLOUD, 13, D, x);
      memcpy(y, x, sizeof y);
      for (size_t a = 0; a < 13; a++)
        y[D * a] *= -1;
      const double scale = extent(13 * D, x, x);
      ck_assert_double_le(enf__kabsch_distance(13, D, x, y, true), 1e-14 * scale);
      ck_assert_double_ge(enf__kabsch_distance(13, D, x, y, false), 0.01 * scale);
    }
  make_points(FLAT, 13, 3, x);
  for (size_t k = 0; k < 39; k++)
    y[k] = -x[k];
  ck_assert_double_le(enf__kabsch_distance(13, 3, x, y, false), 1e-13);
}
END_TEST

/* Known singular values: M = diag(3,2,1), and diag(3,2,-1). */
START_TEST(distance_has_the_signed_sum_of_singular_values) {
  const double x[] = {3, 0, 0, 0, 2, 0, 0, 0, 1}, mirrored[] = {3, 0, 0, 0, 2, 0, 0, 0, -1};
  const double y[] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, square = 9 + 4 + 1 + 3;
  ck_assert_double_eq_tol(enf__kabsch_distance(3, 3, x, y, true), square - 12, 1e-14);
  ck_assert_double_eq_tol(enf__kabsch_distance(3, 3, x, y, false), square - 12, 1e-14);
  ck_assert_double_eq_tol(enf__kabsch_distance(3, 3, mirrored, y, true), square - 12, 1e-14);
  ck_assert_double_eq_tol(enf__kabsch_distance(3, 3, mirrored, y, false), square - 8, 1e-14);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("laws");
  tcase_add_test(tests, rotation_reaches_the_distance);
  tcase_add_test(tests, no_rotation_reaches_less);
  tcase_add_test(tests, turned_points_come_back);
  tcase_add_test(tests, identical_points_stay);
  tcase_add_test(tests, mirror_images_need_reflections);
  tcase_add_test(tests, distance_has_the_signed_sum_of_singular_values);
  return run_suite("kabsch", tests);
}
