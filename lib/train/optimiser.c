/* optimiser.c -- updates of the weights, their running average, and learning-rate schedules.

   With gradient g (shrunk if clipped) and number of updates k (this one included), beta1 = 0.9,
   beta2 = 0.999, eps = 1e-8, w -= rate (direction + decay w), where AdamW (Loshchilov and Hutter
   2019, arXiv:1711.05101, algorithm 2) goes in the

     direction = m/(1-beta1^k) / (sqrt(v/(1-beta2^k)) + eps),
     m = beta1 m + (1-beta1) g,  v = beta2 v + (1-beta2) g^2,

   and SOAP (soap.c) does the same in better coordinates, with beta2 = 0.99.

   Running average with decay e: a_k = e a_(k-1) + (1-e) w_k from a_0 = 0, divided by 1-e^k. Kept
   here in its corrected form, average = w + (average - w) (e - e^k)/(1 - e^k), which is w itself
   for k = 1 and for e = 0.

   Parameters are worked on in pieces of a fixed size; each is summed over the gradient buffers in
   their order, and the norm over the pieces in theirs: the bits do not depend on threads. */
#include "train/optimiser.h"
#include "core/parallel.h"
#include "math/descent.h"
#include <math.h>
#include <string.h>

#define PIECE ((size_t)4096)
/* Where schedules end, as a share of the peak. */
#define FLOOR 0.01
#define PI 3.14159265358979323846

static enf_status make(enf_ctx *ctx, enf__optimiser *o, const enf__params *table, bool soap) {
  const size_t params = o->params;
  o->moment1 = enf__alloc_array(&o->alloc, params, sizeof *o->moment1);
  o->moment2 = enf__alloc_array(&o->alloc, params, sizeof *o->moment2);
  o->average = enf__alloc_array(&o->alloc, params, sizeof *o->average);
  if (!o->moment1 || !o->moment2 || !o->average)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for the moments of %zu parameters", params);
  memset(o->moment1, 0, params * sizeof *o->moment1);
  memset(o->moment2, 0, params * sizeof *o->moment2);
  memcpy(o->average, table->value, params * sizeof *o->average);
  return soap ? enf__soap_create(ctx, &o->soap, table) : ENF_OK;
}

enf_status enf__optimiser_create(enf_ctx *ctx, enf__optimiser *o, const enf__params *params,
                                 bool soap) {
  *o = (enf__optimiser){.alloc = ctx->alloc, .params = params->size};
  const enf_status status = make(ctx, o, params, soap);
  if (status != ENF_OK)
    enf__optimiser_free(o);
  return status;
}

void enf__optimiser_free(enf__optimiser *o) {
  enf__free(&o->alloc, o->moment1);
  enf__free(&o->alloc, o->moment2);
  enf__free(&o->alloc, o->average);
  enf__soap_free(&o->soap);
  *o = (enf__optimiser){0};
}

/* ---- schedules ----------------------------------------------------------------------------- */

/* From 1 at p = 0 to the floor at p = 1. */
static double fall(double p) { return FLOOR + (1 - FLOOR) * 0.5 * (1 + cos(PI * p)); }

/* Share of the peak at step `step`, and place p in [0,1] of the plan. */
static double share(int schedule, uint64_t step, uint64_t steps, double p) {
  const uint64_t warm = steps / 20;
  switch (schedule) {
  case ENF__COSINE:
    return fall(p);
  case ENF__ONE_CYCLE:
    if (step < warm)
      return (double)(step + 1) / (double)(warm + 1);
    return steps - warm > 1 ? fall((double)(step - warm) / (double)(steps - warm - 1)) : FLOOR;
  case ENF__STEPWISE:
    return p < 0.6 ? 1 : p < 0.85 ? 0.1 : 0.01;
  default:
    return 1;
  }
}

double enf__learning_rate(int schedule, double peak, uint64_t step, uint64_t steps) {
  const uint64_t last = steps > 0 ? steps - 1 : 0;
  if (step > last)
    step = last;
  return peak * share(schedule, step, last + 1, last > 0 ? (double)step / (double)last : 1);
}

/* ---- the gradient -------------------------------------------------------------------------- */

