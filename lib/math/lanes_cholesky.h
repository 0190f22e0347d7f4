/* lanes_cholesky.h -- Cholesky factors of as many small matrices as a vector has lanes, their
   inverses and solutions: the lower triangle row by row, an entry of all matrices one vector.

   The work goes in tiles of up to TILE x TILE entries that stay in registers; every sum runs over
   its index in one order. Included by the kernels of one instruction set. */
#ifndef ENF__LANES_CHOLESKY_H
#define ENF__LANES_CHOLESKY_H

#include "math/simd.h"
#include <math.h>
#include <stddef.h>

/* Rows of a tile; pivots whose product has one logarithm. */
enum { TILE = 3, PIVOTS = 4 };
#define UNROLL _Pragma("GCC unroll 3")

INLINE vec at_lanes(const double *a, size_t k) { return vec_load(a + k * ENF__LANES); }
INLINE void put_lanes(double *a, size_t k, vec v) { vec_store(a + k * ENF__LANES, v); }
INLINE void add_lanes(double *a, size_t k, vec v) { put_lanes(a, k, at_lanes(a, k) + v); }

/* Place of an entry in the triangle, column <= row. */
INLINE size_t entry(size_t row, size_t column) { return row * (row + 1) / 2 + column; }

/* Calls f(R, ...) with the rows of the tile at row i of n as a constant. */
#define WITH_ROWS(f, n, i, ...)                                                                    \
  ((n) - (i) >= 3 ? f(3, __VA_ARGS__) : (n) - (i) == 2 ? f(2, __VA_ARGS__) : f(1, __VA_ARGS__))

typedef struct {
  vec v[TILE][TILE];
} tile;

INLINE tile load_tile(size_t R, size_t C, const double *a, size_t i, size_t j) {
  tile t;
  UNROLL for (size_t r = 0; r < R; r++) UNROLL for (size_t c = 0; c < C; c++) t.v[r][c] =
      i == j && c > r ? vec_set(0) : at_lanes(a, entry(i + r, j + c));
  return t;
}

INLINE void store_tile(size_t R, size_t C, double *a, size_t i, size_t j, const tile *t) {
  UNROLL for (size_t r = 0; r < R; r++) UNROLL for (size_t c = 0; c < C; c++) if (i != j || c <= r)
      put_lanes(a, entry(i + r, j + c), t->v[r][c]);
}

/* ---- the factor ------------------------------------------------------------------------------ */

/* t -= the columns before j of rows i ... times those of rows j ... */
INLINE void take_columns(size_t R, size_t C, const double *a, size_t i, size_t j, tile *t) {
  const double *left[TILE], *right[TILE];
  UNROLL for (size_t r = 0; r < R; r++) left[r] = a + entry(i + r, 0) * ENF__LANES;
  UNROLL for (size_t c = 0; c < C; c++) right[c] = a + entry(j + c, 0) * ENF__LANES;
  for (size_t k = 0; k < j; k++) {
    vec other[TILE];
    UNROLL for (size_t c = 0; c < C; c++) other[c] = at_lanes(right[c], k);
    UNROLL for (size_t r = 0; r < R; r++) {
      const vec mine = -at_lanes(left[r], k);
      UNROLL for (size_t c = 0; c < C; c++) t->v[r][c] = vec_fma(mine, other[c], t->v[r][c]);
    }
  }
}

/* Rows i ... at columns j < i, a whole tile of them, whose own rows are done. */
INLINE void factor_below(size_t R, double *a, size_t i, size_t j) {
  tile t = load_tile(R, TILE, a, i, j);
  take_columns(R, TILE, a, i, j, &t);
  UNROLL for (size_t c = 0; c < TILE; c++) {
    UNROLL for (size_t k = 0; k < c; k++) {
      const vec other = -at_lanes(a, entry(j + c, j + k));
      UNROLL for (size_t r = 0; r < R; r++) t.v[r][c] = vec_fma(t.v[r][k], other, t.v[r][c]);
    }
    const vec pivot = at_lanes(a, entry(j + c, j + c));
    UNROLL for (size_t r = 0; r < R; r++) t.v[r][c] *= pivot;
  }
  store_tile(R, TILE, a, i, j, &t);
}

INLINE void factor_diagonal(size_t R, double *a, size_t i) {
  tile t = load_tile(R, R, a, i, i);
  take_columns(R, R, a, i, i, &t);
  UNROLL for (size_t c = 0; c < R; c++) {
    const vec pivot = vec_set(1) / vec_sqrt(t.v[c][c]);
    UNROLL for (size_t r = c + 1; r < R; r++) {
      t.v[r][c] *= pivot;
      UNROLL for (size_t k = c + 1; k <= r; k++) t.v[r][k] =
          vec_fma(-t.v[r][c], t.v[k][c], t.v[r][k]);
    }
    t.v[c][c] = pivot;
  }
  store_tile(R, R, a, i, i, &t);
}

/* log det from the inverse roots of the pivots; what is no positive normal number gives NaN. */
static vec log_of_pivots(size_t n, const double *a) {
  vec sum = vec_set(0);
  for (size_t i = 0; i < n; i += PIVOTS) {
    vec product = vec_set(1);
    for (size_t k = i; k < n && k < i + PIVOTS; k++)
      product *= at_lanes(a, entry(k, k));
    const ivec fine = (product > vec_set(1e-300)) & (product < vec_set(1e300));
    sum -= vec_select(fine, vec_log(product), vec_set((double)NAN));
  }
  return sum + sum;
}

