/* The avx512 kernels of velocity fields of SU(n), n = 4 ... 8: gauge_impl.h compiled for that instruction set. */
#define ENF__N 0
#define ENF__TABLE enf__gauge_sun_avx512
#include "field/gauge/gauge_impl.h"
