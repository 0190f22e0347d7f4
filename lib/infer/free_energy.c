/* free_energy.c -- differences of free energy: by Bennett's acceptance ratio, and of states by the
   weights of their samples.

   Bennett (1976, J. Comput. Phys. 22, 245, eq. 10-12): with M = log(n_F / n_R) and the works w of
   going forward on samples of 0 and in reverse on samples of 1, F_1 - F_0 is the c at which

     sum_F f(M + w - c) = sum_R f(-M + w + c),   f(x) = 1 / (1 + exp x).

   The left side grows with c and the right side falls, so the root is unique; it is bisected, on
   the logarithms of both sides, which differ even where f is too small for a number. The variance
   of independent samples is 1 / sum f(x) f(-x) - 1/n_F - 1/n_R over all of them (Shirts et al.
   2003, Phys. Rev. Lett. 91, 140601): beyond any bound without overlap.

   Both sets together are samples of the mixture n_F p_0 + n_R p_1 of the two densities, and have
   for p_1 the weights (Shirts and Chodera 2008, J. Chem. Phys. 129, 124105, eq. 13)

     w = 1 / (n_F exp(d - c) + n_R),   d = u_1 - u_0,

   whose sum is 1 at Bennett's c: it is the same equation. */
#include "core/core.h"
#include <enf/infer.h>
#include <math.h>

typedef struct {
  const char *name;
  size_t n;
  const double *work; /* (n) */
  double least;       /* of the works */
  double shift;       /* of work in f, without c */
  double sign;        /* of c in f */
} side;

static double argument(const side *s, double work, double c) {
  return s->shift + work + s->sign * c;
}

static double fermi(double x) { return 1 / (1 + exp(x)); }

static double log_fermi(double x) { return x > 0 ? -x - log1p(exp(-x)) : -log1p(exp(x)); }

static double log_sum(const side *s, double c) {
  const double top = log_fermi(argument(s, s->least, c));
  double sum = 0;
  for (size_t i = 0; i < s->n; i++)
    sum += exp(log_fermi(argument(s, s->work[i], c)) - top);
  return top + log(sum);
}

/* Above 0 where c is above the root. */
static double imbalance(const side s[2], double c) { return log_sum(&s[0], c) - log_sum(&s[1], c); }

/* The root lies near where the f of the least works leave 0: between these, with a margin that
   grows until it does. */
static void bracket(const side s[2], double *low, double *high) {
  const double forward = s[0].shift + s[0].least, reverse = -s[1].shift - s[1].least;
  double margin = 1;
  while (imbalance(s, fmin(forward, reverse) - margin) > 0 ||
         imbalance(s, fmax(forward, reverse) + margin) < 0)
    margin *= 2;
  *low = fmin(forward, reverse) - margin;
  *high = fmax(forward, reverse) + margin;
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
  double information = 0;
  for (int k = 0; k < 2; k++)
    for (size_t i = 0; i < s[k].n; i++) {
      const double x = argument(&s[k], s[k].work[i], c);
      information += fermi(x) * fermi(-x);
    }
  return 1 / information - 1 / (double)s[0].n - 1 / (double)s[1].n;
}

/* +infinity is a move to where the other density is 0. */
static bool usable(double work) { return work == (double)INFINITY || fabs(work) <= 1e300; }

/* Finds the least work. */
static enf_status check_side(enf_ctx *ctx, side *s) {
  if (s->n == 0)
    return enf__fail(ctx, ENF_ERR_ARG, "%s holds no work: both directions are needed", s->name);
  if (!s->work)
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", s->name);
  s->least = INFINITY;
  for (size_t i = 0; i < s->n; i++) {
    if (!usable(s->work[i]))
      return enf__fail(ctx, ENF_ERR_NONFINITE,
                       "%s[%zu] is %g: a work is a number up to 1e300, or +infinity", s->name, i,
                       s->work[i]);
    s->least = fmin(s->least, s->work[i]);
  }
  if (isinf(s->least))
    return enf__fail(ctx, ENF_ERR_NONFINITE, "every work in %s is +infinity: there is no overlap",
                     s->name);
  return ENF_OK;
}

