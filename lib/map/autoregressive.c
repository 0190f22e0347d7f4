/* autoregressive.c -- the map "autoregressive" of the vector space (Papamakarios, Pavlakou, Murray
   2017, arXiv:1705.07057): layers from the data to the prior, each of the coordinates in reverse,

     v = reversed x,  z_i = s_i(v_1 ... v_{i-1}) v_i + b_i(v_1 ... v_{i-1}),  s = softplus(a) + 1e-3

   with (a, b) by one masked network (masked_net.h); log-determinant sum_i log s_i. The way to the
   data finds v_1, v_2 ... one after the other, with a pass of the network for each. With cotangents
   dz and dl through z(v): ds_i = dz_i v_i + dl/s_i, db_i = dz_i. Through v(z), with dv and dl of
   -sum log s: dz_i = (dv_i + what the network gives for v_i)/s_i, from the last i to the first,
   where ds_i = -dz_i v_i - dl/s_i, db_i = -dz_i. Everything is double. */
#include "map/formula.h"
#include "map/masked_net.h"
#include <math.h>
#include <string.h>

enum { TILE = ENF__MASKED_TILE };
static const double LEAST_SCALE = 1e-3;

typedef struct {
  enf__formula head;
  size_t dim;
  enf__masked_net *net; /* (M) */
  double *block;        /* their packed numbers */
} autoregressive;

static const autoregressive *of(const enf__map *map) { return (const autoregressive *)map; }

/* ---- making ---------------------------------------------------------------------------------- */

static void destroy(enf__map *map) {
  autoregressive *a = (autoregressive *)map;
  const enf_alloc alloc = map->alloc;
  enf__free(&alloc, a->net);
  enf__free(&alloc, a->block);
  enf__free(&alloc, a);
}

static const enf__formula_ops formula;

static enf_status plan(enf_ctx *ctx, enf__map **map, const enf__map_spec *spec) {
  if (spec->space->ops != &enf__vector_ops)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.map: an autoregressive map needs an order of the coordinates, which "
                     "only model.space vector has");
  autoregressive *a = enf__alloc(&ctx->alloc, sizeof *a);
  if (!a)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  *a = (autoregressive){.head = {.base.alloc = ctx->alloc, .formula = &formula},
                        .dim = enf__space_state(spec->space)};
  a->net = enf__alloc_array(&ctx->alloc, spec->layers, sizeof *a->net);
  if (!a->net) {
    destroy(&a->head.base);
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  }
  for (size_t m = 0; m < spec->layers; m++) {
    a->net[m] = (enf__masked_net){
        .dim = a->dim, .hidden = (size_t)enf__opts_int(spec->options, ENF__OPT_MODEL_HIDDEN)};
    enf__masked_add(&a->net[m], spec->params, m);
  }
  *map = &a->head.base;
  return ENF_OK;
}

static enf_status allocate(enf_ctx *ctx, enf__map *map) {
  autoregressive *a = (autoregressive *)map;
  const size_t numbers = enf__masked_numbers(a->net);
  a->block = enf__alloc_array(&map->alloc, map->layers, numbers * sizeof *a->block);
  if (!a->block)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  for (size_t m = 0; m < map->layers; m++)
    a->net[m].packed = a->block + m * numbers;
  return ENF_OK;
}

static void pack(enf__map *map, const double *params) {
  for (size_t m = 0; m < map->layers; m++)
    enf__masked_pack(&of(map)->net[m], params);
}

/* ---- one layer, one tile --------------------------------------------------------------------- */

static double scale_of(double a) {
  return (a > 0 ? a + log1p(exp(-a)) : log1p(exp(a))) + LEAST_SCALE;
}
static double slope_of(double a) { return 1 / (1 + exp(-a)); } /* ds/da */

/* The D columns of rows x, reversed; tiles without a row are zero. */
static void load(size_t D, size_t rows, size_t stride, const double *x, bool reversed,
                 double *tile) {
  for (size_t k = 0; k < D; k++)
    for (size_t t = 0; t < TILE; t++)
      tile[k * TILE + t] = t < rows ? x[t * stride + (reversed ? D - 1 - k : k)] : 0;
}

static void store(size_t D, size_t rows, const double *tile, bool reversed, double *x) {
  for (size_t t = 0; t < rows; t++)
    for (size_t k = 0; k < D; k++)
      x[t * D + (reversed ? D - 1 - k : k)] = tile[k * TILE + t];
}

/* x -> z in place; logs (TILE) += log |dz/dx|. */
static void to_prior(const enf__masked_net *net, const enf__masked_tile *w, size_t rows, double *x,
                     double *logs) {
  const size_t D = net->dim;
  load(D, rows, D, x, true, w->v);
  enf__masked_forward(net, w);
  for (size_t i = 0; i < D; i++)
    for (size_t t = 0; t < rows; t++) {
      const double s = scale_of(w->out[2 * i * TILE + t]);
      logs[t] += log(s);
      x[t * D + i] = s * w->v[i * TILE + t] + w->out[(2 * i + 1) * TILE + t];
    }
}

/* z -> x in place; logs (TILE) += log |dx/dz|. */
static void to_data(const enf__masked_net *net, const enf__masked_tile *w, size_t rows, double *x,
                    double *logs) {
  const size_t D = net->dim;
  memset(w->v, 0, D * TILE * sizeof *w->v);
  for (size_t i = 0; i < D; i++) {
    enf__masked_forward(net, w);
    for (size_t t = 0; t < rows; t++) {
      const double s = scale_of(w->out[2 * i * TILE + t]);
      logs[t] -= log(s);
      w->v[i * TILE + t] = (x[t * D + i] - w->out[(2 * i + 1) * TILE + t]) / s;
    }
  }
  store(D, rows, w->v, true, x);
}

