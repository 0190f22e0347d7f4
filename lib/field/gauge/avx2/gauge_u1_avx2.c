/* The avx2 kernels of velocity fields of U(1): gauge_impl.h compiled for that instruction set. */
#define ENF__N 1
#define ENF__TABLE enf__gauge_u1_avx2
#include "field/gauge/gauge_impl.h"
