/* histogram.c -- weighted counts in equal bins.

   Bin k of B holds lowest + k w <= value < lowest + (k+1) w with w = (highest - lowest) / B; the
   last one holds `highest` too. */
#include "core/core.h"
#include <enf/infer.h>
#include <math.h>
#include <string.h>

static enf_status check(enf_ctx *ctx, size_t n, const double *values, double lowest, double highest,
                        size_t bins, const double *counts) {
  if ((n > 0 && !values) || !counts)
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", counts ? "values" : "counts");
  if (bins == 0)
    return enf__fail(ctx, ENF_ERR_RANGE, "bins is 0: a histogram needs one or more");
  if (!(lowest < highest) || !isfinite(highest - lowest))
    return enf__fail(ctx, ENF_ERR_RANGE, "the bins cannot reach from %g to %g", lowest, highest);
  return ENF_OK;
}

enf_status enf_histogram(enf_ctx *ctx, size_t n, const double *values, const double *weights,
                         double lowest, double highest, size_t bins, double *counts) {
  ENF__ENTRY;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  TRY(check(ctx, n, values, lowest, highest, bins, counts));
  memset(counts, 0, bins * sizeof *counts);
  for (size_t i = 0; i < n; i++) {
    if (!(values[i] >= lowest && values[i] <= highest))
      continue;
    const size_t bin = (size_t)((values[i] - lowest) / (highest - lowest) * (double)bins);
    counts[bin < bins ? bin : bins - 1] += weights ? weights[i] : 1;
  }
out:
  return status;
}
