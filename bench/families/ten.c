/* ten.c -- eight Gaussians by boosting ten affine parts.

   Every part begins with a width of 0.5 at a row that is drawn by 1/G of the mixture so far, and is
   then trained by the mixture's likelihood: with train.steps 3 the likelihood of rows that count as
   1/G, after which every part is as wide as the data, a stationary point, is one step long. */
#include "host.h"

enum { PARTS = 10, PASSES = 3, STEPS = 1500, BATCH = 256, D = 2 };

static const double *data;
static size_t rows;

/* A row drawn by 1/G. */
static size_t draw_row(const enf_flow *mix) {
  double *logp = malloc(rows * sizeof *logp), sum = 0, most = -INFINITY;
  size_t i = (size_t)(uniform() * (double)rows);
  if (mix != NULL) {
    TRY(enf_log_prob(ctx, mix, rows, data, logp));
    for (size_t k = 0; k < rows; k++)
      most = fmax(most, -logp[k]);
    for (size_t k = 0; k < rows; k++)
      sum += exp(-logp[k] - most);
    sum *= uniform();
    for (i = 0; i + 1 < rows && (sum -= exp(-logp[i] - most)) > 0;)
      i++;
  }
  free(logp);
  return i;
}

static void train(enf_flow *flow, const enf_flow *beside, int steps) {
  static double batch[BATCH * D];
  size_t row[BATCH];
  enf_trainer *tr;
  TRY(enf_trainer_create(ctx, &tr, flow, opts));
  if (beside != NULL)
    TRY(enf_trainer_set_mixture(tr, beside));
  for (int k = 0; k < steps; k++) {
    TRY(enf_trainer_rows(tr, rows, BATCH, row));
    for (size_t i = 0; i < BATCH; i++)
      memcpy(batch + i * D, data + row[i] * D, D * sizeof *batch);
    TRY(enf_train_step(ctx, tr, BATCH, batch, NULL));
  }
  enf_trainer_destroy(tr);
}

static enf_flow *mix_of(size_t count, enf_flow *const *part) {
  enf_flow *mix;
  TRY(enf_mixture_create(ctx, &mix, count, (const enf_flow *const *)part, NULL));
  TRY(enf_mixture_fit(ctx, mix, rows, data, NULL, 200, NULL));
  return mix;
}

static void tell(const char *what, const enf_flow *mix, const enf_array *test) {
  const size_t n = enf_array_shape(test, 0);
  double *logp = malloc(n * sizeof *logp), mean = 0, square = 0;
  TRY(enf_log_prob(ctx, mix, n, enf_array_data(test), logp));
  for (size_t i = 0; i < n; i++)
    mean -= logp[i] / (double)n;
  for (size_t i = 0; i < n; i++)
    square += pow(logp[i] + mean, 2) / (double)n;
  printf("%s: NLL %.4f +- %.4f\n", what, mean, sqrt(square / (double)n));
  fflush(stdout);
  free(logp);
}

static enf_flow *begin(const enf_flow *mix) {
  const double *x = data + draw_row(mix) * D, W[] = {2, 0, 0, 2}, b[] = {-2 * x[0], -2 * x[1]};
  enf_flow *part;
  TRY(enf_create(ctx, &part, opts));
  TRY(enf_params_set(ctx, part, "linear.0.weight", W, 4));
  TRY(enf_params_set(ctx, part, "linear.0.bias", b, 2));
  return part;
}

/* All parts but one. */
static enf_flow *others(enf_flow *const *part, size_t but) {
  enf_flow *rest[PARTS];
  size_t count = 0;
  for (size_t c = 0; c < PARTS; c++)
    if (c != but)
      rest[count++] = part[c];
  return mix_of(count, rest);
}

static void ten(const enf_array *test) {
  enf_flow *part[PARTS], *mix = NULL;
  char what[64];
  for (size_t c = 0; c < PARTS; c++) {
    part[c] = begin(mix);
    train(part[c], mix, STEPS);
    enf_destroy(mix);
    mix = mix_of(c + 1, part);
    snprintf(what, sizeof what, "%zu parts", c + 1);
    tell(what, mix, test);
  }
  for (int pass = 2; pass < 2 + PASSES; pass++) {
    for (size_t c = 0; c < PARTS; c++) {
      enf_flow *rest = others(part, c);
      train(part[c], rest, STEPS);
      enf_destroy(rest);
    }
    enf_destroy(mix);
    mix = mix_of(PARTS, part);
    snprintf(what, sizeof what, "pass %d", pass);
    tell(what, mix, test);
  }
  train(mix, NULL, STEPS);
  tell("jointly", mix, test);
  enf_destroy(mix);
  for (size_t c = 0; c < PARTS; c++)
    enf_destroy(part[c]);
}

int run_ten(char **path, const char *seed) {
  static const char *const set[][2] = {{"model.space", "vector"},
                                       {"model.dimensions", "2"},
                                       {"model.map", "linear"},
                                       {"model.data_scale", "1"},
                                       {"train.steps", "3"},
                                       {"train.schedule", "constant"},
                                       {"train.lr", "1e-2"},
                                       {"train.ema", "0.99"},
                                       {"train.objective", "likelihood"},
                                       {"train.optimizer", "adamw"},
                                       {NULL, NULL}};
  enf_array *all, *test;
  state = strtoull(seed, NULL, 10);
  open_options(set, seed);
  TRY(enf_array_read(ctx, &all, path[0]));
  TRY(enf_array_read(ctx, &test, path[1]));
  data = enf_array_data(all);
  rows = enf_array_shape(all, 0);
  ten(test);
  enf_array_destroy(all);
  enf_array_destroy(test);
  enf_opts_destroy(opts);
  return 0;
}
