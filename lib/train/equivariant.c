/* equivariant.c -- equivariant optimal transport between a batch and prior draws (Klein, Kraemer,
   Noe 2023, arXiv:2306.15030, section 4; Song et al. 2023, arXiv:2312.07168).

     cost_ij = |x1_i - R P x0_j|^2,  P = argmin_P |x1_i - P x0_j|^2 over permutations of like
     particles, R = argmin_R |x1_i - R P x0_j|^2 over rotations (and reflections).

   P is the best for the orientation the two have; that P and R are best together is not claimed.
   Within a block of rows the draws are assigned to the rows at least total cost, and row i gets
   R P x0_j of its draw j: another point of the same orbit, of the same prior density, and orbits
   are all that an equivariant flow sees. Over a batch every draw is used once.

   Where particles have features, P is over all of them, as no kind is given, and the features of
   the draw go with its particles. The cost is of positions alone; with feature_cost w > 0 the pairs
   that it gave are matched again, P = argmin |x1 - R P x0|^2 + w |h1 - P h0|^2 and R in turns.

   Four loops: draw and pack every row; one row of costs per task; one assignment per block; turn
   every row's draw. Costs and permutations are functions of the two configurations only, so P is
   found again for the chosen pairs instead of being kept for all. Blocks go in waves, which bounds
   the memory of costs. A block with coordinates too large for float32 keeps its own draws. */
#include "train/equivariant.h"
#include "core/parallel.h"
#include "core/random.h"
#include "math/align.h"
#include "math/assignment.h"
#include "math/kabsch.h"
#include <math.h>

/* Costs kept at a time, if there is more than one block. */
#define WAVE_COSTS ((size_t)1 << 20)

typedef struct {
  const enf__coupling *coupling;
  const enf__align_kernels *kernels;
  enf__align align;
  size_t dim, blocks, wave; /* blocks, and most of them in a wave */
  size_t first_block;       /* of the present wave */
  size_t floats;            /* of a packed configuration */
  float *memory;            /* (2,n,floats): x1, then x0 */
  enf__packed *x1, *x0;     /* (n) packed */
  double *draws;            /* (n,N,D) */
  float *costs;             /* (wave,rows,rows) */
  uint32_t *partner;        /* (n) draw of a row */
} job;

static job lay_out(const enf__coupling *c, enf__arena *arena) {
  const size_t N = c->prior->space->shape.particles, D = c->prior->space->shape.dimensions;
  job j = {
      .coupling = c, .dim = enf__space_state(c->prior->space), .blocks = enf__coupling_blocks(c)};
  j.align = enf__align_make(N, D, c->species, c->reflect, arena);
  const size_t rows = enf__coupling_begin(c, 1), most = WAVE_COSTS / (rows * rows);
  j.wave = most < 1 ? 1 : most < j.blocks ? most : j.blocks;
  j.floats = enf__align_floats(&j.align);
  j.memory = ENF__TAKE(arena, float, 2 * c->n * j.floats);
  j.x1 = ENF__TAKE(arena, enf__packed, c->n);
  j.x0 = ENF__TAKE(arena, enf__packed, c->n);
  j.draws = ENF__TAKE(arena, double, c->n *j.dim);
  j.costs = ENF__TAKE(arena, float, j.wave *rows *rows);
  j.partner = ENF__TAKE(arena, uint32_t, c->n);
  return j;
}

size_t enf__equivariant_call_bytes(const enf__coupling *c) {
  enf__arena count = {0};
  lay_out(c, &count);
  return count.used;
}

/* ---- a worker's own ---------------------------------------------------------------------------
 */

typedef struct {
  uint32_t *partner; /* (N) */
  double *ordered;   /* (N,D) */
  double *turned;    /* (N,D) with feature_cost */
  float *costs;      /* (N,N) the same */
  void *work;        /* of the kernels, then of an assignment */
} scratch;

