/* mixture.c -- objectives of a mixture G = sum_c rho_c g_c, all parts and weights at once.

     likelihood   loss = mean of -log G(x): part c sees the row with its responsibility r_c, and the
                  weight's logit has the slope mean of rho_c - r_c
     energy       loss = sum_c rho_c mean over x ~ g_c of u(x) + log G(x) = KL(G|p) - log Z. Its
                  gradient is that of the paths, x = F_c(z), at fixed log G: the rest is a mean of
   scores, which is 0. The batch is cut among the parts by rho, one sample each at least; the
   logit's slope is rho_c (L_c - loss), L_c the part's own mean

   Rows and samples that fail in any part are left out. */
#include "train/density.h"
#include "train/parts.h"
#include <string.h>

/* ---- likelihood ------------------------------------------------------------------------------ */

typedef struct {
  double *logp, *total; /* (n,C), (n) */
} scores;

static size_t buffers_of(const enf__batch *b) {
  size_t most = 1;
  for (size_t c = 0; c < b->flow->parts; c++)
    most = enf__larger(most, enf__journey_pieces(&b->flow->part[c]->chain, b->n));
  return most;
}

static void take_buffers(const enf__batch *b, enf__slope *slope, enf__arena *arena) {
  const size_t count = buffers_of(b) * b->flow->params.size;
  *slope = (enf__slope){.buffers = buffers_of(b)};
  slope->gradients = ENF__TAKE(arena, double, count);
  if (slope->gradients)
    memset(slope->gradients, 0, count * sizeof *slope->gradients);
}

static scores lay_out(const enf__batch *b, enf__slope *slope, enf__arena *arena) {
  take_buffers(b, slope, arena);
  return (scores){.logp = ENF__TAKE(arena, double, b->n * b->flow->parts),
                  .total = ENF__TAKE(arena, double, b->n)};
}

static size_t likelihood_bytes(const enf__batch *b) {
  enf__arena count = {0};
  enf__slope slope;
  lay_out(b, &slope, &count);
  return count.used + enf__parts_bytes(b, b->flow);
}

static size_t worker_bytes(const enf__batch *b, const enf__run *run) {
  return enf__parts_worker_bytes(b, b->flow, run);
}

static double weight_of(const enf__batch *b, size_t i) { return b->weight ? b->weight[i] : 1; }

/* Part c with share[i] times its responsibility for row i; logp holds log rho_c g_c. */
static enf_status add_part(enf_ctx *ctx, const enf__batch *b, const scores *s, size_t c,
                           double share, enf__slope *slope) {
  const size_t mark = ctx->arena.used, C = b->flow->parts;
  const size_t offset = enf__mixture_offset(b->flow, c);
  const enf_flow *flow = b->flow->part[c];
  const size_t state = enf__space_state(&flow->space);
  enf_status status;
  enf__part_leg part;
  TRY(enf__part_forward(ctx, b, b->flow, c, b->host, &part, slope));
  for (size_t i = 0; i < b->n; i++) {
    const double r = exp(s->logp[i * C + c] - s->total[i]) * share * weight_of(b, i);
    double *dy = part.leg.dy + i * state;
    part.leg.dlogdet[i] = -r; /* NaN leaves the row out */
    part.leg.dpenalty[i] = 0;
    enf__prior_gradient(&flow->prior, part.leg.p.y + i * state, dy);
    for (size_t k = 0; k < state; k++)
      dy[k] *= -r;
    if (isfinite(r))
      enf__prior_pull(&flow->prior, part.leg.p.y + i * state, -r, slope->gradients + offset);
  }
  TRY(enf__leg_pull(ctx, &part.b, &part.leg, slope->gradients + offset, slope));
  enf__leg_cost(&part.leg, slope);
out:
  ctx->arena.used = mark;
  return status;
}

