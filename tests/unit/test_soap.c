/* test_soap.c -- SOAP: Adam before the first turn, second moments by their definition, orthonormal
   eigenbases, the same bits on any number of threads, and fewer steps where axes are not
   eigenvectors. */
#include "core/random.h"
#include "train/optimiser.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BEFORE_THE_TURN = 10 };

static enf_ctx *ctx;
static enf__field *field;
static size_t params;
static double *w, *g;

/* Shapes (7,1), (7,16), (7,7), (1,7), (1,1) ... */
static void open_network(void) {
  const enf__model model = {.particles = 3,
                            .dimensions = 2,
                            .hidden = 7,
                            .layers = 2,
                            .edge_depth = 2,
                            .node_depth = 2,
                            .attention = true,
                            .tanh = true};
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf__field_create(ctx, &field, &model), ENF_OK);
  params = enf__field_params(field);
  w = malloc(params * sizeof *w);
  g = malloc(params * sizeof *g);
}

static void close_network(void) {
  enf__field_destroy(field);
  enf_ctx_destroy(ctx);
  free(w), free(g);
}

static void set_threads(int64_t threads) {
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set_int(opts, "run.threads", threads), ENF_OK);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  enf_opts_destroy(opts);
}

static enf__optimiser begin(const enf__field *soap_of) {
  enf__optimiser o;
  memset(w, 0, params * sizeof *w);
  ck_assert_int_eq(enf__optimiser_create(ctx, &o, params, w, soap_of), ENF_OK);
  ck_assert_int_eq(enf__reserve(ctx, 0, enf__optimiser_worker_bytes(&o)), ENF_OK);
  return o;
}

/* The gradient is spent. */
static void update(enf__optimiser *o, double rate) {
  const enf__update u = {.rate = rate, .shrink = 1, .weight_decay = 0.1, .ema = 0.9};
  ck_assert_int_eq(enf__optimiser_update(ctx, o, &u, g, w), ENF_OK);
}

static void draw_gradient(uint64_t step) { enf__random_normal(1, 90, step, params, g); }

/* Adam with beta2 = 0.99, number by number: weights, moments (P). */
static void adam(uint64_t k, double rate, double *to, double *m, double *v) {
  for (size_t i = 0; i < params; i++) {
    m[i] = 0.9 * m[i] + 0.1 * g[i];
    v[i] = 0.99 * v[i] + 0.01 * g[i] * g[i];
    const double direction =
        m[i] / (1 - pow(0.9, (double)k)) / (sqrt(v[i] / (1 - pow(0.99, (double)k))) + 1e-8);
    to[i] -= rate * (direction + 0.1 * to[i]);
  }
}

START_TEST(begins_as_adam) {
  double *other = calloc(3 * params, sizeof *other);
  enf__optimiser o = begin(field);
  for (uint64_t k = 1; k <= BEFORE_THE_TURN + 1; k++) {
    double apart = 0;
    draw_gradient(k);
    adam(k, 0.1, other, other + params, other + 2 * params);
    update(&o, 0.1);
    for (size_t i = 0; i < params; i++)
      apart = fmax(apart, fabs(w[i] - other[i]));
    if (k <= BEFORE_THE_TURN)
      ck_assert_double_lt(apart, 1e-13);
    else
      ck_assert_double_gt(apart, 1e-3);
  }
  enf__optimiser_free(&o);
  free(other);
}
END_TEST

/* The largest |U U^T - 1| of all bases. */
static double skewness(const enf__soap *soap) {
  double most = 0;
  for (size_t f = 0; f < soap->count; f++)
    for (int k = 0; k < 2; k++) {
      const enf__side *s = &soap->factor[f].side[k];
      for (size_t i = 0; i < s->n && s->n > 1; i++)
        for (size_t j = 0; j <= i; j++) {
          double dot = 0;
          for (size_t l = 0; l < s->n; l++)
            dot += s->basis[i * s->n + l] * s->basis[j * s->n + l];
          most = fmax(most, fabs(dot - (i == j)));
        }
    }
  return most;
}

/* Gradients that are random, of rank one, zero, or tiny. */
START_TEST(bases_are_orthonormal_whatever_comes) {
  enf__optimiser o = begin(field);
  for (uint64_t k = 0; k < 200; k++) {
    draw_gradient(_i == 1 ? 0 : k);
    for (size_t i = 0; i < params && _i >= 2; i++)
      g[i] *= _i == 2 ? 0 : 1e-140;
    update(&o, 0.01);
  }
  ck_assert_double_lt(skewness(&o.soap), 1e-13);
  for (size_t i = 0; i < params; i++)
    ck_assert(isfinite(w[i]));
  enf__optimiser_free(&o);
}
END_TEST

