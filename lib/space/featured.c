/* featured.c -- particles with features: positions up to translations and, of every particle, F
   numbers that the flow moves with them: one number for each of model.elements, the atomic number
   with model.charges, and model.features more. Outside and inside a sample is its positions (N,D)
   and then its features (N,F).

   State: the positions less their mean in units of the data scale; one-hot numbers divided by
   model.kind_scale, atomic numbers by model.charge_scale; k = (N-1) D + N F. Densities are with
   respect to Lebesgue measure on both (Satorras et al. 2021, arXiv:2105.09016).

   With model.kinds given the kinds of model.elements are the shape's, and no features. A context, G
   numbers that nothing moves, is the last of a sample, outside and inside: c' = (c - shift) / width,
   of tensors that the first batch of a training sets. Densities are given it: of x and features
   alone.

   The number of particles may be open, N = 0: then samples are those of a view of the flow at a
   size (flow/sized.h). */
#include "core/option_text.h"
#include "math/center.h"
#include "space/space.h"
#include <math.h>
#include <string.h>

static size_t positions_of(const enf__space *space) { return enf__shape_positions(&space->shape); }

double enf__space_feature_scale(const enf__space *space, size_t feature) {
  const enf__featured *f = &space->featured;
  return feature < f->elements                  ? f->kind_scale
         : feature == f->elements && f->charges ? f->charge_scale
                                                : 1;
}

bool enf__space_is_featured(const enf_opts *options) {
  return *enf__opts_text(options, ENF__OPT_MODEL_ELEMENTS) != 0 ||
         enf__opts_int(options, ENF__OPT_MODEL_FEATURES) > 0 ||
         enf__opts_int(options, ENF__OPT_MODEL_CONTEXT) > 0;
}

static bool has_other_maps(const enf_opts *options) {
  const char *text = enf__opts_text(options, ENF__OPT_MODEL_MAP);
  int map;
  size_t layers;
  while ((text = enf__map_next(text, &map, &layers)) != NULL)
    if (map != ENF__MAP_CNF && map != ENF__MAP_ACTNORM)
      return true;
  return false;
}

/* What is given and not made, kinds and a context, is for the EGNN, and for batches. */
static enf_status check_given(enf_ctx *ctx, const enf__space *space, const enf_opts *options) {
  const enf__featured *f = &space->featured;
  const char *what = f->given ? "model.kinds given" : "model.context";
  if (!f->given && !space->shape.fixed)
    return ENF_OK;
  if (f->given && (!f->elements || f->charges || space->shape.features))
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.kinds given needs model.elements, and moves positions alone: no "
                     "model.charges, no model.features");
  if (space->shape.particles)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.particles is %zu: with %s molecules have any size, leave it 0",
                     space->shape.particles, what);
  if (enf__opts_int(options, ENF__OPT_MODEL_FIELD) != ENF__FIELD_EGNN || has_other_maps(options))
    return enf__fail(ctx, ENF_ERR_OPTION, "%s is for model.field egnn and model.map cnf alone",
                     what);
  return ENF_OK;
}

static enf_status check(enf_ctx *ctx, const enf__space *space) {
  const enf__shape *shape = &space->shape;
  if (shape->particles == 1)
    return enf__fail(ctx, ENF_ERR_OPTION, "model.particles is 1: a flow needs 2 or more, or 0");
  if (shape->dimensions != 2 && shape->dimensions != 3)
    return enf__fail(ctx, ENF_ERR_OPTION, "model.dimensions is %zu: particles have 2 or 3",
                     shape->dimensions);
  if (shape->features <= ENF__FEATURES)
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_OPTION, "%zu features of a particle are more than %d",
                   shape->features, (int)ENF__FEATURES);
}

