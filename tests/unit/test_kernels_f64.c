/* The laws of the float64 kernel tables: kernel_laws.h. */
#define ENF__DOUBLE 1
#include "unit/kernel_laws.h"

int main(void) { return run_kernel_laws("kernels in float64"); }
