/* Calls on batches: a configuration's result is, to the bit, that of the call for its shape, alone,
   among others, in any order, by any number of threads; what a flow cannot take is refused by its
   number; one that fails leaves the others right. */
#include "flow/flow.h"
#include "suite.h"
#include <enf/enf.h>
#include <math.h>
#include <string.h>

static enf_ctx *ctx;

static void open_context(void) { ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK); }
static void close_context(void) { enf_ctx_destroy(ctx); }

static void set_threads(const char *threads) {
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "run.threads", threads), ENF_OK);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  enf_opts_destroy(opts);
}

/* A small flow with weights that are far from zero. */
static enf_flow *make_flow(size_t options, const char *const (*option)[2]) {
  enf_opts *opts;
  enf_flow *flow;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "model.hidden", "8"), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "model.layers", "2"), ENF_OK);
  for (size_t i = 0; i < options; i++)
    ck_assert_msg(enf_opts_set(opts, option[i][0], option[i][1]) == ENF_OK, "%s",
                  enf_opts_errmsg(opts));
  ck_assert_msg(enf_create(ctx, &flow, opts) == ENF_OK, "%s", enf_ctx_errmsg(ctx));
  enf_opts_destroy(opts);
  for (size_t i = 0; i < flow->params.size; i++)
    flow->params.value[i] += 0.1 * sin((double)(i + 1));
  enf__flow_pack(flow);
  return flow;
}

enum { COUNT = 7, MOST = 6 };
static const size_t sizes[COUNT] = {3, 5, 3, 2, 5, 4, 3};

static double number(size_t i, size_t k) { return sin((double)(17 * i + 3 * k + 1)); }

/* Configurations order[0], order[1], ... of `count`; kinds, or F features. */
static enf_batch *make_batch(size_t count, const size_t *order, bool kinds, size_t F) {
  enf_batch *batch;
  ck_assert_int_eq(enf_batch_create(ctx, &batch, 3), ENF_OK);
  for (size_t b = 0; b < count; b++) {
    const size_t i = order[b], N = sizes[i];
    double x[3 * MOST], h[4 * MOST];
    int32_t kind[MOST];
    for (size_t k = 0; k < 3 * N; k++)
      x[k] = number(i, k);
    for (size_t k = 0; k < F * N; k++)
      h[k] = number(i + 100, k);
    for (size_t a = 0; a < N; a++)
      kind[a] = (int32_t)((i + a) % 2);
    ck_assert_int_eq(enf_batch_append(ctx, batch, N, kinds ? kind : NULL, F, F ? h : NULL, x),
                     ENF_OK);
  }
  return batch;
}

static const size_t forward[COUNT] = {0, 1, 2, 3, 4, 5, 6}, shuffled[COUNT] = {4, 0, 6, 2, 5, 3, 1};

/* Alone, in company, in another order, on two threads. */
static void expect_no_company(const enf_flow *flow, bool kinds, size_t F) {
  double all[COUNT], err[COUNT], again[COUNT], alone;
  enf_batch *batch = make_batch(COUNT, forward, kinds, F);
  enf_batch *other = make_batch(COUNT, shuffled, kinds, F);
  ck_assert_msg(enf_log_prob_batch(ctx, flow, batch, 5, all, err) == ENF_OK, "%s",
                enf_ctx_errmsg(ctx));
  set_threads("2");
  ck_assert_int_eq(enf_log_prob_batch(ctx, flow, other, 5, again, NULL), ENF_OK);
  for (size_t b = 0; b < COUNT; b++) {
    const size_t i = shuffled[b];
    ck_assert(isfinite(all[i]));
    ck_assert(memcmp(&again[b], &all[i], sizeof alone) == 0);
    enf_batch *one = make_batch(1, &i, kinds, F);
    ck_assert_int_eq(enf_log_prob_batch(ctx, flow, one, 5, &alone, NULL), ENF_OK);
    ck_assert(memcmp(&alone, &all[i], sizeof alone) == 0);
    enf_batch_destroy(one);
  }
  set_threads("1");
  enf_batch_destroy(batch);
  enf_batch_destroy(other);
}

