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

   All this on the field's side of an actnorm: kinds become features by the dequantiser, if the flow has
   one (which this loss does not train), and actnorm follows.

   The samples are cut into chunks, each with its own gradient buffer; losses are kept per sample
   and summed in their order. So the bits depend on the batch only. Batches of many shapes, one each,
   are one loss: chunks are cut from all of them behind one another, at equal shares of pairs, so
   the number of buffers does not grow with that of shapes. */
#include "train/flow_matching.h"
#include "core/parallel.h"
#include "core/random.h"
#include "map/actnorm.h"
#include "train/coupling.h"
#include "train/kinds.h"
#include <string.h>

typedef struct {
  const enf__batch *batch; /* (count), one shape each */
  size_t count;
  const enf__run *run;
  double noise; /* standard deviation in the middle of a path */
  uint64_t seed;
  size_t n, params, chunks; /* n: samples of all */
  uint64_t pairs;           /* of all */
  double weight;            /* 1 / coordinates of all */
  enf__batch *own;          /* (count) with x on the field's side, which x1 has if it is another */
  double *x1, *x0;          /* of all, and what is paired with it */
  double *losses;           /* (n) */
  double *gradients;        /* (chunks,P) */
} job;

static size_t width(const enf__batch *b) { return enf__space_state(&b->flow->space); }

static uint64_t pairs_of(const enf__batch *b) {
  const uint64_t N = b->flow->space.shape.particles;
  return N * N;
}

/* Those that move. */
static size_t coordinates(size_t count, const enf__batch *b) {
  size_t sum = 0;
  for (size_t k = 0; k < count; k++)
    sum += b[k].n * enf__space_moved(&b[k].flow->space);
  return sum;
}

static size_t numbers(size_t count, const enf__batch *b) {
  size_t sum = 0;
  for (size_t k = 0; k < count; k++)
    sum += b[k].n * width(b + k);
  return sum;
}

static job make_job(size_t count, const enf__batch *b, const enf__run *run) {
  job j = {.batch = b, .count = count, .run = run};
  j.noise = enf__opts_real(b->options, ENF__OPT_TRAIN_SIGMA);
  j.seed = enf__opts_seed(b->options, ENF__OPT_TRAIN_SEED);
  j.params = b->flow->params.size;
  j.weight = 1 / (double)coordinates(count, b);
  for (size_t k = 0; k < count; k++) {
    j.n += b[k].n;
    j.pairs += b[k].n * pairs_of(b + k);
  }
  for (size_t k = 0; k < count; k++) /* as if all were of the shape that wants most */
    j.chunks = enf__larger(j.chunks, enf__field_pieces(enf__chain_field(&b[k].flow->chain),
                                                       &b[k].flow->space.shape, ENF__VJP, 1, j.n));
  return j;
}

/* Is the batch's x not yet what the field sees? */
static bool enters(const enf__batch *b) {
  return enf__train_dequantises(b) || b->flow->chain.count > 1;
}

static void lay_out(job *j, enf__arena *arena) {
  j->own = ENF__TAKE(arena, enf__batch, j->count);
  j->x1 = ENF__TAKE(arena, double, enters(j->batch) ? numbers(j->count, j->batch) : 0);
  j->x0 = ENF__TAKE(arena, double, numbers(j->count, j->batch));
  j->losses = ENF__TAKE(arena, double, j->n);
  j->gradients = ENF__TAKE(arena, double, j->chunks * j->params);
}

/* With a context rows are paired with draws of their own: what a draw is then does not depend on it. */
static enf__coupling coupling_of(const enf__batch *b, double *draws) {
  const size_t block = (size_t)enf__opts_int(b->options, ENF__OPT_TRAIN_OT_BLOCK);
  return (enf__coupling){.kind = (int)enf__opts_int(b->options, ENF__OPT_TRAIN_COUPLING),
                         .block = b->flow->space.shape.fixed ? 1 : block,
                         .prior = &b->flow->prior,
                         .seed = enf__opts_seed(b->options, ENF__OPT_TRAIN_SEED),
                         .first = b->first,
                         .n = b->n,
                         .x1 = b->x,
                         .x0 = draws,
                         .species = b->flow->space.shape.kind,
                         .feature_cost = enf__opts_real(b->options, ENF__OPT_TRAIN_FEATURE_COST),
                         .reflect = enf__opts_int(b->options, ENF__OPT_TRAIN_REFLECT) != 0 &&
                                    !enf__field_model(enf__chain_field(&b->flow->chain))->hand};
}

/* ---- to the field -------------------------------------------------------------------------- */

typedef struct {
  const enf__batch *b;
  const enf__run *run;
  double *x1; /* (n,state) */
} entry;

