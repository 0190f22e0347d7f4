/* Gradients of <a,v> + b eps^T J eps + c |v|^2 + d |J eps|^2 and of <a,v> + b div v + c |v|^2, for
   the published networks and deeper ones in float64, against central differences of enf__field_jvp
   and enf__field_divergence: with respect to x, and to some numbers of every parameter tensor by
   name.
 */
#include "golden/golden.h"

#include "core/random.h"

static golden g;
static size_t size, B;
static double *x, *t, *a, *eps, b[3];
static const double squares[3] = {0.7, -0.4, 1.3}, *c, *d; /* weights of squares, or NULL */

static enf__arena *workspace(enf__work work) {
  const size_t bytes = enf__field_workspace(g.field, &g.ctx->run, &g.shape, work);
  ck_assert_int_eq(enf__reserve(g.ctx, 0, bytes), ENF_OK);
  return &g.ctx->workers[0];
}

static void open_network(const char *name) {
  golden_open(&g, name);
  ck_assert(golden_configure(&g, "float64", "auto"));
  size = g.shape.particles * g.shape.dimensions;
  B = 3;
  c = d = NULL;
  x = golden_doubles(&g, "x", NULL);
  t = malloc(B * sizeof *t), a = malloc(B * size * sizeof *a), eps = malloc(B * size * sizeof *eps);
  enf__random_uniform(1, 1, 0, B, t);
  enf__random_normal(1, 1, 1, B * size, a);
  enf__random_normal(1, 1, 2, B * size, eps);
  enf__random_normal(1, 1, 3, B, b);
}

/* Fresh networks of other depths in the place of the published ones, with updates of their size. */
static const struct {
  int file;
  size_t layers, edge, node;
} deeper[] = {{0, 1, 3, 2}, {0, 2, 4, 3}, {0, 5, 3, 4}, {2, 3, 2, 3},
              {2, 2, 3, 3}, {3, 3, 4, 2}, {3, 5, 3, 3}, {1, 4, 2, 2}};
enum { DEEPER = sizeof deeper / sizeof *deeper };

static void open_deeper(int i) {
  open_network(golden_files[deeper[i].file]);
  enf__field_destroy(g.field);
  enf__params_close(&g.params);
  g.model.layers = deeper[i].layers;
  g.model.edge_depth = deeper[i].edge;
  g.model.node_depth = deeper[i].node;
  golden_make_field(&g);
  enf__params_init(&g.params, (uint64_t)i);
  const double gain = g.model.tanh ? 200 : 1000;
  for (size_t k = 0; k < g.params.count; k++) {
    const enf__tensor *tensor = &g.params.tensor[k];
    double *w = g.params.value + tensor->offset;
    for (size_t j = 0; strstr(tensor->name, "coord_mlp.2") && j < tensor->cols; j++)
      w[j] *= gain;
  }
  enf__field_pack(g.field, g.params.value);
}

static void close_network(void) {
  free(x), free(t), free(a), free(eps);
  golden_close(&g);
}

/* sum <a,v> + b trace + c |v|^2 + d |J probe|^2, at the present x and parameters */
static double objective(const double *probe) {
  double *v = malloc(B * size * sizeof *v), *v_dot = calloc(B * size, sizeof *v_dot), trace[3];
  double sum = 0;
  if (probe)
    enf__field_jvp(g.field, &g.ctx->run, workspace(ENF__JVP), &(enf__points){&g.shape, B, t, x},
                   probe, v, v_dot, trace);
  else
    enf__field_divergence(g.field, &g.ctx->run, workspace(ENF__DIVERGENCE),
                          &(enf__points){&g.shape, B, t, x}, v, trace);
  for (size_t i = 0; i < B * size; i++)
    sum += a[i] * v[i] + (c ? c[i / size] * v[i] * v[i] : 0) +
           (d ? d[i / size] * v_dot[i] * v_dot[i] : 0);
  for (size_t s = 0; s < B; s++)
    sum += b[s] * trace[s];
  free(v), free(v_dot);
  return sum;
}

static double difference(double *number, const double *probe, double scale) {
  const double keep = *number, h = 1e-5 * scale;
  *number = keep + h;
  enf__field_pack(g.field, g.params.value);
  const double up = objective(probe);
  *number = keep - h;
  enf__field_pack(g.field, g.params.value);
  const double down = objective(probe);
  *number = keep;
  enf__field_pack(g.field, g.params.value);
  return (up - down) / (2 * h);
}

