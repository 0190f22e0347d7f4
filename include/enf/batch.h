/* enf/batch.h -- configurations of any size, with kinds or features. */
#ifndef ENF_BATCH_H
#define ENF_BATCH_H

#include <enf/train.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Configurations, each with a number of particles of its own. One thread at a time while it
   changes; a const batch may be shared. */
typedef struct enf_batch enf_batch;

/**
 * enf_batch_create: an empty batch.
 *
 * In:   dimensions  2 or 3, of all its configurations
 * Out:  batch  NULL on failure; the caller destroys it. It may outlive ctx.
 * Statuses: ARG, RANGE (dimensions), NOMEM. Since 0.1.
 */
enf_status enf_batch_create(enf_ctx *ctx, enf_batch **batch, size_t dimensions);

/**
 * enf_batch_append: one more configuration, copied, at the end.
 *
 * In:   N         its particles, 1 or more
 *       kinds     (N), 0 or more: with a flow that has model.elements, places in that list; with
 *                 model.species, its numbers; without a flow, atomic numbers. NULL: none
 *       F         features of a particle; 0 for none
 *       features  (N,F); without kinds the continuous state itself. NULL for F = 0
 *       x         (N,D)
 * Numbers are finite, or x is NaN throughout: a sample that failed, which calls pass on as such.
 * Statuses: ARG, SHAPE (N = 0), RANGE (a kind below 0), NONFINITE, NOMEM; then the batch is as it
 * was. Since 0.1.
 */
enf_status enf_batch_append(enf_ctx *ctx, enf_batch *batch, size_t N, const int32_t *kinds,
                            size_t F, const double *features, const double *x);

/** enf_batch_count, enf_batch_particles, enf_batch_dimensions: configurations, their particles
 * together, D; 0 for what is no batch. Since 0.1.
 */
size_t enf_batch_count(const enf_batch *batch);
size_t enf_batch_particles(const enf_batch *batch);
size_t enf_batch_dimensions(const enf_batch *batch);

/**
 * enf_batch_get: configuration `index`, from 0.
 *
 * Out:  N, kinds, F, features, x  as they were appended, NULL where there are none; borrowed until
 *                                 the batch changes. Each may be NULL if not wanted.
 * Statuses: ARG, RANGE (index). Since 0.1.
 */
enf_status enf_batch_get(const enf_batch *batch, size_t index, size_t *N, const int32_t **kinds,
                         size_t *F, const double **features, const double **x);

/**
 * enf_batch_set_context: the numbers that a conditional flow is given with configurations first ...
 * first+n-1: a property, a temperature.
 *
 * In:   G       numbers of a configuration, as many as model.context; alike in a batch
 *       values  (n,G), finite
 * Statuses: ARG, RANGE (first+n), SHAPE (G is 0, or not that of the batch's others), NONFINITE,
 * NOMEM; then the batch is as it was. Since 0.1.
 */
enf_status enf_batch_set_context(enf_ctx *ctx, enf_batch *batch, size_t first, size_t n, size_t G,
                                 const double *values);

/**
 * enf_batch_context: the context of configuration `index`.
 *
 * Out:  G, values  (G), borrowed until the batch changes; 0 and NULL where none is set. Each may be
 *                  NULL if not wanted.
 * Statuses: ARG, RANGE (index). Since 0.1.
 */
enf_status enf_batch_context(const enf_batch *batch, size_t index, size_t *G,
                             const double **values);

/**
 * enf_batch_read: all configurations of a file, of as many sizes as it has.
 *
 * Extended XYZ (.xyz, .extxyz), columns as enf_array_read finds them, or a set of .npy files, by
 * their common beginning: PATH_n_atoms.npy (M) whole numbers, PATH_numbers.npy (sum N) atomic
 * numbers and PATH_positions.npy (sum N, 3 or 2) floats, the molecules one after the other.
 * Nothing is skipped. The file is read in pieces: memory is that of the batch.
 *
 * In:   flow  labels become kinds as enf_batch_append has them; a flow whose particles are all
 *             alike takes none; NULL: kinds are atomic numbers. Of two dimensions z must be 0.
 * Out:  batch  NULL on failure; the caller destroys it
 * Statuses: ARG, IO, FORMAT (with line or number of the configuration), RANGE (an element that the
 * flow does not have), SHAPE (z that is not 0), UNSUPPORTED (neither name; a repeated cell, which
 * may have cut a molecule), NOMEM. Since 0.1.
 */
enf_status enf_batch_read(enf_ctx *ctx, enf_batch **batch, const enf_flow *flow, const char *path);

/* A file of configurations that is read in pieces. */
typedef struct enf_batch_reader enf_batch_reader;

