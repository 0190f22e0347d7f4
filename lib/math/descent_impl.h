/* descent_impl.h -- the one source of the descent kernels (descent.h): loops that the compiler
   vectorises, each number by itself. The including file defines ENF__TABLE. */
#include "math/descent.h"
#include <math.h>

enum { LANES = 4 };

static double sum_buffers(size_t count, size_t buffers, size_t between, double *restrict sum) {
  for (size_t b = 1; b < buffers; b++) {
    const double *restrict part = sum + b * between;
    for (size_t k = 0; k < count; k++)
      sum[k] += part[k];
  }
  double squares[LANES] = {0};
  size_t k = 0;
  for (; k + LANES <= count; k += LANES)
    for (size_t i = 0; i < LANES; i++)
      squares[i] += sum[k + i] * sum[k + i];
  for (; k < count; k++)
    squares[k % LANES] += sum[k] * sum[k];
  return (squares[0] + squares[1]) + (squares[2] + squares[3]);
}

static void find_direction(const enf__adam *adam, size_t count, double *restrict m,
                           double *restrict v, double *restrict g) {
  const enf__adam a = *adam;
  for (size_t k = 0; k < count; k++) {
    m[k] = a.beta1 * m[k] + (1 - a.beta1) * g[k];
    v[k] = a.beta2 * v[k] + (1 - a.beta2) * g[k] * g[k];
    g[k] = m[k] * a.correct1 / (sqrt(v[k] * a.correct2) + a.eps);
  }
}

static void step(const enf__stride *stride, size_t count, const double *restrict direction,
                 double *restrict w, double *restrict average) {
  const enf__stride s = *stride;
  for (size_t k = 0; k < count; k++) {
    w[k] -= s.rate * direction[k] + s.decay * w[k];
    average[k] = w[k] + (average[k] - w[k]) * s.keep;
  }
}

const enf__descent_kernels ENF__TABLE = {
    .sum = sum_buffers, .direction = find_direction, .step = step};
