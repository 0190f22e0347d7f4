/* guard.c -- whether a training still leads anywhere, and the last flow that was good.

   A step whose loss or gradient is not finite is skipped and changes nothing, so the next one most
   often ends like it: a training that has come so far goes nowhere, at the highest price. The count
   goes up by one with a skipped step and down by one, to 0, with any other; where it comes to
   PATIENCE, most steps are skipped.

   A flow is good if steps are not being skipped and the log-density of at least one of a few
   configurations (of the data, else samples of its own) can be computed. That is looked at when the
   flow is to be saved, and at steps 64, 128, 256, ...: nothing else of a training depends on it.
   Kept in mind are good flows from which no step has been skipped yet. */
#include "guard.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 30, DOUBT = 10, ROWS = 4, FIRST_LOOK = 64 };

static const char *const cheaply[][2] = {{"ode.method", "dopri5"}, {"ode.rtol", "1e-4"},
                                         {"ode.atol", "1e-4"},     {"logdet.method", "hutchinson"},
                                         {"logdet.probes", "1"},   {NULL, NULL}};

/* ---- steps --------------------------------------------------------------------------------- */

void guard_count(guard *g, bool skipped) {
  g->steps++;
  g->skipped += skipped;
  if (skipped)
    g->balance++;
  else if (g->balance > 0)
    g->balance--;
}

bool guard_gives_up(const guard *g) { return g->balance >= PATIENCE; }

bool guard_is_stuck(const guard *g) { return g->balance >= DOUBT || 2 * g->skipped > g->steps; }

/* ---- the flow -------------------------------------------------------------------------------- */

/* Copy all parameters out of the flow, or into it. */
static bool move_parameters(enf_ctx *ctx, const enf_flow *from, enf_flow *to, double *block) {
  const char *name = NULL;
  size_t rows = 0, columns = 0;
  for (size_t i = 0; enf_params_info(from, i, &name, &rows, &columns) == ENF_OK; i++) {
    const size_t n = rows * columns;
    const enf_status status = to != NULL ? enf_params_set(ctx, to, name, block, n)
                                         : enf_params_get(ctx, from, name, block, n);
    if (status != ENF_OK)
      return false;
    block += n;
  }
  return true;
}

static size_t take_rows(const dataset *data, size_t width, double *x) {
  const size_t n = data->n < ROWS ? data->n : ROWS;
  for (size_t i = 0; i < n; i++)
    memcpy(x + i * width, data->x + i * (data->n / n) * width, width * sizeof *x);
  return n;
}

static bool is_good(const guard *g, const enf_flow *flow) {
  size_t N = 0, D = 0, known = 0;
  double logp[ROWS] = {(double)NAN, (double)NAN, (double)NAN, (double)NAN};
  flow_shape(flow, &N, &D);
  double *x = cli_alloc(ROWS, N * D * sizeof *x);
  if (x == NULL)
    return false;
  const size_t n = take_rows(g->data, N * D, x);
  if (n > 0)
    enf_log_prob(g->ctx, flow, n, x, logp);
  else
    enf_sample(g->ctx, flow, 0, 0, ROWS, x, logp);
  for (size_t i = 0; i < ROWS; i++)
    known += isfinite(logp[i]) ? 1 : 0;
  free(x);
  return known > 0;
}

bool guard_is_due(const guard *g, uint64_t step) { return step >= g->next; }

bool guard_look(guard *g, const enf_flow *flow, uint64_t step) {
  while (g->next <= step)
    g->next *= 2;
  g->fine = !guard_is_stuck(g) && is_good(g, flow);
  if (!g->fine || g->balance > 0)
    return g->fine;
  if (g->good == NULL)
    g->good = cli_alloc(g->count, sizeof *g->good);
  if (g->good != NULL && move_parameters(g->ctx, flow, NULL, g->good))
    g->good_step = step;
  return true;
}

bool guard_restore(const guard *g, enf_flow *flow) {
  return g->good != NULL && move_parameters(g->ctx, flow, flow, g->good);
}

/* ---- beginning and end ----------------------------------------------------------------------- */

int guard_open(cli *c, const dataset *data, const enf_flow *flow, uint64_t step, guard *g) {
  int64_t count = 0;
  const int result = cli_context(c, cheaply, &g->ctx);
  if (result != SUCCESS)
    return result;
  enf_get_int(flow, "parameters", &count);
  g->count = (size_t)count;
  g->data = data;
  g->next = FIRST_LOOK;
  guard_look(g, flow, step);
  return SUCCESS;
}

void guard_free(guard *g) {
  enf_ctx_destroy(g->ctx);
  free(g->good);
}
