/* energy.c -- objectives from the host's energy alone (Boltzmann generators: Noe et al. 2019,
   Science 365, eaaw1147; equivariant flows: Koehler, Klein, Noe 2020, arXiv:2006.02425).

     energy         loss = mean of u(x) + log q(x) over x = F(z), z from the prior: KL(q|p) - log Z
     mixed          lambda times the likelihood's loss + (1 - lambda) times the energy's
     path-gradient  the energy's loss; its gradient without the score term, which has mean zero:
                    dL/dx = grad u + grad log q at fixed parameters, carried back through F
                    (Roeder et al. 2017, arXiv:1703.09194; Vaitl et al. 2022, arXiv:2206.09016)
     refine         the energy's loss; the gradient of (1 - lambda) KL(q|p) + lambda KL(p|q), p the
                    target, both by paths: the path gradient of every sample times
                    1 - lambda + lambda w, w = exp(-u)/q over its mean. For mean w d log q is
                    mean grad w . dF, which is -mean w (grad u + grad log q) . dF (Tucker et al.
                    2018, arXiv:1810.04152; Vaitl et al. 2024, arXiv:2403.15881). So samples that
                    the flow makes too seldom pull at it, and where it is right nothing is noisy

   Every mean of u + log q, or of -log q, comes with that of the penalty on the path (train.kinetic,
   train.frobenius; map/cnf_passage.c).

   Energies beyond train.energy_cap count as cap + log(1 + u - cap), so they still point downhill;
   force vectors of a particle longer than train.force_clip are shortened to it. Samples so
   changed are counted in enf_step_info.capped, such forces in forces_clipped. A sample that is
   impossible (u not finite) or was not reached is left out of the mean: no NaN from the host gets
   into the weights. */
#include "train/density.h"

#include "core/parallel.h"
#include "core/random.h"
#include <math.h>
#include <string.h>

static size_t dim_of(const enf__batch *b) { return enf__space_state(&b->flow->space); }

/* An option's value at this step: from first to last, linear over the planned steps. */
static double along(const enf__batch *b, enf__opt first, enf__opt last) {
  const double begin = enf__opts_real(b->options, first), end = enf__opts_real(b->options, last);
  return begin + (end - begin) * b->progress;
}

static double lambda_of(const enf__batch *b) {
  return along(b, ENF__OPT_TRAIN_LAMBDA, ENF__OPT_TRAIN_LAMBDA_END);
}

/* ---- the host's energy ----------------------------------------------------------------------- */

enf__energies enf__energies_take(const enf__batch *b, enf__arena *arena) {
  const size_t count = b->n * enf__space_host(&b->flow->space);
  return (enf__energies){.x = ENF__TAKE(arena, double, count),
                         .u = ENF__TAKE(arena, double, b->n),
                         .grad = ENF__TAKE(arena, double, count),
                         .volume = ENF__TAKE(arena, double, b->n),
                         .dy = ENF__TAKE(arena, double, dim_of(b))};
}

size_t enf__batch_rung(const enf__batch *b, size_t i) {
  const bool many = enf__ladder_on(&b->flow->space.ladder) && b->rungs > 0;
  return many ? (b->place + i) * b->rungs / b->whole : 0;
}

/* The first rung is the flow's own temperature. */
double enf__batch_temperature(const enf__batch *b, size_t i) {
  const enf__ladder *ladder = &b->flow->space.ladder;
  const size_t rung = enf__batch_rung(b, i);
  double part;
  if (rung == 0)
    return enf__ladder_on(ladder) ? ladder->temperature : 1;
  enf__random_uniform(enf__opts_seed(b->options, ENF__OPT_TRAIN_SEED),
                      ENF__STREAM_TRAIN_TEMPERATURE, b->step * ENF__MOST_RUNGS + rung, 1, &part);
  return enf__ladder_at(ladder, ((double)rung - 1 + part) / ((double)b->rungs - 1));
}

void enf__draw_starts(const enf__batch *b, enf__leg *leg) {
  const uint64_t seed = enf__opts_seed(b->options, ENF__OPT_TRAIN_SEED);
  for (size_t i = 0; i < b->n; i++) {
    const double temperature = enf__batch_temperature(b, i);
    double *start = leg->start + i * dim_of(b);
    enf__prior_sample(&b->flow->prior, seed, ENF__STREAM_TRAIN_PRIOR, b->first + i, start);
    enf__space_set_temperatures(&b->flow->space, 1, &temperature, start);
  }
}