/**
 * enf_batch_reader_open, enf_batch_reader_next, enf_batch_reader_close: a file of any length, some
 * configurations at a time, as enf_batch_read has them.
 *
 * next empties the batch, which has the reader's dimensions (3, or the flow's), and reads at most
 * `most`; none are left when it has none. After a failure the reader can only be closed.
 * In:   flow  as enf_batch_read; it need not outlive the call
 * Out:  reader  NULL on failure; closed by the caller, NULL is fine. It may outlive ctx.
 * Cost: memory is 1 MB, 3 for a set, and the batch. Threads: reader and batch not shared.
 * Statuses: those of enf_batch_read; SHAPE (dimensions), STATE (after a failure). Since 0.1.
 */
enf_status enf_batch_reader_open(enf_ctx *ctx, enf_batch_reader **reader, const enf_flow *flow,
                                 const char *path);
enf_status enf_batch_reader_next(enf_ctx *ctx, enf_batch_reader *reader, size_t most,
                                 enf_batch *batch);
void enf_batch_reader_close(enf_batch_reader *reader);

/**
 * enf_batch_reader_context: what the next configurations of the file have as context.
 *
 * In:   keys  of extended XYZ, keys of the comment line between commas, "gap" or "gap,mu": their
 *             numbers one behind the other, as many in every frame. Of a set a single word:
 *             PATH_word.npy (M) or (M,G) floats
 * Statuses: ARG, IO, FORMAT, UNSUPPORTED, STATE (something was read), NOMEM; of next FORMAT, with the
 * line, for a frame without such numbers. Since 0.1.
 */
enf_status enf_batch_reader_context(enf_ctx *ctx, enf_batch_reader *reader, const char *keys);

/**
 * enf_batch_write: all configurations as extended XYZ, atomically; path ends in .xyz or .extxyz.
 *
 * Kinds become the symbols of the flow's model.elements, or of atomic numbers where flow is NULL; X
 * where there are none; a context is the comment's context="1.5 2". Every number reads back the
 * same. Features are not written.
 * Statuses: ARG, SHAPE (an empty batch), RANGE (a kind without symbol), UNSUPPORTED (another name),
 * IO, NOMEM. Since 0.1.
 */
enf_status enf_batch_write(enf_ctx *ctx, const enf_batch *batch, const enf_flow *flow,
                           const char *path);

/** enf_batch_destroy: NULL is fine. Since 0.1. */
void enf_batch_destroy(enf_batch *batch);

/*
 * The calls below are for flows of particles (model.space particles).
 *
 * A flow with features (model.elements, model.features) serves any number of particles. So do the
 * weights of one without, if it is one velocity field with a Gaussian prior: then kinds are numbers
 * of model.species, NULL where the particles are all alike, or as many as model.particles. With
 * model.kinds given, kinds are places in model.elements, and no features. With model.context every
 * configuration has one of that many numbers (enf_batch_set_context), else SHAPE. What the
 * flow cannot take is refused with the number of the configuration; then nothing is done. When a
 * configuration fails (a number that is not finite, its integration) its outputs are NaN, all
 * others are right, and the status is that of the failed one with the lowest number;
 * enf_sample_status has the others'. A result depends on the configuration alone: not on the others
 * of the batch, their order, threads. Flat outputs are in the batch's order: (sum N, D) for
 * positions, (sum N, F) for features. Configurations of one shape are computed together.
 */

/**
 * enf_log_prob_batch: log-density of configurations of any size.
 *
 * Features, or positions of a flow without: the exact density of (x, features), as enf_log_prob has
 * it, log p(N) not included. Kinds of a flow with model.elements: a bound on log p(x, kinds, N),
 *
 *   log 1/k sum_i p(x, v_i) / q(v_i | x, kinds) + log p(N),    k = dequant.samples,
 *
 * with p(N) by model.sizes, whose mean rises with k to the log-density; densities are of labelled
 * particles with respect to Lebesgue measure, nothing is added for permutations.
 * In:   seed  of the dequantiser's noise, and of probes with logdet.method hutchinson; both are
 *             functions of the seed and the configuration
 * Out:  logp  (count)
 *       err   (count) Monte Carlo error: 0 for an exact density, NaN for one draw; NULL if not
 * wanted Threads: flow and batch may be shared; ctx not. Statuses: ARG, SHAPE (a single particle,
 * other dimensions or features), RANGE (a kind that is not there; with NaN, a size that model.sizes
 * does not have), UNSUPPORTED (kinds without model.dequantiser, sizes that the flow does not
 * serve), NONFINITE, ODE_STEPS, ODE_STEPSIZE, CANCELLED, NOMEM. Source: Satorras et al. 2021,
 * arXiv:2105.09016; Burda et al. 2016, arXiv:1509.00519. Since 0.1.
 */
