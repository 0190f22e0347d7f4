/* test_pair_kernel.c -- the pair-kernel field: it is its formula; its divergence, tangent and
   reverse pass are those of finite differences, by tensor name; its symmetries; its bits. */
#include "core/random.h"
#include "field/field.h"
#include "suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int mixed[] = {0, 1, 0, 1, 1};
typedef struct {
  size_t N, D;
  const int *kind;
  enf__model model;
} network;
static const network networks[] = {
    {4, 2, NULL, {.kernels = 30, .kernel_times = 20, .kernel_range = 8}},
    {5, 3, NULL, {.kernels = 9, .kernel_times = 3, .kernel_range = 4}},
    {5, 3, mixed, {.kernels = 40, .kernel_times = 33, .kernel_range = 5, .species_count = 2}},
    {2, 2, NULL, {.kernels = 1, .kernel_times = 1, .kernel_range = 3}}};
enum { MODELS = 4, SAMPLES = 5, MOST = SAMPLES * 15 };

static enf_ctx *ctx;
static enf__field *field;
static enf__model model;
static enf__shape shape;
static enf__params params;
static size_t size;
static double t[SAMPLES], x[MOST], eps[MOST], a[MOST], b[SAMPLES];

/* False if this processor does not have the kernel. */
static bool configure(const char *precision, const char *kernel) {
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "run.precision", precision), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "run.kernel", kernel), ENF_OK);
  const enf_status status = enf_ctx_configure(ctx, opts);
  ck_assert(status == ENF_OK || status == ENF_ERR_UNSUPPORTED);
  enf_opts_destroy(opts);
  return status == ENF_OK;
}

/* A field with weights of order one, and centers and widths off their first places. */
static void open_field(const network *of) {
  model = of->model;
  shape = (enf__shape){.particles = of->N, .dimensions = of->D, .kind = of->kind};
  model.kind = ENF__FIELD_PAIR_KERNEL;
  size = shape.particles * shape.dimensions;
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  enf__params_open(ctx, &params);
  ck_assert_int_eq(enf__field_create(ctx, &field, &model, &params), ENF_OK);
  ck_assert_int_eq(enf__params_allocate(ctx, &params), ENF_OK);
  enf__params_init(&params, 3);
  double *w = params.value;
  for (size_t k = 0; k < params.size; k++) {
    double z;
    enf__random_normal(7, 1, k, 1, &z);
    w[k] += (k < 2 * (model.kernels + model.kernel_times) ? 0.05 : 0.5) * z;
  }
  enf__field_pack(field, params.value);
  configure("float64", "auto");
}

static void open_model(int index) {
  open_field(&networks[index]);
  enf__random_uniform(1, 1, 0, SAMPLES, t);
  enf__random_normal(1, 1, 1, SAMPLES * size, x);
  enf__random_normal(1, 1, 2, SAMPLES * size, eps);
  enf__random_normal(1, 1, 3, SAMPLES * size, a);
  enf__random_normal(1, 1, 4, SAMPLES, b);
}

static void close_field(void) {
  enf__field_destroy(field);
  enf__params_close(&params);
  enf_ctx_destroy(ctx);
}

static enf__arena *workspace(enf__work work) {
  const size_t bytes = enf__field_workspace(field, &ctx->run, &shape, work);
  ck_assert_int_eq(enf__reserve(ctx, 0, bytes), ENF_OK);
  return &ctx->workers[0];
}

static void velocity(size_t S, const double *times, const double *at, double *v) {
  enf__field_velocity(field, &ctx->run, workspace(ENF__VELOCITY),
                      &(enf__points){&shape, S, times, at}, v);
}

static void divergence(size_t S, const double *times, const double *at, double *v, double *div) {
  enf__field_divergence(field, &ctx->run, workspace(ENF__DIVERGENCE),
                        &(enf__points){&shape, S, times, at}, v, div);
}

static double dot(size_t n, const double *u, const double *w) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += u[i] * w[i];
  return sum;
}

