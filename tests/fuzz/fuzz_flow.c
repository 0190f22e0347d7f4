/* fuzz_flow.c -- any bytes as the file of a flow: loaded or refused. */
#include "fuzz_load.h"

static void load(enf_ctx *ctx, const char *path) {
  enf_flow *flow = NULL;
  enf_load(ctx, &flow, path);
  enf_destroy(flow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  return fuzz_load(load, data, bytes);
}
