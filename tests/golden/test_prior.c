/* The mean-free Student-t density against golden vectors: values, gradients by the point, by the
   degrees of freedom and by the width. */
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

int main(void) {
  TCase *c = tcase_create("golden prior");
  tcase_add_loop_test(c, student_t_agrees_with_golden_vectors, 0, 2);
  return run_suite("golden prior", c);
}