/* Shorten the force on every particle to `most`; how many were longer. */
static uint64_t clip_forces(const enf__batch *b, double most, double *grad) {
  const size_t D = b->flow->space.shape.dimensions;
  uint64_t clipped = 0;
  for (size_t p = 0; p < b->flow->space.shape.particles; p++) {
    double *g = grad + p * D, force = 0; /* may be too large for its square */
    for (size_t a = 0; a < D; a++)
      force = hypot(force, g[a]);
    if (!(most > 0) || force <= most)
      continue;
    for (size_t a = 0; a < D; a++)
      g[a] *= most / force;
    clipped++;
  }
  return clipped;
}

double enf__capped_energy(double u, double cap) { return u > cap ? cap + log1p(u - cap) : u; }

static void make_impossible(size_t dim, double *u, double *grad) {
  *u = INFINITY;
  memset(grad, 0, dim * sizeof *grad);
}

/* One sample's energy and forces at the step's temperature, made harmless, and counted. */
static void tame(const enf__batch *b, double beta, double *u, double *grad, enf__slope *slope) {
  const size_t dim = enf__space_host(&b->flow->space);
  const double cap = enf__opts_real(b->options, ENF__OPT_TRAIN_ENERGY_CAP);
  const double clip = enf__opts_real(b->options, ENF__OPT_TRAIN_FORCE_CLIP);
  *u *= beta;
  bool finite = isfinite(*u);
  for (size_t k = 0; k < dim; k++) {
    grad[k] *= beta;
    finite = finite && isfinite(grad[k]);
  }
  if (!finite) {
    make_impossible(dim, u, grad);
    slope->capped++;
    return;
  }
  const bool high = *u > cap;
  if (high) {
    const double beyond = *u - cap;
    *u = enf__capped_energy(*u, cap);
    for (size_t k = 0; k < dim; k++)
      grad[k] /= 1 + beyond;
  }
  const uint64_t clipped = clip_forces(b, clip, grad);
  slope->forces_clipped += clipped;
  slope->capped += high || clipped > 0;
}

enf_status enf__ask_energies(enf_ctx *ctx, const enf__batch *b, const enf__leg *leg,
                             enf__energies *e, enf__slope *slope) {
  const enf__space *space = &b->flow->space;
  const size_t dim = dim_of(b), host = enf__space_host(space);
  const double beta = along(b, ENF__OPT_TRAIN_BETA, ENF__OPT_TRAIN_BETA_END);
  for (size_t i = 0; i < b->n; i++) {
    /* a sample that did not arrive shows the host a valid configuration; its answer is not used */
    double *x = e->x + i * host;
    const bool arrived =
        enf__leg_ok(leg, i) &&
        space->ops->leave(space, NULL, leg->p.y + i * dim, NULL, x, &e->volume[i]).status == ENF_OK;
    if (arrived)
      continue;
    space->ops->leave(space, NULL, leg->start + i * dim, NULL, x, NULL);
    e->volume[i] = NAN;
  }
  const enf_status status =
      enf__host_energy(ctx, b->energy, b->energy_user, b->n, e->x, e->u, e->grad);
  if (status != ENF_OK)
    return status;
  for (size_t i = 0; i < b->n; i++) {
    if (!isnan(e->volume[i]))
      tame(b, beta / enf__batch_temperature(b, i), &e->u[i], e->grad + i * host, slope);
    else
      make_impossible(host, &e->u[i], e->grad + i * host);
  }
  return ENF_OK;
}

/* dy (state) of u and the log-volume of sample i, whose gradient is written over. */
static void pull_energy(const enf__batch *b, const enf__leg *leg, enf__energies *e, size_t i,
                        double *dy) {
  const enf__space *space = &b->flow->space;
  const size_t host = enf__space_host(space);
  space->ops->leave_pull(space, leg->p.y + i * dim_of(b), e->x + i * host, e->grad + i * host, 1,
                         dy);
}

/* ---- energy ---------------------------------------------------------------------------------- */

/* Mean of u + log q + penalty over the samples that count. */
static double energy_loss(const enf__batch *b, const enf__leg *leg, const enf__energies *e,
                          double share) {
  double loss = -enf__space_log_unit(&b->flow->space);
  for (size_t i = 0; i < b->n; i++)
    if (enf__leg_counts(leg, i))
      loss += share *
              (e->u[i] - leg->p.logdet[i] + leg->p.penalty[i] +
               enf__prior_log_density(&b->flow->prior, leg->start + i * dim_of(b)) + e->volume[i]);
  return isfinite(share) ? loss : NAN;
}

