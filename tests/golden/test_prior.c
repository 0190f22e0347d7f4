/* The mean-free Student-t density against golden vectors: values, gradients by the point, by the
   degrees of freedom and by the width. */
#include "flow/flow.h"
#include "golden.h"
#include "prior/prior.h"

static const char *const cases[] = {"iso_a", "iso_b"};
static const size_t particles[] = {4, 5}, dimensions[] = {2, 3};
enum { ROWS = 6, MOST = 15, DFS = 4 };

static double *read(const golden *g, const char *which, const char *tensor) {
  char name[64];
  snprintf(name, sizeof name, "%s.%s", which, tensor);
  return golden_doubles(g, name, NULL);
}

static void expect(const char *what, double got, double want, double tolerance) {
  ck_assert_msg(fabs(got - want) <= tolerance * (1 + fabs(want)), "%s: %.17g, not %.17g", what, got,
                want);
}

START_TEST(student_t_agrees_with_golden_vectors) {
  golden g = {0};
  ck_assert_int_eq(enf_ctx_create(&g.ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf__st_read(g.ctx, &g.file, GOLDEN_DIR "/families_prior.safetensors"), ENF_OK);
  const enf__space space = enf__space_make(ENF__PARTICLES, particles[_i], dimensions[_i]);
  const size_t dim = particles[_i] * dimensions[_i];
  double *x = read(&g, cases[_i], "x"), *scale = read(&g, cases[_i], "scale");
  double *df = read(&g, cases[_i], "df"), *logp = read(&g, cases[_i], "logp");
  double *grad = read(&g, cases[_i], "grad_x"), *by_df = read(&g, cases[_i], "grad_df");
  double *by_scale = read(&g, cases[_i], "grad_scale"), got[MOST], by_log[2];
  enf__prior prior = enf__prior_make(ENF__STUDENT_PRIOR, &space, scale[0]);
  for (size_t f = 0; f < DFS; f++)
    for (size_t i = 0; i < ROWS; i++) {
      const size_t at = f * ROWS + i;
      prior.df = df[f];
      expect("log density", enf__prior_log_density(&prior, x + i * dim), logp[at], 1e-12);
      prior.ops->gradient(&prior, x + i * dim, got, by_log);
      for (size_t k = 0; k < dim; k++)
        expect("gradient", got[k], grad[at * dim + k], 1e-12);
      expect("by df", by_log[1] / df[f], by_df[at], 1e-10);
      expect("by width", by_log[0] / scale[0], by_scale[at], 1e-10);
    }
  double *const all[] = {x, scale, df, logp, grad, by_df, by_scale};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    free(all[i]);
  enf__st_free(&g.file);
  enf_ctx_destroy(g.ctx);
}
END_TEST

/* A flow of five particles of three kinds, its prior fitted to the sample of the file. */
static enf_flow *fitted_flow(const golden *g, const char *prior, const double *sample) {
  enf_opts *opts;
  enf_flow *flow;
  ck_assert_int_eq(enf_opts_create(g->ctx, &opts), ENF_OK);
  enf_opts_set_int(opts, "model.particles", 5);
  enf_opts_set(opts, "model.species", "0 0 1 1 2");
  enf_opts_set(opts, "model.prior", prior);
  ck_assert_int_eq(enf_opts_set(opts, "model.prior_covariance", "data"), ENF_OK);
  ck_assert_int_eq(enf_create(g->ctx, &flow, opts), ENF_OK);
  ck_assert_msg(enf_prior_fit(g->ctx, flow, 300, sample) == ENF_OK, "%s", enf_ctx_errmsg(g->ctx));
  enf_opts_destroy(opts);
  return flow;
}

/* logp and gradient of the prior, in the host's units, against those of the file. */
static void expect_density(const golden *g, const enf_flow *flow, const enf__prior *prior,
                           const double *x, const double *logp, const double *grad) {
  const double s = flow->space.scale;
  double z[MOST], got[MOST];
  for (size_t i = 0; i < 8; i++) {
    flow->space.ops->enter(&flow->space, x + i * MOST, z, NULL, NULL);
    expect("log density", enf__prior_log_density(prior, z) - 12 * log(s), logp[i], 1e-10);
    enf__prior_gradient(prior, z, got);
    for (size_t k = 0; k < MOST; k++)
      expect("gradient", got[k] / s, grad[i * MOST + k], 1e-8);
  }
  (void)g;
}

START_TEST(covariance_agrees_with_golden_vectors) {
  golden g = {0};
  ck_assert_int_eq(enf_ctx_create(&g.ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf__st_read(g.ctx, &g.file, GOLDEN_DIR "/families_prior.safetensors"), ENF_OK);
  const char *const names[] = {"sample",         "matrix",     "nll",
                               "logp",           "grad_x",     "student_logp",
                               "student_grad_x", "student_df", "eigenvalues"};
  double *t[9], S[25], mean = 0, volume = 0;
  for (size_t i = 0; i < 9; i++)
    t[i] = read(&g, "covariance", names[i]);
  enf_flow *flow = fitted_flow(&g, "gaussian", t[0]);
  const double s = flow->space.scale;
  ck_assert_int_eq(enf_params_get(g.ctx, flow, "prior.covariance", S, 25), ENF_OK);
  for (size_t k = 0; k < 25; k++)
    expect("covariance", S[k] * s * s, t[1][k], 1e-12);
  for (size_t k = 0; k < 4; k++)
    volume += 1.5 * log(t[8][k]);
  expect("log volume", flow->prior.ellipse.log_volume + 12 * log(s), volume, 1e-10);
  for (size_t i = 0; i < 300; i++) {
    double z[MOST];
    flow->space.ops->enter(&flow->space, t[0] + i * MOST, z, NULL, NULL);
    mean -= (enf__prior_log_density(&flow->prior, z) - 12 * log(s)) / 300;
  }
  expect("nll", mean, t[2][0], 1e-10);
  expect_density(&g, flow, &flow->prior, t[0], t[3], t[4]);
  enf__prior student = enf__prior_make(ENF__STUDENT_PRIOR, &flow->space, 1);
  student.df = t[7][0];
  student.ellipse = flow->prior.ellipse;
  expect_density(&g, flow, &student, t[0], t[5], t[6]);
  enf_destroy(flow);
  for (size_t i = 0; i < 9; i++)
    free(t[i]);
  enf__st_free(&g.file);
  enf_ctx_destroy(g.ctx);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("golden prior");
  tcase_add_loop_test(c, student_t_agrees_with_golden_vectors, 0, 2);
  tcase_add_test(c, covariance_agrees_with_golden_vectors);
  return run_suite("golden prior", c);
}
