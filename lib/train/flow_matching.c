/* flow_matching.c -- the flow-matching objective (Lipman et al. 2023, arXiv:2210.02747; for
   equivariant flows Klein, Kraemer, Noe 2023, arXiv:2306.15030, eq. 7).

     x0 a prior draw that the coupling pairs with the data row x1, t uniform in (0,1), eps normal:
     x_t = (1-t) x0 + t x1 + 4 t (1-t) sigma eps,   loss = mean |v(t,x_t) - dx_t/dt|^2

   over samples and coordinates, everything mean-free and in units of the data scale. The gradient
   is the field's reverse pass with cotangent 2 (v - dx_t/dt) / (n N D).

   The noise is that of a stochastic interpolant (Albergo, Boffi, Vanden-Eijnden 2023,
   arXiv:2303.08797): gone at both ends, it changes neither prior nor data. Without it hardly a path
   crosses the places where optimal transport parts one mode from another, and what the field is
   there is left to chance.

   The batch is cut into chunks, each with its own gradient buffer; losses are kept per sample and
   summed in their order. So the bits depend on the batch only. */
#include "core/parallel.h"
#include "core/random.h"
#include "train/coupling.h"
#include "train/train.h"
#include <string.h>

typedef struct {
  const enf__batch *batch;
  const enf__run *run;
  double noise; /* standard deviation in the middle of a path */
  uint64_t seed;
  size_t dim, params, chunks;
  const double *x0;  /* (n,N,D) */
  double *losses;    /* (n) */
  double *gradients; /* (chunks,P) */
} job;

static job make_job(const enf__batch *b, const enf__run *run) {
  job j = {.batch = b, .run = run};
  j.noise = enf__opts_real(b->options, ENF__OPT_TRAIN_SIGMA);
  j.seed = enf__opts_seed(b->options, ENF__OPT_TRAIN_SEED);
  j.dim = enf__space_state(&b->flow->space);
  j.params = b->flow->params.size;
  j.chunks = enf__field_pieces(enf__chain_field(&b->flow->chain), &b->flow->space.shape, ENF__VJP,
                               1, b->n);
  return j;
}

/* draws: of the coupling */
static void lay_out(job *j, double **draws, enf__arena *arena) {
  *draws = ENF__TAKE(arena, double, j->batch->n * j->dim);
  j->losses = ENF__TAKE(arena, double, j->batch->n);
  j->gradients = ENF__TAKE(arena, double, j->chunks * j->params);
}

static enf__coupling coupling_of(const enf__batch *b, double *draws) {
  return (enf__coupling){.kind = (int)enf__opts_int(b->options, ENF__OPT_TRAIN_COUPLING),
                         .block = (size_t)enf__opts_int(b->options, ENF__OPT_TRAIN_OT_BLOCK),
                         .prior = &b->flow->prior,
                         .seed = enf__opts_seed(b->options, ENF__OPT_TRAIN_SEED),
                         .first = b->first,
                         .n = b->n,
                         .x1 = b->x,
                         .x0 = draws,
                         .species = b->flow->space.shape.kind,
                         .reflect = enf__opts_int(b->options, ENF__OPT_TRAIN_REFLECT) != 0};
}

/* ---- one chunk ----------------------------------------------------------------------------- */

typedef struct {
  double *t, *x, *target; /* (S), (S,N,D), (S,N,D) */
  double *noise;          /* (N,D) */
  double *losses;         /* (S) */
  size_t dim;
  double weight; /* 1 / (n N D) */
} chunk;

static chunk lay_out_chunk(const job *j, size_t S, enf__arena *arena) {
  return (chunk){.t = ENF__TAKE(arena, double, S),
                 .x = ENF__TAKE(arena, double, S * j->dim),
                 .target = ENF__TAKE(arena, double, S * j->dim),
                 .noise = ENF__TAKE(arena, double, j->dim),
                 .dim = j->dim,
                 .weight = 1 / ((double)j->batch->n * (double)j->dim)};
}

/* Adds the noise of time t to a point and the target velocity there. */
static void add_noise(const job *j, const chunk *c, uint64_t number, double t, double *x,
                      double *target) {
  if (j->noise == 0)
    return;
  enf__space_normal(&j->batch->flow->space, j->noise, j->seed, ENF__STREAM_TRAIN_NOISE, number,
                    c->noise);
  const double width = 4 * t * (1 - t), speed = 4 - 8 * t;
  for (size_t k = 0; k < j->dim; k++) {
    x[k] += width * c->noise[k];
    target[k] += speed * c->noise[k];
  }
}

