/* host.c -- what bench/families.sh needs besides the tool: eight Gaussians by boosting ten affine parts,
   and rows of a Gaussian with a condition.

   usage: host ten DATA TEST [SEED]          parts, second passes, then all together
          host steps DIM BATCH N             processor time of a step of a linear map by either gradient
          host rows FILE DIM SPREAD N SEED   standard deviations from 1/sqrt(SPREAD) to sqrt(SPREAD)

   Every part begins with a width of 0.5 at a row that is drawn by 1/G of the mixture so far, and is
   then trained by the mixture's likelihood: with train.steps 3 the likelihood of rows that count as 1/G,
   after which every part is as wide as the data, a stationary point, is one step long. Nothing but the
   library's public calls. */
#include <enf/enf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PARTS = 10, PASSES = 3, STEPS = 1500, BATCH = 256, D = 2 };

static enf_ctx *ctx;
static enf_opts *opts;
static const double *data;
static size_t rows;
static uint64_t state;

#define TRY(call)                                                                                  \
  do {                                                                                             \
    if ((call) != ENF_OK) {                                                                        \
      fprintf(stderr, "%s: %s\n", #call, enf_ctx_errmsg(ctx));                                     \
      exit(1);                                                                                     \
    }                                                                                              \
  } while (0)

/* splitmix64; u in (0,1) */
static double uniform(void) {
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return ((double)((z ^ z >> 31) >> 12) + 0.5) / 4503599627370496.0;
}

static double normal(void) { return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform()); }

/* ---- ten parts ------------------------------------------------------------------------------- */

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

static int run_ten(char **path, const char *seed) {
  const char *const set[][2] = {{"model.space", "vector"},    {"model.dimensions", "2"},
                                {"model.map", "linear"},      {"model.data_scale", "1"},
                                {"train.steps", "3"},         {"train.schedule", "constant"},
                                {"train.lr", "1e-2"},         {"train.ema", "0.99"},
                                {"train.objective", "likelihood"}, {"train.optimizer", "adamw"}};
  enf_array *all, *test;
  state = strtoull(seed, NULL, 10);
  TRY(enf_opts_create(ctx, &opts));
  for (size_t k = 0; k < sizeof set / sizeof *set; k++)
    TRY(enf_opts_set(opts, set[k][0], set[k][1]));
  TRY(enf_opts_set(opts, "train.seed", seed));
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

/* ---- a Gaussian ------------------------------------------------------------------------------ */

/* Independent coordinates of those widths, turned by reflections that the dimension alone decides. */
static int run_rows(const char *path, size_t dim, double spread, size_t n, uint64_t seed) {
  enum { MIRRORS = 8 };
  double *x = malloc(n * dim * sizeof *x), *mirror = malloc(MIRRORS * dim * sizeof *mirror);
  const size_t shape[] = {n, dim};
  state = 12345;
  for (size_t m = 0; m < MIRRORS; m++) {
    double square = 0;
    for (size_t k = 0; k < dim; k++) {
      mirror[m * dim + k] = normal();
      square += pow(mirror[m * dim + k], 2);
    }
    for (size_t k = 0; k < dim; k++)
      mirror[m * dim + k] *= sqrt(2 / square);
  }
  state = seed;
  double nll = 0.5 * (double)dim * log(6.283185307179586); /* the determinant is 1 */
  for (size_t i = 0; i < n; i++) {
    double *row = x + i * dim;
    for (size_t k = 0; k < dim; k++) {
      row[k] = normal();
      nll += 0.5 * row[k] * row[k] / (double)n;
      row[k] *= pow(spread, (double)k / (double)(dim - 1) - 0.5);
    }
    for (size_t m = 0; m < MIRRORS; m++) {
      const double *v = mirror + m * dim;
      double dot = 0;
      for (size_t k = 0; k < dim; k++)
        dot += v[k] * row[k];
      for (size_t k = 0; k < dim; k++)
        row[k] -= dot * v[k];
    }
  }
  printf("exact NLL %.6f\n", nll);
  TRY(enf_array_write(ctx, path, "f8", 2, shape, NULL, x));
  free(mirror);
  free(x);
  return 0;
}

/* ---- steps ------------------------------------------------------------------------------------ */

/* In turn, the median of n of each. */
static double median(int n, double *v) {
  for (int i = 1; i < n; i++)
    for (int k = i; k > 0 && v[k] < v[k - 1]; k--) {
      const double keep = v[k];
      v[k] = v[k - 1];
      v[k - 1] = keep;
    }
  return n % 2 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

static int run_steps(const char *dim, int batch, int n) {
  static const char *const gradient[] = {"exact", "self-normalizing"};
  const size_t count = (size_t)batch * strtoull(dim, NULL, 10);
  double *x = malloc(count * sizeof *x), *seconds[2];
  enf_flow *flow[2];
  enf_trainer *tr[2];
  for (size_t k = 0; k < count; k++)
    x[k] = normal();
  TRY(enf_opts_create(ctx, &opts));
  const char *const set[][2] = {{"model.space", "vector"}, {"model.map", "linear"},
                                {"model.data_scale", "1"}, {"train.objective", "likelihood"},
                                {"model.dimensions", dim}, {"train.optimizer", "adamw"}};
  for (size_t k = 0; k < sizeof set / sizeof *set; k++)
    TRY(enf_opts_set(opts, set[k][0], set[k][1]));
  for (int g = 0; g < 2; g++) {
    seconds[g] = malloc((size_t)n * sizeof **seconds);
    TRY(enf_opts_set(opts, "model.linear_gradient", gradient[g]));
    TRY(enf_create(ctx, &flow[g], opts));
    TRY(enf_trainer_create(ctx, &tr[g], flow[g], opts));
  }
  for (int k = -1; k < n; k++) /* the first one warms up */
    for (int g = 0; g < 2; g++) {
      const clock_t before = clock();
      TRY(enf_train_step(ctx, tr[g], (size_t)batch, x, NULL));
      if (k >= 0)
        seconds[g][k] = (double)(clock() - before) / CLOCKS_PER_SEC;
    }
  for (int g = 0; g < 2; g++)
    printf("%s: %.3f s\n", gradient[g], median(n, seconds[g]));
  for (int g = 0; g < 2; g++) {
    enf_trainer_destroy(tr[g]);
    enf_destroy(flow[g]);
    free(seconds[g]);
  }
  enf_opts_destroy(opts);
  free(x);
  return 0;
}

int main(int argc, char **argv) {
  if (enf_ctx_create(&ctx, NULL) != ENF_OK)
    return 1;
  int result = 2;
  if ((argc == 4 || argc == 5) && !strcmp(argv[1], "ten"))
    result = run_ten(argv + 2, argc == 5 ? argv[4] : "0");
  else if (argc == 5 && !strcmp(argv[1], "steps"))
    result = run_steps(argv[2], atoi(argv[3]), atoi(argv[4]));
  else if (argc == 7 && !strcmp(argv[1], "rows"))
    result = run_rows(argv[2], strtoull(argv[3], NULL, 10), strtod(argv[4], NULL),
                      strtoull(argv[5], NULL, 10), strtoull(argv[6], NULL, 10));
  else
    fprintf(stderr, "usage: host ten DATA TEST [SEED] | host steps DIM BATCH N | host rows FILE DIM SPREAD N SEED\n");
  enf_ctx_destroy(ctx);
  return result;
}
