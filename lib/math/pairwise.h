/* pairwise.h -- y = x + F(x) of particles, F the gradient of a sum of functions of distances, and
   the matrix 1 + J with J = dF/dx, for as many samples at a time as a vector has lanes:

     F_i = sum_j g(d_ij) e_ij,  e_ij = (x_i - x_j)/d_ij;   J: -B_ij off the diagonal, sums of B on
   it, B = phi 1 + (g' - phi) e e^T,  phi = g/d

   g is given cell by cell: for d = (i + u) h in cell i, u <= 1, and g' constant behind the last,

     g' = c0 + c1 u + c2 u^2,   g = G + h (c0 u + c1 u^2/2 + c2 u^3/3) + (d - (i + u) h) g'

   Arrays of lanes have the samples innermost: x (n,lanes) with n = N D, matrices the rows of their
   lower triangle (n(n+1)/2,lanes). A lane does not see what is in the others. D is 2 or 3. */
#ifndef ENF__PAIRWISE_H
#define ENF__PAIRWISE_H

#include "core/core.h"

typedef struct {
  size_t particles, dimensions;
  const int32_t *row; /* (N(N-1)/2) a pair's functions: (0,1), (0,2), ... (1,2), ... */
  size_t cells;
  double width;         /* h */
  const double *spline; /* (rows,cells,4): G, c0, c1, c2 */
} enf__pairwise;

typedef struct {
  size_t lanes;
  /* y = x + F(x); with matrix also 1 + J(x). */
  void (*value)(const enf__pairwise *p, const double *x, double *y, double *matrix);
  /* Cholesky: the matrix becomes L with the inverse of its diagonal on the diagonal; logdet (lanes)
     of L L^T. One that is not positive definite gets NaN. */
  void (*factor)(size_t n, double *matrix, double *logdet);
  /* b (n,lanes) becomes (L L^T)^-1 b. */
  void (*solve)(size_t n, const double *matrix, double *b);
  /* L becomes the lower triangle of (L L^T)^-1. */
  void (*invert)(size_t n, double *matrix);
  /* out (n,lanes) = a matrix, symmetric, times x. */
  void (*times)(size_t n, const double *matrix, const double *x, double *out);
  /* For a . F(x) + weight . l(x), l = log |det (1 + J)|, a (n,lanes), weight (lanes), with the
     inverse matrix: dx (n,lanes) = its gradient by x, dspline (rows,cells,4) += that by the
     functions' numbers; either may be NULL. */
  void (*pull)(const enf__pairwise *p, const double *x, const double *inverse, const double *a,
               const double *weight, double *dx, double *dspline);
} enf__pairwise_kernels;

enum { ENF__PAIRWISE_LANES = 8 }; /* most there are */

/* The kernels of a resolved run.kernel (not AUTO). */
const enf__pairwise_kernels *enf__pairwise_kernels_of(int kernel);

#endif
