/* test_molecule_flow.c -- flows of molecules by public calls: invariances, there and back, samples
   and their densities, integrals, differences, and the same bits whatever threads, cuts and
   company.
 */
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 5, D = 3, DIM = N * D, C = 3 * N - 6, ROWS = 64 };

static const char *const zmatrix[] = {"0 1 2", "0 1 2; 3 2 1 0 t", "0 1 2; 3 2 1 0 t; 4 1 2 3 i"};
static enf_ctx *ctx;
static enf_opts *opts;
static enf_flow *flow;
static uint64_t state;

#define OK(call) ck_assert_msg((call) == ENF_OK, "%s", enf_ctx_errmsg(ctx))

static double uniform(double least, double most) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return least + (most - least) * ((double)(state >> 11) + 0.5) * 0x1p-53;
}

static double normal(void) { return sqrt(-2 * log(uniform(0, 1))) * cos(2 * M_PI * uniform(0, 1)); }

static void set(const char *name, const char *value) {
  ck_assert_msg(enf_opts_set(opts, name, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
}

/* Rows near one molecule, in x (n, atoms, 3). */
static void make_rows(size_t atoms, size_t n, double *x) {
  double *q = malloc(n * (3 * atoms - 6) * sizeof *q);
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < 3 * atoms - 6; k++) {
      double *to = q + i * (3 * atoms - 6) + k;
      if (k < atoms - 1)
        *to = 1 + 0.05 * normal();
      else if (k < 2 * atoms - 3)
        *to = 1.9 + 0.1 * normal();
      else
        *to = k == 2 * atoms - 3 ? 3 * normal() : 2 + 0.2 * normal();
    }
  OK(enf_cartesian(ctx, flow, n, q, x));
  free(q);
}

static void configure(const char *precision, const char *threads) {
  set("run.precision", precision);
  set("run.threads", threads);
  OK(enf_ctx_configure(ctx, opts));
}

/* Centres and widths from rows; with `trained`, thirty steps. */
static void begin(size_t atoms, bool trained) {
  char text[16];
  double *x = malloc(ROWS * atoms * D * sizeof *x);
  state = 7;
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  snprintf(text, sizeof text, "%zu", atoms);
  set("model.space", "molecule");
  set("model.particles", text);
  set("model.zmatrix", zmatrix[atoms - 3]);
  set("model.hidden", "16");
  configure("float64", "1");
  OK(enf_create(ctx, &flow, opts));
  make_rows(atoms, ROWS, x);
  OK(enf_prior_fit(ctx, flow, ROWS, x));
  if (trained) {
    enf_trainer *tr;
    set("train.lr", "1e-2");
    OK(enf_trainer_create(ctx, &tr, flow, opts));
    for (int i = 0; i < 30; i++)
      OK(enf_train_step(ctx, tr, ROWS, x, NULL));
    enf_trainer_destroy(tr);
  }
  free(x);
}

static void end(void) {
  enf_destroy(flow);
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
}

/* ---- densities ------------------------------------------------------------------------------- */

/* A rotation by quaternion (unit), then a shift. */
static void move(size_t atoms, const double *x, double *out) {
  double q[4], length = 0, shift[3];
  for (int k = 0; k < 4; k++)
    q[k] = normal(), length += q[k] * q[k];
  for (int k = 0; k < 4; k++)
    q[k] /= sqrt(length);
  for (int k = 0; k < 3; k++)
    shift[k] = 5 * normal();
  const double a = q[0], b = q[1], c = q[2], d = q[3];
  const double R[3][3] = {{1 - 2 * (c * c + d * d), 2 * (b * c - a * d), 2 * (b * d + a * c)},
                          {2 * (b * c + a * d), 1 - 2 * (b * b + d * d), 2 * (c * d - a * b)},
                          {2 * (b * d - a * c), 2 * (c * d + a * b), 1 - 2 * (b * b + c * c)}};
  for (size_t i = 0; i < atoms; i++)
    for (size_t k = 0; k < 3; k++)
      out[3 * i + k] =
          R[k][0] * x[3 * i] + R[k][1] * x[3 * i + 1] + R[k][2] * x[3 * i + 2] + shift[k];
}

START_TEST(densities_do_not_see_rotations_and_translations) {
  double x[ROWS * DIM], moved[ROWS * DIM], logp[2][ROWS];
  begin(N, _i);
  make_rows(N, ROWS, x);
  for (size_t i = 0; i < ROWS; i++)
    move(N, x + i * DIM, moved + i * DIM);
  OK(enf_log_prob(ctx, flow, ROWS, x, logp[0]));
  OK(enf_log_prob(ctx, flow, ROWS, moved, logp[1]));
  for (size_t i = 0; i < ROWS; i++)
    ck_assert_double_eq_tol(logp[0][i], logp[1][i], 1e-10 * fmax(1, fabs(logp[0][i])));
  end();
}
END_TEST

START_TEST(a_sample_has_the_density_of_its_point) {
  static const double limits[] = {1e-9, 1e-3};
  double x[ROWS * DIM], logp[2][ROWS];
  begin(N, _i % 2);
  configure(_i < 2 ? "float64" : "float32", "1");
  OK(enf_sample(ctx, flow, 11, 0, ROWS, x, logp[0]));
  OK(enf_log_prob(ctx, flow, ROWS, x, logp[1]));
  for (size_t i = 0; i < ROWS; i++)
    ck_assert_double_eq_tol(logp[0][i], logp[1][i], limits[_i / 2] * fmax(1, fabs(logp[0][i])));
  end();
}
END_TEST

START_TEST(coordinates_come_back) {
  double x[ROWS * DIM], q[ROWS * C], again[ROWS * C];
  begin(N, _i);
  OK(enf_sample(ctx, flow, 3, 0, ROWS, x, NULL));
  OK(enf_internal(ctx, flow, ROWS, x, q, NULL));
  OK(enf_cartesian(ctx, flow, ROWS, q, x));
  OK(enf_internal(ctx, flow, ROWS, x, again, NULL));
  for (size_t i = 0; i < ROWS * C; i++)
    ck_assert_double_eq_tol(q[i], again[i], 1e-9);
  end();
}
END_TEST

START_TEST(gradients_are_those_of_differences) {
  const double h = 1e-5;
  double x[4 * DIM], grad[4 * DIM], logp[4], side[2][4];
  begin(N, _i);
  make_rows(N, 4, x);
  OK(enf_log_prob_grad(ctx, flow, 4, x, logp, grad));
  for (size_t k = 0; k < DIM; k++) {
    for (int s = 0; s < 2; s++) {
      for (size_t i = 0; i < 4; i++)
        x[i * DIM + k] += s ? -2 * h : h;
      OK(enf_log_prob(ctx, flow, 4, x, side[s]));
    }
    for (size_t i = 0; i < 4; i++) {
      x[i * DIM + k] += h;
      const double slope = (side[0][i] - side[1][i]) / (2 * h);
      ck_assert_double_eq_tol(grad[i * DIM + k], slope, 1e-5 * fmax(10, fabs(slope)));
    }
  }
  end();
}
END_TEST

START_TEST(a_bad_row_fails_alone) {
  double x[8 * DIM], good[8], logp[8];
  begin(N, true);
  make_rows(N, 8, x);
  OK(enf_log_prob(ctx, flow, 8, x, good));
  memcpy(x + 3 * DIM + 3, x + 3 * DIM, 3 * sizeof *x); /* atom 1 on atom 0 */
  ck_assert_int_ne(enf_log_prob(ctx, flow, 8, x, logp), ENF_OK);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "3"));
  for (size_t i = 0; i < 8; i++)
    ck_assert(i == 3 ? isnan(logp[i]) : logp[i] == good[i]);
  end();
}
END_TEST

