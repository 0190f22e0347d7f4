/* test_metropolis.c -- independence Metropolis: the target's averages, detailed balance, cutting.
 */
#include "core/random.h"
#include "suite.h"
#include <check.h>
#include <enf/enf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static enf_ctx *ctx;

static void open_context(void) { ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK); }
static void close_context(void) { enf_ctx_destroy(ctx); }

/* Proposals 0, 1, 2 at random with probability 1/3 each, for a target of 1 : 2 : 4. */
enum { N = 200000, KINDS = 3 };
static const double target[KINDS] = {1.0 / 7, 2.0 / 7, 4.0 / 7};

static void propose(size_t n, uint64_t seed, int *kind, double *logp, double *u) {
  for (size_t i = 0; i < n; i++) {
    kind[i] = (int)enf__random_below(seed, 90, i, KINDS);
    logp[i] = -log(KINDS) + 250; /* densities need no common unit with exp(-u) */
    u[i] = -kind[i] * log(2) - 1000;
  }
}

/* Stationary distribution and both directions of every move. The chain forgets in a few steps
   (acceptance 0.71): sqrt(3 p/N) is more than the standard error of a frequency. */
START_TEST(chain_has_the_target_and_detailed_balance) {
  int *kind = malloc(N * sizeof *kind);
  double *logp = malloc(N * sizeof *logp), *u = malloc(N * sizeof *u);
  size_t *state = malloc(N * sizeof *state);
  double count[KINDS] = {0}, moves[KINDS][KINDS] = {{0}};
  uint64_t accepted, changes = 0;
  propose(N, 1, kind, logp, u);
  ck_assert_int_eq(enf_metropolis(ctx, 4, 0, N, logp, u, state, &accepted), ENF_OK);
  for (size_t i = 0; i < N; i++) {
    ck_assert_uint_le(state[i], i);
    count[kind[state[i]]] += 1.0 / N;
    if (i == 0)
      continue;
    changes += state[i] != state[i - 1];
    moves[kind[state[i - 1]]][kind[state[i]]] += 1.0 / N;
  }
  ck_assert_uint_eq(changes, accepted);
  for (int a = 0; a < KINDS; a++) {
    ck_assert_double_eq_tol(count[a], target[a], 3 * sqrt(3 * target[a] / N));
    for (int b = 0; b < a; b++) {
      /* p_a p(a->b) = p_a/3 min(1, p_b/p_a) */
      const double flow = fmin(target[a], target[b]) / 3;
      ck_assert_double_eq_tol(moves[a][b], flow, 3 * sqrt(3 * flow / N));
      ck_assert_double_eq_tol(moves[b][a], flow, 3 * sqrt(3 * flow / N));
    }
  }
  free(kind), free(logp), free(u), free(state);
}
END_TEST

START_TEST(perfect_proposals_are_all_accepted) {
  double logp[50], u[50];
  size_t state[50];
  uint64_t accepted;
  for (size_t i = 0; i < 50; i++)
    u[i] = (double)i, logp[i] = 3 - u[i];
  ck_assert_int_eq(enf_metropolis(ctx, 0, 0, 50, logp, u, state, &accepted), ENF_OK);
  for (size_t i = 0; i < 50; i++)
    ck_assert_uint_eq(state[i], i);
  ck_assert_uint_eq(accepted, 49);
}
END_TEST

/* The last state before the next samples, in its place, and the chain is the one never cut. */
START_TEST(last_state_before_the_next_samples_goes_on) {
  enum { n = 400, CUT = 171 };
  int kind[n];
  double logp[n], u[n];
  size_t whole[n], first[CUT], rest[n];
  propose(n, 2, kind, logp, u);
  ck_assert_int_eq(enf_metropolis(ctx, 4, 1000, n, logp, u, whole, NULL), ENF_OK);
  ck_assert_int_eq(enf_metropolis(ctx, 4, 1000, CUT, logp, u, first, NULL), ENF_OK);
  ck_assert_mem_eq(whole, first, sizeof first);
  const size_t last = first[CUT - 1];
  logp[CUT - 1] = logp[last];
  u[CUT - 1] = u[last];
  ck_assert_int_eq(
      enf_metropolis(ctx, 4, 1000 + CUT - 1, n - CUT + 1, logp + CUT - 1, u + CUT - 1, rest, NULL),
      ENF_OK);
  for (size_t i = CUT; i < n; i++) {
    const size_t at = rest[i - CUT + 1];
    ck_assert_uint_eq(at == 0 ? last : at + CUT - 1, whole[i]);
  }
}
END_TEST

