/* test_soap.c -- SOAP: Adam before the first turn, second moments by their definition, whole
   updates by plain loops, no long step where gradients jump, orthonormal bases, the same bits on
   any number of threads, and fewer steps where axes are not eigenvectors. */
#include "core/random.h"
#include "field/field.h"
#include "suite.h"
#include "train/optimiser.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BEFORE_THE_TURN = 10 };

static enf_ctx *ctx;
static enf__field *field;
static enf__params params;
static size_t P;
static double *w, *g;

/* Shapes (H,1), (H,2H+2), (H,2H), (H,H), (1,H), (1,1): padded to 32 or, in one side or both, more.
 */
static const size_t widths[] = {7, 20, 40};
enum { WIDTHS = 3 };

static void open_width(size_t width) {
  const enf__model model = {.hidden = width,
                            .layers = 2,
                            .edge_depth = 2,
                            .node_depth = 2,
                            .attention = true,
                            .tanh = true};
  enf__params_open(ctx, &params);
  ck_assert_int_eq(enf__field_create(ctx, &field, &model, &params), ENF_OK);
  ck_assert_int_eq(enf__params_allocate(ctx, &params), ENF_OK);
  P = params.size;
  w = malloc(P * sizeof *w);
  g = malloc(P * sizeof *g);
}

static void open_context(void) { ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK); }

static void close_context(void) {
  enf__field_destroy(field);
  enf__params_close(&params);
  enf_ctx_destroy(ctx);
  free(w), free(g);
}

/* Loop tests: every width. */
#define OPEN_WIDTH() open_width(widths[_i % WIDTHS])

static void set_threads(int64_t threads) {
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set_int(opts, "run.threads", threads), ENF_OK);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  enf_opts_destroy(opts);
}

static enf__optimiser begin(bool soap) {
  enf__optimiser o;
  memset(w, 0, P * sizeof *w);
  memset(params.value, 0, P * sizeof *w);
  ck_assert_int_eq(enf__optimiser_create(ctx, &o, &params, soap), ENF_OK);
  ck_assert_int_eq(enf__reserve(ctx, 0, enf__optimiser_worker_bytes(&o)), ENF_OK);
  return o;
}

/* The gradient is spent. */
static void update(enf__optimiser *o, double rate) {
  const enf__update u = {.rate = rate, .shrink = 1, .weight_decay = 0.1, .ema = 0.9};
  ck_assert_int_eq(enf__optimiser_update(ctx, o, &u, g, w), ENF_OK);
}

static void draw_gradient(uint64_t step) { enf__random_normal(1, 90, step, P, g); }

static double corrected(double v, uint64_t k) { return v / (1 - pow(0.99, (double)k)); }

/* How much shorter the step of a tensor of `size` numbers is for its gradients, in the bases, being
   large beside the averages v of their squares. */
static double clip_of(uint64_t k, size_t size, const double *gradient, const double *v) {
  double sum = 0;
  for (size_t i = 0; i < size; i++)
    sum += pow(gradient[i] / (sqrt(corrected(v[i], k)) + 1e-8), 2);
  return fmax(1, sqrt(sum / (double)size));
}

/* Adam with beta2 = 0.99 and clipped updates, number by number: weights, moments (P). */
static void adam(uint64_t k, double rate, double *to, double *m, double *v) {
  for (size_t i = 0; i < P; i++) {
    m[i] = 0.9 * m[i] + 0.1 * g[i];
    v[i] = 0.99 * v[i] + 0.01 * g[i] * g[i];
  }
  for (size_t f = 0; f < params.count; f++) {
    const enf__tensor *t = &params.tensor[f];
    const size_t first = t->offset, size = t->rows * t->cols;
    const double clip = clip_of(k, size, g + first, v + first);
    for (size_t i = first; i < first + size; i++) {
      const double direction =
          m[i] / (1 - pow(0.9, (double)k)) / clip / (sqrt(corrected(v[i], k)) + 1e-8);
      to[i] -= rate * (direction + 0.1 * to[i]);
    }
  }
}

