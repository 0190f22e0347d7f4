/* parts.h -- rows of the host with all parts of a mixture: log G, its gradients, and the
   objectives' own helpers. Log-determinants are exact here, whatever train.trace says: what a part
   is responsible for is no linear function of them. */
#ifndef ENF__PARTS_H
#define ENF__PARTS_H

#include "flow/mixture.h"
#include "train/leg.h"

/* A row of the host's in a part: on the way from data to prior. */
typedef struct {
  enf__batch b; /* of the part */
  enf__leg leg;
  double *volume; /* (n) */
} enf__part_leg;

/* x (n,host) of the batch goes through part c of mix; from the call's arena. */
enf_status enf__part_forward(enf_ctx *ctx, const enf__batch *batch, const enf_flow *mix, size_t c,
                             const double *x, enf__part_leg *part, enf__slope *slope);
/* log g_c of row i there; NaN where it has failed. */
double enf__part_density(const enf__part_leg *part, size_t i);

/* Bytes of the call's and of a worker's arena that the calls below take. */
size_t enf__parts_bytes(const enf__batch *batch, const enf_flow *mix);
size_t enf__parts_worker_bytes(const enf__batch *batch, const enf_flow *mix, const enf__run *run);

/* log rho_c g_c (n,C) and log G (n) of x (n,host); NaN for rows that fail in any part. */
enf_status enf__parts_score(enf_ctx *ctx, const enf__batch *batch, const enf_flow *mix,
                            const double *x, double *logp, double *total, enf__slope *slope);
/* log G (n) and its gradient by x (n,host). */
enf_status enf__parts_slope(enf_ctx *ctx, const enf__batch *batch, const enf_flow *mix,
                            const double *x, double *total, double *grad, enf__slope *slope);

#endif
