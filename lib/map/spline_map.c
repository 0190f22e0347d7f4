/* spline_map.c -- the map "spline" of a chain: spline couplings (spline.h) on the coordinates of a
   space, as a formula whose record is the points on the data's side of every layer. */
#include "map/formula.h"
#include "map/spline.h"

enum { TOGETHER = 256 };

typedef struct {
  enf__formula head;
  enf__spline *spline;
} spline_map;

static const enf__spline *spline_of(const enf__map *map) {
  return ((const spline_map *)map)->spline;
}

/* ---- making ---------------------------------------------------------------------------------- */

static void destroy(enf__map *map) {
  spline_map *s = (spline_map *)map;
  const enf_alloc alloc = map->alloc;
  enf__spline_destroy(s->spline);
  enf__free(&alloc, s);
}

static const enf__formula_ops formula;

static enf_status plan(enf_ctx *ctx, enf__map **map, const enf__map_spec *spec) {
  enf_status status = ENF_OK;
  const enf_opts *opts = spec->options;
  const size_t C = enf__space_state(spec->space);
  if (spec->space->ops == &enf__particles_ops)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.map: splines of particles' coordinates have no symmetry; they need "
                     "model.space molecule or vector");
  bool *circle = enf__alloc_array(&ctx->alloc, C, sizeof *circle);
  spline_map *s = enf__alloc(&ctx->alloc, sizeof *s);
  if (!circle || !s)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map"));
  *s = (spline_map){.head = {.base.alloc = ctx->alloc, .formula = &formula}};
  for (size_t k = 0; k < C; k++)
    circle[k] = enf__space_is_circle(spec->space, k);
  const enf__spline_model model = {.coordinates = C,
                                   .still = C - enf__space_moved(spec->space),
                                   .circle = circle,
                                   .layers = spec->layers,
                                   .hidden = (size_t)enf__opts_int(opts, ENF__OPT_MODEL_HIDDEN),
                                   .depth =
                                       (size_t)enf__opts_int(opts, ENF__OPT_MODEL_SPLINE_DEPTH),
                                   .bins = (size_t)enf__opts_int(opts, ENF__OPT_MODEL_BINS),
                                   .bound = enf__opts_real(opts, ENF__OPT_MODEL_BOUND)};
  TRY(enf__spline_plan(ctx, &s->spline, &model, spec->params));
  *map = &s->head.base;
  s = NULL;
out:
  enf__free(&ctx->alloc, circle);
  enf__free(&ctx->alloc, s);
  return status;
}

static enf_status allocate(enf_ctx *ctx, enf__map *map) {
  return enf__spline_allocate(ctx, ((spline_map *)map)->spline);
}

static void pack(enf__map *map, const double *params) {
  enf__spline_pack(((spline_map *)map)->spline, params);
}

/* ---- the formula ----------------------------------------------------------------------------- */

static size_t record_of(const enf__map *map) { return map->layers * enf__space_state(map->space); }

static size_t aside_of(const enf__map *map) { return spline_of(map)->outputs; }

static double cost(const enf__map *map) {
  const enf__spline *s = spline_of(map);
  double sum = 0;
  for (size_t l = 0; l < map->layers; l++)
    for (size_t j = 0; j <= s->model.depth; j++)
      sum += (double)s->layer[l].net[j].rows * (double)s->layer[l].net[j].cols;
  return sum;
}

static size_t workspace(const enf__map *map, const enf__run *run, size_t S) {
  (void)S;
  return enf__larger(enf__spline_workspace(spline_of(map), run, false),
                     enf__spline_workspace(spline_of(map), run, true));
}

static void apply(const enf__map *map, const enf__run *run, enf__arena *arena,
                  const enf__stretch *stretch, size_t S, double *x, double *logdet, double *record,
                  double *aside, enf__failure *why) {
  const size_t from = stretch->to_data ? stretch->end : stretch->first;
  const size_t to = stretch->to_data ? stretch->first : stretch->end;
  (void)why;
  enf__spline_carry(spline_of(map), run, arena, from, to, S, x, logdet, record, aside);
}

static size_t sums(const enf__map *map) { return spline_of(map)->most_sums; }

static void pull_layer(const enf__map *map, const enf__run *run, enf__arena *arena, bool to_data,
                       size_t l, size_t S, const double *record, const double *aside,
                       const double *dlogdet, double *a, bool fresh, double *sum) {
  enf__spline_reverse(spline_of(map), run, arena, to_data, l, S, record, aside, a, dlogdet, fresh,
                      sum);
}

static void add_layer(const enf__map *map, const enf__run *run, size_t l, size_t share,
                      size_t shares, size_t parts, const double *sum, double *dparams) {
  enf__spline_add(spline_of(map), run, l, share, shares, parts, sum, dparams);
}

static const enf__formula_ops formula = {.together = TOGETHER,
                                         .record = record_of,
                                         .aside = aside_of,
                                         .cost = cost,
                                         .workspace = workspace,
                                         .apply = apply,
                                         .sums = sums,
                                         .pull_layer = pull_layer,
                                         .add_layer = add_layer};

const enf__map_ops enf__spline_ops = {
    .plan = plan, .allocate = allocate, .destroy = destroy, .pack = pack, ENF__FORMULA_ROWS};
