/* leg.c -- carrying a batch along the flow and back for the objectives on the density: options to a
   journey, probes, buffers. The integration and its gradient are in map/chain.h. */
#include "train/leg.h"

#include "core/random.h"
#include "map/probe.h"
#include <math.h>
#include <string.h>

static size_t dim_of(const enf__batch *b) { return enf__space_state(&b->flow->space); }

enf__leg enf__leg_take(const enf__batch *b, double t0, double t1, enf__arena *arena) {
  const size_t count = b->n * dim_of(b);
  const bool exact = b->exact || enf__opts_int(b->options, ENF__OPT_TRAIN_TRACE) == ENF__EXACT;
  const size_t probes = exact ? 0 : (size_t)enf__opts_int(b->options, ENF__OPT_TRAIN_PROBES);
  enf__leg leg = {.eps = exact ? NULL : ENF__TAKE(arena, double, count *probes),
                  .start = ENF__TAKE(arena, double, count),
                  .dy = ENF__TAKE(arena, double, count),
                  .dlogdet = ENF__TAKE(arena, double, b->n),
                  .dpenalty = ENF__TAKE(arena, double, b->n)};
  leg.p =
      (enf__journey){.chain = &b->flow->chain,
                     .x = leg.start,
                     .way = {.adjoint = (int)enf__opts_int(b->options, ENF__OPT_TRAIN_ADJOINT),
                             .n = b->n,
                             .t0 = t0,
                             .t1 = t1,
                             .eps = leg.eps,
                             .probes = probes,
                             .seed = enf__opts_seed(b->options, ENF__OPT_TRAIN_SEED),
                             .first = b->first,
                             .kinetic = enf__opts_real(b->options, ENF__OPT_TRAIN_KINETIC),
                             .frobenius = enf__opts_real(b->options, ENF__OPT_TRAIN_FROBENIUS)}};
  enf__journey_take(&leg.p, arena);
  return leg;
}

size_t enf__leg_worker_bytes(const enf__batch *b, const enf__run *run) {
  enf__arena count = {0};
  const enf__leg leg = enf__leg_take(b, 1, 0, &count);
  return enf__journey_worker_bytes(&leg.p, run);
}

void enf__leg_buffers(const enf__batch *b, enf__slope *slope, enf__arena *arena) {
  const size_t params = b->flow->params.size;
  *slope = (enf__slope){.counted = (double)b->n,
                        .buffers = enf__journey_pieces(&b->flow->chain, b->n)};
  slope->gradients = ENF__TAKE(arena, double, slope->buffers *params);
  if (slope->gradients)
    memset(slope->gradients, 0, slope->buffers * params * sizeof *slope->gradients);
}

static enf_status end_pass(enf_ctx *ctx, const enf__batch *b, enf__slope *slope) {
  slope->passes++;
  return enf__report(ctx, b->n * slope->passes / b->passes, b->n);
}

enf_status enf__leg_forward(enf_ctx *ctx, const enf__batch *b, enf__leg *leg, enf__slope *slope) {
  enf_status status;
  const enf__way *way = &leg->p.way;
  const size_t dim = dim_of(b);
  for (size_t i = 0; leg->eps && i < b->n; i++)
    enf__probe_draw(ctx->run.probe, way->seed, way->first + i, way->probes, dim,
                    leg->eps + i * way->probes * dim);
  TRY(enf__journey_forward(ctx, &leg->p));
  TRY(end_pass(ctx, b, slope));
out:
  return status;
}

bool enf__leg_ok(const enf__leg *leg, size_t i) { return leg->p.result[i].status == ENF_OK; }

bool enf__leg_counts(const enf__leg *leg, size_t i) {
  return enf__leg_ok(leg, i) && isfinite(leg->dlogdet[i]);
}

/* The weight of the samples that count. */
static double sum_of(const enf__leg *leg) {
  double sum = 0;
  for (size_t i = 0; i < leg->p.way.n; i++)
    if (enf__leg_counts(leg, i))
      sum += leg->weight ? leg->weight[i] : 1;
  return sum;
}

static enf_status reverse(enf_ctx *ctx, enf__leg *leg, double scale, double *dx,
                          double *gradients) {
  const enf__pulled r = {.dy = leg->dy,
                         .dlogdet = leg->dlogdet,
                         .dx = dx,
                         .gradients = gradients,
                         .dpenalty = leg->dpenalty,
                         .scale = scale};
  return enf__journey_reverse(ctx, &leg->p, &r);
}

enf_status enf__leg_reverse(enf_ctx *ctx, const enf__batch *b, enf__leg *leg, double *dx,
                            enf__slope *slope) {
  enf_status status;
  TRY(reverse(ctx, leg, 1, dx, NULL));
  TRY(end_pass(ctx, b, slope));
out:
  return status;
}

enf_status enf__leg_pull(enf_ctx *ctx, const enf__batch *b, enf__leg *leg, double *gradients,
                         enf__slope *slope) {
  enf_status status;
  TRY(reverse(ctx, leg, 1, NULL, gradients));
  TRY(end_pass(ctx, b, slope));
out:
  return status;
}

/* Samples that have failed, without those that the objective itself has left out. */
static size_t failures_of(const enf__leg *leg) {
  size_t count = 0;
  for (size_t i = 0; i < leg->p.way.n; i++) {
    const enf_status status = leg->p.result[i].status;
    count += status != ENF_OK && (status != ENF_ERR_ADJOINT || isfinite(leg->dlogdet[i]));
  }
  return count;
}

/* The gradient is linear in the share, so when failures on the way raise it, what the others are
   short of is added by going back again. */
enf_status enf__leg_reverse_mean(enf_ctx *ctx, const enf__batch *b, enf__leg *leg, double weight,
                                 enf__slope *slope, double *share) {
  enf_status status;
  double last = 1;
  for (double given = 0; (*share = 1 / sum_of(leg)) != given && isfinite(*share); given = *share) {
    last = *share - given;
    TRY(reverse(ctx, leg, weight * last, leg->dx, slope->gradients));
  }
  if (last != *share)
    for (size_t k = 0; leg->dx && k < b->n * dim_of(b); k++)
      leg->dx[k] *= *share / last;
  slope->failed += failures_of(leg);
  slope->counted = fmin(slope->counted, sum_of(leg));
  TRY(end_pass(ctx, b, slope));
out:
  return status;
}

void enf__leg_cost(const enf__leg *leg, enf__slope *slope) {
  slope->evaluations += leg->p.evaluations;
  for (size_t i = 0; i < leg->p.way.n; i++)
    slope->steps += leg->p.result[i].accepted;
}