static void expect_near(size_t n, const double *got, const double *want, double relative,
                        const char *what) {
  double largest = 0.1;
  for (size_t i = 0; i < n; i++)
    largest = fmax(largest, fabs(want[i]));
  for (size_t i = 0; i < n; i++)
    ck_assert_msg(fabs(got[i] - want[i]) <= relative * largest, "%s[%zu] = %.12g, expected %.12g",
                  what, i, got[i], want[i]);
}

/* ---- the formula, straight from its definition ----------------------------------------------- */

static const double *tensor_data(const char *name) {
  for (size_t k = 0; k < params.count; k++)
    if (!strcmp(params.tensor[k].name, name))
      return params.value + params.tensor[k].offset;
  ck_abort_msg("no tensor %s", name);
}

static void functions(size_t n, double at, const char *of, double *R) {
  char name[64];
  double sum = 1e-6;
  snprintf(name, sizeof name, "pair_kernel.%s.centers", of);
  const double *center = tensor_data(name);
  snprintf(name, sizeof name, "pair_kernel.%s.log_widths", of);
  const double *log_width = tensor_data(name);
  for (size_t k = 0; k < n; k++) {
    R[k] = exp(-pow((at - center[k]) / exp(log_width[k]), 2));
    sum += R[k];
  }
  for (size_t k = 0; k < n; k++)
    R[k] /= sum;
}

static double phi(size_t pair, double d, double time) {
  double R[64], T[64], sum = 0;
  char weight[64], bias[64];
  snprintf(weight, sizeof weight, "pair_kernel.pair_%zu.weight", pair);
  snprintf(bias, sizeof bias, "pair_kernel.pair_%zu.bias", pair);
  functions(model.kernels, d, "distance", R);
  functions(model.kernel_times, time, "time", T);
  for (size_t k = 0; k < model.kernels; k++)
    sum += R[k] * dot(model.kernel_times, tensor_data(weight) + k * model.kernel_times, T);
  return sum + dot(model.kernel_times, tensor_data(bias), T);
}

/* 0 for like particles of species 0, 1 for unlike ones, 2 for species 1. */
static size_t pair_of(size_t i, size_t j) {
  return shape.kind ? (size_t)(shape.kind[i] + shape.kind[j]) : 0;
}

static void formula(double time, const double *at, double *v) {
  const size_t N = shape.particles, D = shape.dimensions;
  memset(v, 0, size * sizeof *v);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) {
      if (j == i)
        continue;
      double square = 0;
      for (size_t c = 0; c < D; c++)
        square += pow(at[i * D + c] - at[j * D + c], 2);
      const double f = phi(pair_of(i, j), sqrt(square), time);
      for (size_t c = 0; c < D; c++)
        v[i * D + c] += f * (at[i * D + c] - at[j * D + c]);
    }
}

START_TEST(velocity_is_its_formula_in_every_precision_and_kernel) {
  static const char *const kernels[] = {"baseline", "avx2", "avx512"};
  open_model(_i);
  double want[MOST], v[MOST], div64[SAMPLES], div[SAMPLES];
  for (size_t s = 0; s < SAMPLES; s++)
    formula(t[s], x + s * size, want + s * size);
  divergence(SAMPLES, t, x, NULL, div64);
  for (int k = 0; k < 3; k++) {
    if (!configure("float64", kernels[k]))
      continue;
    velocity(SAMPLES, t, x, v);
    expect_near(SAMPLES * size, v, want, 1e-13, "v");
    configure("float32", kernels[k]);
    velocity(SAMPLES, t, x, v);
    expect_near(SAMPLES * size, v, want, 2e-6, "v in float32");
    memset(v, 0, sizeof v);
    divergence(SAMPLES, t, x, v, div);
    expect_near(SAMPLES * size, v, want, 2e-6, "v in float32, with the divergence");
    expect_near(SAMPLES, div, div64, 1e-5, "div in float32");
  }
  close_field();
}
END_TEST

