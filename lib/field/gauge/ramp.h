/* ramp.h -- the ramp of an algebra-valued field along one line of L links u_0 ... u_{L-1}:

     S_k = sum_{j=-h}^{c-1} rho_j T^j X (k),   rho_j = +- 1/2 - (j + 1/2)/L,   h = floor(L/2), c = L-h,
     T X(k) = u_k X(k+1) u_k^+

   in time linear in L. With H_k = u_0 ... u_{k-1}, Y_k = H_k X_k H_k^+, W = H_L, and Y continued by
   Y_{k+L} = W Y_k W^+, T^j X(k) is H_k^+ Y_{k+j} H_k, so S_k = H_k^+ Z_k H_k with windows of two
   running sums, of Y_m and of m Y_m:

     Z_k = ( sum_{m>=k} Y_m - sum_{m<k} Y_m )/2 - sum_m (m - k + 1/2) Y_m / L. */
#ifndef ENF__GAUGE_RAMP_H
#define ENF__GAUGE_RAMP_H

#include "field/gauge/job.h"

typedef struct {
  size_t n, L, matrix, algebra;
  vec *H, *dH;          /* (L+1,matrix) */
  vec *X, *S;           /* (L,n^2) what goes in and comes out */
  vec *dX, *dS;         /* (L,n^2) cotangents */
  vec *Y, *E;           /* (2L-1,n^2) */
  vec *sum, *moment;    /* (2L,n^2) running sums */
} line;

/* From the job's memory for lines; without a base, how many vecs. */
static size_t line_take(line *l, size_t n, size_t matrix, size_t algebra, size_t L, bool reverse,
                        vec *base) {
  const struct {
    vec **at;
    size_t count;
    bool forward;
  } parts[] = {{&l->H, (L + 1) * matrix, true},   {&l->X, L * algebra, true},
               {&l->S, L * algebra, true},        {&l->Y, 2 * L * algebra, true},
               {&l->sum, 2 * L * algebra, true},  {&l->moment, 2 * L * algebra, true},
               {&l->dH, (L + 1) * matrix, false}, {&l->dX, L * algebra, false},
               {&l->dS, L * algebra, false},      {&l->E, 2 * L * algebra, false}};
  size_t used = 0;
  *l = (line){.n = n, .L = L, .matrix = matrix, .algebra = algebra};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (!parts[i].forward && !reverse)
      continue;
    *parts[i].at = base ? base + used : NULL;
    used += parts[i].count;
  }
  return used;
}

INLINE size_t line_size(const line *l) { return ENF__N ? ENF__N : l->n; }
INLINE size_t half_of(const line *l) { return l->L / 2; }

/* ---- running sums ---------------------------------------------------------------------------- */

/* sum_k = the first k of E, moment_k = of (first + i) E_i. */
static void run_sums(const line *l, size_t count, double first, const vec *E) {
  vecs_clear(l->algebra, l->sum);
  vecs_clear(l->algebra, l->moment);
  for (size_t k = 0; k < count; k++) {
    const vec m = vec_set(first + (double)k);
    for (size_t i = k * l->algebra; i < (k + 1) * l->algebra; i++) {
      l->sum[i + l->algebra] = l->sum[i] + E[i];
      l->moment[i + l->algebra] = vec_fma(m, E[i], l->moment[i]);
    }
  }
}

/* out = ( (sums from b to c) - (from a to b) )/2 times sign - slope ( moments - at sums )/L from a to
   c. */
static void window(const line *l, size_t a, size_t b, size_t c, double sign, double at, vec *out) {
  const vec half = vec_set(0.5 * sign), slope = vec_set(sign / (double)l->L), place = vec_set(at);
  const vec *sum = l->sum, *moment = l->moment;
  for (size_t i = 0; i < l->algebra; i++) {
    const vec low = sum[a * l->algebra + i], middle = sum[b * l->algebra + i];
    const vec high = sum[c * l->algebra + i];
    const vec change = moment[c * l->algebra + i] - moment[a * l->algebra + i];
    out[i] = half * (high - vec_set(2) * middle + low) - slope * (change - place * (high - low));
  }
}

/* ---- there ----------------------------------------------------------------------------------- */

/* H_{k+1} = H_k u_k. */
static void line_extend(const line *l, size_t k, const vec *u) {
  if (line_size(l) == 1)
    return;
  if (k == 0)
    identity(line_size(l), l->H);
  product(line_size(l), l->H + k * l->matrix, u, l->H + (k + 1) * l->matrix);
}

