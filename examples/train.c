/* train.c -- train a flow on equilibrium samples of the four-particle double well, as `enf train`
   does: with looks at samples that it does not learn from, of which the best flow is kept, and with
   files to go on from.

   The samples come from the built-in Monte Carlo sampler; a simulation code would pass its own.
   usage: train [steps]      writes dw4.safetensors, which the other examples load */
#include <enf/enf.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 2000, HELD_OUT = 200, COORDINATES = 4 * 2 };

static double data[(SAMPLES + HELD_OUT) * COORDINATES];

/* Functions here return 0 for success, as the library does: calls are chained by ||. */
static int simulate(enf_ctx *ctx, const enf_opts *opts) {
  enf_energy *energy = NULL;
  enf_sim_info info = ENF_SIM_INFO_INIT;
  const int failed =
      enf_energy_builtin(ctx, &energy, "dw4") ||
      enf_simulate(ctx, enf_energy_eval, energy, opts, SAMPLES + HELD_OUT, data, &info);
  if (!failed)
    printf("simulated: <u> = %.2f +- %.2f\n", info.mean_u, info.mean_u_err);
  enf_energy_destroy(energy);
  return failed;
}

/* Called at every step; a host that wants to end, or to save now, says so here. */
static int watch(void *user, const enf_fit_event *event) {
  (void)user;
  if (event->what == ENF_FIT_STEP && event->step->step % 100 == 0)
    printf("step %5llu  loss %.4f\n", (unsigned long long)event->step->step, event->loss);
  if (event->what == ENF_FIT_LOOK)
    printf("            validation NLL %.3f +- %.3f%s\n", event->nll, event->nll_err,
           event->kept ? "" : ", not kept");
  return ENF_FIT_GO_ON;
}

static int fit(enf_ctx *ctx, enf_trainer *trainer) {
  enf_fit_plan plan = ENF_FIT_PLAN_INIT;
  enf_fit_report report = ENF_FIT_REPORT_INIT;
  plan.held_out = HELD_OUT;
  plan.validation = data + SAMPLES * COORDINATES;
  plan.look_every = 100;
  plan.flow_path = "dw4.safetensors";
  plan.trainer_path = "dw4.trainer";
  plan.curve_path = "dw4.train.csv";
  const int failed = enf_fit(ctx, trainer, SAMPLES, data, &plan, watch, NULL, &report);
  if (!failed)
    printf("saved dw4.safetensors, the flow of step %llu\n", (unsigned long long)report.kept_step);
  return failed;
}

/* Settings for a training of seconds; the defaults are for one of minutes. */
static int set_options(enf_opts *opts, long steps) {
  const int failed =
      enf_opts_set_int(opts, "model.particles", 4) ||
      enf_opts_set_int(opts, "model.dimensions", 2) ||
      enf_opts_set_int(opts, "train.steps", steps) || enf_opts_set_int(opts, "train.batch", 256) ||
      enf_opts_set(opts, "train.coupling", "independent") ||
      enf_opts_set_real(opts, "train.lr", 5e-3) || enf_opts_set_real(opts, "train.ema", 0.98);
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
                     enf_trainer_create(ctx, &trainer, flow, opts) || fit(ctx, trainer);
  if (failed)
    fprintf(stderr, "train: %s\n", enf_ctx_errmsg(ctx));

  enf_trainer_destroy(trainer);
  enf_destroy(flow);
  enf_opts_destroy(opts);
  enf_ctx_destroy(ctx);
  return failed;
}