START_TEST(one_species_has_about_620_parameters) {
  open_model(0);
  ck_assert_uint_eq(params.size, 30 * 20 + 20 + 2 * (30 + 20));
  close_field();
  open_model(2); /* two species: three pairs of them */
  ck_assert_uint_eq(params.size, 3 * (40 * 33 + 33) + 2 * (40 + 33));
  close_field();
}
END_TEST

START_TEST(a_new_field_is_nearly_the_identity) {
  open_model(0);
  double v[MOST], w = 0;
  enf__params_init(&params, 5);
  enf__field_pack(field, params.value);
  velocity(SAMPLES, t, x, v);
  for (size_t i = 0; i < SAMPLES * size; i++)
    w = fmax(w, fabs(v[i]));
  ck_assert_double_gt(w, 0);
  ck_assert_double_lt(w, 0.02);
  ck_assert_double_eq(tensor_data("pair_kernel.distance.centers")[29], 8);
  ck_assert_double_eq(tensor_data("pair_kernel.time.centers")[19], 1);
  close_field();
}
END_TEST

/* ---- derivatives ----------------------------------------------------------------------------- */

/* dv/dx_c of one sample by fourth-order differences. */
static void jacobian_column(double time, double *at, size_t c, double *column) {
  static const double weight[] = {1, -8, 8, -1}, place[] = {-2, -1, 1, 2};
  const double keep = at[c], h = 1e-4;
  double v[15];
  memset(column, 0, size * sizeof *column);
  for (int k = 0; k < 4; k++) {
    at[c] = keep + place[k] * h;
    velocity(1, &time, at, v);
    for (size_t i = 0; i < size; i++)
      column[i] += weight[k] * v[i] / (12 * h);
  }
  at[c] = keep;
}

START_TEST(divergence_and_tangent_are_those_of_the_dense_jacobian) {
  open_model(_i);
  double v[MOST], want_v[MOST], v_dot[MOST], want_v_dot[MOST] = {0};
  double div[SAMPLES], form[SAMPLES], want[SAMPLES] = {0}, want_form[SAMPLES] = {0};
  for (size_t s = 0; s < SAMPLES; s++)
    for (size_t c = 0; c < size; c++) {
      double column[15];
      jacobian_column(t[s], x + s * size, c, column);
      want[s] += column[c];
      want_form[s] += eps[s * size + c] * dot(size, eps + s * size, column);
      for (size_t k = 0; k < size; k++)
        want_v_dot[s * size + k] += eps[s * size + c] * column[k];
    }
  velocity(SAMPLES, t, x, want_v);
  divergence(SAMPLES, t, x, v, div);
  ck_assert_mem_eq(v, want_v, SAMPLES * size * sizeof *v);
  expect_near(SAMPLES, div, want, 1e-9, "div");
  memset(v, 0, sizeof v);
  enf__field_jvp(field, &ctx->run, workspace(ENF__JVP), &(enf__points){&shape, SAMPLES, t, x}, eps,
                 v, v_dot, form);
  ck_assert_mem_eq(v, want_v, SAMPLES * size * sizeof *v);
  expect_near(SAMPLES, form, want_form, 1e-9, "form");
  expect_near(SAMPLES * size, v_dot, want_v_dot, 1e-9, "tangent");
  enf__field_jvp(field, &ctx->run, workspace(ENF__JVP), &(enf__points){&shape, SAMPLES, t, x}, eps,
                 NULL, NULL, div);
  ck_assert_mem_eq(div, form, sizeof form);
  close_field();
}
END_TEST

/* Weights of |v|^2 and |J probe|^2, or NULL. */
static const double squares[SAMPLES] = {0.7, -0.4, 1.3, 0.2, -0.9}, *of_v, *of_tangent;

