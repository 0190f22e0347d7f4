/* motion_particles.c -- how a simulation moves particles: on the mean-free subspace, points and
   momenta normal, the mean of what a gradient is added to removed. */
#include "core/random.h"
#include "energy/simulate.h"
#include <math.h>

#define FIRST_STEP 0.1 /* of a relaxation, in units of the width */

#define INLINE static inline __attribute__((always_inline))

/* y += scale * v (v may be NULL), and the mean of y over the particles; D is a constant here. */
INLINE void add(size_t N, size_t D, double scale, const double *restrict v, double *restrict y,
                double mean[3]) {
  mean[0] = mean[1] = mean[2] = 0;
  for (size_t i = 0; i < N; i++)
    for (size_t d = 0; d < D; d++) {
      if (v)
        y[i * D + d] += scale * v[i * D + d];
      mean[d] += y[i * D + d];
    }
  for (size_t d = 0; d < D; d++)
    mean[d] /= (double)N;
}

INLINE void subtract(size_t N, size_t D, const double mean[3], double *y) {
  for (size_t i = 0; i < N; i++)
    for (size_t d = 0; d < D; d++)
      y[i * D + d] -= mean[d];
}

/* y += scale * v, then y minus its mean; returns a number that is finite if all of y is. */
static double add_mean_free(const enf__sim *sim, double scale, const double *v, double *y) {
  double mean[3];
  if (sim->D == 2) {
    add(sim->N, 2, scale, v, y, mean);
    subtract(sim->N, 2, mean, y);
  } else {
    add(sim->N, 3, scale, v, y, mean);
    subtract(sim->N, 3, mean, y);
  }
  return mean[0] + mean[1] + mean[2];
}

void enf__sim_remove_mean(const enf__sim *sim, double *x) { add_mean_free(sim, 0, NULL, x); }

/* Of the starting points: 1, and 2, 1/2, 4, 1/4, ... where the energy found nothing finite. */
static double width(size_t attempt) {
  const int power = (int)(attempt % 16 + 1) / 2;
  return ldexp(1, attempt % 2 ? power : -power);
}

static void draw_point(enf__sim *sim, size_t c, size_t attempt) {
  const size_t size = sim->N * sim->D;
  double *x = sim->x_new + c * size;
  enf__random_normal(sim->seed, ENF__STREAM_SIMULATE,
                     enf__sim_index(sim, attempt, c, ENF__SIM_START), size, x);
  for (size_t k = 0; k < size; k++)
    x[k] *= width(attempt);
  enf__sim_remove_mean(sim, x);
  sim->move_step[c] = FIRST_STEP * width(attempt);
}

static void draw_momentum(enf__sim *sim, size_t c, uint64_t index) {
  const size_t size = sim->N * sim->D;
  double *momentum = sim->momentum + c * size;
  enf__random_normal(sim->seed, ENF__STREAM_SIMULATE, index, size, momentum);
  enf__sim_remove_mean(sim, momentum);
}

static double kick(enf__sim *sim, size_t c, double scale, const double *grad) {
  return add_mean_free(sim, scale, grad, sim->momentum + c * sim->N * sim->D);
}

static void drift(enf__sim *sim, size_t c, double step) {
  const size_t size = sim->N * sim->D;
  const double *restrict momentum = sim->momentum + c * size;
  double *restrict x = sim->x_new + c * size;
  for (size_t k = 0; k < size; k++)
    x[k] += step * momentum[k];
}

static void settle(enf__sim *sim, size_t c) {
  enf__sim_remove_mean(sim, sim->x + c * sim->N * sim->D);
}

const enf__motion enf__motion_of_particles = {.relaxes = true,
                                              .virial = true,
                                              .draw_point = draw_point,
                                              .draw_momentum = draw_momentum,
                                              .kick = kick,
                                              .drift = drift,
                                              .settle = settle};
