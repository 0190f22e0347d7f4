/* ranks.h -- a step of which every rank has a part: the sum over 64 leaves of the global batch. */
#ifndef ENF__RANKS_H
#define ENF__RANKS_H

#include "train/train.h"

/* UNSUPPORTED, with the sentence, where a step on parts of n rows cannot be; ENF_OK without a reduce
   function. */
enf_status enf__ranks_check(enf_ctx *ctx, const enf_trainer *tr, size_t n);
/* Bytes of the call's arena that enf__ranks_slope takes beside the objective's. */
size_t enf__ranks_bytes(const enf_trainer *tr, const enf__batch *batch);
/* Loss and gradient of the global batch, the same on every rank; batch is this rank's part.
   CALLBACK if the reduce function fails or has not added. */
enf_status enf__ranks_slope(enf_ctx *ctx, const enf_trainer *tr, const enf__batch *batch,
                            enf__slope *slope);

#endif
