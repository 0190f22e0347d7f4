/* test_alanine.c -- the energy of the alanine dipeptide example: that of OpenMM's Reference
   platform, with the gradient that belongs to it, and without regard to place and direction. */
#include "golden.h"

#include "../examples/alanine/alanine.c"
#include "suite.h"

enum { FRAMES = 2, SIZE = N * D };

static void read_frames(double *x) {
  golden g;
  memset(&g, 0, sizeof g);
  ck_assert_int_eq(enf_ctx_create(&g.ctx, NULL), ENF_OK);
  const char *path = GOLDEN_DIR "/internal_ala2_geometry.safetensors";
  ck_assert_msg(enf__st_read(g.ctx, &g.file, path) == ENF_OK, "%s", enf_ctx_errmsg(g.ctx));
  size_t count;
  double *frames = golden_doubles(&g, "x", &count);
  ck_assert_uint_eq(count, FRAMES * SIZE);
  memcpy(x, frames, FRAMES * SIZE * sizeof *x);
  free(frames);
  enf__st_free(&g.file);
  enf_ctx_destroy(g.ctx);
}

static double energy_of(const double *x) {
  double u;
  ck_assert_int_eq(enf_plugin_energy(NULL, 1, x, &u, NULL), 0);
  return u;
}

START_TEST(energies_are_openmms) {
  static const double kilojoules[FRAMES] = {-78.33702213626565, -72.4042430239007};
  double x[FRAMES * SIZE], u[FRAMES];
  read_frames(x);
  ck_assert_int_eq(enf_plugin_energy(NULL, FRAMES, x, u, NULL), 0);
  for (int s = 0; s < FRAMES; s++)
    ck_assert_double_eq_tol(u[s] * KT, kilojoules[s], 1e-10);
}
END_TEST

START_TEST(the_gradient_is_that_of_the_energy) {
  const double step = 1e-5;
  double x[FRAMES * SIZE], u[FRAMES], grad[FRAMES * SIZE];
  read_frames(x);
  ck_assert_int_eq(enf_plugin_energy(NULL, FRAMES, x, u, grad), 0);
  for (int s = 0; s < FRAMES; s++)
    for (int k = 0; k < SIZE; k++) {
      double there[SIZE], back[SIZE];
      memcpy(there, x + s * SIZE, sizeof there), memcpy(back, there, sizeof back);
      there[k] += step, back[k] -= step;
      const double slope = (energy_of(there) - energy_of(back)) / (2 * step);
      ck_assert_double_eq_tol(grad[s * SIZE + k], slope, 1e-3);
    }
}
END_TEST

START_TEST(place_direction_and_hand_do_not_matter) {
  double x[FRAMES * SIZE], moved[SIZE];
  read_frames(x);
  const double u = energy_of(x), c = cos(0.7), s = sin(0.7);
  for (int i = 0; i < N; i++) {
    const double *from = x + 3 * i;
    moved[3 * i] = c * from[0] - s * from[1] + 0.3;
    moved[3 * i + 1] = s * from[0] + c * from[1] - 0.2;
    moved[3 * i + 2] = -from[2];
  }
  ck_assert_double_eq_tol(energy_of(moved), u, 1e-9);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("alanine");
  tcase_add_test(tests, energies_are_openmms);
  tcase_add_test(tests, the_gradient_is_that_of_the_energy);
  tcase_add_test(tests, place_direction_and_hand_do_not_matter);
  return run_suite("alanine", tests);
}
