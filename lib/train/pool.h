/* pool.h -- samples of the flow, weighed towards the target: what energy matching trains on. */
#ifndef ENF__TRAIN_POOL_H
#define ENF__TRAIN_POOL_H

#include "train/train.h"

/* Where the step begins a generation: its samples, in the place of the oldest. CALLBACK, CANCELLED, NOMEM, NONFINITE (no sample has a weight). */
enf_status enf__pool_renew(enf_ctx *ctx, enf_trainer *tr);
/* n rows of the pool for the samples `first` ... of the training's stream, each by its weight. */
void enf__pool_rows(const enf_trainer *tr, uint64_t first, size_t n, double *x);

/* Generations of a training that has made so many steps, and their rows in the pool. */
size_t enf__pool_filled(const enf_trainer *tr);
/* Room for all of it; then rows come from a file: enf__pool_sum. */
enf_status enf__pool_make(enf_ctx *ctx, enf_trainer *tr);
void enf__pool_sum(enf_trainer *tr);
void enf__pool_free(const enf_alloc *alloc, enf__pool *pool);

#endif
