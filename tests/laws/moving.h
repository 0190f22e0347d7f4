/* moving.h -- fresh networks barely move positions; laws want some that do. */
#ifndef ENF_TEST_MOVING_H
#define ENF_TEST_MOVING_H

#include "flow/flow.h"
#include <string.h>

/* The last weights of the coordinate networks of an EGNN times 300; pack the flow afterwards. */
static inline void make_it_move(enf_flow *flow) {
  for (size_t k = 0; k < flow->params.count; k++) {
    const enf__tensor *t = &flow->params.tensor[k];
    for (size_t i = 0; strstr(t->name, "coord_mlp.2.weight") && i < t->rows * t->cols; i++)
      flow->params.value[t->offset + i] *= 300;
  }
}

#endif
