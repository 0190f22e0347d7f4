/* elementwise.h -- a function of vectors as one of arrays; part of the kernel sources. */
#ifndef ENF__ELEMENTWISE_H
#define ENF__ELEMENTWISE_H

#include "math/simd.h"

/* y = f(x) over any count, the tail through a padded vector. */
#define ELEMENTWISE(name, f)                                                                       \
  static void name(size_t count, const REAL *x, REAL *y) {                                         \
    size_t k = 0;                                                                                  \
    for (; k + (size_t)ENF__LANES <= count; k += (size_t)ENF__LANES)                               \
      vec_store(y + k, f(vec_load(x + k)));                                                        \
    if (k < count) {                                                                               \
      REAL tail[ENF__LANES] = {0};                                                                 \
      memcpy(tail, x + k, (count - k) * sizeof(REAL));                                             \
      vec_store(tail, f(vec_load(tail)));                                                          \
      memcpy(y + k, tail, (count - k) * sizeof(REAL));                                             \
    }                                                                                              \
  }

#endif
