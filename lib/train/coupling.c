/* coupling.c -- prior draws x0 for a batch x1 of flow matching.

   independent: row i gets draw i. ot: within blocks of rows, the assignment of the block's draws to
   its rows that makes sum_i |x0_pair(i) - x1_i|^2 least (mini-batch optimal transport; Tong et al.
   2024, arXiv:2302.00482; Pooladian et al. 2023, arXiv:2304.14772). |x0|^2 and |x1|^2 are the same
   for every assignment, so the cost is -<x0,x1>, in float32. equivariant-ot: equivariant.c.

   Blocks are as equal as can be, none above the limit; each is one task. The pairing of a block is
   a function of its rows and of the seed only. A block whose products overflow keeps the order it
   has. */
#include "train/coupling.h"
#include "core/parallel.h"
#include "core/random.h"
#include "math/assignment.h"
#include "train/equivariant.h"
#include <string.h>
#define ENF__DOUBLE 0
#include "math/simd.h"

static size_t width(const enf__coupling *c) { return enf__space_state(c->prior->space); }

/* A block's own memory. */
typedef struct {
  double *draws;     /* (rows,dim) */
  float *x1;         /* (rows,dim) */
  float *x0;         /* (dim,rows) */
  float *cost;       /* (rows,rows) */
  uint32_t *partner; /* (rows) */
  void *work;
} scratch;

static scratch lay_out(const enf__coupling *c, size_t rows, enf__arena *arena) {
  const size_t dim = width(c);
  return (scratch){.draws = ENF__TAKE(arena, double, rows *dim),
                   .x1 = ENF__TAKE(arena, float, rows *dim),
                   .x0 = ENF__TAKE(arena, float, rows *dim),
                   .cost = ENF__TAKE(arena, float, rows *rows),
                   .partner = ENF__TAKE(arena, uint32_t, rows),
                   .work = enf__arena_take(arena, enf__assignment_workspace(rows))};
}

size_t enf__coupling_call_bytes(const enf__coupling *c) {
  return c->kind == ENF__EQUIVARIANT_OT ? enf__equivariant_call_bytes(c) : 0;
}

size_t enf__coupling_worker_bytes(const enf__coupling *c, const enf__run *run) {
  enf__arena count = {0};
  if (c->kind == ENF__EQUIVARIANT_OT)
    return enf__equivariant_worker_bytes(c, run);
  if (c->kind == ENF__OT)
    lay_out(c, enf__coupling_begin(c, 1), &count);
  return count.used;
}

/* cost (rows,rows) = -x1 x0, x1 (rows,dim), x0 (dim,rows); sums over dim in ascending order. */
static void products(size_t rows, size_t dim, const float *x1, const float *x0, float *cost) {
  const size_t lanes = (size_t)ENF__LANES;
  for (size_t i = 0; i < rows; i++) {
    const float *a = x1 + i * dim;
    size_t j = 0;
    for (; j + 4 * lanes <= rows; j += 4 * lanes) {
      vec sum[4] = {{0}};
      for (size_t k = 0; k < dim; k++)
        for (size_t v = 0; v < 4; v++)
          sum[v] -= vec_set(a[k]) * vec_load(x0 + k * rows + j + v * lanes);
      for (size_t v = 0; v < 4; v++)
        vec_store(cost + i * rows + j + v * lanes, sum[v]);
    }
    for (; j < rows; j++) {
      float sum = 0;
      for (size_t k = 0; k < dim; k++)
        sum -= a[k] * x0[k * rows + j];
      cost[i * rows + j] = sum;
    }
  }
}

static void pair_block(const enf__coupling *c, size_t begin, size_t rows, enf__arena *arena) {
  const size_t dim = width(c);
  const scratch s = lay_out(c, rows, arena);
  double *x0 = c->x0 + begin * dim;
  memcpy(s.draws, x0, rows * dim * sizeof *x0);
  for (size_t i = 0; i < rows; i++)
    for (size_t k = 0; k < dim; k++) {
      s.x1[i * dim + k] = (float)c->x1[(begin + i) * dim + k];
      s.x0[k * rows + i] = (float)s.draws[i * dim + k];
    }
  products(rows, dim, s.x1, s.x0, s.cost);
  enf__assignment_solve(rows, s.cost, s.work, s.partner);
  for (size_t i = 0; i < rows; i++)
    memcpy(x0 + i * dim, s.draws + s.partner[i] * dim, dim * sizeof *x0);
}

static enf_status draw_block(void *user, size_t block, enf__arena *arena) {
  const enf__coupling *c = user;
  const size_t begin = enf__coupling_begin(c, block), end = enf__coupling_begin(c, block + 1);
  for (size_t i = begin; i < end; i++)
    enf__prior_sample(c->prior, c->seed, ENF__STREAM_TRAIN_PRIOR, c->first + i,
                      c->x0 + i * width(c));
  if (c->kind == ENF__OT)
    pair_block(c, begin, end - begin, arena);
  return ENF_OK;
}

enf_status enf__coupling_draw(enf_ctx *ctx, const enf__coupling *c) {
  enf__coupling copy = *c;
  if (c->kind == ENF__EQUIVARIANT_OT)
    return enf__equivariant_draw(ctx, c);
  return enf__parallel_for(ctx, enf__coupling_blocks(c), draw_block, &copy, 0, 0);
}
