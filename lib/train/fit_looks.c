/* fit_looks.c -- looks at a validation set while a flow is trained.

   A look is the mean NLL of some rows, always the same, at loose tolerances, with Hutchinson's
   estimate of the divergence: its probes are functions of the row, so they are the same at every
   look, and most of the noise cancels in the difference between two looks,

     gain = lead + mean_i (NLL_i of the kept flow - NLL_i now) +- its error,

   which is what decides. The error is the largest standard error of a change since the best look.
   `lead` is what the kept flow has gained over the best look, the last whose gain was no less than
   its error. A flow is kept if it is not worse than that by more than the error, which any flow no
   worse than the kept one is not: a later flow is the likelier to be good, and the best of many
   noisy looks is not. Gains and losses are always over the best look, so small ones do not go
   unseen by adding up. The row that changed most has no part in the error: a single row would have
   an error as large as its loss, however large, and decide nothing.

   The rows of the kept flow are in no file: they follow from the flow, which is. */
#include "train/fit_looks.h"
#include "core/options.h"
#include "flow/batch.h"
#include <math.h>

/* ---- densities ------------------------------------------------------------------------------- */

/* One probe, unless the exact divergence costs less. */
static void loosen(enf__run *run, const enf_flow *flow) {
  const enf__field *field = enf__chain_field(&flow->chain);
  run->ode_method = ENF__DOPRI5;
  run->rtol = run->atol = 1e-4;
  run->max_steps = (size_t)enf__opts_int(NULL, ENF__OPT_ODE_MAX_STEPS);
  run->logdet_method =
      field && enf__field_closed(field) ? ENF__LOGDET_COUPLED : ENF__LOGDET_HUTCHINSON;
  run->probes = 1;
  run->probe = ENF__RADEMACHER;
}

enf_status enf__look_cheaply(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                             const double *temperature, double *own, double *logp) {
  const enf__run run = ctx->run;
  loosen(&ctx->run, flow);
  const enf_status status =
      x ? enf__log_prob_tempered(ctx, flow, n, x, temperature, logp)
        : enf_sample(ctx, flow, 0, 0, n, own, logp);
  ctx->run = run;
  const bool some_failed = ctx->stats.failed > 0 && status != ENF_ERR_CANCELLED;
  return some_failed ? ENF_OK : status;
}

static enf_status find_nll(enf_ctx *ctx, const enf__looks *looks, const enf_flow *flow,
                           double *nll) {
  const enf_status status = enf__look_cheaply(ctx, flow, looks->n, looks->x, looks->temperature, NULL, nll);
  for (size_t i = 0; i < looks->n; i++)
    nll[i] = -nll[i];
  return status;
}

/* ---- comparing --------------------------------------------------------------------------------
 */

/* Of the numbers that are. */
static void find_mean(size_t n, const double *values, double *mean, double *error) {
  size_t used = 0;
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++)
    if (isfinite(values[i])) {
      sum += values[i];
      used++;
    }
  *mean = used > 0 ? sum / (double)used : (double)NAN;
  for (size_t i = 0; i < n; i++)
    if (isfinite(values[i]))
      squares += (values[i] - *mean) * (values[i] - *mean);
  *error = used > 1 ? sqrt(squares / (double)(used - 1) / (double)used) : (double)NAN;
}

/* The gain in a row; one that has failed now and had not, or the other way, decides it all. */
static double row_gain(double before, double now) {
  if (isfinite(before) && isfinite(now))
    return before - now;
  return isfinite(now) ? (double)INFINITY : isfinite(before) ? -(double)INFINITY : 0;
}

static void compare(const enf__looks *looks, enf__look *look) {
  const size_t n = looks->n;
  double sum = 0, squares = 0, largest = 0;
  for (size_t i = 0; i < n; i++)
    sum += row_gain(looks->kept[i], looks->now[i]);
  const double change = sum / (double)n;
  for (size_t i = 0; i < n; i++) {
    const double d = row_gain(looks->kept[i], looks->now[i]) - change;
    squares += d * d;
    largest = fmax(largest, d * d);
  }
  const double error =
      isfinite(change) && n > 2 ? sqrt((squares - largest) / (double)(n - 2) / (double)n) : 0;
  look->gain = looks->lead + change;
  look->gain_err = fmax(looks->lead_err, error);
}

/* ---- looks ------------------------------------------------------------------------------------
 */

bool enf__look_is_due(const enf__looks *looks, uint64_t step, bool ended) {
  if (looks->every == 0 || (looks->count > 0 && looks->last_step == step))
    return false;
  return step % looks->every == 0 || ended;
}

enf_status enf__look_take(enf_ctx *ctx, enf__looks *looks, const enf_flow *flow, enf__look *look) {
  const enf_status status = find_nll(ctx, looks, flow, looks->now);
  if (status != ENF_OK)
    return status;
  look->gain = look->gain_err = (double)NAN;
  find_mean(looks->n, looks->now, &look->nll, &look->nll_err);
  if (looks->count > 0)
    compare(looks, look);
  return ENF_OK;
}

enf_status enf__look_recall(enf_ctx *ctx, enf__looks *looks, const enf_flow *kept) {
  return find_nll(ctx, looks, kept, looks->kept);
}

bool enf__look_count(enf__looks *looks, const enf__look *look) {
  const bool first = looks->count == 0;
  const bool better = first || look->gain >= look->gain_err;
  const bool keep = first || look->gain >= -look->gain_err;
  looks->count++;
  looks->last_step = look->step;
  looks->stale = better ? 0 : looks->stale + 1;
  if (keep) {
    double *swap = looks->kept;
    looks->kept = looks->now;
    looks->now = swap;
    looks->kept_step = look->step;
    looks->lead = better ? 0 : look->gain;
    looks->lead_err = better ? 0 : look->gain_err;
  }
  return keep;
}

bool enf__look_is_enough(const enf__looks *looks) {
  return looks->patience > 0 && looks->stale >= looks->patience;
}
