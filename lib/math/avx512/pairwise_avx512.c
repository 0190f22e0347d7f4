/* The avx512 pairwise kernels: pairwise_impl.h compiled for that instruction set. */
#define ENF__TABLE enf__pairwise_avx512
#include "math/pairwise_impl.h"
