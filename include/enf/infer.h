/* enf/infer.h -- from samples and densities to averages and free energies. */
#ifndef ENF_INFER_H
#define ENF_INFER_H

#include <enf/context.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* The quality of a set of importance weights w = exp(-u - log q). Grows at the end only. */
typedef struct {
  size_t struct_size;
  double ess;           /* Kish: (sum w)^2 / (n sum w^2), in [0,1] */
  double log_z;         /* log mean w: log of the integral of exp(-u) on the mean-free subspace */
  double log_z_err;     /* standard error, by bootstrap with a fixed seed; +infinity if n is 1 or so
                           few weights are above 0 that a resample may hold none */
  double max_weight;    /* largest weight's share of the sum */
  double ess_clipped;   /* ess with the largest clipped_share of the weights cut to the next one */
  double clipped_share; /* share of weights clipped for ess_clipped: n/1000 of n, at least one */
  uint64_t n, n_nonfinite;
} enf_weights;

#define ENF_WEIGHTS_INIT {sizeof(enf_weights), 0, 0, 0, 0, 0, 0, 0, 0}

/**
 * enf_reweight: importance weights of flow samples for the target exp(-u).
 *
 * In:   logp  (n) log-density of the samples (enf_sample)
 *       u     (n) reduced energies
 * Out:  logw  (n) log of the normalised weights, sum exp(logw) = 1; may be NULL
 *       out   begins with its struct_size (ENF_WEIGHTS_INIT)
 * u = +inf is weight 0, counted in n; NaN anywhere, u = -inf or logp = +-inf is weight 0, counted
 * in n and n_nonfinite. Small n overestimates ess. Cost: O(n log n) and a bootstrap of O(n).
 * Statuses: ARG (n = 0 too), NONFINITE (all weights 0: log_z = -inf, ess 0), NOMEM.
 * Source: Noe et al. 2019, Science 365, eaaw1147. Since 0.1.
 */
enf_status enf_reweight(enf_ctx *ctx, size_t n, const double *logp, const double *u, double *logw,
                        enf_weights *out);

/**
 * enf_histogram: weighted counts of values in `bins` equal bins of [lowest, highest].
 *
 * In:   values (n); weights (n) or NULL for 1 each. Values outside, and NaN, are not counted.
 * Out:  counts (bins), the sum of weights in each bin
 * Statuses: ARG, RANGE (bins = 0, lowest >= highest or not finite). Since 0.1.
 */
enf_status enf_histogram(enf_ctx *ctx, size_t n, const double *values, const double *weights,
                         double lowest, double highest, size_t bins, double *counts);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