/* ---- a chain that goes on -------------------------------------------------------------------- */

/* Proposals that repeat a state of .6, .3, .1 each by a draw from 1/3 each, one call for each few.
 */
START_TEST(chain_of_short_calls_has_the_target) {
  enum { CALLS = 40000, EACH = 3 };
  static const double p[KINDS] = {0.6, 0.3, 0.1};
  double count[KINDS] = {0};
  enf_chain chain = ENF_CHAIN_INIT;
  int at = 0, kind[EACH];
  for (size_t c = 0; c < CALLS; c++) {
    double logp[EACH], u[EACH];
    uint64_t state[EACH];
    for (size_t i = 0; i < EACH; i++) {
      kind[i] = (int)enf__random_below(11, 90, c * EACH + i, KINDS);
      logp[i] = -log(KINDS);
      u[i] = -log(p[kind[i]]);
    }
    ck_assert_int_eq(enf_chain_advance(ctx, &chain, 4, EACH, logp, u, state), ENF_OK);
    for (size_t i = 0; i < EACH; i++) {
      if (state[i] >= c * EACH)
        at = kind[state[i] - c * EACH];
      count[at] += 1.0 / (CALLS * EACH);
    }
    ck_assert_uint_eq(chain.next, (c + 1) * EACH);
    ck_assert_double_eq(chain.u, -log(p[at]));
  }
  for (int k = 0; k < KINDS; k++) /* autocorrelation time below 3 (acceptance 0.58) */
    ck_assert_double_eq_tol(count[k], p[k], 3 * sqrt(3 * p[k] / (CALLS * EACH)));
}
END_TEST

/* Cut anywhere, before it has begun too, it is the one of a single call, which is that of
   enf_metropolis. */
START_TEST(cut_chain_is_the_whole_one) {
  enum { n = 400, IMPOSSIBLE = 5 };
  static const size_t cuts[] = {1, 3, 6, 171, 399};
  int kind[n];
  double logp[n], u[n];
  uint64_t whole[n], cut[n], accepted;
  size_t old[n];
  propose(n, 2, kind, logp, u);
  for (size_t i = 0; i < IMPOSSIBLE; i++)
    u[i] = INFINITY;
  enf_chain one = ENF_CHAIN_INIT, two = ENF_CHAIN_INIT;
  one.next = two.next = 1000;
  ck_assert_int_eq(enf_chain_advance(ctx, &one, 4, n, logp, u, whole), ENF_OK);
  const size_t at = cuts[_i];
  ck_assert_int_eq(enf_chain_advance(ctx, &two, 4, at, logp, u, cut),
                   at > IMPOSSIBLE ? ENF_OK : ENF_ERR_NONFINITE);
  ck_assert_int_eq(enf_chain_advance(ctx, &two, 4, n - at, logp + at, u + at, cut + at), ENF_OK);
  ck_assert_mem_eq(whole, cut, sizeof whole);
  ck_assert_mem_eq(&one, &two, sizeof one);
  ck_assert_int_eq(enf_metropolis(ctx, 4, 1000, n, logp, u, old, &accepted), ENF_OK);
  ck_assert_uint_eq(accepted + 1, one.accepted);
  for (size_t i = 0; i < n; i++)
    ck_assert_uint_eq(whole[i], i < IMPOSSIBLE ? UINT64_MAX : 1000 + old[i]);
}
END_TEST

