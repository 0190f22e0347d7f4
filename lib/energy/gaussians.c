/* gaussians.c -- n Gaussians of one width on a circle in the plane: a density with separate modes
   whose samples can be drawn.

     u(x) = -log [1/n sum_k N(x; m_k, std^2)],  m_k = radius (cos 2 pi k/n, sin 2 pi k/n)
     du/dx = sum_k p_k (x - m_k)/std^2,  p_k the share of mode k at x

   so exp(-u) integrates to 1. */
#include "core/random.h"
#include "energy/energy.h"
#include <math.h>

static const double TURN = 6.283185307179586;

static void centre_of(const enf_energy *e, size_t k, double m[2]) {
  const double angle = TURN * (double)k / e->value[ENF__ENERGY_MODES];
  m[0] = e->value[ENF__ENERGY_RADIUS] * cos(angle);
  m[1] = e->value[ENF__ENERGY_RADIUS] * sin(angle);
}

/* |x - m_k|^2 / (2 std^2), and its gradient. */
static double distance(const enf_energy *e, size_t k, const double *x, double grad[2]) {
  const double std = e->value[ENF__ENERGY_STD];
  double m[2], half = 0;
  centre_of(e, k, m);
  for (size_t a = 0; a < 2; a++) {
    grad[a] = (x[a] - m[a]) / std / std;
    half += 0.5 * ((x[a] - m[a]) / std) * ((x[a] - m[a]) / std);
  }
  return half;
}

static void evaluate(const enf_energy *e, const double *x, double *u, double *grad) {
  const size_t modes = (size_t)e->value[ENF__ENERGY_MODES];
  const double std = e->value[ENF__ENERGY_STD];
  double nearest = INFINITY, sum = 0, slope[2], total[2] = {0, 0};
  for (size_t k = 0; k < modes; k++)
    nearest = fmin(nearest, distance(e, k, x, slope));
  for (size_t k = 0; k < modes; k++) {
    const double share = exp(nearest - distance(e, k, x, slope));
    sum += share;
    for (size_t a = 0; a < 2; a++)
      total[a] += share * slope[a];
  }
  *u = nearest - log(sum / (double)modes) + log(TURN) + 2 * log(std);
  for (size_t a = 0; grad && a < 2; a++)
    grad[a] = total[a] / sum;
}

void enf__gaussians_eval(const enf_energy *e, size_t n, const double *x, double *u, double *grad) {
  for (size_t i = 0; i < n; i++)
    evaluate(e, x + 2 * i, u + i, grad ? grad + 2 * i : NULL);
}

void enf__gaussians_sample(const enf_energy *e, uint64_t seed, uint64_t index, double *x) {
  double w[4];
  enf__random_uniform(seed, ENF__STREAM_EXACT, index, 4, w);
  centre_of(e, (size_t)(w[0] * e->value[ENF__ENERGY_MODES]), x);
  const double length = e->value[ENF__ENERGY_STD] * sqrt(-2 * log(w[2])); /* Box and Muller */
  x[0] += length * cos(TURN * w[3]);
  x[1] += length * sin(TURN * w[3]);
}