enf_status enf__add_energy(enf_ctx *ctx, const enf__batch *b, enf__leg *leg, enf__energies *e,
                           double weight, enf__slope *slope) {
  const size_t dim = dim_of(b);
  enf_status status;
  double share;
  enf__draw_starts(b, leg);
  TRY(enf__leg_forward(ctx, b, leg, slope));
  TRY(enf__ask_energies(ctx, b, leg, e, slope));
  for (size_t i = 0; i < b->n; i++) {
    leg->dlogdet[i] = isfinite(e->u[i]) ? -1 : NAN;
    leg->dpenalty[i] = 1;
    pull_energy(b, leg, e, i, leg->dy + i * dim);
  }
  TRY(enf__leg_reverse_mean(ctx, b, leg, weight, slope, &share));
  slope->loss += weight * energy_loss(b, leg, e, share);
  enf__leg_cost(leg, slope);
out:
  return status;
}

typedef struct {
  enf__leg up, down; /* prior to data, data to prior */
  enf__energies e;
  double *weight; /* (n) */
} work;

static work lay_out(const enf__batch *b, enf__slope *slope, enf__arena *arena) {
  enf__leg_buffers(b, slope, arena);
  return (work){.up = enf__leg_take(b, 0, 1, arena),
                .down = enf__leg_take(b, 1, 0, arena),
                .e = enf__energies_take(b, arena),
                .weight = ENF__TAKE(arena, double, b->n)};
}

static size_t call_bytes(const enf__batch *b) {
  enf__arena count = {0};
  enf__slope slope;
  lay_out(b, &slope, &count);
  return count.used;
}

static enf_status evaluate_energy(enf_ctx *ctx, const enf__batch *b, enf__slope *slope) {
  work w = lay_out(b, slope, &ctx->arena);
  return enf__add_energy(ctx, b, &w.up, &w.e, 1, slope);
}

const enf__objective enf__energy_objective = {.call_bytes = call_bytes,
                                              .worker_bytes = enf__leg_worker_bytes,
                                              .evaluate = evaluate_energy,
                                              .passes = 2,
                                              .needs_energy = true,
                                              .splits = true};

/* ---- mixed ----------------------------------------------------------------------------------- */

static enf_status evaluate_mixed(enf_ctx *ctx, const enf__batch *b, enf__slope *slope) {
  const double lambda = lambda_of(b);
  enf_status status;
  work w = lay_out(b, slope, &ctx->arena);
  TRY(enf__add_likelihood(ctx, b, &w.down, lambda, slope));
  TRY(enf__add_energy(ctx, b, &w.up, &w.e, 1 - lambda, slope));
out:
  return status;
}

const enf__objective enf__mixed = {.call_bytes = call_bytes,
                                   .worker_bytes = enf__leg_worker_bytes,
                                   .evaluate = evaluate_mixed,
                                   .passes = 4,
                                   .needs_data = true,
                                   .needs_energy = true,
                                   .splits = true,
                                   .weighs = true};

/* ---- path gradient --------------------------------------------------------------------------- */

/* up->dy = grad u + grad log q, the latter from the way back down. */
static enf_status path_cotangents(enf_ctx *ctx, const enf__batch *b, work *w, enf__slope *slope) {
  const size_t dim = dim_of(b);
  enf__leg *up = &w->up, *down = &w->down;
  enf_status status;
  for (size_t i = 0; i < b->n * dim; i++)
    down->start[i] = isfinite(w->e.u[i / dim]) ? up->p.y[i] : up->start[i];
  TRY(enf__leg_forward(ctx, b, down, slope));
  for (size_t i = 0; i < b->n; i++) {
    down->dlogdet[i] = 1;
    down->dpenalty[i] = 0;
    enf__prior_gradient(&b->flow->prior, down->p.y + i * dim, down->dy + i * dim);
  }
  TRY(enf__leg_reverse(ctx, b, down, up->dy, slope));
  for (size_t i = 0; i < b->n; i++) {
    up->dlogdet[i] = isfinite(w->e.u[i]) ? 0 : NAN;
    up->dpenalty[i] = 1;
    pull_energy(b, up, &w->e, i, w->e.dy);
    for (size_t k = 0; k < dim; k++)
      up->dy[i * dim + k] += w->e.dy[k];
  }
out:
  return status;
}

/* Samples with their energies and the cotangents of the path gradient. */
static enf_status go_path(enf_ctx *ctx, const enf__batch *b, work *w, enf__slope *slope) {
  enf_status status;
  w->down.p.way.kinetic = w->down.p.way.frobenius = 0; /* it goes down for grad log q only */
  enf__draw_starts(b, &w->up);
  TRY(enf__leg_forward(ctx, b, &w->up, slope));
  TRY(enf__ask_energies(ctx, b, &w->up, &w->e, slope));
  enf__leg_cost(&w->up, slope);
  TRY(path_cotangents(ctx, b, w, slope));
out:
  return status;
}

