/* enf/batch.h -- configurations of any size, with kinds or features. */
#ifndef ENF_BATCH_H
#define ENF_BATCH_H

#include <enf/flow.h>
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
 * enf_batch_write: all configurations as extended XYZ, atomically; path ends in .xyz or .extxyz.
 *
 * Kinds become the symbols of the flow's model.elements, or of atomic numbers where flow is NULL; X
 * where there are none. Every number reads back the same. Features are not written.
 * Statuses: ARG, SHAPE (an empty batch), RANGE (a kind without symbol), UNSUPPORTED (another name),
 * IO, NOMEM. Since 0.1.
 */
enf_status enf_batch_write(enf_ctx *ctx, const enf_batch *batch, const enf_flow *flow,
                           const char *path);

/** enf_batch_destroy: NULL is fine. Since 0.1. */
void enf_batch_destroy(enf_batch *batch);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
