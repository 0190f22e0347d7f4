/* precision.h -- the names of one precision, in sources that are compiled for both (ENF__DOUBLE is 0
   or 1). */
#ifndef ENF__PRECISION_H
#define ENF__PRECISION_H

#include "math/kernels.h"

#if ENF__DOUBLE
typedef double REAL;
typedef enf__kernels_f64 kernels;
#define SUFFIX(name) name##_f64
#define KERNELS_OF enf__kernels_f64_of
#else
typedef float REAL;
typedef enf__kernels_f32 kernels;
#define SUFFIX(name) name##_f32
#define KERNELS_OF enf__kernels_f32_of
#endif

#endif
