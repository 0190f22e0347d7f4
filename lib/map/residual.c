/* residual.c -- the map "residual": layers y = x + F(x) (residual.h) with scales between them,

     x <- e^(l_m) x before every layer, and after the last; log-determinant k l,

   k the degrees of freedom. The layers are numbered from the data to the prior. model.explicit says
   which side they lead to as written; the way from there is their inverse. So the layer that is the
   last on the explicit way, which has a second scale behind it, is the one at that side. */
#include "map/residual.h"
#include "map/formula.h"
#include "map/residual_series.h"
#include <math.h>
#include <string.h>

static const enf__residual_kind *const kinds[] = {[ENF__RESIDUAL_MONOTONE] =
                                                      &enf__residual_pairwise,
                                                  [ENF__RESIDUAL_KERNEL] = &enf__residual_pairwise,
                                                  [ENF__RESIDUAL_MLP] = &enf__residual_mlp,
                                                  [ENF__RESIDUAL_EGNN] = &enf__residual_egnn};
ENF__ROW_FOR_EVERY(ENF__RESIDUALS, kinds);

enum { TOGETHER = 8 };

typedef struct {
  enf__formula head;
  enf__residual *kind;
  bool to_data; /* the explicit side */
  double freedom;
  size_t *offset; /* (M+1) of the scales, the last one's behind */
  double *scale;  /* (M+1) their logarithms */
} residual_map;

static const residual_map *map_of(const enf__map *map) { return (const residual_map *)map; }

/* ---- making ---------------------------------------------------------------------------------- */

static void destroy(enf__map *map) {
  residual_map *r = (residual_map *)map;
  const enf_alloc alloc = map->alloc;
  if (r->kind)
    r->kind->ops->destroy(r->kind);
  enf__free(&alloc, r->offset);
  enf__free(&alloc, r->scale);
  enf__free(&alloc, r);
}

static const enf__formula_ops formula;

static enf_status make(enf_ctx *ctx, residual_map *r, const enf__map_spec *spec) {
  enf_status status;
  const size_t M = spec->layers;
  const double bound = enf__opts_real(spec->options, ENF__OPT_MODEL_BOUND);
  if (!(bound < 1))
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.bound is %g: a residual map is invertible with one below 1", bound);
  r->offset = enf__alloc_array(&ctx->alloc, M + 1, sizeof *r->offset);
  r->scale = enf__alloc_array(&ctx->alloc, M + 1, sizeof *r->scale);
  if (!r->offset || !r->scale)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  const int64_t which = enf__opts_int(spec->options, ENF__OPT_MODEL_RESIDUAL);
  const enf__residual_kind *ops = kinds[which];
  const bool series =
      enf__opts_int(spec->options, ENF__OPT_MODEL_RESIDUAL_GRADIENT) == ENF__RESIDUAL_SERIES;
  if (series && which != ENF__RESIDUAL_KERNEL)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.residual_gradient series needs model.residual kernel, whose slope is "
                     "bounded on both sides");
  TRY(ops->create(ctx, &r->kind, spec));
  r->kind->ops = ops;
  r->kind->space = spec->space;
  r->kind->alloc = ctx->alloc;
  r->kind->layers = M;
  r->kind->bound = bound;
  r->kind->series = series;
  const enf__tensor scale = {.rows = 1, .cols = 1, .turns = true};
  for (size_t m = 0; m < M; m++) {
    r->offset[m] = enf__params_add(spec->params, scale, "residual.%zu.log_scale", m);
    ops->add(r->kind, m, spec->params);
  }
  r->offset[M] = enf__params_add(spec->params, scale, "residual.log_scale_end");
out:
  return status;
}

static enf_status plan(enf_ctx *ctx, enf__map **map, const enf__map_spec *spec) {
  residual_map *r = enf__alloc(&ctx->alloc, sizeof *r);
  if (!r)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  *r = (residual_map){.head = {.base.alloc = ctx->alloc, .formula = &formula},
                      .to_data =
                          enf__opts_int(spec->options, ENF__OPT_MODEL_EXPLICIT) == ENF__TO_DATA,
                      .freedom = (double)enf__space_freedom(spec->space)};
  const enf_status status = make(ctx, r, spec);
  if (status == ENF_OK)
    *map = &r->head.base;
  else
    destroy(&r->head.base);
  return status;
}

static enf_status allocate(enf_ctx *ctx, enf__map *map) {
  residual_map *r = (residual_map *)map;
  return r->kind->ops->allocate(ctx, r->kind);
}

static void pack(enf__map *map, const double *params) {
  residual_map *r = (residual_map *)map;
  for (size_t m = 0; m <= map->layers; m++)
    r->scale[m] = params[r->offset[m]];
  r->kind->ops->pack(r->kind, params);
}

/* ---- the formula ----------------------------------------------------------------------------- */

/* Where every layer's formula begins, and what comes out at the end of the explicit way. */
static size_t record_of(const enf__map *map) {
  return (map->layers + 1) * enf__space_state(map->space);
}

static double cost(const enf__map *map) {
  const enf__residual *kind = map_of(map)->kind;
  return (double)map->layers * kind->ops->cost(kind);
}

static size_t workspace(const enf__map *map, const enf__run *run, size_t S) {
  const enf__residual *kind = map_of(map)->kind;
  (void)S;
  return kind->ops->workspace(kind, run) + enf__residual_series_workspace(kind, run);
}

/* The layer that is the last one on the explicit way. */
static size_t end_layer(const residual_map *r) { return r->to_data ? 0 : r->head.base.layers - 1; }

