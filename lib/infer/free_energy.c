/* free_energy.c -- differences of free energy: by Bennett's acceptance ratio, and of states by the
   weights of their samples.

   Bennett (1976, J. Comput. Phys. 22, 245, eq. 10-12): with M = log(n_F / n_R) and the works w of
   going forward on samples of 0 and in reverse on samples of 1, F_1 - F_0 is the c at which

     sum_F f(M + w - c) = sum_R f(-M + w + c),   f(x) = 1 / (1 + exp x).

   The left side grows with c and the right side falls, so the root is unique; it is bisected. The
   variance is that of Bennett's eq. 10a, sum over both of (<f^2>/<f>^2 - 1)/n, for independent
   samples. */
#include "core/core.h"
#include <enf/infer.h>
#include <math.h>

typedef struct {
  const char *name;
  size_t n;
  const double *work; /* (n) */
  double shift;       /* of work in f, without c */
  double sign;        /* of c in f */
} side;

static double fermi(double x) { return 1 / (1 + exp(x)); }

static double fermi_sum(const side *s, double c, double *squares) {
  double sum = 0;
  *squares = 0;
  for (size_t i = 0; i < s->n; i++) {
    const double f = fermi(s->shift + s->work[i] + s->sign * c);
    sum += f;
    *squares += f * f;
  }
  return sum;
}

/* Above 0 where c is above the root. */
static double imbalance(const side s[2], double c) {
  double squares;
  return fermi_sum(&s[0], c, &squares) - fermi_sum(&s[1], c, &squares);
}

/* The root lies where some f leaves 0 or 1: between these, with a margin that grows until it
   does. */
static void bracket(const side s[2], double *low, double *high) {
  *low = INFINITY;
  *high = -INFINITY;
  for (int k = 0; k < 2; k++)
    for (size_t i = 0; i < s[k].n; i++) {
      const double c = -s[k].sign * (s[k].shift + s[k].work[i]);
      if (isinf(c))
        continue;
      *low = fmin(*low, c);
      *high = fmax(*high, c);
    }
  double margin = 1;
  while (imbalance(s, *low - margin) > 0 || imbalance(s, *high + margin) < 0)
    margin *= 2;
  *low -= margin;
  *high += margin;
}

static double bisect(const side s[2]) {
  double low, high;
  bracket(s, &low, &high);
  while (high - low > 1e-13 * (1 + fabs(low) + fabs(high))) {
    const double middle = low + 0.5 * (high - low);
    *(imbalance(s, middle) > 0 ? &high : &low) = middle;
  }
  return low + 0.5 * (high - low);
}

static double variance(const side s[2], double c) {
  double sum = 0;
  for (int k = 0; k < 2; k++) {
    double squares;
    const double f = fermi_sum(&s[k], c, &squares);
    sum += f > 0 ? squares / (f * f) - 1 / (double)s[k].n : (double)INFINITY;
  }
  return sum;
}

/* +infinity is a move to where the other density is 0. */
static bool usable(double work) { return work == (double)INFINITY || fabs(work) <= 1e300; }

static enf_status check_side(enf_ctx *ctx, const side *s) {
  bool overlap = false;
  if (s->n == 0)
    return enf__fail(ctx, ENF_ERR_ARG, "%s holds no work: both directions are needed", s->name);
  if (!s->work)
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", s->name);
  for (size_t i = 0; i < s->n; i++) {
    if (!usable(s->work[i]))
      return enf__fail(ctx, ENF_ERR_NONFINITE,
                       "%s[%zu] is %g: a work is a number up to 1e300, or +infinity", s->name, i,
                       s->work[i]);
    overlap |= isfinite(s->work[i]);
  }
  if (!overlap)
    return enf__fail(ctx, ENF_ERR_NONFINITE, "every work in %s is +infinity: there is no overlap",
                     s->name);
  return ENF_OK;
}

enf_status enf_bar(enf_ctx *ctx, size_t n_forward, const double *forward, size_t n_reverse,
                   const double *reverse, double *difference, double *err) {
  const double M = log((double)n_forward / (double)n_reverse);
  const side s[2] = {{"forward", n_forward, forward, M, -1},
                     {"reverse", n_reverse, reverse, -M, 1}};
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  if (!difference)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "difference is NULL"));
  TRY(check_side(ctx, &s[0]));
  TRY(check_side(ctx, &s[1]));
  *difference = bisect(s);
  if (err)
    *err = sqrt(fmax(variance(s, *difference), 0));
out:
  return status;
}

/* ---- states, by weights -------------------------------------------------------------------- */

static enf_status sum_weights(enf_ctx *ctx, size_t n, const double *logw, const int *state,
                              double sum[2]) {
  sum[0] = sum[1] = 0;
  for (size_t i = 0; i < n; i++) {
    if (logw && !(logw[i] <= 700))
      return enf__fail(ctx, ENF_ERR_NONFINITE,
                       "logw[%zu] is %g: log weights are those of enf_reweight, 0 at most", i,
                       logw[i]);
    if (state[i] == 0 || state[i] == 1)
      sum[state[i]] += logw ? exp(logw[i]) : 1;
  }
  for (int k = 0; k < 2; k++)
    if (!(sum[k] > 0))
      return enf__fail(ctx, ENF_ERR_NONFINITE, "no sample of weight above 0 is in state %d", k);
  return ENF_OK;
}

enf_status enf_free_energy(enf_ctx *ctx, size_t n, const double *logw, const int *state,
                           double *difference, double *err) {
  double sum[2], squares = 0;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  if (n == 0 || !state || !difference)
    TRY(enf__fail(ctx, ENF_ERR_ARG,
                  n == 0   ? "n is 0: there are no samples"
                  : !state ? "state is NULL"
                           : "difference is NULL"));
  TRY(sum_weights(ctx, n, logw, state, sum));
  for (size_t i = 0; i < n; i++)
    if (state[i] == 0 || state[i] == 1) {
      const double share = (logw ? exp(logw[i]) : 1) / sum[state[i]];
      squares += share * share;
    }
  *difference = log(sum[0]) - log(sum[1]);
  if (err)
    *err = sqrt(squares);
out:
  return status;
}
