/* The baseline kernels in float64: kernels_impl.h compiled for that instruction set. */
#define ENF__DOUBLE 1
#define ENF__TABLE enf__kernels_baseline_f64
#include "math/kernels_impl.h"
