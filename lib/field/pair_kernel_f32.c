/* pair_kernel_f32.c -- the pair-kernel field in float32: the one source, compiled for that
 * precision. */
#define ENF__DOUBLE 0

#include "field/pair_kernel_work.h"