/* sum <a,v> + b trace + the squares, at the present x and parameters; b NULL: without trace. */
static double objective(const double *with_b, const double *probe) {
  double v[MOST], v_dot[MOST] = {0}, trace[SAMPLES], sum = 0;
  if (probe)
    enf__field_jvp(field, &ctx->run, workspace(ENF__JVP), &(enf__points){&shape, SAMPLES, t, x},
                   probe, v, v_dot, trace);
  else
    divergence(SAMPLES, t, x, v, trace);
  for (size_t s = 0; s < SAMPLES; s++) {
    const size_t at = s * size;
    sum += of_v ? of_v[s] * dot(size, v + at, v + at) : 0;
    sum += of_tangent ? of_tangent[s] * dot(size, v_dot + at, v_dot + at) : 0;
  }
  return sum + dot(SAMPLES * size, a, v) + (with_b ? dot(SAMPLES, with_b, trace) : 0);
}

static double difference(double *number, const double *with_b, const double *probe) {
  static const double weight[] = {1, -8, 8, -1}, place[] = {-2, -1, 1, 2};
  const double keep = *number, h = 1e-4;
  double sum = 0;
  for (int k = 0; k < 4; k++) {
    *number = keep + place[k] * h;
    enf__field_pack(field, params.value);
    sum += weight[k] * objective(with_b, probe) / (12 * h);
  }
  *number = keep;
  enf__field_pack(field, params.value);
  return sum;
}

static void compare(size_t n, double *number, const double *got, const double *with_b,
                    const double *probe, const char *what) {
  double *want = malloc(n * sizeof *want), *have = malloc(n * sizeof *have);
  const size_t stride = 1 + n / 40;
  size_t count = 0;
  for (size_t i = 0; i < n; i += stride, count++) {
    want[count] = difference(number + i, with_b, probe);
    have[count] = got[i];
  }
  expect_near(count, have, want, 1e-8, what);
  free(want), free(have);
}

static void give_a(void *user, size_t first, size_t S, const double *v, double *out) {
  double want[MOST];
  velocity(S, t + first, x + first * size, want);
  ck_assert_mem_eq(v, want, S * size * sizeof *v);
  memcpy(out, (const double *)user + first * size, S * size * sizeof *out);
}

static void check_gradients(const double *with_b, const double *probe) {
  const size_t P = params.size;
  double dx[MOST], alone[MOST], *grad = malloc(P * sizeof *grad);
  for (size_t k = 0; k < P; k++)
    grad[k] = 1; /* is added to */
  if (with_b) {
    enf__arena *arena = workspace(ENF__VJP_TRACE);
    enf__field_vjp_trace(field, &ctx->run, arena, &(enf__points){&shape, SAMPLES, t, x},
                         &(enf__cotangent){probe, a, b, of_v, of_tangent, NULL},
                         &(enf__gradient){dx, grad, NULL});
    enf__field_vjp_trace(field, &ctx->run, arena, &(enf__points){&shape, SAMPLES, t, x},
                         &(enf__cotangent){probe, a, b, of_v, of_tangent, NULL},
                         &(enf__gradient){alone, NULL, NULL});
  } else {
    enf__arena mine = {0};
    const size_t bytes = enf__field_workspace(field, &ctx->run, &shape, ENF__VJP);
    ck_assert(enf__arena_reserve(&ctx->alloc, &mine, bytes));
    enf__field_vjp(field, &ctx->run, &mine, &(enf__points){&shape, SAMPLES, t, x}, give_a, a, dx,
                   grad);
    enf__field_vjp(field, &ctx->run, &mine, &(enf__points){&shape, SAMPLES, t, x}, give_a, a, alone,
                   NULL);
    enf__field_vjp(field, &ctx->run, &mine, &(enf__points){&shape, SAMPLES, t, x}, give_a, a, NULL,
                   NULL);
    enf__arena_free(&ctx->alloc, &mine);
  }
  for (size_t k = 0; k < P; k++)
    grad[k] -= 1;
  ck_assert_mem_eq(dx, alone, SAMPLES * size * sizeof *dx);
  compare(SAMPLES * size, x, dx, with_b, probe, "dx");
  for (size_t k = 0; k < params.count; k++) {
    const enf__tensor *tensor = &params.tensor[k];
    compare(tensor->rows * tensor->cols, params.value + tensor->offset, grad + tensor->offset,
            with_b, probe, tensor->name);
  }
  free(grad);
}

