/* draw.c -- samples from a flow, in pieces of a few seconds.

   Any way of cutting a stream gives the same samples, so pieces cost nothing but a little speed,
   and an interruption costs one piece. */
#include "draw.h"
#include "atoms.h"
#include "files.h"
#include "links.h"
#include "progress.h"
#include "ranks.h"
#include "temperatures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PIECE = 64 /* the first; later ones are of about PIECE_SECONDS */ };
static const double PIECE_SECONDS = 1, KEEP_SECONDS = 60;

int settle_failed(const cli *c, enf_status status, size_t n, uint64_t *failed) {
  double count = 0;
  *failed = 0;
  if (status == ENF_OK)
    return SUCCESS;
  enf_ctx_stat(c->ctx, "failed", &count);
  const bool all = count >= (double)n && ranks_count() == 1; /* of ranks, others have others */
  if (status == ENF_ERR_CANCELLED || count < 1 || all)
    return cli_fail_status(c, status);
  *failed = (uint64_t)count;
  cli_note("%.0f of %zu samples failed and are NaN; the first: %s", count, n,
           enf_ctx_errmsg(c->ctx));
  return SUCCESS;
}

/* ---- pieces -------------------------------------------------------------------------------- */

typedef struct {
  cli *c;
  const enf_flow *flow;
  progress progress;
  size_t piece;
  double kept, keeping; /* when samples were kept last, and how long that took */
  char reason[512];     /* why the first failed sample did */
} drawing;

/* Failed samples are no failure here: there may be others. */
static int settle_piece(drawing *w, enf_status status) {
  double failed = 0;
  enf_ctx_stat(w->c->ctx, "failed", &failed);
  if (status == ENF_OK || status == ENF_ERR_CANCELLED)
    return SUCCESS;
  if (failed < 1)
    return cli_fail_status(w->c, status);
  if (w->reason[0] == '\0')
    snprintf(w->reason, sizeof w->reason, "%s", enf_ctx_errmsg(w->c->ctx));
  return SUCCESS;
}

/* Of the piece each rank draws its part. */
static int draw_part(drawing *w, const draws *d, size_t n, effort *spent, bool *cancelled) {
  const size_t me = ranks_number(), begin = ranks_from(n, me), count = ranks_from(n, me + 1) - begin;
  const size_t at = d->done + begin, width = d->data.N * d->data.D;
  double *x = d->data.x + at * width, *logp = d->logp != NULL ? d->logp + at : NULL;
  const double start = cli_seconds();
  *spent = (effort){.n = 0};
  *cancelled = false;
  if (count == 0)
    return SUCCESS;
  progress_part(&w->progress, d->done, d->data.n);
  const enf_status status =
      enf_sample(w->c->ctx, w->flow, d->seed, d->first + at, count, x, logp);
  *spent = effort_read(w->c, count, cli_seconds() - start);
  *cancelled = status == ENF_ERR_CANCELLED;
  const int result = settle_piece(w, status);
  return result == SUCCESS && !*cancelled
             ? hands_settle(w->c, &d->hands, count, d->data.N, x, logp)
             : result;
}

static int draw_piece(drawing *w, draws *d) {
  const size_t left = d->data.n - d->done, width = d->data.N * d->data.D;
  const size_t most = w->piece * ranks_count(), n = most < left ? most : left;
  effort spent;
  bool cancelled;
  const int result = ranks_worst(draw_part(w, d, n, &spent, &cancelled));
  if (result != SUCCESS || ranks_worst(cancelled))
    return result;
  ranks_gather(n, width, d->data.x + d->done * width);
  if (d->logp != NULL)
    ranks_gather(n, 1, d->logp + d->done);
  spent = effort_gather(&spent);
  d->effort = effort_add(&d->effort, &spent);
  d->done += n;
  if (!ranks_worst(spent.seconds >= PIECE_SECONDS))
    w->piece *= 2;
  return SUCCESS;
}

