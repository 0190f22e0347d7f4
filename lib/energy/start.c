/* start.c -- starting points of a simulation: random, then relaxed.

   Coordinates of particles are drawn from a normal distribution; its width is 1, and 2, 1/2, 4, 1/4,
   ... when the energy found nothing finite there (motion_particles.c). Overlaps are then relaxed by steepest descent that moves
   no coordinate further than a step of its own, which grows while the energy falls and shrinks when
   it does not. So neither the energy's units nor the height of its walls matter. The result is a
   place to start from, not a minimum, and not a sample: burn-in makes it one. */
#include "energy/simulate.h"
#include <math.h>
#include <string.h>

enum { ATTEMPTS = 64, RELAXATIONS = 100 };

static bool is_usable(const enf__sim *sim, size_t c) {
  const size_t size = sim->N * sim->D;
  bool usable = isfinite(sim->u_new[c]);
  for (size_t k = 0; k < size && usable; k++)
    usable = isfinite(sim->grad_new[c * size + k]);
  return usable;
}

static void adopt(enf__sim *sim, size_t c) {
  const size_t size = sim->N * sim->D;
  memcpy(sim->x + c * size, sim->x_new + c * size, size * sizeof(double));
  memcpy(sim->grad + c * size, sim->grad_new + c * size, size * sizeof(double));
  sim->u[c] = sim->u_new[c];
}

/* Draws until every replica has had a finite energy and gradient. */
static enf_status find(enf__sim *sim, size_t first, size_t last) {
  size_t missing = last - first;
  for (size_t c = first; c < last; c++)
    sim->u[c] = INFINITY;
  for (size_t attempt = 0; attempt < ATTEMPTS && missing; attempt++) {
    for (size_t c = first; c < last; c++)
      if (!isfinite(sim->u[c]))
        sim->motion->draw_point(sim, c, attempt);
    enf_status status = enf__sim_evaluate(sim, first, last);
    if (status != ENF_OK)
      return status;
    for (size_t c = first; c < last; c++) {
      if (isfinite(sim->u[c]) || !is_usable(sim, c))
        continue;
      adopt(sim, c);
      missing--;
    }
  }
  return missing ? ENF_ERR_NONFINITE : ENF_OK;
}

static void descend(enf__sim *sim, size_t c) {
  const size_t size = sim->N * sim->D;
  const double *x = sim->x + c * size, *grad = sim->grad + c * size;
  double steepest = 0;
  for (size_t k = 0; k < size; k++)
    steepest = fmax(steepest, fabs(grad[k]));
  for (size_t k = 0; k < size; k++)
    sim->x_new[c * size + k] = x[k] - (steepest > 0 ? sim->move_step[c] * grad[k] / steepest : 0);
  enf__sim_remove_mean(sim, sim->x_new + c * size);
}

enf_status enf__sim_start(enf__sim *sim, size_t first, size_t last) {
  first *= sim->rungs;
  last *= sim->rungs;
  enf_status status = find(sim, first, last);
  for (size_t k = 0; sim->motion->relaxes && k < RELAXATIONS && status == ENF_OK; k++) {
    for (size_t c = first; c < last; c++)
      descend(sim, c);
    status = enf__sim_evaluate(sim, first, last);
    for (size_t c = first; c < last && status == ENF_OK; c++) {
      const bool fell = sim->u_new[c] < sim->u[c] && is_usable(sim, c);
      sim->move_step[c] *= fell ? 1.2 : 0.5;
      if (fell)
        adopt(sim, c);
    }
  }
  return status;
}
