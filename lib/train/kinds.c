/* kinds.c -- see kinds.h. The loss of a molecule with kinds is the bound's, one draw of the
   dequantiser for a step (Satorras et al. 2021, arXiv:2105.09016),

     -log p(x,v) + log q(v|x,kinds) - log p(N),   v of the noise,

   whose gradient by v comes back from the leg. */
#include "train/kinds.h"
#include "core/parallel.h"
#include <math.h>
#include <string.h>

void enf__kinds_features(const enf_flow *flow, const int32_t *kind, double *features) {
  const enf__featured *f = &flow->space.featured;
  const size_t N = flow->space.shape.particles, F = flow->space.shape.features;
  memset(features, 0, N * F * sizeof *features);
  for (size_t i = 0; i < N; i++) {
    features[i * F + (size_t)kind[i]] = 1;
    if (f->charges)
      features[i * F + f->elements] = (double)f->number[kind[i]];
  }
}

static size_t features_of(const enf__batch *b) {
  return b->flow->space.shape.particles * b->flow->space.shape.features;
}

static size_t positions_of(const enf__batch *b) {
  return enf__shape_positions(&b->flow->space.shape);
}

enf__train_kinds enf__train_kinds_take(const enf__batch *b, enf__arena *arena) {
  const size_t n = b->n, features = features_of(b), positions = positions_of(b);
  return (enf__train_kinds){.x = ENF__TAKE(arena, double, n *positions),
                            .noise = ENF__TAKE(arena, double, n *features),
                            .log_q = ENF__TAKE(arena, double, n),
                            .dx = ENF__TAKE(arena, double, n *enf__shape_size(&b->flow->space.shape)),
                            .dv = ENF__TAKE(arena, double, n *features),
                            .dlog_q = ENF__TAKE(arena, double, n)};
}

size_t enf__train_kinds_worker_bytes(const enf__batch *b, const enf__run *run) {
  const size_t features = features_of(b);
  enf__arena count = {0};
  ENF__TAKE(&count, double, features);
  return count.used + enf__dequantiser_workspace(b->flow, run, b->n);
}

/* ---- there and back ----------------------------------------------------------------------------
 */

typedef struct {
  const enf__batch *b;
  const enf__run *run;
  enf__train_kinds *k;
  double *state;
  size_t pieces;
  double *gradients; /* (pieces,P) */
} job;

static enf__kinds some(const job *j, size_t first, size_t S) {
  const size_t N = j->b->flow->space.shape.particles;
  return (enf__kinds){j->b->flow, S, j->b->kind + first * N, j->k->x + first * positions_of(j->b),
                      j->k->noise + first * features_of(j->b)};
}

void enf__kinds_state(const enf__batch *b, const enf__run *run, enf__arena *arena, size_t i,
                      double *noise, double *state, double *log_q) {
  const enf__space *space = &b->flow->space;
  const size_t features = features_of(b), positions = positions_of(b), N = space->shape.particles;
  const size_t moved = positions + features, size = enf__shape_size(&space->shape);
  const double *x = b->x + i * size;
  double *v = ENF__TAKE(arena, double, features);
  memmove(state, x, positions * sizeof *v);
  memmove(state + moved, x + moved, (size - moved) * sizeof *v);
  enf__dequantiser_noise(b->flow, enf__opts_seed(b->options, ENF__OPT_TRAIN_SEED), b->first + i, 1,
                         noise);
  enf__dequantise(&(enf__kinds){b->flow, 1, b->kind + i * N, x, noise}, run, arena, v, log_q);
  for (size_t c = 0; c < features; c++)
    state[positions + c] = v[c] / enf__space_feature_scale(space, c % (features / N));
}

