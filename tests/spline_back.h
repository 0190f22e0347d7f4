/* spline_back.h -- the way back through many spline layers, one after another. */
#ifndef TESTS_SPLINE_BACK_H
#define TESTS_SPLINE_BACK_H

#include "map/spline.h"
#include <stdlib.h>

/* The reverse of a carry from one place to another; dparams += or NULL, from sums of so many parts
   of the samples. */
static inline void spline_back(const enf__spline *map, const enf__run *run, enf__arena *arena,
                               size_t from, size_t to, size_t S, const double *record,
                               const void *aside, double *dy, const double *dlogdet, size_t parts,
                               double *dparams) {
  const bool back = to < from;
  const size_t count = back ? from - to : to - from, C = map->model.coordinates;
  double *sums = dparams ? malloc(parts * map->most_sums * sizeof *sums) : NULL;
  for (size_t i = 0; i < count; i++) {
    const size_t l = back ? to + i : to - 1 - i;
    for (size_t part = 0; part < parts; part++) {
      const size_t first = S * part / parts, end = S * (part + 1) / parts;
      enf__spline_reverse(map, run, arena, back, l, end - first,
                          record + first * map->model.layers * C, aside, dy + first * C,
                          dlogdet + first, true, sums ? sums + part * map->most_sums : NULL);
    }
    for (size_t share = 0; dparams && share < 3; share++)
      enf__spline_add(map, run, l, share, 3, parts, sums, dparams);
  }
  free(sums);
}

#endif
