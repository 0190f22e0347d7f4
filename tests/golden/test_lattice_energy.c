/* Energies of gauge fields and of matrices of SU(n), and their gradients, against recorded numbers. */
#include "io/io.h"
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef GOLDEN_DIR
#define GOLDEN_DIR "tests/golden"
#endif

static const char *const lattices[] = {"u1_4x4", "u1_3x5", "su2_4x4", "su2_3x2", "su3_4x4"};
static const char *const matrices[] = {"one_su2", "one_su3", "one_su4"};
enum { LATTICES = 5, MATRICES = 3, MOST = 4096 };

static enf_ctx *ctx;
static enf__st_file file;
static size_t B;
static double x[MOST];

#define OK(call)                                                                                   \
  do {                                                                                             \
    const enf_status got = (call);                                                                 \
    ck_assert_msg(got == ENF_OK, "%s: %d %s", #call, (int)got, enf_ctx_errmsg(ctx));               \
  } while (0)

static size_t doubles(const char *name, double *out) {
  const enf__st_tensor *t = enf__st_find(&file, name);
  ck_assert_msg(t != NULL, "the golden file has no tensor %s", name);
  ck_assert_uint_le(t->count, MOST);
  enf__st_doubles(t, out);
  return t->count;
}

static void open_case(const char *name) {
  char path[256];
  snprintf(path, sizeof path, GOLDEN_DIR "/gauge_%s.safetensors", name);
  OK(enf_ctx_create(&ctx, NULL));
  OK(enf__st_read(ctx, &file, path));
  doubles("x", x);
  B = enf__st_find(&file, "x")->shape[0];
}

static void close_case(void) {
  enf__st_free(&file);
  enf_ctx_destroy(ctx);
}

/* Largest difference is at most `limit` of the largest number. */
static void check(const char *what, size_t count, const double *got, const double *expected,
                  double limit) {
  double worst = 0, size = 0;
  for (size_t k = 0; k < count; k++) {
    worst = fmax(worst, fabs(got[k] - expected[k]));
    size = fmax(size, fabs(expected[k]));
  }
  ck_assert_msg(worst <= limit * size, "%s: off by %.3g of %.3g", what, worst, size);
}

static void check_energy(const char *spec, const char *value, const char *slope) {
  static double u[MOST], grad[MOST], expected[MOST];
  enf_energy *energy;
  OK(enf_energy_builtin(ctx, &energy, spec));
  ck_assert_int_eq(enf_energy_eval(energy, B, x, u, grad), 0);
  check(value, doubles(value, expected), u, expected, 1e-12);
  check(slope, doubles(slope, expected), grad, expected, 1e-12);
  ck_assert_int_eq(enf_energy_eval(energy, B, x, u, NULL), 0);
  doubles(value, expected);
  check(value, B, u, expected, 1e-12);
  enf_energy_destroy(energy);
}

START_TEST(wilson_energies_and_gradients_are_the_recorded_ones) {
  double beta;
  char spec[160];
  unsigned side[2];
  open_case(lattices[_i]);
  doubles("beta", &beta);
  const char *group = enf__st_meta_find(&file, "group");
  ck_assert_int_eq(sscanf(enf__st_meta_find(&file, "lattice"), "%u %u", side, side + 1), 2);
  snprintf(spec, sizeof spec, "wilson:group=%s,l0=%u,l1=%u,beta=%.17g", group, side[0], side[1],
           beta);
  check_energy(spec, "action.S", strcmp(group, "u1") ? "action.grad_x" : "action.grad");
  close_case();
}
END_TEST

START_TEST(class_energies_and_gradients_are_the_recorded_ones) {
  double beta, c[3];
  char spec[200];
  open_case(matrices[_i]);
  doubles("beta", &beta);
  doubles("target.c", c);
  snprintf(spec, sizeof spec, "class:group=%s,beta=%.17g,c1=%.17g,c2=%.17g,c3=%.17g",
           enf__st_meta_find(&file, "group"), beta, c[0], c[1], c[2]);
  check_energy(spec, "target.u", "target.grad_x");
  close_case();
}
END_TEST

int main(void) {
  TCase *c = tcase_create("golden lattice energy");
  tcase_add_loop_test(c, wilson_energies_and_gradients_are_the_recorded_ones, 0, LATTICES);
  tcase_add_loop_test(c, class_energies_and_gradients_are_the_recorded_ones, 0, MATRICES);
  return run_suite("golden lattice energy", c);
}
