/* work.h -- samples on their way through spline layers, and cotangents back; compiled once per
   precision.

   A tile of samples passes all layers, its arrays in the cache; of a layer's output, by far the
   longest array, there is only a slice at a time. A row's numbers do not depend on the other rows.
   The record holds what each layer has on the data's side: the way back makes the network's numbers
   again, its outputs only where they were not left aside, and its formulas need the data's side
   whichever way the samples went. dfoo is the derivative of the loss by foo. */
#ifndef ENF__SPLINE_WORK_H
#define ENF__SPLINE_WORK_H

#include "map/spline.h"
#include "math/precision.h"

#include <string.h>

#if ENF__DOUBLE
#define PACKED(f) ((f)->copies->f64)
#else
#define PACKED(f) ((f)->copies->f32)
#endif

/* Rows of a tile, and of a slice of the output: multiples of the products' tiles. */
enum { TILE = 192, SLICE = 48 };

typedef struct {
  const enf__spline *map;
  const kernels *k;
  const REAL *w; /* packed */
  size_t S, C;
  size_t all, first; /* samples of the call, and of those the tile's first */
  REAL *y;                        /* (S,C) */
  REAL *u;                        /* (S,inputs) of the network under way */
  REAL *q[ENF__SPLINE_DEPTH];     /* (S,hidden) its hidden layers; two in turns going there */
  REAL *slope[ENF__SPLINE_DEPTH]; /* (S,hidden) their silu', on the way back */
  REAL *o;                        /* (SLICE,columns) a slice of its output */
  REAL *v;                        /* (S,lanes) what the layer moves */
  REAL *angle, *sine, *cosine;    /* (S, circles at rest) */
  REAL *logdet;                   /* (S) of the layer */
} tile;

/* Layers of the way from one place to another: the i-th. */
static inline size_t layer_of(size_t from, size_t to, size_t i) {
  return from < to ? from + i : from - 1 - i;
}

/* Where the packed numbers of layer l begin, which have a gradient; l = M: end. */
static inline size_t spline_first(const enf__spline *map, size_t l) {
  return l < map->model.layers ? map->layer[l].net[0].w : map->forward_count;
}

/* A layer's output of a tile's row among those left aside: layer by layer, those of all samples. */
static inline size_t spline_aside(const tile *t, size_t l, size_t row) {
  const enf__spline_layer *layer = &t->map->layer[l];
  return t->all * layer->aside + (t->first + row) * layer->net[t->map->model.depth].n;
}

/* ---- spline_tile.c
 * ------------------------------------------------------------------------------- */

#define spline_open_tile SUFFIX(enf__spline_open_tile)
void spline_open_tile(tile *t, const enf__spline *map, bool reverse, enf__arena *arena);
/* u of the coordinates at rest in y (S,C). */
#define spline_gather_inputs SUFFIX(enf__spline_gather_inputs)
void spline_gather_inputs(tile *t, const enf__spline_layer *layer, const REAL *y);
/* v, what moves of y (S,C); lanes nobody needs stand at the bound, where lines do not move. */
#define spline_gather_moved SUFFIX(enf__spline_gather_moved)
void spline_gather_moved(const tile *t, const enf__spline_layer *layer, const REAL *y, REAL *v);
#define spline_scatter_moved SUFFIX(enf__spline_scatter_moved)
void spline_scatter_moved(const tile *t, const enf__spline_layer *layer, const REAL *v, REAL *y);
/* The hidden layers, from u; the last of them is returned. */
#define spline_hidden_layers SUFFIX(enf__spline_hidden_layers)
const REAL *spline_hidden_layers(tile *t, const enf__spline_layer *layer);
/* Rows first ... first+rows-1 of the output, from the last hidden layer. */
#define spline_output_slice SUFFIX(enf__spline_output_slice)
void spline_output_slice(const tile *t, const enf__spline_linear *net, const REAL *q, size_t first,
                         size_t rows);

#endif
