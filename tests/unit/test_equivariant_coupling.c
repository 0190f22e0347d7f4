/* test_equivariant_coupling.c -- the permutation is the best of all, the distance is what the
   rotation leaves, the pairs of a block are the nearest; on every instruction set there is. */
#include "core/random.h"
#include "math/align.h"
#include "math/assignment.h"
#include "math/center.h"
#include "math/kabsch.h"
#include "suite.h"
#include "train/coupling.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 70, MOST = 2560 * 6 };

static enf_ctx *ctx;
static uint64_t state;
static double x1[MOST], x0[MOST], draws[MOST];

static double uniform(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(state >> 11) * 0x1p-53;
}

static double normal(void) {
  const double u = uniform() + 0x1p-60;
  return sqrt(-2 * log(u)) * cos(2 * M_PI * uniform());
}

enum { CLOUD, FLAT, STRAIGHT, COINCIDENT, LATTICE, PAIRS, KINDS };

/* Mean-free. LATTICE: many equal distances; PAIRS: particles two by two in one place. */
static void make_points(int kind, size_t N, size_t D, double *x) {
  for (size_t a = 0; a < N; a++)
    for (size_t d = 0; d < D; d++) {
      const bool gone = (kind == FLAT && d == D - 1) || (kind == STRAIGHT && d > 0);
      x[D * a + d] = gone || kind == COINCIDENT ? 0 : normal();
      if (kind == LATTICE)
        x[D * a + d] = floor(2 * uniform());
      if (kind == PAIRS && a % 2)
        x[D * a + d] = x[D * (a - 1) + d];
    }
  enf__center(N, D, x, x, NULL);
}

/* A rotation from two angles and a mirror, all fixed. */
static void turn(size_t N, size_t D, const double *x, double *out) {
  const double c = cos(0.7), s = sin(0.7), C = cos(2.1), S = sin(2.1);
  const double planar[] = {c, s, s, -c};
  const double solid[] = {c, -s, 0, s * C, c * C, S, s * S, c * S, -C};
  enf__kabsch_apply(N, D, D == 2 ? planar : solid, x, out);
}

static double squares(size_t n, const double *x, const double *y) {
  double sum = 0;
  for (size_t k = 0; k < n; k++)
    sum += (x[k] - y[k]) * (x[k] - y[k]);
  return sum;
}

static double square(size_t n, const double *x) {
  double sum = 0;
  for (size_t k = 0; k < n; k++)
    sum += x[k] * x[k];
  return sum;
}

static void reorder(size_t N, size_t D, const uint32_t *partner, const double *y, double *out) {
  for (size_t a = 0; a < N; a++)
    memcpy(out + D * a, y + D * partner[a], D * sizeof *y);
}

/* ---- the pair ----------------------------------------------------------------------------------
 */

static const int levels[] = {ENF__KERNEL_BASELINE, ENF__KERNEL_AVX2, ENF__KERNEL_AVX512};
enum { LEVELS = 3 };

/* False if this processor does not have the level. */
static bool use(int level) {
  const char *const names[] = {"baseline", "avx2", "avx512"};
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set(opts, "run.kernel", names[level]), ENF_OK);
  const enf_status status = enf_ctx_configure(ctx, opts);
  enf_opts_destroy(opts);
  return status == ENF_OK;
}

/* The kernels on one pair: partner (N), in the particles' own numbers; returns the distance. */
static double align_pair(int level, size_t N, size_t D, const int *species, bool reflect,
                         const double *x, const double *y, uint32_t *partner) {
  enf__arena arena = {0};
  const enf__align_kernels *kernels = enf__align_kernels_of(levels[level]);
  float distance;
  ck_assert(enf__arena_reserve(&ctx->alloc, &arena, 1 << 20));
  memset(arena.base, 0xa5, arena.capacity);
  const enf__align align = enf__align_make(N, D, species, reflect, &arena);
  const size_t floats = enf__align_floats(&align);
  float *memory = ENF__TAKE(&arena, float, 2 * floats);
  const enf__packed left = enf__align_pack(&align, x, memory);
  const enf__packed right = enf__align_pack(&align, y, memory + floats);
  void *work = enf__arena_take(&arena, kernels->workspace(&align));
  ck_assert_ptr_nonnull(work);
  kernels->distances(&align, &left, 1, &right, work, &distance);
  kernels->match(&align, &left, &right, work, partner);
  enf__arena_free(&ctx->alloc, &arena);
  return (double)distance;
}

