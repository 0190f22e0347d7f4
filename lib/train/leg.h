/* leg.h -- a batch carried along the flow with its log-determinant, and a loss carried back: what
   the objectives on the density share. */
#ifndef ENF__LEG_H
#define ENF__LEG_H

#include "train/train.h"

typedef struct {
  enf__journey p;
  double *eps;          /* (n,probes,N,D), or NULL: exact divergence */
  double *start;        /* (n,N,D) where it begins; filled by the objective */
  double *dy, *dlogdet; /* (n,N,D), (n) of each sample's loss, filled by the objective; NaN in
                           dlogdet leaves the sample out */
  double *dpenalty;     /* (n) filled by the objective */
  double *dx;           /* (n,state) cotangents of start, of the weighted mean; or NULL */
  const double *weight; /* (n) that the losses have in their mean, NULL: 1 each */
} enf__leg;

/* From t0 to t1 by the options train.adjoint, train.trace, train.probes, with the penalty of
   train.kinetic and train.frobenius; arrays from the call's
   arena (or counted). */
enf__leg enf__leg_take(const enf__batch *batch, double t0, double t1, enf__arena *arena);
/* The three ways to go are the passes of a step: after each the context's progress callback hears
   of it in slope->passes, and may cancel.
   There. Probes are keyed by the samples' numbers in the training. */
enf_status enf__leg_forward(enf_ctx *ctx, const enf__batch *batch, enf__leg *leg,
                            enf__slope *slope);
bool enf__leg_ok(const enf__leg *leg, size_t i); /* did sample i arrive, or come back? */

/* Back, for every sample's own loss: dx, (n,N,D). */
enf_status enf__leg_reverse(enf_ctx *ctx, const enf__batch *batch, enf__leg *leg, double *dx,
                            enf__slope *slope);
/* Back, for the sum of the losses: gradients, buffers of the flow's block, gain theirs. */
enf_status enf__leg_pull(enf_ctx *ctx, const enf__batch *batch, enf__leg *leg, double *gradients,
                         enf__slope *slope);
/* Back, for the mean of the losses over the samples that are not left out and do not fail on the
   way: the gradients of slope gain weight times its gradient, its failed those that do fail, there
   or back; share is 1 / the number of the others, or the sum of their weights (which are in the
   cotangents then), or infinite. Logdet and penalty of those that
   count (enf__leg_counts) are there after it. */
enf_status enf__leg_reverse_mean(enf_ctx *ctx, const enf__batch *batch, enf__leg *leg,
                                 double weight, enf__slope *slope, double *share);
bool enf__leg_counts(const enf__leg *leg, size_t i);
/* What the leg has cost so far joins slope. */
void enf__leg_cost(const enf__leg *leg, enf__slope *slope);

/* Bytes of a worker's arena for legs in either direction. */
size_t enf__leg_worker_bytes(const enf__batch *batch, const enf__run *run);

/* Zeroed gradient buffers for the batch in slope, from the call's arena (or counted). */
void enf__leg_buffers(const enf__batch *batch, enf__slope *slope, enf__arena *arena);

#endif
