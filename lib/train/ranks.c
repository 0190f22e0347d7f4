/* ranks.c -- loss and gradient of a batch that is spread over ranks.

   The global batch is cut into 64 leaves, and a rank has a whole subtree of the binary tree over
   them. A leaf is the objective's batch of its own and gives sums over its samples that count:
   their number, the loss, its gradient. (Of the mixed objective's two means a leaf has one number,
   the smaller one: they differ only where samples fail.) Sums go up the tree, inside of the rank by itself, then
   between ranks in one call of the host's: every rank's sum has a slot of its own, zeros elsewhere,
   so that whatever order the host adds in adds only zeros. Means are formed afterwards. So 1, 2, 4
   ... 64 ranks have the same bytes. Blocks of the coupling are those of the global batch. */
#include "train/ranks.h"
#include "core/parallel.h"
#include <math.h>
#include <string.h>

#define LEAVES ((size_t)64)
#define LEVELS 7 /* of the tree over them */

/* A node of the tree: these, then the gradient (P). */
enum { HERE, ROWS, STEP, COUNT, LOSS, EVALUATIONS, STEPS, FAILED, CAPPED, FORCES, SUMS };

typedef struct {
  const enf__batch *batch;
  size_t width;  /* of a node */
  size_t leaves; /* of this rank */
  double *nodes; /* (LEVELS,width) sums that wait for their neighbour */
  double *slots; /* (ranks,width) */
  double *draws; /* (n,state) of the coupling, or NULL */
} job;

static job lay_out(const enf_trainer *tr, const enf__batch *b, enf__arena *arena) {
  job j = {.batch = b,
           .width = SUMS + tr->optimiser.params,
           .leaves = LEAVES / tr->reduce.ranks};
  j.nodes = ENF__TAKE(arena, double, LEVELS *j.width);
  j.slots = ENF__TAKE(arena, double, tr->reduce.ranks *j.width);
  if (enf__trainer_objective(tr)->pair)
    j.draws = ENF__TAKE(arena, double, b->n *enf__space_state(&b->flow->space));
  return j;
}

size_t enf__ranks_bytes(const enf_trainer *tr, const enf__batch *batch) {
  enf__arena count = {0};
  lay_out(tr, batch, &count);
  return count.used + enf__gradient_bytes(tr->optimiser.params);
}

enf_status enf_trainer_set_reduce(enf_trainer *tr, enf_reduce_fn fn, void *user, int rank,
                                  int ranks) {
  ENF__ENTRY;
  const enf_status status = enf__trainer_check(NULL, tr);
  if (status != ENF_OK)
    return status;
  if (fn && (ranks < 1 || rank < 0 || rank >= ranks || LEAVES % (size_t)ranks != 0))
    return ENF_ERR_ARG;
  tr->reduce = (enf__reduce){0};
  if (fn)
    tr->reduce = (enf__reduce){fn, user, (size_t)rank, (size_t)ranks};
  return ENF_OK;
}

enf_status enf__ranks_check(enf_ctx *ctx, const enf_trainer *tr, size_t n) {
  const size_t ranks = tr->reduce.ranks, most = INT32_MAX;
  const enf__objective *objective = enf__trainer_objective(tr);
  char name[32];
  if (!tr->reduce.fn)
    return ENF_OK;
  if (!objective->splits)
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                     "train.objective is %s: a reduce function goes with flow-matching, likelihood, "
                     "energy, mixed and path-gradient of a single flow",
                     enf__opts_print(tr->options, ENF__OPT_TRAIN_OBJECTIVE, name));
  if (!tr->flow->scale_fixed)
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                     "the data scale is still open, and no rank sees the whole first batch: set "
                     "model.data_scale (enf_data_scale finds it)");
  if (n > most / ranks)
    return enf__fail(ctx, ENF_ERR_ARG, "%zu ranks with %zu rows each are more than %zu rows", ranks,
                     n, most);
  const size_t block = (size_t)enf__opts_int(tr->options, ENF__OPT_TRAIN_OT_BLOCK),
               blocks = (n * ranks + block - 1) / block;
  if (objective->pair && ranks > 1 && (blocks % ranks != 0 || n % (blocks / ranks) != 0) &&
      enf__opts_int(tr->options, ENF__OPT_TRAIN_COUPLING) != ENF__INDEPENDENT)
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                     "%zu ranks with %zu rows each: blocks of train.ot_block %zu would be cut by "
                     "ranks; give each a multiple of %zu rows",
                     ranks, n, block, block);
  return ENF_OK;
}

/* ---- the tree -------------------------------------------------------------------------------- */

static void add(size_t width, double *sum, const double *other) {
  for (size_t k = 0; k < width; k++)
    sum[k] += other[k];
}

/* Leaf number `leaf` of the rank: sums over its samples, zero without any. */
static enf_status sum_leaf(enf_ctx *ctx, const enf_trainer *tr, const job *j, size_t leaf,
                           double *node) {
  const enf__batch *b = j->batch;
  const size_t dim = enf__space_state(&b->flow->space), params = tr->optimiser.params;
  const size_t begin = b->n * leaf / j->leaves, used = ctx->arena.used;
  enf_status status = ENF_OK;
  enf__batch part = *b;
  enf__slope slope;
  double norm;
  memset(node, 0, j->width * sizeof *node);
  part.n = b->n * (leaf + 1) / j->leaves - begin;
  part.first += begin;
  part.place += begin;
  if (b->x) {
    part.x += begin * dim;
    part.volume += begin;
  }
  part.draws = j->draws ? j->draws + begin * dim : NULL;
  if (part.n == 0)
    return ENF_OK;
  TRY(enf__trainer_objective(tr)->evaluate(ctx, &part, &slope));
  TRY(enf__gradient_sum(ctx, params, slope.buffers, slope.gradients, &norm));
  const double count = slope.counted;
  node[COUNT] = count;
  node[EVALUATIONS] = (double)slope.evaluations;
  node[STEPS] = (double)slope.steps;
  node[FAILED] = (double)slope.failed;
  node[CAPPED] = (double)slope.capped;
  node[FORCES] = (double)slope.forces_clipped;
  node[LOSS] = count > 0 ? count * slope.loss : 0;
  for (size_t k = 0; k < params && count > 0; k++)
    node[SUMS + k] = count * slope.gradients[k];
out:
  ctx->arena.used = used;
  return status;
}