enf_status enf_log_prob_batch(enf_ctx *ctx, const enf_flow *flow, const enf_batch *batch,
                              uint64_t seed, double *logp, double *err);

/**
 * enf_sample_batch: samples number first ... first+n-1 of the stream `seed`, of size N or of sizes
 * from p(N).
 *
 * Any way of cutting a stream gives the same samples. Their kinds are those that the features
 * decode to, or those of model.species. In:   N  particles; 0: by model.sizes, or model.particles
 * Out:  batch  kinds, features and x, mean-free; NULL if nothing was done; the caller destroys it
 *       logp   (n) of the continuous state, as enf_log_prob_batch gives it for the features; NULL
 * if not wanted (cheaper) Threads: flow may be shared; ctx not. Statuses: ARG, RANGE (first+n
 * overflows, N is 1 or a size that model.sizes does not have), SHAPE (kinds or a context are to be
 * given), OPTION (N = 0, and nothing says the
 * size), UNSUPPORTED, NONFINITE, ODE_STEPS, ODE_STEPSIZE, CANCELLED, NOMEM. Since 0.1.
 */
enf_status enf_sample_batch(enf_ctx *ctx, const enf_flow *flow, uint64_t seed, uint64_t first,
                            size_t n, size_t N, enf_batch **batch, double *logp);

/**
 * enf_sample_given: a sample for every configuration of a batch, of its size, given its context and,
 * with model.kinds given or model.species, its kinds; number first + i of the stream `seed` for
 * configuration i, whose positions and features do not count.
 *
 * Out:  batch  as enf_sample_batch, with the contexts; the caller destroys it
 *       logp   (count) given the same; NULL if not wanted (cheaper)
 * Threads: flow and given may be shared; ctx not.
 * Statuses: those of enf_sample_batch, SHAPE (a context of other numbers than model.context, or none;
 * no kinds). Since 0.1.
 */
enf_status enf_sample_given(enf_ctx *ctx, const enf_flow *flow, const enf_batch *given,
                            uint64_t seed, uint64_t first, enf_batch **batch, double *logp);

/**
 * enf_velocity_batch: the rates of positions and features at times t, as enf_velocity has them.
 *
 * In:   t    (count), each in [0,1]
 * Out:  vx   (sum N, D)
 *       vh   (sum N, F); NULL if not wanted
 *       div  (count) exact divergence of both; NULL if not wanted (cheaper)
 * Threads: flow and batch may be shared; ctx not.
 * Statuses: ARG, SHAPE (kinds without features, of a flow that has them), RANGE, UNSUPPORTED,
 * NONFINITE, CANCELLED, NOMEM. Since 0.1.
 */
enf_status enf_velocity_batch(enf_ctx *ctx, const enf_flow *flow, const enf_batch *batch,
                              const double *t, double *vx, double *vh, double *div);

/**
 * enf_transport_batch: positions and features from time t0 to t1, as enf_transport has them.
 *
 * Out:  x       (sum N, D)
 *       h       (sum N, F); NULL if not wanted
 *       logdet  (count); NULL if not wanted (cheaper)
 * Threads: flow and batch may be shared; ctx not.
 * Statuses: those of enf_velocity_batch, ODE_STEPS, ODE_STEPSIZE. Since 0.1.
 */
enf_status enf_transport_batch(enf_ctx *ctx, const enf_flow *flow, const enf_batch *batch,
                               double t0, double t1, double *x, double *h, double *logdet);

/**
 * enf_train_step_batch: a step of training on configurations of any size, as enf_train_step.
 *
 * By flow matching, where kinds are features as they are (one-hot numbers, charges) and the loss is
 * the mean over all coordinates, positions and features; or by likelihood, the mean over
 * configurations, with kinds that the dequantiser of the flow makes numbers of, one draw each. A
 * configuration with features is taken with these. Groups of one shape are computed together, and
 * train.coupling pairs within them; a group whose integrations all fail is left out of the mean. A
 * fresh flow takes its data scale, or the numbers of model.actnorm, and mean and spread of its
 * context, from this batch. With a context, draws are paired with rows one by one.
 * Out:  info  of the step; begins with its struct_size (ENF_STEP_INFO_INIT); NULL if not wanted
 * Threads: trainer, flow and ctx not shared; the batch may be.
 * Statuses: ARG, SHAPE, RANGE, UNSUPPORTED (objectives with an energy; kinds or sizes that the flow
 * does not take), NONFINITE (a configuration is), CANCELLED, NOMEM; then no step was made.
 * Since 0.1.
 */
enf_status enf_train_step_batch(enf_ctx *ctx, enf_trainer *tr, const enf_batch *batch,
                                enf_step_info *info);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
