/* test_old_files.c -- files that the first libenf 0.1 wrote (tests/abi/v0.1, never changed) keep
   loading: a flow has the density it had, a training goes on where it was. They lack every option
   that came later; an option that is new needs a row in lib/io/format.c, or this fails. */
#include <enf/enf.h>
#include <math.h>
#include <stdio.h>

static const double x[12] = {0, 0, 1, 0, 0, 1, 2, 0, 0, 1, -1, 0};
static const double density[2] = {-4.0225755, -6.4449216}; /* as it was when the file was written */

static int fails(const enf_ctx *ctx, const char *what, enf_status status) {
  if (status != ENF_OK)
    printf("%s: %s\n", what, enf_ctx_errmsg(ctx));
  return status != ENF_OK;
}

int main(void) {
  enf_ctx *ctx = NULL;
  enf_flow *flow = NULL;
  enf_trainer *trainer = NULL;
  double logp[2];
  int64_t steps = 0;
  if (enf_ctx_create(&ctx, NULL) != ENF_OK ||
      fails(ctx, "flow", enf_load(ctx, &flow, "tests/abi/v0.1/flow.safetensors")) ||
      fails(ctx, "density", enf_log_prob(ctx, flow, 2, x, logp)))
    return 1;
  if (!(fabs(logp[0] - density[0]) + fabs(logp[1] - density[1]) < 5e-3)) {
    printf("density %.7g %.7g, not %.7g %.7g\n", logp[0], logp[1], density[0], density[1]);
    return 1;
  }
  if (fails(ctx, "training",
            enf_trainer_load(ctx, &trainer, flow, "tests/abi/v0.1/training.safetensors")) ||
      fails(ctx, "step", enf_train_step(ctx, trainer, 2, x, NULL)))
    return 1;
  enf_trainer_get_int(trainer, "step", &steps);
  if (steps != 4)
    printf("step %d, not 4\n", (int)steps);
  enf_trainer_destroy(trainer);
  enf_destroy(flow);
  enf_ctx_destroy(ctx);
  return steps != 4;
}
