/* reweight.c -- importance weights w = exp(-u - log q) of samples from q for the target exp(-u).

     ess = (sum w)^2 / (n sum w^2)  (Kish),   log Z = log (1/n sum w)

   with the largest weight taken out, so that nothing overflows. ess_clipped cuts the largest n/1000
   weights (at least one, none of a single sample) down to the next one, which is taken out of its
   sums: it may be smaller than the largest by any factor. Each error is the standard
   deviation of its figure over resamples with replacement of up to 4096 groups of samples (sample i
   is in group i mod 4096): for independent samples this has the expectation of the bootstrap over
   samples (Efron 1979) and costs O(n) once. The level of the cut is kept in the resamples. An error
   is +infinity where the data cannot tell: a single sample, or so few weights above 0 that a
   resample holds none. Sums run in the order of the samples. khat and ess_smoothed: tail.c.
 */
#include "core/core.h"
#include "core/random.h"
#include "infer/tail.h"
#include "infer/weight.h"
#include <enf/infer.h>
#include <string.h>

enum { MOST_GROUPS = 4096, RESAMPLES = 200, CLIP_ONE_IN = 1000 };
#define BOOTSTRAP_SEED 1

/* Sums over some samples: of their weights, in units of the largest, and of the squares; of both
   with the weights cut, in units of the level of the cut. */
typedef struct {
  double w, ww, cut, cutcut;
} sums;

typedef struct {
  size_t n, groups;
  double *log_w; /* (n) */
  double *rank;  /* (n) the same, rearranged */
  sums *group;   /* (groups) */
  sums all;
  enf__tail tail;
} job;

static void lay_out(job *j, enf__arena *arena) {
  j->log_w = ENF__TAKE(arena, double, j->n);
  j->rank = ENF__TAKE(arena, double, j->n);
  j->group = ENF__TAKE(arena, sums, j->groups);
  enf__tail_take(&j->tail, j->n, arena);
}

/* ---- the largest weights ------------------------------------------------------------------- */

/* How many weights are cut, and the logarithm of the level they are cut to. */
static size_t cut_level(job *j, double *level) {
  const size_t wanted = j->n / CLIP_ONE_IN, cut = j->n < 2 ? 0 : wanted < 1 ? 1 : wanted;
  memcpy(j->rank, j->log_w, j->n * sizeof *j->rank);
  *level = enf__select_largest(j->n, j->rank, cut);
  return cut;
}

/* ---- sums, and errors from resampling their groups ----------------------------------------- */

static void add(sums *to, const sums *s) {
  to->w += s->w;
  to->ww += s->ww;
  to->cut += s->cut;
  to->cutcut += s->cutcut;
}

/* Where all weights behind the cut are 0, so are those that are cut. */
static void add_up(job *j, double largest, double level) {
  j->all = (sums){0};
  memset(j->group, 0, j->groups * sizeof *j->group);
  for (size_t i = 0; i < j->n; i++) {
    const double w = exp(j->log_w[i] - largest);
    const double cut = level > -INFINITY ? exp(fmin(j->log_w[i] - level, 0)) : 0;
    const sums one = {w, w * w, cut, cut * cut};
    add(&j->all, &one);
    add(&j->group[i % j->groups], &one);
  }
}

/* Of a resample; NaN where its weights are none, or too small for their squares. */
static double kish_of_resample(double sum, double squares, double n) {
  return squares > 0 ? enf__kish(sum, squares, n) : (double)NAN;
}

static size_t group_size(const job *j, size_t group) {
  return j->n / j->groups + (group < j->n % j->groups);
}

/* The figures that have an error. */
enum { LOG_Z, ESS, ESS_CLIPPED, FIGURES };

/* Of one resample; not finite if nothing in it weighs. */
static void resample(const job *j, size_t number, double figure[FIGURES]) {
  sums s = {0};
  double count = 0;
  for (size_t k = 0; k < j->groups; k++) {
    const uint64_t draw = number * MOST_GROUPS + k;
    const size_t group =
        (size_t)enf__random_below(BOOTSTRAP_SEED, ENF__STREAM_BOOTSTRAP, draw, j->groups);
    add(&s, &j->group[group]);
    count += (double)group_size(j, group);
  }
  figure[LOG_Z] = log(s.w / count);
  figure[ESS] = kish_of_resample(s.w, s.ww, count);
  figure[ESS_CLIPPED] = j->all.cut > 0 ? kish_of_resample(s.cut, s.cutcut, count) : 0;
}