START_TEST(begins_as_adam) {
  OPEN_WIDTH();
  double *other = calloc(3 * P, sizeof *other);
  enf__optimiser o = begin(true);
  for (uint64_t k = 1; k <= BEFORE_THE_TURN + 1; k++) {
    double apart = 0;
    draw_gradient(k);
    adam(k, 0.1, other, other + P, other + 2 * P);
    update(&o, 0.1);
    for (size_t i = 0; i < P; i++)
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

/* Gradients that are random, always the same, zero, or tiny. */
enum { RANDOM, CONSTANT, ZERO, TINY, KINDS };

START_TEST(bases_are_orthonormal_whatever_comes) {
  OPEN_WIDTH();
  const int kind = _i / WIDTHS;
  enf__optimiser o = begin(true);
  for (uint64_t k = 0; k < 60; k++) {
    draw_gradient(kind == CONSTANT ? 0 : k);
    for (size_t i = 0; i < P && kind >= ZERO; i++)
      g[i] *= kind == ZERO ? 0 : 1e-140;
    update(&o, 0.01);
  }
  ck_assert_double_lt(skewness(&o.soap), 1e-13);
  for (size_t i = 0; i < P; i++)
    ck_assert(isfinite(w[i]));
  enf__optimiser_free(&o);
}
END_TEST

/* Element (i,j) of G G^T (side 0) or G^T G (side 1). */
static double square_of(const enf__factor *f, int side, size_t i, size_t j) {
  const size_t rows = f->side[0].n, cols = f->side[1].n;
  const double *G = g + f->offset;
  double sum = 0;
  for (size_t l = 0; l < (side == 0 ? cols : rows); l++)
    sum += side == 0 ? G[i * cols + l] * G[j * cols + l] : G[l * cols + i] * G[l * cols + j];
  return sum;
}

START_TEST(second_moments_are_averages) {
  OPEN_WIDTH();
  enf__optimiser o = begin(true);
  for (uint64_t k = 0; k < 13; k++) {
    enf__soap *soap = &o.soap;
    double **before = calloc(2 * soap->count, sizeof *before);
    for (size_t f = 0; f < 2 * soap->count; f++) {
      const enf__side *s = &soap->factor[f / 2].side[f % 2];
      before[f] = malloc(s->n * s->n * sizeof **before);
      if (s->n > 1)
        memcpy(before[f], s->second, s->n * s->n * sizeof **before);
    }
    draw_gradient(k);
    update(&o, 0.1);
    draw_gradient(k);
    for (size_t f = 0; f < 2 * soap->count; f++) {
      const enf__side *s = &soap->factor[f / 2].side[f % 2];
      for (size_t i = 0; i < s->n * s->n && s->n > 1; i++)
        ck_assert_double_eq_tol(s->second[i],
                                0.99 * before[f][i] + 0.01 * square_of(&soap->factor[f / 2],
                                                                       (int)(f % 2), i / s->n,
                                                                       i % s->n),
                                1e-13);
      free(before[f]);
    }
    free(before);
  }
  enf__optimiser_free(&o);
}
END_TEST

/* ---- one update by plain loops ----------------------------------------------------------------
 */

/* to (m,n) = U_L from U_R^T, or U_L^T from U_R if `back`; a side of 1 is left alone. */
static void turn(size_t m, size_t n, const double *UL, const double *UR, bool back,
                 const double *from, double *to) {
  double *half = calloc(m * n, sizeof *half);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++)
      for (size_t l = 0; l < m; l++)
        half[i * n + j] += (m == 1 ? 1 : back ? UL[l * m + i] : UL[i * m + l]) * from[l * n + j];
  memset(to, 0, m * n * sizeof *to);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++)
      for (size_t l = 0; l < n; l++)
        to[i * n + j] += half[i * n + l] * (n == 1 ? 1 : back ? UR[l * n + j] : UR[j * n + l]);
  free(half);
}

/* to (n,n) = squares of U_new U_old^T */
static void find_shares(size_t n, const double *now, const double *old, double *to) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double dot = 0;
      for (size_t l = 0; l < n; l++)
        dot += now[i * n + l] * old[j * n + l];
      to[i * n + j] = dot * dot;
    }
}

static double *copy_of(size_t n, const double *x) {
  double *copy = calloc(n, sizeof *copy);
  if (x)
    memcpy(copy, x, n * sizeof *copy);
  return copy;
}

/* Update `number`, which renews bases if 10 divides it, of one tensor. */
static void expect_update(enf__optimiser *o, size_t index, uint64_t number) {
  const enf__factor *f = &o->soap.factor[index];
  const size_t m = f->side[0].n, n = f->side[1].n, size = m * n;
  double *UL = copy_of(m * m, f->side[0].basis), *UR = copy_of(n * n, f->side[1].basis);
  double *M = copy_of(size, o->moment1 + f->offset), *V = copy_of(size, o->moment2 + f->offset);
  double *x = copy_of(size, w + f->offset), *turned = calloc(size, sizeof *turned);
  double *direction = calloc(size, sizeof *direction);
  draw_gradient(number);
  const double *G = g + f->offset;
  turn(m, n, UL, UR, false, G, turned);
  for (size_t i = 0; i < size; i++) {
    V[i] = 0.99 * V[i] + 0.01 * turned[i] * turned[i];
    M[i] = 0.9 * M[i] + 0.1 * G[i];
  }
  const double clip = clip_of(number, size, turned, V);
  turn(m, n, UL, UR, false, M, turned);
  for (size_t i = 0; i < size; i++)
    turned[i] /= (1 - pow(0.9, (double)number)) * clip * (sqrt(corrected(V[i], number)) + 1e-8);
  turn(m, n, UL, UR, true, turned, direction);
  update(o, 0.1);
  for (size_t i = 0; i < size; i++)
    ck_assert_double_eq_tol(w[f->offset + i], x[i] - 0.1 * (direction[i] + 0.1 * x[i]), 1e-12);
  if (number % 10 == 0) {
    double *BL = calloc(m * m, sizeof *BL), *BR = calloc(n * n, sizeof *BR);
    if (m > 1)
      find_shares(m, f->side[0].basis, UL, BL);
    if (n > 1)
      find_shares(n, f->side[1].basis, UR, BR);
    turn(m, n, BL, BR, false, V, turned);
    memcpy(V, turned, size * sizeof *V);
    free(BL), free(BR);
  }
  for (size_t i = 0; i < size; i++)
    ck_assert_double_eq_tol(o->moment2[f->offset + i], V[i], 1e-12);
  free(UL), free(UR), free(M), free(V), free(x), free(turned), free(direction);
}

