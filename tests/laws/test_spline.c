/* The laws of the spline map, in float64 unless it says so: back is there's inverse, its
   log-determinant is that of the Jacobian, gradients are those of differences, both ways, from any
   place to any; lines end at the bound, circles close; bits do not depend on company. */
#include "core/params.h"
#include "map/spline.h"
#include "spline_back.h"
#include "suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { C = 9, M = 8, MOST = 300 };
static const bool circle[C] = {[3] = true, [6] = true, [7] = true};

static enf_ctx *ctx;
static enf__params params;
static enf__spline *map;

static uint64_t state = 88172645463325252u;

static double between(double low, double high) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return low + (high - low) * (double)(state >> 11) * 0x1p-53;
}

static void set(const char *option, const char *value) {
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, option, value), ENF_OK);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  enf_opts_destroy(opts);
}

/* A map whose last layers are not 0 but within +- size. */
static void make(enf__spline_model model, double size) {
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  set("run.precision", "float64");
  enf__params_open(ctx, &params);
  ck_assert_msg(enf__spline_create(ctx, &map, &model, &params) == ENF_OK, "%s",
                enf_ctx_errmsg(ctx));
  ck_assert_int_eq(enf__params_allocate(ctx, &params), ENF_OK);
  enf__params_init(&params, 7);
  for (size_t k = 0; k < params.count; k++)
    for (size_t i = 0;
         params.tensor[k].spread == 0 && i < params.tensor[k].rows * params.tensor[k].cols; i++)
      params.value[params.tensor[k].offset + i] = between(-size, size);
  enf__spline_pack(map, params.value);
}

static void make_usual(void) { make((enf__spline_model){C, circle, M, 7, 2, 5, 3, 0}, 0.7); }

static void drop(void) {
  enf__spline_destroy(map);
  enf__params_close(&params);
  enf_ctx_destroy(ctx);
}

static enf__arena *workspace(void) {
  const size_t there = enf__spline_workspace(map, &ctx->run, false),
               back = enf__spline_workspace(map, &ctx->run, true);
  ck_assert_int_eq(enf__reserve(ctx, 0, there > back ? there : back), ENF_OK);
  return &ctx->workers[0];
}

static void carry(size_t from, size_t to, size_t S, double *y, double *logdet, double *record) {
  memset(logdet, 0, S * sizeof *logdet);
  enf__spline_carry(map, &ctx->run, workspace(), from, to, S, y, logdet, record, NULL);
}

/* Samples in and beyond the bound of 3. */
static void draw(size_t S, double *y) {
  for (size_t i = 0; i < S * C; i++)
    y[i] = circle[i % C] ? between(-3.14159, 3.14159) : between(-3.5, 3.5);
}

/* The shorter way around where i is on a circle. */
static double apart(size_t i, double a, double b) {
  return fabs(circle[i % C] ? remainder(a - b, 2 * acos(-1)) : a - b);
}

START_TEST(back_is_the_inverse_of_there) {
  enum { S = 40 };
  double x[S * C], y[S * C], there[S], back[S];
  make_usual();
  draw(S, x);
  for (size_t from = 0; from <= M; from += 4)
    for (size_t to = 0; to <= M; to += 4) {
      memcpy(y, x, sizeof y);
      carry(from, to, S, y, there, NULL);
      carry(to, from, S, y, back, NULL);
      for (size_t i = 0; i < S * C; i++)
        ck_assert_msg(apart(i, y[i], x[i]) < 1e-9, "%zu to %zu: %g for %g", from, to, y[i], x[i]);
      for (size_t s = 0; s < S; s++)
        ck_assert_double_eq_tol(there[s], -back[s], 1e-9);
    }
  drop();
}
END_TEST

