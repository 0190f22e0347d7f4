/* mixture_fit.c -- the weights of a mixture by expectation and maximisation (Dempster, Laird, Rubin
   1977), and the share of its parts in a density.

     r_ic = rho_c g_c(x_i)/G(x_i),   rho_c <- sum_i w_i r_ic / sum_i w_i, not below LEAST_WEIGHT */
#include "flow/mixture.h"

void enf__mixture_em(size_t n, size_t C, const double *logp, const double *w, double *rho,
                     double *mean) {
  double next[ENF__MIXTURE_PARTS] = {0}, share[ENF__MIXTURE_PARTS], all = 0, sum = 0, least = 0;
  for (size_t i = 0; i < n; i++) {
    const double weight = w ? w[i] : 1;
    if (weight == 0)
      continue;
    for (size_t c = 0; c < C; c++)
      share[c] = log(rho[c]) + logp[i * C + c];
    const double total = enf__log_sum(C, share);
    for (size_t c = 0; c < C; c++)
      next[c] += weight * exp(share[c] - total);
    all += weight;
    sum += weight * total;
  }
  for (size_t c = 0; c < C; c++) {
    rho[c] = fmax(next[c] / all, ENF__LEAST_WEIGHT);
    least += rho[c];
  }
  for (size_t c = 0; c < C; c++)
    rho[c] /= least;
  if (mean)
    *mean = sum / all;
}

/* log rho_c g_c (n,C) of rows. */
static enf_status score(enf_ctx *ctx, const enf_flow *mix, size_t n, const double *x,
                        double *each) {
  const enf__argument arrays[] = {{"x", x}};
  const enf_status status = enf__batch_check(ctx, mix, n, 1, arrays);
  enf__transit transit = {.flow = mix, .n = n, .t0 = 1, .t1 = 0, .logdet = true, .x = x};
  return status == ENF_OK ? enf__mixture_transit(ctx, &transit, each) : status;
}

enf_status enf_mixture_responsibilities(enf_ctx *ctx, const enf_flow *mix, size_t n,
                                        const double *x, double *r) {
  ENF__ENTRY;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  TRY(enf__mixture_check(ctx, mix));
  if (!r && n > 0)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "r is NULL"));
  status = score(ctx, mix, n, x, r);
  for (size_t i = 0; i < n; i++) {
    double *row = r + i * mix->parts;
    const double total = enf__log_sum(mix->parts, row);
    for (size_t c = 0; c < mix->parts; c++)
      row[c] = exp(row[c] - total);
  }
out:
  return status;
}

/* logw (n) -> w (n), the largest 1. */
static enf_status weigh(enf_ctx *ctx, size_t n, const double *logw, double *w) {
  double top = -INFINITY;
  for (size_t i = 0; i < n; i++) {
    if (!(logw[i] < INFINITY))
      return enf__fail(ctx, ENF_ERR_NONFINITE, "logw %zu is %g", i, logw[i]);
    top = fmax(top, logw[i]);
  }
  if (top == -(double)INFINITY)
    return enf__fail(ctx, ENF_ERR_NONFINITE, "no row has a weight above 0");
  for (size_t i = 0; i < n; i++)
    w[i] = exp(logw[i] - top);
  return ENF_OK;
}

static enf_status check_fit(enf_ctx *ctx, const enf_flow *mix, size_t n) {
  const enf_status status = enf__mixture_check(ctx, mix);
  if (status == ENF_OK && n == 0)
    return enf__fail(ctx, ENF_ERR_ARG, "n is 0: there is nothing to fit weights to");
  return status;
}

/* EM from the weights that there are; the mean of log G behind the last step. */
static void iterate(enf_flow *mix, size_t n, double *logp, const double *w, size_t iterations,
                    double *mean) {
  const size_t C = mix->parts;
  double rho[ENF__MIXTURE_PARTS], last[ENF__MIXTURE_PARTS];
  for (size_t c = 0; c < C; c++)
    rho[c] = exp(mix->log_weight[c]);
  for (size_t i = 0; i < n * C; i++)
    logp[i] -= mix->log_weight[i % C];
  for (size_t k = 0; k < iterations; k++)
    enf__mixture_em(n, C, logp, w, rho, NULL);
  for (size_t c = 0; c < C; c++) {
    last[c] = rho[c];
    if (iterations > 0)
      mix->params.value[c] = log(rho[c]);
  }
  enf__mixture_em(n, C, logp, w, last, mean);
  enf__flow_pack(mix);
}

enf_status enf_mixture_fit(enf_ctx *ctx, enf_flow *mix, size_t n, const double *x,
                           const double *logw, size_t iterations, double *mean_logp) {
  ENF__ENTRY;
  double *work = NULL, mean;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  TRY(check_fit(ctx, mix, n));
  if (n < SIZE_MAX / (mix->parts + 1))
    work = enf__alloc_array(&ctx->alloc, n * (mix->parts + 1), sizeof *work);
  if (!work)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for the densities of %zu rows", n));
  double *w = logw ? work + n * mix->parts : NULL;
  if (logw)
    TRY(weigh(ctx, n, logw, w));
  TRY(score(ctx, mix, n, x, work));
  iterate(mix, n, work, w, iterations, &mean);
  if (mean_logp)
    *mean_logp = mean;
out:
  enf__free(&ctx->alloc, work);
  return status;
}
