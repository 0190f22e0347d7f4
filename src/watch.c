/* watch.c -- looks at a validation set while a flow is trained.

   A look is the mean NLL of a few hundred rows, always the same, at loose tolerances, with
   Hutchinson's estimate of the divergence: its probes are functions of the row, so they are the
   same at every look, and most of the noise cancels in the difference between two looks,

     gain = lead + mean_i (NLL_i of the kept flow - NLL_i now) +- its error,

   which is what decides. The error is the largest standard error of a change since the best look.
   `lead` is what the kept flow has gained over the best look, the last whose gain was no less than
   its error. A flow is kept if it is not worse than that by more than the error, which any flow no
   worse than the kept one is not: a later flow is the likelier to be good, and the best of many
   noisy looks is not. Gains and losses are always over the best look, so small ones do not go
   unseen by adding up. The row that changed most has no part in the error: a single row would have
   an error as large as its loss, however large, and decide nothing.

   The rows of the kept flow are in no file: they follow from the flow, which is. The NLL of a look
   may be off by the tolerances and the estimate; the one at the end of the training is exact. */
#include "watch.h"
#include "progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 256, EVERY = 4000 };

static const char *const cheaply[][2] = {{"ode.method", "dopri5"}, {"ode.rtol", "1e-4"},
                                         {"ode.atol", "1e-4"},     {"logdet.method", "hutchinson"},
                                         {"logdet.probes", "1"},   {NULL, NULL}};

static int read_flags(cli *c, watch *w) {
  const bool asked = cli_has(c, FLAG_PATIENCE) || cli_has(c, FLAG_VALIDATE_EVERY);
  int result = cli_count(c, FLAG_PATIENCE, 1, 0, &w->patience);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_VALIDATE_EVERY, 0, EVERY, &w->every);
  if (result == SUCCESS && asked && !cli_has(c, FLAG_VALIDATION))
    result = cli_usage(c, "--patience and --validate-every need --validation FILE");
  if (result == SUCCESS && w->patience > 0 && w->every == 0)
    result = cli_usage(c, "--patience needs looks at the validation, --validate-every is 0");
  return result;
}

int watch_open(cli *c, size_t N, size_t D, watch *w) {
  uint64_t rows = 0;
  int result = read_flags(c, w);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_ROWS, 1, ROWS, &rows);
  if (!cli_has(c, FLAG_VALIDATION))
    w->every = 0;
  if (result != SUCCESS || !cli_has(c, FLAG_VALIDATION))
    return result;
  /* without looks too: a file that cannot be read is told of before the training */
  result = data_read(c, c->value[FLAG_VALIDATION], N, D, &w->data);
  if (w->every == 0)
    data_forget(&w->data);
  if (result != SUCCESS || w->every == 0)
    return result;
  result = cli_context(c, cheaply, &w->ctx);
  if (result != SUCCESS)
    return result;
  data_thin(&w->data, rows < ROWS ? rows : ROWS);
  w->memory = cli_alloc(2 * w->data.n, sizeof(double));
  w->kept = w->memory;
  w->now = w->memory != NULL ? w->memory + w->data.n : NULL;
  return w->memory != NULL ? SUCCESS : FAILURE;
}

void watch_free(watch *w) {
  free(w->memory);
  data_free(&w->data);
  enf_ctx_destroy(w->ctx);
}

bool watch_is_due(const watch *w, uint64_t step, bool ended) {
  if (w->every == 0 || (w->looks > 0 && w->last_step == step))
    return false;
  return step % w->every == 0 || ended;
}

static int stop(void *user, uint64_t done, uint64_t total) {
  (void)user, (void)done, (void)total;
  return interrupted();
}

/* Rows whose integration fails are NaN: a flow may well be wild early in its training. */
static int find_nll(const cli *c, const watch *w, const enf_flow *flow, double *nll,
                    bool *cancelled) {
  double failed = 0;
  enf_ctx_set_progress(w->ctx, stop, NULL);
  const enf_status status = enf_log_prob(w->ctx, flow, w->data.n, w->data.x, nll);
  for (size_t i = 0; i < w->data.n; i++)
    nll[i] = -nll[i];
  *cancelled = status == ENF_ERR_CANCELLED;
  enf_ctx_stat(w->ctx, "failed", &failed);
  if (status == ENF_OK || *cancelled || failed > 0)
    return SUCCESS;
  return cli_fail("%s: %s", c->value[FLAG_VALIDATION], enf_ctx_errmsg(w->ctx));
}

int watch_recall(cli *c, watch *w, const enf_flow *kept) {
  bool cancelled = false;
  const int result = find_nll(c, w, kept, w->kept, &cancelled);
  return cancelled ? cli_fail("interrupted; nothing was written") : result;
}

/* The gain in a row; one that has failed now and had not, or the other way, decides it all. */
static double row_gain(double before, double now) {
  if (isfinite(before) && isfinite(now))
    return before - now;
  return isfinite(now) ? (double)INFINITY : isfinite(before) ? -(double)INFINITY : 0;
}

static void compare(watch *w, look *l) {
  const size_t n = w->data.n;
  double sum = 0, squares = 0, largest = 0;
  for (size_t i = 0; i < n; i++)
    sum += row_gain(w->kept[i], w->now[i]);
  const double change = sum / (double)n;
  for (size_t i = 0; i < n; i++) {
    const double d = row_gain(w->kept[i], w->now[i]) - change;
    squares += d * d;
    largest = fmax(largest, d * d);
  }
  const double error =
      isfinite(change) && n > 2 ? sqrt((squares - largest) / (double)(n - 2) / (double)n) : 0;
  l->gain = w->lead + change;
  l->gain_err = fmax(w->lead_err, error);
}

int watch_look(cli *c, watch *w, const enf_flow *flow, look *l, bool *cancelled) {
  const int result = find_nll(c, w, flow, w->now, cancelled);
  if (result != SUCCESS || *cancelled)
    return result;
  l->gain = l->gain_err = (double)NAN;
  mean_of(w->data.n, w->now, &l->nll, &l->nll_err);
  if (w->looks > 0)
    compare(w, l);
  return SUCCESS;
}

bool watch_count(watch *w, const look *l) {
  const bool first = w->looks == 0;
  const bool better = first || l->gain >= l->gain_err, keep = first || l->gain >= -l->gain_err;
  w->looks++;
  w->last_step = l->step;
  w->stale = better ? 0 : w->stale + 1;
  if (keep) {
    double *swap = w->kept;
    w->kept = w->now;
    w->now = swap;
    w->kept_step = l->step;
    w->lead = better ? 0 : l->gain;
    w->lead_err = better ? 0 : l->gain_err;
  }
  return keep;
}

bool watch_has_seen_enough(const watch *w) { return w->patience > 0 && w->stale >= w->patience; }

void watch_tell(const cli *c, const look *l, bool keep) {
  if (cli_has(c, FLAG_QUIET))
    return;
  fprintf(stderr, "step %llu: validation NLL %.3f +- %.3f", (unsigned long long)l->step, l->nll,
          l->nll_err);
  if (!isnan(l->gain))
    fprintf(stderr, ", gain %.3f +- %.3f%s", l->gain, l->gain_err, keep ? "" : ": not kept");
  fputc('\n', stderr);
}