enf_status enf_bar(enf_ctx *ctx, size_t n_forward, const double *forward, size_t n_reverse,
                   const double *reverse, double *difference, double *err) {
  ENF__ENTRY;
  side s[2] = {{.name = "forward", .n = n_forward, .work = forward, .sign = -1},
               {.name = "reverse", .n = n_reverse, .work = reverse, .sign = 1}};
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  if (!difference)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "difference is NULL"));
  TRY(check_side(ctx, &s[0]));
  TRY(check_side(ctx, &s[1]));
  s[0].shift = log((double)n_forward / (double)n_reverse);
  s[1].shift = -s[0].shift;
  *difference = bisect(s);
  if (err)
    *err = sqrt(fmax(variance(s, *difference), 0));
out:
  return status;
}

/* log w of a sample with u_1 - u_0 = d. */
static double log_mixture_weight(const side s[2], double d, double c) {
  const double a = log((double)s[0].n) + d - c, b = log((double)s[1].n), top = fmax(a, b);
  return isinf(a) && a > 0 ? -(double)INFINITY : -top - log(exp(a - top) + exp(b - top));
}

enf_status enf_bar_weights(enf_ctx *ctx, size_t n_forward, const double *forward, size_t n_reverse,
                           const double *reverse, double difference, double *logw) {
  ENF__ENTRY;
  side s[2] = {{.name = "forward", .n = n_forward, .work = forward},
               {.name = "reverse", .n = n_reverse, .work = reverse}};
  double sum = 0;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  if (!logw)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "logw is NULL"));
  TRY(check_side(ctx, &s[0]));
  TRY(check_side(ctx, &s[1]));
  if (!(fabs(difference) <= 1e300))
    TRY(enf__fail(ctx, ENF_ERR_NONFINITE, "difference is %g, not a number up to 1e300",
                  difference));
  for (size_t i = 0; i < n_forward; i++)
    sum += exp(logw[i] = log_mixture_weight(s, forward[i], difference));
  for (size_t i = 0; i < n_reverse; i++)
    sum += exp(logw[n_forward + i] = log_mixture_weight(s, -reverse[i], difference));
  for (size_t i = 0; i < n_forward + n_reverse; i++)
    logw[i] -= log(sum);
out:
  return status;
}

/* ---- states, by weights -------------------------------------------------------------------- */

/* Samples of one state. */
typedef struct {
  double top; /* largest log weight */
  double sum; /* of weights, the largest 1 */
} state_sum;

static bool counts(int state) { return state == 0 || state == 1; }

static double log_weight(const double *logw, size_t i) { return logw ? logw[i] : 0; }

static enf_status sum_weights(enf_ctx *ctx, size_t n, const double *logw, const int *state,
                              state_sum s[2]) {
  s[0] = s[1] = (state_sum){-INFINITY, 0};
  for (size_t i = 0; i < n; i++) {
    const double value = log_weight(logw, i);
    if (!(value < (double)INFINITY))
      return enf__fail(ctx, ENF_ERR_NONFINITE,
                       "logw[%zu] is %g: a log weight is a number or -infinity", i, value);
    if (counts(state[i]))
      s[state[i]].top = fmax(s[state[i]].top, value);
  }
  for (int k = 0; k < 2; k++)
    if (s[k].top == -(double)INFINITY)
      return enf__fail(ctx, ENF_ERR_NONFINITE, "no sample of weight above 0 is in state %d", k);
  for (size_t i = 0; i < n; i++)
    if (counts(state[i]))
      s[state[i]].sum += exp(log_weight(logw, i) - s[state[i]].top);
  return ENF_OK;
}

static enf_status check_states(enf_ctx *ctx, size_t n, const int *state, const double *difference) {
  if (n == 0)
    return enf__fail(ctx, ENF_ERR_ARG, "n is 0: there are no samples");
  if (!state || !difference)
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", state ? "difference" : "state");
  return ENF_OK;
}

enf_status enf_free_energy(enf_ctx *ctx, size_t n, const double *logw, const int *state,
                           double *difference, double *err) {
  ENF__ENTRY;
  state_sum s[2];
  double squares = 0;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  TRY(check_states(ctx, n, state, difference));
  TRY(sum_weights(ctx, n, logw, state, s));
  for (size_t i = 0; i < n; i++)
    if (counts(state[i])) {
      const double share = exp(log_weight(logw, i) - s[state[i]].top) / s[state[i]].sum;
      squares += share * share;
    }
  *difference = (s[0].top - s[1].top) + log(s[0].sum / s[1].sum);
  if (err)
    *err = sqrt(squares);
out:
  return status;
}
