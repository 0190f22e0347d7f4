/* average.c -- weighted averages of the host's numbers over samples, with their errors.

     <f> = sum w_i f_i / sum w_i

   Its standard error is the jackknife's, which resamples by leaving out one sample at a time (Tukey
   1958; its expectation is not below the variance: Efron and Stein 1981, Ann. Statist. 9, 586). For
   a ratio of sums it has a closed form: without sample i, <f> is

     <f> - d_i,   d_i = w_i (f_i - <f>) / (sum w - w_i),        err^2 = (n-1)/n sum_i d_i^2.

   So it knows of the weights: with all of them small it is that of the delta method, with one that
   decides it grows beyond bounds. Weights are taken in units of the largest; sums run in the order
   of the samples. */
#include "core/core.h"
#include <enf/infer.h>
#include <math.h>

typedef struct {
  size_t n, m;
  const double *logw;   /* (n), or NULL: all alike */
  const double *values; /* (n,m) */
  size_t largest;       /* sample of the largest weight, which is 1 */
  double top;           /* its logarithm */
  double rest;          /* sum of all other weights */
} job;

static double log_weight(const job *j, size_t i) { return j->logw ? j->logw[i] : 0; }

static double weight(const job *j, size_t i) { return exp(log_weight(j, i) - j->top); }

static enf_status check(enf_ctx *ctx, const job *j, const double *mean) {
  if (j->n == 0 || j->m == 0)
    return enf__fail(ctx, ENF_ERR_ARG, "%s is 0: there is nothing to average", j->n ? "m" : "n");
  if (!j->values || !mean)
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", j->values ? "mean" : "values");
  return ENF_OK;
}

static enf_status add_weights(enf_ctx *ctx, job *j) {
  j->top = -INFINITY;
  for (size_t i = 0; i < j->n; i++) {
    const double value = log_weight(j, i);
    if (!(value < (double)INFINITY))
      return enf__fail(ctx, ENF_ERR_NONFINITE,
                       "logw[%zu] is %g: a log weight is a number or -infinity", i, value);
    if (value > j->top) {
      j->top = value;
      j->largest = i;
    }
  }
  if (j->top == -(double)INFINITY)
    return enf__fail(ctx, ENF_ERR_NONFINITE, "all %zu weights are 0", j->n);
  j->rest = 0;
  for (size_t i = 0; i < j->n; i++)
    j->rest += i == j->largest ? 0 : weight(j, i);
  return ENF_OK;
}

static enf_status find_means(enf_ctx *ctx, const job *j, double *mean) {
  for (size_t k = 0; k < j->m; k++)
    mean[k] = 0;
  for (size_t i = 0; i < j->n; i++) {
    const double share = weight(j, i) / (1 + j->rest), *f = j->values + i * j->m;
    for (size_t k = 0; share > 0 && k < j->m; k++) {
      if (!isfinite(f[k]))
        return enf__fail(ctx, ENF_ERR_NONFINITE, "value %zu of sample %zu is %g and has weight %g",
                         k, i, f[k], share);
      mean[k] += share * f[k];
    }
  }
  return ENF_OK;
}

/* w_i / (sum w - w_i) */
static double leverage(const job *j, size_t i) {
  const double w = weight(j, i);
  return i == j->largest ? w / j->rest : w / (j->rest + (1 - w));
}

static void find_errors(const job *j, const double *mean, double *err) {
  const double n = (double)j->n;
  for (size_t k = 0; k < j->m; k++)
    err[k] = 0;
  for (size_t i = 0; i < j->n; i++) {
    const double w = leverage(j, i), *f = j->values + i * j->m;
    for (size_t k = 0; w > 0 && k < j->m; k++)
      err[k] += w * (f[k] - mean[k]) * (w * (f[k] - mean[k]));
  }
  for (size_t k = 0; k < j->m; k++) /* of a single sample above 0 nothing is known */
    err[k] = j->rest > 0 ? sqrt((n - 1) / n * err[k]) : (double)INFINITY;
}

enf_status enf_average(enf_ctx *ctx, size_t n, const double *logw, size_t m, const double *values,
                       double *mean, double *err) {
  ENF__ENTRY;
  job j = {.n = n, .m = m, .logw = logw, .values = values};
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  TRY(check(ctx, &j, mean));
  TRY(add_weights(ctx, &j));
  TRY(find_means(ctx, &j, mean));
  if (err)
    find_errors(&j, mean, err);
out:
  return status;
}
