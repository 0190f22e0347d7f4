/* test_internal_flow.c -- flows of molecules end to end against golden vectors: density, its
   gradient in Cartesian coordinates, the likelihood objective with its gradient by every tensor,
   and samples with their reverse Kullback-Leibler divergence at recorded prior draws. Values are
   compared relative to a tensor's largest entry. The file of alanine dipeptide is too large to be
   here; where a folder is named by ENF_GOLDEN_MORE, its internal_ala2.safetensors is compared, too.
 */
#include "golden.h"

#include "train/train.h"

/* Errors allowed of densities, of their gradients, of samples' positions, and of what is made of
   samples; 0: not asked. The way of `edge` stretches by e^22 through slopes up to 1e5: its recorded
   numbers are 4e-10 away from those in extended precision, and float32's have nothing to do with
   the answer. */
typedef struct {
  double value, gradient, sample, kl;
} limits;

static const struct {
  const char *file;
  limits limit[2]; /* float64, float32 */
} cases[] = {
    {"three", {{1e-10, 1e-8, 1e-10, 1e-8}, {1e-4, 1e-3, 1e-4, 1e-3}}},
    {"small", {{1e-10, 1e-8, 1e-10, 1e-8}, {1e-4, 1e-3, 1e-4, 1e-3}}},
    {"edge", {{3e-9, 1e-8, 1e-10, 1e-8}, {0, 0, 0, 0}}},
    {"seven", {{1e-10, 1e-8, 1e-10, 1e-8}, {1e-4, 1e-3, 1e-4, 1e-3}}},
    {"ala2", {{1e-10, 1e-8, 1e-10, 1e-8}, {1e-4, 1e-3, 1e-4, 1e-3}}},
};
enum { FILES = 5 };
static const char *const precisions[] = {"float64", "float32"};

static golden g;
static enf_flow *flow;
static enf_opts *opts;
static size_t B, N, C;