static void rescale(const residual_map *r, size_t which, double sign, size_t S, double *x,
                    double *logdet) {
  const size_t dim = enf__space_state(r->head.base.space);
  const double factor = exp(sign * r->scale[which]);
  for (size_t i = 0; i < S * dim; i++)
    x[i] *= factor;
  for (size_t i = 0; logdet && i < S; i++)
    logdet[i] += sign * r->freedom * r->scale[which];
}

/* Column `which` of the record gets x (S,state). */
static void keep(const residual_map *r, size_t which, size_t S, const double *x, double *record) {
  const size_t dim = enf__space_state(r->head.base.space), kept = record_of(&r->head.base);
  for (size_t i = 0; record && i < S; i++)
    memcpy(record + i * kept + which * dim, x + i * dim, dim * sizeof *x);
}

static void apply(const enf__map *map, const enf__run *run, enf__arena *arena,
                  const enf__stretch *stretch, size_t S, double *x, double *logdet, double *record,
                  double *aside, enf__failure *why) {
  const residual_map *r = map_of(map);
  const enf__residual *kind = r->kind;
  const size_t M = map->layers, used = arena->used;
  (void)aside;
  const enf__carry *call = enf__residual_has_series(kind) ? stretch->estimate : NULL;
  const bool probed = kind->series && stretch->way;
  for (size_t k = stretch->first; k < stretch->end; k++, arena->used = used) {
    const size_t m = stretch->to_data ? stretch->end - 1 - (k - stretch->first) : k;
    const bool end = m == end_layer(r);
    if (stretch->to_data == r->to_data) {
      rescale(r, m, 1, S, x, logdet);
      keep(r, m, S, x, record);
      if (call)
        enf__residual_estimate(kind, m, arena, S, x, 1, call);
      if (probed)
        enf__residual_series(kind, m, run, arena, S, x, stretch, logdet);
      kind->ops->forward(kind, m, run, arena, S, x, call || probed ? NULL : logdet);
      if (end) {
        rescale(r, M, 1, S, x, logdet);
        keep(r, M, S, x, record);
      }
    } else {
      if (end) {
        keep(r, M, S, x, record);
        rescale(r, M, -1, S, x, logdet);
      }
      kind->ops->invert(kind, m, run, arena, S, x, call ? NULL : logdet, why);
      if (call)
        enf__residual_estimate(kind, m, arena, S, x, -1, call);
      keep(r, m, S, x, record);
      rescale(r, m, -1, S, x, logdet);
    }
  }
}

/* Back through scale number `which`. Its point in the record is on the scaled side: behind it on
   the explicit way, before it on the other; a are cotangents on the side that is left. */
static void pull_scale(const residual_map *r, size_t which, bool inverse, size_t S,
                       const double *record, const double *dlogdet, double *a, double *dparams) {
  const size_t dim = enf__space_state(r->head.base.space), kept = record_of(&r->head.base);
  const double sign = inverse ? -1 : 1, factor = exp(sign * r->scale[which]);
  double sum = 0;
  for (size_t i = 0; i < S; i++) {
    const double *point = record + i * kept + which * dim;
    sum += r->freedom * dlogdet[i];
    for (size_t k = 0; k < dim; k++) {
      const double before = a[i * dim + k], after = factor * before;
      sum += point[k] * (inverse ? after : before);
      a[i * dim + k] = after;
    }
  }
  if (dparams)
    dparams[r->offset[which]] += sign * sum;
}

static void pull_estimate(const enf__map *map, const enf__run *run, enf__arena *arena,
                          const enf__stretch *stretch, size_t S, const double *record,
                          const double *dlogdet, double *a, double *dparams) {
  const residual_map *r = map_of(map);
  const enf__residual *kind = r->kind;
  const size_t M = map->layers, dim = enf__space_state(map->space), used = arena->used;
  const bool inverse = stretch->to_data != r->to_data;
  enf__residual_back back = {.inverse = inverse,
                             .probed = kind->series && stretch->way && !inverse ? stretch : NULL,
                             .S = S,
                             .stride = record_of(map),
                             .dlogdet = dlogdet,
                             .a = a,
                             .dparams = dparams};
  if (!inverse)
    pull_scale(r, M, false, S, record, dlogdet, a, dparams);
  for (size_t k = 0; k < M; k++, arena->used = used) {
    const size_t m = stretch->to_data ? k : M - 1 - k;
    if (inverse)
      pull_scale(r, m, true, S, record, dlogdet, a, dparams);
    back.x = record + m * dim;
    kind->ops->pull(kind, m, run, arena, &back);
    if (!inverse)
      pull_scale(r, m, false, S, record, dlogdet, a, dparams);
  }
  if (inverse)
    pull_scale(r, M, true, S, record, dlogdet, a, dparams);
}

static void pull(const enf__map *map, const enf__run *run, enf__arena *arena, bool to_data,
                 size_t S, const double *record, const double *aside, const double *dlogdet,
                 double *a, double *dparams) {
  const enf__stretch exact = {.to_data = to_data};
  (void)aside;
  pull_estimate(map, run, arena, &exact, S, record, dlogdet, a, dparams);
}

static const enf__formula_ops formula = {.together = TOGETHER,
                                         .record = record_of,
                                         .cost = cost,
                                         .workspace = workspace,
                                         .apply = apply,
                                         .pull = pull,
                                         .pull_estimate = pull_estimate};

const enf__map_ops enf__residual_ops = {
    .plan = plan, .allocate = allocate, .destroy = destroy, .pack = pack, ENF__FORMULA_ROWS};