static scratch lay_out_scratch(const job *j, enf__arena *arena) {
  const size_t N = j->align.particles, again = j->coupling->feature_cost > 0;
  const size_t bytes = again * enf__assignment_workspace(N);
  return (scratch){
      .partner = ENF__TAKE(arena, uint32_t, N),
      .ordered = ENF__TAKE(arena, double, j->dim),
      .turned = ENF__TAKE(arena, double, again *j->dim),
      .costs = ENF__TAKE(arena, float, again *N *N),
      .work = enf__arena_take(arena, enf__larger(j->kernels->workspace(&j->align), bytes))};
}

size_t enf__equivariant_worker_bytes(const enf__coupling *c, const enf__run *run) {
  enf__arena none = {0}, count = {0};
  job j = lay_out(c, &none);
  j.kernels = enf__align_kernels_of(run->kernel);
  lay_out_scratch(&j, &count);
  const size_t assignment = enf__assignment_workspace(enf__coupling_begin(c, 1));
  return count.used > assignment ? count.used : assignment;
}

/* ---- the loops --------------------------------------------------------------------------------
 */

/* The wave's row number `task` and its block. */
typedef struct {
  size_t row, begin, end; /* of the block */
  float *costs;           /* (rows,rows) of the block */
} place;

static place block_place(const job *j, size_t task) {
  const size_t block = j->first_block + task, most = enf__coupling_begin(j->coupling, 1);
  return (place){.begin = enf__coupling_begin(j->coupling, block),
                 .end = enf__coupling_begin(j->coupling, block + 1),
                 .costs = j->costs + task * most * most};
}

static place row_place(const job *j, size_t task) {
  const size_t row = enf__coupling_begin(j->coupling, j->first_block) + task;
  place p = block_place(j, enf__coupling_block_of(j->coupling, row) - j->first_block);
  p.row = row;
  return p;
}

static enf_status draw_row(void *user, size_t i, enf__arena *arena) {
  job *j = user;
  const enf__coupling *c = j->coupling;
  double *draw = j->draws + i * j->dim;
  (void)arena;
  enf__prior_sample(c->prior, c->seed, ENF__STREAM_TRAIN_PRIOR, c->first + i, draw);
  j->x1[i] = enf__align_pack(&j->align, c->x1 + i * j->dim, j->memory + i * j->floats);
  j->x0[i] = enf__align_pack(&j->align, draw, j->memory + (c->n + i) * j->floats);
  return ENF_OK;
}

static bool is_usable(const job *j, const place *p) {
  for (size_t i = p->begin; i < p->end; i++)
    if (isinf(j->x1[i].square) || isinf(j->x0[i].square))
      return false;
  return true;
}

static enf_status measure_row(void *user, size_t task, enf__arena *arena) {
  const job *j = user;
  const place p = row_place(j, task);
  const size_t rows = p.end - p.begin;
  void *work = enf__arena_take(arena, j->kernels->workspace(&j->align));
  if (is_usable(j, &p))
    j->kernels->distances(&j->align, &j->x1[p.row], rows, &j->x0[p.begin], work,
                          p.costs + (p.row - p.begin) * rows);
  return ENF_OK;
}

static enf_status assign_block(void *user, size_t task, enf__arena *arena) {
  const job *j = user;
  const place p = block_place(j, task);
  const size_t rows = p.end - p.begin;
  uint32_t *partner = j->partner + p.begin;
  if (is_usable(j, &p))
    enf__assignment_solve(rows, p.costs, enf__arena_take(arena, enf__assignment_workspace(rows)),
                          partner);
  return ENF_OK;
}

/* The features of a draw (N,F), permuted as its particles. */
static void permute_features(const job *j, const uint32_t *partner, const double *draw,
                             double *out) {
  const size_t F = j->coupling->prior->space->shape.features;
  for (size_t a = 0; a < j->align.particles; a++)
    for (size_t f = 0; f < F; f++)
      out[a * F + f] = draw[partner[a] * F + f];
}

