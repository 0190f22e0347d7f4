/* kinds.h -- batches of molecules with kinds: their states, and the dequantiser's part of the
   likelihood's gradient. */
#ifndef ENF__TRAIN_KINDS_H
#define ENF__TRAIN_KINDS_H

#include "flow/dequantiser.h"
#include "map/actnorm.h"
#include "train/leg.h"

/* What the dequantiser of a batch keeps, in the call's arena (or counted). */
typedef struct {
  double *x, *noise, *log_q; /* (n,N,D) inside, (n,N,F), (n) */
  double *dx, *dv, *dlog_q;  /* (n,state), (n,N,F), (n) */
} enf__train_kinds;

/* Does the batch have kinds that the objective is to dequantise? */
static inline bool enf__train_dequantises(const enf__batch *b) {
  return b->kind && b->flow->dequantiser != ENF__DEQUANTISER_NONE;
}

/* What a fresh flow takes from its first batch, of any sizes: the data scale or, with actnorm, that
   map's numbers, and the normalisation of its context. Sums are of molecules in the host's units,
   mean-free (enf__actnorm_add, enf__space_context_add), with features as the objective sees them.
   Trainer and flow have them from then on. */
typedef struct {
  enf__actnorm_sums states;
  enf__context_sums context;
} enf__first;
void enf__train_settle(enf_trainer *tr, const enf__first *first);

/* Features (N,F) in the host's units of kinds, as they are: one-hot, charge. */
void enf__kinds_features(const enf_flow *flow, const int32_t *kind, double *features);

enf__train_kinds enf__train_kinds_take(const enf__batch *b, enf__arena *arena);
size_t enf__train_kinds_worker_bytes(const enf__batch *b, const enf__run *run);
/* States (n,state) of the batch with dequantised features; noise is keyed by the samples' numbers
   in the training. */
enf_status enf__train_kinds_begin(enf_ctx *ctx, const enf__batch *b, enf__train_kinds *k,
                                  double *state);
/* After the leg has come back with k->dx of `weight` times the mean: the dequantiser's gradient
   joins slope's. */
enf_status enf__train_kinds_end(enf_ctx *ctx, const enf__batch *b, const enf__leg *leg,
                                enf__train_kinds *k, double weight, double share,
                                enf__slope *slope);

/* State number i of a batch with kinds, dequantised: its noise (N,F) and log q. Takes N F numbers of
   the arena and what the dequantiser takes of it. */
void enf__kinds_state(const enf__batch *b, const enf__run *run, enf__arena *arena, size_t i,
                      double *noise, double *state, double *log_q);

#endif
