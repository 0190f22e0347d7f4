/* The baseline descent kernels: descent_impl.h compiled for that instruction set. */
#define ENF__TABLE enf__descent_baseline
#include "math/descent_impl.h"
