/* particles.c -- N particles in D dimensions up to translations: the mean-free subspace.

   State: the coordinates less their mean, in units of the data scale; k = (N-1)D. Densities are
   with respect to Lebesgue measure on the subspace (Koehler, Klein, Noe 2020, arXiv:2006.02425). */
#include "math/center.h"
#include "space/space.h"

static enf_status check(enf_ctx *ctx, const enf__space *space) {
  const enf__shape *shape = &space->shape;
  if (shape->particles < 2)
    return enf__fail(ctx, ENF_ERR_OPTION, "model.particles is %zu, a flow needs 2 or more",
                     shape->particles);
  if (shape->dimensions == 2 || shape->dimensions == 3)
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_OPTION,
                   "model.dimensions is %zu: particles have 2 or 3, only model.space vector others",
                   shape->dimensions);
}

static size_t state(const enf__space *space) {
  return space->shape.particles * space->shape.dimensions;
}

static size_t freedom(const enf__space *space) {
  return (space->shape.particles - 1) * space->shape.dimensions;
}

static enf__failure enter(const enf__space *space, const double *x, double *y, double *origin,
                          double *log_volume) {
  const size_t count = state(space);
  enf__center(space->shape.particles, space->shape.dimensions, x, y, origin);
  for (size_t i = 0; i < count; i++)
    y[i] /= space->scale;
  if (log_volume)
    *log_volume = 0;
  return (enf__failure){.status = ENF_OK};
}

static enf__failure leave(const enf__space *space, const enf__place *place, const double *y,
                          const double *origin, double *x, double *log_volume) {
  (void)place;
  const size_t count = state(space);
  enf__space_to_host(space, count, y, x);
  for (size_t i = 0; origin && i < count; i++)
    x[i] += origin[i % space->shape.dimensions];
  if (log_volume)
    *log_volume = 0;
  return (enf__failure){.status = ENF_OK};
}

static void project(const enf__space *space, double *x) {
  enf__center(space->shape.particles, space->shape.dimensions, x, x, NULL);
}

static void enter_pull(const enf__space *space, const double *x, const double *dy, double dvolume,
                       double *dx) {
  (void)x;
  (void)dvolume;
  for (size_t i = 0; i < state(space); i++)
    dx[i] = dy[i] / space->scale;
  project(space, dx);
}

static void leave_pull(const enf__space *space, const double *y, const double *x, double *dx,
                       double dvolume, double *dy) {
  (void)y;
  (void)x;
  (void)dvolume;
  enf__space_to_host(space, state(space), dx, dy);
}

const enf__space_ops enf__particles_ops = {.check = check,
                                           .state = state,
                                           .freedom = freedom,
                                           .enter = enter,
                                           .leave = leave,
                                           .enter_pull = enter_pull,
                                           .leave_pull = leave_pull,
                                           .project = project};
