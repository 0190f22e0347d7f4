/* spline_tile.c -- a tile of samples: its memory, what a layer reads and moves, its network. */
#include "map/spline/work.h"

void spline_open_tile(tile *t, const enf__spline *map, bool reverse, enf__arena *arena) {
  const size_t lanes = (map->model.coordinates + ENF__SPLINE_PAD - 1) / ENF__SPLINE_PAD;
  *t = (tile){.map = map, .w = PACKED(map), .C = map->model.coordinates};
  t->y = ENF__TAKE(arena, REAL, TILE * t->C);
  t->u = ENF__TAKE(arena, REAL, TILE * map->inputs);
  for (size_t j = 0; j < map->model.depth; j++) {
    t->q[j] = reverse || j < 2 ? ENF__TAKE(arena, REAL, TILE * map->hidden) : t->q[j - 2];
    t->slope[j] = reverse ? ENF__TAKE(arena, REAL, TILE * map->hidden) : NULL;
  }
  t->o = ENF__TAKE(arena, REAL, SLICE * map->columns);
  t->v = ENF__TAKE(arena, REAL, TILE * lanes * ENF__SPLINE_PAD);
  t->angle = ENF__TAKE(arena, REAL, TILE * map->most_circles);
  t->sine = ENF__TAKE(arena, REAL, TILE * map->most_circles);
  t->cosine = ENF__TAKE(arena, REAL, TILE * map->most_circles);
  t->logdet = ENF__TAKE(arena, REAL, TILE);
}

/* u of the coordinates at rest in y (S,C). */
void spline_gather_inputs(tile *t, const enf__spline_layer *layer, const REAL *y) {
  const size_t n = layer->net[0].m, lines = layer->lines, circles = layer->circles;
  const int32_t *circle = layer->rest + lines;
  for (size_t s = 0; s < t->S; s++)
    for (size_t i = 0; i < circles; i++)
      t->angle[s * circles + i] = y[s * t->C + (size_t)circle[i]];
  t->k->sincos(t->S * circles, t->angle, t->sine, t->cosine);
  for (size_t s = 0; s < t->S; s++) {
    REAL *u = t->u + s * n;
    for (size_t i = 0; i < lines; i++)
      u[i] = y[s * t->C + (size_t)layer->rest[i]];
    memcpy(u + lines, t->cosine + s * circles, circles * sizeof *u);
    memcpy(u + lines + circles, t->sine + s * circles, circles * sizeof *u);
    for (size_t i = lines + 2 * circles; i < n; i++)
      u[i] = 0;
  }
}

/* v, what moves of y (S,C); lanes nobody needs stand at the bound, where lines do not move. */
void spline_gather_moved(const tile *t, const enf__spline_layer *layer, const REAL *y, REAL *v) {
  const size_t lanes = layer->splines.lanes;
  const REAL bound = (REAL)layer->splines.bound;
  for (size_t s = 0; s < t->S; s++) {
    for (size_t i = 0; i < layer->moved; i++)
      v[s * lanes + i] = y[s * t->C + (size_t)layer->move[i]];
    for (size_t i = layer->moved; i < lanes; i++)
      v[s * lanes + i] = bound;
  }
}

void spline_scatter_moved(const tile *t, const enf__spline_layer *layer, const REAL *v, REAL *y) {
  for (size_t s = 0; s < t->S; s++)
    for (size_t i = 0; i < layer->moved; i++)
      y[s * t->C + (size_t)layer->move[i]] = v[s * layer->splines.lanes + i];
}

/* The hidden layers, from u; the last of them is returned. */
const REAL *spline_hidden_layers(tile *t, const enf__spline_layer *layer) {
  const REAL *in = t->u;
  for (size_t j = 0; j < t->map->model.depth; j++) {
    const enf__spline_linear *net = &layer->net[j];
    t->k->residual(t->S, net->cols, net->n, in, net->m, t->w + net->w, t->w + net->b, j ? in : NULL,
                   t->q[j], t->slope[j]);
    in = t->q[j];
  }
  return in;
}

/* Rows first ... first+rows-1 of the output, from the last hidden layer. */
void spline_output_slice(const tile *t, const enf__spline_linear *net, const REAL *q, size_t first,
                         size_t rows) {
  t->k->gemm(rows, net->cols, net->n, q + first * net->m, net->m, t->w + net->w, net->n, NULL, 0,
             t->w + net->b, false, t->o, net->n);
}
