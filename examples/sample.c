/* sample.c -- draw configurations from a trained flow and write them as .npy, with their densities.

   usage: sample [count [seed]]      reads dw4.safetensors, writes samples.npy and logp.npy */
#include <enf/enf.h>
#include <stdio.h>
#include <stdlib.h>

/* The shape (n,N,D) of n configurations of this flow; 0 for success, as in the library. */
static int get_shape(const enf_flow *flow, size_t n, size_t shape[3]) {
  int64_t particles = 0, dimensions = 0;
  if (enf_get_int(flow, "particles", &particles) || enf_get_int(flow, "dimensions", &dimensions))
    return 1;
  shape[0] = n;
  shape[1] = (size_t)particles;
  shape[2] = (size_t)dimensions;
  return 0;
}

static void report(const enf_ctx *ctx, size_t n, const double *logp) {
  double mean = 0, velocities = 0, error = 0;
  for (size_t i = 0; i < n; ++i)
    mean += logp[i] / (double)n;
  printf("%zu samples, mean log-density %.3f\n", n, mean);
  if (enf_ctx_stat(ctx, "velocities", &velocities) == ENF_OK &&
      enf_ctx_stat(ctx, "logdet_error", &error) == ENF_OK)
    printf("%.0f velocities per sample, estimated error of the log-density %.1e\n",
           velocities / (double)n, error);
}

static int sample(enf_ctx *ctx, const enf_flow *flow, size_t n, uint64_t seed) {
  size_t shape[3];
  if (get_shape(flow, n, shape))
    return 1;
  double *x = malloc(n * shape[1] * shape[2] * sizeof *x);
  double *logp = malloc(n * sizeof *logp);
  int failed = !x || !logp || enf_sample(ctx, flow, seed, 0, n, x, logp);
  if (!failed)
    report(ctx, n, logp);
  failed = failed || enf_array_write(ctx, "samples.npy", "f8", 3, shape, NULL, x) ||
           enf_array_write(ctx, "logp.npy", "f8", 1, shape, NULL, logp);
  free(x);
  free(logp);
  return failed;
}

int main(int argc, char **argv) {
  const size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 200;
  const uint64_t seed = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
  enf_ctx *ctx = NULL;
  enf_flow *flow = NULL;

  const int failed = enf_ctx_create(&ctx, NULL) || enf_load(ctx, &flow, "dw4.safetensors") ||
                     sample(ctx, flow, n, seed);
  if (failed)
    fprintf(stderr, "sample: %s\n", enf_ctx_errmsg(ctx));

  enf_destroy(flow);
  enf_ctx_destroy(ctx);
  return failed;
}
