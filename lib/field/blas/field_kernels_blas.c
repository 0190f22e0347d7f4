/* The fields' kernels with products by CBLAS, the rest compiled for the baseline. */
#include "math/blas/gemm.h"

#if ENF__DOUBLE
#define ENF__TILE_GEMM enf__tile_gemm_f64
#else
#define ENF__TILE_GEMM enf__tile_gemm_f32
#endif
#define ENF__FIELD_TABLE(suffix) enf__field_kernels_blas_##suffix
#include "field/kernels_impl.h"
