/* vector.c -- points of R^D, one to a sample (N = 1), with no symmetry at all: collective
   variables, descriptors, and the densities of textbooks. State: x in units of the data scale; k =
   D. */
#include "space/space.h"

static size_t state(const enf__space *space) { return space->dimensions; }

static void enter(const enf__space *space, const double *x, double *y, double *origin,
                  double *log_volume) {
  for (size_t i = 0; i < space->dimensions; i++)
    y[i] = x[i] / space->scale;
  (void)origin;
  if (log_volume)
    *log_volume = 0;
}

static void leave(const enf__space *space, const double *y, const double *origin, double *x,
                  double *log_volume) {
  (void)origin;
  enf__space_to_host(space, space->dimensions, y, x);
  if (log_volume)
    *log_volume = 0;
}

static void project(const enf__space *space, double *x) {
  (void)space;
  (void)x;
}

const enf__space_ops enf__vector_ops = {state, state, enter, leave, project};
