/* spline_pack.c -- parameters to packed numbers, and packed gradients to theirs. */
#include "map/spline/work.h"

/* A matrix and its transpose: blocks of so many rows and columns stay in the first-level cache. */
enum { BLOCK = 16 };

/* A gradient is packed as the way back reads weights, (n, m): its rows are the tensor's. Both ways
   go along the tensor, which is in no cache. */
static void unpack_linear(const enf__spline_linear *net, const REAL *weights, const REAL *biases,
                          double *dparams) {
  for (size_t r = 0; r < net->rows; r++) {
    if (net->column[r] < 0)
      continue;
    const REAL *restrict grad = weights + (size_t)net->column[r] * net->m;
    double *restrict weight = dparams + net->weight + r * net->cols;
    for (size_t i = 0; i < net->cols; i++)
      weight[i] += (double)grad[i];
    dparams[net->bias + r] += (double)biases[net->column[r]];
  }
}

/* to (m,n) = transpose of from (n,m) */
static void transpose(size_t n, size_t m, const REAL *restrict from, REAL *restrict to) {
  for (size_t c = 0; c < n; c += BLOCK)
    for (size_t i = 0; i < m; i += BLOCK)
      for (size_t k = i; k < i + BLOCK; k++)
        for (size_t j = c; j < c + BLOCK; j++)
          to[k * n + j] = from[j * m + k];
}

static void pack_linear(const enf__spline_linear *net, const double *params, REAL *packed) {
  for (size_t r = 0; r < net->rows; r++) {
    if (net->column[r] < 0)
      continue;
    const double *restrict weight = params + net->weight + r * net->cols;
    REAL *restrict row = packed + net->wt + (size_t)net->column[r] * net->m;
    for (size_t i = 0; i < net->cols; i++)
      row[i] = (REAL)weight[i];
    packed[net->b + (size_t)net->column[r]] = (REAL)params[net->bias + r];
  }
  transpose(net->n, net->m, packed + net->wt, packed + net->w);
}

void SUFFIX(enf__spline_pack)(const enf__spline *map) {
  for (size_t l = 0; l < map->model.layers; l++)
    for (size_t j = 0; j <= map->model.depth; j++)
      pack_linear(&map->layer[l].net[j], map->copies->params, PACKED(map));
}

void spline_unpack_gradient(const enf__spline *map, size_t l, const REAL *grad, double *dparams) {
  for (size_t j = 0; j <= map->model.depth; j++) {
    const enf__spline_linear *net = &map->layer[l].net[j];
    unpack_linear(net, grad + net->w - spline_first(map, l), grad + net->b - spline_first(map, l),
                  dparams);
  }
}
