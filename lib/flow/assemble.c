/* assemble.c -- flows put together to a mixture, and what says that a flow is one. */
#include "flow/mixture.h"
#include <string.h>

size_t enf__mixture_offset(const enf_flow *mix, size_t part) {
  size_t offset = mix->parts;
  for (size_t c = 0; c < part; c++)
    offset += mix->part[c]->params.size;
  return offset;
}

enf_status enf__flow_single(enf_ctx *ctx, const enf_flow *flow, const char *call) {
  return flow->parts == 0
             ? ENF_OK
             : enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                         "%s is of one flow, and this is a mixture of %zu", call, flow->parts);
}

enf_status enf__mixture_check(enf_ctx *ctx, const enf_flow *flow) {
  enf_status status = enf__flow_check(ctx, flow);
  if (status == ENF_OK && flow->parts == 0)
    status = enf__fail(ctx, ENF_ERR_UNSUPPORTED, "the flow is no mixture");
  return status;
}

/* The table: weights, then all views of all parts. */
static void list_views(enf_flow *mix, size_t count, enf_flow **parts) {
  enf__params_add(&mix->params, (enf__tensor){.rows = count, .cols = 1}, "mixture.log_weights");
  for (size_t c = 0; c < count; c++)
    for (size_t k = 0; k < parts[c]->params.count; k++) {
      const enf__tensor *view = &parts[c]->params.tensor[k];
      enf__params_add(&mix->params, *view, "part.%zu.%s", c, view->name);
    }
}

static enf_status plan(enf_ctx *ctx, enf_flow *mix, size_t count, enf_flow **parts) {
  enf_status status;
  TRY(enf__opts_copy(ctx, &mix->alloc, &mix->options, parts[0]->options));
  mix->part = enf__alloc_array(&mix->alloc, count, sizeof *mix->part);
  mix->log_weight = enf__alloc_array(&mix->alloc, count, sizeof *mix->log_weight);
  if (!mix->part || !mix->log_weight)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a mixture of %zu flows", count));
  list_views(mix, count, parts);
  TRY(enf__params_allocate(ctx, &mix->params));
out:
  return status;
}

enf_status enf__mixture_assemble(enf_ctx *ctx, enf_flow **out, size_t count, enf_flow **parts) {
  *out = NULL;
  enf_flow *mix = enf__alloc(&ctx->alloc, sizeof *mix);
  if (!mix)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a flow");
  *mix = (enf_flow){.magic = ENF__MAGIC_FLOW, .alloc = ctx->alloc, .scale_fixed = true};
  enf__params_open(ctx, &mix->params);
  const enf_status status = plan(ctx, mix, count, parts);
  if (status != ENF_OK) {
    enf_destroy(mix);
    return status;
  }
  mix->parts = count;
  memcpy(mix->part, parts, count * sizeof *parts);
  mix->space = parts[0]->space;
  for (size_t c = 0; c < count; c++)
    enf__params_lend(&mix->params, enf__mixture_offset(mix, c), &parts[c]->params);
  enf__flow_pack(mix);
  *out = mix;
  return ENF_OK;
}
