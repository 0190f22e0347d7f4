/* actnorm.c -- the map "actnorm" of particles with features (Satorras et al. 2021,
   arXiv:2105.09016), from the data to the prior: positions and every feature are scaled, features
   also shifted,

     x' = x e^-s,  h'_f = (h_f - t_f) e^-s_f,  log |dy/dx| = -(N-1) D s - N sum_f s_f,

   the positions' part being that on the mean-free subspace (the authors' code counts N D). Its
   numbers are parameters; enf__actnorm_fit finds those of a batch, after which positions and every
   feature have mean 0 and variance 1. Everything is double. */
#include "map/actnorm.h"
#include <math.h>
#include <string.h>

typedef struct {
  enf__formula head;
  size_t scale, shift, widths;     /* offsets of s, t and s_f */
  const double *s, *t, *log_width; /* (1), (F), (F) of the flow's parameters */
} actnorm;

static void destroy(enf__map *map) {
  const enf_alloc alloc = map->alloc;
  enf__free(&alloc, map);
}

static const enf__formula_ops formula;

static enf_status plan(enf_ctx *ctx, enf__map **map, const enf__map_spec *spec) {
  const size_t F = spec->space->shape.features;
  if (F == 0 || spec->layers > 1)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.map: actnorm is one map, of particles with features");
  actnorm *a = enf__alloc(&ctx->alloc, sizeof *a);
  if (!a)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  *a = (actnorm){.head = {.base.alloc = ctx->alloc, .formula = &formula}};
  a->scale = enf__params_add(spec->params, (enf__tensor){.rows = 1, .cols = 1}, "actnorm.x_log_s");
  a->shift = enf__params_add(spec->params, (enf__tensor){.rows = 1, .cols = F}, "actnorm.h_t");
  a->widths = enf__params_add(spec->params, (enf__tensor){.rows = 1, .cols = F}, "actnorm.h_log_s");
  *map = &a->head.base;
  return ENF_OK;
}

static enf_status allocate(enf_ctx *ctx, enf__map *map) {
  (void)ctx;
  (void)map;
  return ENF_OK;
}

static void pack(enf__map *map, const double *params) {
  actnorm *a = (actnorm *)map;
  a->s = params + a->scale;
  a->t = params + a->shift;
  a->log_width = params + a->widths;
}

/* ---- the formula -------------------------------------------------------------------------------
 */

static size_t record_of(const enf__map *map) { return enf__space_state(map->space); }
static double cost(const enf__map *map) { return 2 * (double)enf__space_state(map->space); }

static size_t workspace(const enf__map *map, const enf__run *run, size_t S) {
  (void)map;
  (void)run;
  (void)S;
  return 0;
}

/* log |dy/dx| from the data to the prior. */
static double log_det(const actnorm *a, const enf__shape *shape) {
  double sum = -(double)((shape->particles - 1) * shape->dimensions) * a->s[0];
  for (size_t f = 0; f < shape->features; f++)
    sum -= (double)shape->particles * a->log_width[f];
  return sum;
}

static void apply_one(const actnorm *a, const enf__shape *shape, bool to_data, double *x) {
  const size_t positions = enf__shape_positions(shape), F = shape->features;
  const double factor = exp(to_data ? a->s[0] : -a->s[0]);
  for (size_t i = 0; i < positions; i++)
    x[i] *= factor;
  for (size_t f = 0; f < F; f++) {
    const double width = exp(a->log_width[f]), t = a->t[f];
    double *h = x + positions + f;
    for (size_t i = 0; i < shape->particles; i++)
      h[i * F] = to_data ? h[i * F] * width + t : (h[i * F] - t) / width;
  }
}

void enf__actnorm_enter(const enf__map *map, size_t S, double *x) {
  const enf__shape *shape = &map->space->shape;
  for (size_t i = 0; i < S; i++)
    apply_one((const actnorm *)map, shape, false, x + i * enf__shape_size(shape));
}

