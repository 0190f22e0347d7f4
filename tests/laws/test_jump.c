/* test_jump.c -- walkers that jump to samples of a flow: the target kept, detailed balance, chains
   however they are cut, what is not known computed, what goes wrong without a trace. */
#include "suite.h"
#include <check.h>
#include <enf/enf.h>
#include <math.h>
#include <string.h>

enum { D = 2, WALKERS = 40, ROUNDS = 500, QUARTERS = 4 };

static enf_ctx *ctx;
static enf_opts *opts;
static enf_flow *flow;

#define OK(call) ck_assert_msg((call) == ENF_OK, "%s", enf_ctx_errmsg(ctx))

static void set(const char *name, const char *value) {
  ck_assert_msg(enf_opts_set(opts, name, value) == ENF_OK, "%s", enf_opts_errmsg(opts));
}

/* A flow whose density is the standard normal one of the plane. */
static void open_flow(void) {
  OK(enf_ctx_create(&ctx, NULL));
  OK(enf_opts_create(ctx, &opts));
  set("model.space", "vector");
  set("model.dimensions", "2");
  set("model.map", "linear");
  set("model.data_scale", "1");
  OK(enf_create(ctx, &flow, opts));
}

static void close_flow(void) {
  enf_destroy(flow);
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
}

/* ---- a target whose weights have four values ------------------------------------------------- */

static const double target[QUARTERS] = {0.1, 0.2, 0.3, 0.4};
static size_t calls, fails_at;
static double spoiled; /* energy of the first quarter, if not 0 */

static size_t quarter(const double *x) { return (x[0] > 0 ? 1U : 0U) + (x[1] > 0 ? 2U : 0U); }

static int quarters(void *user, size_t n, const double *x, double *u, double *grad) {
  ck_assert_ptr_eq(user, &calls);
  ck_assert_ptr_null(grad);
  for (size_t i = 0; i < n; i++, x += D) {
    u[i] = (x[0] * x[0] + x[1] * x[1]) / 2 - log(target[quarter(x)]);
    if (spoiled != 0 && quarter(x) == 0)
      u[i] = spoiled;
  }
  return ++calls == fails_at ? 7 : 0;
}

typedef struct {
  double x[WALKERS * D], u[WALKERS], logq[WALKERS];
  uint64_t counter;
} walkers;

static void start(walkers *w) {
  calls = fails_at = 0;
  spoiled = 0;
  memset(w, 0, sizeof *w);
  OK(enf_sample(ctx, flow, 99, 0, WALKERS, w->x, w->logq));
  quarters(&calls, WALKERS, w->x, w->u, NULL);
}

static enf_status jump(walkers *w, uint64_t seed, size_t rounds, enf_jump_info *info) {
  return enf_jump(ctx, flow, quarters, &calls, seed, &w->counter, rounds, WALKERS, w->x, w->u,
                  w->logq, info);
}

/* The chain forgets in two steps or so: sqrt(3 p/n) is more than the error of a frequency. */
START_TEST(target_is_kept_with_detailed_balance) {
  walkers w;
  double count[QUARTERS] = {0}, moves[QUARTERS][QUARTERS] = {{0}};
  uint64_t accepted = 0;
  const double n = (double)WALKERS * ROUNDS;
  start(&w);
  for (int r = 0; r < ROUNDS; r++) {
    const walkers old = w;
    enf_jump_info info = ENF_JUMP_INFO_INIT;
    OK(jump(&w, 3, 1, &info));
    ck_assert_uint_eq(info.proposals, WALKERS);
    accepted += info.accepted;
    for (size_t i = 0; i < WALKERS; i++) {
      const unsigned moved = w.x[i * D] != old.x[i * D];
      accepted -= moved; /* to be 0 at the end */
      count[quarter(w.x + i * D)] += 1 / n;
      if (moved)
        moves[quarter(old.x + i * D)][quarter(w.x + i * D)] += 1 / n;
    }
  }
  ck_assert_uint_eq(accepted, 0);
  for (int a = 0; a < QUARTERS; a++) {
    ck_assert_double_eq_tol(count[a], target[a], 3 * sqrt(3 * target[a] / n));
    for (int b = 0; b < QUARTERS; b++) { /* p_a p(a->b) = p_a/4 min(1, p_b/p_a) */
      const double flux = fmin(target[a], target[b]) / QUARTERS;
      ck_assert_double_eq_tol(moves[a][b], flux, 3 * sqrt(3 * flux / n));
    }
  }
}
END_TEST

START_TEST(rounds_in_one_call_or_several_are_the_same_bits) {
  walkers whole, parts;
  start(&whole), start(&parts);
  OK(jump(&whole, 4, 50, NULL));
  ck_assert_uint_eq(whole.counter, 50 * WALKERS);
  set("run.threads", "2");
  OK(enf_ctx_configure(ctx, opts));
  for (size_t r = 1; r < 8; r++)
    OK(jump(&parts, 4, r, NULL));
  OK(jump(&parts, 4, 0, NULL));
  OK(jump(&parts, 4, 22, NULL));
  ck_assert_mem_eq(&whole, &parts, sizeof whole);
}
END_TEST

