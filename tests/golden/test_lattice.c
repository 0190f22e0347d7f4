/* Gauge fields and matrices of SU(n) against recorded numbers: energies and their gradients,
   plaquettes, charges, loops, eigenangles; through the public calls. */
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
static enf_flow *flow;
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
  enf_opts *opts;
  snprintf(path, sizeof path, GOLDEN_DIR "/gauge_%s.safetensors", name);
  OK(enf_ctx_create(&ctx, NULL));
  OK(enf__st_read(ctx, &file, path));
  const char *lattice = enf__st_meta_find(&file, "lattice");
  const bool one = !strcmp(lattice, "one");
  OK(enf_opts_create(ctx, &opts));
  ck_assert_int_eq(enf_opts_set(opts, "model.space", one ? "group" : "lattice"), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "model.group", enf__st_meta_find(&file, "group")), ENF_OK);
  if (!one)
    ck_assert_int_eq(enf_opts_set(opts, "model.lattice", lattice), ENF_OK);
  OK(enf_create(ctx, &flow, opts));
  enf_opts_destroy(opts);
  doubles("x", x);
  B = enf__st_find(&file, "x")->shape[0];
}

static void close_case(void) {
  enf_destroy(flow);
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

START_TEST(plaquettes_and_charges_are_the_recorded_ones) {
  static double mean[MOST], each[MOST], charge[MOST], expected[MOST], pairs[MOST];
  open_case(lattices[_i]);
  const bool circle = !strcmp(enf__st_meta_find(&file, "group"), "u1");
  OK(enf_lattice_plaquettes(ctx, flow, B, x, mean, each, circle ? charge : NULL));
  const size_t V = doubles("plaquette", pairs) / (2 * B);
  for (size_t k = 0; k < B * V; k++)
    expected[k] = pairs[2 * k];
  check("plaquette", B * V, each, expected, 1e-12);
  for (size_t i = 0; i < B; i++) {
    double sum = 0;
    for (size_t k = 0; k < V; k++)
      sum += expected[i * V + k] / (double)V;
    ck_assert_double_eq_tol(mean[i], sum, 1e-13);
  }
  if (circle) {
    doubles("charge", expected);
    for (size_t i = 0; i < B; i++)
      ck_assert_double_eq_tol(charge[i], expected[i], 1e-12);
  }
  close_case();
}
END_TEST

START_TEST(loops_are_the_recorded_ones) {
  static double w[MOST], expected[MOST];
  open_case(lattices[_i]);
  const size_t V = enf__st_find(&file, "plaquette")->count / (2 * B);
  for (size_t a = 1; a <= 2; a++)
    for (size_t b = 1; b <= 2; b++) {
      char name[32];
      snprintf(name, sizeof name, "loop.%zux%zu", a, b);
      OK(enf_lattice_loop(ctx, flow, B, x, a, b, w));
      doubles(name, expected);
      for (size_t i = 0; i < B; i++)
        ck_assert_double_eq_tol(w[i], expected[i] / (double)V, 1e-13);
    }
  close_case();
}
END_TEST

START_TEST(eigenangles_are_the_recorded_ones) {
  double angles[64], log_haar[8], expected[64];
  open_case(matrices[_i]);
  OK(enf_group_angles(ctx, flow, B, x, angles, log_haar));
  check("eig.angles", doubles("eig.angles", expected), angles, expected, 1e-13);
  check("eig.log_haar", doubles("eig.log_haar", expected), log_haar, expected, 1e-12);
  OK(enf_group_angles(ctx, flow, B, x, angles, NULL));
  close_case();
}
END_TEST

int main(void) {
  TCase *c = tcase_create("golden lattice");
  tcase_add_loop_test(c, wilson_energies_and_gradients_are_the_recorded_ones, 0, LATTICES);
  tcase_add_loop_test(c, class_energies_and_gradients_are_the_recorded_ones, 0, MATRICES);
  tcase_add_loop_test(c, plaquettes_and_charges_are_the_recorded_ones, 0, LATTICES);
  tcase_add_loop_test(c, loops_are_the_recorded_ones, 0, LATTICES);
  tcase_add_loop_test(c, eigenangles_are_the_recorded_ones, 0, MATRICES);
  return run_suite("golden lattice", c);
}
