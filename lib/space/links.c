/* links.c -- the spaces "group", one matrix of SU(n), and "lattice", the links of a periodic
   L0 x L1 lattice with SU(n) or U(1) (links.h).

   A state is the sample itself: matrices of 2 n^2 numbers, or angles, which are not wrapped.
   Densities are with respect to normalised Haar measure (U(1): dtheta/2pi), k = n^2 - 1 or 1 for
   every matrix. A gradient is that along the group: sum_a T_a (d_a f) U, d_a the derivative along
   exp(s T_a) U, of which the cotangents of the 2 n^2 numbers tell d_a f = <df/dU, T_a U>. */
#include "space/links.h"
#include "core/option_text.h"
#include "math/sun.h"
#include "math/sun_kernels.h"
#include "space/space.h"
#include <math.h>
#include <string.h>


/* ---- the shape ------------------------------------------------------------------------------- */

static enf_status check_number(enf_ctx *ctx, const enf_opts *options, enf__opt id, size_t number) {
  if (!enf__opts_isset(options, id) || enf__opts_int(options, id) == (int64_t)number)
    return ENF_OK;
  char space[32], group[32];
  return enf__fail(ctx, ENF_ERR_SHAPE, "%s is %lld, but it follows: model.space %s of %s has %zu",
                   enf__opts_name(id), (long long)enf__opts_int(options, id),
                   enf__opts_print(options, ENF__OPT_MODEL_SPACE, space),
                   enf__opts_print(options, ENF__OPT_MODEL_GROUP, group), number);
}

/* Particles and dimensions follow from group and lattice, and may be set to nothing else; a file
   has 0 for particles. */
static enf_status derive_shape(enf_ctx *ctx, enf__space *space, enf_opts *options) {
  enf_status status = ENF_OK;
  char text[32];
  const enf__links *l = &space->links;
  space->shape.particles = enf__links_count(l);
  space->shape.dimensions = enf__links_width(l);
  if (enf__opts_int(options, ENF__OPT_MODEL_PARTICLES) != 0)
    TRY(check_number(ctx, options, ENF__OPT_MODEL_PARTICLES, space->shape.particles));
  TRY(check_number(ctx, options, ENF__OPT_MODEL_DIMENSIONS, space->shape.dimensions));
  enf__format(text, sizeof text, "%zu", space->shape.dimensions);
  TRY(enf__opts_default(ctx, options, ENF__OPT_MODEL_DIMENSIONS, text));
  if (*enf__opts_text(options, ENF__OPT_MODEL_SPECIES))
    TRY(enf__fail(ctx, ENF_ERR_OPTION, "model.species: matrices have no kinds"));
out:
  return status;
}

static enf_status derive_group(enf_ctx *ctx, enf__space *space, enf_opts *options) {
  space->links.n = (size_t)enf__opts_int(options, ENF__OPT_MODEL_GROUP) + 1;
  if (space->links.n == 1)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.group is u1: model.space group has su2 ... su8, u1 is for a lattice");
  if (*enf__opts_text(options, ENF__OPT_MODEL_LATTICE))
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.lattice is \"%.40s\", but model.space group has one matrix",
                     enf__opts_text(options, ENF__OPT_MODEL_LATTICE));
  return derive_shape(ctx, space, options);
}

static enf_status derive_lattice(enf_ctx *ctx, enf__space *space, enf_opts *options) {
  space->links.n = (size_t)enf__opts_int(options, ENF__OPT_MODEL_GROUP) + 1;
  const char *text = enf__opts_text(options, ENF__OPT_MODEL_LATTICE);
  const size_t sides = enf__read_lattice(text, space->links.side);
  if (sides == 0)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.lattice must be set in model.space lattice: two sides, \"16 16\"");
  if (sides != 2)
    return enf__fail(ctx, ENF_ERR_SHAPE, "model.lattice is \"%.40s\", %zu side%s: two are taken", text,
                     sides, sides == 1 ? "" : "s");
  return derive_shape(ctx, space, options);
}

static size_t state(const enf__space *space) { return enf__shape_size(&space->shape); }

static size_t freedom(const enf__space *space) {
  return enf__links_count(&space->links) * enf__links_freedom(&space->links);
}

/* ---- there and back -------------------------------------------------------------------------- */

static enf__failure enter(const enf__space *space, const double *x, double *y, double *origin,
                          double *log_volume) {
  const enf__links *l = &space->links;
  const size_t width = enf__links_width(l);
  (void)origin;
  memcpy(y, x, state(space) * sizeof *x);
  if (log_volume)
    *log_volume = 0;
  for (size_t k = 0; l->n > 1 && k < enf__links_count(l); k++) {
    const double off = enf__sun_distance(l->n, x + k * width);
    if (!isfinite(off))
      return (enf__failure){.status = ENF_ERR_NONFINITE, .what = "x"};
    if (off > ENF__LINKS_FARTHEST)
      return (enf__failure){
          .status = ENF_ERR_RANGE, .what = "x", .n = l->n, .place = k, .off = off};
  }
  return (enf__failure){.status = ENF_OK};
}

static enf__failure leave(const enf__space *space, const enf__place *place, const double *y,
                          const double *origin, double *x, double *log_volume) {
  (void)place;
  (void)origin;
  memcpy(x, y, state(space) * sizeof *x);
  if (log_volume)
    *log_volume = 0;
  return (enf__failure){.status = ENF_OK};
}

/* Cotangents dy of the numbers of x -> the gradient along the group. */
static void project_at(const enf__space *space, const double *x, const double *dy, double *out) {
  const enf__links *l = &space->links;
  const size_t width = enf__links_width(l);
  if (l->n == 1) {
    memmove(out, dy, state(space) * sizeof *out);
    return;
  }
  for (size_t k = 0; k < enf__links_count(l); k++) {
    double m[ENF__SUN_DOUBLES];
    const double *u = x + k * width;
    enf__sun_product_adjoint(l->n, dy + k * width, u, m);
    enf__sun_tangent(l->n, m, m);
    enf__sun_product(l->n, m, u, out + k * width);
  }
}

static void enter_pull(const enf__space *space, const double *x, const double *dy, double dvolume,
                       double *dx) {
  (void)dvolume;
  project_at(space, x, dy, dx);
}

static void leave_pull(const enf__space *space, const double *y, const double *x, double *dx,
                       double dvolume, double *dy) {
  (void)y;
  (void)dvolume;
  project_at(space, x, dx, dy);
}

/* What is off the group can only be told at a point: enter refuses it, the pulls take it off. */
static void project(const enf__space *space, double *x) {
  (void)space;
  (void)x;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void restore(const enf__space *space, int kernel, double *y) {
  const enf__links *l = &space->links;
  if (l->n > 1)
    enf__sun_restore_all(kernel, l->n, enf__links_count(l), y);
}

static void restore_pull(const enf__space *space, const double *y, double *dy) {
  const enf__links *l = &space->links;
  for (size_t k = 0; l->n > 1 && k < enf__links_count(l); k++)
    enf__sun_restore_pull(l->n, y + k * enf__links_width(l), dy + k * enf__links_width(l));
}

#define OF_LINKS                                                                                   \
  .particles = 1, .unitless = true, .state = state, .freedom = freedom,            \
  .enter = enter, .leave = leave, .enter_pull = enter_pull, .leave_pull = leave_pull,              \
  .project = project, .restore = restore, .restore_pull = restore_pull

const enf__space_ops enf__group_ops = {.derive = derive_group, OF_LINKS};
const enf__space_ops enf__lattice_ops = {.derive = derive_lattice, OF_LINKS};