/* One walker is the chain of independence Metropolis over the same samples. */
START_TEST(a_walker_is_an_independence_chain) {
  enum { n = 300 };
  double x[n * D], u[n], logq[n];
  size_t state[n];
  uint64_t accepted, counter = 1;
  enf_jump_info info = ENF_JUMP_INFO_INIT;
  start(&(walkers){0});
  OK(enf_sample(ctx, flow, 5, 0, n, x, logq));
  quarters(&calls, n, x, u, NULL);
  OK(enf_metropolis(ctx, 5, 0, n, logq, u, state, &accepted));
  OK(enf_jump(ctx, flow, quarters, &calls, 5, &counter, n - 1, 1, x, u, logq, &info));
  ck_assert_mem_eq(x, x + D * state[n - 1], state[n - 1] ? D * sizeof *x : 0);
  ck_assert_uint_eq(info.accepted, accepted);
  ck_assert_uint_eq(counter, n);
}
END_TEST

START_TEST(what_is_not_known_is_computed) {
  walkers known, unknown;
  start(&known), start(&unknown);
  for (size_t i = 0; i < WALKERS; i++) /* the same number, however it is found */
    OK(enf_log_prob(ctx, flow, 1, known.x + i * D, known.logq + i));
  for (size_t i = 0; i < WALKERS; i++) {
    unknown.logq[i] = i % 3 ? known.logq[i] : (double)NAN;
    unknown.u[i] = i % 5 ? known.u[i] : (double)NAN;
  }
  OK(jump(&unknown, 6, 0, NULL));
  ck_assert_mem_eq(&known, &unknown, sizeof known);
}
END_TEST

START_TEST(nobody_goes_where_it_is_impossible_and_all_leave_it) {
  static const double odd[] = {INFINITY, -INFINITY, NAN};
  for (size_t k = 0; k < 3; k++) {
    walkers w;
    start(&w);
    spoiled = odd[k];
    for (size_t i = 0; i < WALKERS; i++)
      w.u[i] = quarter(w.x + i * D) == 0 ? (double)INFINITY : w.u[i];
    OK(jump(&w, 7, 30, NULL));
    for (size_t i = 0; i < WALKERS; i++) {
      ck_assert_uint_ne(quarter(w.x + i * D), 0);
      ck_assert(isfinite(w.u[i]) && isfinite(w.logq[i]));
    }
  }
}
END_TEST

static int cancel(void *user, uint64_t done, uint64_t total) {
  ck_assert_uint_le(done, total);
  ck_assert_uint_eq(total, 50 * WALKERS);
  return ++*(int *)user > 3;
}

START_TEST(a_call_that_fails_leaves_everything_as_it_was) {
  walkers w, before;
  int reports = 0;
  start(&w);
  before = w;
  fails_at = calls + 3;
  ck_assert_int_eq(jump(&w, 8, 50, NULL), ENF_ERR_CALLBACK);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "returned 7"));
  ck_assert_mem_eq(&w, &before, sizeof w);
  fails_at = 0;
  enf_ctx_set_progress(ctx, cancel, &reports);
  ck_assert_int_eq(jump(&w, 8, 50, NULL), ENF_ERR_CANCELLED);
  ck_assert_mem_eq(&w, &before, sizeof w);
  enf_ctx_set_progress(ctx, NULL, NULL);
  OK(jump(&w, 8, 50, NULL));
}
END_TEST

START_TEST(what_is_no_argument_is_refused) {
  walkers w;
  start(&w);
  enf_jump_info bare = {0};
  ck_assert_int_eq(jump(&w, 1, 1, &bare), ENF_ERR_ARG);
  ck_assert_int_eq(
      enf_jump(ctx, flow, NULL, &calls, 1, &w.counter, 1, WALKERS, w.x, w.u, w.logq, NULL),
      ENF_ERR_ARG);
  ck_assert_int_eq(
      enf_jump(ctx, flow, quarters, &calls, 1, NULL, 1, WALKERS, w.x, w.u, w.logq, NULL),
      ENF_ERR_ARG);
  ck_assert_int_eq(
      enf_jump(ctx, flow, quarters, &calls, 1, &w.counter, 1, WALKERS, w.x, NULL, w.logq, NULL),
      ENF_ERR_ARG);
  ck_assert_int_eq(
      enf_jump(ctx, NULL, quarters, &calls, 1, &w.counter, 1, WALKERS, w.x, w.u, w.logq, NULL),
      ENF_ERR_ARG);
  w.counter = UINT64_MAX - 10;
  ck_assert_int_eq(jump(&w, 1, 1, NULL), ENF_ERR_RANGE);
  ck_assert_ptr_nonnull(strstr(enf_ctx_errmsg(ctx), "past the end"));
  w.x[3] = NAN;
  w.logq[1] = NAN;
  w.counter = 0;
  ck_assert_int_eq(jump(&w, 1, 1, NULL), ENF_ERR_NONFINITE);
  OK(enf_jump(ctx, flow, quarters, &calls, 1, &w.counter, 1, 0, NULL, NULL, NULL, NULL));
}
END_TEST

int main(void) {
  TCase *tcase = tcase_create("jump");
  tcase_add_checked_fixture(tcase, open_flow, close_flow);
  tcase_add_test(tcase, target_is_kept_with_detailed_balance);
  tcase_add_test(tcase, rounds_in_one_call_or_several_are_the_same_bits);
  tcase_add_test(tcase, a_walker_is_an_independence_chain);
  tcase_add_test(tcase, what_is_not_known_is_computed);
  tcase_add_test(tcase, nobody_goes_where_it_is_impossible_and_all_leave_it);
  tcase_add_test(tcase, a_call_that_fails_leaves_everything_as_it_was);
  tcase_add_test(tcase, what_is_no_argument_is_refused);
  return run_suite("jump", tcase);
}