static enf_status enter_sample(void *user, size_t i, enf__arena *arena) {
  const entry *e = user;
  const enf__batch *b = e->b;
  const enf__chain *chain = &b->flow->chain;
  double *x1 = e->x1 + i * width(b), log_q;
  if (enf__train_dequantises(b))
    enf__kinds_state(b, e->run, arena, i, ENF__TAKE(arena, double, width(b)), x1, &log_q);
  else
    memcpy(x1, b->x + i * width(b), width(b) * sizeof *x1);
  for (size_t k = chain->count; k-- > 0;)
    if (chain->map[k]->ops == &enf__actnorm_ops)
      enf__actnorm_enter(chain->map[k], 1, x1);
  return ENF_OK;
}

static size_t entry_bytes(const enf__batch *b, const enf__run *run) {
  enf__arena own = {0};
  ENF__TAKE(&own, double, width(b));
  ENF__TAKE(&own, double, width(b));
  return own.used + (b->flow->dequantiser == ENF__DEQUANTISER_NONE
                         ? 0
                         : enf__dequantiser_workspace(b->flow, run, 1));
}

/* The batches as the field sees them. */
static enf_status enter_all(enf_ctx *ctx, job *j) {
  enf_status status = ENF_OK;
  double *x1 = j->x1;
  memcpy(j->own, j->batch, j->count * sizeof *j->own);
  for (size_t k = 0; k < j->count && enters(j->batch); k++) {
    entry e = {j->batch + k, j->run, x1};
    TRY(enf__parallel_for(ctx, e.b->n, enter_sample, &e, 0, 0));
    j->own[k].x = x1;
    x1 += e.b->n * width(e.b);
  }
  j->batch = j->own;
out:
  return status;
}

/* ---- one chunk ----------------------------------------------------------------------------- */

/* Samples of one batch in a chunk. */
typedef struct {
  const enf__batch *batch;
  const double *x0;       /* of all samples of the batch */
  double *t, *x, *target; /* (S), (S,N,D), (S,N,D) */
  double *noise;          /* (N,D) */
  double *losses;         /* (S) */
  size_t dim;
  double weight; /* 1 / coordinates of all batches */
} span;

static span lay_out_span(const job *j, const enf__batch *b, size_t S, enf__arena *arena) {
  const size_t dim = width(b);
  return (span){.batch = b,
                .t = ENF__TAKE(arena, double, S),
                .x = ENF__TAKE(arena, double, S * dim),
                .target = ENF__TAKE(arena, double, S * dim),
                .noise = ENF__TAKE(arena, double, dim),
                .dim = dim,
                .weight = j->weight};
}

/* Adds the noise of time t to a point and the target velocity there. */
static void add_noise(const job *j, const span *c, uint64_t number, double t, double *x,
                      double *target) {
  if (j->noise == 0)
    return;
  enf__space_normal(&c->batch->flow->space, j->noise, j->seed, ENF__STREAM_TRAIN_NOISE, number,
                    c->noise);
  const double width = 4 * t * (1 - t), speed = 4 - 8 * t;
  for (size_t k = 0; k < c->dim; k++) {
    x[k] += width * c->noise[k];
    target[k] += speed * c->noise[k];
  }
}

/* The point on the path of row `i` of the batch, and its velocity: sample s of the span. */
static void make_point(const job *j, const span *c, size_t i, size_t s) {
  const uint64_t number = c->batch->first + i;
  const double *x0 = c->x0 + i * c->dim, *x1 = c->batch->x + i * c->dim;
  double *x = c->x + s * c->dim, *target = c->target + s * c->dim;
  enf__random_uniform(j->seed, ENF__STREAM_TRAIN_TIME, number, 1, c->t + s);
  for (size_t k = 0; k < c->dim; k++) {
    x[k] = (1 - c->t[s]) * x0[k] + c->t[s] * x1[k];
    target[k] = x1[k] - x0[k];
  }
  add_noise(j, c, number, c->t[s], x, target);
}

