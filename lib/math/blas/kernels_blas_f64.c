/* The blas kernels in float64: products by CBLAS, the rest compiled for the baseline. */
#include "math/blas/gemm.h"
#define ENF__DOUBLE 1
#define ENF__TABLE enf__kernels_blas_f64
#define ENF__TILE_GEMM enf__tile_gemm_f64
#include "math/kernels_impl.h"