static enf_status derive(enf_ctx *ctx, enf__space *space, enf_opts *options) {
  enf__featured *f = &space->featured;
  const char *text = enf__opts_text(options, ENF__OPT_MODEL_ELEMENTS);
  int number;
  *f = (enf__featured){.charges = enf__opts_int(options, ENF__OPT_MODEL_CHARGES) != 0,
                       .given = enf__opts_int(options, ENF__OPT_MODEL_KINDS) == ENF__KINDS_GIVEN,
                       .kind_scale = enf__opts_real(options, ENF__OPT_MODEL_KIND_SCALE),
                       .charge_scale = enf__opts_real(options, ENF__OPT_MODEL_CHARGE_SCALE)};
  while ((text = enf__species_next(text, &number)) != NULL && f->elements < ENF__FEATURES)
    f->number[f->elements++] = number;
  if (f->charges && !f->elements)
    return enf__fail(ctx, ENF_ERR_OPTION, "model.charges needs model.elements");
  if (*enf__opts_text(options, ENF__OPT_MODEL_SPECIES))
    return enf__fail(
        ctx, ENF_ERR_OPTION,
        "model.species fixes kinds, model.elements and model.features make them part of "
        "the sample: a flow has one or the other");
  space->shape.features = (size_t)enf__opts_int(options, ENF__OPT_MODEL_FEATURES) +
                          (f->given ? 0 : f->elements) + f->charges;
  space->shape.fixed = (size_t)enf__opts_int(options, ENF__OPT_MODEL_CONTEXT);
  space->kinds = f->given ? f->elements : 0;
  const enf_status status = check_given(ctx, space, options);
  return status == ENF_OK ? check(ctx, space) : status;
}

/* ---- the context ----------------------------------------------------------------------------- */

static enf_status create(enf_ctx *ctx, enf__space *space, enf_opts *options, enf__params *params) {
  enf__featured *f = &space->featured;
  const enf__tensor row = {.rows = 1, .cols = space->shape.fixed, .fixed = true};
  (void)ctx;
  (void)options;
  if (space->shape.fixed == 0)
    return ENF_OK;
  f->shift_at = enf__params_add(params, row, "context.shift");
  f->width_at = enf__params_add(params, row, "context.width");
  return ENF_OK;
}

static void pack(enf__space *space, const double *params) {
  space->featured.shift = params + space->featured.shift_at;
  space->featured.width = params + space->featured.width_at;
}

static enf_status admit(enf_ctx *ctx, const enf__space *space, size_t offset, const double *data) {
  if (space->shape.fixed == 0 || offset != space->featured.width_at)
    return ENF_OK;
  for (size_t c = 0; c < space->shape.fixed; c++)
    if (!(data[c] >= 0))
      return enf__fail(ctx, ENF_ERR_RANGE, "context.width %zu is %g: it must be 0 or more", c,
                       data[c]);
  return ENF_OK;
}

bool enf__space_context_is_open(const enf__space *space) {
  return space->shape.fixed > 0 && space->featured.width[0] == 0;
}

void enf__space_context_add(const enf__space *space, const double *x, enf__context_sums *sums) {
  const double *context = x + enf__shape_moved(&space->shape);
  sums->count++;
  for (size_t c = 0; c < space->shape.fixed; c++) { /* Welford's: no cancellation */
    const double off = context[c] - sums->mean[c];
    sums->mean[c] += off / (double)sums->count;
    sums->square[c] += off * (context[c] - sums->mean[c]);
  }
}

void enf__space_context_fit(const enf__space *space, const enf__context_sums *sums,
                            double *params) {
  for (size_t c = 0; c < space->shape.fixed; c++) {
    const double width = sqrt(sums->square[c] / (double)sums->count);
    params[space->featured.shift_at + c] = sums->mean[c];
    params[space->featured.width_at + c] = width > 1e-12 * fabs(sums->mean[c]) ? width : 1;
  }
}

static double width_of(const enf__space *space, size_t c) {
  const double width = space->featured.width[c];
  return width > 0 ? width : 1;
}

void enf__space_set_context(const enf__space *space, const double *context, double *y) {
  double *to = y + enf__shape_moved(&space->shape);
  for (size_t c = 0; c < space->shape.fixed; c++)
    to[c] = (context[c] - space->featured.shift[c]) / width_of(space, c);
}

