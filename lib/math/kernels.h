/* kernels.h -- the kernel tables: dense products and elementwise functions, for float32 and
   float64, for every instruction set.

   Arrays are row-major. The number of columns n of a product and its depth K are multiples of 32
   (ENF__PAD; padding is zero and stays zero), rows are free. A row of a product is accumulated
   over K in ascending order by fused multiply-adds whatever the number of rows, so its bits do not
   depend on what else is in the batch. Outputs may not overlap inputs unless it says so. */
#ifndef ENF__KERNELS_H
#define ENF__KERNELS_H

#include "core/core.h"

#define ENF__PAD ((size_t)32)
#define ENF__PADDED(n) (((n) + ENF__PAD - 1) / ENF__PAD * ENF__PAD)

/* The splines of one coupling layer, one of each row in a lane; spline_impl.h says how a row of
   their parameters is laid out. */
typedef struct {
  size_t bins;
  size_t lanes, ring; /* multiples of ENF__SPLINE_PAD: all, and as many as hold the circles */
  size_t circles;     /* the first lanes */
  double bound;       /* lines: identity outside [-bound, bound] */
} enf__splines;
#define ENF__SPLINE_PAD ((size_t)16)
#define ENF__SPLINE_EPS 1e-3 /* least width, height (of the whole) and slope */

#define ENF__REAL float
#define ENF__KERNEL_TABLE enf__kernels_f32
#include "math/kernels_table.h"
#undef ENF__REAL
#undef ENF__KERNEL_TABLE
#define ENF__REAL double
#define ENF__KERNEL_TABLE enf__kernels_f64
#include "math/kernels_table.h"
#undef ENF__REAL
#undef ENF__KERNEL_TABLE

/* The table of a resolved kernel level (not AUTO). */
const enf__kernels_f32 *enf__kernels_f32_of(int kernel);
const enf__kernels_f64 *enf__kernels_f64_of(int kernel);

#endif
