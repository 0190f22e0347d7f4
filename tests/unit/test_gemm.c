/* The kernel table `blas` never asks for a product that a BLAS would share among threads of its
   own: this program stands in for the BLAS and looks at every call. */
#include "field/kernels.h"
#include "math/kernels.h"
#include "suite.h"

#include <math.h>
#include <stdlib.h>

/* OpenBLAS keeps products of up to 2^18 multiply-adds on the calling thread. */
enum { OWN_THREADS = 1 << 18, ROW_MAJOR = 101, NOT_TRANSPOSED = 111, TRANSPOSED = 112 };
static double largest_call, called, multiply_adds;

#define STAND_IN(name, REAL)                                                                       \
  void name(int order, int trans_a, int trans_b, int m, int n, int k, REAL alpha, const REAL *a,   \
            int lda, const REAL *b, int ldb, REAL beta, REAL *c, int ldc);                         \
  void name(int order, int trans_a, int trans_b, int m, int n, int k, REAL alpha, const REAL *a,   \
            int lda, const REAL *b, int ldb, REAL beta, REAL *c, int ldc) {                        \
    ck_assert(order == ROW_MAJOR && trans_b == NOT_TRANSPOSED);                                    \
    ck_assert(alpha > 0.5 && alpha < 1.5 && beta > 0.5 && beta < 1.5);                             \
    const int row = trans_a == TRANSPOSED ? 1 : lda, step = trans_a == TRANSPOSED ? lda : 1;       \
    for (int i = 0; i < m; i++)                                                                    \
      for (int p = 0; p < k; p++)                                                                  \
        for (int j = 0; j < n; j++)                                                                \
          c[i * ldc + j] += a[i * row + p * step] * b[p * ldb + j];                                \
    largest_call = fmax(largest_call, (double)m * n * k);                                          \
    multiply_adds += (double)m * n * k;                                                            \
    called++;                                                                                      \
  }
STAND_IN(cblas_sgemm, float)
STAND_IN(cblas_dgemm, double)

/* The widest network, and more rows than a group has. */
enum { N = 256, ROWS = 777 };
static float *A, *B, *C, *bias, *s;

static float *filled(size_t count) {
  float *x = malloc(count * sizeof *x);
  for (size_t i = 0; i < count; i++)
    x[i] = (float)(i * 37 % 101) / 101 - 0.5F;
  return x;
}

static void setup(void) {
  A = filled(ROWS * N), B = filled(N * 3 * N), C = filled(ROWS * 3 * N), bias = filled(3 * N);
  s = filled(ROWS);
  largest_call = called = multiply_adds = 0;
}

static void teardown(void) { free(A), free(B), free(C), free(bias), free(s); }

static void expect_small_calls(double work) {
  ck_assert_msg(largest_call < OWN_THREADS, "a product of %.0f multiply-adds", largest_call);
  ck_assert_msg(fabs(multiply_adds - work) < 0.5, "%.0f multiply-adds by BLAS, not %.0f",
                multiply_adds, work);
  ck_assert_msg(called < work / 5e4, "%.0f calls for %.0f multiply-adds", called, work);
}

START_TEST(large_products_are_cut) {
  const enf__kernels_f32 *k = enf__kernels_f32_of(ENF__KERNEL_BLAS);
  k->gemm(ROWS, N, 3 * N, A, N, B, 3 * N, NULL, 0, bias, false, C, 3 * N);
  expect_small_calls((double)ROWS * N * 3 * N);
}
END_TEST

START_TEST(large_products_of_edges_are_cut) {
  const enf__field_kernels_f32 *k = enf__field_kernels_f32_of(ENF__KERNEL_BLAS);
  k->message(ROWS, N, A, B, bias, NULL, 0, NULL, C, s);
  expect_small_calls((double)ROWS * N * N);
}
END_TEST

START_TEST(large_gradients_are_cut) {
  const enf__kernels_f32 *k = enf__kernels_f32_of(ENF__KERNEL_BLAS);
  k->gemm_grad(ROWS, N, N, A, N, C, N, B, N);
  expect_small_calls((double)ROWS * N * N);
}
END_TEST

START_TEST(float64_is_cut_alike) {
  const enf__kernels_f64 *k = enf__kernels_f64_of(ENF__KERNEL_BLAS);
  double *x = calloc(3 * N * N, sizeof *x), *y = calloc(3 * N * N, sizeof *y);
  k->gemm(N, N, N, x, N, x, N, NULL, 0, NULL, false, y, N);
  k->gemm_grad(N, N, N, x, N, x, N, y, N);
  expect_small_calls(2.0 * N * N * N);
  free(x), free(y);
}
END_TEST

int main(void) {
  TCase *tc = tcase_create("gemm");
  tcase_set_timeout(tc, 60);
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, large_products_are_cut);
  tcase_add_test(tc, large_products_of_edges_are_cut);
  tcase_add_test(tc, large_gradients_are_cut);
  tcase_add_test(tc, float64_is_cut_alike);
  return run_suite("products by BLAS", tc);
}