/* ---- integrals ------------------------------------------------------------------------------- */

/* Atom 0 at the origin, 1 on the x axis, 2 in the plane. */
static void triangle(double r01, double r12, double r02, double *x) {
  const double along = (r01 * r01 + r02 * r02 - r12 * r12) / (2 * r01);
  memset(x, 0, 9 * sizeof *x);
  x[3] = r01;
  x[6] = along;
  x[7] = sqrt(fmax(r02 * r02 - along * along, 0));
}

static void read_chart(double *center, double *width, size_t count) {
  OK(enf_params_get(ctx, flow, "internal.center", center, count));
  OK(enf_params_get(ctx, flow, "internal.width", width, count));
}

/* Over the distances, in steps of the chart's coordinates, where a fresh density is a Gaussian. */
START_TEST(the_density_of_three_atoms_integrates_to_one) {
  enum { STEPS = 32 };
  const double h = 0.5;
  static double x[STEPS * 9], logp[STEPS], volume[STEPS];
  double m[3], w[3], sum = 0;
  begin(3, false);
  read_chart(m, w, 3);
  for (int i = 0; i < STEPS; i++)
    for (int j = 0; j < STEPS; j++) {
      const double r01 = exp(m[0] + w[0] * h * (i - 15.5)), r12 = exp(m[1] + w[1] * h * (j - 15.5));
      for (int k = 0; k < STEPS; k++) {
        const double T = M_PI / (1 + exp(-m[2] - w[2] * h * (k - 15.5)));
        const double r02 = sqrt(r01 * r01 + r12 * r12 - 2 * r01 * r12 * cos(T));
        const double slopes =
            w[0] * r01 * w[1] * r12 * w[2] * T * (M_PI - T) / M_PI * (r01 * r12 * sin(T) / r02);
        volume[k] = 8 * M_PI * M_PI * pow(3, -1.5) * r01 * r02 * r12 * slopes;
        triangle(r01, r12, r02, x + 9 * k);
      }
      OK(enf_log_prob(ctx, flow, STEPS, x, logp));
      for (int k = 0; k < STEPS; k++)
        sum += h * h * h * volume[k] * exp(logp[k]);
    }
  ck_assert_double_eq_tol(sum, 1, 1e-6);
  end();
}
END_TEST

