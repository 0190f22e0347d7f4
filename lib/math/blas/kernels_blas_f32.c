/* The blas kernels in float32: products by CBLAS, the rest compiled for the baseline. */
#include "math/blas/gemm.h"
#define ENF__DOUBLE 0
#define ENF__TABLE enf__kernels_blas_f32
#define ENF__TILE_GEMM enf__tile_gemm_f32
#include "math/kernels_impl.h"
