/* molecule.c -- one molecule with a fixed bond graph: N atoms in three dimensions, up to
   translations.

   State: distances, angles and dihedrals along a Z-matrix, each on a line of its own or on a circle
   (chart.h), C = 3N - 6 numbers. Its centres and widths are tensors of the flow, C each, that no
   training changes. A point outside comes with three more numbers, its orientation, which is
   uniform: so k = 3N - 3, and the density is that of the mean-free subspace, as for particles.
   Lengths are in the host's unit; widths take the place of a data scale. */
#include "space/molecule.h"
#include "space/chart_fit.h"
#include <string.h>

struct enf__molecule {
  enf__zmatrix z;
  enf__chart chart;
  size_t center, width; /* offsets of the tensors */
};

static size_t state(const enf__space *space) { return 3 * space->shape.particles - 6; }
static size_t freedom(const enf__space *space) { return 3 * space->shape.particles - 3; }

static enf_status check(enf_ctx *ctx, const enf__space *space) {
  const enf__shape *shape = &space->shape;
  if (shape->particles < 3 || shape->dimensions != 3)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.space molecule has 3 atoms or more in 3 dimensions, not %zu in %zu",
                     shape->particles, shape->dimensions);
  return ENF_OK;
}

static void destroy(const enf_alloc *alloc, enf__space *space) {
  if (!space->molecule)
    return;
  enf__chart_destroy(alloc, &space->molecule->chart);
  enf__zmatrix_free(alloc, &space->molecule->z);
  enf__free(alloc, space->molecule);
  space->molecule = NULL;
}

static void add_tensors(enf__molecule *m, enf__params *params) {
  const size_t C = enf__internal_count(&m->z);
  m->center = enf__params_add(params, (enf__tensor){.rows = C, .cols = 1, .fixed = true},
                              "internal.center");
  m->width = enf__params_add(
      params, (enf__tensor){.rows = C, .cols = 1, .first = 1, .last = 1, .fixed = true},
      "internal.width");
}

static enf_status create(enf_ctx *ctx, enf__space *space, const enf_opts *options,
                         enf__params *params) {
  enf_status status;
  const char *text = enf__opts_text(options, ENF__OPT_MODEL_ZMATRIX);
  const enf_alloc *alloc = &params->alloc;
  if (!*text)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.zmatrix must be set for model.space molecule; enf_zmatrix_from_bonds "
                     "makes one");
  enf__molecule *m = enf__alloc(alloc, sizeof *m);
  if (!m)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a molecule");
  *m = (enf__molecule){.center = 0};
  space->molecule = m;
  TRY(enf__zmatrix_parse(ctx, alloc, space->shape.particles, text, &m->z));
  TRY(enf__chart_create(ctx, alloc, &m->z, &m->chart));
  add_tensors(m, params);
out:
  if (status != ENF_OK)
    destroy(alloc, space);
  return status;
}

/* ---- centres and widths ---------------------------------------------------------------------- */

static void pack(enf__space *space, const double *params) {
  enf__molecule *m = space->molecule;
  enf__chart_set(&m->chart, params + m->center, params + m->width);
}

static enf_status admit(enf_ctx *ctx, const enf__space *space, size_t offset, const double *data) {
  const enf__molecule *m = space->molecule;
  if (offset == m->center)
    return enf__chart_check_centers(ctx, &m->z, data);
  return offset == m->width ? enf__chart_check_widths(ctx, &m->z, data) : ENF_OK;
}

static enf_status fit(enf_ctx *ctx, enf__space *space, double *params, size_t n, const double *x) {
  const enf__molecule *m = space->molecule;
  enf__chart_report report;
  const enf_status status =
      enf__chart_fit(ctx, &m->z, n, x, params + m->center, params + m->width, &report);
  if (status == ENF_OK)
    pack(space, params);
  return status;
}

/* ---- there and back -------------------------------------------------------------------------- */

static enf__failure failure_of(bool well, const enf__fault *fault) {
  if (well)
    return (enf__failure){.status = ENF_OK};
  return (enf__failure){.status = fault->status, .what = "x", .fault = *fault};
}

static enf__failure enter(const enf__space *space, const double *x, double *y, double *origin,
                          double *log_volume) {
  enf__fault fault;
  (void)origin;
  return failure_of(enf__chart_enter(&space->molecule->chart, x, y, log_volume, &fault), &fault);
}

static enf__failure leave(const enf__space *space, const enf__place *place, const double *y,
                          const double *origin, double *x, double *log_volume) {
  enf__fault fault;
  (void)origin;
  const bool well = enf__chart_leave(&space->molecule->chart, y, x, log_volume, &fault);
  if (well && place) {
    double rotation[9];
    enf__rotation_uniform(place->seed, place->index, rotation);
    enf__rotation_apply(space->shape.particles, rotation, x);
  }
  return failure_of(well, &fault);
}

static void enter_pull(const enf__space *space, const double *x, const double *dy, double dvolume,
                       double *dx) {
  memset(dx, 0, enf__space_host(space) * sizeof *dx);
  enf__chart_enter_pullback(&space->molecule->chart, x, dy, dvolume, dx);
}

static void leave_pull(const enf__space *space, const double *y, const double *x, double *dx,
                       double dvolume, double *dy) {
  enf__chart_leave_pullback(&space->molecule->chart, y, x, dx, dvolume, dy);
}

static void project(const enf__space *space, double *x) {
  (void)space;
  (void)x;
}

static bool is_circle(const enf__space *space, size_t k) {
  return enf__internal_kind_of(&space->molecule->z, k) == ENF__ON_CIRCLE;
}

const enf__zmatrix *enf__molecule_zmatrix(const enf__space *space) {
  return space->molecule ? &space->molecule->z : NULL;
}
const enf__chart *enf__molecule_chart(const enf__space *space) {
  return space->molecule ? &space->molecule->chart : NULL;
}

const enf__space_ops enf__molecule_ops = {.check = check,
                                          .create = create,
                                          .destroy = destroy,
                                          .pack = pack,
                                          .admit = admit,
                                          .fit = fit,
                                          .state = state,
                                          .freedom = freedom,
                                          .enter = enter,
                                          .leave = leave,
                                          .enter_pull = enter_pull,
                                          .leave_pull = leave_pull,
                                          .project = project,
                                          .is_circle = is_circle};
