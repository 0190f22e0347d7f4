/* tail_index.c -- enf_tail_index: Hill's estimator (1975, Ann. Statist. 3, 1163).

     1/index = mean over the m largest of log x_i - log x_{m+1} */
#include "infer/tail.h"
#include <enf/infer.h>
#include <math.h>
#include <string.h>

static enf_status check(enf_ctx *ctx, size_t n, const double *value, size_t largest,
                        const double *index) {
  if (!value || !index)
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", value ? "index" : "value");
  if (largest == 0 || largest >= n)
    return enf__fail(ctx, ENF_ERR_RANGE, "largest is %zu: of %zu values 1 to %zu can be used",
                     largest, n, n ? n - 1 : 0);
  for (size_t i = 0; i < n; i++)
    if (!(value[i] > 0 && isfinite(value[i])))
      return enf__fail(ctx, isfinite(value[i]) ? ENF_ERR_RANGE : ENF_ERR_NONFINITE,
                       "value %zu is %g: a tail is one of finite values above 0", i, value[i]);
  return ENF_OK;
}

enf_status enf_tail_index(enf_ctx *ctx, size_t n, const double *value, size_t largest,
                          double *index, double *err) {
  ENF__ENTRY;
  double *ordered = NULL, sum = 0;
  enf_status status;
  TRY(enf__enter(ctx));
  TRY(check(ctx, n, value, largest, index));
  ordered = enf__alloc_array(&ctx->alloc, n, sizeof *ordered);
  if (!ordered)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a copy of %zu values", n));
  memcpy(ordered, value, n * sizeof *ordered);
  const double edge = enf__select_largest(n, ordered, largest);
  for (size_t i = 0; i < largest; i++)
    sum += log(ordered[i] / edge);
  if (!(sum > 0))
    TRY(enf__fail(ctx, ENF_ERR_RANGE, "the largest %zu values are all %g: they have no tail",
                  largest, edge));
  *index = (double)largest / sum;
  if (err)
    *err = *index / sqrt((double)largest);
out:
  enf__free(&ctx->alloc, ordered);
  return status;
}