static bool is_permutation(size_t N, const int *species, const uint32_t *partner) {
  bool seen[LARGEST] = {false};
  for (size_t a = 0; a < N; a++) {
    if (partner[a] >= N || seen[partner[a]] || (species && species[a] != species[partner[a]]))
      return false;
    seen[partner[a]] = true;
  }
  return true;
}

static double matched(size_t N, size_t D, const double *x, const double *y,
                      const uint32_t *partner) {
  double ordered[3 * LARGEST];
  reorder(N, D, partner, y, ordered);
  return squares(N * D, x, ordered);
}

/* Least squared distance over all permutations of like particles from place a on. */
static double brute(size_t N, size_t D, const int *species, const double *x, const double *y,
                    size_t a, uint32_t *order) {
  if (a == N)
    return matched(N, D, x, y, order);
  double least = INFINITY;
  for (size_t b = a; b < N; b++) {
    const uint32_t first = order[a], second = order[b];
    if (species && species[second] != species[a])
      continue;
    order[a] = second, order[b] = first;
    least = fmin(least, brute(N, D, species, x, y, a + 1, order));
    order[a] = first, order[b] = second;
  }
  return least;
}

static const int mixed[] = {5, 0, 5, 2, 0, 5}, distinct[] = {3, 1, 4, 0, 5, 2};
static const int *const colourings[] = {NULL, mixed, distinct};

START_TEST(permutation_is_the_best_of_all) {
  double x[18], y[18];
  uint32_t partner[6];
  state = 1;
  if (!use(_i))
    return;
  for (size_t N = 1; N <= 6; N++)
    for (size_t D = 2; D <= 3; D++)
      for (int kind = 0; kind < KINDS * KINDS; kind++)
        for (size_t c = 0; c < 3; c++) {
          uint32_t order[] = {0, 1, 2, 3, 4, 5};
          make_points(kind / KINDS, N, D, x);
          make_points(kind % KINDS, N, D, y);
          align_pair(_i, N, D, colourings[c], true, x, y, partner);
          ck_assert(is_permutation(N, colourings[c], partner));
          const double least = brute(N, D, colourings[c], x, y, 0, order);
          ck_assert_msg(matched(N, D, x, y, partner) <= least + 2e-5,
                        "N %zu, D %zu, points %d, species %zu: %.9g, least %.9g", N, D, kind, c,
                        matched(N, D, x, y, partner), least);
        }
}
END_TEST

/* Another solver, on the costs themselves. */
static double assigned(size_t N, size_t D, const double *x, const double *y) {
  static float cost[LARGEST * LARGEST];
  double work[8 * LARGEST];
  uint32_t column[LARGEST];
  ck_assert_uint_le(enf__assignment_workspace(N), sizeof work);
  for (size_t a = 0; a < N; a++)
    for (size_t b = 0; b < N; b++)
      cost[a * N + b] = (float)squares(D, x + D * a, y + D * b);
  ck_assert(enf__assignment_solve(N, cost, work, column));
  return matched(N, D, x, y, column);
}

START_TEST(large_permutations_match_another_solver) {
  const size_t sizes[] = {7, 8, 9, 13, 15, 16, 17, 24, 31, 32, 33, 55, 64, 65, LARGEST};
  double x[3 * LARGEST], y[3 * LARGEST];
  uint32_t partner[LARGEST];
  state = 2;
  if (!use(_i))
    return;
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
    for (size_t D = 2; D <= 3; D++)
      for (int kind = 0; kind < KINDS * KINDS; kind++) {
        const size_t N = sizes[s];
        make_points(kind / KINDS, N, D, x);
        make_points(kind % KINDS, N, D, y);
        align_pair(_i, N, D, NULL, true, x, y, partner);
        ck_assert(is_permutation(N, NULL, partner));
        ck_assert_double_eq_tol(matched(N, D, x, y, partner), assigned(N, D, x, y),
                                2e-5 * (double)N);
      }
}
END_TEST