START_TEST(chains_of_no_state_are_refused) {
  const double a[] = {0, 0}, impossible[] = {INFINITY, INFINITY};
  uint64_t state[2];
  enf_chain c = ENF_CHAIN_INIT, none = {0};
  ck_assert_int_eq(enf_chain_advance(ctx, NULL, 1, 2, a, a, state), ENF_ERR_ARG);
  ck_assert_int_eq(enf_chain_advance(ctx, &none, 1, 2, a, a, state), ENF_ERR_ARG);
  ck_assert_str_eq(enf_ctx_errmsg(ctx), "chain has struct_size 0: begin with ENF_CHAIN_INIT");
  ck_assert_int_eq(enf_chain_advance(ctx, &c, 1, 0, a, a, state), ENF_ERR_ARG);
  ck_assert_int_eq(enf_chain_advance(ctx, &c, 1, 2, NULL, a, state), ENF_ERR_ARG);
  ck_assert_int_eq(enf_chain_advance(ctx, &c, 1, 2, a, NULL, state), ENF_ERR_ARG);
  ck_assert_int_eq(enf_chain_advance(ctx, &c, 1, 2, a, a, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_chain_advance(ctx, &c, 1, 2, a, impossible, state), ENF_ERR_NONFINITE);
  ck_assert_uint_eq(c.next, 2);
  ck_assert_uint_eq(state[1], UINT64_MAX);
  ck_assert_int_eq(enf_chain_advance(ctx, &c, 1, 2, a, a, state), ENF_OK);
  ck_assert_uint_eq(state[0], 2);
  c.u = NAN;
  ck_assert_int_eq(enf_chain_advance(ctx, &c, 1, 2, a, a, state), ENF_ERR_NONFINITE);
  ck_assert_uint_eq(c.next, 4);
  c.u = 0, c.next = UINT64_MAX - 1;
  ck_assert_int_eq(enf_chain_advance(ctx, &c, 1, 2, a, a, state), ENF_ERR_RANGE);
}
END_TEST

START_TEST(impossible_proposals_are_never_taken) {
  const double logp[] = {NAN, 0, 0, INFINITY, 0, 0}, u[] = {0, INFINITY, 5, 0, NAN, 0};
  size_t state[6];
  ck_assert_int_eq(enf_metropolis(ctx, 1, 0, 6, logp, u, state, NULL), ENF_OK);
  for (size_t i = 0; i < 6; i++)
    ck_assert_uint_eq(state[i], i < 5 ? 2 : 5);
}
END_TEST

START_TEST(misuse_is_refused) {
  const double a[] = {0, 0}, impossible[] = {INFINITY, INFINITY};
  size_t state[2];
  ck_assert_int_eq(enf_metropolis(ctx, 1, 0, 0, a, a, state, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_metropolis(ctx, 1, 0, 2, NULL, a, state, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_metropolis(ctx, 1, 0, 2, a, NULL, state, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_metropolis(ctx, 1, 0, 2, a, a, NULL, NULL), ENF_ERR_ARG);
  ck_assert_int_eq(enf_metropolis(ctx, 1, 0, 2, a, impossible, state, NULL), ENF_ERR_NONFINITE);
  ck_assert_str_eq(enf_ctx_errmsg(ctx),
                   "all 2 proposals have weight 0: the chain has no state to begin with");
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("laws");
  tcase_add_checked_fixture(tests, open_context, close_context);
  tcase_add_test(tests, chain_has_the_target_and_detailed_balance);
  tcase_add_test(tests, perfect_proposals_are_all_accepted);
  tcase_add_test(tests, last_state_before_the_next_samples_goes_on);
  tcase_add_test(tests, chain_of_short_calls_has_the_target);
  tcase_add_loop_test(tests, cut_chain_is_the_whole_one, 0, 5);
  tcase_add_test(tests, chains_of_no_state_are_refused);
  tcase_add_test(tests, impossible_proposals_are_never_taken);
  tcase_add_test(tests, misuse_is_refused);
  return run_suite("metropolis", tests);
}
