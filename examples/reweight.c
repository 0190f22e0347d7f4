/* reweight.c -- turn samples of a flow into averages of the true ensemble.

   Weights w = exp(-u)/q turn averages over flow samples into Boltzmann averages. Their effective
   sample size says how good the flow is; their mean is the partition function, whose logarithm is
   known here: 29.66723.
   usage: reweight [count]      reads dw4.safetensors */
#include <enf/enf.h>
#include <stdio.h>
#include <stdlib.h>

enum { COORDINATES = 4 * 2 };
static const double exact_log_z = 29.667232, exact_mean_u = -22.54151;

typedef struct {
  double *x, *logp, *u, *logw; /* x (n,4,2), the others (n) */
} arrays;

/* 0 for success, as in the library. */
static int make_arrays(arrays *a, size_t n) {
  a->x = malloc(n * COORDINATES * sizeof *a->x);
  a->logp = malloc(n * sizeof *a->logp);
  a->u = malloc(n * sizeof *a->u);
  a->logw = malloc(n * sizeof *a->logw);
  return !a->x || !a->logp || !a->u || !a->logw;
}

static void free_arrays(arrays *a) {
  free(a->x);
  free(a->logp);
  free(a->u);
  free(a->logw);
}

static int reweight(enf_ctx *ctx, const enf_flow *flow, enf_energy *energy, size_t n, arrays *a) {
  enf_weights w = ENF_WEIGHTS_INIT;
  if (enf_sample(ctx, flow, 7, 0, n, a->x, a->logp) ||
      enf_energy_eval(energy, n, a->x, a->u, NULL) ||
      enf_reweight(ctx, n, a->logp, a->u, a->logw, &w))
    return 1;

  double plain, weighted, err;
  if (enf_average(ctx, n, NULL, 1, a->u, &plain, NULL) ||
      enf_average(ctx, n, a->logw, 1, a->u, &weighted, &err))
    return 1;
  printf("effective sample size %.1f %% of %zu, largest weight %.1f %%, k-hat %.2f\n", 100 * w.ess,
         n, 100 * w.max_weight, w.khat);
  printf("log Z  %9.4f +- %.4f   exact %.4f\n", w.log_z, w.log_z_err, exact_log_z);
  printf("<u>    %9.4f +- %.4f   exact %.4f, without weights %.4f\n", weighted, err, exact_mean_u,
         plain);
  return 0;
}

int main(int argc, char **argv) {
  const size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 500;
  enf_ctx *ctx = NULL;
  enf_flow *flow = NULL;
  enf_energy *energy = NULL;
  arrays a = {NULL, NULL, NULL, NULL};

  const int failed = enf_ctx_create(&ctx, NULL) || enf_load(ctx, &flow, "dw4.safetensors") ||
                     enf_energy_builtin(ctx, &energy, "dw4") || make_arrays(&a, n) ||
                     reweight(ctx, flow, energy, n, &a);
  if (failed)
    fprintf(stderr, "reweight: %s\n", enf_ctx_errmsg(ctx));

  free_arrays(&a);
  enf_energy_destroy(energy);
  enf_destroy(flow);
  enf_ctx_destroy(ctx);
  return failed;
}