START_TEST(distance_is_what_the_rotation_leaves) {
  double x[39], y[39], ordered[39];
  uint32_t partner[13];
  state = 3;
  if (!use(_i))
    return;
  for (size_t N = 2; N <= 13; N += 11)
    for (size_t D = 2; D <= 3; D++)
      for (int kind = 0; kind < KINDS * KINDS; kind++)
        for (int reflect = 0; reflect < 2; reflect++)
          for (int trial = 0; trial < 10; trial++) {
            make_points(kind / KINDS, N, D, x);
            make_points(kind % KINDS, N, D, y);
            const double got = align_pair(_i, N, D, NULL, reflect, x, y, partner);
            reorder(N, D, partner, y, ordered);
            const double want = enf__kabsch_distance(N, D, x, ordered, reflect);
            const double scale = square(N * D, x) + square(N * D, y);
            ck_assert_msg(fabs(got - want) <= 3e-6 * scale + 1e-30,
                          "N %zu, D %zu, points %d, reflect %d: %.9g, Kabsch %.9g", N, D, kind,
                          reflect, got, want);
            ck_assert_double_le(got, squares(N * D, x, y) + 3e-6 * scale);
          }
}
END_TEST

/* Permuting like particles of either, or turning both, changes nothing; where no two particles are
   alike, neither does turning one. */
START_TEST(distance_is_invariant) {
  const uint32_t shuffle[] = {2, 4, 5, 3, 1, 0}; /* within the species of `mixed` */
  double x[18], y[18], turned[18], other[18];
  uint32_t partner[6];
  state = 4;
  if (!use(_i))
    return;
  for (size_t D = 2; D <= 3; D++)
    for (int trial = 0; trial < 50; trial++) {
      make_points(CLOUD, 6, D, x);
      make_points(CLOUD, 6, D, y);
      const double before = align_pair(_i, 6, D, mixed, true, x, y, partner);
      reorder(6, D, shuffle, y, other);
      ck_assert_double_eq_tol(align_pair(_i, 6, D, mixed, true, x, other, partner), before, 1e-4);
      reorder(6, D, shuffle, x, other);
      ck_assert_double_eq_tol(align_pair(_i, 6, D, mixed, true, other, y, partner), before, 1e-4);
      turn(6, D, x, turned);
      turn(6, D, y, other);
      ck_assert_double_eq_tol(align_pair(_i, 6, D, mixed, true, turned, other, partner), before,
                              1e-4);
      ck_assert_double_eq_tol(align_pair(_i, 6, D, distinct, true, x, other, partner),
                              align_pair(_i, 6, D, distinct, true, x, y, partner), 1e-4);
      ck_assert_double_eq_tol(align_pair(_i, 6, D, distinct, true, x, turned, partner), 0, 1e-4);
    }
}
END_TEST

/* ---- the block ---------------------------------------------------------------------------------
 */

static void open_context(void) { ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK); }
static void close_context(void) { enf_ctx_destroy(ctx); }

static void use_threads(int threads) {
  enf_opts *opts;
  ck_assert_int_eq(enf_opts_create(ctx, &opts), ENF_OK);
  ck_assert_int_eq(enf_opts_set_int(opts, "run.threads", threads), ENF_OK);
  ck_assert_int_eq(enf_ctx_configure(ctx, opts), ENF_OK);
  enf_opts_destroy(opts);
}

static enf__coupling make(const enf__prior *prior, size_t n, size_t block, const int *species,
                          bool reflect) {
  return (enf__coupling){.kind = ENF__EQUIVARIANT_OT,
                         .block = block,
                         .prior = prior,
                         .seed = 5,
                         .first = 1000000007,
                         .n = n,
                         .x1 = x1,
                         .x0 = x0,
                         .species = species,
                         .reflect = reflect};
}

/* Fills x0, and draws with what the rows' numbers give. */
static void draw(const enf__coupling *c) {
  const size_t dim = enf__space_state(c->prior->space);
  const size_t worker = enf__coupling_worker_bytes(c, &ctx->run);
  ck_assert_int_eq(enf__reserve(ctx, enf__coupling_call_bytes(c), worker), ENF_OK);
  memset(ctx->arena.base, 0xa5, ctx->arena.capacity);
  ck_assert_int_eq(enf__coupling_draw(ctx, c), ENF_OK);
  for (size_t i = 0; i < c->n; i++)
    enf__prior_sample(c->prior, c->seed, ENF__STREAM_TRAIN_PRIOR, c->first + i, draws + i * dim);
}