static void compare(const double *probe) {
  const size_t P = g.params.size;
  double *dx = malloc(B * size * sizeof *dx), *grad = calloc(P, sizeof *grad), largest = 0;
  enf__field_vjp_trace(g.field, &g.ctx->run, workspace(probe ? ENF__VJP_PROBE : ENF__VJP_TRACE),
                       &(enf__points){&g.shape, B, t, x}, &(enf__cotangent){probe, a, b, c, d, NULL},
                       &(enf__gradient){dx, grad, NULL});
  for (size_t i = 0; i < B * size; i++)
    largest = fmax(largest, fabs(dx[i]));
  for (size_t i = 0; i < B * size; i += 3) {
    const double want = difference(&x[i], probe, 1);
    ck_assert_msg(fabs(dx[i] - want) < 1e-6 * largest, "dx[%zu] = %g, differences give %g", i,
                  dx[i], want);
  }
  for (size_t k = 0; k < g.params.count; k++) {
    const enf__tensor *tensor = &g.params.tensor[k];
    const size_t n = tensor->rows * tensor->cols;
    const double *dw = grad + tensor->offset;
    largest = 1e-3;
    for (size_t i = 0; i < n; i++)
      largest = fmax(largest, fabs(dw[i]));
    for (size_t i = 0; i < n; i += 1 + n / 3) {
      const double want = difference(g.params.value + tensor->offset + i, probe, 1);
      ck_assert_msg(fabs(dw[i] - want) < 2e-6 * largest, "%s[%zu]: %g, differences give %g",
                    tensor->name, i, dw[i], want);
    }
  }
  free(dx), free(grad);
}

START_TEST(gradient_of_the_quadratic_form_is_its_difference) {
  open_network(golden_files[_i]);
  compare(eps);
  close_network();
}
END_TEST

START_TEST(gradient_of_the_divergence_is_its_difference) {
  open_network(golden_files[_i == 1 ? 0 : _i]);
  compare(NULL);
  close_network();
}
END_TEST

START_TEST(gradients_of_deeper_networks_are_differences) {
  open_deeper(_i);
  compare(eps);
  compare(NULL);
  close_network();
}
END_TEST

/* The divergence is the sum of the quadratic forms of the N D unit vectors, and so is its gradient.
 */
static void compare_with_forms(const char *precision, double tol) {
  const size_t P = g.params.size, count = B * size;
  double *dx = malloc(count * sizeof *dx), *sum_x = calloc(count, sizeof *dx), value[3][3];
  double *grad = calloc(P, sizeof *grad), *sum = calloc(P, sizeof *sum), form[3][3], trace[3] = {0};
  double *none = calloc(count, sizeof *none), largest = 0, largest_x = 0;
  ck_assert(golden_configure(&g, precision, "auto"));
  enf__field_vjp_trace(
      g.field, &g.ctx->run, workspace(ENF__VJP_TRACE), &(enf__points){&g.shape, B, t, x},
      &(enf__cotangent){NULL, none, b, squares, NULL, NULL}, &(enf__gradient){dx, grad, &value[0][0]});
  ck_assert(golden_configure(&g, "float64", "auto"));
  for (size_t unit = 0; unit < size; unit++) {
    double *part = malloc(count * sizeof *part);
    for (size_t k = 0; k < count; k++)
      eps[k] = k % size == unit;
    enf__field_vjp_trace(g.field, &g.ctx->run, workspace(ENF__VJP_PROBE),
                         &(enf__points){&g.shape, B, t, x},
                         &(enf__cotangent){eps, none, b, unit ? NULL : squares, NULL, NULL},
                         &(enf__gradient){part, sum, &form[0][0]});
    for (size_t k = 0; k < count; k++)
      sum_x[k] += part[k];
    for (size_t s = 0; s < B; s++)
      trace[s] += form[s][ENF__TRACE_VALUE];
    free(part);
  }
  for (size_t s = 0; s < B; s++)
    ck_assert_double_eq_tol(value[s][ENF__TRACE_VALUE], trace[s], tol * (1 + fabs(trace[s])));
  for (size_t k = 0; k < count; k++)
    largest_x = fmax(largest_x, fabs(sum_x[k]));
  for (size_t k = 0; k < P; k++)
    largest = fmax(largest, fabs(sum[k]));
  for (size_t k = 0; k < count; k++)
    ck_assert_double_eq_tol(dx[k], sum_x[k], tol * largest_x);
  for (size_t k = 0; k < P; k++)
    ck_assert_double_eq_tol(grad[k], sum[k], tol * largest);
  free(dx), free(sum_x), free(grad), free(sum), free(none);
}

