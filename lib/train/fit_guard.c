/* fit_guard.c -- whether a training still leads anywhere, and the last flow that was good.

   A step whose loss or gradient is not finite is skipped and changes nothing, so the next one most
   often ends like it: a training that has come so far goes nowhere, at the highest price. The count
   goes up by one with a skipped step and down by one, to 0, with any other; where it comes to
   PATIENCE, most steps are skipped.

   A flow is good if steps are not being skipped and the log-density of at least one of a few
   configurations (of the data, else samples of its own) can be computed. That is looked at when the
   flow is to be saved, and at steps 64, 128, 256, ...: nothing else of a training depends on it.
   Kept in mind are good flows from which no step has been skipped yet. */
#include "train/fit_guard.h"
#include "math/finite.h"
#include "train/fit_looks.h"
#include <string.h>

enum { PATIENCE = 30, DOUBT = 10, ROWS = 4, FIRST_LOOK = 64 };

/* ---- weights --------------------------------------------------------------------------------- */

void enf__weights_take(const enf_flow *flow, double *block) {
  memcpy(block, flow->params.value, flow->params.size * sizeof *block);
}

void enf__weights_give(enf_flow *flow, const double *block) {
  const enf__params *params = &flow->params;
  for (size_t i = 0; i < params->count; i++) {
    const enf__tensor *t = &params->tensor[i];
    if (!t->fixed)
      memcpy(params->value + t->offset, block + t->offset, t->rows * t->cols * sizeof *block);
  }
  enf__flow_pack(flow);
}

/* ---- steps ----------------------------------------------------------------------------------- */

void enf__guard_count(enf__guard *g, bool skipped) {
  g->steps++;
  g->skipped += skipped;
  if (skipped)
    g->balance++;
  else if (g->balance > 0)
    g->balance--;
}

bool enf__guard_gives_up(const enf__guard *g) { return g->balance >= PATIENCE; }

bool enf__guard_is_stuck(const enf__guard *g) {
  return g->balance >= DOUBT || 2 * g->skipped > g->steps;
}

/* ---- the flow -------------------------------------------------------------------------------- */

void enf__guard_layout(enf__guard *g, const enf_flow *flow, enf__arena *arena) {
  g->rows = ENF__TAKE(arena, double, ROWS *enf__space_host(&flow->space));
  g->good = ENF__TAKE(arena, double, flow->params.size);
  g->next = FIRST_LOOK;
}

static size_t take_rows(const enf__guard *g, size_t width) {
  const size_t n = g->n < ROWS ? g->n : ROWS;
  for (size_t i = 0; i < n; i++)
    memcpy(g->rows + i * width, g->x + i * (g->n / n) * width, width * sizeof *g->x);
  return n;
}

/* A moment's work, which nobody needs to cancel. */
static enf_status find_good(enf_ctx *ctx, const enf__guard *g, const enf_flow *flow, bool *good) {
  double logp[ROWS];
  const enf_progress_fn progress = ctx->progress;
  enf__fill_nan(ROWS, logp);
  const size_t n = g->x ? take_rows(g, enf__space_host(&flow->space)) : 0;
  ctx->progress = NULL;
  const enf_status status =
      enf__look_cheaply(ctx, flow, n > 0 ? n : ROWS, n > 0 ? g->rows : NULL, NULL, g->rows, logp);
  ctx->progress = progress;
  *good = false;
  for (size_t i = 0; i < ROWS; i++)
    *good = *good || isfinite(logp[i]);
  return status;
}

bool enf__guard_is_due(const enf__guard *g, uint64_t step) { return step >= g->next; }

enf_status enf__guard_look(enf_ctx *ctx, enf__guard *g, const enf_flow *flow, uint64_t step) {
  enf_status status = ENF_OK;
  while (g->next <= step)
    g->next *= 2;
  g->fine = false;
  if (!enf__guard_is_stuck(g))
    TRY(find_good(ctx, g, flow, &g->fine));
  if (g->fine && g->balance == 0) {
    enf__weights_take(flow, g->good);
    g->has_good = true;
    g->good_step = step;
  }
out:
  return status;
}
