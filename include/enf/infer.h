/* enf/infer.h -- from samples and densities to averages, log Z, and distances of distributions. */
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
  double ess_err, ess_clipped_err; /* standard errors, as log_z_err; they cannot tell of weights
                                      that n samples do not show yet: */
  double khat;         /* shape of the Pareto tail of the weights: above 0.7 averages and errors are
                          not to be trusted, weights that decide may not have been seen; +infinity
                          if too few or too different to tell, -infinity if the largest are equal */
  double ess_smoothed; /* ess with the largest n_tail weights smoothed (enf_weights_smooth) */
  uint64_t n_tail;     /* min(n/5, 3 sqrt n), rounded up, of the weights above 0 */
} enf_weights;

#define ENF_WEIGHTS_INIT {sizeof(enf_weights), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

/**
 * enf_reweight: importance weights of flow samples for the target exp(-u).
 *
 * In:   logp  (n) log-density of the samples (enf_sample)
 *       u     (n) reduced energies
 * Out:  logw  (n) log of the normalised weights, sum exp(logw) = 1; may be NULL
 *       out   begins with its struct_size (ENF_WEIGHTS_INIT)
 * u = +inf is weight 0, counted in n; NaN anywhere, u = -inf or logp = +-inf is weight 0, counted
 * in n and n_nonfinite. So where enf_sample has the status of a sample's failure (enf_sample_status),
 * its arrays can be given as they are: the failed samples, NaN, weigh nothing. Small n overestimates
 * ess. Cost: O(n).
 * Statuses: ARG (n = 0 too), NONFINITE (all weights 0: log_z = -inf, ess 0), NOMEM.
 * Source: Noe et al. 2019, Science 365, eaaw1147. Since 0.1.
 */
enf_status enf_reweight(enf_ctx *ctx, size_t n, const double *logp, const double *u, double *logw,
                        enf_weights *out);

/**
 * enf_weights_smooth: log-weights with their tail smoothed, for averages of less noise.
 *
 * The largest min(n/5, 3 sqrt n) weights become the expected order statistics of the generalised
 * Pareto distribution fitted to them, none of them above the largest. Averages with the result
 * (enf_average) have a little bias and less noise; khat says whether to trust either: below 0.5
 * weights have a variance, up to 0.7 averages still converge at a useful rate, above they do not,
 * and above 1 the weights have not even a mean.
 * In:   logw      (n) log of the weights (enf_reweight), normalised or not
 * Out:  smoothed  (n), normalised, sum exp(smoothed) = 1; may be logw itself. The weights as they
 *                 were, normalised, where khat is infinite
 *       khat      as in enf_weights; may be NULL
 * Cost: O(n).
 * Statuses: ARG (n = 0 too), NONFINITE (all weights 0; one is NaN or +infinity), NOMEM.
 * Source: Vehtari et al. 2024, J. Mach. Learn. Res. 25, 72, arXiv:1507.02646; Zhang and Stephens
 * 2009, Technometrics 51, 316. Since 0.1.
 */
enf_status enf_weights_smooth(enf_ctx *ctx, size_t n, const double *logw, double *smoothed,
                              double *khat);

/**
 * enf_metropolis: independence Metropolis over flow samples, a chain whose stationary density is
 * exp(-u)/Z.
 *
 * At sample i the chain moves there with probability min(1, w_i / w_c), w = exp(-u - log q), and
 * otherwise stays at c. Configurations state[0], state[1], ... all have weight 1: what a program
 * that knows no weights can use. They repeat, where importance weights lose nothing; the start is a
 * flow sample, so drop the first few autocorrelation times.
 * In:   seed      of the random numbers; `first` is the number of logp[0], u[0] in their stream
 *       logp      (n) log-density of the samples (enf_sample)
 *       u         (n) reduced energies; the weights' rules are those of enf_reweight
 * Out:  state     (n) index (0 ... n-1) of the sample the chain is at after each proposal. Before
 *                 the first sample of weight above 0 the chain has not begun: these hold its index
 *       accepted  moves made, at most n - 1; may be NULL
 * The chain begins anew in every call; enf_chain_advance goes on with one.
 * Cost: O(n).
 * Statuses: ARG (n = 0 too), NONFINITE (all weights 0).
 * Source: Hastings 1970, Biometrika 57, 97; Tierney 1994, Ann. Statist. 22, 1701. Since 0.1.
 */
