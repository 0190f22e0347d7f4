/* Copula priors and the Gumbel copula's energy against golden vectors: log-densities and gradients,
   far tails included; those of the copula paper's bases behind its network are in
   test_autoregressive.c. */
#include "flow/flow.h"
#include "golden.h"
#include "prior/prior.h"
#include <enf/energy.h>

enum { ROWS = 40, MOST = 3 };

/* Case, margins, copula, its degrees of freedom. */
static const char *const cases[][4] = {
    {"independent", "student-t:df=2; laplace:loc=0.3,scale=4; student-t:df=5,loc=-0.5,scale=2",
     "independent", "5"},
    {"gaussian", "student-t:df=2; laplace:loc=0.3,scale=4; student-t:df=5,loc=-0.5,scale=2",
     "gaussian", "5"},
    {"student", "student-t:df=2; laplace:loc=0.3,scale=4; student-t:df=5,loc=-0.5,scale=2",
     "student-t", "4"},
    {"paper_normal", "normal", "independent", "5"},
    {"paper_heavier", "laplace:scale=4; student-t:df=5,scale=2", "independent", "5"},
    {"paper_family", "student-t:df=5", "independent", "5"},
    {"paper_exact", "student-t:df=2; student-t:df=2", "independent", "5"}};
enum { CASES = 7 };

static double *read(const golden *g, const char *which, const char *tensor) {
  char name[64];
  snprintf(name, sizeof name, "%s.%s", which, tensor);
  return golden_doubles(g, name, NULL);
}

static void open_file(golden *g) {
  memset(g, 0, sizeof *g);
  ck_assert_int_eq(enf_ctx_create(&g->ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf__st_read(g->ctx, &g->file, GOLDEN_DIR "/families_copula.safetensors"), ENF_OK);
}

static void close_file(golden *g) {
  enf__st_free(&g->file);
  enf_ctx_destroy(g->ctx);
}

static enf_flow *make(const golden *g, const char *const row[4], size_t D) {
  enf_opts *opts;
  enf_flow *flow;
  const char *const set[][2] = {{"model.space", "vector"},    {"model.map", "autoregressive*1"},
                                {"model.data_scale", "1"},    {"model.prior", "copula"},
                                {"model.margins", row[1]},    {"model.copula", row[2]},
                                {"model.copula_df", row[3]}};
  ck_assert_int_eq(enf_opts_create(g->ctx, &opts), ENF_OK);
  for (size_t k = 0; k < sizeof set / sizeof *set; k++)
    ck_assert_msg(enf_opts_set(opts, set[k][0], set[k][1]) == ENF_OK, "%s", enf_opts_errmsg(opts));
  enf_opts_set_int(opts, "model.dimensions", (int64_t)D);
  ck_assert_msg(enf_create(g->ctx, &flow, opts) == ENF_OK, "%s", enf_ctx_errmsg(g->ctx));
  enf_opts_destroy(opts);
  return flow;
}

START_TEST(copula_priors_agree_with_golden_vectors) {
  golden g;
  open_file(&g);
  const char *const *row = cases[_i];
  const size_t D = _i < 3 ? 3 : 2;
  enf_flow *flow = make(&g, row, D);
  double *x = read(&g, row[0], "x"), *logp = read(&g, row[0], "logp");
  double *grad = read(&g, row[0], "grad_x"), *R = golden_doubles(&g, "correlation", NULL);
  double got[ROWS], slope[ROWS * MOST];
  if (strcmp(row[2], "independent") != 0)
    ck_assert_msg(enf_params_set(g.ctx, flow, "prior.correlation", R, 9) == ENF_OK, "%s",
                  enf_ctx_errmsg(g.ctx));
  ck_assert_int_eq(enf_prior_log_prob(g.ctx, flow, ROWS, x, got), ENF_OK);
  for (size_t i = 0; i < ROWS; i++)
    enf__prior_gradient(&flow->prior, x + i * D, slope + i * D);
  for (size_t i = 0; i < ROWS; i++)
    ck_assert_msg(fabs(got[i] - logp[i]) <= 1e-10 * (1 + fabs(logp[i])), "row %zu: %.17g, not %.17g",
                  i, got[i], logp[i]);
  for (size_t k = 0; k < ROWS * D; k++)
    ck_assert_msg(fabs(slope[k] - grad[k]) <= 1e-8 * (1 + fabs(grad[k])),
                  "gradient %zu: %.17g, not %.17g", k, slope[k], grad[k]);
  double *const all[] = {x, logp, grad, R};
  for (size_t i = 0; i < 4; i++)
    free(all[i]);
  enf_destroy(flow);
  close_file(&g);
}
END_TEST

/* F(x) from the smaller tail, as the file has it: u itself. */
START_TEST(margins_agree_with_golden_vectors) {
  golden g;
  open_file(&g);
  enf_flow *flow = make(&g, cases[_i], _i < 3 ? 3 : 2);
  const size_t D = flow->prior.copula.D;
  double *x = read(&g, cases[_i][0], "x"), *u = read(&g, cases[_i][0], "u");
  for (size_t k = 0; k < ROWS * D; k++) {
    const enf__copula_margin *m = &flow->prior.copula.margin[k % D];
    const double t = (x[k] - m->loc) / m->scale;
    const double tail = exp(enf__law_log_tail(m->law, fabs(t)));
    ck_assert_double_eq_tol(t < 0 ? tail : 1 - tail, u[k], 1e-12);
    if (t < 0)
      ck_assert_double_eq_tol(tail / u[k], 1, 1e-10);
  }
  free(x);
  free(u);
  enf_destroy(flow);
  close_file(&g);
}
END_TEST

START_TEST(gumbel_agrees_with_golden_vectors) {
  golden g;
  enf_energy *energy;
  open_file(&g);
  double *x = read(&g, "gumbel", "x"), *logp = read(&g, "gumbel", "logp");
  double *grad = read(&g, "gumbel", "grad_x"), u[ROWS], slope[ROWS * 2];
  ck_assert_int_eq(enf_energy_builtin(g.ctx, &energy, "gumbel:theta=2.5,df=2"), ENF_OK);
  ck_assert_int_eq(enf_energy_eval(energy, ROWS, x, u, slope), 0);
  for (size_t i = 0; i < ROWS; i++)
    ck_assert_msg(fabs(u[i] + logp[i]) <= 1e-10 * (1 + fabs(logp[i])), "row %zu: %.17g, not %.17g",
                  i, -u[i], logp[i]);
  for (size_t k = 0; k < ROWS * 2; k++)
    ck_assert_msg(fabs(slope[k] + grad[k]) <= 1e-8 * (1 + fabs(grad[k])),
                  "gradient %zu: %.17g, not %.17g", k, -slope[k], grad[k]);
  enf_energy_destroy(energy);
  free(x);
  free(logp);
  free(grad);
  close_file(&g);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("golden copula");
  tcase_add_loop_test(c, copula_priors_agree_with_golden_vectors, 0, CASES);
  tcase_add_loop_test(c, margins_agree_with_golden_vectors, 0, CASES);
  tcase_add_test(c, gumbel_agrees_with_golden_vectors);
  return run_suite("golden copula", c);
}
