/* kernels_table.h -- one kernel table, for ENF__REAL; included by kernels.h once per precision. */

typedef struct {
  /* C = act(init + bias + A B): A (rows,K) stride lda, B (K,n) stride ldb, init rows stride ldi or
     NULL (may be C itself), bias (n) or NULL, silu: apply silu. */
  void (*gemm)(size_t rows, size_t K, size_t n, const ENF__REAL *A, size_t lda, const ENF__REAL *B,
               size_t ldb, const ENF__REAL *init, size_t ldi, const ENF__REAL *bias, bool silu,
               ENF__REAL *C, size_t ldc);

  /* C (K,n) += A^T B over rows in ascending order: A (rows,K), B (rows,n). Weight gradients. */
  void (*gemm_grad)(size_t rows, size_t K, size_t n, const ENF__REAL *A, size_t lda,
                    const ENF__REAL *B, size_t ldb, ENF__REAL *C, size_t ldc);

  /* out[seg[r]] += scale[r] row[r]; seg ascending in r. scale NULL: 1. */
  void (*segment_sum)(size_t rows, size_t n, const int32_t *seg, const ENF__REAL *scale,
                      const ENF__REAL *row, ENF__REAL *out, size_t ldo);

  /* y[r] = p . A[r]: A (rows,n) stride lda. */
  void (*dots)(size_t rows, size_t n, const ENF__REAL *p, const ENF__REAL *A, size_t lda,
               ENF__REAL *y);

  /* slope = silu'(z) elementwise, over count numbers (a multiple of 32). */
  void (*silu_slope)(size_t count, const ENF__REAL *z, ENF__REAL *slope);

  /* Elementwise functions over any count; x and y may be the same array. */
  void (*exp)(size_t count, const ENF__REAL *x, ENF__REAL *y);
  void (*silu)(size_t count, const ENF__REAL *x, ENF__REAL *y);
  void (*sigmoid)(size_t count, const ENF__REAL *x, ENF__REAL *y);
  void (*tanh)(size_t count, const ENF__REAL *x, ENF__REAL *y);
} ENF__KERNEL_TABLE;