/* By Monte Carlo from wide normals on lines and a uniform torsion. */
START_TEST(the_density_of_four_atoms_integrates_to_one) {
  enum { DRAWS = 50000, K = 6 };
  const double wide = 1.3;
  double *q = malloc(DRAWS * K * sizeof *q), *x = malloc(DRAWS * 12 * sizeof *x), m[K], w[K];
  double *weight = malloc(DRAWS * sizeof *weight), *J = malloc(DRAWS * sizeof *J);
  double *logp = malloc(DRAWS * sizeof *logp), sum = 0, square = 0;
  begin(4, true);
  read_chart(m, w, K);
  for (size_t i = 0; i < DRAWS; i++) {
    weight[i] = log(8 * M_PI * M_PI) - 1.5 * log(4) + log(2 * M_PI);
    for (size_t k = 0; k < K; k++) {
      const double z = normal(), y = m[k] + w[k] * wide * z;
      double *to = &q[i * K + k];
      *to = k < 3 ? exp(y) : k < 5 ? M_PI / (1 + exp(-y)) : uniform(-M_PI, M_PI);
      if (k < 5)
        weight[i] += 0.5 * z * z + 0.5 * log(2 * M_PI) + log(wide * w[k]);
      if (k < 5)
        weight[i] += k < 3 ? log(*to) : log(*to * (M_PI - *to) / M_PI);
    }
  }
  OK(enf_cartesian(ctx, flow, DRAWS, q, x));
  OK(enf_internal(ctx, flow, DRAWS, x, q, J));
  OK(enf_log_prob(ctx, flow, DRAWS, x, logp));
  for (size_t i = 0; i < DRAWS; i++) {
    const double v = exp(logp[i] + weight[i] + J[i]);
    sum += v / DRAWS;
    square += v * v / DRAWS;
  }
  const double error = sqrt((square - sum * sum) / DRAWS);
  ck_assert_double_lt(error, 0.01);
  ck_assert_double_eq_tol(sum, 1, 3 * error);
  free(q), free(x), free(weight), free(J), free(logp);
  end();
}
END_TEST

/* ---- bits ------------------------------------------------------------------------------------ */

