/* motion_links.c -- how a simulation moves matrices of SU(n) and angles of U(1): on the group
   (Duane et al. 1987, Phys. Lett. B 195, 216; Gottlieb et al. 1987, Phys. Rev. D 35, 2531).

   The momentum of a matrix is P = sum_a p_a T_a of the algebra, p_a ~ N(0,1), so that sum p_a^2 is
   the sum of squares of its numbers. Along the force and along the path

     P -= h beta sum_a T_a d_a u,    U <- exp(h P) U,

   sum_a T_a d_a u = TA(g U^+) for a gradient g by the numbers of U, of whatever extension of u off
   the group. U(1): numbers. The path is reversible and keeps Haar measure; accepted points are put
   back on the group from the rounding of their steps. Starting points are Haar draws. */
#include "core/random.h"
#include "energy/simulate.h"
#include "math/sun.h"
#include <math.h>
#include <string.h>

static size_t width_of(const enf__sim *sim) { return enf__links_width(&sim->links); }

static void draw_point(enf__sim *sim, size_t c, size_t attempt) {
  const size_t size = sim->N * sim->D, n = sim->links.n;
  const uint64_t index = enf__sim_index(sim, attempt, c, ENF__SIM_START);
  double *x = sim->x_new + c * size;
  if (n == 1) {
    enf__random_uniform(sim->seed, ENF__STREAM_SIMULATE, index, size, x);
    for (size_t k = 0; k < size; k++)
      x[k] = (2 * x[k] - 1) * 3.14159265358979323846;
    return;
  }
  enf__random_normal(sim->seed, ENF__STREAM_SIMULATE, index, size, x);
  for (size_t k = 0; k < sim->N; k++)
    enf__sun_haar(n, x + k * sim->D);
}

/* Components first, all in a row, then matrices from the last to the first: no component is written
   over before it is used. */
static void draw_momentum(enf__sim *sim, size_t c, uint64_t index) {
  const size_t n = sim->links.n, freedom = enf__links_freedom(&sim->links);
  double *momentum = sim->momentum + c * sim->N * sim->D, own[ENF__SUN_DOUBLES];
  enf__random_normal(sim->seed, ENF__STREAM_SIMULATE, index, sim->N * freedom, momentum);
  for (size_t k = sim->N; n > 1 && k-- > 0;) {
    memcpy(own, momentum + k * freedom, freedom * sizeof *own);
    enf__sun_compose(n, own, momentum + k * sim->D);
  }
}

static void take_gradient(enf__sim *sim, size_t c) {
  const size_t n = sim->links.n, width = width_of(sim);
  double product[ENF__SUN_DOUBLES];
  for (size_t k = c * sim->N; n > 1 && k < (c + 1) * sim->N; k++) {
    enf__sun_product_adjoint(n, sim->grad_new + k * width, sim->x_new + k * width, product);
    enf__sun_tangent(n, product, sim->grad_new + k * width);
  }
}

static double kick(enf__sim *sim, size_t c, double scale, const double *grad) {
  const size_t size = sim->N * sim->D;
  double *momentum = sim->momentum + c * size, sum = 0;
  for (size_t k = 0; k < size; k++) {
    momentum[k] += scale * grad[k];
    sum += momentum[k];
  }
  return sum;
}

static void drift(enf__sim *sim, size_t c, double step) {
  const size_t n = sim->links.n, width = width_of(sim);
  double turn[ENF__SUN_DOUBLES], moved[ENF__SUN_DOUBLES];
  for (size_t k = c * sim->N; k < (c + 1) * sim->N; k++) {
    double *u = sim->x_new + k * width;
    const double *momentum = sim->momentum + k * width;
    if (n == 1) {
      *u += step * *momentum;
      continue;
    }
    enf__sun_exp(n, step, momentum, turn);
    enf__sun_product(n, turn, u, moved);
    memcpy(u, moved, width * sizeof *u);
  }
}

static void settle(enf__sim *sim, size_t c) {
  for (size_t k = c * sim->N; sim->links.n > 1 && k < (c + 1) * sim->N; k++)
    enf__sun_restore(sim->links.n, sim->x + k * width_of(sim));
}

const enf__motion enf__motion_of_links = {.draw_point = draw_point,
                                          .draw_momentum = draw_momentum,
                                          .take_gradient = take_gradient,
                                          .kick = kick,
                                          .drift = drift,
                                          .settle = settle};