/* The path gradient, from its cotangents. */
static enf_status add_path(enf_ctx *ctx, const enf__batch *b, work *w, enf__slope *slope) {
  enf_status status;
  double share;
  /* the record of the way up is gone: make it again */
  TRY(enf__leg_forward(ctx, b, &w->up, slope));
  TRY(enf__leg_reverse_mean(ctx, b, &w->up, 1, slope, &share));
  slope->loss = energy_loss(b, &w->up, &w->e, share);
  enf__leg_cost(&w->up, slope);
  enf__leg_cost(&w->down, slope);
out:
  return status;
}

static enf_status evaluate_path_gradient(enf_ctx *ctx, const enf__batch *b, enf__slope *slope) {
  enf_status status;
  work w = lay_out(b, slope, &ctx->arena);
  TRY(go_path(ctx, b, &w, slope));
  TRY(add_path(ctx, b, &w, slope));
out:
  return status;
}

const enf__objective enf__path_gradient = {.call_bytes = call_bytes,
                                           .worker_bytes = enf__leg_worker_bytes,
                                           .evaluate = evaluate_path_gradient,
                                           .passes = 5,
                                           .needs_energy = true,
                                           .splits = true};

/* ---- refine ---------------------------------------------------------------------------------- */

/* The k-th largest of w (n), k from 1; equal ones count as one. */
static double largest(size_t n, const double *w, size_t k) {
  double below = INFINITY;
  for (; k > 0; k--) {
    double most = -INFINITY;
    for (size_t i = 0; i < n; i++)
      if (w[i] < below && w[i] > most)
        most = w[i];
    below = isfinite(most) ? most : below;
  }
  return below;
}

void enf__weights_cut(size_t n, double cut, double *logw) {
  const double most = largest(n, logw, (size_t)ceil(fmax(cut * (double)n, 1)));
  for (size_t i = 0; i < n; i++)
    logw[i] = fmin(logw[i], most);
}

void enf__weights_level(size_t n, double *w) {
  const double most = largest(n, w, 1);
  double sum = 0;
  size_t count = 0;
  for (size_t i = 0; i < n; i++) {
    count += w[i] > -INFINITY;
    w[i] = exp(w[i] - most);
    sum += w[i];
  }
  for (size_t i = 0; i < n; i++)
    w[i] *= count > 0 ? (double)count / sum : 1;
}

/* The first sample of the next rung. */
static size_t rung_end(const enf__batch *b, size_t first) {
  size_t end = first;
  while (end < b->n && enf__batch_rung(b, end) == enf__batch_rung(b, first))
    end++;
  return end;
}

/* weight (n) of the samples, each among those of its temperature, whose log q is known since they went down and the cotangents back. */
static void weigh(const enf__batch *b, const work *w, double *weight) {
  const enf__leg *down = &w->down;
  for (size_t i = 0; i < b->n; i++) {
    const double logq = enf__prior_log_density(&b->flow->prior, down->p.y + i * dim_of(b)) +
                        down->p.logdet[i] + w->e.volume[i];
    const double log_weight = enf__leg_ok(&w->up, i) ? -w->e.u[i] - logq : (double)NAN;
    weight[i] = isnan(log_weight) ? -(double)INFINITY : log_weight;
  }
  const double cut = enf__opts_real(b->options, ENF__OPT_TRAIN_WEIGHT_CUT);
  for (size_t first = 0, end; first < b->n; first = end) {
    end = rung_end(b, first);
    enf__weights_cut(end - first, cut, weight + first);
    enf__weights_level(end - first, weight + first);
  }
}

/* The path gradient's cotangents, each cut to `most`, times 1 - lambda + lambda w. */
static void weigh_cotangents(const enf__batch *b, work *w, double lambda) {
  const double most = enf__opts_real(b->options, ENF__OPT_TRAIN_SAMPLE_CLIP);
  const size_t dim = dim_of(b);
  weigh(b, w, w->weight);
  for (size_t i = 0; i < b->n; i++) {
    double *dy = w->up.dy + i * dim, square = 0;
    for (size_t k = 0; k < dim; k++)
      square += dy[k] * dy[k];
    const double cut = most > 0 && square > most * most ? most / sqrt(square) : 1;
    for (size_t k = 0; k < dim; k++)
      dy[k] *= cut * (1 - lambda + lambda * w->weight[i]);
  }
}

static enf_status evaluate_refine(enf_ctx *ctx, const enf__batch *b, enf__slope *slope) {
  enf_status status;
  work w = lay_out(b, slope, &ctx->arena);
  TRY(go_path(ctx, b, &w, slope));
  weigh_cotangents(b, &w, lambda_of(b));
  TRY(add_path(ctx, b, &w, slope));
out:
  return status;
}

const enf__objective enf__refine = {.call_bytes = call_bytes,
                                    .worker_bytes = enf__leg_worker_bytes,
                                    .evaluate = evaluate_refine,
                                    .passes = 5,
                                    .needs_energy = true};