enf_status enf_metropolis(enf_ctx *ctx, uint64_t seed, uint64_t first, size_t n, const double *logp,
                          const double *u, size_t *state, uint64_t *accepted);

/* A chain of independence Metropolis between two calls. Grows at the end only. */
typedef struct {
  size_t struct_size;
  uint64_t next;     /* number of the next proposal; so many have been used, if it began with 0 */
  uint64_t state;    /* number of the proposal that the chain is at */
  uint64_t accepted; /* proposals taken so far, the first state among them; 0: it has not begun */
  double u, logp;    /* of the state */
} enf_chain;

#define ENF_CHAIN_INIT {sizeof(enf_chain), 0, 0, 0, 0, 0}

/**
 * enf_chain_advance: the next n proposals of an independence Metropolis chain, which goes on from
 * call to call.
 *
 * The chain of enf_metropolis, and however its proposals are cut into calls, the same states to the
 * bit. A chain of samples number `first` and on of a stream begins with ENF_CHAIN_INIT and
 * next = first; it can be kept, as its numbers, and gone on with by another program.
 * In:     seed   of the random numbers, the same in all calls
 *         logp   (n) log-density of the proposals (enf_sample)
 *         u      (n) reduced energies; the weights' rules are those of enf_reweight
 * In/out: chain  begins with its struct_size (ENF_CHAIN_INIT)
 * Out:    state  (n) number of the proposal the chain is at after each; UINT64_MAX before the first
 *                proposal of weight above 0. Keep the configuration of chain->state: later states
 *                may be it still
 * Acceptance so far: (accepted - 1) of next - 1 moves, if the chain began with proposal 0.
 * Cost: O(n).
 * Statuses: ARG (n = 0 too), RANGE (next + n overflows), NONFINITE (chain->u or chain->logp are of
 * no state; or all weights are 0 and the chain has still not begun: its proposals are used then,
 * and it may go on).
 * Source: as enf_metropolis. Since 0.1.
 */
enf_status enf_chain_advance(enf_ctx *ctx, enf_chain *chain, uint64_t seed, size_t n,
                             const double *logp, const double *u, uint64_t *state);

/**
 * enf_bar: difference of free energy F_1 - F_0 = -log(Z_1/Z_0) by Bennett's acceptance ratio, from
 * samples of both densities exp(-u_0)/Z_0 and exp(-u_1)/Z_1.
 *
 * With a flow as density 0 (u_0 = -log q, Z_0 = 1) and equilibrium data as samples of density 1,
 * the result is -log Z: of all estimates from both sets the one with the least error.
 * In:   forward  (n_forward) u_1 - u_0 at samples of density 0; the flow: u + log q
 *       reverse  (n_reverse) u_0 - u_1 at samples of density 1; the data: -log q - u
 *                A work is +infinity where the other density is 0.
 * Out:  difference  F_1 - F_0 in units of kT
 *       err      its standard error if the samples are independent; enormous or +infinity without
 *                overlap; may be NULL
 * Cost: O(n), about 50 logarithms a sample and more the wider the works are spread.
 * Statuses: ARG (n_forward or n_reverse 0 too), NONFINITE (a work is NaN, -infinity or beyond
 * 1e300, or a direction has no finite one).
 * Source: Bennett 1976, J. Comput. Phys. 22, 245; error: Shirts et al. 2003, Phys. Rev. Lett. 91,
 * 140601. Since 0.1.
 */
