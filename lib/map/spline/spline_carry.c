/* spline_carry.c -- the way there: layer by layer, kept or not. */
#include "map/spline/work.h"

static void move_layer(tile *t, size_t l, bool back, double *logdet, REAL *aside) {
  const enf__spline_layer *layer = &t->map->layer[l];
  const enf__spline_linear *net = &layer->net[t->map->model.depth];
  spline_gather_inputs(t, layer, t->y);
  spline_gather_moved(t, layer, t->y, t->v);
  memset(t->logdet, 0, t->S * sizeof *t->logdet);
  const REAL *q = spline_hidden_layers(t, layer);
  for (size_t s = 0; s < t->S; s += SLICE) {
    const size_t rows = t->S - s < SLICE ? t->S - s : SLICE;
    spline_output_slice(t, net, q, s, rows);
    if (aside) /* the splines use it up */
      memcpy(aside + spline_aside(t, l, s), t->o, rows * net->n * sizeof *aside);
    t->k->spline(rows, &layer->splines, back, t->o, net->n, t->v + s * layer->splines.lanes,
                 t->logdet + s);
  }
  spline_scatter_moved(t, layer, t->v, t->y);
  for (size_t s = 0; logdet && s < t->S; s++)
    logdet[s] += (double)t->logdet[s];
}

/* The tile's points to place l of the record (S,M,C). */
static void keep(const tile *t, size_t l, double *record) {
  const size_t C = t->C, M = t->map->model.layers;
  for (size_t s = 0; record && s < t->S; s++)
    for (size_t c = 0; c < C; c++)
      record[(s * M + l) * C + c] = (double)t->y[s * C + c];
}

static void carry_tile(tile *t, size_t from, size_t to, double *y, double *logdet, double *record,
                       REAL *aside) {
  const size_t count = from < to ? to - from : from - to, numbers = t->S * t->C;
  const bool back = to < from;
  for (size_t i = 0; i < numbers; i++)
    t->y[i] = (REAL)y[i];
  for (size_t i = 0; i < count; i++) {
    const size_t l = layer_of(from, to, i);
    if (!back)
      keep(t, l, record);
    move_layer(t, l, back, logdet, aside);
    if (back)
      keep(t, l, record);
  }
  for (size_t i = 0; i < numbers; i++)
    y[i] = (double)t->y[i];
}

void SUFFIX(enf__spline_carry)(const enf__spline *map, int kernel, enf__arena *arena, size_t from,
                               size_t to, size_t S, double *y, double *logdet, double *record,
                               void *aside) {
  const size_t mark = arena->used, C = map->model.coordinates, M = map->model.layers;
  tile t;
  spline_open_tile(&t, map, false, arena);
  t.k = KERNELS_OF(kernel);
  t.all = S;
  for (size_t s = 0; s < S; s += TILE) {
    t.S = S - s < TILE ? S - s : TILE;
    t.first = s;
    carry_tile(&t, from, to, y + s * C, logdet ? logdet + s : NULL,
               record ? record + s * M * C : NULL, aside);
  }
  arena->used = mark;
}
