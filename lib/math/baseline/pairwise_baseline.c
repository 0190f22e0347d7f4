/* The baseline pairwise kernels: pairwise_impl.h compiled for that instruction set. */
#define ENF__TABLE enf__pairwise_baseline
#include "math/pairwise_impl.h"
