/* gaussian.c -- the isotropic Gaussian on the state of a space.

   k independent directions of standard deviation std:
     log p(z) = -|z|^2 / (2 std^2) - k/2 log(2 pi std^2).
   A draw is as many independent normals as a state has numbers, projected: for particles that of an
   isotropic Gaussian on the mean-free subspace (Koehler, Klein, Noe 2020, arXiv:2006.02425). z is
   taken to be projected; nothing is removed here from what is passed in. */
#include "prior/prior.h"
#include <math.h>

static void sample(const enf__prior *prior, uint64_t seed, uint32_t stream, uint64_t index,
                   double *z) {
  enf__space_normal(prior->space, prior->std, seed, stream, index, z);
}

static double log_density(const enf__prior *prior, const double *z) {
  const size_t count = enf__space_state(prior->space);
  const double k = (double)enf__space_freedom(prior->space), pi = 3.14159265358979323846;
  double square = 0;
  for (size_t i = 0; i < count; i++)
    square += (z[i] / prior->std) * (z[i] / prior->std);
  return -0.5 * square - k * (0.5 * log(2 * pi) + log(prior->std));
}

static void gradient(const enf__prior *prior, const double *z, double *grad) {
  const size_t count = enf__space_state(prior->space);
  for (size_t i = 0; i < count; i++)
    grad[i] = -z[i] / (prior->std * prior->std);
}

const enf__prior_ops enf__gaussian_ops = {sample, log_density, gradient};
