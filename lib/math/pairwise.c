/* pairwise.c -- which pairwise kernels belong to which level; the work is in pairwise_impl.h. */
#include "math/pairwise.h"

extern const enf__pairwise_kernels enf__pairwise_baseline, enf__pairwise_avx2, enf__pairwise_avx512;

const enf__pairwise_kernels *enf__pairwise_kernels_of(int kernel) {
#if defined(__x86_64__)
  if (kernel == ENF__KERNEL_AVX2)
    return &enf__pairwise_avx2;
  if (kernel == ENF__KERNEL_AVX512 || kernel == ENF__KERNEL_AMX)
    return &enf__pairwise_avx512;
#endif
  (void)kernel;
  return &enf__pairwise_baseline;
}
