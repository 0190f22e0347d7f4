/* weight.h -- importance weights: of a sample, and how far they may be raised before few count. */
#ifndef ENF__MATH_WEIGHT_H
#define ENF__MATH_WEIGHT_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* log w = -u - logp; -infinity where the weight is 0. *bad, if given: that is because of what is no
   usable number, and not because u is +infinity. */
static inline double enf__log_weight(double logp, double u, bool *bad) {
  const double value = -u - logp;
  const bool unusable = !isfinite(logp) || isnan(u) || value == (double)INFINITY;
  if (bad)
    *bad = unusable;
  return unusable ? -(double)INFINITY : value;
}

/* Kish's effective sample size of n weights as a fraction of n, from their sum and that of their squares. */
static inline double enf__kish(double sum, double squares, double n) {
  return squares > 0 ? sum * sum / (n * squares) : 0;
}

/* The largest power in (0, most] at which values v = exp(power logw), -infinity among them, of rows with weights
   exp(logW) (NULL: 1 each) have the conditional effective sample size (Zhou, Johansen, Aston 2016)

     (sum W v)^2 / (sum W  sum W v^2) >= ess,   sums over rows with W v > 0;

   a least one if there is none. One row at least has W and v above 0. */
double enf__temper(size_t n, const double *logW, const double *logw, double most, double ess);

#endif
