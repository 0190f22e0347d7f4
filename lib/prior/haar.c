/* haar.c -- the uniform prior of matrices: every matrix of a sample is drawn from Haar measure of
   SU(n), an angle of U(1) uniformly. Densities are with respect to that measure, so this one's
   logarithm is 0. A draw takes as many numbers of the sample's own stream as a state has. */
#include "core/random.h"
#include "math/sun.h"
#include "prior/prior.h"
#include <string.h>

static enf_status check(enf_ctx *ctx, const enf__space *space) {
  if (space->links.n)
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_OPTION,
                   "model.prior haar is for model.space group and lattice only");
}

static void sample(const enf__prior *prior, uint64_t seed, uint32_t stream, uint64_t index,
                   double *z) {
  static const double pi = 3.14159265358979323846;
  const enf__links *l = &prior->space->links;
  const size_t count = enf__space_state(prior->space);
  if (l->n == 1) {
    enf__random_uniform(seed, stream, index, count, z);
    for (size_t i = 0; i < count; i++)
      z[i] = pi * (2 * z[i] - 1);
    return;
  }
  enf__random_normal(seed, stream, index, count, z);
  for (size_t k = 0; k < enf__links_count(l); k++)
    enf__sun_haar(l->n, z + k * enf__links_width(l));
}

static double log_density(const enf__prior *prior, const double *z) {
  (void)prior;
  (void)z;
  return 0;
}

static void gradient(const enf__prior *prior, const double *z, double *grad, double by_log[2]) {
  (void)z;
  (void)by_log;
  if (grad)
    memset(grad, 0, enf__space_state(prior->space) * sizeof *grad);
}

const enf__prior_ops enf__haar_ops = {check, sample, log_density, gradient, 0};
