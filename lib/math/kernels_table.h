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

  /* C = base + silu(bias + A B): A (rows,K) stride lda, any K; B (K,n), base (rows,n) or NULL, C
     (rows,n); slope (rows,n) = silu' unless NULL. */
  void (*residual)(size_t rows, size_t K, size_t n, const ENF__REAL *A, size_t lda,
                   const ENF__REAL *B, const ENF__REAL *bias, const ENF__REAL *base, ENF__REAL *C,
                   ENF__REAL *slope);

  /* A (rows,n) *= slope in place unless that is NULL; sums (n) += its column sums. */
  void (*slope_sums)(size_t rows, size_t n, const ENF__REAL *slope, ENF__REAL *A, ENF__REAL *sums);

  /* Splines (spline_impl.h): v (rows, lanes) in place to its images, or back; logdet (rows) += the
     log-derivatives of that way. Parameters a have stride lda and are used up. */
  void (*spline)(size_t rows, const enf__splines *p, bool back, ENF__REAL *a, size_t lda,
                 ENF__REAL *v, ENF__REAL *logdet);

  /* Reverse of `spline`, for either way, from x (rows, lanes) on the side of the data: g (rows,
     lanes) in place from the cotangents of what came out to those of what went in; dlogdet (rows)
     are those of logdet; a becomes the cotangents of the parameters. */
  void (*spline_grad)(size_t rows, const enf__splines *p, bool back, ENF__REAL *a, size_t lda,
                      const ENF__REAL *x, ENF__REAL *g, const ENF__REAL *dlogdet);

  /* sum (count) += parts of so many numbers each, `between` apart, in order. */
  void (*add_parts)(size_t count, size_t parts, size_t between, const ENF__REAL *part, double *sum);

  /* y = x, rounded, over count numbers. */
  void (*narrow)(size_t count, const double *x, ENF__REAL *y);

  /* Sines and cosines of count numbers. */
  void (*sincos)(size_t count, const ENF__REAL *x, ENF__REAL *sine, ENF__REAL *cosine);

  /* slope = silu'(z) elementwise, over count numbers (a multiple of 32). */
  void (*silu_slope)(size_t count, const ENF__REAL *z, ENF__REAL *slope);

  /* Elementwise functions over any count; x and y may be the same array. */
  void (*exp)(size_t count, const ENF__REAL *x, ENF__REAL *y);
  void (*silu)(size_t count, const ENF__REAL *x, ENF__REAL *y);
  void (*sigmoid)(size_t count, const ENF__REAL *x, ENF__REAL *y);
  void (*tanh)(size_t count, const ENF__REAL *x, ENF__REAL *y);
} ENF__KERNEL_TABLE;