enf_status enf_bar(enf_ctx *ctx, size_t n_forward, const double *forward, size_t n_reverse,
                   const double *reverse, double *difference, double *err);

/**
 * enf_bar_weights: weights for averages over samples of both densities of enf_bar together, as if
 * all of them were of density 1.
 *
 * So rows of the target and samples of a flow, each with the weight it deserves, give averages
 * (enf_average), free energies of states (enf_free_energy) and histograms from both sides: better
 * than either set alone, and where the flow is poor, not worse than the rows. Errors of those calls
 * are a little too large then, as how many samples are of which set is no accident.
 * In:   forward, reverse  as enf_bar
 *       difference        F_1 - F_0, enf_bar's
 * Out:  logw  (n_forward + n_reverse) log of the weights, sum exp(logw) = 1; first those of the
 *             forward works' samples
 * Cost: O(n).
 * Statuses: ARG, NONFINITE, as enf_bar.
 * Source: Shirts and Chodera 2008, J. Chem. Phys. 129, 124105, eq. 13. Since 0.1.
 */
enf_status enf_bar_weights(enf_ctx *ctx, size_t n_forward, const double *forward, size_t n_reverse,
                           const double *reverse, double difference, double *logw);

/**
 * enf_free_energy: difference of free energy F_1 - F_0 = -log(P_1/P_0) of two states of one system,
 * by the weights of the samples in them (a histogram of two bins).
 *
 * In:   logw   (n) log of the weights (enf_reweight), normalised or not; NULL: all alike
 *       state  (n) 0 or 1; what has another number is in neither
 * Out:  difference  in units of kT
 *       err    its standard error for independent samples (delta method); may be NULL
 * Example: the two minima of alanine dipeptide are state = 0 < phi && phi < 2. Samples of a flow
 * come in both hands (enf_sample), and a mirror image has -phi: take state = 0 < s phi && s phi < 2
 * with s = 1 where (N - CA) . ((C - CA) x (CB - CA)) has the sign that it has in the data, else -1.
 * Without s a difference of 3.96 kT comes out as 0.67 kT. Cost: O(n). Statuses: ARG (n = 0 too),
 * NONFINITE (a state has no weight, or a log weight is NaN or +infinity). Since 0.1.
 */
enf_status enf_free_energy(enf_ctx *ctx, size_t n, const double *logw, const int *state,
                           double *difference, double *err);

/**
 * enf_average: weighted means of m numbers over n samples, with their standard errors.
 *
 * The error is the jackknife's over samples (each left out in turn), so it knows of the weights:
 * where few of them decide it is larger than that of n independent samples, where one does, beyond
 * bounds. It is for independent samples, as those of a flow are; for chains give the means of
 * blocks of them, longer than the chain remembers. As every error from n samples it cannot tell of
 * weights that none of them shows: see khat of enf_weights.
 * In:   logw    (n) log of the weights (enf_reweight, enf_weights_smooth), normalised or not; NULL:
 *               all alike
 *       values  (n,m); those of a sample of weight 0 may be anything
 * Out:  mean    (m)
 *       err     (m), +infinity where only one sample has weight; may be NULL
 * Cost: O(n m), no memory.
 * Statuses: ARG (n = 0 or m = 0 too), NONFINITE (all weights 0; a log weight is NaN or +infinity; a
 * value of weight above 0 is not finite).
 * Source: Efron and Stein 1981, Ann. Statist. 9, 586. Since 0.1.
 */
enf_status enf_average(enf_ctx *ctx, size_t n, const double *logw, size_t m, const double *values,
                       double *mean, double *err);

/**
 * enf_histogram: weighted counts of values in `bins` equal bins of [lowest, highest].
 *
 * In:   values (n); weights (n) or NULL for 1 each. Values outside, and NaN, are not counted.
 * Out:  counts (bins), the sum of weights in each bin
 * Statuses: ARG, RANGE (bins = 0, lowest >= highest or not finite). Since 0.1.
 */
