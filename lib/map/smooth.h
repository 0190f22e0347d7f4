/* smooth.h -- the bend between linear layers: y = alpha x + (1 - alpha) log(1 + e^x), alpha = 0.3, its
   slope, the derivative of the slope's logarithm, and back. */
#ifndef ENF__SMOOTH_H
#define ENF__SMOOTH_H

#include <math.h>
#include <stddef.h>

#define ENF__SMOOTH_ALPHA 0.3

static inline double enf__softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
static inline double enf__sigmoid(double x) { return 1 / (1 + exp(-x)); }
static inline double enf__smooth(double x) {
  return ENF__SMOOTH_ALPHA * x + (1 - ENF__SMOOTH_ALPHA) * enf__softplus(x);
}
static inline double enf__smooth_slope(double x) {
  return ENF__SMOOTH_ALPHA + (1 - ENF__SMOOTH_ALPHA) * enf__sigmoid(x);
}
/* d log slope / dx */
static inline double enf__smooth_bend(double x) {
  const double s = enf__sigmoid(x);
  return (1 - ENF__SMOOTH_ALPHA) * s * (1 - s) / enf__smooth_slope(x);
}

/* Newton from the nearer asymptote: the function is convex, its slope between alpha and 1. */
static inline double enf__unsmooth(double y) {
  double x = y > 0 ? y : y / ENF__SMOOTH_ALPHA;
  for (size_t k = 0; k < 60; k++) {
    const double step = (enf__smooth(x) - y) / enf__smooth_slope(x);
    x -= step;
    if (!(fabs(step) > 1e-16 * fabs(x)))
      break;
  }
  return x;
}

#endif
