/* moons.c -- toy:u6, two half moons, by two affine parts that an energy alone trains (Giaquinto,
   Banerjee 2020): the first part, the second beside it, each once more beside the other, and then
   the mixture by its own reverse KL. Weights by EM from samples of the parts.

   The second part begins at a place of its own, drawn by the seed. With a rate of 1e-2 both stay
   across the two moons, as published (KL 3.5). KL (G|p) is the mean of u + log G + log Z, log Z by
   a sum over a lattice of points. */
#include "host.h"

enum { D = 2, SAMPLES = 4000, TOLD = 20000 };

static enf_energy *moons;
static double log_z;

static void find_log_z(void) {
  enum { SIDE = 2001 };
  const double from = -12, apart = 24.0 / (SIDE - 1);
  double sum = 0;
  for (int i = 0; i < SIDE; i++)
    for (int k = 0; k < SIDE; k++) {
      const double x[] = {from + i * apart, from + k * apart};
      double u;
      enf_energy_eval(moons, 1, x, &u, NULL);
      sum += exp(-u);
    }
  log_z = log(sum * apart * apart);
}

static void train(enf_flow *flow, const enf_flow *beside, int steps, size_t batch) {
  enf_trainer *tr;
  TRY(enf_trainer_create(ctx, &tr, flow, opts));
  TRY(enf_trainer_set_energy(tr, enf_energy_eval, moons));
  if (beside != NULL)
    TRY(enf_trainer_set_mixture(tr, beside));
  for (int k = 0; k < steps; k++)
    TRY(enf_train_step(ctx, tr, batch, NULL, NULL));
  enf_trainer_destroy(tr);
}

static enf_flow *mix_of(enf_flow *const part[2]) {
  static double x[2 * SAMPLES * D], logw[2 * SAMPLES], u[2 * SAMPLES];
  enf_flow *mix;
  TRY(enf_mixture_create(ctx, &mix, 2, (const enf_flow *const *)part, NULL));
  for (uint64_t c = 0; c < 2; c++)
    TRY(enf_sample(ctx, part[c], 5 + c, 0, SAMPLES, x + c * SAMPLES * D, NULL));
  TRY(enf_log_prob(ctx, mix, 2 * SAMPLES, x, logw));
  enf_energy_eval(moons, 2 * SAMPLES, x, u, NULL);
  for (size_t i = 0; i < 2 * SAMPLES; i++)
    logw[i] = -u[i] - logw[i];
  TRY(enf_mixture_fit(ctx, mix, 2 * SAMPLES, x, logw, 50, NULL));
  return mix;
}

static void tell(const char *what, const enf_flow *flow) {
  static double x[TOLD * D], kl[TOLD], u[TOLD];
  double mean = 0, square = 0, weight = 1;
  const enf_flow *first;
  TRY(enf_sample(ctx, flow, 77, 0, TOLD, x, kl));
  enf_energy_eval(moons, TOLD, x, u, NULL);
  for (size_t i = 0; i < TOLD; i++)
    mean += (kl[i] += u[i] + log_z) / TOLD;
  for (size_t i = 0; i < TOLD; i++)
    square += pow(kl[i] - mean, 2) / TOLD;
  enf_mixture_get(flow, 0, &first, &weight);
  printf("%s: KL %.4f +- %.4f, weight of the first %.3f\n", what, mean, sqrt(square / TOLD),
         weight);
  fflush(stdout);
}

static void boost(enf_flow *part[2]) {
  const double shift[] = {normal(), normal()};
  enf_flow *mix;
  train(part[0], NULL, 4000, 16);
  tell("one part", part[0]);
  TRY(enf_params_set(ctx, part[1], "linear.0.bias", shift, D));
  train(part[1], part[0], 4000, 16);
  mix = mix_of(part);
  tell("two parts", mix);
  enf_destroy(mix);
  for (int c = 0; c < 2; c++)
    train(part[c], part[1 - c], 4000, 16);
  mix = mix_of(part);
  tell("second pass", mix);
  TRY(enf_opts_set(opts, "train.lr", "1e-2"));
  TRY(enf_opts_set(opts, "train.schedule", "cosine"));
  train(mix, NULL, 4000, 256);
  tell("jointly", mix);
  enf_destroy(mix);
}

int run_moons(const char *seed) {
  static const char *const set[][2] = {{"model.space", "vector"},
                                       {"model.dimensions", "2"},
                                       {"model.map", "linear"},
                                       {"model.data_scale", "1"},
                                       {"model.prior_std", "2.5"},
                                       {"train.objective", "energy"},
                                       {"train.steps", "4000"},
                                       {"train.lr", "5e-2"},
                                       {"train.boost_lambda", "0.6"},
                                       {"train.ema", "0.99"},
                                       {"train.clip", "5"},
                                       {"train.optimizer", "adamw"},
                                       {NULL, NULL}};
  enf_flow *part[2];
  state = strtoull(seed, NULL, 10);
  open_options(set, seed);
  TRY(enf_energy_builtin(ctx, &moons, "toy:u6"));
  find_log_z();
  for (int c = 0; c < 2; c++)
    TRY(enf_create(ctx, &part[c], opts));
  boost(part);
  for (int c = 0; c < 2; c++)
    enf_destroy(part[c]);
  enf_energy_destroy(moons);
  enf_opts_destroy(opts);
  return 0;
}
