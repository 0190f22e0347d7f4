/* distance.c -- how far two distributions of one number are from each other.

     total variation   TV = 1/2 sum_k |p_k - q_k|        of histograms on common bins, in [0,1]
     Wasserstein-1     W1 = int |F(x) - G(x)| dx         F, G the weighted empirical distribution
                                                         functions; in the unit of the values

   (Villani, Optimal Transport, 2009, ch. 6; on the line W1 is the area between the distribution
   functions, Vallender 1974.) Both sets are sorted, with their weights, and the area is summed from
   the lowest value to the highest. The sort is a merge sort of our own: it needs no allocation but
   the context's arena, and equal values stay in order. */
#include "core/core.h"
#include <enf/infer.h>
#include <math.h>
#include <string.h>

/* ---- total variation ------------------------------------------------------------------------ */

static enf_status add_counts(enf_ctx *ctx, const char *name, size_t bins, const double *counts,
                             double *sum) {
  *sum = 0;
  for (size_t k = 0; k < bins; k++) {
    if (!(counts[k] >= 0) || isinf(counts[k]))
      return enf__fail(ctx, ENF_ERR_RANGE, "%s[%zu] is %g: counts are 0 or more, and finite", name,
                       k, counts[k]);
    *sum += counts[k];
  }
  if (!(*sum > 0) || isinf(*sum))
    return enf__fail(ctx, ENF_ERR_RANGE, "the counts in %s add up to %g: there is no distribution",
                     name, *sum);
  return ENF_OK;
}

enf_status enf_total_variation(enf_ctx *ctx, size_t bins, const double *p, const double *q,
                               double *distance) {
  ENF__ENTRY;
  double sum_p, sum_q, sum = 0;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  if (!p || !q || !distance)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", !p ? "p" : !q ? "q" : "distance"));
  TRY(add_counts(ctx, "p", bins, p, &sum_p));
  TRY(add_counts(ctx, "q", bins, q, &sum_q));
  for (size_t k = 0; k < bins; k++)
    sum += fabs(p[k] / sum_p - q[k] / sum_q);
  *distance = fmin(0.5 * sum, 1);
out:
  return status;
}

/* ---- Wasserstein ---------------------------------------------------------------------------- */

typedef struct {
  double value, weight;
} point;

typedef struct {
  const char *name, *weight_name;
  size_t n;
  const double *value, *weight; /* weight NULL: all alike */
  point *point;                 /* those of weight above 0, sorted */
  size_t points;
  double total; /* weight */
} set;

static enf_status gather(enf_ctx *ctx, set *s) {
  for (size_t i = 0; i < s->n; i++) {
    const double weight = s->weight ? s->weight[i] : 1;
    if (!(weight >= 0) || isinf(weight))
      return enf__fail(ctx, ENF_ERR_RANGE, "%s[%zu] is %g: weights are 0 or more, and finite",
                       s->weight_name, i, weight);
    if (weight == 0)
      continue;
    if (!isfinite(s->value[i]))
      return enf__fail(ctx, ENF_ERR_NONFINITE, "%s[%zu] is %g and has weight %g", s->name, i,
                       s->value[i], weight);
    s->point[s->points++] = (point){s->value[i], weight};
    s->total += weight;
  }
  if (s->points == 0 || isinf(s->total))
    return enf__fail(ctx, ENF_ERR_RANGE, "the weights %s add up to %g: there is no distribution",
                     s->weight_name, s->total);
  return ENF_OK;
}

/* Runs `from`[first,middle) and [middle,last), both sorted, into `to`. */
static void merge(const point *from, point *to, size_t first, size_t middle, size_t last) {
  size_t a = first, b = middle;
  for (size_t i = first; i < last; i++) {
    const bool left = b == last || (a < middle && from[a].value <= from[b].value);
    to[i] = left ? from[a++] : from[b++];
  }
}

static size_t lesser(size_t a, size_t b) { return a < b ? a : b; }

/* Bottom-up; the sorted points are in *a at the end. */
static void sort(size_t n, point **a, point **spare) {
  for (size_t run = 1; run < n; run *= 2) {
    for (size_t first = 0; first < n; first += 2 * run)
      merge(*a, *spare, first, lesser(first + run, n), lesser(first + 2 * run, n));
    point *sorted = *spare;
    *spare = *a;
    *a = sorted;
  }
}

/* The area between the two distribution functions. */
static double area(const set *a, const set *b) {
  size_t i = 0, j = 0;
  double sum = 0, F = 0, G = 0, last = fmin(a->point[0].value, b->point[0].value);
  while (i < a->points || j < b->points) {
    const bool first = j == b->points || (i < a->points && a->point[i].value <= b->point[j].value);
    const point *next = first ? &a->point[i++] : &b->point[j++];
    sum += fabs(F / a->total - G / b->total) * (next->value - last);
    last = next->value;
    *(first ? &F : &G) += next->weight;
  }
  return sum;
}

static enf_status check(enf_ctx *ctx, const set *s) {
  if (s->n == 0)
    return enf__fail(ctx, ENF_ERR_ARG, "%s holds no values", s->name);
  if (!s->value)
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", s->name);
  return ENF_OK;
}

/* Room for three times the larger set: sorting exchanges the buffers. */
static void lay_out(set s[2], point **spare, enf__arena *arena) {
  const size_t most = s[0].n > s[1].n ? s[0].n : s[1].n;
  s[0].point = ENF__TAKE(arena, point, most);
  s[1].point = ENF__TAKE(arena, point, most);
  *spare = ENF__TAKE(arena, point, most);
}

enf_status enf_wasserstein(enf_ctx *ctx, size_t n_a, const double *a, const double *weight_a,
                           size_t n_b, const double *b, const double *weight_b, double *distance) {
  ENF__ENTRY;
  set s[2] = {{.name = "a", .weight_name = "weight_a", .n = n_a, .value = a, .weight = weight_a},
              {.name = "b", .weight_name = "weight_b", .n = n_b, .value = b, .weight = weight_b}};
  enf__arena count = {0};
  point *spare;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  TRY(check(ctx, &s[0]));
  TRY(check(ctx, &s[1]));
  if (!distance)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "distance is NULL"));
  lay_out(s, &spare, &count);
  TRY(enf__reserve(ctx, count.used, 0));
  lay_out(s, &spare, &ctx->arena);
  for (int k = 0; k < 2; k++) {
    TRY(gather(ctx, &s[k]));
    sort(s[k].points, &s[k].point, &spare);
  }
  *distance = area(&s[0], &s[1]);
  if (!isfinite(*distance))
    TRY(enf__fail(ctx, ENF_ERR_NONFINITE, "the values of a and b lie too far apart for a double"));
out:
  return status;
}