/* log |det| by elimination with pivots. */
static double log_determinant(double a[C][C]) {
  double sum = 0;
  for (size_t k = 0; k < C; k++) {
    size_t p = k;
    for (size_t i = k; i < C; i++)
      p = fabs(a[i][k]) > fabs(a[p][k]) ? i : p;
    for (size_t j = 0; j < C; j++) {
      const double v = a[k][j];
      a[k][j] = a[p][j], a[p][j] = v;
    }
    sum += log(fabs(a[k][k]));
    for (size_t i = k + 1; i < C; i++)
      for (size_t j = C; j-- > k;)
        a[i][j] -= a[i][k] / a[k][k] * a[k][j];
  }
  return sum;
}

START_TEST(log_determinant_is_that_of_the_jacobian) {
  const double h = 1e-6;
  make_usual();
  for (int i = 0; i < 6; i++) {
    const size_t from = i % 2 ? M : 0, to = M - from;
    double x[C], y[2 * C * C], jacobian[C][C], logdet[2 * C];
    draw(1, x);
    for (size_t k = 0; k < 2 * C; k++) {
      memcpy(y + k * C, x, sizeof x);
      y[k * C + k / 2] += k % 2 ? -h : h;
    }
    carry(from, to, 2 * C, y, logdet, NULL);
    for (size_t k = 0; k < C; k++)
      for (size_t j = 0; j < C; j++) {
        const double d = y[2 * k * C + j] - y[(2 * k + 1) * C + j];
        jacobian[j][k] = (circle[j] ? remainder(d, 2 * acos(-1)) : d) / (2 * h);
      }
    carry(from, to, 1, x, logdet, NULL);
    ck_assert_double_eq_tol(logdet[0], log_determinant(jacobian), 1e-6);
  }
  drop();
}
END_TEST

/* ---- gradients ------------------------------------------------------------------------------- */

enum { FEW = 5 };

/* A number made of where the samples end: smooth on circles, too. */
static double loss(size_t from, size_t to, const double *x, const double *a, const double *b) {
  double y[FEW * C], logdet[FEW], sum = 0;
  memcpy(y, x, sizeof y);
  carry(from, to, FEW, y, logdet, NULL);
  for (size_t i = 0; i < FEW * C; i++)
    sum += a[i] * sin(y[i]);
  for (size_t s = 0; s < FEW; s++)
    sum += b[s] * logdet[s];
  return sum;
}

static double difference(size_t from, size_t to, const double *x, const double *a, const double *b,
                         double *at, bool pack) {
  const double h = 1e-5, was = *at;
  double value[2];
  for (int k = 0; k < 2; k++) {
    *at = was + (k ? -h : h);
    if (pack)
      enf__spline_pack(map, params.value);
    value[k] = loss(from, to, x, a, b);
  }
  *at = was;
  return (value[0] - value[1]) / (2 * h);
}

static void check_gradient(size_t from, size_t to) {
  double x[FEW * C], y[FEW * C], logdet[FEW], a[FEW * C], b[FEW];
  double *grad = calloc(params.size, sizeof *grad);
  double *record = malloc(FEW * M * C * sizeof(double));
  draw(FEW, x);
  for (size_t i = 0; i < FEW * C; i++)
    a[i] = between(-1, 1);
  for (size_t s = 0; s < FEW; s++)
    b[s] = between(-1, 1);
  memcpy(y, x, sizeof y);
  carry(from, to, FEW, y, logdet, record);
  for (size_t i = 0; i < FEW * C; i++)
    y[i] = a[i] * cos(y[i]);
  spline_back(map, &ctx->run, workspace(), from, to, FEW, record, NULL, y, b, 2, grad);
  for (size_t i = 0; i < FEW * C; i++) {
    const double want = difference(from, to, x, a, b, x + i, false);
    ck_assert_msg(fabs(y[i] - want) < 1e-6 * (1 + fabs(want)), "%zu to %zu: dx[%zu] is %g, not %g",
                  from, to, i, y[i], want);
  }
  for (size_t k = 0; k < params.count; k++) {
    const enf__tensor *t = &params.tensor[k];
    for (size_t n = 0; n < 6; n++) {
      const size_t i = t->offset + (size_t)between(0, (double)(t->rows * t->cols));
      const double want = difference(from, to, x, a, b, params.value + i, true);
      ck_assert_msg(fabs(grad[i] - want) < 1e-6 * (1 + fabs(want)),
                    "%zu to %zu: %s[%zu]: %g, not %g", from, to, t->name, i - t->offset, grad[i],
                    want);
    }
  }
  enf__spline_pack(map, params.value);
  free(grad), free(record);
}

