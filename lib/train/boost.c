/* boost.c -- objectives of a flow g that is to be the next part of a mixture G, which stays as it
   is (gradient boosting: Giaquinto, Banerjee 2020, arXiv:2002.11896).

     likelihood   in the first third of train.steps the likelihood of the rows weighted by 1/G, cut
   at train.boost_cap times the mean weight: it finds where G is poor. Then the likelihood of (1 -
   rho) G + rho g: a row counts with the responsibility of g; rho by expectation and maximisation on
   the batch at every hundredth step energy       loss = mean over x ~ g of u(x) + max(log G(x),
   -train.boost_clip)
                  + train.boost_lambda log g(x) */
#include "train/boost.h"
#include "train/density.h"
#include "train/parts.h"
#include <math.h>
#include <string.h>

enum { RENEWED = 100, ROUNDS = 20 };

void enf__boost_weights(size_t n, const double *logG, double floor, double cap, double *w) {
  double least = INFINITY, sum = 0, cut = 0;
  for (size_t i = 0; i < n; i++)
    least = logG[i] < least ? logG[i] : least;
  for (size_t i = 0; i < n; i++) {
    w[i] = isfinite(logG[i]) ? exp(least - logG[i]) : 0;
    sum += w[i];
  }
  for (size_t i = 0; i < n; i++) {
    w[i] = fmin(fmax(w[i] / sum, floor), cap);
    cut += w[i];
  }
  for (size_t i = 0; i < n; i++)
    w[i] /= cut;
}

double enf__boost_loss(double u, double logG, double logg, double lambda, double clip) {
  return u + fmax(logG, -clip) + lambda * logg;
}

/* ---- likelihood ------------------------------------------------------------------------------ */

typedef struct {
  enf__leg leg;
  double *logp, *total; /* (n,C), (n) of the mixture */
  double *weight;       /* (n) */
} work;

static work lay_out(const enf__batch *b, enf__slope *slope, enf__arena *arena) {
  const size_t C = b->mixture ? enf__flow_parts(b->mixture) : 0;
  enf__leg_buffers(b, slope, arena);
  return (work){.leg = enf__leg_take(b, 1, 0, arena),
                .logp = ENF__TAKE(arena, double, b->n *C),
                .total = ENF__TAKE(arena, double, b->n),
                .weight = ENF__TAKE(arena, double, b->n)};
}

/* The batch with exact log-determinants. */
static enf__batch exactly(const enf__batch *b) {
  enf__batch exact = *b;
  exact.exact = true;
  return exact;
}

static size_t likelihood_bytes(const enf__batch *b) {
  const enf__batch exact = exactly(b);
  enf__arena count = {0};
  enf__slope slope;
  lay_out(&exact, &slope, &count);
  return count.used + enf__parts_bytes(b, b->mixture);
}

static size_t worker_bytes(const enf__batch *b, const enf__run *run) {
  const enf__batch exact = exactly(b);
  return enf__larger(enf__parts_worker_bytes(b, b->mixture, run),
                     enf__leg_worker_bytes(&exact, run));
}

/* One row's log of (1 - rho) G + rho g, and the share of g. */
static double joint(double rho, double logG, double logg, double *share) {
  const double terms[] = {log1p(-rho) + logG, log(rho) + logg};
  const double total = enf__log_sum(2, terms);
  *share = exp(terms[1] - total);
  return total;
}

/* The share of g among n rows, from the one before. */
static double renew(size_t n, const double *logG, const double *logg, double rho) {
  for (int k = 0; k < ROUNDS; k++) {
    double sum = 0, share;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
      joint(rho, logG[i], logg[i], &share);
      sum += isfinite(share) ? share : 0;
      count += isfinite(share);
    }
    rho = count ? fmin(fmax(sum / (double)count, 1e-3), 1 - 1e-3) : rho;
  }
  return rho;
}

static enf_status add_joint(enf_ctx *ctx, const enf__batch *b, work *w, enf__slope *slope) {
  const enf__prior *prior = &b->flow->prior;
  const size_t dim = enf__space_state(&b->flow->space);
  const double unit = enf__space_log_unit(&b->flow->space);
  double share, *logg = w->weight, *r = w->logp;
  enf_status status;
  memcpy(w->leg.start, b->x, b->n * dim * sizeof *b->x);
  TRY(enf__leg_forward(ctx, b, &w->leg, slope));
  for (size_t i = 0; i < b->n; i++)
    logg[i] = enf__leg_ok(&w->leg, i) ? enf__prior_log_density(prior, w->leg.p.y + i * dim) +
                                            w->leg.p.logdet[i] - unit + b->volume[i]
                                      : (double)NAN;
  if (b->step % RENEWED == 0)
    slope->share = renew(b->n, w->total, logg, slope->share);
  for (size_t i = 0; i < b->n; i++) {
    const double weight = b->weight ? b->weight[i] : 1;
    double *dy = w->leg.dy + i * dim;
    const double total = joint(slope->share, w->total[i], logg[i], &r[i]);
    r[i] *= weight;
    w->total[i] = isfinite(total) && isfinite(r[i]) ? total : (double)NAN;
    w->leg.dlogdet[i] = isfinite(w->total[i]) ? -r[i] : (double)NAN;
    w->leg.dpenalty[i] = weight;
    enf__prior_gradient(prior, w->leg.p.y + i * dim, dy);
    for (size_t k = 0; k < dim; k++)
      dy[k] *= -r[i];
  }
  w->leg.weight = b->weight;
  TRY(enf__leg_reverse_mean(ctx, b, &w->leg, 1, slope, &share));
  for (size_t i = 0; i < b->n; i++)
    if (enf__leg_counts(&w->leg, i)) {
      slope->loss -= share * (b->weight ? b->weight[i] : 1) * w->total[i];
      enf__prior_pull(prior, w->leg.p.y + i * dim, -share * r[i], slope->gradients);
    }
  slope->loss = isfinite(share) ? slope->loss : (double)NAN;
  enf__leg_cost(&w->leg, slope);
out:
  return status;
}

