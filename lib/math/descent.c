/* descent.c -- which descent kernels belong to which level; the work is in descent_impl.h. */
#include "math/descent.h"

extern const enf__descent_kernels enf__descent_baseline, enf__descent_avx2, enf__descent_avx512;

const enf__descent_kernels *enf__descent_kernels_of(int kernel) {
#if defined(__x86_64__)
  if (kernel == ENF__KERNEL_AVX2)
    return &enf__descent_avx2;
  if (kernel == ENF__KERNEL_AVX512 || kernel == ENF__KERNEL_AMX)
    return &enf__descent_avx512;
#endif
  (void)kernel;
  return &enf__descent_baseline;
}