START_TEST(every_gradient_is_its_difference) {
  open_model(_i);
  check_gradients(NULL, NULL);
  check_gradients(b, NULL);
  check_gradients(b, eps);
  close_field();
}
END_TEST

/* Of v alone, of the tangent alone, of both. */
START_TEST(gradients_of_squares_are_their_differences) {
  open_model(_i / 3);
  of_v = _i % 3 == 1 ? NULL : squares;
  of_tangent = _i % 3 == 0 ? NULL : squares;
  check_gradients(b, eps);
  if (!of_tangent)
    check_gradients(b, NULL);
  of_v = of_tangent = NULL;
  close_field();
}
END_TEST

START_TEST(gradients_in_float32_are_close) {
  open_model(_i);
  const size_t P = params.size;
  double dx[2][MOST], *grad = calloc(2 * P, sizeof *grad);
  for (int probe = 0; probe < 2; probe++) {
    memset(grad, 0, 2 * P * sizeof *grad);
    for (int p = 0; p < 2; p++) {
      configure(p ? "float32" : "float64", "auto");
      enf__field_vjp_trace(field, &ctx->run, workspace(ENF__VJP_TRACE),
                           &(enf__points){&shape, SAMPLES, t, x},
                           &(enf__cotangent){probe ? eps : NULL, a, b, NULL, NULL, NULL},
                           &(enf__gradient){dx[p], grad + (size_t)p * P, NULL});
    }
    expect_near(SAMPLES * size, dx[1], dx[0], 2e-5, "dx");
    for (size_t k = 0; k < params.count; k++) {
      const enf__tensor *tensor = &params.tensor[k];
      expect_near(tensor->rows * tensor->cols, grad + P + tensor->offset, grad + tensor->offset,
                  2e-5, tensor->name);
    }
  }
  free(grad);
  close_field();
}
END_TEST

/* ---- symmetry -------------------------------------------------------------------------------- */

/* x -> Q x, Q a product of reflections: a rotation for two of them. */
static void reflect(int times, size_t n, double *points) {
  const size_t D = shape.dimensions;
  for (int k = 0; k < times; k++) {
    double u[3];
    enf__random_normal(9, 1, (uint64_t)k, D, u);
    const double norm = dot(D, u, u);
    for (size_t i = 0; i < n; i++) {
      const double along = 2 * dot(D, u, points + i * D) / norm;
      for (size_t c = 0; c < D; c++)
        points[i * D + c] -= along * u[c];
    }
  }
}

START_TEST(field_is_equivariant) {
  open_model(_i);
  const size_t N = shape.particles, D = shape.dimensions;
  double v[MOST], div[SAMPLES], moved[MOST], want[MOST], got[MOST], got_div[SAMPLES];
  divergence(SAMPLES, t, x, v, div);
  for (int times = 1; times <= 2; times++) {
    memcpy(moved, x, sizeof moved);
    memcpy(want, v, sizeof want);
    reflect(times, SAMPLES * N, moved);
    reflect(times, SAMPLES * N, want);
    for (size_t i = 0; i < SAMPLES * size; i++)
      moved[i] += 0.7 - (double)(i % D); /* translation */
    divergence(SAMPLES, t, moved, got, got_div);
    expect_near(SAMPLES * size, got, want, 1e-12, "v of a turned configuration");
    expect_near(SAMPLES, got_div, div, 1e-12, "div of a turned configuration");
  }
  const size_t other = shape.kind ? 2 : N - 1; /* like particle 0 */
  memcpy(moved, x, sizeof moved);
  memcpy(want, v, sizeof want);
  for (size_t s = 0; s < SAMPLES; s++)
    for (size_t c = 0; c < D; c++) {
      const size_t i = s * size + c, j = i + other * D;
      moved[i] = x[j], moved[j] = x[i], want[i] = v[j], want[j] = v[i];
    }
  divergence(SAMPLES, t, moved, got, got_div);
  expect_near(SAMPLES * size, got, want, 1e-12, "v of a permuted configuration");
  expect_near(SAMPLES, got_div, div, 1e-12, "div of a permuted configuration");
  close_field();
}
END_TEST

