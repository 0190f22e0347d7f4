/* The avx512 kernels of matrices of SU(n): restore_impl.h compiled for that instruction set. */
#define ENF__TABLE enf__sun_avx512
#include "math/restore_impl.h"
