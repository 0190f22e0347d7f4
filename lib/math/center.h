/* center.h -- projection on the mean-free subspace. */
#ifndef ENF__CENTER_H
#define ENF__CENTER_H

#include <stddef.h>

/* out (N,D) = x (N,D) minus its mean over particles, which goes to mean (D) unless NULL. out may
   be x itself. N is at least 1, D at most 3. */
void enf__center(size_t N, size_t D, const double *x, double *out, double *mean);

#endif
