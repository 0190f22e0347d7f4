/* coupling.h -- prior draws for a batch, and which draw goes with which row. */
#ifndef ENF__COUPLING_H
#define ENF__COUPLING_H

#include "core/core.h"
#include "prior/prior.h"

/* Choices of train.coupling, in the table's order. */
enum { ENF__INDEPENDENT, ENF__OT };

typedef struct {
  int kind;
  size_t block; /* most rows in one assignment */
  const enf__prior *prior;
  uint64_t seed, first; /* row i of the batch is sample first + i of the training's stream */
  size_t n;
  const double *x1; /* (n,N,D) the batch, in units of the data scale */
  double *x0;       /* (n,N,D) out: row i is the draw that goes with row i of x1 */
} enf__coupling;

/* Bytes of a worker's arena that enf__coupling_draw needs. */
size_t enf__coupling_bytes(const enf__coupling *coupling);
enf_status enf__coupling_draw(enf_ctx *ctx, const enf__coupling *coupling);

#endif
