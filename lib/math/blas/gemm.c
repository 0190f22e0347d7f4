/* gemm.c -- the only file that knows CBLAS: products of one tile, in calls so small that no BLAS
   starts threads of its own inside them.

   OpenBLAS shares a product of more than 2^18 multiply-adds among its threads, whose number belongs
   to the whole process and so is never changed here; libenf's own threads already fill the cores.
   tests/unit/test_gemm.c looks at every call.
   The depth of a call is bounded by a constant, so the order of the sums depends on nothing but the
   BLAS. */
#include "math/blas/gemm.h"

#include <cblas.h>

enum { DEPTH = 96, OWN_THREADS = 1 << 18 };
_Static_assert(ENF__TILE_ROWS *ENF__TILE_COLUMNS *DEPTH < OWN_THREADS, "BLAS would start threads");

#define TILE_GEMM(name, REAL, gemm)                                                                \
  void name(bool transposed, size_t rows, size_t K, const REAL *A, size_t lda, const REAL *B,      \
            size_t ldb, REAL *C) {                                                                 \
    const size_t step = transposed ? lda : 1;                                                      \
    for (size_t k = 0; k < K; k += DEPTH)                                                          \
      gemm(CblasRowMajor, transposed ? CblasTrans : CblasNoTrans, CblasNoTrans, (int)rows,         \
           ENF__TILE_COLUMNS, K - k < DEPTH ? (int)(K - k) : DEPTH, 1, A + k * step, (int)lda,     \
           B + k * ldb, (int)ldb, 1, C, ENF__TILE_COLUMNS);                                        \
  }

TILE_GEMM(enf__tile_gemm_f32, float, cblas_sgemm)
TILE_GEMM(enf__tile_gemm_f64, double, cblas_dgemm)
