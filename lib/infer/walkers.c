/* walkers.c -- calls inside of a call: samples and densities of the flow, energies of the host. */
#include "infer/walkers.h"
#include "flow/flow.h"
#include "math/finite.h"
#include <math.h>
#include <string.h>

/* ---- progress and statistics ----------------------------------------------------------------- */

static int forward(void *user, uint64_t done, uint64_t total) {
  const enf__walkers *w = user;
  const double share = total ? (double)done / (double)total : 0;
  return w->progress(w->progress_user, w->done + (uint64_t)((double)w->part * share), w->total);
}

void enf__walkers_begin(enf__walkers *w) {
  w->size = enf__space_host(&w->flow->space);
  w->progress = w->ctx->progress;
  w->progress_user = w->ctx->progress_user;
  if (!w->progress)
    return;
  w->ctx->progress = forward;
  w->ctx->progress_user = w;
}

void enf__walkers_end(enf__walkers *w) {
  w->ctx->progress = w->progress;
  w->ctx->progress_user = w->progress_user;
  w->ctx->stats = w->stats;
}

static void add_stats(enf__walkers *w) {
  const enf__stats *s = &w->ctx->stats;
  w->stats.failed += s->failed;
  w->stats.steps += s->steps;
  w->stats.velocities += s->velocities;
  w->stats.divergences += s->divergences;
  w->stats.logdet_error = fmax(w->stats.logdet_error, s->logdet_error);
  w->stats.logdet_unmet += s->logdet_unmet;
  w->stats.seconds += s->seconds;
}

/* ---- the flow -------------------------------------------------------------------------------- */

/* That some samples failed is no failure of the call around. */
static enf_status settle(enf__walkers *w, enf_status status) {
  const bool of_samples = status != ENF_ERR_CANCELLED && status != ENF_ERR_NOMEM;
  const bool some_failed = w->ctx->stats.failed > 0;
  add_stats(w);
  if (status == ENF_OK || !of_samples || !some_failed)
    return status;
  w->ctx->errmsg[0] = 0;
  return ENF_OK;
}

enf_status enf__walkers_sample(enf__walkers *w, uint64_t seed, uint64_t first, size_t n, double *x,
                               double *logq) {
  return settle(w, enf_sample(w->ctx, w->flow, seed, first, n, x, logq));
}

enf_status enf__walkers_density(enf__walkers *w, size_t n, const double *x, double *logq,
                                double *grad) {
  if (!grad)
    return settle(w, enf_log_prob(w->ctx, w->flow, n, x, logq));
  const enf_status status = settle(w, enf_log_prob_grad(w->ctx, w->flow, n, x, logq, grad));
  for (size_t i = 0; i < n; i++) {
    if (isfinite(logq[i]) && enf__all_finite(w->size, grad + i * w->size))
      continue;
    logq[i] = NAN;
    memset(grad + i * w->size, 0, w->size * sizeof *grad);
  }
  return status;
}

/* ---- the host -------------------------------------------------------------------------------- */

static enf_status ask(enf__walkers *w, size_t n, const double *x, double *u, double *grad) {
  return enf__host_energy(w->ctx, w->fn, w->user, n, x, u, grad);
}

static void make_impossible(const enf__walkers *w, size_t i, double *u, double *grad) {
  u[i] = INFINITY;
  if (grad)
    memset(grad + i * w->size, 0, w->size * sizeof *grad);
}

static bool is_finite(const enf__walkers *w, const double *x, size_t i) {
  return enf__all_finite(w->size, x + i * w->size);
}

enf_status enf__walkers_energy(enf__walkers *w, size_t n, const double *x, double *u,
                               double *grad) {
  enf_status status = ENF_OK;
  for (size_t i = 0, end; i < n && status == ENF_OK; i = end + 1) {
    for (end = i; end < n && is_finite(w, x, end); end++)
      ;
    if (end > i)
      status = ask(w, end - i, x + i * w->size, u + i, grad ? grad + i * w->size : NULL);
    if (end < n)
      make_impossible(w, end, u, grad);
  }
  for (size_t i = 0; i < n && status == ENF_OK; i++)
    if (!isfinite(u[i]) || (grad && !is_finite(w, grad, i)))
      make_impossible(w, i, u, grad);
  return status;
}
