/* eigenangles.h -- the eigenvalues of a small unitary matrix. */
#ifndef ENF__EIGENANGLES_H
#define ENF__EIGENANGLES_H

#include <stddef.h>

/* angle (n), ascending in (-pi,pi], of the eigenvalues exp(i angle) of u (2 n^2 doubles, row-major,
   (re,im) pairs), n = 1 ... 8; error near 1e-15. NaN if u is not finite. */
void enf__eigenangles(size_t n, const double *u, double *angle);

#endif
