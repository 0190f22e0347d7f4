/* test_journey.c -- (x, logdet) along a network and back: gradients of both adjoints by samples
   and parameters, with probes and with the exact divergence, and what they do not depend on. */
#include "core/random.h"
#include "flow/flow.h"
#include "map/probe.h"
#include "math/center.h"
#include "suite.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 3, D = 2, DIM = N * D, MOST = 40, PROBES = 2 };

static enf_ctx *ctx;
static enf_flow *flow;
static size_t P;
static double x[MOST * DIM], eps[MOST * PROBES * DIM], dy[MOST * DIM], dlogdet[MOST];

static void setup(void) {
  enf_opts *opts;
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  enf_opts_set_int(opts, "model.particles", N);
  enf_opts_set_int(opts, "model.dimensions", D);
  enf_opts_set_int(opts, "model.hidden", 8);
  enf_opts_set_int(opts, "model.layers", 2);
  enf_opts_set_int(opts, "model.seed", 3);
  ck_assert_int_eq(enf_create(ctx, &flow, opts), ENF_OK);
  enf_opts_destroy(opts);
  P = flow->params.size;
  for (size_t k = 0; k < flow->params.count; k++) {
    const enf__tensor *t = &flow->params.tensor[k];
    for (size_t i = 0; strstr(t->name, "coord_mlp.2.weight") && i < t->rows * t->cols; i++)
      flow->params.value[t->offset + i] *= 300;
  }
  enf__flow_pack(flow);
  enf__random_normal(1, 1, 0, MOST * DIM, x);
  enf__random_normal(1, 1, 1, MOST * DIM, dy);
  enf__random_normal(1, 1, 2, MOST, dlogdet);
  for (size_t i = 0; i < MOST; i++) {
    enf__center(N, D, x + i * DIM, x + i * DIM, NULL);
    enf__center(N, D, dy + i * DIM, dy + i * DIM, NULL);
    enf__probe_draw(ENF__RADEMACHER, 4, i, PROBES, DIM, eps + i * PROBES * DIM);
  }
}

static void teardown(void) {
  enf_destroy(flow);
  enf_ctx_destroy(ctx);
}

static void configure(const char *tolerance, const char *threads) {
  enf_opts *opts;
  const char *rows[][2] = {{"run.precision", "float64"},
                           {"ode.rtol", tolerance},
                           {"ode.atol", tolerance},
                           {"run.threads", threads}};
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  for (size_t i = 0; i < 4; i++)
    ck_assert_int_eq(enf_opts_set(opts, rows[i][0], rows[i][1]), ENF_OK);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  enf_opts_destroy(opts);
}

/* What a run gives; L = sum <dy, y> + dlogdet logdet. */
typedef struct {
  double loss, y[MOST * DIM], logdet[MOST], dx[MOST * DIM], *gradient;
  size_t failed;
  enf_status status[MOST];
} outcome;

static outcome *make_outcome(void) {
  outcome *o = calloc(1, sizeof *o);
  o->gradient = calloc(P, sizeof *o->gradient);
  return o;
}

static void free_outcome(outcome *o) {
  free(o->gradient);
  free(o);
}

static void run(int adjoint, bool probes, double t0, size_t n, outcome *o) {
  enf__journey p = {.chain = &flow->chain,
                    .x = x,
                    .way = {.adjoint = adjoint,
                            .n = n,
                            .t0 = t0,
                            .t1 = 1 - t0,
                            .eps = probes ? eps : NULL,
                            .probes = probes ? PROBES : 0}};
  const size_t bytes = enf__journey_call_bytes(&p);
  ck_assert_int_eq(enf__reserve(ctx, bytes, enf__journey_worker_bytes(&p, &ctx->run)), ENF_OK);
  enf__journey_take(&p, &ctx->arena);
  ck_assert_int_eq(enf__journey_forward(ctx, &p), ENF_OK);
  const size_t pieces = enf__journey_pieces(p.chain, n);
  double *gradients = calloc(pieces * P, sizeof *gradients);
  const enf__pulled pulled = {
      .dy = dy, .dlogdet = dlogdet, .dx = o->dx, .gradients = gradients, .scale = 1};
  ck_assert_int_eq(enf__journey_reverse(ctx, &p, &pulled), ENF_OK);
  memset(o->gradient, 0, P * sizeof *o->gradient);
  for (size_t k = 0; k < pieces * P; k++)
    o->gradient[k % P] += gradients[k];
  o->loss = 0;
  for (size_t i = 0; i < n * DIM; i++)
    o->loss += dy[i] * p.y[i];
  for (size_t i = 0; i < n; i++)
    o->loss += dlogdet[i] * p.logdet[i];
  memcpy(o->y, p.y, n * DIM * sizeof(double));
  memcpy(o->logdet, p.logdet, n * sizeof(double));
  o->failed = p.failed;
  for (size_t i = 0; i < n; i++)
    o->status[i] = p.result[i].status;
  free(gradients);
}

