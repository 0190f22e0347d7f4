/* weight.h -- the moves of chains by importance weights. */
#ifndef ENF__INFER_WEIGHT_H
#define ENF__INFER_WEIGHT_H

#include "math/weight.h"
#include <stdint.h>

/* metropolis.c: whether the move of that number in the stream `seed` is made, with probability
   min(1, exp(log_ratio)). */
bool enf__metropolis_accepts(uint64_t seed, uint64_t number, double log_ratio);

#endif
