/* The avx512 kernels of the fields: kernels_impl.h compiled for that instruction set. */
#define ENF__FIELD_TABLE(suffix) enf__field_kernels_avx512_##suffix
#include "field/kernels_impl.h"