static double change(double *number, double by, bool probes, double t0, outcome *o) {
  const double keep = *number;
  *number = keep + by;
  enf__flow_pack(flow);
  run(ENF__DISCRETE, probes, t0, 3, o);
  *number = keep;
  enf__flow_pack(flow);
  return o->loss;
}

static double difference(double *number, bool probes, double t0, outcome *o) {
  const double h = 1e-5;
  return (change(number, h, probes, t0, o) - change(number, -h, probes, t0, o)) / (2 * h);
}

/* Bits: adjoint, probes, direction. */
START_TEST(gradients_are_those_of_the_loss) {
  outcome *o = make_outcome(), *other = make_outcome();
  const bool probes = _i & 2;
  const double t0 = _i & 4 ? 1 : 0;
  configure("1e-9", "1");
  run(_i & 1 ? ENF__CONTINUOUS : ENF__DISCRETE, probes, t0, 3, o);
  for (size_t i = 0; i < 3 * DIM; i += 4) {
    /* the loss sees the mean-free part of x only */
    const double want = difference(x + i, probes, t0, other);
    double mean = 0;
    for (size_t k = i % D; k < DIM; k += D)
      mean += dy[i / DIM * DIM + k] / N;
    ck_assert_double_eq_tol(o->dx[i], want - mean, 2e-6);
  }
  for (size_t k = 0; k < flow->params.count; k++) {
    const enf__tensor *t = &flow->params.tensor[k];
    const size_t at = t->offset + t->rows * t->cols / 2;
    const double want = difference(flow->params.value + at, probes, t0, other);
    ck_assert_msg(fabs(o->gradient[at] - want) < 3e-6 * fmax(1, fabs(want)),
                  "%s: %.9g, differences give %.9g", t->name, o->gradient[at], want);
  }
  free_outcome(o);
  free_outcome(other);
}
END_TEST

static void expect_equal(const outcome *a, const outcome *b, size_t n) {
  ck_assert_mem_eq(a->y, b->y, n * DIM * sizeof(double));
  ck_assert_mem_eq(a->logdet, b->logdet, n * sizeof(double));
  ck_assert_mem_eq(a->dx, b->dx, n * DIM * sizeof(double));
  ck_assert_mem_eq(a->gradient, b->gradient, P * sizeof(double));
}

START_TEST(threads_change_no_bit) {
  outcome *one = make_outcome(), *two = make_outcome();
  configure("1e-5", "1");
  run(_i, true, 1, MOST, one);
  configure("1e-5", "2");
  run(_i, true, 1, MOST, two);
  expect_equal(one, two, MOST);
  free_outcome(one);
  free_outcome(two);
}
END_TEST

/* Tight tolerances take more steps than the first record holds: the work is done again, once. */
START_TEST(a_growing_record_changes_no_bit) {
  outcome *small = make_outcome(), *large = make_outcome();
  configure("1e-12", "1");
  run(_i, true, 1, 10, small);
  const size_t grown = ctx->record.capacity;
  run(_i, true, 1, 10, large);
  ck_assert_uint_eq(ctx->record.capacity, grown);
  expect_equal(small, large, 10);
  configure("1e-3", "1");
  enf__arena_free(&ctx->alloc, &ctx->record);
  run(_i, true, 1, 10, large);
  ck_assert_uint_lt(ctx->record.capacity, grown);
  free_outcome(small);
  free_outcome(large);
}
END_TEST