/* Every tensor in one of the updates 21, 22 ... */
START_TEST(updates_match_plain_loops) {
  OPEN_WIDTH();
  enf__optimiser o = begin(true);
  uint64_t number = 1;
  for (; number <= 20; number++) {
    draw_gradient(number);
    update(&o, 0.1);
  }
  for (size_t index = 0; index < o.soap.count; index++)
    expect_update(&o, index, number++);
  /* and the largest where bases are renewed */
  for (; number % 10 != 0; number++) {
    draw_gradient(number);
    update(&o, 0.1);
  }
  size_t largest = 0;
  for (size_t index = 0; index < o.soap.count; index++)
    if (o.soap.factor[index].side[1].n > o.soap.factor[largest].side[1].n)
      largest = index;
  expect_update(&o, largest, number);
  enf__optimiser_free(&o);
}
END_TEST

/* Without the clip the step after a hundredfold gradient is three times as long as usual: (1 -
   beta1) / sqrt(1 - beta2) = 1 in every number, not about sqrt((1 - beta1) / 2). */
START_TEST(a_jump_of_the_gradient_makes_no_long_step) {
  OPEN_WIDTH();
  double *before = malloc(P * sizeof *before), length[2];
  enf__optimiser o = begin(true);
  for (uint64_t k = 1; k <= 101; k++) {
    memcpy(before, w, P * sizeof *w);
    draw_gradient(k);
    for (size_t i = 0; i < P && k == 101; i++)
      g[i] *= 100;
    update(&o, 1e-4);
    length[k / 101] = 0;
    for (size_t i = 0; i < P; i++)
      length[k / 101] = hypot(length[k / 101], w[i] - before[i]);
  }
  ck_assert_double_lt(length[1], length[0]);
  enf__optimiser_free(&o);
  free(before);
}
END_TEST

/* A fixed rotation of rows and of columns with axes of lengths 1, 1/2, 1/4 ..., as a product of
   Householder reflections; from axes to parameters if `out`, else back. */
static void reflect(size_t n, size_t stride, double *x) {
  double v[128], square = 0, dot = 0;
  for (size_t i = 0; i < n; i++)
    v[i] = sin(1.0 + (double)(i * i)), square += v[i] * v[i], dot += v[i] * x[i * stride];
  for (size_t i = 0; i < n; i++)
    x[i * stride] -= 2 * dot / square * v[i];
}

static void turn_all(double *x) {
  for (size_t f = 0; f < params.count; f++) {
    const enf__tensor *t = &params.tensor[f];
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
  double *y = malloc(P * sizeof *y);
  memcpy(y, w, P * sizeof *y);
  turn_all(y);
  for (size_t f = 0; f < params.count; f++) {
    const enf__tensor *t = &params.tensor[f];
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
  open_width(widths[0]);
  double loss[2];
  for (int soap = 0; soap < 2; soap++) {
    enf__optimiser o = begin(soap);
    for (uint64_t k = 0; k < 3000; k++) {
      const enf__update now = {.shrink = 1,
                               .rate = enf__learning_rate(ENF__ONE_CYCLE, 0.01, k, 3000)};
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
  OPEN_WIDTH();
  double *one = malloc(P * sizeof *one);
  for (int threads = 1; threads <= 3; threads++) {
    set_threads(threads);
    enf__optimiser o = begin(true);
    for (uint64_t k = 0; k < 25; k++) {
      draw_gradient(k);
      update(&o, 0.1);
    }
    if (threads == 1)
      memcpy(one, w, P * sizeof *one);
    ck_assert_mem_eq(one, w, P * sizeof *one);
    enf__optimiser_free(&o);
  }
  free(one);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("laws");
  tcase_add_checked_fixture(tests, open_context, close_context);
  tcase_add_loop_test(tests, begins_as_adam, 0, WIDTHS);
  tcase_add_loop_test(tests, bases_are_orthonormal_whatever_comes, 0, KINDS * WIDTHS);
  tcase_add_loop_test(tests, second_moments_are_averages, 0, WIDTHS);
  tcase_add_loop_test(tests, updates_match_plain_loops, 0, WIDTHS);
  tcase_add_loop_test(tests, a_jump_of_the_gradient_makes_no_long_step, 0, WIDTHS);
  tcase_add_test(tests, turned_axes_are_found);
  tcase_add_loop_test(tests, bits_do_not_depend_on_threads, 0, WIDTHS);
  return run_suite("soap", tests);
}