START_TEST(unlike_particles_do_not_commute) {
  open_model(2);
  double v[15], moved[15], got[15];
  velocity(1, t, x, v);
  memcpy(moved, x, sizeof moved);
  for (size_t c = 0; c < 3; c++)
    moved[c] = x[3 + c], moved[3 + c] = x[c];
  velocity(1, t, moved, got);
  ck_assert_double_gt(fabs(got[3] - v[0]), 1e-3);
  close_field();
}
END_TEST

START_TEST(velocity_and_gradient_are_mean_free) {
  open_model(1);
  configure("float32", "auto");
  double v[MOST], dx[MOST];
  velocity(SAMPLES, t, x, v);
  enf__field_vjp_trace(field, &ctx->run, workspace(ENF__VJP_TRACE),
                       &(enf__points){&shape, SAMPLES, t, x},
                       &(enf__cotangent){eps, a, b, NULL, NULL, NULL}, &(enf__gradient){dx, NULL, NULL});
  for (size_t s = 0; s < SAMPLES; s++)
    for (size_t c = 0; c < 3; c++) {
      double sum = 0, sum_dx = 0;
      for (size_t i = 0; i < 5; i++) {
        sum += v[s * size + 3 * i + c];
        sum_dx += dx[s * size + 3 * i + c];
      }
      ck_assert_double_lt(fabs(sum), 1e-12);
      ck_assert_double_lt(fabs(sum_dx), 1e-11);
    }
  close_field();
}
END_TEST

/* ---- edges ----------------------------------------------------------------------------------- */

static void expect_finite(size_t n, const double *y) {
  for (size_t i = 0; i < n; i++)
    ck_assert_msg(isfinite(y[i]), "[%zu] = %g", i, y[i]);
}

START_TEST(coincident_and_distant_particles_give_finite_numbers) {
  open_model(1);
  configure(_i ? "float32" : "float64", "auto");
  const size_t P = params.size;
  double v[MOST], div[SAMPLES], dx[MOST], *grad = calloc(P, sizeof *grad);
  memset(x, 0, sizeof x); /* all coincident in the first sample */
  x[size] = 1e-300, x[2 * size] = 1e-20, x[3 * size] = 300, x[4 * size] = 1e6;
  divergence(SAMPLES, t, x, v, div);
  expect_finite(SAMPLES * size, v);
  expect_finite(SAMPLES, div);
  for (size_t i = 0; i < size; i++)
    ck_assert_double_eq(v[i], 0);
  enf__field_jvp(field, &ctx->run, workspace(ENF__JVP), &(enf__points){&shape, SAMPLES, t, x}, eps,
                 v, NULL, div);
  expect_finite(SAMPLES, div);
  for (int probe = 0; probe < 2; probe++) {
    enf__field_vjp_trace(
        field, &ctx->run, workspace(ENF__VJP_TRACE), &(enf__points){&shape, SAMPLES, t, x},
        &(enf__cotangent){probe ? eps : NULL, a, b, squares, probe ? squares : NULL, NULL},
        &(enf__gradient){dx, grad, NULL});
    expect_finite(SAMPLES * size, dx);
    expect_finite(P, grad);
  }
  free(grad);
  close_field();
}
END_TEST

