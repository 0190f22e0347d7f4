/* regression.c -- normal equations with a ridge, by Cholesky's factor (regression.h). Sums run in
   one fixed order: by LANES numbers side by side, then over those. */
#include "train/regression.h"
#include "math/cholesky.h"
#include <math.h>

enum { LANES = 8 };

enf__regression enf__regression_take(size_t n, size_t E, enf__arena *arena) {
  return (enf__regression){.n = n,
                           .E = E,
                           .m = ENF__TAKE(arena, double, E *n),
                           .w = ENF__TAKE(arena, double, n),
                           .matrix = ENF__TAKE(arena, double, E *E),
                           .norm = ENF__TAKE(arena, double, E),
                           .rest = ENF__TAKE(arena, double, n),
                           .counts = ENF__TAKE(arena, bool, n)};
}

static double dot(size_t n, const double *a, const double *b) {
  double lane[LANES] = {0}, sum = 0;
  size_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (size_t l = 0; l < LANES; l++)
      lane[l] += a[i + l] * b[i + l];
  for (; i < n; i++)
    sum += a[i] * b[i];
  for (size_t l = 0; l < LANES; l++)
    sum += lane[l];
  return sum;
}

/* v (n) less its mean over the rows that count, and 0 in the others. */
static void centre(const enf__regression *r, double *v) {
  double sum = 0, count = 0;
  for (size_t i = 0; i < r->n; i++)
    if (r->counts[i]) {
      sum += v[i];
      count++;
    }
  for (size_t i = 0; i < r->n; i++)
    v[i] = r->counts[i] ? v[i] - sum / count : 0;
}

static enf_status centre_column(void *user, size_t e, enf__arena *arena) {
  const enf__regression *r = user;
  double *column = r->m + e * r->n;
  (void)arena;
  centre(r, column);
  r->norm[e] = sqrt(dot(r->n, column, column));
  return isfinite(r->norm[e]) ? ENF_OK : ENF_ERR_NONFINITE;
}

static enf_status fill_row(void *user, size_t e, enf__arena *arena) {
  const enf__regression *r = user;
  (void)arena;
  for (size_t f = 0; f <= e; f++) {
    const double scale = r->norm[e] * r->norm[f];
    r->matrix[e * r->E + f] =
        scale > 0 ? dot(r->n, r->m + e * r->n, r->m + f * r->n) / scale : 0;
  }
  return ENF_OK;
}

/* The factor of the correlation matrix with the ridge, ten times as large until there is one. */
static enf_status factor(enf_ctx *ctx, enf__regression *r, double ridge) {
  for (ridge = fmax(ridge, 1e-14); ridge < 1e3; ridge *= 10) {
    const enf_status status = enf__parallel_for(ctx, r->E, fill_row, r, 0, 0);
    if (status != ENF_OK)
      return status;
    for (size_t e = 0; e < r->E; e++)
      r->matrix[e * r->E + e] += ridge;
    if (enf__cholesky(r->E, 0, r->matrix))
      return ENF_OK;
  }
  return ENF_ERR_NONFINITE;
}

static double variance_left(const enf__regression *r, const double *c) {
  double *rest = r->rest;
  const double before = dot(r->n, r->w, r->w);
  for (size_t i = 0; i < r->n; i++)
    rest[i] = r->w[i];
  for (size_t e = 0; e < r->E; e++)
    for (size_t i = 0; i < r->n; i++)
      rest[i] += c[e] * r->m[e * r->n + i];
  return before > 0 ? dot(r->n, rest, rest) / before : 0;
}

enf_status enf__regression_solve(enf_ctx *ctx, enf__regression *r, double ridge, double *c,
                                 double *left) {
  enf_status status;
  size_t count = 0;
  for (size_t i = 0; i < r->n; i++) {
    r->counts[i] = isfinite(r->w[i]);
    count += r->counts[i];
  }
  if (count < 2)
    return ENF_ERR_NONFINITE;
  centre(r, r->w);
  TRY(enf__parallel_for(ctx, r->E, centre_column, r, 0, 0));
  TRY(factor(ctx, r, ridge));
  for (size_t e = 0; e < r->E; e++)
    c[e] = r->norm[e] > 0 ? -dot(r->n, r->m + e * r->n, r->w) / r->norm[e] : 0;
  enf__cholesky_solve(r->E, r->matrix, c);
  for (size_t e = 0; e < r->E; e++)
    c[e] = r->norm[e] > 0 ? c[e] / r->norm[e] : 0;
  *left = variance_left(r, c);
out:
  return status;
}
