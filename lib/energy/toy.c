/* toy.c -- two densities in the plane that boosted flows are shown on: half moons at (-R,0) and
   (R,0) (Giaquinto, Banerjee 2020, arXiv:2002.11896, and its code; u1 is the first potential of
   Rezende, Mohamed 2015, arXiv:1505.05770).

     u(x) = ((|x| - R)/w)^2/2 - log(e_+ + e_- + 1e-10),   e_+- = exp(-((x_1 -+ R)/s)^2/2)

   exp(-u) does not integrate to 1. Its samples: a point of the ring, its angle uniform and its
   radius of density r exp(-((r-R)/w)^2/2), which is below that of a normal about its mode r* times
   a constant (its logarithm is at least as concave); kept with probability (e_+ + e_- + 1e-10)/2,
   a little below 1 at most. Attempts are blocks of the sample's place in the stream. */
#include "core/random.h"
#include "energy/energy.h"
#include <math.h>

static const double FLOOR = 1e-10, TURN = 6.283185307179586;

/* e_+ + e_- + FLOOR, and its derivative by x_1. */
static double moons(const enf_energy *e, double x, double *slope) {
  const double R = e->value[ENF__ENERGY_RADIUS], s = e->value[ENF__ENERGY_STD];
  const double a = (x - R) / s, b = (x + R) / s;
  const double plus = exp(-0.5 * a * a), minus = exp(-0.5 * b * b);
  *slope = -(a * plus + b * minus) / s;
  return plus + minus + FLOOR;
}

void enf__toy_eval(const enf_energy *e, size_t n, const double *x, double *u, double *grad) {
  const double R = e->value[ENF__ENERGY_RADIUS], w = e->value[ENF__ENERGY_WIDTH];
  for (size_t i = 0; i < n; i++) {
    const double *p = x + 2 * i, r = hypot(p[0], p[1]), off = (r - R) / w;
    double slope;
    const double sum = moons(e, p[0], &slope);
    u[i] = 0.5 * off * off - log(sum);
    for (size_t k = 0; grad && k < 2; k++)
      grad[2 * i + k] = (r > 0 ? off / w * p[k] / r : 0) - (k == 0 ? slope / sum : 0);
  }
}

void enf__toy_sample(const enf_energy *e, uint64_t seed, uint64_t index, double *x) {
  const double R = e->value[ENF__ENERGY_RADIUS], w = e->value[ENF__ENERGY_WIDTH];
  const double mode = 0.5 * (R + sqrt(R * R + 4 * w * w));
  for (uint32_t block = 0;; block += 2) {
    double a[2], b[2], slope;
    enf__random_uniform_block(seed, ENF__STREAM_EXACT, index, block, a);
    enf__random_uniform_block(seed, ENF__STREAM_EXACT, index, block + 1, b);
    const double z = sqrt(-2 * log(a[0])) * cos(TURN * a[1]), r = mode + w * z; /* Box, Muller */
    if (!(r > 0))
      continue;
    x[0] = r * cos(TURN * b[0]);
    x[1] = r * sin(TURN * b[0]);
    const double off = (r - R) / w, at_mode = (mode - R) / w;
    const double radial = log(r / mode) - 0.5 * (off * off - at_mode * at_mode - z * z);
    if (log(b[1]) < radial + log(moons(e, x[0], &slope) / (2 + FLOOR)))
      return;
  }
}