/* Welford's mean and variance; NaN once a resample is empty. */
static void bootstrap(const job *j, double error[FIGURES]) {
  double mean[FIGURES] = {0}, squares[FIGURES] = {0}, value[FIGURES];
  for (size_t r = 0; r < RESAMPLES; r++) {
    resample(j, r, value);
    for (int f = 0; f < FIGURES; f++) {
      const double delta = value[f] - mean[f];
      mean[f] += delta / (double)(r + 1);
      squares[f] += delta * (value[f] - mean[f]);
    }
  }
  for (int f = 0; f < FIGURES; f++) {
    error[f] = sqrt(squares[f] / (RESAMPLES - 1));
    if (j->n < 2 || !isfinite(error[f]))
      error[f] = INFINITY;
  }
}

/* ---- all of it ----------------------------------------------------------------------------- */

/* The largest log weight. */
static double find_logs(job *j, const double *logp, const double *u, enf_weights *out) {
  double largest = -INFINITY;
  for (size_t i = 0; i < j->n; i++) {
    bool bad;
    j->log_w[i] = enf__log_weight(logp[i], u[i], &bad);
    out->n_nonfinite += bad;
    if (j->log_w[i] > largest)
      largest = j->log_w[i];
  }
  return largest;
}

static void look_at_tail(job *j, enf_weights *out) {
  double sum = 0, squares = 0;
  enf__tail_find(&j->tail, j->n, j->log_w, j->rank);
  memcpy(j->rank, j->log_w, j->n * sizeof *j->rank);
  enf__tail_smooth(&j->tail, j->rank);
  for (size_t i = 0; i < j->n; i++) {
    const double w = exp(j->rank[i] - j->tail.top);
    sum += w;
    squares += w * w;
  }
  out->khat = j->tail.k;
  out->n_tail = j->tail.count;
  out->ess_smoothed = enf__kish(sum, squares, (double)j->n);
}

static void weigh(job *j, double largest, double *logw, enf_weights *out) {
  double level, error[FIGURES];
  const double n = (double)j->n;
  const size_t cut = cut_level(j, &level);
  add_up(j, largest, level);
  bootstrap(j, error);
  for (size_t i = 0; logw && i < j->n; i++)
    logw[i] = (j->log_w[i] - largest) - log(j->all.w); /* sums to 1 however large they all are */
  out->ess = enf__kish(j->all.w, j->all.ww, n);
  out->ess_err = error[ESS];
  out->ess_clipped = enf__kish(j->all.cut, j->all.cutcut, n);
  out->ess_clipped_err = error[ESS_CLIPPED];
  out->clipped_share = (double)cut / n;
  out->log_z = largest + log(j->all.w / n);
  out->log_z_err = error[LOG_Z];
  out->max_weight = 1 / j->all.w;
  look_at_tail(j, out);
}

static enf_status nothing_weighs(enf_ctx *ctx, size_t n, double *logw, enf_weights *out) {
  for (size_t i = 0; logw && i < n; i++)
    logw[i] = -INFINITY;
  out->log_z = -INFINITY;
  out->log_z_err = out->ess_err = out->ess_clipped_err = out->khat = INFINITY;
  return enf__fail(ctx, ENF_ERR_NONFINITE,
                   "all %zu weights are 0: u is +infinity or, in %llu of them, u or logp is not a "
                   "usable number",
                   n, (unsigned long long)out->n_nonfinite);
}

static enf_status check(enf_ctx *ctx, size_t n, const double *logp, const double *u,
                        const enf_weights *out) {
  if (n == 0)
    return enf__fail(ctx, ENF_ERR_ARG, "n is 0: there are no samples to weigh");
  if (!logp || !u || !out)
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", !logp ? "logp" : !u ? "u" : "out");
  return enf__struct_check(ctx, "out", out, ENF__SIZE_TO(enf_weights, n_nonfinite),
                           "ENF_WEIGHTS_INIT");
}

enf_status enf_reweight(enf_ctx *ctx, size_t n, const double *logp, const double *u, double *logw,
                        enf_weights *out) {
  ENF__ENTRY;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  TRY(check(ctx, n, logp, u, out));
  enf_weights all = {.n = n};
  job j = {.n = n, .groups = n < MOST_GROUPS ? n : MOST_GROUPS};
  enf__arena count = {0};
  lay_out(&j, &count);
  TRY(enf__reserve(ctx, count.used, 0));
  lay_out(&j, &ctx->arena);
  const double largest = find_logs(&j, logp, u, &all);
  if (largest == -INFINITY)
    status = nothing_weighs(ctx, n, logw, &all);
  else
    weigh(&j, largest, logw, &all);
  enf__struct_give(out, &all, sizeof all);
out:
  return status;
}