/* ---- states ---------------------------------------------------------------------------------- */

static size_t state(const enf__space *space) { return enf__shape_size(&space->shape); }

static size_t freedom(const enf__space *space) {
  const enf__shape *shape = &space->shape;
  if (shape->particles == 0)
    return 0;
  return (shape->particles - 1) * shape->dimensions + shape->particles * shape->features;
}

static double log_unit(const enf__space *space) {
  const enf__shape *shape = &space->shape;
  double sum = (double)((shape->particles - 1) * shape->dimensions) * log(space->scale);
  for (size_t c = 0; c < shape->features; c++)
    sum += (double)shape->particles * log(enf__space_feature_scale(space, c));
  return sum;
}

/* Features (N,F) times or divided by their scales. */
static void scale_features(const enf__space *space, bool divide, const double *in, double *out) {
  const enf__shape *shape = &space->shape;
  for (size_t c = 0; c < shape->features; c++) {
    const double scale = enf__space_feature_scale(space, c);
    for (size_t i = c; i < shape->particles * shape->features; i += shape->features)
      out[i] = divide ? in[i] / scale : in[i] * scale;
  }
}

static enf__failure enter(const enf__space *space, const double *x, double *y, double *origin,
                          double *log_volume) {
  const size_t count = positions_of(space);
  enf__center(space->shape.particles, space->shape.dimensions, x, y, origin);
  for (size_t i = 0; i < count; i++)
    y[i] /= space->scale;
  scale_features(space, true, x + count, y + count);
  enf__space_set_context(space, x + enf__shape_moved(&space->shape), y);
  if (log_volume)
    *log_volume = 0;
  return (enf__failure){.status = ENF_OK};
}

/* A tangent has no context. */
static void to_host(const enf__space *space, const double *x, double *out) {
  const size_t count = positions_of(space);
  for (size_t i = 0; i < count; i++)
    out[i] = x[i] * space->scale;
  scale_features(space, false, x + count, out + count);
  enf__shape_hold(&space->shape, out);
}

static enf__failure leave(const enf__space *space, const enf__place *place, const double *y,
                          const double *origin, double *x, double *log_volume) {
  (void)place;
  to_host(space, y, x);
  for (size_t i = 0; origin && i < positions_of(space); i++)
    x[i] += origin[i % space->shape.dimensions];
  for (size_t c = 0, at = enf__shape_moved(&space->shape); c < space->shape.fixed; c++)
    x[at + c] = y[at + c] * width_of(space, c) + space->featured.shift[c];
  if (log_volume)
    *log_volume = 0;
  return (enf__failure){.status = ENF_OK};
}

static void project(const enf__space *space, double *x) {
  enf__center(space->shape.particles, space->shape.dimensions, x, x, NULL);
}

static void enter_pull(const enf__space *space, const double *x, const double *dy, double dvolume,
                       double *dx) {
  const size_t count = positions_of(space);
  (void)x;
  (void)dvolume;
  for (size_t i = 0; i < count; i++)
    dx[i] = dy[i] / space->scale;
  project(space, dx);
  scale_features(space, true, dy + count, dx + count);
  enf__shape_hold(&space->shape, dx);
}

static void leave_pull(const enf__space *space, const double *y, const double *x, double *dx,
                       double dvolume, double *dy) {
  (void)y;
  (void)x;
  (void)dvolume;
  to_host(space, dx, dy);
}

const enf__space_ops enf__featured_ops = {.derive = derive,
                                          .check = check,
                                          .create = create,
                                          .pack = pack,
                                          .admit = admit,
                                          .state = state,
                                          .freedom = freedom,
                                          .log_unit = log_unit,
                                          .to_host = to_host,
                                          .enter = enter,
                                          .leave = leave,
                                          .enter_pull = enter_pull,
                                          .leave_pull = leave_pull,
                                          .project = project};
