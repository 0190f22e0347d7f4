/* pair_kernel_f64.c -- the pair-kernel field in float64: the one source, compiled for that
 * precision. */
#define ENF__DOUBLE 1

#include "field/pair_kernel_work.h"