static const char *const featured[][2] = {{"model.elements", "H O"},
                                          {"model.charges", "on"},
                                          {"model.dequantiser", "variational"},
                                          {"model.dequantiser_layers", "1"},
                                          {"model.sizes", "2:1 3:4 4:2 5:3"}};

START_TEST(company_leaves_no_trace) {
  static const char *const alike[][2] = {{"model.particles", "3"}};
  enf_flow *flow = make_flow(1, alike);
  expect_no_company(flow, false, 0);
  enf_destroy(flow);
  static const char *const two[][2] = {{"model.particles", "3"}, {"model.species", "0 1 1"}};
  flow = make_flow(2, two);
  expect_no_company(flow, true, 0);
  enf_destroy(flow);
  flow = make_flow(5, featured);
  expect_no_company(flow, true, 0);
  expect_no_company(flow, false, 3);
  enf_destroy(flow);
}
END_TEST

/* Of particles that are all alike: the numbers of the calls for one size. */
START_TEST(a_group_is_the_call_for_its_shape) {
  static const char *const three[][2] = {{"model.particles", "3"}}, *const five[][2] = {
                                                                        {"model.particles", "5"}};
  enf_flow *flow = make_flow(1, three), *large = make_flow(1, five);
  enf_batch *batch = make_batch(COUNT, forward, false, 0);
  double logp[COUNT], v[3 * 25], div[COUNT], t[COUNT], own, own_v[15], own_div;
  for (size_t i = 0; i < COUNT; i++)
    t[i] = 0.1 * (double)i;
  ck_assert_int_eq(enf_log_prob_batch(ctx, flow, batch, 0, logp, NULL), ENF_OK);
  ck_assert_int_eq(enf_velocity_batch(ctx, flow, batch, t, v, NULL, div), ENF_OK);
  for (size_t i = 0, atom = 0; i < COUNT; atom += sizes[i++]) {
    if (sizes[i] != 3 && sizes[i] != 5)
      continue;
    const enf_flow *of = sizes[i] == 3 ? flow : large;
    const double *x;
    enf_batch_get(batch, i, NULL, NULL, NULL, NULL, &x);
    ck_assert_int_eq(enf_log_prob(ctx, of, 1, x, &own), ENF_OK);
    ck_assert(memcmp(&own, logp + i, sizeof own) == 0);
    ck_assert_int_eq(enf_velocity(ctx, of, 1, t + i, x, own_v, &own_div), ENF_OK);
    ck_assert(memcmp(own_v, v + 3 * atom, 3 * sizes[i] * sizeof own) == 0);
    ck_assert(memcmp(&own_div, div + i, sizeof own) == 0);
  }
  enf_batch_destroy(batch);
  enf_destroy(large);
  enf_destroy(flow);
}
END_TEST

START_TEST(samples_do_not_depend_on_the_cut) {
  enf_flow *flow = make_flow(5, featured);
  enum { N_ALL = 40 };
  enf_batch *all, *part;
  double logp[N_ALL], some[3], density[3];
  ck_assert_int_eq(enf_sample_batch(ctx, flow, 3, 0, N_ALL, 0, &all, logp), ENF_OK);
  ck_assert_int_eq(enf_sample_batch(ctx, flow, 3, 11, 3, 0, &part, some), ENF_OK);
  for (size_t i = 0; i < 3; i++) {
    size_t N, n, F;
    const int32_t *kinds, *k;
    const double *features, *f, *x, *y;
    enf_batch_get(all, 11 + i, &N, &kinds, &F, &features, &x);
    enf_batch_get(part, i, &n, &k, NULL, &f, &y);
    ck_assert_uint_eq(N, n);
    ck_assert_uint_eq(F, 3);
    ck_assert(memcmp(x, y, 3 * N * sizeof *x) == 0);
    ck_assert(memcmp(features, f, F * N * sizeof *x) == 0);
    ck_assert(memcmp(kinds, k, N * sizeof *k) == 0);
    ck_assert(memcmp(some + i, logp + 11 + i, sizeof *logp) == 0);
  }
  ck_assert_int_eq(enf_log_prob_batch(ctx, flow, part, 0, density, NULL), ENF_OK);
  for (size_t i = 0; i < 3; i++)
    ck_assert_double_lt(fabs(density[i] - some[i]), 0.02);
  enf_batch_destroy(part);
  enf_batch_destroy(all);
  enf_destroy(flow);
}
END_TEST