/* The sum of the rank's leaves in the first node. */
static enf_status sum_rank(enf_ctx *ctx, const enf_trainer *tr, const job *j) {
  enf_status status = ENF_OK;
  size_t waiting = 0;
  for (size_t leaf = 0; leaf < j->leaves; leaf++) {
    TRY(sum_leaf(ctx, tr, j, leaf, j->nodes + waiting++ * j->width));
    for (size_t pairs = leaf + 1; pairs % 2 == 0; pairs /= 2, waiting--)
      add(j->width, j->nodes + (waiting - 2) * j->width, j->nodes + (waiting - 1) * j->width);
  }
out:
  return status;
}

/* ---- between ranks --------------------------------------------------------------------------- */

/* A rank that has failed says so, and no other waits for it; -0 would not outlive sums of zeros. */
static void fill_slots(const enf_trainer *tr, const job *j, bool whole) {
  const enf__reduce *r = &tr->reduce;
  double *slot = j->slots + r->rank * j->width;
  memset(j->slots, 0, r->ranks * j->width * sizeof *slot);
  if (whole)
    add(j->width, slot, j->nodes);
  slot[HERE] = whole ? 1 : -1;
  slot[ROWS] = (double)j->batch->n;
  slot[STEP] = (double)tr->counters[ENF__STEP];
}

static enf_status check_slots(enf_ctx *ctx, const enf_trainer *tr, const job *j) {
  for (size_t rank = 0; rank < tr->reduce.ranks; rank++) {
    const double *slot = j->slots + rank * j->width;
    if (slot[HERE] == -1)
      return enf__fail(ctx, ENF_ERR_CALLBACK, "the step of rank %zu has failed", rank);
    if (slot[HERE] != 1)
      return enf__fail(ctx, ENF_ERR_CALLBACK,
                       "rank %zu is %g times in the sums of the reduce function, not once", rank,
                       slot[HERE]);
    if (slot[ROWS] != (double)j->batch->n || slot[STEP] != (double)tr->counters[ENF__STEP])
      return enf__fail(ctx, ENF_ERR_CALLBACK,
                       "rank %zu has %g rows at step %g, this one %zu at step %g: they are to be "
                       "the same",
                       rank, slot[ROWS], slot[STEP], j->batch->n,
                       (double)tr->counters[ENF__STEP]);
  }
  return ENF_OK;
}

static int call(enf_ctx *ctx, const enf_trainer *tr, const job *j) {
  const enf__reduce *r = &tr->reduce;
  const bool silent = enf__host_begin(ctx);
  const int failed = r->fn(r->user, r->ranks * j->width, j->slots);
  enf__host_end(ctx, silent);
  return failed;
}

static enf_status reduce(enf_ctx *ctx, const enf_trainer *tr, const job *j) {
  const enf__reduce *r = &tr->reduce;
  const int failed = call(ctx, tr, j);
  if (failed)
    return enf__fail(ctx, ENF_ERR_CALLBACK, "the reduce function returned %d", failed);
  const enf_status status = check_slots(ctx, tr, j);
  for (size_t step = 1; step < r->ranks && status == ENF_OK; step *= 2)
    for (size_t rank = 0; rank < r->ranks; rank += 2 * step)
      add(j->width, j->slots + rank * j->width, j->slots + (rank + step) * j->width);
  return status;
}

enf_status enf__ranks_slope(enf_ctx *ctx, const enf_trainer *tr, const enf__batch *batch,
                            enf__slope *slope) {
  const enf__objective *objective = enf__trainer_objective(tr);
  const job j = lay_out(tr, batch, &ctx->arena);
  const size_t used = ctx->arena.used;
  enf_status status = ENF_OK, own = ENF_OK;
  if (objective->pair)
    own = objective->pair(ctx, batch, j.draws);
  ctx->arena.used = used;
  if (own == ENF_OK)
    own = sum_rank(ctx, tr, &j);
  fill_slots(tr, &j, own == ENF_OK);
  if (own != ENF_OK) {
    call(ctx, tr, &j);
    return own;
  }
  TRY(reduce(ctx, tr, &j));
  double *sum = j.slots;
  for (size_t k = 0; k < tr->optimiser.params; k++)
    sum[SUMS + k] /= sum[COUNT];
  *slope = (enf__slope){.loss = sum[LOSS] / sum[COUNT],
                        .evaluations = (uint64_t)sum[EVALUATIONS],
                        .steps = (uint64_t)sum[STEPS],
                        .failed = (size_t)sum[FAILED],
                        .capped = (uint64_t)sum[CAPPED],
                        .forces_clipped = (uint64_t)sum[FORCES],
                        .buffers = 1,
                        .gradients = sum + SUMS};
out:
  return status;
}
