/* particles.c -- N particles in D dimensions up to translations: the mean-free subspace.

   State: the coordinates less their mean, in units of the data scale; k = (N-1)D. Densities are
   with respect to Lebesgue measure on the subspace (Koehler, Klein, Noe 2020, arXiv:2006.02425). */
#include "math/center.h"
#include "space/space.h"

static size_t state(const enf__space *space) { return space->particles * space->dimensions; }

static size_t freedom(const enf__space *space) {
  return (space->particles - 1) * space->dimensions;
}

static void enter(const enf__space *space, const double *x, double *y, double *origin,
                  double *log_volume) {
  const size_t count = state(space);
  enf__center(space->particles, space->dimensions, x, y, origin);
  for (size_t i = 0; i < count; i++)
    y[i] /= space->scale;
  if (log_volume)
    *log_volume = 0;
}

static void leave(const enf__space *space, const double *y, const double *origin, double *x,
                  double *log_volume) {
  const size_t count = state(space);
  enf__space_to_host(space, count, y, x);
  for (size_t i = 0; origin && i < count; i++)
    x[i] += origin[i % space->dimensions];
  if (log_volume)
    *log_volume = 0;
}

static void project(const enf__space *space, double *x) {
  enf__center(space->particles, space->dimensions, x, x, NULL);
}

const enf__space_ops enf__particles_ops = {state, freedom, enter, leave, project};
