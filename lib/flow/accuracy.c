/* accuracy.c -- the error of log q, measured: some of a call's samples have it computed again.

   What is known on the way does not tell it. The step control sees the error of one step, the
   quadrature that of one integral; what a displaced path does to log p0 of its end and to the
   divergences along it takes the gradient of log q, and no cheaper figure does (docs/math.md).
   So the value is computed again in float64 with a tenth of ode.rtol, ode.atol and logdet.tol, and
   three times ode.steps; it is so much nearer to the truth that the difference is the error,
   rounding of float32 included. For samples log q is computed back from where they came out: that
   is the log q their weights want. With random probes new ones are drawn instead; as either value
   has the noise, the square of the difference is twice that of the error.

   It costs about four times what the sample did. The first samples (logdet.checks) of a flow in
   calls of one kind are checked and then one in RARE, spread evenly over a call; the error is the
   root mean square of this call's differences, and, while those are fewer than logdet.checks, of
   earlier ones to fill up. Results are not touched. */
#include "flow/accuracy.h"
#include <math.h>
#include <string.h>

enum { RARE = 200, MORE_STEPS = 3, MORE_TRIES = 4 };
static const double TIGHTER = 10, TIGHTEST = 1e-13;

/* ---- which samples -------------------------------------------------------------------------- */

static enf__accuracy *find(enf_ctx *ctx, const enf__account *of) {
  for (size_t i = 0; i < ENF__ACCURACIES; i++)
    if (ctx->accuracy[i].flow == of->flow && ctx->accuracy[i].kind == (int)of->kind)
      return ctx->accuracy + i;
  enf__accuracy *a = ctx->accuracy + ctx->oldest_accuracy;
  ctx->oldest_accuracy = (ctx->oldest_accuracy + 1) % ENF__ACCURACIES;
  *a = (enf__accuracy){.flow = of->flow, .kind = (int)of->kind};
  return a;
}

/* How many of n more samples. */
static size_t count_due(enf__accuracy *a, size_t first, size_t n) {
  a->seen += n;
  const uint64_t rare = a->seen / RARE, wanted = rare > first ? rare : first;
  const uint64_t due = wanted > a->checked ? wanted - a->checked : 0;
  return due < n ? (size_t)due : n;
}

static size_t row_of(size_t i, size_t count, size_t n) {
  return n / count * i + n % count * i / count;
}

/* ---- again ---------------------------------------------------------------------------------- */

typedef struct {
  double *x, *value, *spare;
} rows;

static void lay_out(rows *r, enf__arena *arena, size_t count, size_t width) {
  const size_t numbers = count * width;
  r->x = ENF__TAKE(arena, double, numbers);
  r->value = ENF__TAKE(arena, double, count);
  r->spare = ENF__TAKE(arena, double, numbers);
}

static bool gather(enf_ctx *ctx, rows *r, const enf__account *of, size_t count) {
  enf__arena need = {0};
  lay_out(r, &need, count, of->width);
  ctx->checked.used = 0;
  if (!enf__arena_reserve(&ctx->alloc, &ctx->checked, need.used))
    return false;
  lay_out(r, &ctx->checked, count, of->width);
  for (size_t i = 0; i < count; i++) {
    const double *x = of->x + row_of(i, count, of->n) * of->width;
    memcpy(r->x + i * of->width, x, of->width * sizeof *x);
    r->value[i] = NAN;
  }
  return true;
}

static enf__run tighten(enf__run run, int method) {
  run.again = true;
  run.logdet_method = method;
  if (method == ENF__LOGDET_HUTCHINSON)
    return run; /* their noise is far above everything else */
  run.precision = ENF__FLOAT64;
  run.rtol = fmax(run.rtol / TIGHTER, TIGHTEST);
  run.atol = fmax(run.atol / TIGHTER, TIGHTEST);
  run.logdet_tol /= TIGHTER;
  run.ode_steps *= MORE_STEPS;
  run.max_steps *= MORE_TRIES;
  return run;
}

/* The host may cancel meanwhile; the number of samples that are done stays. */
typedef struct {
  enf_progress_fn fn;
  void *user;
  uint64_t n;
} listener;

static int ask_host(void *user, uint64_t done, uint64_t total) {
  (void)done;
  (void)total;
  const listener *host = user;
  return host->fn(host->user, host->n, host->n);
}

/* Samples that fail only have no part in the error. */
static bool ends_the_call(enf_status status) {
  return status == ENF_ERR_CANCELLED || status == ENF_ERR_NOMEM;
}

/* As if the call had not been: but for r->value, which stay NaN where it failed. */
static enf_status compute_again(enf_ctx *ctx, const rows *r, const enf__account *of, size_t count) {
  const enf__run run = ctx->run;
  enf__stats stats = ctx->stats;
  listener host = {ctx->progress, ctx->progress_user, of->n};
  char sentence[sizeof ctx->errmsg];
  memcpy(sentence, ctx->errmsg, sizeof sentence);
  ctx->run = tighten(run, of->method);
  if (host.fn) {
    ctx->progress = ask_host;
    ctx->progress_user = &host;
  }
  const enf__arena ended = ctx->ended;
  const size_t samples = ctx->samples;
  ctx->ended = ctx->ended_again;
  const enf_status status = of->again(ctx, of, count, r->x, r->value, r->spare);
  ctx->progress = host.fn;
  ctx->progress_user = host.user;
  ctx->ended_again = ctx->ended;
  ctx->ended = ended;
  ctx->samples = samples;
  ctx->run = run;
  stats.seconds += ctx->stats.seconds;
  ctx->stats = stats;
  if (!ends_the_call(status))
    memcpy(ctx->errmsg, sentence, sizeof sentence);
  return status;
}

/* ---- the error ------------------------------------------------------------------------------ */

static void take_up(enf__accuracy *a, const rows *r, const enf__account *of, size_t count,
                    size_t first) {
  const double share = of->method == ENF__LOGDET_HUTCHINSON ? 0.5 : 1;
  double square = 0, weight = 0;
  for (size_t i = 0; i < count; i++) {
    const double error = of->value[row_of(i, count, of->n)] - r->value[i];
    if (isfinite(error)) {
      square += share * error * error;
      weight++;
    }
  }
  const double filled = fmin(a->weight, fmax(0, (double)first - weight));
  a->square = square + (a->weight > 0 ? a->square * (filled / a->weight) : 0);
  a->weight = weight + filled;
  a->checked += count;
}

enf_status enf__accuracy_tell(enf_ctx *ctx, const enf__account *account, enf_status status) {
  const bool done = status == ENF_OK || (status != ENF_ERR_CANCELLED && ctx->stats.failed > 0);
  const size_t first = ctx->run.checks;
  if (!done || ctx->run.again || account->n == 0)
    return status;
  ctx->stats.logdet_error = NAN;
  if (first == 0)
    return status;
  enf__accuracy *a = find(ctx, account);
  const size_t count = count_due(a, first, account->n);
  rows r;
  if (count > 0) {
    if (!gather(ctx, &r, account, count))
      return enf__fail(ctx, ENF_ERR_NOMEM, "no memory to check %zu log-densities", count);
    const enf_status again = compute_again(ctx, &r, account, count);
    if (ends_the_call(again))
      return again;
    take_up(a, &r, account, count, first);
  }
  if (a->weight > 0)
    ctx->stats.logdet_error = sqrt(a->square / a->weight);
  return status;
}
