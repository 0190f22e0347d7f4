/* admit.c -- whether a tensor of a flow can have these numbers: what its space, its prior, or those of
   the part of a mixture say. */
#include "flow/flow.h"

enf_status enf__flow_admit(enf_ctx *ctx, const enf_flow *flow, size_t offset, const double *data) {
  size_t before = flow->parts;
  for (size_t c = 0; c < flow->parts; c++) {
    const size_t size = flow->part[c]->params.size;
    if (offset >= before && offset < before + size)
      return enf__flow_admit(ctx, flow->part[c], offset - before, data);
    before += size;
  }
  if (flow->parts)
    return ENF_OK;
  const enf__space *space = &flow->space;
  const enf_status status =
      space->ops->admit ? space->ops->admit(ctx, space, offset, data) : ENF_OK;
  return status == ENF_OK ? enf__prior_admit(ctx, &flow->prior, offset, data) : status;
}
