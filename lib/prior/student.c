/* student.c -- the Student-t density on the state of a space, for heavy tails.

   With sigma the width (model.prior_std), nu the degrees of freedom (model.prior_df), k those of
   the space and q and the log volume of ellipse.h (isotropic: q = |z|^2 / sigma^2 and 0):

     log p(z) = lgamma((nu+k)/2) - lgamma(nu/2) - k/2 log(nu pi) - k log sigma - log volume
                - (nu+k)/2 log(1 + q/nu)
     d/dz          -(nu+k)/(nu+q) S^+ z/sigma^2
     d/dlog sigma  (nu+k) q/(nu+q) - k
     d/dlog nu     nu [psi((nu+k)/2) - psi(nu/2) - k/nu - log(1+q/nu) + (nu+k) q/(nu (nu+q))] / 2

   (Kotz, Nadarajah 2004, Multivariate t Distributions, eq. 1.1.) A draw is a Gaussian one times
   sqrt(nu/chi^2), chi^2 = 2 Gamma(nu/2) by Marsaglia and Tsang (2000, ACM TOMS 26, 363), whose
   attempts are blocks of the sample's own place in a stream. */
#include "core/random.h"
#include "math/digamma.h"
#include "prior/prior.h"
#include <math.h>

static enf_status check(enf_ctx *ctx, const enf__space *space) {
  if (space->links.n)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.prior student-t is none of matrices; that of model.space group and lattice "
                     "is haar");
  if (!space->ops->is_circle)
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_OPTION,
                   "model.prior student-t has no circles; the prior of model.space molecule is "
                   "internal");
}

/* A draw of the gamma distribution of shape a >= 1. */
static double draw_gamma(double a, uint64_t seed, uint32_t stream, uint64_t index) {
  const double d = a - 1.0 / 3, c = 1 / sqrt(9 * d);
  for (uint32_t block = 0;; block += 2) {
    double u[2], w[2];
    enf__random_uniform_block(seed, stream, index, block, u);
    enf__random_uniform_block(seed, stream, index, block + 1, w);
    const double n = sqrt(-2 * log(u[0])) * cos(2 * M_PI * u[1]); /* Box and Muller */
    const double cube = 1 + c * n, v = cube * cube * cube;
    if (cube > 0 && log(w[0]) < 0.5 * n * n + d - d * v + d * log(v))
      return d * v;
  }
}

/* chi^2 of nu degrees of freedom: below two of them Gamma(a) = Gamma(a+1) U^(1/a). */
static double draw_chi_square(double nu, uint64_t seed, uint32_t stream, uint64_t index) {
  const double a = 0.5 * nu;
  if (a >= 1)
    return 2 * draw_gamma(a, seed, stream | ENF__STREAM_GAMMA, index);
  double u;
  enf__random_uniform(seed, stream | ENF__STREAM_GAMMA_BOOST, index, 1, &u);
  return 2 * draw_gamma(a + 1, seed, stream | ENF__STREAM_GAMMA, index) * pow(u, 1 / a);
}

double enf__student_factor(double nu, uint64_t seed, uint32_t stream, uint64_t index) {
  return sqrt(nu / draw_chi_square(nu, seed, stream, index));
}

static void sample(const enf__prior *prior, uint64_t seed, uint32_t stream, uint64_t index,
                   double *z) {
  const size_t count = enf__space_said(prior->space);
  const double factor = enf__student_factor(prior->df, seed, stream, index);
  enf__ellipse_normal(&prior->ellipse, prior->space, prior->std, seed, stream, index, z);
  for (size_t i = 0; i < count; i++)
    z[i] *= factor;
}

static double square_of(const enf__prior *prior, const double *z) {
  return enf__ellipse_square(&prior->ellipse, prior->space, prior->std, z);
}

static double log_gamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}

static double log_density(const enf__prior *prior, const double *z) {
  const double k = (double)enf__space_freedom(prior->space), nu = prior->df;
  const double pi = 3.14159265358979323846, q = square_of(prior, z);
  return log_gamma(0.5 * (nu + k)) - log_gamma(0.5 * nu) - 0.5 * k * log(nu * pi) -
         k * log(prior->std) - 0.5 * (nu + k) * log1p(q / nu) - prior->ellipse.log_volume;
}

static void gradient(const enf__prior *prior, const double *z, double *grad, double by_log[2]) {
  const double k = (double)enf__space_freedom(prior->space), nu = prior->df;
  const double q = square_of(prior, z), pull = (nu + k) / (nu + q);
  if (grad)
    enf__ellipse_gradient(&prior->ellipse, prior->space, prior->std, -pull, z, grad);
  if (!by_log)
    return;
  by_log[0] = pull * q - k;
  by_log[1] = 0.5 * (nu * (enf__digamma(0.5 * (nu + k)) - enf__digamma(0.5 * nu) - log1p(q / nu)) -
                     k + pull * q);
}

const enf__prior_ops enf__student_ops = {check, sample, log_density, gradient, 2};