static enf_status evaluate_likelihood(enf_ctx *ctx, const enf__batch *b, enf__slope *slope) {
  const size_t C = b->flow->parts;
  const scores s = lay_out(b, slope, &ctx->arena);
  double sum = 0;
  enf_status status;
  TRY(enf__parts_score(ctx, b, b->flow, b->host, s.logp, s.total, slope));
  for (size_t i = 0; i < b->n; i++) {
    sum += isfinite(s.total[i]) ? weight_of(b, i) : 0;
    slope->failed += isfinite(s.total[i]) ? 0 : 1;
  }
  for (size_t i = 0; i < b->n; i++)
    for (size_t c = 0; isfinite(s.total[i]) && c < C; c++) {
      const double share = weight_of(b, i) / sum;
      slope->loss -= c == 0 ? share * s.total[i] : 0;
      slope->gradients[c] +=
          share * (exp(b->flow->log_weight[c]) - exp(s.logp[i * C + c] - s.total[i]));
    }
  slope->loss = sum > 0 ? slope->loss : (double)NAN;
  for (size_t c = 0; c < C && sum > 0; c++)
    TRY(add_part(ctx, b, &s, c, 1 / sum, slope));
out:
  return status;
}

const enf__objective enf__mixture_likelihood = {.call_bytes = likelihood_bytes,
                                                .worker_bytes = worker_bytes,
                                                .evaluate = evaluate_likelihood,
                                                .passes = 3,
                                                .needs_data = true,
                                                .weighs = true};

/* ---- energy ---------------------------------------------------------------------------------- */

typedef struct {
  double *x, *du, *dlogG; /* (n,host) samples, gradients of u and of log G there */
  double *u, *total;      /* (n) u, log G */
  double *share;          /* (n) in the loss */
} samples;

static samples lay_out_samples(const enf__batch *b, enf__slope *slope, enf__arena *arena) {
  const size_t host = b->n * enf__space_host(&b->flow->space);
  take_buffers(b, slope, arena);
  return (samples){.x = ENF__TAKE(arena, double, host),
                   .du = ENF__TAKE(arena, double, host),
                   .dlogG = ENF__TAKE(arena, double, host),
                   .u = ENF__TAKE(arena, double, b->n),
                   .total = ENF__TAKE(arena, double, b->n),
                   .share = ENF__TAKE(arena, double, b->n)};
}

/* Samples of the parts before c; of all: n. */
static size_t first_of(const enf__batch *b, size_t c) {
  const size_t C = b->flow->parts, spare = b->n > C ? b->n - C : 0;
  double sum = 0;
  if (c == C)
    return b->n;
  for (size_t k = 0; k < c; k++)
    sum += exp(b->flow->log_weight[k]);
  const size_t first = c + (size_t)(fmin(sum, 1) * (double)spare);
  return first < b->n ? first : b->n;
}

static enf__batch batch_of(const enf__batch *b, size_t c) {
  enf__batch part = *b;
  part.flow = b->flow->part[c];
  part.exact = true;
  part.n = first_of(b, c + 1) - first_of(b, c);
  part.first = b->first + first_of(b, c);
  return part;
}

static size_t energy_bytes(const enf__batch *b) {
  enf__arena count = {0};
  enf__slope slope;
  size_t most = enf__parts_bytes(b, b->flow);
  lay_out_samples(b, &slope, &count);
  for (size_t c = 0; c < b->flow->parts; c++) {
    const enf__batch part = batch_of(b, c);
    enf__arena own = {0};
    enf__leg_take(&part, 0, 1, &own);
    enf__energies_take(&part, &own);
    most = enf__larger(most, own.used);
  }
  return count.used + most;
}