static void set(const char *name, const char *value) {
  ck_assert_msg(enf_opts_set(opts, name, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
}

static void set_weights(void) {
  const char *name;
  size_t rows, cols, count;
  for (size_t k = 0; enf_params_info(flow, k, &name, &rows, &cols) == ENF_OK; k++) {
    char full[128];
    snprintf(full, sizeof full, "weights.%s", name);
    double *w = golden_doubles(&g, full, &count);
    ck_assert_msg(enf_params_set(g.ctx, flow, name, w, count) == ENF_OK, "%s",
                  enf_ctx_errmsg(g.ctx));
    free(w);
  }
}

static bool find_file(const char *name, char path[512]) {
  const char *more = getenv("ENF_GOLDEN_MORE");
  snprintf(path, 512, GOLDEN_DIR "/internal_%s.safetensors", name);
  FILE *file = fopen(path, "rb");
  if (!file && more) {
    snprintf(path, 512, "%s/internal_%s.safetensors", more, name);
    file = fopen(path, "rb");
  }
  if (file)
    fclose(file);
  else
    printf("internal_%s is not here: not compared\n", name);
  return file != NULL;
}

static bool open_flow(const char *file, const char *precision) {
  static const char *const known[][2] = {
      {"particles", "model.particles"}, {"zmatrix", "model.zmatrix"}, {"hidden", "model.hidden"},
      {"depth", "model.spline_depth"},  {"bins", "model.bins"},       {"bound", "model.bound"}};
  char path[512], map[32];
  if (!find_file(file, path))
    return false;
  ck_assert_int_eq(enf_ctx_create(&g.ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf_opts_create(g.ctx, &opts), ENF_OK);
  ck_assert_msg(enf__st_read(g.ctx, &g.file, path) == ENF_OK, "%s", enf_ctx_errmsg(g.ctx));
  set("model.space", "molecule");
  set("run.precision", precision);
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    set(known[i][1], enf__st_meta_find(&g.file, known[i][0]));
  snprintf(map, sizeof map, "spline*%s", enf__st_meta_find(&g.file, "layers"));
  set("model.map", map);
  ck_assert_int_eq(enf_ctx_configure(g.ctx, opts), ENF_OK);
  ck_assert_msg(enf_create(g.ctx, &flow, opts) == ENF_OK, "%s", enf_ctx_errmsg(g.ctx));
  set_weights();
  N = golden_number(&g, "particles");
  C = 3 * N - 6;
  B = enf__st_find(&g.file, "x")->shape[0];
  return true;
}

static void close_flow(void) {
  enf_destroy(flow);
  enf_opts_destroy(opts);
  enf__st_free(&g.file);
  enf_ctx_destroy(g.ctx);
}

static void expect(const char *what, const double *got, double tolerance) {
  size_t count;
  double *want = golden_doubles(&g, what, &count), size = 0;
  for (size_t i = 0; i < count; i++)
    size = fmax(size, fabs(want[i]));
  const double error = golden_error(count, got, want), limit = size > 0 ? tolerance : 1e-12;
  ck_assert_msg(tolerance == 0 || error <= limit, "%s, %s: error %.2e, allowed %.0e", what,
                precisions[g.ctx->run.precision != ENF__FLOAT64], error, limit);
  free(want);
}

static void expect_gradient(const char *prefix, const double *gradient, double tolerance) {
  for (size_t k = 0; k < flow->params.count; k++) {
    const enf__tensor *t = &flow->params.tensor[k];
    char name[128];
    snprintf(name, sizeof name, "%s.%s", prefix, t->name);
    if (!t->fixed)
      expect(name, gradient + t->offset, tolerance);
  }
}

/* ---- the density ----------------------------------------------------------------------------- */

static void check_density(const limits *limit) {
  double *x = golden_doubles(&g, "x", NULL), *logp = malloc(B * sizeof *logp);
  double *grad = malloc(B * 3 * N * sizeof *grad);
  ck_assert_int_eq(enf_log_prob(g.ctx, flow, B, x, logp), ENF_OK);
  expect("logp", logp, limit->value);
  ck_assert_int_eq(enf_log_prob_grad(g.ctx, flow, B, x, logp, grad), ENF_OK);
  expect("logp", logp, limit->value);
  expect("logp.grad", grad, limit->gradient);
  free(x), free(logp), free(grad);
}

START_TEST(densities_and_their_gradients_are_the_golden_ones) {
  if (!open_flow(cases[_i / 2].file, precisions[_i % 2]))
    return;
  check_density(&cases[_i / 2].limit[_i % 2]);
  close_flow();
}
END_TEST

/* ---- the likelihood objective ---------------------------------------------------------------- */

static void check_likelihood(const limits *limit) {
  double *x = golden_doubles(&g, "x", NULL), *y = malloc(B * C * sizeof *y), norm;
  double *volume = malloc(B * sizeof *volume);
  for (size_t i = 0; i < B; i++)
    ck_assert_int_eq(
        flow->space.ops->enter(&flow->space, x + i * 3 * N, y + i * C, NULL, volume + i).status,
        ENF_OK);
  const enf__batch batch = {
      .options = opts, .flow = flow, .n = B, .x = y, .volume = volume, .passes = 2};
  enf__slope slope;
  ck_assert_int_eq(
      enf__reserve(g.ctx,
                   enf__likelihood.call_bytes(&batch) + enf__gradient_bytes(flow->params.size),
                   enf__likelihood.worker_bytes(&batch, &g.ctx->run)),
      ENF_OK);
  ck_assert_int_eq(enf__likelihood.evaluate(g.ctx, &batch, &slope), ENF_OK);
  ck_assert_int_eq(
      enf__gradient_sum(g.ctx, flow->params.size, slope.buffers, slope.gradients, &norm), ENF_OK);
  ck_assert_uint_eq(slope.failed, 0);
  expect("nll", &slope.loss, limit->value);
  expect_gradient("nll.grad", slope.gradients, limit->gradient);
  free(x), free(y), free(volume);
}

START_TEST(the_likelihood_and_its_gradient_are_the_golden_ones) {
  if (!open_flow(cases[_i / 2].file, precisions[_i % 2]))
    return;
  check_likelihood(&cases[_i / 2].limit[_i % 2]);
  close_flow();
}
END_TEST

/* ---- samples and the divergence -------------------------------------------------------------- */

/* u = 1/2 sum over pairs of (d - 1.5)^2, and its gradient. */
static double pair_energy(const double *x, double *grad) {
  double u = 0;
  memset(grad, 0, 3 * N * sizeof *grad);
  for (size_t i = 0; i < N; i++)
    for (size_t j = i + 1; j < N; j++) {
      double e[3], d = 0;
      for (size_t a = 0; a < 3; a++) {
        e[a] = x[3 * i + a] - x[3 * j + a];
        d += e[a] * e[a];
      }
      d = sqrt(d);
      u += 0.5 * (d - 1.5) * (d - 1.5);
      for (size_t a = 0; a < 3; a++) {
        grad[3 * i + a] += (d - 1.5) * e[a] / d;
        grad[3 * j + a] -= (d - 1.5) * e[a] / d;
      }
    }
  return u;
}

typedef struct {
  double *x, *logp, *u, loss; /* (B,N,3), (B), (B) */
  double *dy, *dlogdet;       /* (B,C), (B) cotangents of the loss */
} divergence;

static void score(const enf__journey *p, divergence *d) {
  double *grad = malloc(3 * N * sizeof *grad), volume;
  d->loss = 0;
  for (size_t i = 0; i < B; i++) {
    double *x = d->x + i * 3 * N;
    const double *y = p->y + i * C;
    ck_assert_int_eq(p->result[i].status, ENF_OK);
    ck_assert_int_eq(flow->space.ops->leave(&flow->space, NULL, y, NULL, x, &volume).status,
                     ENF_OK);
    d->u[i] = pair_energy(x, grad);
    d->logp[i] = enf__prior_log_density(&flow->prior, p->x + i * C) - p->logdet[i] + volume;
    d->loss += (d->u[i] + d->logp[i]) / (double)B;
    flow->space.ops->leave_pull(&flow->space, y, x, grad, 1, d->dy + i * C);
    d->dlogdet[i] = -1;
  }
  free(grad);
}

static void check_samples(const limits *limit) {
  double *z = golden_doubles(&g, "sample.z", NULL), norm;
  divergence d = {.x = malloc(B * 3 * N * sizeof *d.x),
                  .logp = malloc(B * sizeof *d.logp),
                  .u = malloc(B * sizeof *d.u),
                  .dy = malloc(B * C * sizeof *d.dy),
                  .dlogdet = malloc(B * sizeof *d.dlogdet)};
  enf__journey p = {.chain = &flow->chain, .x = z, .way = {.n = B, .t0 = 0, .t1 = 1}};
  const size_t P = flow->params.size, pieces = enf__journey_pieces(p.chain, B);
  ck_assert_int_eq(enf__reserve(g.ctx, enf__journey_call_bytes(&p) + enf__gradient_bytes(P),
                                enf__journey_worker_bytes(&p, &g.ctx->run)),
                   ENF_OK);
  enf__journey_take(&p, &g.ctx->arena);
  double *gradients = calloc(pieces * P, sizeof *gradients);
  ck_assert_int_eq(enf__journey_forward(g.ctx, &p), ENF_OK);
  score(&p, &d);
  const enf__pulled pulled = {
      .dy = d.dy, .dlogdet = d.dlogdet, .gradients = gradients, .scale = 1 / (double)B};
  ck_assert_int_eq(enf__journey_reverse(g.ctx, &p, &pulled), ENF_OK);
  ck_assert_int_eq(enf__gradient_sum(g.ctx, P, pieces, gradients, &norm), ENF_OK);
  expect("sample.x", d.x, limit->sample);
  expect("sample.logp", d.logp, limit->sample);
  expect("kl.energy", d.u, limit->sample);
  expect("kl.loss", &d.loss, limit->sample);
  expect_gradient("kl.grad", gradients, limit->kl);
  free(z), free(d.x), free(d.logp), free(d.u), free(d.dy), free(d.dlogdet), free(gradients);
}

START_TEST(samples_and_their_divergence_are_the_golden_ones) {
  if (!open_flow(cases[_i / 2].file, precisions[_i % 2]))
    return;
  check_samples(&cases[_i / 2].limit[_i % 2]);
  close_flow();
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("golden");
  tcase_add_loop_test(tests, densities_and_their_gradients_are_the_golden_ones, 0, 2 * FILES);
  tcase_add_loop_test(tests, the_likelihood_and_its_gradient_are_the_golden_ones, 0, 2 * FILES);
  tcase_add_loop_test(tests, samples_and_their_divergence_are_the_golden_ones, 0, 2 * FILES);
  return run_suite("flows in internal coordinates", tests);
}
