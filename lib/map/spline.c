/* spline.c -- the spline map as an object: which layer moves what, parameter table, initial
   weights, packed layout, and the choice of the precision. The work is in spline/work.h.

   Initial weights are those of PyTorch's linear layers, uniform in +- 1/sqrt(inputs), weight and
   bias, but for the last of every network: 0. */
#include "map/spline.h"

#include <math.h>
#include <sched.h>
#include <string.h>

/* ---- which layer moves what ------------------------------------------------------------------ */

static size_t moving(const enf__spline_model *m) { return m->coordinates - m->still; }

static bool is_moved(const enf__spline_model *m, size_t l, size_t c) {
  size_t bits = 1;
  while (((size_t)1 << bits) < moving(m))
    bits++;
  return c < moving(m) && ((c >> (l / 2 % bits)) & 1) == (l & 1);
}

static size_t list(const enf__spline *map, size_t l, bool moved, bool circle, int32_t *out) {
  size_t count = 0;
  for (size_t c = 0; c < map->model.coordinates; c++)
    if (is_moved(&map->model, l, c) == moved && map->circle[c] == circle)
      out[count++] = (int32_t)c;
  return count;
}

static size_t padded(size_t n, size_t to) { return (n + to - 1) / to * to; }

/* Parameter `which` of the coordinate in a lane: its column, or -1 where there is none. */
static int32_t column_of(const enf__splines *p, size_t lane, size_t which) {
  const size_t K = p->bins;
  if (which < 2 * K)
    return (int32_t)(which * p->lanes + lane);
  if (which > 2 * K && which < 3 * K)
    return (int32_t)((which - 1) * p->lanes + lane);
  if (lane >= p->circles)
    return -1;
  return (int32_t)((3 * K - 1) * p->lanes + (which == 3 * K ? p->ring : 0) + lane);
}

/* Columns of the rows of the last linear layer: moved coordinates in rising order, 3K+1 of each. */
static void list_outputs(const enf__spline_layer *y, int32_t *column) {
  for (size_t lane = 0; lane < y->moved; lane++) {
    size_t place = 0;
    for (size_t other = 0; other < y->moved; other++)
      place += y->move[other] < y->move[lane];
    for (size_t p = 0; p < 3 * y->splines.bins + 1; p++)
      column[place * (3 * y->splines.bins + 1) + p] = column_of(&y->splines, lane, p);
  }
}

/* ---- tables ---------------------------------------------------------------------------------- */

static size_t outputs(const enf__splines *p) {
  return ENF__PADDED((3 * p->bins - 1) * p->lanes + 2 * p->ring);
}

/* Numbers of all lists: coordinates and outputs of every layer, and of a hidden layer. */
static size_t index_count(const enf__spline_model *m) {
  return m->layers * m->coordinates * (1 + 3 * m->bins + 1) + m->hidden;
}

static int32_t *take_list(int32_t **next, size_t count) {
  int32_t *at = *next;
  *next += count;
  return at;
}

static void fill_layer(enf__spline *map, size_t l, int32_t **next) {
  const size_t C = map->model.coordinates;
  enf__spline_layer *y = &map->layer[l];
  int32_t *move = take_list(next, C);
  const size_t circles = list(map, l, true, true, move);
  y->moved = circles + list(map, l, true, false, move + circles);
  y->lines = list(map, l, false, false, move + y->moved);
  y->circles = list(map, l, false, true, move + y->moved + y->lines);
  y->move = move;
  y->rest = move + y->moved;
  y->splines = (enf__splines){.bins = map->model.bins,
                              .lanes = padded(y->moved, ENF__SPLINE_PAD),
                              .ring = padded(circles, ENF__SPLINE_PAD),
                              .circles = circles,
                              .bound = map->model.bound};
  const size_t n = outputs(&y->splines), rows = y->moved * (3 * map->model.bins + 1);
  int32_t *column = take_list(next, rows);
  list_outputs(y, column);
  y->net[map->model.depth] = (enf__spline_linear){
      .rows = rows, .cols = map->model.hidden, .n = n, .column = column};
  y->aside = map->outputs;
  map->outputs += n;
  map->columns = n > map->columns ? n : map->columns;
  map->most_circles = y->circles > map->most_circles ? y->circles : map->most_circles;
}

/* The linear layers before the last one. */
static void fill_hidden(enf__spline *map, enf__spline_layer *y, const int32_t *column) {
  const size_t H = map->model.hidden, inputs = y->lines + 2 * y->circles;
  for (size_t j = 0; j < map->model.depth; j++)
    y->net[j] =
        (enf__spline_linear){.rows = H, .cols = j ? H : inputs, .n = map->hidden, .column = column};
  map->inputs = ENF__PADDED(inputs) > map->inputs ? ENF__PADDED(inputs) : map->inputs;
}