static size_t pieces(size_t params) { return (params + PIECE - 1) / PIECE; }

static size_t piece_size(size_t params, size_t piece) {
  const size_t left = params - piece * PIECE;
  return left < PIECE ? left : PIECE;
}

typedef struct {
  const enf__descent_kernels *kernels;
  size_t params, buffers;
  double *gradients;
  double *squares; /* (pieces) */
} summation;

static enf_status sum_piece(void *user, size_t piece, enf__arena *arena) {
  const summation *s = user;
  (void)arena;
  s->squares[piece] = s->kernels->sum(piece_size(s->params, piece), s->buffers, s->params,
                                      s->gradients + piece * PIECE);
  return ENF_OK;
}

size_t enf__gradient_bytes(size_t params) {
  enf__arena count = {0};
  ENF__TAKE(&count, double, pieces(params));
  return count.used;
}

enf_status enf__gradient_sum(enf_ctx *ctx, size_t params, size_t buffers, double *gradients,
                             double *norm) {
  const size_t count = pieces(params);
  summation s = {enf__descent_kernels_of(ctx->run.kernel), params, buffers, gradients,
                 ENF__TAKE(&ctx->arena, double, count)};
  const enf_status status = enf__parallel_for(ctx, count, sum_piece, &s, 0, 0);
  double square = 0;
  for (size_t piece = 0; piece < count; piece++)
    square += s.squares[piece];
  *norm = sqrt(square);
  return status;
}

/* ---- the update ---------------------------------------------------------------------------- */

typedef struct {
  const enf__descent_kernels *kernels;
  const enf__optimiser *o;
  double shrink;
  double *gradient, *weights;
  enf__adam adam;
  enf__stride stride;
} pass;

static enf_status shrink_piece(void *user, size_t piece, enf__arena *arena) {
  const pass *p = user;
  double *g = p->gradient + piece * PIECE;
  (void)arena;
  for (size_t k = 0; k < piece_size(p->o->params, piece); k++)
    g[k] *= p->shrink;
  return ENF_OK;
}

static enf_status update_piece(void *user, size_t piece, enf__arena *arena) {
  const pass *p = user;
  const enf__optimiser *o = p->o;
  const size_t begin = piece * PIECE, size = piece_size(o->params, piece);
  (void)arena;
  if (o->soap.count == 0)
    p->kernels->direction(&p->adam, size, o->moment1 + begin, o->moment2 + begin,
                          p->gradient + begin);
  p->kernels->step(&p->stride, size, p->gradient + begin, p->weights + begin, o->average + begin);
  return ENF_OK;
}

size_t enf__optimiser_worker_bytes(const enf__optimiser *o) {
  return enf__soap_worker_bytes(&o->soap);
}

enf_status enf__optimiser_update(enf_ctx *ctx, enf__optimiser *o, const enf__update *update,
                                 double *gradient, double *weights) {
  enf_status status;
  const double k = (double)(o->updates + 1), decayed = pow(update->ema, k);
  const enf__moments moments = {o->updates + 1, o->moment1, o->moment2};
  pass p = {.kernels = enf__descent_kernels_of(ctx->run.kernel),
            .o = o,
            .shrink = update->shrink,
            .gradient = gradient,
            .weights = weights,
            .adam = {.beta1 = ENF__BETA1,
                     .beta2 = ENF__BETA2,
                     .eps = ENF__EPS,
                     .correct1 = 1 / (1 - pow(ENF__BETA1, k)),
                     .correct2 = 1 / (1 - pow(ENF__BETA2, k))},
            .stride = {.rate = update->rate,
                       .decay = update->rate * update->weight_decay,
                       .keep = (update->ema - decayed) / (1 - decayed)}};
  if (update->shrink < 1)
    TRY(enf__parallel_for(ctx, pieces(o->params), shrink_piece, &p, 0, 0));
  if (o->soap.count > 0)
    TRY(enf__soap_direction(ctx, &o->soap, &moments, gradient));
  o->updates++;
  TRY(enf__parallel_for(ctx, pieces(o->params), update_piece, &p, 0, 0));
out:
  return status;
}
