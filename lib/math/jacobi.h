/* jacobi.h -- eigenvalues of a symmetric matrix. */
#ifndef ENF__JACOBI_H
#define ENF__JACOBI_H

#include <stddef.h>

/* Of a (n,n), which is written over; descending. */
void enf__eigenvalues(size_t n, double *a, double *value);

#endif
