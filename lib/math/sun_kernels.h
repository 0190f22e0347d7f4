/* sun_kernels.h -- what is done to many matrices of SU(n) at once, for every instruction set. */
#ifndef ENF__SUN_KERNELS_H
#define ENF__SUN_KERNELS_H

#include "core/core.h"

typedef struct {
  void (*restore[2])(size_t count, double *u); /* of n = 2 and 3 */
} enf__sun_kernels;

/* u (count,2 n^2) in place back to the group (sun.h), at a resolved kernel level. */
void enf__sun_restore_all(int kernel, size_t n, size_t count, double *u);

#endif
