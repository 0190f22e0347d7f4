/* molecule.c -- one molecule with a fixed bond graph: N atoms in three dimensions, up to
   translations.

   State: distances, angles and dihedrals along a Z-matrix, each on a line of its own or on a circle
   (chart.h), C = 3N - 6 numbers. Its centres and widths are tensors of the flow, C each, that no
   training changes. A point outside comes with three more numbers, its orientation, which is
   uniform: so k = 3N - 3, and the density is that of the mean-free subspace, as for particles.
   Lengths are in the host's unit; widths take the place of a data scale. A flow of many
   temperatures has one number more in its state (ladder.h), behind those. */
#include "space/molecule.h"
#include "core/option_text.h"
#include "space/bonds.h"
#include "space/chart_fit.h"
#include <string.h>

struct enf__molecule {
  enf__zmatrix z;
  enf__chart chart;
  size_t center, width; /* offsets of the tensors */
};

static size_t state(const enf__space *space) {
  return 3 * space->shape.particles - 6 + enf__ladder_on(&space->ladder);
}
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

/* Are there symbols of elements in model.species? Then its numbers are the atomic ones. */
static bool names_elements(const char *species) {
  return species[strspn(species, "0123456789 \t\r\n,")] != 0;
}

/* Atomic numbers (N) from model.species, or NULL if it does not tell them. */
static enf_status read_elements(enf_ctx *ctx, const enf_alloc *alloc, size_t N, const char *species,
                                int32_t **element) {
  int number;
  *element = NULL;
  if (!names_elements(species))
    return ENF_OK;
  *element = enf__alloc_array(alloc, N, sizeof **element);
  if (!*element)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for the elements of %zu atoms", N);
  for (size_t i = 0; i < N && (species = enf__species_next(species, &number)) != NULL; i++)
    (*element)[i] = number;
  return ENF_OK;
}

static enf_status from_bonds(enf_ctx *ctx, const enf_alloc *alloc, size_t N, enf_opts *options,
                             const char *text, enf__zmatrix *z) {
  enf_status status = ENF_OK;
  enf__bonds bonds = {0};
  char *printed = NULL;
  int32_t *element = NULL;
  TRY(read_elements(ctx, alloc, N, enf__opts_text(options, ENF__OPT_MODEL_SPECIES), &element));
  const enf__knowledge known = {.element = element};
  TRY(enf__bonds_parse(ctx, alloc, "model.bonds", N, text, &bonds));
  TRY(enf__zmatrix_from_bonds(ctx, alloc, &bonds, &known, z));
  const size_t size = enf__zmatrix_print(z, NULL, 0);
  printed = enf__alloc(alloc, size);
  if (!printed)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a Z-matrix"));
  enf__zmatrix_print(z, printed, size);
  if (enf_opts_set(options, enf__opts_name(ENF__OPT_MODEL_ZMATRIX), printed) != ENF_OK)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a Z-matrix of %zu bytes", size));
out:
  enf__free(alloc, printed);
  enf__free(alloc, element);
  enf__bonds_free(alloc, &bonds);
  return status;
}

static enf_status read_zmatrix(enf_ctx *ctx, const enf_alloc *alloc, size_t N, enf_opts *options,
                               enf__zmatrix *z) {
  const char *zmatrix = enf__opts_text(options, ENF__OPT_MODEL_ZMATRIX);
  const char *bonds = enf__opts_text(options, ENF__OPT_MODEL_BONDS);
  if (*zmatrix)
    return enf__zmatrix_parse(ctx, alloc, N, zmatrix, z);
  if (*bonds)
    return from_bonds(ctx, alloc, N, options, bonds, z);
  return enf__fail(ctx, ENF_ERR_OPTION,
                   "model.space molecule needs model.zmatrix, or model.bonds to make one of");
}

static enf_status read_ladder(enf_ctx *ctx, const enf_opts *options, enf__ladder *ladder) {
  double range[2];
  enf__read_temperatures(enf__opts_text(options, ENF__OPT_MODEL_TEMPERATURES), range);
  *ladder = (enf__ladder){range[0], range[1], enf__opts_real(options, ENF__OPT_MODEL_TEMPERATURE)};
  if (!enf__ladder_on(ladder) && ladder->temperature != 1)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.temperature is %g, and a flow without model.temperatures is for 1",
                     ladder->temperature);
  if (!enf__ladder_on(ladder) || enf__ladder_holds(ladder, ladder->temperature))
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_OPTION,
                   "model.temperature is %g, the flow is for %g to %g (model.temperatures)",
                   ladder->temperature, range[0], range[1]);
}

static enf_status create(enf_ctx *ctx, enf__space *space, enf_opts *options, enf__params *params) {
  enf_status status;
  const enf_alloc *alloc = &params->alloc;
  enf__molecule *m = enf__alloc(alloc, sizeof *m);
  if (!m)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a molecule");
  *m = (enf__molecule){.center = 0};
  space->molecule = m;
  TRY(read_ladder(ctx, options, &space->ladder));
  TRY(read_zmatrix(ctx, alloc, space->shape.particles, options, &m->z));
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
  enf__space_set_temperatures(space, 1, NULL, y);
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
  if (enf__ladder_on(&space->ladder))
    dy[enf__space_moved(space)] = 0;
  enf__chart_leave_pullback(&space->molecule->chart, y, x, dx, dvolume, dy);
}

static void project(const enf__space *space, double *x) {
  (void)space;
  (void)x;
}

static bool is_circle(const enf__space *space, size_t k) {
  return k < enf__internal_count(&space->molecule->z) &&
         enf__internal_kind_of(&space->molecule->z, k) == ENF__ON_CIRCLE;
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
