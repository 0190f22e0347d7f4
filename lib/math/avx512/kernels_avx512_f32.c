/* The avx512 kernels in float32: kernels_impl.h compiled for that instruction set. */
#define ENF__DOUBLE 0
#define ENF__TABLE enf__kernels_avx512_f32
#include "math/kernels_impl.h"
