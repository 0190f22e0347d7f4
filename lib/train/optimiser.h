/* optimiser.h -- SOAP or AdamW with clipping, a running average of the weights, and schedules. */
#ifndef ENF__OPTIMISER_H
#define ENF__OPTIMISER_H

#include "train/soap.h"

/* Decays of the moments, and what is added to a root; the published ones. */
#define ENF__BETA1 0.9
#define ENF__BETA2 0.999
#define ENF__EPS 1e-8

typedef struct {
  enf_alloc alloc;
  size_t params;    /* P */
  double *moment1;  /* (P) running average of the gradient */
  double *moment2;  /* (P) of its square; SOAP: in the bases */
  double *average;  /* (P) of the weights, bias-corrected: the weights to use */
  uint64_t updates; /* done so far */
  enf__soap soap;   /* empty: AdamW */
} enf__optimiser;

/* Moments zero, the average that of the weights in the table. SOAP, or AdamW. */
enf_status enf__optimiser_create(enf_ctx *ctx, enf__optimiser *optimiser, const enf__params *params,
                                 bool soap);
void enf__optimiser_free(enf__optimiser *optimiser); /* fine on a zeroed one */

/* Learning rate of step number `step` (from 0) of `steps` planned ones. */
double enf__learning_rate(int schedule, double peak, uint64_t step, uint64_t steps);

/* Bytes of the call's arena that enf__gradient_sum takes. */
size_t enf__gradient_bytes(size_t params);
/* gradients (buffers,P): the first becomes the sum of all; *norm is its length. */
enf_status enf__gradient_sum(enf_ctx *ctx, size_t params, size_t buffers, double *gradients,
                             double *norm);

typedef struct {
  double rate;   /* learning rate of this step */
  double shrink; /* factor on the gradient: below 1 if it is clipped */
  double weight_decay;
  double ema; /* decay of the running average; 0: it is the weights */
} enf__update;

/* Bytes of a worker's arena that enf__optimiser_update takes. */
size_t enf__optimiser_worker_bytes(const enf__optimiser *optimiser);

/* One update of weights (P) from gradient (P), which is spent, and of the running average. */
enf_status enf__optimiser_update(enf_ctx *ctx, enf__optimiser *optimiser, const enf__update *update,
                                 double *gradient, double *weights);

#endif
