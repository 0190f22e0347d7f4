/* likelihood.c -- the maximum-likelihood objective (Satorras et al. 2021, arXiv:2105.09016, eq. 4):

     loss = mean over the batch of -log q(x),   log q(x) = log p0(z) + log |dz/dx| - k log s,

   z the point the data row x comes from at time 0, k = (N-1)D, s the data scale; the
   log-determinant with Hutchinson's estimate or the exact divergence (train.trace), and of the
   penalty on the path (train.kinetic, train.frobenius; map/cnf_passage.c). Its gradient goes
   through the integration (train.adjoint). With weights (enf_train_step_weighted) the mean is a
   weighted one. A sample whose integration fails, there or back, is left
   out of the mean; if all fail the loss is NaN and the step changes nothing. */
#include "train/density.h"
#include "train/kinds.h"

#include <math.h>
#include <string.h>

static double weight_of(const enf__batch *b, size_t i) { return b->weight ? b->weight[i] : 1; }

/* Mean of -log q, in host units, and penalty over the samples that count. */
static double likelihood_loss(const enf__batch *b, const enf__leg *leg, double share) {
  const size_t dim = enf__space_state(&b->flow->space);
  double loss = enf__space_log_unit(&b->flow->space);
  for (size_t i = 0; i < b->n; i++)
    if (enf__leg_counts(leg, i))
      loss -= share * weight_of(b, i) *
              (enf__prior_log_density(&b->flow->prior, leg->p.y + i * dim) + leg->p.logdet[i] -
               leg->p.penalty[i] + b->volume[i]);
  return isfinite(share) ? loss : NAN;
}

enf_status enf__add_likelihood(enf_ctx *ctx, const enf__batch *b, enf__leg *leg, double weight,
                               enf__slope *slope) {
  const size_t dim = enf__space_state(&b->flow->space);
  enf_status status;
  double share;
  enf__train_kinds kinds = {0};
  leg->weight = b->weight;
  memcpy(leg->start, b->x, b->n * dim * sizeof *leg->start);
  if (enf__train_dequantises(b)) {
    kinds = enf__train_kinds_take(b, &ctx->arena);
    leg->dx = kinds.dx;
    TRY(enf__train_kinds_begin(ctx, b, &kinds, leg->start));
  }
  TRY(enf__leg_forward(ctx, b, leg, slope));
  for (size_t i = 0; i < b->n; i++) {
    double *dy = leg->dy + i * dim;
    const double weighed = weight_of(b, i);
    leg->dlogdet[i] = -weighed;
    leg->dpenalty[i] = weighed;
    enf__prior_gradient(&b->flow->prior, leg->p.y + i * dim, dy);
    for (size_t k = 0; k < dim; k++)
      dy[k] *= -weighed;
  }
  TRY(enf__leg_reverse_mean(ctx, b, leg, weight, slope, &share));
  slope->loss += weight * likelihood_loss(b, leg, share);
  if (leg->dx && isfinite(share))
    TRY(enf__train_kinds_end(ctx, b, leg, &kinds, weight, share, slope));
  for (size_t i = 0; i < b->n; i++)
    if (enf__leg_counts(leg, i))
      enf__prior_pull(&b->flow->prior, leg->p.y + i * dim, -weight * share * weight_of(b, i),
                      slope->gradients);
  enf__leg_cost(leg, slope);
out:
  return status;
}

/* ---- the objective --------------------------------------------------------------------------- */

static enf__leg lay_out(const enf__batch *b, enf__slope *slope, enf__arena *arena) {
  enf__leg_buffers(b, slope, arena);
  return enf__leg_take(b, 1, 0, arena);
}

static size_t call_bytes(const enf__batch *b) {
  enf__arena count = {0};
  enf__slope slope;
  lay_out(b, &slope, &count);
  if (enf__train_dequantises(b))
    enf__train_kinds_take(b, &count);
  return count.used;
}

static size_t worker_bytes(const enf__batch *b, const enf__run *run) {
  const size_t leg = enf__leg_worker_bytes(b, run);
  return enf__train_dequantises(b) ? enf__larger(leg, enf__train_kinds_worker_bytes(b, run)) : leg;
}

static enf_status evaluate(enf_ctx *ctx, const enf__batch *b, enf__slope *slope) {
  enf__leg leg = lay_out(b, slope, &ctx->arena);
  return enf__add_likelihood(ctx, b, &leg, 1, slope);
}

const enf__objective enf__likelihood = {.call_bytes = call_bytes,
                                        .worker_bytes = worker_bytes,
                                        .evaluate = evaluate,
                                        .passes = 2,
                                        .needs_data = true,
                                        .splits = true,
                                        .weighs = true};