/* 4000 sizes against p(N): chi squared with 3 degrees of freedom, below 16.3 in 999 of 1000. */
START_TEST(sizes_are_those_of_the_data) {
  static const char *const sized[][2] = {{"model.elements", "H"},
                                         {"model.sizes", "2:1 3:4 4:2 5:3"}};
  static const double p[] = {0.1, 0.4, 0.2, 0.3};
  enf_flow *flow = make_flow(2, sized);
  enf_batch *batch;
  enum { MANY = 4000 };
  double count[4] = {0}, square = 0;
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "ode.method", "rk4"), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "ode.steps", "1"), ENF_OK);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  ck_assert_int_eq(enf_sample_batch(ctx, flow, 9, 0, MANY, 0, &batch, NULL), ENF_OK);
  for (size_t i = 0; i < MANY; i++) {
    size_t N;
    enf_batch_get(batch, i, &N, NULL, NULL, NULL, NULL);
    count[N - 2]++;
  }
  for (size_t k = 0; k < 4; k++)
    square += (count[k] - MANY * p[k]) * (count[k] - MANY * p[k]) / (MANY * p[k]);
  ck_assert_double_lt(square, 16.3);
  enf_opts_destroy(opts);
  enf_batch_destroy(batch);
  enf_destroy(flow);
}
END_TEST

/* There and back; log-determinants add up to nothing. */
START_TEST(transport_is_its_own_inverse) {
  enf_flow *flow = make_flow(5, featured);
  enf_batch *batch = make_batch(COUNT, forward, false, 3), *there;
  double x[75], h[75], back_x[75], back_h[75], logdet[COUNT], back[COUNT];
  ck_assert_int_eq(enf_transport_batch(ctx, flow, batch, 1, 0, x, h, logdet), ENF_OK);
  ck_assert_int_eq(enf_batch_create(ctx, &there, 3), ENF_OK);
  for (size_t i = 0, atom = 0; i < COUNT; atom += sizes[i++])
    ck_assert_int_eq(enf_batch_append(ctx, there, sizes[i], NULL, 3, h + 3 * atom, x + 3 * atom),
                     ENF_OK);
  ck_assert_int_eq(enf_transport_batch(ctx, flow, there, 0, 1, back_x, back_h, back), ENF_OK);
  const double *begin, *feature;
  enf_batch_get(batch, 0, NULL, NULL, NULL, &feature, &begin);
  for (size_t k = 0; k < 75; k++) {
    ck_assert_double_lt(fabs(back_x[k] - begin[k]), 1e-3);
    ck_assert_double_lt(fabs(back_h[k] - feature[k]), 1e-3);
  }
  for (size_t i = 0; i < COUNT; i++)
    ck_assert_double_lt(fabs(logdet[i] + back[i]), 1e-2);
  enf_batch_destroy(there);
  enf_batch_destroy(batch);
  enf_destroy(flow);
}
END_TEST

static void expect_refusal(const enf_flow *flow, size_t N, const int32_t *kinds, size_t F,
                           enf_status status, const char *sentence) {
  static const double zero[40] = {0};
  enf_batch *batch = make_batch(1, forward, F > 0 || !kinds ? false : true, F);
  double logp[2];
  double x[15];
  for (size_t k = 0; k < 15; k++)
    x[k] = number(1, k);
  ck_assert_int_eq(enf_batch_append(ctx, batch, N, kinds, F, F ? zero : NULL, x), ENF_OK);
  ck_assert_msg(enf_log_prob_batch(ctx, flow, batch, 0, logp, NULL) == status, "%s",
                enf_ctx_errmsg(ctx));
  ck_assert_msg(strstr(enf_ctx_errmsg(ctx), sentence) != NULL, "%s", enf_ctx_errmsg(ctx));
  enf_batch_destroy(batch);
}

