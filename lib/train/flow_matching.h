/* flow_matching.h -- flow matching on several batches, of one shape each, as one loss: the mean is
   over the coordinates of all of them. */
#ifndef ENF__FLOW_MATCHING_H
#define ENF__FLOW_MATCHING_H

#include "train/train.h"

/* Bytes of the call's arena and of a worker's. */
size_t enf__flow_matching_bytes(size_t count, const enf__batch *batch);
size_t enf__flow_matching_worker_bytes(size_t count, const enf__batch *batch, const enf__run *run);
enf_status enf__flow_matching_evaluate(enf_ctx *ctx, size_t count, const enf__batch *batch,
                                       enf__slope *slope);

#endif
