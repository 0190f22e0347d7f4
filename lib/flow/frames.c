/* frames.c -- enf_frames_compare: whether frames are of the molecule, the hand and the length unit
   of a flow.

   Two passes: the scale, exp of the mean over frames and distances of ln r - m; then every frame
   against the centres times that scale, and the spread of each distance over the good ones. */
#include "core/core.h"
#include "flow/flow.h"
#include "space/chart_fit.h"
#include "space/molecule.h"
#include <enf/molecule.h>
#include <math.h>

#define BROKEN 3 /* times longer or shorter than the centre */
#define CONSTANT 1e-3

typedef struct {
  const enf__chart *chart;
  size_t n;
  const double *x;
  double *q, *mean, *square; /* (C), (N-1) of ln r - m, running: Welford 1962 */
  size_t good;
  enf_frames report;
} pass;

static bool measure(const pass *p, size_t i) {
  enf__fault fault;
  return enf__internal_measure(p->chart->z, p->x + 3 * p->chart->z->atoms * i, p->q, NULL, &fault);
}

static void find_scale(pass *p) {
  double sum = 0;
  for (size_t i = 0; i < p->n; i++)
    if (measure(p, i))
      sum += log(enf__chart_scale(p->chart, p->q));
    else
      p->report.bad++;
  p->report.scale = exp(sum / (double)(p->n - p->report.bad));
}

static bool is_broken(const pass *p) {
  for (size_t k = 0; k < p->chart->z->atoms - 1; k++)
    if (fabs(log(p->q[k] / p->report.scale) - p->chart->center[k]) > log(BROKEN))
      return true;
  return false;
}

static void add_spread(pass *p) {
  p->good++;
  for (size_t k = 0; k < p->chart->z->atoms - 1; k++) {
    const double d = log(p->q[k]) - p->chart->center[k], before = d - p->mean[k];
    p->mean[k] += before / (double)p->good;
    p->square[k] += before * (d - p->mean[k]);
  }
}

static int32_t judge(pass *p, size_t i) {
  if (!measure(p, i))
    return ENF_FRAME_BAD;
  if (is_broken(p))
    return p->report.broken++, ENF_FRAME_BROKEN;
  if (enf__chart_is_other_hand(p->chart->z, p->chart->center, p->q))
    return p->report.other_hand++, ENF_FRAME_OTHER_HAND;
  if (enf__chart_is_turned(p->chart->z, p->chart->center, p->q))
    return p->report.turned++, ENF_FRAME_TURNED;
  return add_spread(p), ENF_FRAME_GOOD;
}

static void compare(pass *p, int32_t *verdict) {
  find_scale(p);
  for (size_t i = 0; i < p->n; i++) {
    const int32_t found = judge(p, i);
    if (verdict)
      verdict[i] = found;
  }
  for (size_t k = 0; k < p->chart->z->atoms - 1 && p->good > 1; k++)
    p->report.constrained += sqrt(p->square[k] / (double)p->good) < CONSTANT;
}

static enf_status check(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                        const enf_frames *out) {
  if ((n > 0 && !x) || !out)
    return enf__fail(ctx, ENF_ERR_ARG, "enf_frames_compare: %s is NULL", out ? "x" : "out");
  if (!enf__molecule_chart(&flow->space))
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                     "enf_frames_compare needs a flow of model.space molecule");
  if (!flow->scale_fixed)
    return enf__fail(
        ctx, ENF_ERR_STATE,
        "the flow has no centres yet to compare frames with: enf_prior_fit finds them");
  /* the size of its first version */
  return enf__struct_check(ctx, "out", out, ENF__SIZE_TO(enf_frames, constrained),
                           "ENF_FRAMES_INIT");
}

enf_status enf_frames_compare(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                              int32_t *verdict, enf_frames *out) {
  ENF__ENTRY;
  enf_status status;
  double *work = NULL;
  TRY(enf__enter(ctx));
  TRY(enf__flow_check(ctx, flow));
  TRY(check(ctx, flow, n, x, out));
  const enf__chart *chart = enf__molecule_chart(&flow->space);
  const size_t C = enf__internal_count(chart->z), distances = chart->z->atoms - 1;
  work = enf__alloc_array(&ctx->alloc, C + 2 * distances, sizeof *work);
  if (!work)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu internal coordinates", C));
  for (size_t k = 0; k < C + 2 * distances; k++)
    work[k] = 0;
  pass p = {
      .chart = chart, .n = n, .x = x, .q = work, .mean = work + C, .square = work + C + distances};
  compare(&p, verdict);
  enf__struct_give(out, &p.report, sizeof p.report);
out:
  enf__free(&ctx->alloc, work);
  return status;
}