static enf_status draw_part(enf_ctx *ctx, const enf__batch *b, const samples *s, size_t c,
                            enf__slope *slope) {
  const size_t mark = ctx->arena.used, host = enf__space_host(&b->flow->space);
  const size_t first = first_of(b, c);
  const enf__batch part = batch_of(b, c);
  enf__leg up = enf__leg_take(&part, 0, 1, &ctx->arena);
  enf__energies e = enf__energies_take(&part, &ctx->arena);
  enf_status status = ENF_OK;
  if (part.n == 0)
    goto out;
  enf__draw_starts(&part, &up);
  TRY(enf__leg_forward(ctx, &part, &up, slope));
  TRY(enf__ask_energies(ctx, &part, &up, &e, slope));
  memcpy(s->x + first * host, e.x, part.n * host * sizeof *e.x);
  memcpy(s->du + first * host, e.grad, part.n * host * sizeof *e.grad);
  memcpy(s->u + first, e.u, part.n * sizeof *e.u);
  enf__leg_cost(&up, slope);
out:
  ctx->arena.used = mark;
  return status;
}

/* Shares, the loss, and the slopes of the logits. */
static void weigh(const enf__batch *b, const samples *s, enf__slope *slope) {
  const size_t C = b->flow->parts;
  double part[ENF__MIXTURE_PARTS] = {0};
  for (size_t c = 0; c < C; c++) {
    const size_t first = first_of(b, c), end = first_of(b, c + 1);
    const double rho = exp(b->flow->log_weight[c]);
    size_t count = 0;
    for (size_t i = first; i < end; i++)
      count += isfinite(s->u[i] + s->total[i]);
    for (size_t i = first; i < end; i++) {
      const bool counts = isfinite(s->u[i] + s->total[i]);
      s->share[i] = counts ? rho / (double)count : (double)NAN;
      part[c] += counts ? (s->u[i] + s->total[i]) / (double)count : 0;
    }
    slope->failed += end - first - count;
    slope->loss += rho * part[c];
  }
  for (size_t c = 0; c < C; c++)
    slope->gradients[c] += exp(b->flow->log_weight[c]) * (part[c] - slope->loss);
}

static enf_status pull_part(enf_ctx *ctx, const enf__batch *b, const samples *s, size_t c,
                            enf__slope *slope) {
  const size_t mark = ctx->arena.used, host = enf__space_host(&b->flow->space);
  const enf__batch part = batch_of(b, c);
  const enf__space *space = &part.flow->space;
  const size_t state = enf__space_state(space);
  enf__leg up = enf__leg_take(&part, 0, 1, &ctx->arena);
  enf_status status = ENF_OK;
  if (part.n == 0)
    goto out;
  enf__draw_starts(&part, &up);
  TRY(enf__leg_forward(ctx, &part, &up, slope));
  for (size_t i = 0; i < part.n; i++) {
    const size_t row = first_of(b, c) + i;
    double *dx = s->du + row * host, *dy = up.dy + i * state;
    for (size_t k = 0; k < host; k++)
      dx[k] += s->dlogG[row * host + k];
    space->ops->leave_pull(space, up.p.y + i * state, s->x + row * host, dx, 0, dy);
    for (size_t k = 0; k < state; k++)
      dy[k] *= s->share[row];
    up.dlogdet[i] = 0 * s->share[row]; /* NaN leaves it out */
    up.dpenalty[i] = 0;
  }
  TRY(enf__leg_pull(ctx, &part, &up, slope->gradients + enf__mixture_offset(b->flow, c), slope));
  enf__leg_cost(&up, slope);
out:
  ctx->arena.used = mark;
  return status;
}

static enf_status evaluate_energy(enf_ctx *ctx, const enf__batch *b, enf__slope *slope) {
  const size_t C = b->flow->parts;
  const samples s = lay_out_samples(b, slope, &ctx->arena);
  enf_status status;
  for (size_t c = 0; c < C; c++)
    TRY(draw_part(ctx, b, &s, c, slope));
  TRY(enf__parts_slope(ctx, b, b->flow, s.x, s.total, s.dlogG, slope));
  weigh(b, &s, slope);
  for (size_t c = 0; c < C; c++)
    TRY(pull_part(ctx, b, &s, c, slope));
out:
  return status;
}

const enf__objective enf__mixture_energy = {.call_bytes = energy_bytes,
                                            .worker_bytes = worker_bytes,
                                            .evaluate = evaluate_energy,
                                            .passes = 5,
                                            .needs_energy = true};
