/* kernels.h -- the fields' own kernels, beside those of lib/math: edge networks of the EGNN with
   their reverse passes and tangents, functions of distance of the pair kernel. One table per
   instruction set and precision; arrays and rules are those of math/kernels.h. */
#ifndef ENF__FIELD_KERNELS_H
#define ENF__FIELD_KERNELS_H

#include "math/kernels.h"

/* Most terms of an expansion. */
enum { ENF__EXPANSION = 256 };

#define ENF__REAL float
#define ENF__KERNEL(name) enf__field_##name##_f32
#include "field/kernels_table.h"
#undef ENF__REAL
#undef ENF__KERNEL
#define ENF__REAL double
#define ENF__KERNEL(name) enf__field_##name##_f64
#include "field/kernels_table.h"
#undef ENF__REAL
#undef ENF__KERNEL

/* The table of a resolved kernel level (not AUTO). */
const enf__field_kernels_f32 *enf__field_kernels_f32_of(int kernel);
const enf__field_kernels_f64 *enf__field_kernels_f64_of(int kernel);

#endif