/* Without and with coordinates that stay. */
START_TEST(gradients_are_those_of_differences) {
  make((enf__spline_model){C, circle, M, 7, 2, 5, 3, (size_t)_i}, 0.3);
  check_gradient(0, M);
  check_gradient(M, 0);
  check_gradient(2, 5);
  check_gradient(6, 3);
  drop();
}
END_TEST

START_TEST(dx_does_not_need_gradients_of_parameters) {
  double x[FEW * C], with[FEW * C], without[FEW * C], logdet[FEW], b[FEW] = {1, -1, 2};
  make_usual();
  double *grad = calloc(params.size, sizeof *grad);
  double *record = malloc(FEW * M * C * sizeof(double));
  draw(FEW, x);
  carry(0, M, FEW, x, logdet, record);
  memcpy(with, x, sizeof x), memcpy(without, x, sizeof x);
  spline_back(map, &ctx->run, workspace(), 0, M, FEW, record, NULL, with, b, 1, grad);
  spline_back(map, &ctx->run, workspace(), 0, M, FEW, record, NULL, without, b, 1, NULL);
  ck_assert(!memcmp(with, without, sizeof with));
  free(grad), free(record);
  drop();
}
END_TEST

/* The networks' outputs, left aside on the way there, are those that the way back makes itself, in
   every slice and tile. */
START_TEST(the_way_back_with_outputs_at_hand_is_the_same) {
  enum { S = 250 };
  double *x = malloc(3 * S * C * sizeof *x), *y[2] = {x + S * C, x + 2 * S * C}, logdet[S], b[S];
  make_usual();
  double *grad = calloc(2 * params.size, sizeof *grad), *record = malloc(sizeof(double[S][M][C]));
  double *aside = malloc(S * map->outputs * sizeof *aside);
  for (size_t s = 0; s < S; s++)
    b[s] = between(-1, 1);
  for (size_t from = 0; from <= M; from += M) {
    draw(S, x);
    memset(logdet, 0, sizeof logdet);
    memset(grad, 0, 2 * params.size * sizeof *grad);
    enf__spline_carry(map, &ctx->run, workspace(), from, M - from, S, x, logdet, record, aside);
    for (size_t k = 0; k < 2; k++) {
      memcpy(y[k], x, S * C * sizeof *x);
      spline_back(map, &ctx->run, workspace(), from, M - from, S, record, k ? aside : NULL,
                  y[k], b, 1, grad + k * params.size);
    }
    ck_assert_mem_eq(y[0], y[1], S * C * sizeof *x);
    ck_assert_mem_eq(grad, grad + params.size, params.size * sizeof *grad);
  }
  free(x), free(grad), free(record), free(aside);
  drop();
}
END_TEST

START_TEST(what_is_to_stay_stays_and_is_seen) {
  double x[C], y[C], logdet, other;
  make((enf__spline_model){C, circle, M, 7, 2, 5, 3, 2}, 0.7);
  draw(1, x);
  for (size_t from = 0; from <= M; from += M) {
    memcpy(y, x, sizeof y);
    carry(from, M - from, 1, y, &logdet, NULL);
    ck_assert_mem_eq(y + C - 2, x + C - 2, 2 * sizeof *x);
    memcpy(y, x, sizeof y);
    y[C - 1] += 0.5;
    carry(from, M - from, 1, y, &other, NULL);
    ck_assert_double_ne(logdet, other);
  }
  drop();
}
END_TEST

