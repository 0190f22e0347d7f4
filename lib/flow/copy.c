/* copy.c -- a flow, or a mixture of flows, once more. */
#include "flow/mixture.h"
#include <string.h>

static enf_status clone_single(enf_ctx *ctx, enf_flow **copy, const enf_flow *flow) {
  enf_status status = enf__flow_make(ctx, copy, flow->options, flow->by_number);
  if (status != ENF_OK)
    return status;
  memcpy((*copy)->params.value, flow->params.value, flow->params.size * sizeof(double));
  (*copy)->space.scale = flow->space.scale;
  (*copy)->scale_fixed = flow->scale_fixed;
  (*copy)->fitted = flow->fitted;
  enf__flow_pack(*copy);
  return ENF_OK;
}

static enf_status clone_mixture(enf_ctx *ctx, enf_flow **copy, const enf_flow *mix) {
  enf_flow *parts[ENF__MIXTURE_PARTS] = {NULL};
  enf_status status;
  for (size_t c = 0; c < mix->parts; c++)
    TRY(clone_single(ctx, &parts[c], mix->part[c]));
  TRY(enf__mixture_assemble(ctx, copy, mix->parts, parts));
  memcpy((*copy)->params.value, mix->params.value, mix->params.size * sizeof(double));
  enf__flow_pack(*copy);
out:
  for (size_t c = 0; status != ENF_OK && c < mix->parts; c++)
    enf_destroy(parts[c]);
  return status;
}

enf_status enf__flow_clone(enf_ctx *ctx, enf_flow **copy, const enf_flow *flow) {
  *copy = NULL;
  return flow->parts ? clone_mixture(ctx, copy, flow) : clone_single(ctx, copy, flow);
}

enf_status enf_copy(enf_ctx *ctx, enf_flow **copy, const enf_flow *flow) {
  ENF__ENTRY;
  enf_flow *made = NULL;
  enf_status status = enf__enter(ctx);
  if (copy)
    *copy = NULL;
  if (status != ENF_OK)
    return status;
  if (!copy)
    return enf__fail(ctx, ENF_ERR_ARG, "copy is NULL: nowhere to put the flow");
  TRY(enf__flow_check(ctx, flow));
  TRY(enf__flow_clone(ctx, &made, flow));
  for (size_t i = 0; i < flow->metas; i++)
    TRY(enf__meta_put(ctx, made, flow->meta[i].key, flow->meta[i].text));
  *copy = made;
  made = NULL;
out:
  enf_destroy(made);
  return status;
}