/* Sample i: noise and state. */
static enf_status begin_sample(void *user, size_t i, enf__arena *arena) {
  const job *j = user;
  const size_t features = features_of(j->b), positions = positions_of(j->b);
  const size_t size = enf__shape_size(&j->b->flow->space.shape);
  memcpy(j->k->x + i * positions, j->b->x + i * size, positions * sizeof *j->k->x);
  enf__kinds_state(j->b, j->run, arena, i, j->k->noise + i * features,
                   j->state + i * size, j->k->log_q + i);
  return ENF_OK;
}

enf_status enf__train_kinds_begin(enf_ctx *ctx, const enf__batch *b, enf__train_kinds *k,
                                  double *state) {
  job j = {.b = b, .run = &ctx->run, .k = k, .state = state};
  return enf__parallel_for(ctx, b->n, begin_sample, &j, 0, 0);
}

/* The gradient of a piece of the samples, into its buffer. */
static enf_status end_piece(void *user, size_t piece, enf__arena *arena) {
  const job *j = user;
  const size_t n = j->b->n, first = n * piece / j->pieces, end = n * (piece + 1) / j->pieces;
  const enf__kinds of = some(j, first, end - first);
  if (end > first)
    enf__dequantise_pull(&of, j->run, arena, j->k->dv + first * features_of(j->b),
                         j->k->dlog_q + first, NULL,
                         j->gradients + piece * j->b->flow->params.size);
  return ENF_OK;
}

enf_status enf__train_kinds_end(enf_ctx *ctx, const enf__batch *b, const enf__leg *leg,
                                enf__train_kinds *k, double weight, double share,
                                enf__slope *slope) {
  const size_t features = features_of(b), positions = positions_of(b);
  const size_t F = b->flow->space.shape.features;
  const double log_size = enf__flow_size_log(b->flow, b->flow->space.shape.particles);
  job j = {
      .b = b, .run = &ctx->run, .k = k, .pieces = slope->buffers, .gradients = slope->gradients};
  for (size_t i = 0; i < b->n; i++) {
    const bool counts = enf__leg_counts(leg, i);
    const double *dx = k->dx + i * enf__shape_size(&b->flow->space.shape) + positions;
    const double weighed = share * (b->weight ? b->weight[i] : 1);
    for (size_t c = 0; c < features; c++)
      k->dv[i * features + c] =
          counts ? dx[c] / enf__space_feature_scale(&b->flow->space, c % F) : 0;
    k->dlog_q[i] = counts ? weight * weighed : 0;
    if (counts)
      slope->loss += weight * weighed * (k->log_q[i] - log_size);
  }
  return enf__parallel_for(ctx, j.pieces, end_piece, &j, 0, 0);
}

/* ---- the first batch ---------------------------------------------------------------------------
 */

/* Two significant digits, as any data scale. */
static double rounded(double value) {
  char text[32];
  enf__format(text, sizeof text, "%.1e", value);
  return enf__strtod(text, NULL);
}

void enf__train_settle(enf_trainer *tr, const enf__first *first) {
  enf_flow *work = tr->work, *flow = tr->flow;
  const double rms = sqrt(first->states.x_square / (double)first->states.x_count);
  const bool open = !flow->scale_fixed, context = enf__space_context_is_open(&flow->space);
  double *blocks[] = {work->params.value, flow->params.value, tr->optimiser.average};
  bool normed = false;
  for (size_t i = 0; open && i < work->chain.count; i++) {
    const enf__map *map = work->chain.map[i];
    if (map->ops != &enf__actnorm_ops)
      continue;
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++)
      enf__actnorm_fit(map, &first->states, blocks[k]);
    normed = true;
  }
  for (size_t k = 0; context && k < sizeof blocks / sizeof *blocks; k++)
    enf__space_context_fit(&flow->space, &first->context, blocks[k]);
  if (open)
    flow->space.scale = work->space.scale = normed || !(rms > 0) ? 1 : rounded(rms);
  flow->scale_fixed = work->scale_fixed = true;
  enf__flow_pack(work);
  enf__flow_pack(flow);
}
