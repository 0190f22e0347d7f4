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

/* Written with weights for every number up to the largest of model.species, "0 2 2 5" and "0 2 2
   3", where later flows have those that occur. */
static const struct {
  const char *path;
  double velocity;
} gaps[2] = {{"tests/abi/v0.1/flow-gaps.safetensors", -1.28313698987e-05},
             {"tests/abi/v0.1/pairs-gaps.safetensors", -0.00102137620972}};

static int gaps_fail(enf_ctx *ctx) {
  const double at[8] = {0, 0, 1, 0.3, 0.2, 1.1, -1, 0.4}, t = 0.5;
  double v[8];
  enf_opts *opts = NULL;
  int failed = enf_opts_create(ctx, &opts) || enf_opts_set(opts, "run.precision", "float64") ||
               enf_ctx_configure(ctx, opts);
  enf_opts_destroy(opts);
  for (int i = 0; i < 2 && !failed; i++) {
    enf_flow *flow = NULL;
    failed = fails(ctx, gaps[i].path, enf_load(ctx, &flow, gaps[i].path)) ||
             fails(ctx, "velocity", enf_velocity(ctx, flow, 1, &t, at, v, NULL));
    enf_destroy(flow);
    if (failed || fabs(v[0] - gaps[i].velocity) <= 1e-9 * fabs(gaps[i].velocity))
      continue;
    printf("%s: velocity %.12g, not %.12g\n", gaps[i].path, v[0], gaps[i].velocity);
    failed = 1;
  }
  return failed;
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
  const int failed = steps != 4 || gaps_fail(ctx);
  enf_ctx_destroy(ctx);
  return failed;
}
