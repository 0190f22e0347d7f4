/* vector.c -- points of R^D, one to a sample (N = 1), with no symmetry at all: collective
   variables, descriptors, and the densities of textbooks. State: x in units of the data scale; k =
   D. */
#include "space/space.h"

static enf_status check(enf_ctx *ctx, const enf__space *space) {
  if (space->shape.particles == 1)
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_OPTION, "model.particles is %zu: model.space vector has one point",
                   space->shape.particles);
}

static size_t state(const enf__space *space) { return space->shape.dimensions; }

static enf__failure enter(const enf__space *space, const double *x, double *y, double *origin,
                          double *log_volume) {
  for (size_t i = 0; i < space->shape.dimensions; i++)
    y[i] = x[i] / space->scale;
  (void)origin;
  if (log_volume)
    *log_volume = 0;
  return (enf__failure){.status = ENF_OK};
}

static enf__failure leave(const enf__space *space, const enf__place *place, const double *y,
                          const double *origin, double *x, double *log_volume) {
  (void)place;
  (void)origin;
  enf__space_to_host(space, space->shape.dimensions, y, x);
  if (log_volume)
    *log_volume = 0;
  return (enf__failure){.status = ENF_OK};
}

static void enter_pull(const enf__space *space, const double *x, const double *dy, double dvolume,
                       double *dx) {
  (void)x;
  (void)dvolume;
  for (size_t i = 0; i < state(space); i++)
    dx[i] = dy[i] / space->scale;
}

static void leave_pull(const enf__space *space, const double *y, const double *x, double *dx,
                       double dvolume, double *dy) {
  (void)y;
  (void)x;
  (void)dvolume;
  enf__space_to_host(space, state(space), dx, dy);
}

static void project(const enf__space *space, double *x) {
  (void)space;
  (void)x;
}

const enf__space_ops enf__vector_ops = {.particles = 1,
                                        .check = check,
                                        .state = state,
                                        .freedom = state,
                                        .enter = enter,
                                        .leave = leave,
                                        .enter_pull = enter_pull,
                                        .leave_pull = leave_pull,
                                        .project = project};
