/* bessel.h -- modified Bessel functions of the first kind, with exp(-x) taken out. */
#ifndef ENF__BESSEL_H
#define ENF__BESSEL_H

#include <stddef.h>

/* out (count) = exp(-x) I_k(x), k = 0 ... count-1, x >= 0; relative error near that of the type. */
void enf__bessel_i(double x, size_t count, long double *out);

#endif
