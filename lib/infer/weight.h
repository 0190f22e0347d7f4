/* weight.h -- the importance weight of a sample. */
#ifndef ENF__INFER_WEIGHT_H
#define ENF__INFER_WEIGHT_H

#include <math.h>
#include <stdbool.h>

/* log w = -u - logp; -infinity where the weight is 0. *bad, if given: that is because of what is no
   usable number, and not because u is +infinity. */
static inline double enf__log_weight(double logp, double u, bool *bad) {
  const double value = -u - logp;
  const bool unusable = !isfinite(logp) || isnan(u) || value == (double)INFINITY;
  if (bad)
    *bad = unusable;
  return unusable ? -(double)INFINITY : value;
}

#endif
