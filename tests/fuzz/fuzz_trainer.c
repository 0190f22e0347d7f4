/* fuzz_trainer.c -- any bytes as the file of a training of a small flow: loaded or refused. */
#include "fuzz_load.h"

static void load(enf_ctx *ctx, const char *path) {
  enf_opts *opts = NULL;
  enf_flow *flow = NULL;
  enf_trainer *trainer = NULL;
  if (enf_opts_create(ctx, &opts) == ENF_OK &&
      enf_opts_set(opts, "model.particles", "3") == ENF_OK &&
      enf_opts_set(opts, "model.hidden", "2") == ENF_OK &&
      enf_opts_set(opts, "model.layers", "1") == ENF_OK && enf_create(ctx, &flow, opts) == ENF_OK)
    enf_trainer_load(ctx, &trainer, flow, path);
  enf_trainer_destroy(trainer);
  enf_destroy(flow);
  enf_opts_destroy(opts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  return fuzz_load(load, data, bytes);
}
