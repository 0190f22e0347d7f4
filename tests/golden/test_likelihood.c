/* Likelihoods of the published networks: log-densities and prior points through the public calls,
   and the mean negative log-likelihood of two samples through 8 steps of the 3/8 rule with the
   exact divergence, with its gradient by the samples and by every parameter, in float64. */
#include "golden.h"

#include "flow/flow.h"

enum { SAMPLES = 2 };

static golden g;
static size_t dim;

static void open_golden(int file) {
  golden_open(&g, golden_files[file]);
  dim = g.shape.particles * g.shape.dimensions;
}

static void set(enf_opts *opts, const char *name, const char *value) {
  ck_assert_msg(enf_opts_set(opts, name, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
}

static void configure(const char *const options[][2], size_t count) {
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(g.ctx, &opts), ENF_OK);
  for (size_t i = 0; i < count; i++)
    set(opts, options[i][0], options[i][1]);
  ck_assert_msg(enf_ctx_configure(g.ctx, opts) == ENF_OK, "%s", enf_ctx_errmsg(g.ctx));
  enf_opts_destroy(opts);
}

static void expect(const char *what, size_t n, const double *got, double tolerance) {
  double *want = golden_doubles(&g, what, NULL), size = 0;
  for (size_t i = 0; i < n; i++)
    size = fmax(size, fabs(want[i]));
  const double error = golden_error(n, got, want), limit = size > 0 ? tolerance : 1e-12;
  ck_assert_msg(error <= limit, "%s: error %.2e, allowed %.0e", what, error, limit);
  free(want);
}

/* ---- a flow with the published weights ---------------------------------------------------- */

static enf_flow *flow_of_golden(void) {
  const struct {
    const char *option;
    double value;
  } numbers[] = {{"model.particles", (double)g.shape.particles},
                 {"model.dimensions", (double)g.shape.dimensions},
                 {"model.hidden", (double)g.model.hidden},
                 {"model.layers", (double)g.model.layers},
                 {"model.attention", g.model.attention},
                 {"model.tanh", g.model.tanh}};
  const char *species = enf__st_meta_find(&g.file, "species");
  enf_opts *opts;
  enf_flow *flow;
  ck_assert_int_eq(enf_opts_create(g.ctx, &opts), ENF_OK);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    ck_assert_int_eq(enf_opts_set_int(opts, numbers[i].option, (int64_t)numbers[i].value), ENF_OK);
  set(opts, "model.aggregation", g.model.mean ? "mean" : "sum");
  set(opts, "model.species", strcmp(species, "none") != 0 ? species : "");
  ck_assert_msg(enf_create(g.ctx, &flow, opts) == ENF_OK, "%s", enf_ctx_errmsg(g.ctx));
  enf_opts_destroy(opts);
  for (size_t k = 0; k < g.params.count; k++) {
    const enf__tensor *t = &g.params.tensor[k];
    ck_assert_int_eq(
        enf_params_set(g.ctx, flow, t->name, g.params.value + t->offset, t->rows * t->cols),
        ENF_OK);
  }
  return flow;
}

/* ---- the training gradient ----------------------------------------------------------------- */

/* -log q of each sample and the cotangents of its mean. */
static double score(const enf_flow *flow, const enf__journey *p, double *logp, double *dy,
                    double *dlogdet) {
  double nll = 0;
  for (size_t i = 0; i < SAMPLES; i++) {
    ck_assert_int_eq(p->result[i].status, ENF_OK);
    logp[i] = enf__prior_log_density(&flow->prior, p->y + i * dim) + p->logdet[i];
    nll -= logp[i] / SAMPLES;
    enf__prior_gradient(&flow->prior, p->y + i * dim, dy + i * dim);
    for (size_t c = i * dim; c < (i + 1) * dim; c++)
      dy[c] /= -SAMPLES;
    dlogdet[i] = -1.0 / SAMPLES;
  }
  return nll;
}

static void compare_gradient(double *gradients, size_t buffers) {
  const size_t P = g.params.size;
  for (size_t b = 1; b < buffers; b++)
    for (size_t i = 0; i < P; i++)
      gradients[i] += gradients[b * P + i];
  for (size_t k = 0; k < g.params.count; k++) {
    const enf__tensor *tensor = &g.params.tensor[k];
    char name[128];
    snprintf(name, sizeof name, "ml.grad.%s", tensor->name);
    expect(name, tensor->rows * tensor->cols, gradients + tensor->offset, 1e-8);
  }
}

START_TEST(likelihood_gradient_agrees_with_the_published_network) {
  static const char *const options[][2] = {
      {"run.precision", "float64"}, {"ode.method", "rk4-38"}, {"ode.steps", "8"}};
  open_golden(_i);
  configure(options, 3);
  double *x = golden_doubles(&g, "x", NULL), dy[SAMPLES * 64], dx[SAMPLES * 64];
  double logp[SAMPLES], dlogdet[SAMPLES];
  enf_flow *flow = flow_of_golden();
  enf__journey p = {.chain = &flow->chain, .x = x, .way = {.n = SAMPLES, .t0 = 1, .t1 = 0}};
  ck_assert_int_eq(
      enf__reserve(g.ctx, enf__journey_call_bytes(&p), enf__journey_worker_bytes(&p, &g.ctx->run)),
      ENF_OK);
  enf__journey_take(&p, &g.ctx->arena);
  const size_t pieces = enf__journey_pieces(p.chain, SAMPLES);
  double *gradients = calloc(pieces * g.params.size, sizeof *gradients);
  ck_assert_int_eq(enf__journey_forward(g.ctx, &p), ENF_OK);
  const double nll = score(flow, &p, logp, dy, dlogdet);
  const enf__pulled pulled = {
      .dy = dy, .dlogdet = dlogdet, .dx = dx, .gradients = gradients, .scale = 1};
  ck_assert_int_eq(enf__journey_reverse(g.ctx, &p, &pulled), ENF_OK);
  expect("ml.nll", 1, &nll, 1e-10);
  expect("ml.logp", SAMPLES, logp, 1e-10);
  expect("ml.grad_x", SAMPLES * dim, dx, 1e-8);
  compare_gradient(gradients, pieces);
  free(gradients);
  enf_destroy(flow);
  free(x);
  golden_close(&g);
}
END_TEST

/* ---- the density --------------------------------------------------------------------------- */

START_TEST(log_prob_agrees_with_the_published_network) {
  static const char *const options[][2] = {{"run.precision", "float64"},
                                           {"ode.rtol", "1e-9"},
                                           {"ode.atol", "1e-9"},
                                           {"logdet.tol", "1e-7"}};
  open_golden(_i);
  configure(options, 4);
  enf_flow *flow = flow_of_golden();
  double *x = golden_doubles(&g, "x", NULL), logp[SAMPLES], z[SAMPLES * 64];
  ck_assert_int_eq(enf_log_prob(g.ctx, flow, SAMPLES, x, logp), ENF_OK);
  ck_assert_int_eq(enf_transport(g.ctx, flow, SAMPLES, 1, 0, x, z, NULL), ENF_OK);
  expect("logp", SAMPLES, logp, 1e-6);
  expect("z", SAMPLES * dim, z, 1e-6);
  enf_destroy(flow);
  free(x);
  golden_close(&g);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("likelihood");
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, likelihood_gradient_agrees_with_the_published_network, 0, GOLDEN_FILES);
  tcase_add_loop_test(tc, log_prob_agrees_with_the_published_network, 0, GOLDEN_FILES);
  return run_suite("golden likelihood", tc);
}
