/* train.c -- train a flow on equilibrium samples of the four-particle double well, and save it.

   The samples come from the built-in Monte Carlo sampler; a simulation code would pass its own.
   usage: train [steps]      writes dw4.safetensors, which the other examples load */
#include <enf/enf.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 2000, BATCH = 256, COORDINATES = 4 * 2 };

static double data[SAMPLES * COORDINATES];
static double batch[BATCH * COORDINATES];

static void fill_batch(const size_t *rows) {
  for (size_t b = 0; b < BATCH; ++b) {
    for (size_t k = 0; k < COORDINATES; ++k)
      batch[b * COORDINATES + k] = data[rows[b] * COORDINATES + k];
  }
}

/* Functions here return 0 for success, as the library does: calls are chained by ||. */
static int simulate(enf_ctx *ctx, const enf_opts *opts) {
  enf_energy *energy = NULL;
  enf_sim_info info = ENF_SIM_INFO_INIT;
  const int failed = enf_energy_builtin(ctx, &energy, "dw4") ||
                     enf_simulate(ctx, enf_energy_eval, energy, opts, SAMPLES, data, &info);
  if (!failed)
    printf("simulated: <u> = %.2f +- %.2f\n", info.mean_u, info.mean_u_err);
  enf_energy_destroy(energy);
  return failed;
}

static int run_steps(enf_ctx *ctx, enf_trainer *trainer, long steps) {
  size_t rows[BATCH];
  enf_step_info info = ENF_STEP_INFO_INIT;
  for (long step = 0; step < steps; ++step) {
    if (enf_trainer_rows(trainer, SAMPLES, BATCH, rows))
      return 1;
    fill_batch(rows);
    if (enf_train_step(ctx, trainer, BATCH, batch, &info))
      return 1;
    if (step % 100 == 99)
      printf("step %5ld  loss %.4f\n", step + 1, info.loss);
  }
  return 0;
}

/* Settings for a training of seconds; the defaults are for one of minutes. */
static int set_options(enf_opts *opts, long steps) {
  const int failed = enf_opts_set_int(opts, "model.particles", 4) ||
                     enf_opts_set_int(opts, "model.dimensions", 2) ||
                     enf_opts_set_int(opts, "train.steps", steps) ||
                     enf_opts_set(opts, "train.coupling", "independent") ||
                     enf_opts_set_real(opts, "train.lr", 5e-3) ||
                     enf_opts_set_real(opts, "train.ema", 0.98);
  if (failed)
    fprintf(stderr, "train: %s\n", enf_opts_errmsg(opts));
  return failed;
}

int main(int argc, char **argv) {
  const long steps = argc > 1 ? atol(argv[1]) : 300;
  enf_ctx *ctx = NULL;
  enf_opts *opts = NULL;
  enf_flow *flow = NULL;
  enf_trainer *trainer = NULL;

  const int failed = enf_ctx_create(&ctx, NULL) || enf_opts_create(ctx, &opts) ||
                     set_options(opts, steps) || simulate(ctx, opts) ||
                     enf_create(ctx, &flow, opts) ||
                     enf_trainer_create(ctx, &trainer, flow, opts) ||
                     run_steps(ctx, trainer, steps) || enf_save(ctx, flow, "dw4.safetensors");
  if (failed)
    fprintf(stderr, "train: %s\n", enf_ctx_errmsg(ctx));
  else
    printf("saved dw4.safetensors\n");

  enf_trainer_destroy(trainer);
  enf_destroy(flow);
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
  return failed;
}
