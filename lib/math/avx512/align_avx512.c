/* The avx512 alignment kernels: align_impl.h compiled for that instruction set. */
#define ENF__TABLE enf__align_avx512
#include "math/align_impl.h"
