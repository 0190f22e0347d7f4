/* prior.h -- prior densities on the mean-free subspace, dimension k = (N-1)D. */
#ifndef ENF__PRIOR_H
#define ENF__PRIOR_H

#include "core/core.h"

/* Lengths are in units of the data scale. */
typedef struct {
  size_t particles, dimensions;
  double std;
} enf__prior;

/* Sample number `index` of stream (seed, stream): z (N,D), mean-free. */
void enf__prior_sample(const enf__prior *prior, uint64_t seed, uint32_t stream, uint64_t index,
                       double *z);
/* log density of mean-free z, -|z|^2/(2 std^2) - k/2 log(2 pi std^2). */
double enf__prior_log_density(const enf__prior *prior, const double *z);
/* its gradient with respect to z. */
void enf__prior_gradient(const enf__prior *prior, const double *z, double *grad);

#endif
