/* gaussian.c -- the Gaussian on the state of a space, isotropic or with a covariance (ellipse.h).

     log p(z) = -q/2 - k/2 log(2 pi std^2) - log volume
   A draw is as many independent normals as a state has numbers, projected: for particles that of an
   isotropic Gaussian on the mean-free subspace (Koehler, Klein, Noe 2020, arXiv:2006.02425). z is
   taken to be projected; nothing is removed here from what is passed in. */
#include "prior/prior.h"
#include <math.h>

static enf_status check(enf_ctx *ctx, const enf__space *space) {
  if (space->links.n)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.prior gaussian is none of matrices; that of model.space group and lattice "
                     "is haar");
  if (!space->ops->is_circle)
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_OPTION,
                   "model.prior gaussian has no circles; the prior of model.space molecule is "
                   "internal");
}

static void sample(const enf__prior *prior, uint64_t seed, uint32_t stream, uint64_t index,
                   double *z) {
  enf__ellipse_normal(&prior->ellipse, prior->space, prior->std, seed, stream, index, z);
}

static double square_of(const enf__prior *prior, const double *z) {
  return enf__ellipse_square(&prior->ellipse, prior->space, prior->std, z);
}

static double log_density(const enf__prior *prior, const double *z) {
  const double k = (double)enf__space_freedom(prior->space), pi = 3.14159265358979323846;
  return -0.5 * square_of(prior, z) - k * (0.5 * log(2 * pi) + log(prior->std)) -
         prior->ellipse.log_volume;
}

static void gradient(const enf__prior *prior, const double *z, double *grad, double by_log[2]) {
  if (grad)
    enf__ellipse_gradient(&prior->ellipse, prior->space, prior->std, -1, z, grad);
  if (by_log)
    by_log[0] = square_of(prior, z) - (double)enf__space_freedom(prior->space);
}

const enf__prior_ops enf__gaussian_ops = {check, sample, log_density, gradient, 1};
