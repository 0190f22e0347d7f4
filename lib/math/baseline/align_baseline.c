/* The baseline alignment kernels: align_impl.h compiled for that instruction set. */
#define ENF__TABLE enf__align_baseline
#include "math/align_impl.h"