static void add_views(enf__spline *map, size_t l, enf__params *params) {
  for (size_t j = 0; j <= map->model.depth; j++) {
    enf__spline_linear *y = &map->layer[l].net[j];
    const bool last = j == map->model.depth;
    const double spread = last ? 0 : 1 / sqrt((double)y->cols);
    enf__tensor t = {.rows = y->rows, .cols = y->cols, .spread = spread, .turns = !last && j > 0};
    y->weight = enf__params_add(params, t, "spline.%zu.net.%zu.weight", l, j);
    t = (enf__tensor){.rows = y->rows, .cols = 1, .spread = spread};
    y->bias = enf__params_add(params, t, "spline.%zu.net.%zu.bias", l, j);
  }
}

/* Where packed numbers are: what has a gradient first, then what only the way back reads. */
static void place(enf__spline *map) {
  const size_t count = map->model.layers * (map->model.depth + 1);
  size_t next = 0;
  for (size_t i = 0; i < 2 * count; i++) {
    const size_t l = i % count / (map->model.depth + 1), j = i % (map->model.depth + 1);
    enf__spline_linear *y = &map->layer[l].net[j];
    y->m = ENF__PADDED(y->cols);
    if (i < count) {
      y->w = next;
      y->b = next + y->m * y->n;
      next = y->b + y->n;
      map->forward_count = next;
    } else {
      y->wt = next;
      next += y->n * y->m;
    }
  }
  map->packed_count = next;
  for (size_t l = 0; l < map->model.layers; l++) {
    const enf__spline_linear *last = &map->layer[l].net[map->model.depth];
    map->most_sums = enf__larger(map->most_sums, last->b + last->n - map->layer[l].net[0].w);
  }
}

static void build(enf__spline *map, enf__params *params) {
  int32_t *next = map->index;
  int32_t *hidden = take_list(&next, map->model.hidden);
  for (size_t c = 0; c < map->model.hidden; c++)
    hidden[c] = (int32_t)c;
  for (size_t l = 0; l < map->model.layers; l++) {
    fill_layer(map, l, &next);
    fill_hidden(map, &map->layer[l], hidden);
    add_views(map, l, params);
  }
  place(map);
}

/* ---- the object ------------------------------------------------------------------------------ */

static enf_status check(enf_ctx *ctx, const enf__spline_model *m) {
  if (moving(m) < 2)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.map spline needs 2 or more coordinates, here are %zu", moving(m));
  if (m->bins < 2 || (double)m->bins * ENF__SPLINE_EPS >= 1)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.bins %zu: 2 or more, and each is at least %g of the whole, so fewer "
                     "than %g",
                     m->bins, ENF__SPLINE_EPS, 1 / ENF__SPLINE_EPS);
  if (m->depth < 1 || m->depth > ENF__SPLINE_DEPTH)
    return enf__fail(ctx, ENF_ERR_OPTION, "model.spline_depth is %zu, 1 to %d are possible",
                     m->depth, (int)ENF__SPLINE_DEPTH);
  if (!(m->bound > 0) || !isfinite(m->bound))
    return enf__fail(ctx, ENF_ERR_OPTION, "model.bound is %g, it must be positive and finite",
                     m->bound);
  if (m->layers < 1 || m->hidden < 1)
    return enf__fail(ctx, ENF_ERR_OPTION, "a spline map of %zu layers of width %zu: 1 or more each",
                     m->layers, m->hidden);
  return ENF_OK;
}

void enf__spline_destroy(enf__spline *map) {
  if (!map)
    return;
  const enf_alloc alloc = map->alloc;
  enf__free(&alloc, map->circle);
  enf__free(&alloc, map->layer);
  enf__free(&alloc, map->index);
  if (map->copies) {
    enf__free(&alloc, map->copies->f32);
    enf__free(&alloc, map->copies->f64);
  }
  enf__free(&alloc, map->copies);
  enf__free(&alloc, map);
}

static enf_status allocate_tables(enf__spline *map) {
  const enf__spline_model *m = &map->model;
  map->circle = enf__alloc_array(&map->alloc, m->coordinates, sizeof *map->circle);
  map->layer = enf__alloc_array(&map->alloc, m->layers, sizeof *map->layer);
  map->index = enf__alloc_array(&map->alloc, index_count(m), sizeof *map->index);
  if (!map->circle || !map->layer || !map->index)
    return ENF_ERR_NOMEM;
  memcpy(map->circle, m->circle, m->coordinates * sizeof *map->circle);
  memset(map->layer, 0, m->layers * sizeof *map->layer);
  map->model.circle = map->circle;
  return ENF_OK;
}