/* ---- lines and circles ----------------------------------------------------------------------- */

START_TEST(a_fresh_map_is_the_identity) {
  enum { S = 20 };
  double x[S * C], y[S * C], logdet[S];
  make((enf__spline_model){C, circle, M, 7, 3, 8, 3, 0}, 0);
  draw(S, x);
  memcpy(y, x, sizeof y);
  carry(0, M, S, y, logdet, NULL);
  for (size_t i = 0; i < S * C; i++)
    ck_assert_double_eq_tol(y[i], x[i], 1e-13);
  for (size_t s = 0; s < S; s++)
    ck_assert_double_eq_tol(logdet[s], 0, 1e-12);
  drop();
}
END_TEST

START_TEST(lines_stay_where_they_are_from_the_bound_on) {
  double x[C] = {3, -3, 3.2, 0, -100, 40, 1, 2, -7}, y[C], logdet;
  make_usual();
  for (size_t from = 0; from <= M; from += M) {
    memcpy(y, x, sizeof y);
    carry(from, M - from, 1, y, &logdet, NULL);
    for (size_t c = 0; c < C; c++)
      ck_assert(circle[c] || y[c] == x[c]);
    ck_assert(isfinite(logdet));
  }
  drop();
}
END_TEST

START_TEST(circles_close) {
  const double turn = 2 * acos(-1), h = 1e-9;
  make_usual();
  for (size_t from = 0; from <= M; from += M) {
    double x[4 * C], logdet[4];
    draw(1, x);
    for (size_t k = 1; k < 4; k++)
      memcpy(x + k * C, x, C * sizeof *x);
    x[C + 3] += turn;
    x[2 * C + 6] = turn / 2 - h;
    x[3 * C + 6] = h - turn / 2;
    carry(from, M - from, 4, x, logdet, NULL);
    for (size_t c = 0; c < C; c++) {
      ck_assert_double_eq_tol(apart(c, x[c], x[C + c]), 0, 1e-11);
      ck_assert_double_eq_tol(apart(c, x[2 * C + c], x[3 * C + c]), 0, 1e-6);
      ck_assert(!circle[c] || fabs(x[c]) <= turn / 2 + 1e-12);
    }
    ck_assert_double_eq_tol(logdet[0], logdet[1], 1e-11);
    ck_assert_double_eq_tol(logdet[2], logdet[3], 1e-6);
  }
  drop();
}
END_TEST

START_TEST(what_is_not_finite_stays_so_and_alone) {
  double x[3 * C], alone[C], logdet[3], one;
  make_usual();
  draw(3, x);
  memcpy(alone, x + 2 * C, sizeof alone);
  x[0] = NAN, x[C + 3] = INFINITY;
  carry(0, M, 3, x, logdet, NULL);
  carry(0, M, 1, alone, &one, NULL);
  for (size_t s = 0; s < 2; s++) {
    bool finite = isfinite(logdet[s]);
    for (size_t c = 0; c < C; c++)
      finite = finite && isfinite(x[s * C + c]);
    ck_assert(!finite);
  }
  ck_assert(!memcmp(x + 2 * C, alone, sizeof alone) && logdet[2] == one);
  drop();
}
END_TEST

/* ---- bits ------------------------------------------------------------------------------------ */