enf_status enf_histogram(enf_ctx *ctx, size_t n, const double *values, const double *weights,
                         double lowest, double highest, size_t bins, double *counts);

/**
 * enf_total_variation: total variation distance of two histograms on the same bins,
 * 1/2 sum |p - q| of the normalised counts.
 *
 * 0 if they agree, 1 if they have no bin in common; symmetric. It depends on the bins: finer ones
 * see more, and more of the noise, about sqrt(bins / (pi n)) for two sets of n independent samples.
 * What lies outside the bins is not seen unless bins of its own hold it.
 * In:   p, q      (bins) counts of enf_histogram, 0 or more; need not be normalised
 * Out:  distance  in [0,1]
 * Cost: O(bins).
 * Statuses: ARG, RANGE (a count is negative or not finite, or all are 0).
 * Source: Villani 2009, Optimal Transport, ch. 6. Since 0.1.
 */
enf_status enf_total_variation(enf_ctx *ctx, size_t bins, const double *p, const double *q,
                               double *distance);

/**
 * enf_wasserstein: exact Wasserstein-1 distance of two weighted samples of one number each, the
 * area between their distribution functions.
 *
 * The mean distance that probability must be moved to make one distribution the other, in the unit
 * of the values; symmetric; no bins. Two finite samples of one distribution are a little apart.
 * In:   a         (n_a) values, in any order; weight_a (n_a) or NULL for equal weights
 *       b         (n_b) and weight_b (n_b), likewise
 * Out:  distance  0 or more
 * Weights are 0 or more and need not be normalised; a value of weight 0 may be anything.
 * Cost: O(n log n) time and 48 bytes of the context's memory per value of the larger sample.
 * Statuses: ARG (no values), RANGE (a weight is negative or not finite, or all are 0), NONFINITE (a
 * value is not finite, or they lie too far apart), NOMEM.
 * Source: Vallender 1974, Theory Probab. Appl. 18, 784. Since 0.1.
 */
enf_status enf_wasserstein(enf_ctx *ctx, size_t n_a, const double *a, const double *weight_a,
                           size_t n_b, const double *b, const double *weight_b, double *distance);

/**
 * enf_pair_distances: all interatomic distances of configurations, for histograms.
 *
 * Invariant under rotations, reflections and translations; as a set, under permutations.
 * In:   N, D      particles, 2 or more, and dimensions, 1 or more
 *       x         (n,N,D)
 * Out:  distance  (n,N(N-1)/2), pairs in the order 01 02 ... 12 13 ..., in the unit of x; NaN or
 *                 infinity where a coordinate is
 * Cost: O(n N^2 D).
 * Statuses: ARG (NULL, sizes that overflow), SHAPE (N below 2 or D = 0). Since 0.1.
 */
enf_status enf_pair_distances(enf_ctx *ctx, size_t n, size_t N, size_t D, const double *x,
                              double *distance);

/**
 * enf_tail_index: how heavy the tail of positive values is, by Hill's estimator.
 *
 * P(value > r) ~ r^-index for large r: moments of order below index exist. With x_1 >= x_2 >= ...
 * the values in falling order and m = largest, 1/index = mean over i <= m of log x_i - log x_{m+1}.
 * Of configurations take lengths, such as |x| or the largest distance from the mean; try several m.
 * In:   value    (n), above 0
 *       largest  how many of the largest are used: 1 to n-1
 * Out:  index
 *       err      index/sqrt(largest), its standard error if the values are independent; NULL: not
 *                wanted
 * Cost: O(n), and a copy of value. Statuses: ARG, RANGE (largest is none of 1 to
 * n-1; a value is 0 or below; the largest values are equal), NONFINITE, NOMEM.
 * Source: Hill 1975, Ann. Statist. 3, 1163. Since 0.1.
 */
enf_status enf_tail_index(enf_ctx *ctx, size_t n, const double *value, size_t largest,
                          double *index, double *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
