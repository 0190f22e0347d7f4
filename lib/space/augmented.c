/* augmented.c -- particles with noise beside them: as many standard normal numbers as coordinates,
   which say where a copy a = x + eta b of them is (map/coupled.h). Outside there is x alone, so a
   density of x is an integral over b; what takes its place is

     log q(x, b) - log N(b),   b ~ N(0, 1),

   whose exponential has mean q(x) for given x, and whose inverse's has mean 1/q(x) over samples. With
   x and b drawn together weights by it are exact (Midgley et al. 2023, arXiv:2308.10364). b of a
   given x is a function of x: the same in any batch, at any place. */
#include "core/random.h"
#include "space/space.h"

static size_t said(const enf__space *space) { return enf__particles_ops.state(space); }

static enf_status derive(enf_ctx *ctx, enf__space *space, enf_opts *options) {
  (void)options;
  space->noise = said(space);
  return enf__particles_ops.check(ctx, space);
}

static size_t state(const enf__space *space) { return 2 * said(space); }

static size_t freedom(const enf__space *space) { return enf__particles_ops.freedom(space); }

static void redraw(const enf__space *space, enf__place place, double *y, double *log_volume) {
  enf__random_normal(place.seed, ENF__STREAM_NOISE, place.index, space->noise, y + said(space));
  if (log_volume)
    *log_volume = -enf__space_noise_density(space, y);
}

static enf__failure enter(const enf__space *space, const double *x, double *y, double *origin,
                          double *log_volume) {
  const enf__failure why = enf__particles_ops.enter(space, x, y, origin, NULL);
  redraw(space, (enf__place){0, enf__random_key(said(space), y)}, y, log_volume);
  return why;
}

static enf__failure leave(const enf__space *space, const enf__place *place, const double *y,
                          const double *origin, double *x, double *log_volume) {
  if (log_volume)
    *log_volume = -enf__space_noise_density(space, y);
  return enf__particles_ops.leave(space, place, y, origin, x, NULL);
}

static void project(const enf__space *space, double *x) { enf__particles_ops.project(space, x); }

static void leave_pull(const enf__space *space, const double *y, const double *x, double *dx,
                       double dvolume, double *dy) {
  enf__particles_ops.leave_pull(space, y, x, dx, dvolume, dy);
  for (size_t i = said(space); i < state(space); i++)
    dy[i] = dvolume * y[i];
}

const enf__space_ops enf__augmented_ops = {.derive = derive,
                                           .state = state,
                                           .freedom = freedom,
                                           .enter = enter,
                                           .leave = leave,
                                           .redraw = redraw,
                                           .leave_pull = leave_pull,
                                           .project = project};
