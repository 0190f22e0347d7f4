/* parts.c -- see parts.h. One part is at work at a time, in memory that the next takes over. */
#include "train/parts.h"

#include "math/finite.h"
#include <string.h>

static enf__batch batch_of(const enf__batch *b, const enf_flow *mix, size_t c) {
  enf__batch part = *b;
  part.flow = enf__flow_part(mix, c);
  part.exact = true;
  return part;
}

static void take(enf__part_leg *part, enf__arena *arena) {
  part->leg = enf__leg_take(&part->b, 1, 0, arena);
  part->volume = ENF__TAKE(arena, double, part->b.n);
}

enf_status enf__part_forward(enf_ctx *ctx, const enf__batch *b, const enf_flow *mix, size_t c,
                             const double *x, enf__part_leg *part, enf__slope *slope) {
  part->b = batch_of(b, mix, c);
  take(part, &ctx->arena);
  const enf__space *space = &part->b.flow->space;
  const size_t host = enf__space_host(space), state = enf__space_state(space);
  for (size_t i = 0; i < b->n; i++) {
    double *start = part->leg.start + i * state;
    if (space->ops->enter(space, x + i * host, start, NULL, part->volume + i).status != ENF_OK)
      enf__fill_nan(state, start);
  }
  return enf__leg_forward(ctx, &part->b, &part->leg, slope);
}

double enf__part_density(const enf__part_leg *part, size_t i) {
  const enf_flow *flow = part->b.flow;
  if (!enf__leg_ok(&part->leg, i))
    return NAN;
  return enf__prior_log_density(&flow->prior, part->leg.p.y + i * enf__space_state(&flow->space)) +
         part->leg.p.logdet[i] - enf__space_log_unit(&flow->space) + part->volume[i];
}

size_t enf__parts_bytes(const enf__batch *b, const enf_flow *mix) {
  size_t most = 0;
  for (size_t c = 0; c < enf__flow_parts(mix); c++) {
    enf__arena count = {0};
    enf__part_leg part = {.b = batch_of(b, mix, c)};
    take(&part, &count);
    ENF__TAKE(&count, double, b->n *enf__space_state(&part.b.flow->space));
    ENF__TAKE(&count, double, enf__space_host(&part.b.flow->space));
    most = enf__larger(most, count.used);
  }
  return most;
}

size_t enf__parts_worker_bytes(const enf__batch *b, const enf_flow *mix, const enf__run *run) {
  size_t most = 0;
  for (size_t c = 0; c < enf__flow_parts(mix); c++) {
    const enf__batch part = batch_of(b, mix, c);
    most = enf__larger(most, enf__leg_worker_bytes(&part, run));
  }
  return most;
}

enf_status enf__parts_score(enf_ctx *ctx, const enf__batch *b, const enf_flow *mix, const double *x,
                            double *logp, double *total, enf__slope *slope) {
  const size_t C = enf__flow_parts(mix), mark = ctx->arena.used;
  enf_status status = ENF_OK;
  for (size_t c = 0; c < C; c++, ctx->arena.used = mark) {
    enf__part_leg part;
    TRY(enf__part_forward(ctx, b, mix, c, x, &part, slope));
    for (size_t i = 0; i < b->n; i++)
      logp[i * C + c] = enf__part_density(&part, i);
    enf__leg_cost(&part.leg, slope);
  }
  for (size_t i = 0; i < b->n; i++)
    total[i] =
        enf__all_finite(C, logp + i * C) ? enf__mixture_total(mix, logp + i * C) : (double)NAN;
out:
  return status;
}

/* Row i: log g and its gradient (host) join what there is (flow/gradient.c). */
static void join(size_t host, double logp, const double *part, double *total, double *grad) {
  const double terms[] = {*total, logp}, sum = enf__log_sum(2, terms);
  const double old = exp(*total - sum), new = exp(logp - sum);
  for (size_t k = 0; k < host; k++)
    grad[k] = old * grad[k] + new *part[k];
  *total = isnan(logp) || isnan(*total) ? (double)NAN : sum;
}

enf_status enf__parts_slope(enf_ctx *ctx, const enf__batch *b, const enf_flow *mix, const double *x,
                            double *total, double *grad, enf__slope *slope) {
  const size_t mark = ctx->arena.used, host = enf__space_host(&mix->space);
  enf_status status = ENF_OK;
  memset(grad, 0, b->n * host * sizeof *grad);
  for (size_t i = 0; i < b->n; i++)
    total[i] = -INFINITY;
  for (size_t c = 0; c < enf__flow_parts(mix); c++, ctx->arena.used = mark) {
    enf__part_leg part;
    TRY(enf__part_forward(ctx, b, mix, c, x, &part, slope));
    const enf_flow *flow = part.b.flow;
    const enf__space *space = &flow->space;
    const size_t state = enf__space_state(space);
    double *dx = ENF__TAKE(&ctx->arena, double, b->n *state);
    double *out = ENF__TAKE(&ctx->arena, double, host);
    for (size_t i = 0; i < b->n; i++) {
      part.leg.dlogdet[i] = 1;
      part.leg.dpenalty[i] = 0;
      enf__prior_gradient(&flow->prior, part.leg.p.y + i * state, part.leg.dy + i * state);
    }
    TRY(enf__leg_reverse(ctx, &part.b, &part.leg, dx, slope));
    for (size_t i = 0; i < b->n; i++) {
      const double logp = enf__part_density(&part, i) + enf__flow_log_weight(mix, c);
      if (enf__leg_ok(&part.leg, i))
        space->ops->enter_pull(space, x + i * host, dx + i * state, 1, out);
      else
        memset(out, 0, host * sizeof *out);
      join(host, logp, out, total + i, grad + i * host);
    }
    enf__leg_cost(&part.leg, slope);
  }
out:
  return status;
}