static enf_status evaluate_likelihood(enf_ctx *ctx, const enf__batch *given, enf__slope *slope) {
  enf__batch b = exactly(given);
  const double cap = enf__opts_real(b.options, ENF__OPT_TRAIN_BOOST_CAP);
  enf_status status;
  work w = lay_out(&b, slope, &ctx->arena);
  slope->share = b.share > 0 ? b.share : 1 / (1 + (double)enf__flow_parts(b.mixture));
  TRY(enf__parts_score(ctx, &b, b.mixture, b.host, w.logp, w.total, slope));
  if (b.progress >= 1.0 / 3)
    return add_joint(ctx, &b, &w, slope);
  enf__boost_weights(b.n, w.total, 0, cap / (double)b.n, w.weight);
  for (size_t i = 0; i < b.n; i++)
    w.weight[i] *= (double)b.n * (b.weight ? b.weight[i] : 1);
  b.weight = w.weight;
  TRY(enf__add_likelihood(ctx, &b, &w.leg, 1, slope));
out:
  return status;
}

const enf__objective enf__boost_likelihood = {.call_bytes = likelihood_bytes,
                                              .worker_bytes = worker_bytes,
                                              .evaluate = evaluate_likelihood,
                                              .passes = 3,
                                              .needs_data = true,
                                              .weighs = true};

/* ---- energy ---------------------------------------------------------------------------------- */

typedef struct {
  enf__leg up;
  enf__energies e;
  double *total, *grad; /* (n), (n,host) log G and its gradient */
} draws;

static draws lay_out_draws(const enf__batch *b, enf__slope *slope, enf__arena *arena) {
  enf__leg_buffers(b, slope, arena);
  return (draws){.up = enf__leg_take(b, 0, 1, arena),
                 .e = enf__energies_take(b, arena),
                 .total = ENF__TAKE(arena, double, b->n),
                 .grad = ENF__TAKE(arena, double, b->n *enf__space_host(&b->flow->space))};
}

static size_t energy_bytes(const enf__batch *b) {
  const enf__batch exact = exactly(b);
  enf__arena count = {0};
  enf__slope slope;
  lay_out_draws(&exact, &slope, &count);
  return count.used + enf__parts_bytes(b, b->mixture);
}

/* Cotangents of every sample's loss. */
static void pull_draws(const enf__batch *b, draws *d, double lambda, double clip) {
  const enf__space *space = &b->flow->space;
  const size_t host = enf__space_host(space), dim = enf__space_state(space);
  for (size_t i = 0; i < b->n; i++) {
    const bool counts = isfinite(d->e.u[i]) && isfinite(d->total[i]);
    double *dx = d->e.grad + i * host;
    for (size_t k = 0; counts && d->total[i] > -clip && k < host; k++)
      dx[k] += d->grad[i * host + k];
    space->ops->leave_pull(space, d->up.p.y + i * dim, d->e.x + i * host, dx, lambda,
                           d->up.dy + i * dim);
    d->up.dlogdet[i] = counts ? -lambda : (double)NAN;
    d->up.dpenalty[i] = 1;
  }
}

static enf_status evaluate_energy(enf_ctx *ctx, const enf__batch *given, enf__slope *slope) {
  const enf__batch b = exactly(given);
  const double lambda = enf__opts_real(b.options, ENF__OPT_TRAIN_BOOST_LAMBDA);
  const double clip = enf__opts_real(b.options, ENF__OPT_TRAIN_BOOST_CLIP);
  const double unit = enf__space_log_unit(&b.flow->space);
  const size_t dim = enf__space_state(&b.flow->space);
  double share;
  enf_status status;
  draws d = lay_out_draws(&b, slope, &ctx->arena);
  enf__draw_starts(&b, &d.up);
  TRY(enf__leg_forward(ctx, &b, &d.up, slope));
  TRY(enf__ask_energies(ctx, &b, &d.up, &d.e, slope));
  TRY(enf__parts_slope(ctx, &b, b.mixture, d.e.x, d.total, d.grad, slope));
  TRY(enf__leg_forward(ctx, &b, &d.up, slope)); /* its record may be gone */
  pull_draws(&b, &d, lambda, clip);
  TRY(enf__leg_reverse_mean(ctx, &b, &d.up, 1, slope, &share));
  for (size_t i = 0; i < b.n; i++)
    if (enf__leg_counts(&d.up, i)) {
      const double logg = enf__prior_log_density(&b.flow->prior, d.up.start + i * dim) -
                          d.up.p.logdet[i] - unit + d.e.volume[i];
      slope->loss +=
          share * (enf__boost_loss(d.e.u[i], d.total[i], logg, lambda, clip) + d.up.p.penalty[i]);
    }
  slope->loss = isfinite(share) ? slope->loss : (double)NAN;
  enf__leg_cost(&d.up, slope);
out:
  return status;
}

const enf__objective enf__boost_energy = {.call_bytes = energy_bytes,
                                          .worker_bytes = worker_bytes,
                                          .evaluate = evaluate_energy,
                                          .passes = 3,
                                          .needs_energy = true};
