/* cholesky.h -- symmetric positive definite matrices, row-major (n,n): A = L L^T. */
#ifndef ENF__CHOLESKY_H
#define ENF__CHOLESKY_H

#include <stdbool.h>
#include <stddef.h>

/* The lower triangle of a becomes L. False, with a spoilt, if a pivot is not above `least` >= 0. */
bool enf__cholesky(size_t n, double least, double *a);
/* log det A */
double enf__cholesky_log_det(size_t n, const double *l);
/* x (n) becomes A^-1 x. */
void enf__cholesky_solve(size_t n, const double *l, double *x);
/* A^-1, both triangles; it may not be l. */
void enf__cholesky_inverse(size_t n, const double *l, double *inverse);

#endif
