/* kabsch.h -- the rotation that brings one set of points nearest to another. */
#ifndef ENF__KABSCH_H
#define ENF__KABSCH_H

#include <stdbool.h>
#include <stddef.h>

/* x, y (N,D) mean-free, D 2 or 3, finite; point a of x belongs to point a of y. R is orthogonal, a
   proper rotation (det R = 1) unless reflect. */

/* Least |x - R y|^2 over R, from singular values only. */
double enf__kabsch_distance(size_t N, size_t D, const double *x, const double *y, bool reflect);

/* An R (D,D) that reaches it. */
void enf__kabsch_rotation(size_t N, size_t D, const double *x, const double *y, bool reflect,
                          double *R);

/* out (N,D) = R y; out may be y. */
void enf__kabsch_apply(size_t N, size_t D, const double *R, const double *y, double *out);

#endif