enf_status enf__spline_allocate(enf_ctx *ctx, enf__spline *map) {
  const size_t count = map->packed_count;
  enf__spline_copies *copies = map->copies = enf__alloc(&map->alloc, sizeof *copies);
  if (copies)
    *copies = (enf__spline_copies){.f32 = enf__alloc_array(&map->alloc, count, sizeof(float)),
                                   .f64 = enf__alloc_array(&map->alloc, count, sizeof(double))};
  if (!copies || !copies->f32 || !copies->f64)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for the weights of %zu spline layers",
                     map->model.layers);
  memset(copies->f32, 0, count * sizeof *copies->f32);
  memset(copies->f64, 0, count * sizeof *copies->f64);
  return ENF_OK;
}

enf_status enf__spline_plan(enf_ctx *ctx, enf__spline **out, const enf__spline_model *model,
                            enf__params *params) {
  *out = NULL;
  enf_status status = check(ctx, model);
  if (status != ENF_OK)
    return status;
  enf__spline *map = enf__alloc(&ctx->alloc, sizeof *map);
  status = ENF_ERR_NOMEM;
  if (!map)
    goto out;
  *map = (enf__spline){.alloc = ctx->alloc, .model = *model, .hidden = ENF__PADDED(model->hidden)};
  TRY(allocate_tables(map));
  build(map, params);
  *out = map;
  return ENF_OK;
out:
  enf__spline_destroy(map);
  return enf__fail(ctx, status, "out of memory for %zu spline layers of width %zu", model->layers,
                   model->hidden);
}

enf_status enf__spline_create(enf_ctx *ctx, enf__spline **map, const enf__spline_model *model,
                              enf__params *params) {
  enf_status status = enf__spline_plan(ctx, map, model, params);
  if (status == ENF_OK)
    status = enf__spline_allocate(ctx, *map);
  if (status != ENF_OK) {
    enf__spline_destroy(*map);
    *map = NULL;
  }
  return status;
}

/* ---- weights --------------------------------------------------------------------------------- */

enum { STALE, BUSY, FRESH };

void enf__spline_pack(enf__spline *map, const double *params) {
  map->copies->params = params;
  for (size_t i = 0; i < 2; i++)
    atomic_store_explicit(&map->copies->state[i], STALE, memory_order_relaxed);
}

/* The first to come makes the copy, the others wait for it. */
static void renew(const enf__spline *map, const enf__run *run) {
  const bool wide = run->precision == ENF__FLOAT64;
  atomic_int *state = &map->copies->state[wide];
  while (atomic_load_explicit(state, memory_order_acquire) != FRESH) {
    int seen = STALE;
    if (!atomic_compare_exchange_strong(state, &seen, BUSY)) {
      sched_yield();
      continue;
    }
    if (wide)
      enf__spline_pack_f64(map, run->kernel);
    else
      enf__spline_pack_f32(map, run->kernel);
    atomic_store_explicit(state, FRESH, memory_order_release);
  }
}

/* ---- work ------------------------------------------------------------------------------------ */

size_t enf__spline_workspace(const enf__spline *map, const enf__run *run, bool reverse) {
  return run->precision == ENF__FLOAT64 ? enf__spline_workspace_f64(map, reverse)
                                        : enf__spline_workspace_f32(map, reverse);
}

void enf__spline_carry(const enf__spline *map, const enf__run *run, enf__arena *arena, size_t from,
                       size_t to, size_t S, double *y, double *logdet, double *record,
                       void *aside) {
  renew(map, run);
  if (run->precision == ENF__FLOAT64)
    enf__spline_carry_f64(map, run->kernel, arena, from, to, S, y, logdet, record, aside);
  else
    enf__spline_carry_f32(map, run->kernel, arena, from, to, S, y, logdet, record, aside);
}

void enf__spline_reverse(const enf__spline *map, const enf__run *run, enf__arena *arena, bool back,
                         size_t l, size_t S, const double *record, const void *aside, double *dy,
                         const double *dlogdet, bool fresh, void *sums) {
  renew(map, run);
  if (run->precision == ENF__FLOAT64)
    enf__spline_reverse_f64(map, run->kernel, arena, back, l, S, record, aside, dy, dlogdet, fresh,
                            sums);
  else
    enf__spline_reverse_f32(map, run->kernel, arena, back, l, S, record, aside, dy, dlogdet, fresh,
                            sums);
}

void enf__spline_add(const enf__spline *map, const enf__run *run, size_t l, size_t share,
                     size_t shares, size_t parts, const void *sums, double *dparams) {
  if (run->precision == ENF__FLOAT64)
    enf__spline_add_f64(map, run->kernel, l, share, shares, parts, sums, dparams);
  else
    enf__spline_add_f32(map, run->kernel, l, share, shares, parts, sums, dparams);
}