static double square_of_difference(size_t n, const double *a, const double *b) {
  double sum = 0;
  for (size_t k = 0; k < n; k++)
    sum += (a[k] - b[k]) * (a[k] - b[k]);
  return sum;
}

/* s->ordered: the draw's positions by s->partner; R: their rotation onto x1. */
static void turn(const job *j, const scratch *s, const double *x1, const double *draw,
                 double R[9]) {
  const size_t N = j->align.particles, D = j->align.dimensions;
  for (size_t a = 0; a < N; a++)
    for (size_t d = 0; d < D; d++)
      s->ordered[D * a + d] = draw[D * s->partner[a] + d];
  enf__kabsch_rotation(N, D, x1, s->ordered, j->coupling->reflect, R);
}

/* Partners anew by positions, turned by R, and features; then R by them, in turns. */
static void match_features(const job *j, const scratch *s, const double *x1, const double *draw,
                           double R[9]) {
  enum { ROUNDS = 2 };
  const size_t N = j->align.particles, D = j->align.dimensions;
  const size_t F = j->coupling->prior->space->shape.features;
  const double *h1 = x1 + N * D, *h0 = draw + N * D, w = j->coupling->feature_cost;
  for (int round = 0; round < ROUNDS; round++) {
    enf__kabsch_apply(N, D, R, draw, s->turned);
    for (size_t a = 0; a < N; a++)
      for (size_t b = 0; b < N; b++)
        s->costs[a * N + b] = (float)(square_of_difference(D, x1 + a * D, s->turned + b * D) +
                                      w * square_of_difference(F, h1 + a * F, h0 + b * F));
    enf__assignment_solve(N, s->costs, s->work, s->partner);
    turn(j, s, x1, draw, R);
  }
}

/* x0 of a row becomes its draw, permuted and turned onto x1. */
static enf_status turn_row(void *user, size_t task, enf__arena *arena) {
  const job *j = user;
  const enf__coupling *c = j->coupling;
  const place p = row_place(j, task);
  const size_t N = j->align.particles, D = j->align.dimensions;
  const scratch s = lay_out_scratch(j, arena);
  const double *x1 = c->x1 + p.row * j->dim;
  double *x0 = c->x0 + p.row * j->dim, R[9];
  if (!is_usable(j, &p)) {
    for (size_t k = 0; k < j->dim; k++)
      x0[k] = j->draws[p.row * j->dim + k];
    return ENF_OK;
  }
  const size_t with = p.begin + j->partner[p.row];
  j->kernels->match(&j->align, &j->x1[p.row], &j->x0[with], s.work, s.partner);
  const double *draw = j->draws + with * j->dim;
  turn(j, &s, x1, draw, R);
  if (c->feature_cost > 0)
    match_features(j, &s, x1, draw, R);
  enf__kabsch_apply(N, D, R, s.ordered, x0);
  permute_features(j, s.partner, draw + N * D, x0 + N * D);
  return ENF_OK;
}

enf_status enf__equivariant_draw(enf_ctx *ctx, const enf__coupling *c) {
  enf_status status;
  job j = lay_out(c, &ctx->arena);
  j.kernels = enf__align_kernels_of(ctx->run.kernel);
  TRY(enf__parallel_for(ctx, c->n, draw_row, &j, 0, 0));
  for (; j.first_block < j.blocks; j.first_block += j.wave) {
    const size_t left = j.blocks - j.first_block, blocks = left < j.wave ? left : j.wave;
    const size_t rows =
        enf__coupling_begin(c, j.first_block + blocks) - enf__coupling_begin(c, j.first_block);
    TRY(enf__parallel_for(ctx, rows, measure_row, &j, 0, 0));
    TRY(enf__parallel_for(ctx, blocks, assign_block, &j, 0, 0));
    TRY(enf__parallel_for(ctx, rows, turn_row, &j, 0, 0));
  }
out:
  return status;
}
