/* lu.h -- inverses and determinants of square matrices by elimination with partial pivoting. */
#ifndef ENF__LU_H
#define ENF__LU_H

#include <stddef.h>

/* inverse (n,n) = a^-1 by Gauss and Jordan's elimination, which a (n,n) does not survive; returns
   log |det a|, NaN for a singular one. */
double enf__lu_invert(size_t n, double *a, double *inverse);

/* log |det a| alone, to the same bits, in a sixth of the work; a does not survive. */
double enf__lu_log_det(size_t n, double *a);

#endif
