/* gemm.h -- products of one tile by CBLAS, for the kernel table `blas` (tile.h). */
#ifndef ENF__GEMM_H
#define ENF__GEMM_H

#include <stdbool.h>
#include <stddef.h>

/* Most rows of a tile, and its columns; both divide by 32. */
#define ENF__TILE_ROWS 64
#define ENF__TILE_COLUMNS 32

/* C (rows, 32) += A B, or A^T B if `transposed`, over a depth of K; C is contiguous. */
void enf__tile_gemm_f32(bool transposed, size_t rows, size_t K, const float *A, size_t lda,
                        const float *B, size_t ldb, float *C);
void enf__tile_gemm_f64(bool transposed, size_t rows, size_t K, const double *A, size_t lda,
                        const double *B, size_t ldb, double *C);

#endif
