/* The lines of data against golden vectors, and singular values of maps by hand. */
#include "golden.h"
#include "math/jacobi.h"
#include <enf/enf.h>

static golden g;

static void setup(void) {
  memset(&g, 0, sizeof g);
  ck_assert_int_eq(enf_ctx_create(&g.ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf__st_read(g.ctx, &g.file, GOLDEN_DIR "/families_reference.safetensors"),
                   ENF_OK);
}

static void teardown(void) {
  enf__st_free(&g.file);
  enf_ctx_destroy(g.ctx);
}

static void expect(const char *name, double got) {
  double *want = golden_doubles(&g, name, NULL);
  ck_assert_msg(fabs(got - want[0]) <= 1e-10 * fabs(want[0]), "%s: %.15g, not %.15g", name, got,
                want[0]);
  free(want);
}

static enf_flow *make(const char *space, int N, int D, const char *species) {
  enf_opts *opts;
  enf_flow *flow;
  ck_assert_int_eq(enf_opts_create(g.ctx, &opts), ENF_OK);
  enf_opts_set(opts, "model.space", space);
  enf_opts_set_int(opts, "model.particles", N);
  enf_opts_set_int(opts, "model.dimensions", D);
  enf_opts_set(opts, "model.species", species);
  enf_opts_set(opts, "model.data_scale", "2");
  enf_opts_set(opts, "model.map", N == 1 ? "linear" : "residual*2");
  ck_assert_msg(enf_create(g.ctx, &flow, opts) == ENF_OK, "%s", enf_ctx_errmsg(g.ctx));
  enf_opts_destroy(opts);
  return flow;
}

START_TEST(lines_of_vectors) {
  size_t count;
  double *x = golden_doubles(&g, "vector.x", &count);
  enf_flow *flow = make("vector", 1, 6, "");
  enf_lines lines = ENF_LINES_INIT;
  ck_assert_int_eq(enf_reference_lines(g.ctx, flow, count / 6, x, 2, &lines), ENF_OK);
  expect("vector.nll_gaussian", lines.nll_covariance);
  expect("vector.nll_isotropic", lines.nll_isotropic);
  expect("vector.ppca_noise", lines.ppca_noise);
  expect("vector.nll_ppca", lines.nll_ppca);
  ck_assert(isfinite(lines.nll_student) && lines.student_df > 0);
  ck_assert_int_eq(enf_reference_lines(g.ctx, flow, count / 6, x, 6, &lines), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_reference_lines(g.ctx, flow, 0, x, 2, &lines), ENF_ERR_ARG);
  ck_assert_int_eq(enf_reference_lines(g.ctx, flow, 1, x, 2, NULL), ENF_ERR_ARG);
  enf_destroy(flow);
  free(x);
}
END_TEST

/* E xx^T in the place of the covariance: what the rows and their mirror images have. */
START_TEST(lines_without_a_shift) {
  enum { D = 6 };
  size_t count;
  double *x = golden_doubles(&g, "vector.x", &count), A[D * D] = {0}, lam[D];
  double *want = golden_doubles(&g, "vector.autocorrelation_eigenvalues", NULL);
  double *both = malloc(2 * count * sizeof *both);
  for (size_t k = 0; k < count; k++) {
    both[k] = x[k];
    both[count + k] = -x[k];
    for (size_t j = 0; j < D; j++)
      A[k % D * D + j] += x[k] * x[k / D * D + j] / (double)(count / D);
  }
  enf__eigenvalues(D, A, lam);
  ck_assert_double_lt(golden_error(D, lam, want), 1e-12);
  enf_flow *flow = make("vector", 1, D, "");
  enf_lines lines = ENF_LINES_INIT;
  ck_assert_int_eq(enf_reference_lines(g.ctx, flow, 2 * count / D, both, 0, &lines), ENF_OK);
  expect("vector.nll_no_shift", lines.nll_covariance);
  enf_destroy(flow);
  free(both);
  free(want);
  free(x);
}
END_TEST

/* The covariance's line is the fitted prior's own score; every other is above it. */
START_TEST(lines_of_particles) {
  golden p = {.ctx = g.ctx};
  ck_assert_int_eq(enf__st_read(g.ctx, &p.file, GOLDEN_DIR "/families_prior.safetensors"), ENF_OK);
  double *x = golden_doubles(&p, "covariance.sample", NULL);
  double *nll = golden_doubles(&p, "covariance.nll", NULL);
  enf_flow *flow = make("particles", 5, 3, "0 0 1 1 2");
  enf_lines lines = ENF_LINES_INIT;
  ck_assert_int_eq(enf_reference_lines(g.ctx, flow, 300, x, 0, &lines), ENF_OK);
  ck_assert_double_eq_tol(lines.nll_covariance, nll[0], 1e-10);
  ck_assert(lines.nll_isotropic > lines.nll_covariance);
  ck_assert(lines.nll_student < lines.nll_covariance + 1e-3);
  ck_assert(isnan(lines.nll_ppca));
  enf_destroy(flow);
  free(x);
  free(nll);
  enf__st_free(&p.file);
}
END_TEST

/* z = W x/s + b with W of known singular values. */
START_TEST(singular_values_of_a_linear_map) {
  enf_flow *flow = make("vector", 1, 2, "");
  const double c = cos(0.4), s = sin(0.4), w[] = {3 * c, -3 * s, 0.5 * s, 0.5 * c};
  const double x[] = {0.1, 0.2, -3, 1};
  double low[2], high[2];
  ck_assert_int_eq(enf_params_set(g.ctx, flow, "linear.0.weight", w, 4), ENF_OK);
  ck_assert_int_eq(enf_singular_values(g.ctx, flow, 2, x, low, high), ENF_OK);
  for (int i = 0; i < 2; i++) {
    ck_assert_double_eq_tol(high[i], 3.0 / 2, 1e-12);
    ck_assert_double_eq_tol(low[i], 0.5 / 2, 1e-12);
  }
  enf_destroy(flow);
}
END_TEST

/* Of a map of particles, which is the identity at first but for the unit. */
START_TEST(singular_values_of_particles) {
  enf_flow *flow = make("particles", 3, 2, "");
  const double x[] = {0, 0, 1, 0.3, -2, 1, 1, 2, 3, 4, 5, (double)NAN};
  double low[2], high[2];
  ck_assert_int_eq(enf_singular_values(g.ctx, flow, 2, x, low, high), ENF_ERR_NONFINITE);
  ck_assert_double_eq_tol(high[0], 0.5, 1e-12);
  ck_assert_double_eq_tol(low[0], 0.5, 1e-12);
  ck_assert(isnan(low[1]) && isnan(high[1]));
  enf_destroy(flow);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("golden reference");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_add_test(c, lines_of_vectors);
  tcase_add_test(c, lines_without_a_shift);
  tcase_add_test(c, lines_of_particles);
  tcase_add_test(c, singular_values_of_a_linear_map);
  tcase_add_test(c, singular_values_of_particles);
  return run_suite("golden reference", c);
}