/* Cotangents of a_i and b_i of coordinate i, whose z has the cotangent dz. */
static void set_cotangents(const enf__masked_tile *w, size_t i, size_t t, double dz, double dl) {
  const double a = w->out[2 * i * TILE + t];
  w->dout[2 * i * TILE + t] = (dz * w->v[i * TILE + t] + dl / scale_of(a)) * slope_of(a);
  w->dout[(2 * i + 1) * TILE + t] = dz;
}

/* From the cotangents a (TILE,D) of z to those of x at the points in v. */
static void pull_to_prior(const enf__masked_net *net, const enf__masked_tile *w, size_t rows,
                          const double *dlogdet, double *a, double *dparams) {
  const size_t D = net->dim;
  for (size_t i = 0; i < D; i++)
    for (size_t t = 0; t < rows; t++)
      set_cotangents(w, i, t, a[t * D + i], dlogdet[t]);
  enf__masked_reverse(net, w, dparams);
  for (size_t i = 0; i < D; i++)
    for (size_t t = 0; t < rows; t++)
      w->dv[i * TILE + t] += scale_of(w->out[2 * i * TILE + t]) * a[t * D + i];
  store(D, rows, w->dv, true, a);
}

/* From those of x to those of z. */
static void pull_to_data(const enf__masked_net *net, const enf__masked_tile *w, size_t rows,
                         const double *dlogdet, double *a, double *dparams) {
  const size_t D = net->dim;
  for (size_t i = D; i-- > 0;) {
    enf__masked_reverse(net, w, NULL);
    for (size_t t = 0; t < rows; t++) {
      double *mine = a + t * D + D - 1 - i;
      *mine = (*mine + w->dv[i * TILE + t]) / scale_of(w->out[2 * i * TILE + t]);
      set_cotangents(w, i, t, -*mine, -dlogdet[t]);
    }
  }
  if (dparams)
    enf__masked_reverse(net, w, dparams);
  load(D, rows, D, a, true, w->dv);
  store(D, rows, w->dv, false, a);
}

/* ---- the formula ----------------------------------------------------------------------------- */

/* The point on the data's side of every layer. */
static size_t record_of(const enf__map *map) { return map->layers * of(map)->dim; }

static double cost(const enf__map *map) {
  const autoregressive *a = of(map);
  return (double)(map->layers * a->dim * enf__masked_numbers(a->net));
}

static size_t workspace(const enf__map *map, const enf__run *run, size_t S) {
  enf__arena count = {0};
  (void)run;
  (void)S;
  enf__masked_take(of(map)->net, &count);
  return count.used;
}

static void keep(const enf__map *map, size_t layer, size_t rows, const double *x, double *record) {
  const size_t D = of(map)->dim;
  for (size_t t = 0; record && t < rows; t++)
    memcpy(record + t * record_of(map) + layer * D, x + t * D, D * sizeof *x);
}

static void apply(const enf__map *map, const enf__run *run, enf__arena *arena,
                  const enf__stretch *stretch, size_t S, double *x, double *logdet, double *record,
                  double *aside, enf__failure *why) {
  const autoregressive *a = of(map);
  const enf__masked_tile w = enf__masked_take(a->net, arena);
  (void)run;
  (void)aside;
  (void)why;
  for (size_t first = 0; first < S; first += TILE) {
    const size_t rows = S - first < TILE ? S - first : TILE;
    double logs[TILE] = {0}, *at = x + first * a->dim;
    double *kept = record ? record + first * record_of(map) : NULL;
    for (size_t k = stretch->first; k < stretch->end; k++) {
      const size_t m = stretch->to_data ? stretch->end - 1 - (k - stretch->first) : k;
      if (stretch->to_data)
        to_data(&a->net[m], &w, rows, at, logs);
      keep(map, m, rows, at, kept);
      if (!stretch->to_data)
        to_prior(&a->net[m], &w, rows, at, logs);
    }
    for (size_t t = 0; logdet && t < rows; t++)
      logdet[first + t] += logs[t];
  }
}

static void pull(const enf__map *map, const enf__run *run, enf__arena *arena, bool to_data_way,
                 size_t S, const double *record, const double *aside, const double *dlogdet,
                 double *a, double *dparams) {
  const size_t D = of(map)->dim, M = map->layers, stride = record_of(map);
  const enf__masked_tile w = enf__masked_take(of(map)->net, arena);
  (void)run;
  (void)aside;
  for (size_t first = 0; first < S; first += TILE) {
    const size_t rows = S - first < TILE ? S - first : TILE;
    for (size_t k = 0; k < M; k++) {
      const size_t m = to_data_way ? k : M - 1 - k;
      const enf__masked_net *net = &of(map)->net[m];
      load(D, rows, stride, record + first * stride + m * D, true, w.v);
      enf__masked_forward(net, &w);
      memset(w.dout, 0, 2 * D * TILE * sizeof *w.dout);
      (to_data_way ? pull_to_data : pull_to_prior)(net, &w, rows, dlogdet + first, a + first * D,
                                                   dparams);
    }
  }
}

static const enf__formula_ops formula = {.together = TILE,
                                         .record = record_of,
                                         .cost = cost,
                                         .workspace = workspace,
                                         .apply = apply,
                                         .pull = pull};

const enf__map_ops enf__autoregressive_ops = {
    .plan = plan, .allocate = allocate, .destroy = destroy, .pack = pack, ENF__FORMULA_ROWS};