/* On request, and every minute, but for no more than a twentieth of the time. */
static int keep_samples(drawing *w, const draws *d) {
  const double start = cli_seconds();
  const bool due = save_requested() || start - w->kept >= fmax(KEEP_SECONDS, 20 * w->keeping);
  if (d->keep == NULL || d->done == d->data.n || !due)
    return SUCCESS;
  const int result = d->keep(w->c, d);
  w->kept = cli_seconds();
  w->keeping = w->kept - start;
  return result;
}

/* Samples of before count, too. */
static int count_failed(const drawing *w, draws *d) {
  const size_t width = d->data.N * d->data.D;
  for (size_t i = 0; i < d->done; i++)
    d->failed += isfinite(d->data.x[i * width]) ? 0 : 1;
  if (d->failed == 0)
    return SUCCESS;
  if (d->failed == d->data.n)
    return cli_fail("%s", w->reason[0] != '\0' ? w->reason : "all samples failed");
  cli_note("%llu of %zu samples failed and are NaN%s%s", (unsigned long long)d->failed, d->done,
           w->reason[0] != '\0' ? "; the first: " : "", w->reason);
  return SUCCESS;
}

static int draw(cli *c, const enf_flow *flow, draws *d) {
  drawing w = {.c = c, .flow = flow, .piece = PIECE, .kept = cli_seconds()};
  int result = SUCCESS;
  w.progress = progress_begin(c, "sampling", "samples", d->done);
  enf_ctx_set_progress(c->ctx, progress_callback, &w.progress);
  while (result == SUCCESS && d->done < d->data.n && !ranks_worst(interrupted())) {
    result = draw_piece(&w, d);
    if (result == SUCCESS)
      result = keep_samples(&w, d);
  }
  progress_end(&w.progress);
  enf_ctx_set_progress(c->ctx, NULL, NULL);
  return result == SUCCESS ? count_failed(&w, d) : result;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* Where they go has room for them, and so has the memory. */
static int make_room(const cli *c, bool density, draws *d) {
  const size_t n = d->data.n, width = d->data.N * d->data.D;
  const char *output = c->value[FLAG_OUTPUT];
  const file_need needs[] = {
      {FLAG_OUTPUT, output != NULL ? files_bytes(c, output, "f8", n, width) : 0},
      {c->command->bit == SAMPLE ? FLAG_LOGP : FLAG_LOGW, (double)n * sizeof(double)}};
  const int result = files_room(c, sizeof needs / sizeof needs[0], needs);
  if (result != SUCCESS)
    return result;
  d->data.x = cli_alloc(n, width * sizeof(double));
  if (d->data.x != NULL && density)
    d->logp = cli_alloc(n, sizeof(double));
  return d->data.x != NULL && (d->logp != NULL || !density) ? SUCCESS : FAILURE;
}

int draws_flags(cli *c, draws *d) {
  uint64_t n = 0;
  int result = cli_require(c, FLAG_COUNT);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_COUNT, 1, 0, &n);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_SEED, 0, 0, &d->seed);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_FIRST, 0, 0, &d->first);
  d->data.n = (size_t)n;
  return result == SUCCESS ? cli_configure(c) : result;
}

int draw_flow(cli *c, const enf_flow *flow, bool density, draws *d) {
  flow_shape(flow, &d->data.N, &d->data.D);
  int result = links_of_flow(c, flow);
  if (result == SUCCESS)
    result = make_room(c, density, d);
  if (result == SUCCESS)
    result = atoms_label(flow, &d->data);
  if (result == SUCCESS)
    result = hands_of_flow(c, flow, &d->hands);
  if (result == SUCCESS && d->recall != NULL)
    result = d->recall(c, flow, d);
  return result == SUCCESS ? draw(c, flow, d) : result;
}

int draw_samples(cli *c, const char *path, bool density, draws *d) {
  enf_flow *flow = NULL;
  int result = draws_flags(c, d);
  if (result != SUCCESS)
    return result;
  interrupts_catch();
  result = flow_open(c, path, &flow);
  if (result == SUCCESS)
    result = draw_flow(c, flow, density, d);
  enf_destroy(flow);
  return result;
}

void draws_free(draws *d) {
  data_free(&d->data);
  hands_free(&d->hands);
  free(d->logp);
  d->logp = NULL;
}