START_TEST(a_number_that_is_not_one_stays_in_its_sample) {
  open_model(0);
  double v[MOST], div[SAMPLES], want[MOST], want_div[SAMPLES];
  divergence(SAMPLES, t, x, want, want_div);
  x[2 * size + 1] = NAN;
  divergence(SAMPLES, t, x, v, div);
  ck_assert(isnan(v[2 * size + 1]) && isnan(div[2]));
  memcpy(v + 2 * size, want + 2 * size, size * sizeof *v);
  div[2] = want_div[2];
  ck_assert_mem_eq(v, want, SAMPLES * size * sizeof *v);
  ck_assert_mem_eq(div, want_div, sizeof div);
  close_field();
}
END_TEST

/* Many pairs and samples: several tiles, several groups. */
START_TEST(a_sample_does_not_depend_on_the_others) {
  const network large = {23, 3, NULL, {.kernels = 30, .kernel_times = 20, .kernel_range = 8}};
  enum { S = 70, DIM = 69 };
  open_field(&large);
  configure(_i ? "float32" : "float64", "auto");
  static double times[S], at[S * DIM], probe[S * DIM], v[S * DIM], dx[S * DIM];
  double form[S], weight[S], one[DIM], one_form;
  enf__random_uniform(2, 1, 0, S, times);
  enf__random_normal(2, 1, 1, S * DIM, at);
  enf__random_normal(2, 1, 2, S * DIM, probe);
  enf__random_normal(2, 1, 3, S, weight);
  enf__field_jvp(field, &ctx->run, workspace(ENF__JVP), &(enf__points){&shape, S, times, at}, probe,
                 v, NULL, form);
  enf__field_vjp_trace(
      field, &ctx->run, workspace(ENF__VJP_TRACE), &(enf__points){&shape, S, times, at},
      &(enf__cotangent){probe, probe, weight, NULL, NULL, NULL}, &(enf__gradient){dx, NULL, NULL});
  for (size_t s = 0; s < S; s++) {
    const size_t i = s * DIM;
    enf__field_jvp(field, &ctx->run, workspace(ENF__JVP),
                   &(enf__points){&shape, 1, times + s, at + i}, probe + i, one, NULL, &one_form);
    ck_assert_mem_eq(one, v + i, sizeof one);
    ck_assert_mem_eq(&one_form, form + s, sizeof one_form);
    enf__field_vjp_trace(field, &ctx->run, workspace(ENF__VJP_TRACE),
                         &(enf__points){&shape, 1, times + s, at + i},
                         &(enf__cotangent){probe + i, probe + i, weight + s, NULL, NULL, NULL},
                         &(enf__gradient){one, NULL, NULL});
    ck_assert_mem_eq(one, dx + i, sizeof one);
  }
  formula(times[69], at + 69 * DIM, one);
  expect_near(DIM, v + 69 * DIM, one, _i ? 2e-6 : 1e-12, "v");
  close_field();
}
END_TEST

int main(void) {
  TCase *c = tcase_create("pair kernel");
  tcase_set_timeout(c, 60);
  tcase_add_loop_test(c, velocity_is_its_formula_in_every_precision_and_kernel, 0, MODELS);
  tcase_add_test(c, one_species_has_about_620_parameters);
  tcase_add_test(c, a_new_field_is_nearly_the_identity);
  tcase_add_loop_test(c, divergence_and_tangent_are_those_of_the_dense_jacobian, 0, MODELS);
  tcase_add_loop_test(c, every_gradient_is_its_difference, 0, MODELS);
  tcase_add_loop_test(c, gradients_of_squares_are_their_differences, 0, 3 * MODELS);
  tcase_add_loop_test(c, gradients_in_float32_are_close, 0, MODELS);
  tcase_add_loop_test(c, field_is_equivariant, 0, MODELS);
  tcase_add_test(c, unlike_particles_do_not_commute);
  tcase_add_test(c, velocity_and_gradient_are_mean_free);
  tcase_add_loop_test(c, coincident_and_distant_particles_give_finite_numbers, 0, 2);
  tcase_add_test(c, a_number_that_is_not_one_stays_in_its_sample);
  tcase_add_loop_test(c, a_sample_does_not_depend_on_the_others, 0, 2);
  return run_suite("pair kernel", c);
}
