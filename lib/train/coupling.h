/* coupling.h -- prior draws for a batch, and which draw goes with which row. */
#ifndef ENF__COUPLING_H
#define ENF__COUPLING_H

#include "core/core.h"
#include "prior/prior.h"

typedef struct {
  int kind;
  size_t block; /* most rows in one assignment */
  const enf__prior *prior;
  uint64_t seed, first; /* row i of the batch is sample first + i of the training's stream */
  size_t n;
  const double *x1; /* (n,N,D) the batch, in units of the data scale */
  double *x0;       /* (n,N,D) out: row i is the draw that goes with row i of x1 */
  /* equivariant-ot only: */
  const int *species;  /* (N), or NULL: all alike */
  double feature_cost; /* of features beside positions, in which particle goes to which */
  bool reflect;        /* reflections are symmetries too */
} enf__coupling;

/* Blocks of rows, as equal as can be, the first of them the largest. */
static inline size_t enf__coupling_blocks(const enf__coupling *c) {
  return (c->n + c->block - 1) / c->block;
}

/* First row of a block; of the one behind the last: n. */
static inline size_t enf__coupling_begin(const enf__coupling *c, size_t block) {
  const size_t count = enf__coupling_blocks(c), size = c->n / count, longer = c->n % count;
  return block * size + (block < longer ? block : longer);
}

/* The block that a row is in. */
static inline size_t enf__coupling_block_of(const enf__coupling *c, size_t row) {
  const size_t count = enf__coupling_blocks(c), size = c->n / count, longer = c->n % count;
  const size_t rows = longer * (size + 1); /* of the longer ones, which come first */
  return row < rows ? row / (size + 1) : longer + (row - rows) / size;
}

/* Bytes of the call's arena and of a worker's that enf__coupling_draw needs. */
size_t enf__coupling_call_bytes(const enf__coupling *coupling);
size_t enf__coupling_worker_bytes(const enf__coupling *coupling, const enf__run *run);
enf_status enf__coupling_draw(enf_ctx *ctx, const enf__coupling *coupling);

#endif
