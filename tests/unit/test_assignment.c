/* The assignment is a permutation of least total cost: against all permutations for n <= 7, and
   against an O(n^3) Hungarian method in double precision, on random, tied and degenerate costs. */
#include "math/assignment.h"
#include "suite.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

static double uniform(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(state >> 11) * 0x1p-53;
}

static double total(size_t n, const float *cost, const uint32_t *column) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += (double)cost[i * n + column[i]];
  return sum;
}

static bool is_permutation(size_t n, const uint32_t *column) {
  char *seen = calloc(n + 1, 1);
  bool good = true;
  for (size_t i = 0; i < n; i++) {
    good = good && column[i] < n && !seen[column[i]];
    if (column[i] < n)
      seen[column[i]] = 1;
  }
  free(seen);
  return good;
}

/* Least total over all permutations of the columns from place i on. */
static double brute(size_t n, const float *cost, size_t i, uint32_t *order) {
  if (i == n)
    return total(n, cost, order);
  double least = INFINITY;
  for (size_t j = i; j < n; j++) {
    uint32_t swap = order[i];
    order[i] = order[j], order[j] = swap;
    const double sum = brute(n, cost, i + 1, order);
    if (sum < least)
      least = sum;
    swap = order[i];
    order[i] = order[j], order[j] = swap;
  }
  return least;
}

/* The textbook Hungarian method with potentials, rows added one by one (numbered from 1). */
static double hungarian(size_t n, const float *cost) {
  double *u = calloc(n + 1, sizeof *u), *v = calloc(n + 1, sizeof *v);
  double *slack = calloc(n + 1, sizeof *slack);
  size_t *row = calloc(n + 1, sizeof *row), *way = calloc(n + 1, sizeof *way);
  char *used = calloc(n + 1, 1);
  for (size_t i = 1; i <= n; i++) {
    size_t j0 = 0;
    row[0] = i;
    for (size_t j = 0; j <= n; j++)
      slack[j] = INFINITY, used[j] = 0;
    do {
      used[j0] = 1;
      size_t j1 = 0;
      double delta = INFINITY;
      for (size_t j = 1; j <= n; j++) {
        if (used[j])
          continue;
        const double h = (double)cost[(row[j0] - 1) * n + j - 1] - u[row[j0]] - v[j];
        if (h < slack[j])
          slack[j] = h, way[j] = j0;
        if (slack[j] < delta)
          delta = slack[j], j1 = j;
      }
      for (size_t j = 0; j <= n; j++)
        if (used[j])
          u[row[j]] += delta, v[j] -= delta;
        else
          slack[j] -= delta;
      j0 = j1;
    } while (row[j0] != 0);
    for (; j0; j0 = way[j0])
      row[j0] = row[way[j0]];
  }
  double sum = 0;
  for (size_t j = 1; j <= n; j++)
    sum += (double)cost[(row[j] - 1) * n + j - 1];
  free(u), free(v), free(slack), free(row), free(way), free(used);
  return sum;
}

/* Kinds of costs; those whose sums are exact in float32 must give the exact optimum. */
enum { REAL, FEW_VALUES, EQUAL, COINCIDENT, POINTS, NEGATIVE, OFFSETS, CHAIN, KINDS };

static void fill(int kind, size_t n, float *cost) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      float *c = cost + i * n + j;
      const double x = (double)((i * 7 + 3) % n) / (double)n,
                   y = (double)((j * 5 + 1) % n) / (double)n;
      if (kind == REAL)
        *c = (float)uniform();
      if (kind == FEW_VALUES)
        *c = (float)floor(3 * uniform());
      if (kind == EQUAL)
        *c = 4;
      if (kind == COINCIDENT)
        *c = (float)(((i / 4) * (j / 4)) % 5);
      if (kind == POINTS)
        *c = (float)((x - y) * (x - y) + 0.1 * uniform());
      if (kind == NEGATIVE)
        *c = (float)(-10 * uniform());
      if (kind == OFFSETS) /* of rows and columns: every permutation is the best */
        *c = (float)(i * i % 17) + (float)(j * j % 23);
      if (kind == CHAIN) /* products: every path is long */
        *c = (float)(i + 1) * (float)(j + 1) / 16;
    }
}

static void compare(int kind, size_t n, double (*reference)(size_t, const float *)) {
  float *cost = malloc((n * n + 1) * sizeof *cost);
  uint32_t *column = malloc((n + 1) * sizeof *column);
  void *work = malloc(enf__assignment_workspace(n) + 1);
  memset(work, 0xa5, enf__assignment_workspace(n));
  fill(kind, n, cost);
  ck_assert(enf__assignment_solve(n, cost, work, column));
  ck_assert_msg(is_permutation(n, column), "kind %d, n %zu: not a permutation", kind, n);
  const double got = total(n, cost, column), want = reference(n, cost);
  ck_assert_msg(fabs(got - want) <= 1e-6 * (double)n + 1e-7 * fabs(want),
                "kind %d, n %zu: %.9g, least %.9g", kind, n, got, want);
  free(cost), free(column), free(work);
}

static double brute_force(size_t n, const float *cost) {
  uint32_t order[8];
  for (uint32_t i = 0; i < n; i++)
    order[i] = i;
  return brute(n, cost, 0, order);
}

START_TEST(small_problems_match_all_permutations) {
  state = 1;
  for (size_t n = 0; n <= 7; n++)
    for (int kind = 0; kind < KINDS; kind++)
      for (int trial = 0; trial < (n < 7 ? 40 : 8); trial++)
        compare(kind, n, brute_force);
}
END_TEST

START_TEST(large_problems_match_the_hungarian_method) {
  const size_t sizes[] = {8, 13, 31, 64, 65, 130, 256};
  state = 2;
  for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++)
    for (int kind = 0; kind < KINDS; kind++)
      for (int trial = 0; trial < (sizes[k] < 200 ? 5 : 2); trial++)
        compare(kind, sizes[k], hungarian);
}
END_TEST

START_TEST(costs_that_are_not_numbers_give_the_identity) {
  const float bad[] = {NAN, INFINITY, -INFINITY, 2e30f};
  for (size_t k = 0; k < 4; k++)
    for (size_t place = 0; place < 25; place++) {
      float cost[25];
      uint32_t column[5];
      double work[32];
      ck_assert_uint_le(enf__assignment_workspace(5), sizeof work);
      for (size_t i = 0; i < 25; i++)
        cost[i] = (float)(i % 4);
      cost[place] = bad[k];
      ck_assert(!enf__assignment_solve(5, cost, work, column));
      for (uint32_t i = 0; i < 5; i++)
        ck_assert_uint_eq(column[i], i);
    }
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("laws");
  tcase_add_test(tests, small_problems_match_all_permutations);
  tcase_add_test(tests, large_problems_match_the_hungarian_method);
  tcase_add_test(tests, costs_that_are_not_numbers_give_the_identity);
  return run_suite("assignment", tests);
}
