/* digamma.h -- psi(x) = d log Gamma(x) / dx. */
#ifndef ENF__DIGAMMA_H
#define ENF__DIGAMMA_H

/* x > 0; relative error near 1e-15. */
double enf__digamma(double x);

#endif
