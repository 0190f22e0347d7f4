/* center.c -- projection on the mean-free subspace: x_i - (1/N) sum_j x_j.

   Sums run over particles in order, so the result depends on nothing but x. A non-finite
   coordinate, or a sum that overflows, makes its whole dimension non-finite. */
#include "math/center.h"

void enf__center(size_t N, size_t D, const double *x, double *out, double *mean) {
  for (size_t d = 0; d < D; d++) {
    double sum = 0;
    for (size_t i = 0; i < N; i++)
      sum += x[i * D + d];
    sum /= (double)N;
    for (size_t i = 0; i < N; i++)
      out[i * D + d] = x[i * D + d] - sum;
    if (mean)
      mean[d] = sum;
  }
}