START_TEST(gradient_of_the_divergence_is_the_sum_of_those_of_quadratic_forms) {
  if (_i < GOLDEN_FILES)
    open_network(golden_files[_i]);
  else
    open_deeper(_i - GOLDEN_FILES);
  compare_with_forms("float64", 1e-11);
  compare_with_forms("float32", 2e-4);
  close_network();
}
END_TEST

/* c alone, d alone, both. */
START_TEST(gradient_of_the_squares_is_its_difference) {
  open_network(golden_files[_i / 3]);
  c = _i % 3 == 1 ? NULL : squares;
  d = _i % 3 == 0 ? NULL : squares;
  memset(a, 0, B * size * sizeof *a);
  memset(b, 0, sizeof b);
  compare(eps);
  close_network();
}
END_TEST

START_TEST(gradient_of_the_squared_velocity_joins_that_of_the_divergence) {
  open_network(golden_files[0]);
  c = squares;
  compare(NULL);
  close_network();
}
END_TEST

START_TEST(tangent_is_the_difference_of_velocities) {
  open_network(golden_files[_i]);
  const size_t count = B * size;
  const double h = 1e-5;
  double *v_dot = malloc(count * sizeof *x), *moved = malloc(count * sizeof *x), form[3];
  double *v[2] = {malloc(count * sizeof *x), malloc(count * sizeof *x)};
  enf__field_jvp(g.field, &g.ctx->run, workspace(ENF__JVP), &(enf__points){&g.shape, B, t, x}, eps,
                 NULL, v_dot, form);
  for (int side = 0; side < 2; side++) {
    for (size_t k = 0; k < count; k++)
      moved[k] = x[k] + (side ? h : -h) * eps[k];
    enf__field_velocity(g.field, &g.ctx->run, workspace(ENF__VELOCITY),
                        &(enf__points){&g.shape, B, t, moved}, v[side]);
  }
  for (size_t k = 0; k < count; k++) {
    ck_assert_double_eq_tol(v_dot[k], (v[1][k] - v[0][k]) / (2 * h), 1e-7);
    form[k / size] -= eps[k] * v_dot[k];
  }
  for (size_t s = 0; s < B; s++)
    ck_assert_double_eq_tol(form[s], 0, 1e-10);
  free(v_dot), free(moved), free(v[0]), free(v[1]);
  close_network();
}
END_TEST

START_TEST(quadratic_form_is_that_of_the_published_network) {
  static const char *const precision[] = {"float64", "float32"};
  golden_open(&g, golden_files[_i]);
  for (int p = 0; p < 2; p++) {
    ck_assert(golden_configure(&g, precision[p], "auto"));
    double *probe = golden_doubles(&g, "eps", NULL), *want = golden_doubles(&g, "epsJeps", NULL);
    double *xs = golden_doubles(&g, "x", NULL), *t0 = golden_doubles(&g, "t", NULL), form[8], ts[8];
    for (size_t s = 0; s < g.B; s++)
      ts[s] = t0[0];
    enf__field_jvp(g.field, &g.ctx->run, workspace(ENF__JVP), &(enf__points){&g.shape, g.B, ts, xs},
                   probe, NULL, NULL, form);
    ck_assert_double_le(golden_error(g.B, form, want), p ? 1e-4 : 1e-10);
    free(probe), free(want), free(xs), free(t0);
  }
  golden_close(&g);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("trace");
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, quadratic_form_is_that_of_the_published_network, 0, GOLDEN_FILES);
  tcase_add_loop_test(tc, gradient_of_the_quadratic_form_is_its_difference, 0, GOLDEN_FILES);
  tcase_add_loop_test(tc, gradient_of_the_divergence_is_its_difference, 0, GOLDEN_FILES);
  tcase_add_loop_test(tc, gradients_of_deeper_networks_are_differences, 0, DEEPER);
  tcase_add_loop_test(tc, gradient_of_the_divergence_is_the_sum_of_those_of_quadratic_forms, 0,
                      GOLDEN_FILES + DEEPER);
  tcase_add_loop_test(tc, gradient_of_the_squares_is_its_difference, 0, 3 * GOLDEN_FILES);
  tcase_add_test(tc, gradient_of_the_squared_velocity_joins_that_of_the_divergence);
  tcase_add_loop_test(tc, tangent_is_the_difference_of_velocities, 0, GOLDEN_FILES);
  return run_suite("field trace gradients", tc);
}
