/* precision.h -- what the sources of fields that are compiled for both precisions name besides. */
#ifndef ENF__FIELD_PRECISION_H
#define ENF__FIELD_PRECISION_H

#include "field/field.h"
#include "field/kernels.h"
#include "math/precision.h"

#if ENF__DOUBLE
typedef enf__field_kernels_f64 field_kernels;
#define FIELD_KERNELS_OF enf__field_kernels_f64_of
#define PACKED(f) ((f)->packed_f64)
#define SQRT sqrt
#else
typedef enf__field_kernels_f32 field_kernels;
#define FIELD_KERNELS_OF enf__field_kernels_f32_of
#define PACKED(f) ((f)->packed_f32)
#define SQRT sqrtf
#endif

#endif