static void apply(const enf__map *map, const enf__run *run, enf__arena *arena,
                  const enf__stretch *stretch, size_t S, double *x, double *logdet, double *record,
                  double *aside, enf__failure *why) {
  const actnorm *a = (const actnorm *)map;
  const enf__shape *shape = &map->space->shape;
  const size_t state = enf__shape_size(shape);
  (void)run;
  (void)aside;
  (void)arena;
  (void)why;
  if (stretch->first == stretch->end)
    return;
  for (size_t i = 0; i < S; i++, x += state) {
    double *data = record ? record + i * state : NULL;
    if (data && !stretch->to_data)
      memcpy(data, x, state * sizeof *x);
    apply_one(a, shape, stretch->to_data, x);
    if (data && stretch->to_data)
      memcpy(data, x, state * sizeof *x);
    if (logdet)
      logdet[i] += stretch->to_data ? -log_det(a, shape) : log_det(a, shape);
  }
}

/* Cotangents g of what came out become those of what went in; x the point on the side of the data.
 */
static void pull_one(const actnorm *a, const enf__shape *shape, bool to_data, const double *x,
                     double dlogdet, double *g, double *dparams) {
  const size_t positions = enf__shape_positions(shape), F = shape->features, N = shape->particles;
  const double sign = to_data ? 1 : -1, factor = exp(sign * a->s[0]);
  const double along = to_data ? 1 : factor; /* out = x, or x factor */
  double by_scale = (double)((N - 1) * shape->dimensions) * dlogdet;
  for (size_t i = 0; i < positions; i++) {
    by_scale += g[i] * x[i] * along;
    g[i] *= factor;
  }
  if (dparams)
    dparams[a->scale] += sign * by_scale;
  for (size_t f = 0; f < F; f++) {
    const double width = exp(sign * a->log_width[f]);
    double by_shift = 0, by_width = (double)N * dlogdet;
    for (size_t i = 0; i < N; i++) {
      double *at = g + positions + i * F + f;
      const double centred = x[positions + i * F + f] - a->t[f];
      by_width += *at * centred * (to_data ? 1 : width);
      by_shift += *at * (to_data ? 1 : width);
      *at *= width;
    }
    if (!dparams)
      continue;
    dparams[a->shift + f] += sign * by_shift;
    dparams[a->widths + f] += sign * by_width;
  }
}

static void pull(const enf__map *map, const enf__run *run, enf__arena *arena, bool to_data,
                 size_t S, const double *record, const double *aside, const double *dlogdet,
                 double *a, double *dparams) {
  const enf__shape *shape = &map->space->shape;
  const size_t state = enf__shape_size(shape);
  (void)run;
  (void)aside;
  (void)arena;
  for (size_t i = 0; i < S; i++)
    pull_one((const actnorm *)map, shape, to_data, record + i * state, dlogdet[i], a + i * state,
             dparams);
}

static const enf__formula_ops formula = {.together = 1,
                                         .record = record_of,
                                         .cost = cost,
                                         .workspace = workspace,
                                         .apply = apply,
                                         .pull = pull};

const enf__map_ops enf__actnorm_ops = {.bytes = sizeof(actnorm),
                                       .plan = plan,
                                       .allocate = allocate,
                                       .destroy = destroy,
                                       .pack = pack,
                                       ENF__FORMULA_ROWS};

/* ---- from data -------------------------------------------------------------------------------
 */

void enf__actnorm_add(const enf__shape *shape, const double *x, enf__actnorm_sums *sums) {
  const size_t positions = enf__shape_positions(shape), F = shape->features;
  for (size_t i = 0; i < positions; i++)
    sums->x_square += x[i] * x[i];
  sums->x_count += positions;
  for (size_t i = 0; i < shape->particles; i++)
    for (size_t f = 0; f < F; f++) {
      const double h = x[positions + i * F + f];
      sums->h[f] += h;
      sums->h_square[f] += h * h;
    }
  sums->h_count += shape->particles;
}

void enf__actnorm_fit(const enf__map *map, const enf__actnorm_sums *sums, double *params) {
  const actnorm *a = (const actnorm *)map;
  const double count = (double)sums->h_count, least = 1e-8;
  const double square = sums->x_square / (double)sums->x_count;
  params[a->scale] = 0.5 * log(square > least ? square : 1);
  for (size_t f = 0; f < map->space->shape.features; f++) {
    const double mean = sums->h[f] / count, var = sums->h_square[f] / count - mean * mean;
    params[a->shift + f] = mean;
    params[a->widths + f] = 0.5 * log(var > least ? var : 1);
  }
}
