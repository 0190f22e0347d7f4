/* The laws of the float32 kernel tables: kernel_laws.h. */
#define ENF__DOUBLE 0
#include "unit/kernel_laws.h"

int main(void) { return run_kernel_laws("kernels in float32"); }
