/* The avx512 descent kernels: descent_impl.h compiled for that instruction set. */
#define ENF__TABLE enf__descent_avx512
#include "math/descent_impl.h"
