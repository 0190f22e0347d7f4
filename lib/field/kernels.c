/* kernels.c -- which table of the fields' kernels belongs to which level. A level this library was
   not built with, or that has no table of its own, never reaches this point: enf_ctx_configure
   refuses it. */
#include "field/kernels.h"

extern const enf__field_kernels_f32 enf__field_kernels_baseline_f32, enf__field_kernels_blas_f32,
    enf__field_kernels_avx2_f32, enf__field_kernels_avx512_f32;
extern const enf__field_kernels_f64 enf__field_kernels_baseline_f64, enf__field_kernels_blas_f64,
    enf__field_kernels_avx2_f64, enf__field_kernels_avx512_f64;

#if defined(__x86_64__)
#define ROWS_X86(p)                                                                                \
  [ENF__KERNEL_AVX2] = &enf__field_kernels_avx2_##p,                                               \
  [ENF__KERNEL_AVX512] = &enf__field_kernels_avx512_##p,
#else
#define ROWS_X86(p)
#endif
#ifdef ENF__WITH_BLAS
#define ROWS_BLAS(p) [ENF__KERNEL_BLAS] = &enf__field_kernels_blas_##p,
#else
#define ROWS_BLAS(p)
#endif
#define ROWS(p) [ENF__KERNEL_BASELINE] = &enf__field_kernels_baseline_##p, ROWS_X86(p) ROWS_BLAS(p)

const enf__field_kernels_f32 *enf__field_kernels_f32_of(int kernel) {
  static const enf__field_kernels_f32 *const table[ENF__KERNELS] = {ROWS(f32)};
  return table[kernel];
}

const enf__field_kernels_f64 *enf__field_kernels_f64_of(int kernel) {
  static const enf__field_kernels_f64 *const table[ENF__KERNELS] = {ROWS(f64)};
  return table[kernel];
}
