/* spline_reverse.c -- the way back: cotangents of where the samples ended to those of where they
   began, and of the parameters. */
#include "map/spline/work.h"

typedef struct {
  REAL *dy;      /* (S,C) */
  REAL *g;       /* (S,lanes) of what is moved */
  REAL *dq, *dp; /* (S,hidden) in turns */
  REAL *du;      /* (S,inputs) */
  REAL *dlogdet; /* (S) */
  REAL *grad;    /* packed, of a layer, its weights (n, m); or NULL */
  REAL *sums;    /* (hidden or columns) takes the sums nobody wants */
  size_t first;  /* packed number of the layer that grad begins with */
} cotangents;

static void open_cotangents(cotangents *d, const tile *t, enf__arena *arena) {
  const enf__spline *map = t->map;
  const size_t lanes = (t->C + ENF__SPLINE_PAD - 1) / ENF__SPLINE_PAD;
  d->dy = ENF__TAKE(arena, REAL, TILE * t->C);
  d->g = ENF__TAKE(arena, REAL, TILE * lanes * ENF__SPLINE_PAD);
  d->dq = ENF__TAKE(arena, REAL, TILE * map->hidden);
  d->dp = ENF__TAKE(arena, REAL, TILE * map->hidden);
  d->du = ENF__TAKE(arena, REAL, TILE * map->inputs);
  d->dlogdet = ENF__TAKE(arena, REAL, TILE);
  d->sums = ENF__TAKE(arena, REAL, map->hidden > map->columns ? map->hidden : map->columns);
}

size_t SUFFIX(enf__spline_workspace)(const enf__spline *map, bool reverse) {
  enf__arena count = {0};
  tile t;
  cotangents d;
  spline_open_tile(&t, map, reverse, &count);
  if (reverse)
    open_cotangents(&d, &t, &count);
  return count.used;
}

static REAL *grad_of(const cotangents *d, size_t offset) {
  return d->grad ? d->grad + (offset - d->first) : d->sums;
}

static void weight_grad(const tile *t, const cotangents *d, const enf__spline_linear *net,
                        size_t rows, const REAL *in, const REAL *dz) {
  if (d->grad)
    t->k->gemm_grad(rows, net->n, net->m, dz, net->n, in, net->m, grad_of(d, net->w), net->m);
}

/* Rows of the output of layer l as they were, from aside or else the last hidden layer q. */
static void recall_output(tile *t, size_t l, const REAL *aside, const REAL *q, size_t first,
                          size_t rows) {
  const enf__spline_linear *net = &t->map->layer[l].net[t->map->model.depth];
  if (aside)
    memcpy(t->o, aside + spline_aside(t, l, first), rows * net->n * sizeof *aside);
  else
    spline_output_slice(t, net, q, first, rows);
}

/* The output and its splines, slice by slice: d->g from what comes out to what goes in, d->dq of
   the last hidden layer q. */
static void output_grad(tile *t, size_t l, bool back, const REAL *aside, const REAL *q,
                        cotangents *d) {
  const enf__spline_layer *layer = &t->map->layer[l];
  const enf__spline_linear *net = &layer->net[t->map->model.depth];
  const size_t lanes = layer->splines.lanes;
  for (size_t s = 0; s < t->S; s += SLICE) {
    const size_t rows = t->S - s < SLICE ? t->S - s : SLICE;
    recall_output(t, l, aside, q, s, rows);
    t->k->spline_grad(rows, &layer->splines, back, t->o, net->n, t->v + s * lanes, d->g + s * lanes,
                      d->dlogdet + s);
    if (d->grad)
      t->k->slope_sums(rows, net->n, NULL, t->o, grad_of(d, net->b));
    weight_grad(t, d, net, rows, q + s * net->m, t->o);
    t->k->gemm(rows, net->n, net->m, t->o, net->n, t->w + net->wt, net->m, NULL, 0, NULL, false,
               d->dq + s * net->m, net->m);
  }
}

