/* test_coupling.c -- draws belong to their sample numbers; optimal transport permutes them within
   blocks to the least total squared distance, whatever the threads. */
#include "core/options.h"
#include "core/random.h"
#include "suite.h"
#include "train/coupling.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 4, D = 2, DIM = N * D, MOST = 100 };

static enf_ctx *ctx;
static enf__space space;
static enf__prior prior;
static double x1[MOST * DIM], x0[MOST * DIM], draws[MOST * DIM];

/* Data that are no Gaussian: some rows near each other, some twice. */
static void open_context(void) {
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  space = enf__space_make(ENF__PARTICLES, N, D);
  prior = enf__prior_make(ENF__GAUSSIAN_PRIOR, &space, 1.3);
  for (size_t i = 0; i < MOST * DIM; i++)
    x1[i] = sin((double)((i * i) % 137)) * (i % 3 ? 1 : 4);
  memcpy(x1 + 7 * DIM, x1 + 3 * DIM, DIM * sizeof *x1);
}

static void close_context(void) { enf_ctx_destroy(ctx); }

static void draw(int kind, size_t n, size_t block, uint64_t first) {
  const enf__coupling c = {.kind = kind,
                           .block = block,
                           .prior = &prior,
                           .seed = 5,
                           .first = first,
                           .n = n,
                           .x1 = x1,
                           .x0 = x0};
  ck_assert_int_eq(enf__reserve(ctx, 0, enf__coupling_worker_bytes(&c, &ctx->run)), ENF_OK);
  ck_assert_int_eq(enf__coupling_draw(ctx, &c), ENF_OK);
  for (size_t i = 0; i < n; i++)
    enf__prior_sample(&prior, 5, ENF__STREAM_TRAIN_PRIOR, first + i, draws + i * DIM);
}

static double distance(const double *a, const double *b) {
  double sum = 0;
  for (size_t k = 0; k < DIM; k++)
    sum += (a[k] - b[k]) * (a[k] - b[k]);
  return sum;
}

/* Which draw row i got. */
static size_t draw_of(size_t i, size_t n) {
  for (size_t j = 0; j < n; j++)
    if (!memcmp(x0 + i * DIM, draws + j * DIM, DIM * sizeof *x0))
      return j;
  return n;
}

/* Blocks cover the rows in order, none larger than the limit, and each knows its own. */
START_TEST(blocks_cover_all_rows) {
  for (size_t n = 1; n <= 40; n++)
    for (size_t block = 1; block <= 42; block++) {
      const enf__coupling c = {.kind = ENF__OT, .block = block, .n = n};
      const size_t blocks = enf__coupling_blocks(&c);
      ck_assert_uint_eq(enf__coupling_begin(&c, 0), 0);
      ck_assert_uint_eq(enf__coupling_begin(&c, blocks), n);
      for (size_t b = 0; b < blocks; b++) {
        const size_t begin = enf__coupling_begin(&c, b), end = enf__coupling_begin(&c, b + 1);
        ck_assert_uint_gt(end, begin);
        ck_assert_uint_le(end - begin, block);
        for (size_t row = begin; row < end; row++)
          ck_assert_uint_eq(enf__coupling_block_of(&c, row), b);
      }
    }
}
END_TEST

START_TEST(independent_draws_are_those_of_the_sample_numbers) {
  draw(ENF__INDEPENDENT, MOST, 16, 1000000007);
  ck_assert_mem_eq(x0, draws, sizeof x0);
}
END_TEST

START_TEST(ot_permutes_draws_within_blocks) {
  const size_t n = 70, begin[] = {0, 18, 36, 53, 70}; /* blocks of at most 20, as equal as can be */
  draw(ENF__OT, n, 20, 12);
  for (size_t b = 0; b < 4; b++) {
    bool seen[MOST] = {false};
    for (size_t i = begin[b]; i < begin[b + 1]; i++) {
      const size_t j = draw_of(i, n);
      ck_assert_msg(j >= begin[b] && j < begin[b + 1] && !seen[j], "row %zu got draw %zu", i, j);
      seen[j] = true;
    }
  }
}
END_TEST

/* No permutation of 6 rows does better than the one found; the loop walks all 720. */
static double least(size_t i, size_t *order) {
  double best = INFINITY, sum = 0;
  for (size_t k = 0; k < 6; k++)
    sum += distance(x1 + k * DIM, draws + order[k] * DIM);
  if (i == 6)
    return sum;
  for (size_t j = i; j < 6; j++) {
    const size_t a = order[i], b = order[j];
    order[i] = b, order[j] = a;
    best = fmin(best, least(i + 1, order));
    order[i] = a, order[j] = b;
  }
  return best;
}

START_TEST(ot_has_the_least_total_squared_distance) {
  for (uint64_t first = 0; first < 20; first++) {
    size_t order[] = {0, 1, 2, 3, 4, 5};
    double sum = 0;
    draw(ENF__OT, 6, 256, first * 100);
    for (size_t i = 0; i < 6; i++)
      sum += distance(x1 + i * DIM, x0 + i * DIM);
    ck_assert_double_eq_tol(sum, least(0, order), 1e-4);
  }
}
END_TEST

/* In a large block no exchange of two partners gains anything. */
START_TEST(ot_cannot_be_improved_by_an_exchange) {
  draw(ENF__OT, MOST, 128, 77);
  for (size_t i = 0; i < MOST; i++)
    for (size_t j = 0; j < i; j++) {
      const double *a = x1 + i * DIM, *b = x1 + j * DIM, *p = x0 + i * DIM, *q = x0 + j * DIM;
      ck_assert(distance(a, p) + distance(b, q) <= distance(a, q) + distance(b, p) + 1e-4);
    }
}
END_TEST

START_TEST(pairs_do_not_depend_on_threads) {
  double one[MOST * DIM];
  enf_opts *opts;
  draw(ENF__OT, MOST, 30, 9);
  memcpy(one, x0, sizeof one);
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set_int(opts, "run.threads", 3), ENF_OK);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  draw(ENF__OT, MOST, 30, 9);
  ck_assert_mem_eq(one, x0, sizeof one);
  enf_opts_destroy(opts);
}
END_TEST

/* Products that overflow float32 leave the draws where they are. */
START_TEST(a_block_that_overflows_keeps_its_order) {
  x1[5] = 1e200;
  draw(ENF__OT, 50, 25, 3);
  ck_assert_mem_eq(x0, draws, 25 * DIM * sizeof *x0);
  ck_assert_int_ne(memcmp(x0 + 25 * DIM, draws + 25 * DIM, 25 * DIM * sizeof *x0), 0);
}
END_TEST

START_TEST(one_row_gets_its_draw) {
  draw(ENF__OT, 1, 256, 3);
  ck_assert_mem_eq(x0, draws, DIM * sizeof *x0);
  draw(ENF__OT, 3, 1, 3);
  ck_assert_mem_eq(x0, draws, 3 * DIM * sizeof *x0);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("laws");
  tcase_add_checked_fixture(tests, open_context, close_context);
  tcase_add_test(tests, blocks_cover_all_rows);
  tcase_add_test(tests, independent_draws_are_those_of_the_sample_numbers);
  tcase_add_test(tests, ot_permutes_draws_within_blocks);
  tcase_add_test(tests, ot_has_the_least_total_squared_distance);
  tcase_add_test(tests, ot_cannot_be_improved_by_an_exchange);
  tcase_add_test(tests, pairs_do_not_depend_on_threads);
  tcase_add_test(tests, a_block_that_overflows_keeps_its_order);
  tcase_add_test(tests, one_row_gets_its_draw);
  return run_suite("coupling", tests);
}