START_TEST(samples_and_densities_are_the_same_in_any_cut) {
  enum { MANY = 700 };
  static const size_t cuts[] = {0, 1, 130, 387, MANY};
  static double x[2][MANY * DIM], logp[2][MANY], again[MANY];
  begin(N, true);
  configure(_i % 2 ? "float64" : "float32", "1");
  OK(enf_sample(ctx, flow, 5, 20, MANY, x[0], logp[0]));
  OK(enf_log_prob(ctx, flow, MANY, x[0], again));
  configure(_i % 2 ? "float64" : "float32", "2");
  for (size_t k = 0; k < 4; k++) {
    const size_t first = cuts[k], n = cuts[k + 1] - first;
    OK(enf_sample(ctx, flow, 5, 20 + first, n, x[1] + first * DIM, logp[1] + first));
  }
  ck_assert_mem_eq(x[0], x[1], sizeof x[0]);
  ck_assert_mem_eq(logp[0], logp[1], sizeof logp[0]);
  for (size_t i = 0; i < MANY; i += 97) {
    double alone;
    OK(enf_log_prob(ctx, flow, 1, x[0] + i * DIM, &alone));
    ck_assert_mem_eq(&alone, &again[i], sizeof alone);
  }
  end();
}
END_TEST

static int springs(void *user, size_t n, const double *x, double *u, double *grad) {
  (void)user;
  for (size_t i = 0; i < n; i++) {
    u[i] = 0;
    for (size_t k = 0; k < DIM; k++) {
      u[i] += x[i * DIM + k] * x[i * DIM + k];
      if (grad)
        grad[i * DIM + k] = 2 * x[i * DIM + k];
    }
  }
  return 0;
}

/* The parameters after three steps. */
static void train(const char *objective, const char *threads, const double *rows, double *out,
                  size_t count) {
  enf_trainer *tr;
  begin(N, false);
  configure("float32", threads);
  set("train.objective", objective);
  OK(enf_trainer_create(ctx, &tr, flow, opts));
  ck_assert_int_eq(enf_trainer_set_energy(tr, springs, NULL), ENF_OK);
  for (int i = 0; i < 3; i++)
    OK(enf_train_step(ctx, tr, 300, rows, NULL));
  OK(enf_params_get(ctx, flow, "spline.2.net.2.weight", out, count));
  enf_trainer_destroy(tr);
  end();
}

START_TEST(training_is_the_same_for_any_number_of_threads) {
  static const char *const objectives[] = {"likelihood", "mixed", "refine"};
  static double rows[300 * DIM], weights[2][8192];
  const char *name;
  size_t r = 0, c = 0, count = 0;
  begin(N, false);
  make_rows(N, 300, rows);
  for (size_t k = 0; enf_params_info(flow, k, &name, &r, &c) == ENF_OK; k++)
    if (!strcmp(name, "spline.2.net.2.weight"))
      count = r * c;
  end();
  ck_assert(count > 0 && count <= 8192);
  train(objectives[_i], "1", rows, weights[0], count);
  train(objectives[_i], "2", rows, weights[1], count);
  ck_assert_mem_eq(weights[0], weights[1], count * sizeof(double));
  ck_assert_double_ne(weights[0][0], 0);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("laws");
  tcase_set_timeout(tests, 60);
  tcase_add_loop_test(tests, densities_do_not_see_rotations_and_translations, 0, 2);
  tcase_add_loop_test(tests, a_sample_has_the_density_of_its_point, 0, 4);
  tcase_add_loop_test(tests, coordinates_come_back, 0, 2);
  tcase_add_loop_test(tests, gradients_are_those_of_differences, 0, 2);
  tcase_add_test(tests, a_bad_row_fails_alone);
  tcase_add_test(tests, the_density_of_three_atoms_integrates_to_one);
  tcase_add_test(tests, the_density_of_four_atoms_integrates_to_one);
  tcase_add_loop_test(tests, samples_and_densities_are_the_same_in_any_cut, 0, 2);
  tcase_add_loop_test(tests, training_is_the_same_for_any_number_of_threads, 0, 3);
  return run_suite("flows of molecules", tests);
}
