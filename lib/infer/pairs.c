/* pairs.c -- interatomic distances |x_i - x_j|, i < j, of configurations.

   No cutoff and no periodic images. */
#include "core/core.h"
#include <enf/infer.h>
#include <math.h>

static enf_status check(enf_ctx *ctx, size_t n, size_t N, size_t D, const double *x,
                        const double *distance) {
  if (N < 2 || D < 1)
    return enf__fail(ctx, ENF_ERR_SHAPE,
                     "%zu particles in %zu dimensions have no distances: 2 and 1 at least", N, D);
  if (N > UINT32_MAX || n > SIZE_MAX / sizeof *x / N / (N > D ? N : D))
    return enf__fail(ctx, ENF_ERR_ARG,
                     "%zu configurations of %zu particles in %zu dimensions cannot exist", n, N, D);
  if (n > 0 && (!x || !distance))
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", x ? "distance" : "x");
  return ENF_OK;
}

static double distance_of(size_t D, const double *a, const double *b) {
  double sum = 0;
  for (size_t d = 0; d < D; d++)
    sum += (a[d] - b[d]) * (a[d] - b[d]);
  return sqrt(sum);
}

enf_status enf_pair_distances(enf_ctx *ctx, size_t n, size_t N, size_t D, const double *x,
                              double *distance) {
  ENF__ENTRY;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  TRY(check(ctx, n, N, D, x, distance));
  for (size_t k = 0; k < n; k++, x += N * D)
    for (size_t i = 0; i < N; i++)
      for (size_t j = i + 1; j < N; j++)
        *distance++ = distance_of(D, x + i * D, x + j * D);
out:
  return status;
}
