/* AVX-512 intrinsics in software (SIMDe), for `make check-avx512` on processors that lack them:
   included before everything else in the avx512 kernels, which are compiled for AVX2. The macros
   come last, so that SIMDe does not take the compiler for one that has the instructions. What the
   compiler itself would make of AVX-512 code is not tested. */
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#define __AVX512F__ 1
#define __AVX512VL__ 1
#define __AVX512DQ__ 1
#define __AVX512BW__ 1