static void compare(void *user, size_t first, size_t S, const double *v, double *a) {
  const span *c = user;
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

/* Rows begin ... end-1 of batch b. */
static void run_span(const job *j, const enf__batch *b, const double *x0, double *losses,
                     size_t begin, size_t end, enf__arena *arena, double *gradient) {
  const size_t mark = arena->used;
  span c = lay_out_span(j, b, end - begin, arena);
  c.x0 = x0;
  c.losses = losses + begin;
  for (size_t i = begin; i < end; i++)
    make_point(j, &c, i, i - begin);
  const enf__points at = {&b->flow->space.shape, end - begin, c.t, c.x};
  enf__field_vjp(enf__chain_field(&b->flow->chain), j->run, arena, &at, compare, &c, NULL,
                 gradient);
  arena->used = mark;
}

/* Samples of a batch that are before a place counted in pairs from its beginning. */
static size_t samples_before(const enf__batch *b, uint64_t begin, uint64_t place) {
  const uint64_t samples = place > begin ? (place - begin) / pairs_of(b) : 0;
  return samples < b->n ? (size_t)samples : b->n;
}

static enf_status run_chunk(void *user, size_t index, enf__arena *arena) {
  const job *j = user;
  const uint64_t from = j->pairs * index / j->chunks, to = j->pairs * (index + 1) / j->chunks;
  double *gradient = j->gradients + index * j->params, *losses = j->losses;
  const double *x0 = j->x0;
  uint64_t place = 0; /* of the batch's beginning */
  memset(gradient, 0, j->params * sizeof *gradient);
  for (const enf__batch *b = j->batch; b < j->batch + j->count; b++) {
    const size_t begin = samples_before(b, place, from), end = samples_before(b, place, to);
    if (begin < end)
      run_span(j, b, x0, losses, begin, end, arena, gradient);
    place += b->n * pairs_of(b);
    x0 += b->n * width(b);
    losses += b->n;
  }
  return ENF_OK;
}

/* ---- the objective ------------------------------------------------------------------------- */

static enf_status pair(enf_ctx *ctx, const enf__batch *b, double *draws) {
  const enf__coupling coupling = coupling_of(b, draws);
  const size_t moved = enf__space_moved(&b->flow->space), dim = width(b);
  const enf_status status = enf__coupling_draw(ctx, &coupling);
  for (size_t i = 0; i < b->n && moved < dim; i++)
    memcpy(draws + i * dim + moved, b->x + i * dim + moved, (dim - moved) * sizeof *draws);
  return status;
}

/* Memory of the call, the pairing of a batch that is to come behind it. */
size_t enf__flow_matching_bytes(size_t count, const enf__batch *b) {
  enf__arena own = {0};
  size_t coupling_bytes = 0;
  job j = make_job(count, b, NULL);
  lay_out(&j, &own);
  for (size_t k = 0; k < count; k++) {
    const enf__coupling coupling = coupling_of(b + k, NULL);
    coupling_bytes = enf__larger(coupling_bytes, enf__coupling_call_bytes(&coupling));
  }
  enf__arena_take(&own, coupling_bytes);
  return own.used;
}

size_t enf__flow_matching_worker_bytes(size_t count, const enf__batch *b, const enf__run *run) {
  const job j = make_job(count, b, run);
  const size_t share = (j.pairs + j.chunks - 1) / j.chunks;
  size_t most = 0;
  for (size_t k = 0; k < count; k++) {
    enf__arena own = {0};
    const enf__coupling coupling = coupling_of(b + k, NULL);
    const size_t samples = share / pairs_of(b + k) + 1;
    lay_out_span(&j, b + k, samples < b[k].n ? samples : b[k].n, &own);
    const size_t field_bytes = enf__field_workspace(enf__chain_field(&b[k].flow->chain), run,
                                                    &b[k].flow->space.shape, ENF__VJP);
    most = enf__larger(most, own.used + field_bytes);
    most = enf__larger(most, enf__coupling_worker_bytes(&coupling, run));
    most = enf__larger(most, entry_bytes(b + k, run));
  }
  return most;
}

enf_status enf__flow_matching_evaluate(enf_ctx *ctx, size_t count, const enf__batch *b,
                                       enf__slope *slope) {
  enf_status status;
  job j = make_job(count, b, &ctx->run);
  lay_out(&j, &ctx->arena);
  double *x0 = j.x0;
  TRY(enter_all(ctx, &j));
  for (size_t k = 0; k < count; k++) {
    const size_t mark = ctx->arena.used, dim = width(b + k);
    if (b[k].draws)
      memcpy(x0, b[k].draws, b[k].n * dim * sizeof *x0);
    else
      TRY(pair(ctx, j.batch + k, x0));
    ctx->arena.used = mark;
    x0 += b[k].n * dim;
  }
  TRY(enf__parallel_for(ctx, j.chunks, run_chunk, &j, (j.n + j.chunks - 1) / j.chunks, j.n));
  *slope = (enf__slope){.evaluations = j.n,
                        .counted = (double)j.n,
                        .buffers = j.chunks,
                        .gradients = j.gradients};
  for (size_t i = 0; i < j.n; i++)
    slope->loss += j.losses[i];
out:
  return status;
}

static size_t call_bytes(const enf__batch *b) { return enf__flow_matching_bytes(1, b); }

static size_t worker_bytes(const enf__batch *b, const enf__run *run) {
  return enf__flow_matching_worker_bytes(1, b, run);
}

static enf_status evaluate(enf_ctx *ctx, const enf__batch *b, enf__slope *slope) {
  return enf__flow_matching_evaluate(ctx, 1, b, slope);
}

const enf__objective enf__flow_matching = {.call_bytes = call_bytes,
                                           .worker_bytes = worker_bytes,
                                           .evaluate = evaluate,
                                           .pair = pair,
                                           .passes = 1,
                                           .needs_data = true,
                                           .splits = true};

const enf__objective enf__energy_matching = {.call_bytes = call_bytes,
                                             .worker_bytes = worker_bytes,
                                             .evaluate = evaluate,
                                             .pair = pair,
                                             .passes = 1,
                                             .needs_energy = true,
                                             .has_pool = true};
