/* The velocity field against the published networks: velocity, exact divergence, vector-Jacobian
   product and flow-matching gradients of every parameter by name, in both precisions and in every
   kernel table this processor has. */
#include "golden.h"

static const struct {
  const char *precision;
  double tolerance;
} precisions[] = {{"float64", 1e-10}, {"float32", 1e-4}};
static const char *const kernels[] = {"baseline", "avx2", "avx512", "blas"};

static golden g;
static double tolerance;

static enf__arena *workspace(enf__work work) {
  const size_t bytes = enf__field_workspace(g.field, &g.ctx->run, &g.shape, work);
  ck_assert_int_eq(enf__reserve(g.ctx, 0, bytes), ENF_OK);
  return &g.ctx->workers[0];
}

static void expect(const char *what, size_t n, const double *got, const char *tensor,
                   double limit) {
  double *want = golden_doubles(&g, tensor, NULL);
  const double error = golden_error(n, got, want);
  ck_assert_msg(error <= limit, "%s: relative error %.2e, allowed %.0e", what, error, limit);
  free(want);
}

static void check_velocity_and_divergence(void) {
  const size_t size = g.shape.particles * g.shape.dimensions, B = g.B;
  double *x = golden_doubles(&g, "x", NULL), *t1 = golden_doubles(&g, "t", NULL);
  double *t = malloc(B * sizeof *t), *v = malloc(B * size * sizeof *v),
         *div = malloc(B * sizeof *div);
  for (size_t s = 0; s < B; s++)
    t[s] = t1[0];
  enf__field_velocity(g.field, &g.ctx->run, workspace(ENF__VELOCITY),
                      &(enf__points){&g.shape, B, t, x}, v);
  expect("velocity", B * size, v, "v", tolerance);
  memset(v, 0, B * size * sizeof *v);
  enf__field_divergence(g.field, &g.ctx->run, workspace(ENF__DIVERGENCE),
                        &(enf__points){&g.shape, B, t, x}, v, div);
  expect("velocity with divergence", B * size, v, "v", tolerance);
  expect("divergence", B, div, "div", tolerance);
  free(x), free(t1), free(t), free(v), free(div);
}

static void probe_cotangent(void *user, size_t first, size_t S, const double *v, double *a) {
  const size_t size = g.shape.particles * g.shape.dimensions;
  (void)v;
  memcpy(a, (const double *)user + first * size, S * size * sizeof *a);
}

static void check_vjp(void) {
  const size_t size = g.shape.particles * g.shape.dimensions, B = g.B;
  double *x = golden_doubles(&g, "x", NULL), *t1 = golden_doubles(&g, "t", NULL);
  double *eps = golden_doubles(&g, "eps", NULL), *dx = malloc(B * size * sizeof *dx);
  double *t = malloc(B * sizeof *t), *form = calloc(B, sizeof *form);
  for (size_t s = 0; s < B; s++)
    t[s] = t1[0];
  enf__field_vjp(g.field, &g.ctx->run, workspace(ENF__VJP), &(enf__points){&g.shape, B, t, x},
                 probe_cotangent, eps, dx, NULL);
  expect("J^T eps", B * size, dx, "vjp_eps", tolerance);
  for (size_t i = 0; i < B * size; i++)
    form[i / size] += dx[i] * eps[i];
  expect("eps^T J eps", B, form, "epsJeps", tolerance);
  free(x), free(t1), free(eps), free(dx), free(t), free(form);
}

typedef struct {
  const double *target;
  double loss;
  size_t count;
} matching;

static void matching_cotangent(void *user, size_t first, size_t S, const double *v, double *a) {
  matching *m = user;
  const size_t size = g.shape.particles * g.shape.dimensions;
  for (size_t i = 0; i < S * size; i++) {
    const double d = v[i] - m->target[first * size + i];
    m->loss += d * d / (double)m->count;
    a[i] = 2 * d / (double)m->count;
  }
}

static void check_flow_matching_gradients(void) {
  const size_t size = g.shape.particles * g.shape.dimensions, B = g.B;
  const size_t P = g.params.size;
  double *x1 = golden_doubles(&g, "x", NULL), *x0 = golden_doubles(&g, "fm.x0", NULL);
  double *t = golden_doubles(&g, "fm.t", NULL), *xt = malloc(B * size * sizeof *xt);
  double *target = malloc(B * size * sizeof *target), *grad = calloc(P, sizeof *grad);
  for (size_t i = 0; i < B * size; i++) {
    xt[i] = (1 - t[i / size]) * x0[i] + t[i / size] * x1[i];
    target[i] = x1[i] - x0[i];
  }
  matching m = {target, 0, B * size};
  enf__field_vjp(g.field, &g.ctx->run, workspace(ENF__VJP), &(enf__points){&g.shape, B, t, xt},
                 matching_cotangent, &m, NULL, grad);
  expect("flow-matching loss", 1, &m.loss, "fm.loss", tolerance);
  for (size_t k = 0; k < g.params.count; k++) {
    const enf__tensor *tensor = &g.params.tensor[k];
    char name[128];
    snprintf(name, sizeof name, "fm.grad.%s", tensor->name);
    expect(name, tensor->rows * tensor->cols, grad + tensor->offset, name, tolerance);
  }
  free(x1), free(x0), free(t), free(xt), free(target), free(grad);
}

START_TEST(field_agrees_with_the_published_network) {
  golden_open(&g, golden_files[_i]);
  for (size_t p = 0; p < 2; p++)
    for (size_t k = 0; k < sizeof kernels / sizeof *kernels; k++) {
      if (!golden_configure(&g, precisions[p].precision, kernels[k]))
        continue;
      tolerance = precisions[p].tolerance;
      check_velocity_and_divergence();
      check_vjp();
      check_flow_matching_gradients();
    }
  golden_close(&g);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("field");
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, field_agrees_with_the_published_network, 0, GOLDEN_FILES);
  return run_suite("golden field", tc);
}
