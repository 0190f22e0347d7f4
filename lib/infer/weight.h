/* weight.h -- the importance weight of a sample, and the moves of chains by such weights. */
#ifndef ENF__INFER_WEIGHT_H
#define ENF__INFER_WEIGHT_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* log w = -u - logp; -infinity where the weight is 0. *bad, if given: that is because of what is no
   usable number, and not because u is +infinity. */
static inline double enf__log_weight(double logp, double u, bool *bad) {
  const double value = -u - logp;
  const bool unusable = !isfinite(logp) || isnan(u) || value == (double)INFINITY;
  if (bad)
    *bad = unusable;
  return unusable ? -(double)INFINITY : value;
}

/* metropolis.c: whether the move of that number in the stream `seed` is made, with probability
   min(1, exp(log_ratio)). */
bool enf__metropolis_accepts(uint64_t seed, uint64_t number, double log_ratio);

#endif
