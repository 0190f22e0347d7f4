/* installed.c -- a host that knows libenf only through pkg-config; built by .ci/run against an
   installed copy, shared and static. It makes a flow, so that BLAS and libm are really linked. */
#include <enf/enf.h>
#include <stdio.h>

int main(void) {
  enf_ctx *ctx = NULL;
  enf_opts *opts = NULL;
  enf_flow *flow = NULL;
  double x[2 * 4 * 2], logp[2];
  int ok = enf_ctx_create(&ctx, NULL) == ENF_OK && enf_opts_create(ctx, &opts) == ENF_OK &&
           enf_opts_set_int(opts, "model.particles", 4) == ENF_OK &&
           enf_opts_set_int(opts, "model.dimensions", 2) == ENF_OK &&
           enf_create(ctx, &flow, opts) == ENF_OK &&
           enf_sample(ctx, flow, 1, 0, 2, x, logp) == ENF_OK;
  printf("libenf %s: %s\n", enf_version(), ok ? "ok" : enf_ctx_errmsg(ctx));
  enf_destroy(flow);
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
  return !ok;
}