START_TEST(bad_samples_add_nothing) {
  outcome *o = make_outcome(), *good = make_outcome();
  configure("1e-5", "1");
  dlogdet[1] = 0;
  memset(dy + DIM, 0, DIM * sizeof *dy);
  run(ENF__DISCRETE, true, 1, 4, good);
  x[DIM] = NAN;
  dlogdet[2] = INFINITY;
  run(ENF__DISCRETE, true, 1, 4, o);
  ck_assert_uint_eq(o->failed, 2);
  ck_assert_int_eq(o->status[1], ENF_ERR_NONFINITE);
  ck_assert_int_eq(o->status[2], ENF_ERR_ADJOINT);
  ck_assert(isnan(o->y[DIM]) && isnan(o->logdet[1]) && isnan(o->dx[DIM]) && isnan(o->dx[2 * DIM]));
  ck_assert(isnan(o->logdet[2]));
  ck_assert_double_eq(o->logdet[3], good->logdet[3]);
  ck_assert_mem_eq(o->dx + 3 * DIM, good->dx + 3 * DIM, DIM * sizeof(double));
  for (size_t k = 0; k < P; k++)
    ck_assert(isfinite(o->gradient[k]));
  free_outcome(o);
  free_outcome(good);
}
END_TEST

/* J eps is not finite where v is: found on the way back only. */
START_TEST(a_sample_that_fails_on_the_way_back_leaves_nothing) {
  outcome *o = make_outcome(), *without = make_outcome();
  configure("1e-5", "1");
  dlogdet[1] = NAN;
  run(ENF__DISCRETE, true, 1, 4, without);
  dlogdet[1] = 1;
  eps[PROBES * DIM + 1] = NAN;
  run(ENF__DISCRETE, true, 1, 4, o);
  ck_assert_uint_eq(o->failed, 1);
  ck_assert_int_eq(o->status[1], ENF_ERR_ADJOINT);
  ck_assert(isfinite(o->y[DIM]) && isnan(o->logdet[1]) && isnan(o->dx[DIM]));
  ck_assert_mem_eq(o->gradient, without->gradient, P * sizeof(double));
  ck_assert_double_eq(o->logdet[2], without->logdet[2]);
  free_outcome(o);
  free_outcome(without);
}
END_TEST

/* The sum over the stages is the integral that the continuous adjoint's forward solves. */
START_TEST(late_logdets_are_the_integral) {
  outcome *late = make_outcome(), *coupled = make_outcome();
  for (int k = 0; k < 2; k++) {
    const double tolerance = k ? 1e-9 : 1e-5;
    configure(k ? "1e-9" : "1e-5", "1");
    run(ENF__DISCRETE, true, _i, 10, late);
    run(ENF__CONTINUOUS, true, _i, 10, coupled);
    for (size_t i = 0; i < 10; i++)
      ck_assert_double_eq_tol(late->logdet[i], coupled->logdet[i], 100 * tolerance);
  }
  free_outcome(late);
  free_outcome(coupled);
}
END_TEST

START_TEST(probes_are_functions_of_seed_and_coordinates) {
  double a[64], b[64], sum = 0;
  const double p[2] = {1.5, -0.0}, q[2] = {1.5, 0.0}, r[2] = {0.0, 1.5};
  ck_assert_uint_eq(enf__random_key(2, p), enf__random_key(2, q));
  ck_assert_uint_ne(enf__random_key(2, p), enf__random_key(2, r));
  ck_assert_uint_ne(enf__random_key(1, p), enf__random_key(2, p));
  enf__probe_draw(_i, 9, 5, 2, 32, a);
  enf__probe_draw(_i, 9, 5, 1, 32, b);
  ck_assert_mem_eq(a, b, 32 * sizeof *a);
  ck_assert_mem_ne(a, a + 32, 32 * sizeof *a);
  enf__probe_draw(_i, 9, 6, 1, 32, b);
  ck_assert_mem_ne(a, b, 32 * sizeof *a);
  for (int k = 0; k < 64; k++) {
    sum += a[k] * a[k] / 64;
    ck_assert(_i == ENF__GAUSSIAN || fabs(a[k]) == 1);
  }
  ck_assert_double_eq_tol(sum, 1, 0.5);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("journey");
  tcase_add_checked_fixture(c, setup, teardown);
  tcase_set_timeout(c, 30);
  tcase_add_loop_test(c, gradients_are_those_of_the_loss, 0, 8);
  tcase_add_loop_test(c, threads_change_no_bit, 0, 2);
  tcase_add_loop_test(c, a_growing_record_changes_no_bit, 0, 2);
  tcase_add_test(c, bad_samples_add_nothing);
  tcase_add_test(c, a_sample_that_fails_on_the_way_back_leaves_nothing);
  tcase_add_loop_test(c, late_logdets_are_the_integral, 0, 2);
  tcase_add_loop_test(c, probes_are_functions_of_seed_and_coordinates, 0, 2);
  return run_suite("journey", c);
}