/* The hidden layers, from d->dq to d->du. */
static void hidden_grad(tile *t, const enf__spline_layer *layer, cotangents *d) {
  for (size_t j = t->map->model.depth; j-- > 0;) {
    const enf__spline_linear *net = &layer->net[j];
    const size_t size = t->S * net->n;
    memcpy(d->dp, d->dq, size * sizeof *d->dp);
    t->k->slope_sums(t->S, net->n, t->slope[j], d->dp, grad_of(d, net->b));
    weight_grad(t, d, net, t->S, j ? t->q[j - 1] : t->u, d->dp);
    REAL *out = j ? d->dq : d->du;
    t->k->gemm(t->S, net->n, net->m, d->dp, net->n, t->w + net->wt, net->m, j ? d->dq : NULL,
               net->n, NULL, false, out, net->m);
  }
}

/* du to the coordinates at rest. */
static void scatter_inputs(const tile *t, const enf__spline_layer *layer, const cotangents *d) {
  const size_t n = layer->net[0].m, lines = layer->lines, circles = layer->circles;
  for (size_t s = 0; s < t->S; s++) {
    const REAL *u = t->u + s * n + lines, *du = d->du + s * n;
    REAL *dy = d->dy + s * t->C;
    for (size_t i = 0; i < lines; i++)
      dy[layer->rest[i]] += du[i];
    for (size_t i = 0; i < circles; i++)
      dy[layer->rest[lines + i]] += u[i] * du[lines + circles + i] - u[circles + i] * du[lines + i];
  }
}

/* t->y: what the layer had on the data's side. */
static void reverse_layer(tile *t, size_t l, bool back, const REAL *aside, cotangents *d) {
  const enf__spline_layer *layer = &t->map->layer[l];
  spline_gather_inputs(t, layer, t->y);
  spline_gather_moved(t, layer, t->y, t->v);
  spline_gather_moved(t, layer, d->dy, d->g);
  output_grad(t, l, back, aside, spline_hidden_layers(t, layer), d);
  spline_scatter_moved(t, layer, d->g, d->dy);
  hidden_grad(t, layer, d);
  scatter_inputs(t, layer, d);
}

static void recall(tile *t, size_t l, const double *record) {
  const size_t C = t->C, M = t->map->model.layers;
  for (size_t s = 0; s < t->S; s++)
    for (size_t c = 0; c < C; c++)
      t->y[s * C + c] = (REAL)record[(s * M + l) * C + c];
}

/* Layer l of a tile: dy in place, in REAL's numbers before and after. */
static void reverse_tile(tile *t, cotangents *d, size_t l, bool back, const double *record,
                         const REAL *aside, double *dy, const double *dlogdet) {
  const size_t numbers = t->S * t->C;
  recall(t, l, record);
  for (size_t i = 0; i < numbers; i++)
    d->dy[i] = (REAL)dy[i];
  for (size_t s = 0; s < t->S; s++)
    d->dlogdet[s] = (REAL)dlogdet[s];
  reverse_layer(t, l, back, aside, d);
  for (size_t i = 0; i < numbers; i++)
    dy[i] = (double)d->dy[i];
}

void SUFFIX(enf__spline_reverse)(const enf__spline *map, int kernel, enf__arena *arena, bool back,
                                 size_t l, size_t S, const double *record, const void *aside,
                                 double *dy, const double *dlogdet, bool fresh, void *sums) {
  const size_t mark = arena->used, C = map->model.coordinates, M = map->model.layers;
  tile t;
  cotangents d;
  spline_open_tile(&t, map, true, arena);
  open_cotangents(&d, &t, arena);
  t.k = KERNELS_OF(kernel);
  t.all = S;
  d.grad = sums;
  d.first = spline_first(map, l);
  if (sums && fresh)
    memset(d.grad, 0, (spline_first(map, l + 1) - d.first) * sizeof *d.grad);
  for (size_t s = 0; s < S; s += TILE) {
    t.S = S - s < TILE ? S - s : TILE;
    t.first = s;
    reverse_tile(&t, &d, l, back, record + s * M * C, aside, dy + s * C, dlogdet + s);
  }
  arena->used = mark;
}
