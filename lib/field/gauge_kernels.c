/* gauge_kernels.c -- which table of the gauge fields belongs to which kernel level and group. */
#include "field/gauge.h"

#define DECLARE(isa)                                                                               \
  extern const enf__gauge_kernels enf__gauge_u1_##isa, enf__gauge_su2_##isa,                       \
      enf__gauge_su3_##isa, enf__gauge_sun_##isa;
DECLARE(baseline)
DECLARE(avx2)
DECLARE(avx512)

enum { ROWS = 5 }; /* by n; from 4 on one for all */
#define ROW(isa)                                                                                   \
  {NULL,                                                                                           \
   &enf__gauge_u1_##isa,                                                                           \
   &enf__gauge_su2_##isa,                                                                          \
   &enf__gauge_su3_##isa,                                                                          \
   &enf__gauge_sun_##isa}

const enf__gauge_kernels *enf__gauge_kernels_of(int kernel, size_t n) {
  static const enf__gauge_kernels *const table[ENF__KERNELS][ROWS] = {
      [ENF__KERNEL_BASELINE] = ROW(baseline),
#if defined(__x86_64__)
      [ENF__KERNEL_AVX2] = ROW(avx2),
      [ENF__KERNEL_AVX512] = ROW(avx512),
#endif
      [ENF__KERNEL_BLAS] = ROW(baseline)};
  return table[kernel][n < ROWS ? n : ROWS - 1];
}
