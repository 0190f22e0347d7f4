/* spline_pack.c -- parameters to packed numbers, and packed gradients to theirs. */
#include "map/spline/work.h"

/* Tensors and packed numbers are each other's transposes: blocks of 16 columns by 16 inputs, so
   that both stay in the first-level cache. */
enum { BLOCK = 16 };

static void unpack_linear(const enf__spline_linear *net, const REAL *grad, double *dparams) {
  for (size_t c0 = 0; c0 < net->n; c0 += BLOCK)
    for (size_t i0 = 0; i0 < net->cols; i0 += BLOCK)
      for (size_t c = c0; c < c0 + BLOCK; c++) {
        if (net->row[c] < 0)
          continue;
        double *weight = dparams + net->weight + (size_t)net->row[c] * net->cols;
        for (size_t i = i0; i < net->cols && i < i0 + BLOCK; i++)
          weight[i] += (double)grad[net->w + i * net->n + c];
      }
  for (size_t c = 0; c < net->n; c++)
    if (net->row[c] >= 0)
      dparams[net->bias + (size_t)net->row[c]] += (double)grad[net->b + c];
}

static void pack_linear(const enf__spline_linear *net, const double *params, REAL *packed) {
  for (size_t c0 = 0; c0 < net->n; c0 += BLOCK)
    for (size_t i0 = 0; i0 < net->cols; i0 += BLOCK)
      for (size_t c = c0; c < c0 + BLOCK; c++) {
        if (net->row[c] < 0)
          continue;
        const double *weight = params + net->weight + (size_t)net->row[c] * net->cols;
        for (size_t i = i0; i < net->cols && i < i0 + BLOCK; i++) {
          packed[net->wt + c * net->m + i] = (REAL)weight[i];
          packed[net->w + i * net->n + c] = (REAL)weight[i];
        }
      }
  for (size_t c = 0; c < net->n; c++)
    if (net->row[c] >= 0)
      packed[net->b + c] = (REAL)params[net->bias + (size_t)net->row[c]];
}

void SUFFIX(enf__spline_pack)(const enf__spline *map) {
  for (size_t l = 0; l < map->model.layers; l++)
    for (size_t j = 0; j <= map->model.depth; j++)
      pack_linear(&map->layer[l].net[j], map->copies->params, PACKED(map));
}

void spline_unpack_gradient(const enf__spline *map, const REAL *grad, double *dparams) {
  for (size_t l = 0; l < map->model.layers; l++)
    for (size_t j = 0; j <= map->model.depth; j++)
      unpack_linear(&map->layer[l].net[j], grad, dparams);
}