/* The distance of a pair without any kernel of ours: all permutations, then Kabsch. */
static double reference(const enf__coupling *c, const double *x, const double *y) {
  const size_t N = c->prior->space->shape.particles, D = c->prior->space->shape.dimensions;
  uint32_t order[] = {0, 1, 2, 3, 4, 5}, best[6], partner[6];
  double ordered[18];
  const double least = brute(N, D, c->species, x, y, 0, order);
  align_pair(0, N, D, c->species, c->reflect, x, y, partner);
  memcpy(best, partner, sizeof best);
  ck_assert_double_le(matched(N, D, x, y, best), least + 1e-5);
  reorder(N, D, best, y, ordered);
  return enf__kabsch_distance(N, D, x, ordered, c->reflect);
}

/* Least sum over all assignments of 5 draws to 5 rows. */
static double least_total(double cost[5][5], size_t i, size_t *order) {
  if (i == 5) {
    double sum = 0;
    for (size_t k = 0; k < 5; k++)
      sum += cost[k][order[k]];
    return sum;
  }
  double least = INFINITY;
  for (size_t j = i; j < 5; j++) {
    const size_t a = order[i], b = order[j];
    order[i] = b, order[j] = a;
    least = fmin(least, least_total(cost, i + 1, order));
    order[i] = a, order[j] = b;
  }
  return least;
}

START_TEST(pairs_have_the_least_total_distance) {
  state = 6;
  for (size_t D = 2; D <= 3; D++)
    for (int trial = 0; trial < 40; trial++) {
      const enf__space space = enf__space_make(ENF__PARTICLES, 6, D);
      const enf__prior prior = enf__prior_make(ENF__GAUSSIAN_PRIOR, &space, 1.3);
      const size_t dim = 6 * D;
      enf__coupling c = make(&prior, 5, 256, trial % 4 < 2 ? mixed : NULL, trial % 2);
      double cost[5][5], sum = 0;
      size_t order[] = {0, 1, 2, 3, 4};
      c.first = (uint64_t)(100 * trial);
      for (size_t i = 0; i < 5; i++)
        make_points(trial % 5 ? CLOUD : trial % KINDS, 6, D, x1 + i * dim);
      draw(&c);
      for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < 5; j++)
          cost[i][j] = reference(&c, x1 + i * dim, draws + j * dim);
      for (size_t i = 0; i < 5; i++)
        sum += squares(dim, x1 + i * dim, x0 + i * dim);
      ck_assert_double_eq_tol(sum, least_total(cost, 0, order), 1e-3);
    }
}
END_TEST

