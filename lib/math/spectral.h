/* spectral.h -- the largest singular value of a matrix and its vectors, exactly: one-sided Jacobi
   rotations (Hestenes 1958) until its columns are orthogonal. */
#ifndef ENF__SPECTRAL_H
#define ENF__SPECTRAL_H

#include <stddef.h>

/* Doubles of `work` for a matrix of rows x cols. */
size_t enf__spectral_work(size_t rows, size_t cols);
/* |a|_2 of a (rows,cols), and a v = |a|_2 u with u (rows), v (cols) of length 1; 0 for a zero one.
 */
double enf__spectral_norm(size_t rows, size_t cols, const double *a, double *u, double *v,
                          double *work);

#endif
