/* The avx512 kernels of velocity fields of SU(2): gauge_impl.h compiled for that instruction set. */
#define ENF__N 2
#define ENF__TABLE enf__gauge_su2_avx512
#include "field/gauge/gauge_impl.h"
