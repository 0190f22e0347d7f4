/* series.h -- log |det (1 + J)| = sum_{k>=1} (-1)^(k+1)/k tr J^k, an unbiased estimate of it with
   finitely many terms (Chen, Behrmann, Duvenaud, Jacobsen 2019, arXiv:1906.02735): traces by probes,
   the first `terms` terms always, those behind them up to a random last one and divided by the
   probability to get so far, keep^(k-terms-1).

   |tr J^k| falls as rho^k, rho the spectral radius, so the variance is finite where rho^2 < keep.
   The published keep is 1/2; with rho <= c, keep = (1 + c^2)/2 is always enough. */
#ifndef ENF__SERIES_H
#define ENF__SERIES_H

#include <math.h>
#include <stddef.h>

typedef struct {
  size_t terms;
  double keep;
} enf__series;

static inline enf__series enf__series_of(size_t terms, double bound) {
  return (enf__series){terms, 0.5 * (1 + bound * bound)};
}

/* Number of the last term, from u uniform in (0,1): P(last >= terms + j) = keep^(j-1). */
static inline size_t enf__series_last(const enf__series *s, double u) {
  return s->terms + 1 + (size_t)(log(u) / log(s->keep));
}

/* What stands before eps^T J^k eps. */
static inline double enf__series_factor(const enf__series *s, size_t k) {
  const double weight = k > s->terms ? pow(s->keep, -(double)(k - s->terms - 1)) : 1;
  return (k % 2 ? weight : -weight) / (double)k;
}

#endif
