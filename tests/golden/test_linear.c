/* The linear map against golden vectors: z, log-determinant, likelihood and its gradients by W, b and
   x; the smooth activation between two layers. */
#include "flow/flow.h"
#include "golden.h"

enum { D = 6, ROWS = 8, SMOOTH = 20 };

static golden g;
static enf_flow *flow;

static void open_flow(const char *map, const char *dimensions) {
  const char *rows[][2] = {{"model.space", "vector"},
                           {"model.dimensions", dimensions},
                           {"model.map", map},
                           {"model.data_scale", "1"},
                           {"run.precision", "float64"}};
  enf_opts *opts;
  g = (golden){0};
  ck_assert_int_eq(enf_ctx_create(&g.ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf__st_read(g.ctx, &g.file, GOLDEN_DIR "/families_linear.safetensors"), ENF_OK);
  ck_assert_int_eq(enf_opts_create(g.ctx, &opts), ENF_OK);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    ck_assert_int_eq(enf_opts_set(opts, rows[i][0], rows[i][1]), ENF_OK);
  ck_assert_msg(enf_create(g.ctx, &flow, opts) == ENF_OK, "%s", enf_ctx_errmsg(g.ctx));
  enf_opts_destroy(opts);
}

static void close_flow(void) {
  enf_destroy(flow);
  enf__st_free(&g.file);
  enf_ctx_destroy(g.ctx);
}

static void set(const char *name, const char *tensor) {
  size_t count;
  double *w = golden_doubles(&g, tensor, &count);
  ck_assert_int_eq(enf_params_set(g.ctx, flow, name, w, count), ENF_OK);
  free(w);
}

static void expect(const char *tensor, size_t n, const double *got) {
  size_t count;
  double *want = golden_doubles(&g, tensor, &count);
  ck_assert_uint_eq(count, n);
  for (size_t i = 0; i < n; i++)
    ck_assert_msg(fabs(got[i] - want[i]) <= 1e-12 * (1 + fabs(want[i])), "%s[%zu]: %.17g, not %.17g",
                  tensor, i, got[i], want[i]);
  free(want);
}

/* From data to prior and back with the cotangents of the mean negative log-likelihood. */
static void pull(const double *x, const double *z, double *dx, double *gradient) {
  enf__journey j = {.chain = &flow->chain, .x = x, .way = {.n = ROWS, .t0 = 1, .t1 = 0}};
  double dy[ROWS * D], dlogdet[ROWS];
  for (size_t i = 0; i < ROWS * D; i++)
    dy[i] = z[i];
  for (size_t i = 0; i < ROWS; i++)
    dlogdet[i] = -1;
  const enf__pulled pulled = {
      .dy = dy, .dlogdet = dlogdet, .dx = dx, .gradients = gradient, .scale = 1.0 / ROWS};
  ck_assert_uint_eq(enf__journey_pieces(j.chain, ROWS), 1);
  ck_assert_int_eq(enf__reserve(g.ctx, enf__journey_call_bytes(&j),
                                enf__journey_worker_bytes(&j, &g.ctx->run)),
                   ENF_OK);
  enf__journey_take(&j, &g.ctx->arena);
  ck_assert_int_eq(enf__journey_forward(g.ctx, &j), ENF_OK);
  ck_assert_int_eq(enf__journey_reverse(g.ctx, &j, &pulled), ENF_OK);
}

START_TEST(linear_map_agrees_with_golden_vectors) {
  open_flow("linear", "6");
  set("linear.0.weight", "W");
  set("linear.0.bias", "b");
  double *x = golden_doubles(&g, "x", NULL), z[ROWS * D], logdet[ROWS], logq[ROWS], nll = 0;
  double dx[ROWS * D], gradient[D * D + D] = {0};
  ck_assert_int_eq(enf_transport(g.ctx, flow, ROWS, 1, 0, x, z, logdet), ENF_OK);
  ck_assert_int_eq(enf_log_prob(g.ctx, flow, ROWS, x, logq), ENF_OK);
  for (size_t i = 0; i < ROWS; i++) {
    nll -= logq[i] / ROWS;
    ck_assert(logdet[i] == logdet[0]);
  }
  expect("z", ROWS * D, z);
  expect("logdet", 1, logdet);
  expect("nll", 1, &nll);
  ck_assert_uint_eq(flow->params.size, D * D + D);
  pull(x, z, dx, gradient);
  expect("exact.grad_W", D * D, gradient);
  expect("exact.grad_b", D, gradient + D * D);
  expect("grad_x", ROWS * D, dx);
  free(x);
  close_flow();
}
END_TEST

/* Two layers that are the identity leave the function between them. */
START_TEST(activation_agrees_with_golden_vectors) {
  open_flow("linear*2", "1");
  double *x = golden_doubles(&g, "smooth.x", NULL), y[SMOOTH], logdet[SMOOTH], back[SMOOTH];
  ck_assert_int_eq(enf_transport(g.ctx, flow, SMOOTH, 1, 0, x, y, logdet), ENF_OK);
  expect("smooth.y", SMOOTH, y);
  expect("smooth.logderivative", SMOOTH, logdet);
  ck_assert_int_eq(enf_transport(g.ctx, flow, SMOOTH, 0, 1, y, back, NULL), ENF_OK);
  for (size_t i = 0; i < SMOOTH; i++)
    ck_assert_double_eq_tol(back[i], x[i], 1e-12 * (1 + fabs(x[i])));
  free(x);
  close_flow();
}
END_TEST

int main(void) {
  TCase *c = tcase_create("golden linear");
  tcase_add_test(c, linear_map_agrees_with_golden_vectors);
  tcase_add_test(c, activation_agrees_with_golden_vectors);
  return run_suite("golden linear", c);
}
