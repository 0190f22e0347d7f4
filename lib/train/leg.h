/* leg.h -- a batch carried along the flow with its log-determinant, and a loss carried back: what
   the objectives on the density share. */
#ifndef ENF__LEG_H
#define ENF__LEG_H

#include "flow/pullback.h"
#include "train/train.h"

typedef struct {
  enf__pullback p;
  double *eps;          /* (n,probes,N,D), or NULL: exact divergence */
  double *start;        /* (n,N,D) where it begins; filled by the objective */
  double *dy, *dlogdet; /* (n,N,D), (n) filled by the objective; NaN leaves a sample out */
  double *dpenalty;     /* (n) filled by the objective */
} enf__leg;

/* From t0 to t1 by the options train.adjoint, train.trace, train.probes, with the penalty of
   train.kinetic and train.frobenius; arrays from the call's
   arena (or counted). */
enf__leg enf__leg_take(const enf__batch *batch, double t0, double t1, enf__arena *arena);
/* Probes are keyed by the samples' numbers in the training; `again`: carry the same once more. */
enf_status enf__leg_forward(enf_ctx *ctx, const enf__batch *batch, enf__leg *leg);
/* dx and gradients as in enf__pulled, or NULL. */
enf_status enf__leg_reverse(enf_ctx *ctx, enf__leg *leg, double *dx, double *gradients);
bool enf__leg_ok(const enf__leg *leg, size_t i); /* did sample i arrive? */

/* Bytes of a worker's arena for legs in either direction. */
size_t enf__leg_worker_bytes(const enf__batch *batch, const enf__run *run);

/* Zeroed gradient buffers for the batch in slope, from the call's arena (or counted). */
void enf__leg_buffers(const enf__batch *batch, enf__slope *slope, enf__arena *arena);

#endif