/* The draw that row i came from: the one with the same size. */
static size_t draw_of(const enf__coupling *c, size_t i) {
  const size_t dim = enf__space_state(c->prior->space);
  for (size_t j = 0; j < c->n; j++)
    if (fabs(square(dim, x0 + i * dim) - square(dim, draws + j * dim)) < 1e-12)
      return j;
  return c->n;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Distances between particles of every two species, sorted: what no rotation changes. */
static void fingerprint(size_t N, size_t D, const int *species, const double *x, double *out) {
  size_t n = 0;
  for (size_t a = 0; a < N; a++)
    for (size_t b = 0; b < N; b++)
      out[n++] = 1e3 * (7 * species[a] + species[b]) + squares(D, x + D * a, x + D * b);
  qsort(out, n, sizeof *out, ascending);
}

START_TEST(every_draw_is_used_once_permuted_and_turned) {
  const enf__space space = enf__space_make(ENF__PARTICLES, 6, 3);
  const enf__prior prior = enf__prior_make(ENF__GAUSSIAN_PRIOR, &space, 1);
  const size_t n = 50;
  const enf__coupling c = make(&prior, n, 20, mixed, true); /* blocks of 17, 17, 16 */
  bool seen[50] = {false};
  double got[36], want[36];
  state = 7;
  for (size_t i = 0; i < n; i++)
    make_points(CLOUD, 6, 3, x1 + i * 18);
  draw(&c);
  for (size_t i = 0; i < n; i++) {
    const size_t j = draw_of(&c, i);
    ck_assert_msg(j < n && !seen[j], "row %zu got draw %zu", i, j);
    ck_assert_uint_eq(i < 17 ? 0 : i < 34 ? 1 : 2, j < 17 ? 0 : j < 34 ? 1 : 2);
    seen[j] = true;
    fingerprint(6, 3, mixed, x0 + i * 18, got);
    fingerprint(6, 3, mixed, draws + j * 18, want);
    for (size_t k = 0; k < 36; k++)
      ck_assert_double_eq_tol(got[k], want[k], 1e-10);
  }
}
END_TEST

START_TEST(without_reflections_hands_stay) {
  const enf__space space = enf__space_make(ENF__PARTICLES, 4, 3);
  const enf__prior prior = enf__prior_make(ENF__GAUSSIAN_PRIOR, &space, 1);
  const int numbers[] = {0, 1, 2, 3};
  state = 8;
  for (int reflect = 0; reflect < 2; reflect++) {
    const enf__coupling c = make(&prior, 60, 60, numbers, reflect);
    size_t kept = 0;
    for (size_t i = 0; i < 60; i++)
      make_points(CLOUD, 4, 3, x1 + i * 12);
    draw(&c);
    for (size_t i = 0; i < 60; i++) {
      double volume[2];
      const double *of[] = {x0 + i * 12, draws + draw_of(&c, i) * 12};
      for (size_t k = 0; k < 2; k++) {
        const double *p = of[k];
        volume[k] = p[0] * (p[4] * p[8] - p[5] * p[7]) - p[1] * (p[3] * p[8] - p[5] * p[6]) +
                    p[2] * (p[3] * p[7] - p[4] * p[6]);
      }
      kept += volume[0] * volume[1] > 0;
    }
    if (reflect)
      ck_assert(kept > 10 && kept < 50);
    else
      ck_assert_uint_eq(kept, 60);
  }
}
END_TEST

/* Squared distances of positions, and of features, between x1 and x0 of row i. */
static void costs_of(const enf__space *space, size_t i, double cost[2]) {
  const size_t size = enf__space_state(space), positions = enf__shape_positions(&space->shape);
  const double *a = x1 + i * size, *b = x0 + i * size;
  cost[0] = squares(positions, a, b);
  cost[1] = squares(size - positions, a + positions, b + positions);
}

START_TEST(features_count_as_much_as_they_shall) {
  enum { ROWS = 30, N = 6, F = 2, STATE = N * (3 + F) };
  const double weights[] = {0, 1, 1e4};
  enf__space space = enf__space_make(ENF__PARTICLES, N, 3);
  space.ops = &enf__featured_ops;
  space.shape.features = F;
  const enf__prior prior = enf__prior_make(ENF__GAUSSIAN_PRIOR, &space, 1);
  double alone[ROWS][2], cost[2], got[N], want[N];
  state = 9;
  for (size_t i = 0; i < ROWS; i++) {
    make_points(CLOUD, N, 3, x1 + i * STATE);
    for (size_t k = 3 * N; k < STATE; k++)
      x1[i * STATE + k] = normal();
  }
  for (size_t w = 0; w < 3; w++) {
    enf__coupling c = make(&prior, ROWS, 1, NULL, true);
    c.feature_cost = weights[w];
    draw(&c);
    for (size_t i = 0; i < ROWS; i++) {
      const double *h1 = x1 + i * STATE + 3 * N, *h0 = draws + i * STATE + 3 * N;
      costs_of(&space, i, w ? cost : alone[i]);
      for (size_t a = 0; a < N; a++) {
        got[a] = x0[i * STATE + 3 * N + a * F];
        want[a] = h0[a * F];
      }
      qsort(got, N, sizeof *got, ascending);
      qsort(want, N, sizeof *want, ascending);
      ck_assert_mem_eq(got, want, sizeof got);
      if (w == 0)
        continue;
      ck_assert_double_le(cost[0] + weights[w] * cost[1],
                          (alone[i][0] + weights[w] * alone[i][1]) * (1 + 1e-6));
      if (w == 2) /* as good as features alone can be */
        ck_assert_double_le(cost[1], assigned(N, F, h1, h0) * (1 + 1e-2) + 1e-3);
    }
  }
}
END_TEST

START_TEST(pairs_do_not_depend_on_threads) {
  static double one[100 * 39];
  const enf__space space = enf__space_make(ENF__PARTICLES, 13, 3);
  const enf__prior prior = enf__prior_make(ENF__GAUSSIAN_PRIOR, &space, 1);
  const enf__coupling c = make(&prior, 100, 40, NULL, true);
  state = 9;
  for (size_t i = 0; i < 100; i++)
    make_points(i % 9 ? CLOUD : PAIRS, 13, 3, x1 + i * 39);
  draw(&c);
  memcpy(one, x0, sizeof one);
  for (int threads = 2; threads <= 3; threads++) {
    use_threads(threads);
    memset(x0, 0, sizeof one);
    draw(&c);
    ck_assert_mem_eq(one, x0, sizeof one);
  }
}
END_TEST

/* Five blocks whose costs do not fit into one wave, and each of them alone. */
START_TEST(blocks_do_not_know_of_each_other) {
  static double all[MOST];
  const size_t n = 2560, block = 512, dim = 6;
  const int numbers[] = {0, 1, 2};
  const enf__space space = enf__space_make(ENF__PARTICLES, 3, 2);
  const enf__prior prior = enf__prior_make(ENF__GAUSSIAN_PRIOR, &space, 1);
  state = 10;
  for (size_t i = 0; i < n; i++)
    make_points(CLOUD, 3, 2, x1 + i * dim);
  enf__coupling c = make(&prior, n, block, numbers, true);
  draw(&c);
  memcpy(all, x0, n * dim * sizeof *all);
  for (c.n = block; c.x1 < x1 + n * dim; c.first += block, c.x1 += block * dim) {
    draw(&c);
    ck_assert_mem_eq(all + (c.x1 - x1), x0, block * dim * sizeof *all);
  }
}
END_TEST

START_TEST(a_block_that_overflows_keeps_its_draws) {
  const enf__space space = enf__space_make(ENF__PARTICLES, 6, 3);
  const enf__prior prior = enf__prior_make(ENF__GAUSSIAN_PRIOR, &space, 1);
  const enf__coupling c = make(&prior, 50, 25, NULL, true);
  state = 11;
  for (size_t i = 0; i < 50; i++)
    make_points(CLOUD, 6, 3, x1 + i * 18);
  x1[5] = 1e200;
  draw(&c);
  ck_assert_mem_eq(x0, draws, 25 * 18 * sizeof *x0);
  for (size_t i = 25; i < 50; i++)
    ck_assert_uint_lt(draw_of(&c, i), 50);
  ck_assert_int_ne(memcmp(x0 + 25 * 18, draws + 25 * 18, 25 * 18 * sizeof *x0), 0);
}
END_TEST

START_TEST(one_row_is_aligned_with_its_draw) {
  const enf__space space = enf__space_make(ENF__PARTICLES, 6, 3);
  const enf__prior prior = enf__prior_make(ENF__GAUSSIAN_PRIOR, &space, 1);
  state = 12;
  make_points(CLOUD, 6, 3, x1);
  const enf__coupling c = make(&prior, 1, 256, NULL, true);
  draw(&c);
  ck_assert_uint_eq(draw_of(&c, 0), 0);
  ck_assert_double_eq_tol(squares(18, x1, x0), reference(&c, x1, draws), 1e-9);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("coupling");
  tcase_add_checked_fixture(tests, open_context, close_context);
  tcase_add_loop_test(tests, permutation_is_the_best_of_all, 0, LEVELS);
  tcase_add_loop_test(tests, large_permutations_match_another_solver, 0, LEVELS);
  tcase_add_loop_test(tests, distance_is_what_the_rotation_leaves, 0, LEVELS);
  tcase_add_loop_test(tests, distance_is_invariant, 0, LEVELS);
  tcase_add_test(tests, pairs_have_the_least_total_distance);
  tcase_add_test(tests, every_draw_is_used_once_permuted_and_turned);
  tcase_add_test(tests, without_reflections_hands_stay);
  tcase_add_test(tests, features_count_as_much_as_they_shall);
  tcase_add_test(tests, pairs_do_not_depend_on_threads);
  tcase_add_test(tests, blocks_do_not_know_of_each_other);
  tcase_add_test(tests, a_block_that_overflows_keeps_its_draws);
  tcase_add_test(tests, one_row_is_aligned_with_its_draw);
  tcase_set_timeout(tests, 60);
  return run_suite("equivariant coupling", tests);
}