static void factor(size_t n, double *a, double *logdet) {
  for (size_t i = 0; i < n; i += TILE) {
    for (size_t j = 0; j < i; j += TILE)
      WITH_ROWS(factor_below, n, i, a, i, j);
    WITH_ROWS(factor_diagonal, n, i, a, i);
  }
  vec_store(logdet, log_of_pivots(n, a));
}

/* ---- solutions ------------------------------------------------------------------------------- */

static void solve(size_t n, const double *a, double *b) {
  for (size_t i = 0; i < n; i++) {
    vec sum = at_lanes(b, i);
    for (size_t k = 0; k < i; k++)
      sum = vec_fma(-at_lanes(a, entry(i, k)), at_lanes(b, k), sum);
    put_lanes(b, i, sum * at_lanes(a, entry(i, i)));
  }
  for (size_t i = n; i-- > 0;) {
    const vec x = at_lanes(b, i) * at_lanes(a, entry(i, i));
    put_lanes(b, i, x);
    for (size_t k = 0; k < i; k++)
      put_lanes(b, k, vec_fma(-at_lanes(a, entry(i, k)), x, at_lanes(b, k)));
  }
}

/* out (n) = the symmetric matrix times x. */
static void times(size_t n, const double *a, const double *x, double *out) {
  for (size_t i = 0; i < n; i++) {
    vec sum = at_lanes(a, entry(i, i)) * at_lanes(x, i);
    for (size_t k = 0; k < i; k++) {
      sum = vec_fma(at_lanes(a, entry(i, k)), at_lanes(x, k), sum);
      put_lanes(out, k, vec_fma(at_lanes(a, entry(i, k)), at_lanes(x, i), at_lanes(out, k)));
    }
    put_lanes(out, i, sum);
  }
}

/* ---- the inverse ----------------------------------------------------------------------------- */

/* L^-1 of the tile on the diagonal. */
INLINE tile invert_diagonal(size_t R, const double *a, size_t i) {
  const tile l = load_tile(R, R, a, i, i);
  tile m = l;
  UNROLL for (size_t c = 0; c < R; c++) UNROLL for (size_t r = c + 1; r < R; r++) {
    vec sum = vec_set(0);
    UNROLL for (size_t k = c; k < r; k++) sum = vec_fma(-l.v[r][k], m.v[k][c], sum);
    m.v[r][c] = sum * l.v[r][r];
  }
  return m;
}

/* Rows i ... of L^-1 at columns j < i: -(L_ii)^-1 sum_k L_ik (L^-1)_kj, over j <= k < i. Above the
   diagonal of its first tile L^-1 is zero. */
INLINE void invert_below(size_t R, double *a, size_t i, size_t j, const tile *diagonal) {
  tile t, s;
  UNROLL for (size_t r = 0; r < R; r++) UNROLL for (size_t c = 0; c < TILE; c++) t.v[r][c] =
      vec_set(0);
  for (size_t k = j; k < i; k++)
    UNROLL for (size_t c = 0; c < TILE; c++) {
      if (j + c > k)
        continue;
      const vec other = at_lanes(a, entry(k, j + c));
      UNROLL for (size_t r = 0; r < R; r++) t.v[r][c] =
          vec_fma(-at_lanes(a, entry(i + r, k)), other, t.v[r][c]);
    }
  UNROLL for (size_t r = 0; r < R; r++) UNROLL for (size_t c = 0; c < TILE; c++) {
    s.v[r][c] = vec_set(0);
    UNROLL for (size_t k = 0; k <= r; k++) s.v[r][c] =
        vec_fma(diagonal->v[r][k], t.v[k][c], s.v[r][c]);
  }
  store_tile(R, TILE, a, i, j, &s);
}

/* L becomes L^-1, a row of tiles after the other, each from the left: what is overwritten is not
   looked at again. */
INLINE void invert_row(size_t R, double *a, size_t i) {
  const tile diagonal = invert_diagonal(R, a, i);
  for (size_t j = 0; j < i; j += TILE)
    invert_below(R, a, i, j, &diagonal);
  store_tile(R, R, a, i, i, &diagonal);
}

/* M = L^-1 becomes M^T M at rows i ..., columns j ...: sums over rows from i on. */
INLINE void square_tile(size_t R, size_t C, size_t n, double *a, size_t i, size_t j) {
  tile t;
  UNROLL for (size_t r = 0; r < R; r++) UNROLL for (size_t c = 0; c < C; c++) t.v[r][c] =
      vec_set(0);
  for (size_t k = i; k < n; k++)
    UNROLL for (size_t r = 0; r < R; r++) {
      if (i + r > k)
        continue;
      const vec left = at_lanes(a, entry(k, i + r));
      UNROLL for (size_t c = 0; c < C; c++) if (j + c <= k) t.v[r][c] =
          vec_fma(left, at_lanes(a, entry(k, j + c)), t.v[r][c]);
    }
  store_tile(R, C, a, i, j, &t);
}

/* Row by row again, the diagonal last: it is what the row's other tiles are made with. */
INLINE void square_row(size_t R, size_t n, double *a, size_t i) {
  for (size_t j = 0; j < i; j += TILE)
    square_tile(R, TILE, n, a, i, j);
  square_tile(R, R, n, a, i, i);
}

static void invert(size_t n, double *a) {
  for (size_t i = 0; i < n; i += TILE)
    WITH_ROWS(invert_row, n, i, a, i);
  for (size_t i = 0; i < n; i += TILE)
    WITH_ROWS(square_row, n, i, n, a, i);
}

#endif