START_TEST(what_a_flow_cannot_take_is_refused) {
  static const char *const alike[][2] = {{"model.particles", "3"}};
  static const char *const none[][2] = {{"model.elements", "H O"}};
  const int32_t kinds[5] = {0, 1, 1, 0, 2};
  enf_flow *flow = make_flow(1, alike);
  expect_refusal(flow, 1, NULL, 0, ENF_ERR_SHAPE, "configuration 1 has a single particle");
  expect_refusal(flow, 3, NULL, 2, ENF_ERR_SHAPE, "has 2 features of a particle, the flow 0");
  enf_batch *planar;
  double logp;
  ck_assert_int_eq(enf_batch_create(ctx, &planar, 2), ENF_OK);
  ck_assert_int_eq(enf_log_prob_batch(ctx, flow, planar, 0, &logp, NULL), ENF_ERR_SHAPE);
  enf_batch_destroy(planar);
  enf_destroy(flow);
  flow = make_flow(5, featured);
  expect_refusal(flow, 5, kinds, 0, ENF_ERR_RANGE,
                 "configuration 1: the kind of particle 4 is 2, model.elements has 2");
  expect_refusal(flow, 3, NULL, 2, ENF_ERR_SHAPE, "has 2 features of a particle, the flow 3");
  enf_batch *batch;
  ck_assert_int_eq(enf_sample_batch(ctx, flow, 0, 0, 1, 9, &batch, NULL), ENF_ERR_RANGE);
  ck_assert_ptr_null(batch);
  enf_destroy(flow);
  flow = make_flow(1, none);
  expect_refusal(flow, 3, kinds, 0, ENF_ERR_UNSUPPORTED, "model.dequantiser is none");
  ck_assert_int_eq(enf_sample_batch(ctx, flow, 0, 0, 1, 0, &batch, NULL), ENF_ERR_OPTION);
  enf_destroy(flow);
}
END_TEST

/* Sizes never seen and samples that are lost: NaN with their status, the others as they are. */
START_TEST(one_that_fails_leaves_the_others_right) {
  enf_flow *flow = make_flow(5, featured);
  enf_batch *batch = make_batch(COUNT, forward, true, 0);
  double all[COUNT], some[COUNT + 2], err[COUNT + 2], x[18];
  const int32_t kinds[6] = {0};
  ck_assert_int_eq(enf_log_prob_batch(ctx, flow, batch, 5, all, NULL), ENF_OK);
  for (size_t k = 0; k < 18; k++)
    x[k] = number(9, k);
  ck_assert_int_eq(enf_batch_append(ctx, batch, 6, kinds, 0, NULL, x), ENF_OK);
  for (size_t k = 0; k < 9; k++)
    x[k] = (double)NAN;
  ck_assert_int_eq(enf_batch_append(ctx, batch, 3, kinds, 0, NULL, x), ENF_OK);
  ck_assert_int_eq(enf_log_prob_batch(ctx, flow, batch, 5, some, err), ENF_ERR_RANGE);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "configuration 7: "));
  ck_assert(memcmp(all, some, sizeof all) == 0);
  ck_assert(isnan(some[COUNT]) && isnan(some[COUNT + 1]));
  ck_assert_int_eq(enf_sample_status(ctx, COUNT), ENF_ERR_RANGE);
  ck_assert_int_eq(enf_sample_status(ctx, COUNT + 1), ENF_ERR_NONFINITE);
  ck_assert_int_eq(enf_sample_status(ctx, 0), ENF_OK);
  enf_batch_destroy(batch);
  enf_destroy(flow);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("batch");
  tcase_add_checked_fixture(tests, open_context, close_context);
  tcase_add_test(tests, company_leaves_no_trace);
  tcase_add_test(tests, a_group_is_the_call_for_its_shape);
  tcase_add_test(tests, samples_do_not_depend_on_the_cut);
  tcase_add_test(tests, sizes_are_those_of_the_data);
  tcase_add_test(tests, transport_is_its_own_inverse);
  tcase_add_test(tests, what_a_flow_cannot_take_is_refused);
  tcase_add_test(tests, one_that_fails_leaves_the_others_right);
  return run_suite("batch laws", tests);
}
