/* spline_pack.c -- parameters to packed numbers, and packed gradients to theirs. */
#include "map/spline/work.h"

/* A matrix and its transpose: blocks of so many rows and columns stay in the first-level cache. */
enum { BLOCK = 16 };

/* A gradient is packed as the way back reads weights, (n, m): its rows are the tensor's. Both ways
   go along the tensor, which is in no cache. */
static void add_rows(const kernels *k, const enf__spline_linear *net, size_t first, size_t end,
                     size_t parts, size_t between, const REAL *weights, const REAL *biases,
                     double *dparams) {
  for (size_t r = first; r < end; r++) {
    if (net->column[r] < 0)
      continue;
    const size_t column = (size_t)net->column[r];
    k->add_parts(net->cols, parts, between, weights + column * net->m,
                 dparams + net->weight + r * net->cols);
    k->add_parts(1, parts, between, biases + column, dparams + net->bias + r);
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

static void pack_linear(const kernels *k, const enf__spline_linear *net, const double *params,
                        REAL *packed) {
  for (size_t r = 0; r < net->rows; r++) {
    if (net->column[r] < 0)
      continue;
    k->narrow(net->cols, params + net->weight + r * net->cols,
              packed + net->wt + (size_t)net->column[r] * net->m);
    packed[net->b + (size_t)net->column[r]] = (REAL)params[net->bias + r];
  }
  transpose(net->n, net->m, packed + net->wt, packed + net->w);
}

void SUFFIX(enf__spline_pack)(const enf__spline *map, int kernel) {
  for (size_t l = 0; l < map->model.layers; l++)
    for (size_t j = 0; j <= map->model.depth; j++)
      pack_linear(KERNELS_OF(kernel), &map->layer[l].net[j], map->copies->params, PACKED(map));
}

void SUFFIX(enf__spline_add)(const enf__spline *map, int kernel, size_t l, size_t share,
                             size_t shares, size_t parts, const void *sums, double *dparams) {
  const size_t origin = spline_first(map, l);
  const size_t between = map->most_sums * (sizeof(double) / sizeof(REAL));
  for (size_t j = 0; j <= map->model.depth; j++) {
    const enf__spline_linear *net = &map->layer[l].net[j];
    const REAL *part = sums;
    add_rows(KERNELS_OF(kernel), net, net->rows * share / shares, net->rows * (share + 1) / shares,
             parts, between, part + (net->w - origin), part + (net->b - origin), dparams);
  }
}