/* Y_m at m + h, from m = -h to L + c - 2, and their sums. */
static void find_frame(const line *l, const vec *X) {
  const size_t n = line_size(l), L = l->L, h = half_of(l), c = L - h, A = l->algebra;
  const vec *W = l->H + L * l->matrix;
  for (size_t m = 0; m < L; m++) {
    vec *y = l->Y + (m + h) * A;
    carry(n, l->H + m * l->matrix, X + m * A, y);
    if (m + 1 < c)
      carry(n, W, y, y + L * A);
    else if (m >= c)
      carry_back(n, W, y, y - L * A);
  }
  run_sums(l, 2 * L - 1, -(double)h, l->Y);
}

/* Z_k, from the sums. */
static void find_window(const line *l, size_t k, vec *Z) {
  window(l, k, k + half_of(l), k + l->L, 1, (double)k - 0.5, Z);
}

static void ramp(const line *l, const vec *X, vec *S) {
  vec Z[ALGEBRA];
  find_frame(l, X);
  for (size_t k = 0; k < l->L; k++) {
    find_window(l, k, Z);
    carry_back(line_size(l), l->H + k * l->matrix, Z, S + k * l->algebra);
  }
}

/* ---- reverse --------------------------------------------------------------------------------- */

static size_t clamped(size_t above, size_t below, size_t L) {
  return above < below ? 0 : above - below < L ? above - below : L;
}

/* dE_m at m + h from dZ: the sums run over k with m - k in the window. */
static void pull_windows(const line *l, const vec *dZ) {
  const size_t L = l->L, h = half_of(l), c = L - h;
  run_sums(l, L, 0, dZ);
  for (size_t p = 0; p + 1 < 2 * L; p++) /* m = p - h */
    window(l, clamped(p + 1, h + c, L), clamped(p + 1, h, L), clamped(p + 1, 0, L), -1,
           (double)p - (double)h + 0.5, l->E + p * l->algebra);
}

/* dX from dS of the ramp of X, and dH where links want their cotangents. */
static void ramp_pull(const line *l, const vec *X, const vec *dS, bool links, vec *dX) {
  const size_t n = line_size(l), L = l->L, h = half_of(l), c = L - h, A = l->algebra;
  const vec *W = l->H + L * l->matrix;
  vec *dW = links ? l->dH + L * l->matrix : NULL, t[ALGEBRA], Z[ALGEBRA];
  if (links)
    find_frame(l, X);
  for (size_t k = 0; k < L; k++) {
    const vec *H = l->H + k * l->matrix;
    carry(n, H, dS + k * A, dX + k * A); /* dZ */
    if (!links)
      continue;
    find_window(l, k, Z);
    pull_link(n, Z, H, dS + k * A, l->dH + k * l->matrix);
  }
  pull_windows(l, dX);
  for (size_t m = 0; m < L; m++) {
    const vec *H = l->H + m * l->matrix;
    vec *dY = l->E + (m + h) * A;
    if (m + 1 < c) {
      carry_back(n, W, dY + L * A, t);
      if (links)
        pull_link(n, dY + L * A, W, l->Y + (m + h) * A, dW);
    } else if (m >= c) {
      carry(n, W, dY - L * A, t);
      if (links)
        pull_link(n, l->Y + (m + h) * A, W, dY - L * A, dW);
    } else {
      vecs_clear(A, t);
    }
    vecs_add(A, 1, t, dY);
    carry_back(n, H, dY, dX + m * A);
    if (links)
      pull_link(n, dY, H, X + m * A, l->dH + m * l->matrix);
  }
}

/* dH_{k+1} -> du += H_k^+ dH_{k+1}, dH_k += dH_{k+1} u_k^+; from the last link down. */
static void line_shorten(const line *l, size_t k, const vec *u, vec *du) {
  const size_t n = line_size(l);
  vec t[MATRIX];
  if (n == 1)
    return;
  adjoint_product(n, l->H + k * l->matrix, l->dH + (k + 1) * l->matrix, t);
  vecs_add(l->matrix, 1, t, du);
  product_adjoint(n, l->dH + (k + 1) * l->matrix, u, t);
  vecs_add(l->matrix, 1, t, l->dH + k * l->matrix);
}

#endif
