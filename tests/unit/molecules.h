/* molecules.h -- what the tests of internal coordinates share: Z-matrices of all kinds, random
   coordinates, rotations, differences. */
#ifndef ENF_TEST_MOLECULES_H
#define ENF_TEST_MOLECULES_H

#include "space/internal.h"
#include "suite.h"
#include <math.h>
#include <string.h>

enum { MOST_ATOMS = 22, MOST = 3 * MOST_ATOMS };

/* The last is alanine dipeptide. */
static const struct {
  size_t atoms;
  const char *text;
} molecules[] = {
    {3, "0 1 2"},
    {3, "2 0 1"},
    {4, "0 1 2; 3 2 1 0 t"},
    {4, "3 1 0; 2 1 3 0 i"},
    {5, "0 1 2; 3 2 1 0 t; 4 2 1 3 i"},
    {7, "1 0 2; 3 2 0 1 t; 4 3 2 0 t; 5 0 1 2 i; 6 1 0 5 i"},
    {22, "6 8 14; 4 6 8 14 t; 16 14 8 6 t; 10 8 6 14 i; 9 8 6 14 i; 15 14 8 16 i; 7 6 8 4 i; "
         "1 4 6 8 i; 5 4 6 1 i; 18 16 14 8 i; 17 16 14 18 i; 11 10 8 6 t; 12 10 8 11 i; "
         "13 10 8 11 i; 0 1 4 6 t; 2 1 4 0 i; 3 1 4 0 i; 19 18 16 14 t; 20 18 16 19 i; "
         "21 18 16 19 i"}};
enum { MOLECULES = 7 };

static enf_ctx *ctx;
static enf__zmatrix z;
static size_t N, C;
static uint64_t state;

static inline void open_molecule(int number) {
  ck_assert_int_eq(enf_ctx_create(&ctx, NULL), ENF_OK);
  N = molecules[number].atoms, C = 3 * N - 6, state = (uint64_t)number;
  ck_assert_int_eq(enf__zmatrix_parse(ctx, &ctx->alloc, N, molecules[number].text, &z), ENF_OK);
}

static inline void close_molecule(void) {
  enf__zmatrix_free(&ctx->alloc, &z);
  enf_ctx_destroy(ctx);
}

static inline double uniform(double least, double most) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return least + (most - least) * ((double)(state >> 11) + 0.5) * 0x1p-53;
}

static inline void random_numbers(size_t n, double *v) {
  for (size_t i = 0; i < n; i++)
    v[i] = uniform(-1, 1);
}

static inline void random_coordinates(double *q) {
  for (size_t k = 0; k < C; k++)
    q[k] = k < N - 1 ? uniform(0.8, 1.6) : k < 2 * N - 3 ? uniform(0.7, 2.5) : uniform(-M_PI, M_PI);
}

/* A molecule of these coordinates, anywhere and turned anyhow. */
static inline void random_place(const double *q, double *x) {
  enf__fault fault;
  double R[9], shift[3];
  ck_assert(enf__internal_place(&z, q, x, &fault));
  enf__rotation_uniform(state, (uint64_t)(1e6 * uniform(0, 1)), R);
  enf__rotation_apply(N, R, x);
  random_numbers(3, shift);
  for (size_t i = 0; i < 3 * N; i++)
    x[i] += 3 * shift[i % 3];
}

/* Largest difference; of dihedrals around the circle where `circles`. */
static inline double difference(size_t n, const double *a, const double *b, bool circles) {
  double worst = 0;
  for (size_t k = 0; k < n; k++) {
    double d = a[k] - b[k];
    if (circles && k >= 2 * N - 3)
      d = remainder(d, 2 * M_PI);
    if (!(fabs(d) <= worst))
      worst = fabs(d);
  }
  return worst;
}

static inline double inner(size_t n, const double *a, const double *b) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += a[i] * b[i];
  return sum;
}

/* Derivative of f along direction at v (n): differences of order 4. */
static inline double slope(double (*f)(const double *v), size_t n, const double *v,
                           const double *direction, double h) {
  double moved[MOST], at[4];
  const double steps[4] = {-2, -1, 1, 2};
  for (int s = 0; s < 4; s++) {
    for (size_t i = 0; i < n; i++)
      moved[i] = v[i] + steps[s] * h * direction[i];
    at[s] = f(moved);
  }
  return (at[0] - at[3] + 8 * (at[2] - at[1])) / (12 * h);
}

#endif