/* second = sum_k 0.01 0.99^(n-k) G G^T, and G^T G. */
START_TEST(second_moments_are_averages) {
  const size_t steps = 13;
  enf__optimiser o = begin(field);
  for (uint64_t k = 0; k < steps; k++) {
    draw_gradient(k);
    update(&o, 0.1);
  }
  for (size_t f = 0; f < o.soap.count; f++)
    for (int side = 0; side < 2; side++) {
      const enf__factor *factor = &o.soap.factor[f];
      const size_t rows = factor->side[0].n, cols = factor->side[1].n, n = factor->side[side].n;
      for (size_t i = 0; i < n && n > 1; i++)
        for (size_t j = 0; j < n; j++) {
          double sum = 0;
          for (uint64_t k = 0; k < steps; k++) {
            draw_gradient(k);
            const double *G = g + factor->offset;
            for (size_t l = 0; l < rows * cols / n; l++)
              sum += 0.01 * pow(0.99, (double)(steps - 1 - k)) *
                     (side == 0 ? G[i * cols + l] * G[j * cols + l]
                                : G[l * cols + i] * G[l * cols + j]);
          }
          ck_assert_double_eq_tol(factor->side[side].second[i * n + j], sum, 1e-13);
        }
    }
  enf__optimiser_free(&o);
}
END_TEST

/* A fixed rotation of rows and of columns with axes of lengths 1, 1/2, 1/4 ..., as a product of
   Householder reflections; from axes to parameters if `out`, else back. */
static void reflect(size_t n, size_t stride, double *x) {
  double v[16], square = 0, dot = 0;
  for (size_t i = 0; i < n; i++)
    v[i] = sin(1.0 + (double)(i * i)), square += v[i] * v[i], dot += v[i] * x[i * stride];
  for (size_t i = 0; i < n; i++)
    x[i * stride] -= 2 * dot / square * v[i];
}

static void turn_all(double *x) {
  for (size_t f = 0; f < enf__field_tensors(field); f++) {
    const enf__tensor *t = enf__field_tensor(field, f);
    for (size_t i = 0; i < t->rows && t->cols > 1; i++)
      reflect(t->cols, 1, x + t->offset + i * t->cols);
    for (size_t j = 0; j < t->cols && t->rows > 1; j++)
      reflect(t->rows, t->cols, x + t->offset + j);
  }
}

static double stiffness(const enf__tensor *t, size_t i) {
  return pow(0.5, (double)(i / t->cols + i % t->cols));
}

/* Loss 1/2 sum stiffness^2 (y - 1)^2 over the turned weights y; its noisy gradient. */
static double slope(uint64_t step, double noise) {
  double loss = 0;
  draw_gradient(step);
  double *y = malloc(params * sizeof *y);
  memcpy(y, w, params * sizeof *y);
  turn_all(y);
  for (size_t f = 0; f < enf__field_tensors(field); f++) {
    const enf__tensor *t = enf__field_tensor(field, f);
    for (size_t i = 0; i < t->rows * t->cols; i++) {
      const double s = stiffness(t, i), error = s * (y[t->offset + i] - 1);
      loss += 0.5 * error * error;
      g[t->offset + i] = s * (error + noise * g[t->offset + i]);
    }
  }
  turn_all(g);
  free(y);
  return loss;
}

START_TEST(turned_axes_are_found) {
  double loss[2];
  for (int soap = 0; soap < 2; soap++) {
    enf__optimiser o = begin(soap ? field : NULL);
    const enf__update u = {.shrink = 1};
    for (uint64_t k = 0; k < 3000; k++) {
      enf__update now = u;
      now.rate = enf__learning_rate(ENF__ONE_CYCLE, 0.01, k, 3000);
      slope(k, 0.1);
      ck_assert_int_eq(enf__optimiser_update(ctx, &o, &now, g, w), ENF_OK);
    }
    loss[soap] = slope(0, 0);
    enf__optimiser_free(&o);
  }
  ck_assert_msg(loss[1] < 0.5 * loss[0], "SOAP %g, AdamW %g", loss[1], loss[0]);
}
END_TEST

START_TEST(bits_do_not_depend_on_threads) {
  double *one = malloc(params * sizeof *one);
  for (int threads = 1; threads <= 3; threads++) {
    set_threads(threads);
    enf__optimiser o = begin(field);
    for (uint64_t k = 0; k < 25; k++) {
      draw_gradient(k);
      update(&o, 0.1);
    }
    if (threads == 1)
      memcpy(one, w, params * sizeof *one);
    ck_assert_mem_eq(one, w, params * sizeof *one);
    enf__optimiser_free(&o);
  }
  free(one);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("soap");
  TCase *tests = tcase_create("laws");
  tcase_add_checked_fixture(tests, open_network, close_network);
  tcase_add_test(tests, begins_as_adam);
  tcase_add_loop_test(tests, bases_are_orthonormal_whatever_comes, 0, 4);
  tcase_add_test(tests, second_moments_are_averages);
  tcase_add_test(tests, turned_axes_are_found);
  tcase_add_test(tests, bits_do_not_depend_on_threads);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
