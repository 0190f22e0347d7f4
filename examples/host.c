/* host.c -- the program of README.md: sample a trained flow, reweight to the host's own energy. */
#include <enf/enf.h>
#include <math.h>
#include <stdio.h>

enum { n = 500, N = 4, D = 2 };
static double x[n][N][D], logp[n], u[n], logw[n];

static int my_energy(void) { /* the simulation code's own: here a double well for every pair */
  for (int s = 0; s < n; ++s)
    for (int i = 0; i < N; ++i)
      for (int j = 0; j < i; ++j) {
        double d = hypot(x[s][i][0] - x[s][j][0], x[s][i][1] - x[s][j][1]) - 4;
        u[s] += 0.9 * d * d * d * d - 4 * d * d;
      }
  return 0;
}

/* Samples that fail are NaN, which weighs nothing, and all others are good. */
static int draw(enf_ctx *ctx, const enf_flow *flow) {
  double failed = 0;
  enf_status status = enf_sample(ctx, flow, 1, 0, n, x[0][0], logp); /* stream 1, from sample 0 */
  enf_ctx_stat(ctx, "failed", &failed);
  for (size_t s = 0; s < n && failed > 0; ++s)
    if (enf_sample_status(ctx, s) != ENF_OK)
      fprintf(stderr, "sample %zu: %s\n", s, enf_strerror(enf_sample_status(ctx, s)));
  return status != ENF_OK && failed == 0;
}

int main(void) {
  enf_weights w = ENF_WEIGHTS_INIT;
  enf_flow *flow = NULL;
  enf_ctx *ctx = NULL;
  int failed = enf_ctx_create(&ctx, NULL) || enf_load(ctx, &flow, "dw4.safetensors") ||
               draw(ctx, flow) || my_energy() || enf_reweight(ctx, n, logp, u, logw, &w);
  if (failed)
    fprintf(stderr, "%s\n", enf_ctx_errmsg(ctx));
  else
    printf("ESS %.0f %%   log Z %.3f +- %.3f   k-hat %.2f\n", 100 * w.ess, w.log_z, w.log_z_err,
           w.khat);
  enf_destroy(flow);
  enf_ctx_destroy(ctx);
  return failed;
}
