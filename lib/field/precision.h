/* precision.h -- the names of one precision, in the sources of fields that are compiled for both
   (ENF__DOUBLE is 0 or 1). */
#ifndef ENF__FIELD_PRECISION_H
#define ENF__FIELD_PRECISION_H

#include "field/field.h"
#include "field/kernels.h"

#if ENF__DOUBLE
typedef double REAL;
typedef enf__kernels_f64 kernels;
typedef enf__field_kernels_f64 field_kernels;
#define SUFFIX(name) name##_f64
#define KERNELS_OF enf__kernels_f64_of
#define FIELD_KERNELS_OF enf__field_kernels_f64_of
#define PACKED(f) ((f)->packed_f64)
#define SQRT sqrt
#else
typedef float REAL;
typedef enf__kernels_f32 kernels;
typedef enf__field_kernels_f32 field_kernels;
#define SUFFIX(name) name##_f32
#define KERNELS_OF enf__kernels_f32_of
#define FIELD_KERNELS_OF enf__field_kernels_f32_of
#define PACKED(f) ((f)->packed_f32)
#define SQRT sqrtf
#endif

#endif
