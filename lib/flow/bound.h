/* bound.h -- what the calls on batches ask of a flow at one size (sized.h). */
#ifndef ENF__BOUND_H
#define ENF__BOUND_H

#include "flow/dequantiser.h"

/* The bound on log p(x,kinds,N) of n molecules of the size that `flow` is seen at, and the Monte
   Carlo error of each (NaN for one draw), err NULL: not wanted. kind (n,N), x (n,N,D). With
   k = dequant.samples it is log of the mean over k draws of p(x,v) / q(v|x,kinds), plus log p(N);
   the draws are keyed by seed and the molecule. UNSUPPORTED without a dequantiser; a failed
   molecule's is NaN, as in enf_log_prob. context (n,G) of a flow that is given it. */
enf_status enf__log_prob_kinds(enf_ctx *ctx, const enf_flow *flow, size_t n, const int32_t *kind,
                               const double *x, const double *context, uint64_t seed, double *logp,
                               double *err);

/* enf_sample for the samples of the stream with these numbers (n), of a flow seen at their size, given
   context (n,G), NULL where there is none. */
enf_status enf__sample_numbers(enf_ctx *ctx, const enf_flow *flow, uint64_t seed, size_t n,
                               const uint64_t *number, const double *context, double *x,
                               double *logp);

#endif
