/* sun_kernels.c -- which table belongs to which kernel level; larger matrices go one by one. */
#include "math/sun_kernels.h"
#include "math/sun.h"

extern const enf__sun_kernels enf__sun_baseline, enf__sun_avx2, enf__sun_avx512;

static const enf__sun_kernels *const table[ENF__KERNELS] = {
    [ENF__KERNEL_BASELINE] = &enf__sun_baseline,
#if defined(__x86_64__)
    [ENF__KERNEL_AVX2] = &enf__sun_avx2,
    [ENF__KERNEL_AVX512] = &enf__sun_avx512,
#endif
    [ENF__KERNEL_BLAS] = &enf__sun_baseline};

void enf__sun_restore_all(int kernel, size_t n, size_t count, double *u) {
  if (n == 2 || n == 3) {
    table[kernel]->restore[n - 2](count, u);
    return;
  }
  for (size_t k = 0; k < count; k++)
    enf__sun_restore(n, u + 2 * n * n * k);
}
