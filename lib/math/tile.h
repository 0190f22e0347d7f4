/* tile.h -- products of small dense matrices, a tile of the result at a time; part of
   the kernel sources.

   A tile is R <= MR rows by a panel of columns, acc[R][PV] in vectors. The kernels start it, add a
   product to it and finish it (bias, silu, gate, dot products) before they store it. Usually it
   lives in registers and a row is accumulated over K in ascending order by fused multiply-adds,
   alike in every tile. With ENF__TILE_GEMM (gemm.h) it is a small array on the stack to which CBLAS
   adds the product; the order is then that of the BLAS. */
#ifndef ENF__TILE_H
#define ENF__TILE_H

#include "math/simd.h"

#define L ENF__LANES
#define PANEL ((size_t)(PV * L))

#ifdef ENF__TILE_GEMM

#define MR ENF__TILE_ROWS
#define GRAD_ROWS ENF__TILE_COLUMNS
#define PV (ENF__TILE_COLUMNS / L)
#define UNROLL

/* Run BLOCK(R, first row) over all rows. */
#define FOR_ROW_BLOCKS(rows, BLOCK)                                                                \
  for (size_t r0 = 0; r0 < (rows); r0 += MR)                                                       \
  BLOCK((int)((rows)-r0 < MR ? (rows)-r0 : MR), r0)

/* acc (R, PV vectors) += A (R,K) B (K, PV vectors) */
static inline void product(const int R, size_t K, const REAL *A, size_t lda, const REAL *B,
                           size_t ldb, vec acc[][PV]) {
  ENF__TILE_GEMM(false, (size_t)R, K, A, lda, B, ldb, (REAL *)acc);
}

/* acc (GRAD_ROWS, PV vectors) += A^T B, A (rows, GRAD_ROWS), B (rows, PV vectors) */
static inline void product_grad(size_t rows, const REAL *A, size_t lda, const REAL *B, size_t ldb,
                                vec acc[][PV]) {
  ENF__TILE_GEMM(true, GRAD_ROWS, rows, A, lda, B, ldb, (REAL *)acc);
}

#else

#define MR ENF__GEMM_ROWS
#define GRAD_ROWS ENF__GRAD_ROWS
#define PV 2
#ifndef UNROLL
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* Run BLOCK(R, first row) over all rows: tiles of MR, then of MR/2, then single rows. */
#define FOR_ROW_BLOCKS(rows, BLOCK)                                                                \
  do {                                                                                             \
    size_t r0 = 0;                                                                                 \
    for (; r0 + MR <= (rows); r0 += MR)                                                            \
      BLOCK(MR, r0);                                                                               \
    for (; r0 + MR / 2 <= (rows); r0 += MR / 2)                                                    \
      BLOCK(MR / 2, r0);                                                                           \
    for (; r0 < (rows); r0++)                                                                      \
      BLOCK(1, r0);                                                                                \
  } while (0)

/* acc (R, PV vectors) += A (R,K) B (K, PV vectors) */
INLINE void product(const int R, size_t K, const REAL *A, size_t lda, const REAL *B, size_t ldb,
                    vec acc[][PV]) {
  for (size_t k = 0; k < K; k++) {
    const vec b0 = vec_load(B + k * ldb), b1 = vec_load(B + k * ldb + L);
    UNROLL for (int r = 0; r < R; r++) {
      const vec a = vec_set(A[(size_t)r * lda + k]);
      acc[r][0] = vec_fma(a, b0, acc[r][0]);
      acc[r][1] = vec_fma(a, b1, acc[r][1]);
    }
  }
}

/* acc (GRAD_ROWS, PV vectors) += A^T B, A (rows, GRAD_ROWS), B (rows, PV vectors) */
INLINE void product_grad(size_t rows, const REAL *A, size_t lda, const REAL *B, size_t ldb,
                         vec acc[][PV]) {
  for (size_t r = 0; r < rows; r++) {
    const vec b0 = vec_load(B + r * ldb), b1 = vec_load(B + r * ldb + L);
    UNROLL for (int i = 0; i < GRAD_ROWS; i++) {
      const vec a = vec_set(A[r * lda + (size_t)i]);
      acc[i][0] = vec_fma(a, b0, acc[i][0]);
      acc[i][1] = vec_fma(a, b1, acc[i][1]);
    }
  }
}

#endif

INLINE void tile_zero(const int R, vec acc[][PV]) {
  UNROLL for (int r = 0; r < R; r++) UNROLL for (int p = 0; p < PV; p++) acc[r][p] = vec_set(0);
}

#endif
