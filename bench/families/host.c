/* host.c -- what bench/families.sh needs besides the tool.

   usage: host ten DATA TEST [SEED]          eight Gaussians by boosting ten affine parts (ten.c)
          host moons [SEED]                  toy:u6 by boosting two of them by energy (moons.c)
          host walks CLOSED OPEN [SEED]      rows of two walks that never cross a barrier (walks.c)
          host turns FLOW DATA               how invariant log q is under C8
          host tail DATA LARGEST             tail index of the lengths of configurations
          host steps DIM BATCH N             time of a step of a linear map by either gradient
          host rows FILE DIM SPREAD N SEED   of a Gaussian of widths 1/sqrt(SPREAD) to sqrt(SPREAD)
 */
#include "host.h"
#include <time.h>

enf_ctx *ctx;
enf_opts *opts;
uint64_t state;

/* splitmix64 */
double uniform(void) {
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return ((double)((z ^ z >> 31) >> 12) + 0.5) / 4503599627370496.0;
}

double normal(void) { return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform()); }

void open_options(const char *const (*set)[2], const char *seed) {
  TRY(enf_opts_create(ctx, &opts));
  for (; (*set)[0]; set++)
    TRY(enf_opts_set(opts, (*set)[0], (*set)[1]));
  TRY(enf_opts_set(opts, "train.seed", seed));
}

/* ---- a Gaussian ------------------------------------------------------------------------------ */

/* Independent coordinates of those widths, turned by reflections that the dimension alone decides.
 */
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

/* ---- steps ------------------------------------------------------------------------------------
 */

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
  const char *const set[][2] = {{"model.space", "vector"},
                                {"model.map", "linear"},
                                {"model.data_scale", "1"},
                                {"train.objective", "likelihood"},
                                {"model.dimensions", dim},
                                {"train.optimizer", "adamw"},
                                {NULL, NULL}};
  open_options(set, "0");
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

/* ---- tails ------------------------------------------------------------------------------------
 */

/* Of the root of the sum of squares of mean-free configurations (n,N,D). */
static int run_tail(const char *path, size_t largest) {
  enf_array *rows;
  TRY(enf_array_read(ctx, &rows, path));
  const size_t n = enf_array_shape(rows, 0), N = enf_array_shape(rows, 1),
               D = enf_array_shape(rows, 2);
  const double *x = enf_array_data(rows);
  double *length = calloc(n, sizeof *length), index, err;
  for (size_t i = 0; i < n; i++, x += N * D) {
    for (size_t d = 0; d < D; d++) {
      double mean = 0;
      for (size_t p = 0; p < N; p++)
        mean += x[p * D + d] / (double)N;
      for (size_t p = 0; p < N; p++)
        length[i] += pow(x[p * D + d] - mean, 2);
    }
    length[i] = sqrt(length[i]);
  }
  TRY(enf_tail_index(ctx, n, length, largest, &index, &err));
  printf("tail index of the largest %zu of %zu: %.3f +- %.3f\n", largest, n, index, err);
  free(length);
  enf_array_destroy(rows);
  return 0;
}

/* ---- symmetry ---------------------------------------------------------------------------------
 */

/* How far log q of the first thousand rows in the plane is from that of rows turned by k/8 of a
 * circle. */
static int run_turns(const char *file, const char *data) {
  enum { ROWS = 1000, TURNS = 8 };
  static double y[ROWS * 2], straight[ROWS], turned[ROWS];
  double most = 0;
  enf_flow *flow;
  enf_array *rows;
  TRY(enf_load(ctx, &flow, file));
  TRY(enf_array_read(ctx, &rows, data));
  const double *x = enf_array_data(rows);
  TRY(enf_log_prob(ctx, flow, ROWS, x, straight));
  for (int k = 1; k < TURNS; k++) {
    const double c = cos(6.283185307179586 * k / TURNS), s = sin(6.283185307179586 * k / TURNS);
    for (size_t i = 0; i < ROWS; i++) {
      y[2 * i] = c * x[2 * i] - s * x[2 * i + 1];
      y[2 * i + 1] = s * x[2 * i] + c * x[2 * i + 1];
    }
    TRY(enf_log_prob(ctx, flow, ROWS, y, turned));
    for (size_t i = 0; i < ROWS; i++)
      most = fmax(most, fabs(turned[i] - straight[i]));
  }
  printf("largest difference of log q under the turns of C8: %.1e\n", most);
  enf_array_destroy(rows);
  enf_destroy(flow);
  return 0;
}

static int usage(void) {
  fprintf(stderr,
          "usage: host ten DATA TEST [SEED] | host moons [SEED] | host walks CLOSED OPEN [SEED]\n"
          "       host turns FLOW DATA | host tail DATA LARGEST | host steps DIM BATCH N\n"
          "       host rows FILE DIM SPREAD N SEED\n");
  return 2;
}

static int run(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if ((argc == 4 || argc == 5) && !strcmp(what, "ten"))
    return run_ten(argv + 2, argc == 5 ? argv[4] : "0");
  if ((argc == 4 || argc == 5) && !strcmp(what, "walks"))
    return run_walks(argv + 2, argc == 5 ? argv[4] : "0");
  if ((argc == 2 || argc == 3) && !strcmp(what, "moons"))
    return run_moons(argc == 3 ? argv[2] : "0");
  if (argc == 4 && !strcmp(what, "turns"))
    return run_turns(argv[2], argv[3]);
  if (argc == 4 && !strcmp(what, "tail"))
    return run_tail(argv[2], strtoull(argv[3], NULL, 10));
  if (argc == 5 && !strcmp(what, "steps"))
    return run_steps(argv[2], atoi(argv[3]), atoi(argv[4]));
  if (argc == 7 && !strcmp(what, "rows"))
    return run_rows(argv[2], strtoull(argv[3], NULL, 10), strtod(argv[4], NULL),
                    strtoull(argv[5], NULL, 10), strtoull(argv[6], NULL, 10));
  return usage();
}

int main(int argc, char **argv) {
  if (enf_ctx_create(&ctx, NULL) != ENF_OK)
    return 1;
  const int result = run(argc, argv);
  enf_ctx_destroy(ctx);
  return result;
}