/* All at once, and in pieces of `cut`: states, log-determinants and cotangents. */
static void check_cuts(size_t from, size_t to, size_t cut) {
  double *x = malloc(MOST * C * sizeof *x), *y = malloc(MOST * C * sizeof *y),
         *logdet = calloc(2 * MOST, sizeof *x);
  double dlogdet[MOST];
  double *record = malloc(MOST * M * C * sizeof(double));
  draw(MOST, x);
  memcpy(y, x, MOST * C * sizeof *y);
  for (size_t s = 0; s < MOST; s++)
    dlogdet[s] = between(-1, 1);
  carry(from, to, MOST, x, logdet, record);
  spline_back(map, &ctx->run, workspace(), from, to, MOST, record, NULL, x, dlogdet, 1, NULL);
  for (size_t s = 0; s < MOST; s += cut) {
    const size_t S = MOST - s < cut ? MOST - s : cut;
    carry(from, to, S, y + s * C, logdet + MOST + s, record);
    spline_back(map, &ctx->run, workspace(), from, to, S, record, NULL, y + s * C, dlogdet + s,
                1, NULL);
  }
  ck_assert(!memcmp(x, y, MOST * C * sizeof *x));
  ck_assert(!memcmp(logdet, logdet + MOST, MOST * sizeof *logdet));
  free(x), free(y), free(logdet), free(record);
}

START_TEST(bits_do_not_depend_on_company) {
  static const char *const precisions[] = {"float32", "float64"};
  static const size_t cuts[] = {1, 7, 64, 200};
  make_usual();
  for (size_t p = 0; p < 2; p++) {
    set("run.precision", precisions[p]);
    for (size_t i = 0; i < 4; i++) {
      check_cuts(0, M, cuts[i]);
      check_cuts(M, 0, cuts[i]);
    }
  }
  drop();
}
END_TEST

/* ---- shapes ---------------------------------------------------------------------------------- */

START_TEST(shapes_without_sense_are_refused_with_their_number) {
  static const bool none[2000] = {false};
  static const struct {
    enf__spline_model model;
    const char *word;
  } bad[] = {
      {{1, none, 4, 8, 2, 8, 5, 0}, "coordinates"},   {{3, none, 4, 8, 2, 8, 5, 2}, "coordinates"},   {{9, none, 4, 8, 2, 1000, 5, 0}, "1000"},
      {{9, none, 4, 8, 2, 1, 5, 0}, "model.bins"},    {{9, none, 4, 8, 0, 8, 5, 0}, "spline_depth"},
      {{9, none, 4, 8, 9, 8, 5, 0}, "spline_depth"},  {{9, none, 4, 8, 2, 8, 0, 0}, "model.bound"},
      {{9, none, 4, 8, 2, 8, NAN, 0}, "model.bound"}, {{9, none, 0, 8, 2, 8, 5, 0}, "layers"},
      {{9, none, 4, 0, 2, 8, 5, 0}, "width"},
  };
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    enf__params_open(ctx, &params);
    ck_assert_int_eq(enf__spline_create(ctx, &map, &bad[i].model, &params), ENF_ERR_OPTION);
    ck_assert_ptr_null(map);
    ck_assert_msg(strstr(enf_ctx_errmsg(ctx), bad[i].word) != NULL, "%s", enf_ctx_errmsg(ctx));
    enf__params_close(&params);
  }
  enf_ctx_destroy(ctx);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("spline map");
  tcase_add_test(tc, back_is_the_inverse_of_there);
  tcase_add_test(tc, log_determinant_is_that_of_the_jacobian);
  tcase_add_loop_test(tc, gradients_are_those_of_differences, 0, 3);
  tcase_add_test(tc, what_is_to_stay_stays_and_is_seen);
  tcase_add_test(tc, dx_does_not_need_gradients_of_parameters);
  tcase_add_test(tc, the_way_back_with_outputs_at_hand_is_the_same);
  tcase_add_test(tc, a_fresh_map_is_the_identity);
  tcase_add_test(tc, lines_stay_where_they_are_from_the_bound_on);
  tcase_add_test(tc, circles_close);
  tcase_add_test(tc, what_is_not_finite_stays_so_and_alone);
  tcase_add_test(tc, bits_do_not_depend_on_company);
  tcase_add_test(tc, shapes_without_sense_are_refused_with_their_number);
  return run_suite("laws of the spline map", tc);
}
