/* prior.c -- the mean-free Gaussian.

   k = (N-1)D independent directions of standard deviation std:
     log p(z) = -|z|^2 / (2 std^2) - k/2 log(2 pi std^2).
   A draw is N*D independent normals with their mean over particles taken off: the projection of an
   isotropic Gaussian on the subspace (Koehler, Klein, Noe 2020, arXiv:2006.02425). z is taken to be
   mean-free; nothing is removed here from what is passed in. */
#include "prior/prior.h"
#include "core/random.h"
#include "math/center.h"
#include <math.h>

void enf__prior_sample(const enf__prior *prior, uint64_t seed, uint32_t stream, uint64_t index,
                       double *z) {
  const size_t count = prior->particles * prior->dimensions;
  enf__random_normal(seed, stream, index, count, z);
  for (size_t i = 0; i < count; i++)
    z[i] *= prior->std;
  enf__center(prior->particles, prior->dimensions, z, z, NULL);
}

double enf__prior_log_density(const enf__prior *prior, const double *z) {
  const size_t count = prior->particles * prior->dimensions;
  const double k = (double)(count - prior->dimensions), pi = 3.14159265358979323846;
  double square = 0;
  for (size_t i = 0; i < count; i++)
    square += (z[i] / prior->std) * (z[i] / prior->std);
  return -0.5 * square - k * (0.5 * log(2 * pi) + log(prior->std));
}

void enf__prior_gradient(const enf__prior *prior, const double *z, double *grad) {
  const size_t count = prior->particles * prior->dimensions;
  for (size_t i = 0; i < count; i++)
    grad[i] = -z[i] / (prior->std * prior->std);
}
