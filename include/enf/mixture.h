/* enf/mixture.h -- mixtures of flows: G(x) = sum_c rho_c g_c(x), a flow like any other. */
#ifndef ENF_MIXTURE_H
#define ENF_MIXTURE_H

#include <enf/flow.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/**
 * enf_mixture_create: a flow that is a mixture of others.
 *
 * It can be scored, sampled, differentiated, saved, loaded, copied and trained (train.objective
 * likelihood or energy) as any flow: sample k of a stream is sample k of the part that a uniform
 * number of its own chooses. What asks for one path or one prior (enf_transport, enf_velocity,
 * enf_path_lengths, enf_prior_sample, enf_prior_log_prob, enf_prior_fit) is UNSUPPORTED. Tensors
 * are "mixture.log_weights" and those of part C under "part.C."; free text is that of the first
 * part. In:   count    1 to 64 parts    (count), copied: of one space, particles, dimensions,
 * species, model.reflections and model.temperature; of any maps, priors and scales, which are fixed from now on; none a mixture weights
 * (count) above 0, of any sum; NULL: equal. None is below 1e-6 of the sum. Out:  mix      NULL on
 * failure; the caller destroys it Statuses: ARG, RANGE (count, weights), SHAPE (parts that differ),
 * UNSUPPORTED (a part that is a mixture), NOMEM. Source: Giaquinto, Banerjee 2020,
 * arXiv:2002.11896. Since 0.1.
 */
enf_status enf_mixture_create(enf_ctx *ctx, enf_flow **mix, size_t count,
                              const enf_flow *const *parts, const double *weights);

/**
 * enf_mixture_get: part number `index`, from 0, and its weight; walk it until RANGE.
 *
 * Out:  part    borrowed: it lives and changes with the mixture; NULL: not wanted
 *       weight  the weights add up to 1; NULL: not wanted
 * A flow that is no mixture has no parts. Statuses: ARG, RANGE. Since 0.1.
 */
enf_status enf_mixture_get(const enf_flow *mix, size_t index, const enf_flow **part,
                           double *weight);

/**
 * enf_mixture_set_weights: other weights, as enf_mixture_create takes them.
 *
 * Threads: needs the mixture for itself. Statuses: ARG, RANGE, SHAPE (count is not that of the
 * parts), UNSUPPORTED (mix is no mixture). Since 0.1.
 */
enf_status enf_mixture_set_weights(enf_ctx *ctx, enf_flow *mix, size_t count,
                                   const double *weights);

/**
 * enf_mixture_fit: the weights of greatest likelihood, by expectation and maximisation.
 *
 *   r_ic = rho_c g_c(x_i)/G(x_i),   rho_c <- sum_i w_i r_ic / sum_i w_i, not below 1e-6
 *
 * The likelihood is concave in the weights and never falls on the way. Parts are not changed.
 * With energies alone: samples of all parts, equal numbers of each, and log w = -u - log q, q their
 * equal mixture.
 * In:   x           (n,N,D) data, or samples
 *       logw        (n) logarithms of weights w_i of the rows; NULL: all alike. -infinity: left out
 *       iterations  50 are plenty for most
 * Out:  mean_logp   weighted mean of log G after the last; NULL: not wanted
 * Threads: needs the mixture for itself. Cost: one density of every part per row; the context keeps
 * n count doubles meanwhile.
 * Statuses: ARG, UNSUPPORTED, NONFINITE, those of enf_log_prob (a row that no part can score),
 * NOMEM; then nothing is changed. Since 0.1.
 */
enf_status enf_mixture_fit(enf_ctx *ctx, enf_flow *mix, size_t n, const double *x,
                           const double *logw, size_t iterations, double *mean_logp);

/**
 * enf_mixture_responsibilities: the share that every part has in the density of a configuration.
 *
 * In:   x  (n,N,D)
 * Out:  r  (n,count), every row adds up to 1
 * Threads: mix may be shared; ctx not. Statuses: those of enf_log_prob, UNSUPPORTED. Since 0.1.
 */
enf_status enf_mixture_responsibilities(enf_ctx *ctx, const enf_flow *mix, size_t n,
                                        const double *x, double *r);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
