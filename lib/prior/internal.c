/* internal.c -- the prior of a molecule's internal coordinates: independent standard normals on
   lines, uniform on circles:

     log p(z) = -1/2 sum over lines of z^2 - lines/2 log 2 pi - circles log 2 pi.

   A coordinate n of a normal draw that is a circle's becomes pi erf(n / sqrt 2), its distribution
   function on (-pi,pi). */
#include "core/random.h"
#include "prior/prior.h"
#include <math.h>

static const double pi = 3.14159265358979323846;

static enf_status check(enf_ctx *ctx, const enf__space *space) {
  if (space->ops->is_circle)
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_OPTION, "model.prior internal is that of model.space molecule");
}

static void sample(const enf__prior *prior, uint64_t seed, uint32_t stream, uint64_t index,
                   double *z) {
  const size_t count = enf__space_moved(prior->space);
  enf__random_normal(seed, stream, index, count, z);
  for (size_t k = 0; k < count; k++)
    if (enf__space_is_circle(prior->space, k))
      z[k] = pi * erf(z[k] / sqrt(2));
  enf__space_set_temperatures(prior->space, 1, NULL, z);
}

static double log_density(const enf__prior *prior, const double *z) {
  const size_t count = enf__space_moved(prior->space);
  double square = 0, volume = 0;
  for (size_t k = 0; k < count; k++) {
    const bool circle = enf__space_is_circle(prior->space, k);
    square += circle ? 0 : z[k] * z[k];
    volume += circle ? 1 : 0.5;
  }
  return -0.5 * square - volume * log(2 * pi);
}

static void gradient(const enf__prior *prior, const double *z, double *grad, double by_log[2]) {
  const size_t count = enf__space_moved(prior->space);
  (void)by_log;
  for (size_t k = 0; grad && k < count; k++)
    grad[k] = enf__space_is_circle(prior->space, k) ? 0 : -z[k];
  if (grad && enf__ladder_on(&prior->space->ladder))
    grad[count] = 0;
}

const enf__prior_ops enf__internal_prior_ops = {check, sample, log_density, gradient, 0};