/* The point on the path of row `i` of the batch, and its velocity: sample s of the chunk. */
static void make_point(const job *j, const chunk *c, size_t i, size_t s) {
  const uint64_t number = j->batch->first + i;
  const double *x0 = j->x0 + i * j->dim, *x1 = j->batch->x + i * j->dim;
  double *x = c->x + s * j->dim, *target = c->target + s * j->dim;
  enf__random_uniform(j->seed, ENF__STREAM_TRAIN_TIME, number, 1, c->t + s);
  for (size_t k = 0; k < j->dim; k++) {
    x[k] = (1 - c->t[s]) * x0[k] + c->t[s] * x1[k];
    target[k] = x1[k] - x0[k];
  }
  add_noise(j, c, number, c->t[s], x, target);
}

static void compare(void *user, size_t first, size_t S, const double *v, double *a) {
  const chunk *c = user;
  const double *target = c->target + first * c->dim;
  for (size_t s = 0; s < S; s++) {
    double square = 0;
    for (size_t k = s * c->dim; k < (s + 1) * c->dim; k++) {
      const double error = v[k] - target[k];
      square += error * error;
      a[k] = 2 * c->weight * error;
    }
    c->losses[first + s] = c->weight * square;
  }
}

static enf_status run_chunk(void *user, size_t index, enf__arena *arena) {
  const job *j = user;
  const size_t n = j->batch->n, begin = n * index / j->chunks, end = n * (index + 1) / j->chunks;
  double *gradient = j->gradients + index * j->params;
  chunk c = lay_out_chunk(j, end - begin, arena);
  c.losses = j->losses + begin;
  memset(gradient, 0, j->params * sizeof *gradient);
  for (size_t i = begin; i < end; i++)
    make_point(j, &c, i, i - begin);
  const enf_flow *flow = j->batch->flow;
  const enf__points at = {&flow->space.shape, end - begin, c.t, c.x};
  enf__field_vjp(enf__chain_field(&flow->chain), j->run, arena, &at, compare, &c, NULL, gradient);
  return ENF_OK;
}

/* ---- the objective ------------------------------------------------------------------------- */

static size_t call_bytes(const enf__batch *b) {
  enf__arena count = {0};
  job j = make_job(b, NULL);
  double *draws;
  const enf__coupling coupling = coupling_of(b, NULL);
  lay_out(&j, &draws, &count);
  enf__arena_take(&count, enf__coupling_call_bytes(&coupling));
  return count.used;
}

static size_t worker_bytes(const enf__batch *b, const enf__run *run) {
  enf__arena count = {0};
  const job j = make_job(b, run);
  const enf__coupling coupling = coupling_of(b, NULL);
  lay_out_chunk(&j, (b->n + j.chunks - 1) / j.chunks, &count);
  const size_t chunk_bytes =
      count.used +
      enf__field_workspace(enf__chain_field(&b->flow->chain), run, &b->flow->space.shape, ENF__VJP);
  const size_t coupling_bytes = enf__coupling_worker_bytes(&coupling, run);
  return chunk_bytes > coupling_bytes ? chunk_bytes : coupling_bytes;
}

static enf_status pair(enf_ctx *ctx, const enf__batch *b, double *draws) {
  const enf__coupling coupling = coupling_of(b, draws);
  return enf__coupling_draw(ctx, &coupling);
}

static enf_status evaluate(enf_ctx *ctx, const enf__batch *b, enf__slope *slope) {
  enf_status status;
  job j = make_job(b, &ctx->run);
  double *draws;
  lay_out(&j, &draws, &ctx->arena);
  if (!b->draws)
    TRY(pair(ctx, b, draws));
  j.x0 = b->draws ? b->draws : draws;
  const size_t most = (b->n + j.chunks - 1) / j.chunks;
  TRY(enf__parallel_for(ctx, j.chunks, run_chunk, &j, most, b->n));
  *slope = (enf__slope){.evaluations = b->n, .buffers = j.chunks, .gradients = j.gradients};
  for (size_t i = 0; i < b->n; i++)
    slope->loss += j.losses[i];
out:
  return status;
}

const enf__objective enf__flow_matching = {.call_bytes = call_bytes,
                                           .worker_bytes = worker_bytes,
                                           .evaluate = evaluate,
                                           .pair = pair,
                                           .passes = 1,
                                           .needs_data = true};
