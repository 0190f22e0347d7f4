/* bessel.c -- modified Bessel functions by Miller's backward recurrence

     I_{k-1} = I_{k+1} + 2 k/x I_k,   from I_m = 0, I_{m-1} tiny,

   which is stable, all terms being positive, and normalised by exp(x) = I_0 + 2 sum I_k (Abramowitz
   and Stegun 9.6.26, 9.6.34). */
#include "math/bessel.h"
#include <math.h>
#include <string.h>

/* The recurrence begins so far beyond the last order wanted that what was neglected, of the size
   exp(-m^2/2x), is below 1e-40; for small x the functions fall like (x/2)^k/k!. */
static size_t first_order(double x, size_t count) { return count + 40 + (size_t)(14 * sqrt(x)); }

void enf__bessel_i(double x, size_t count, long double *out) {
  const long double tiny = 1e-300L, huge = 1e300L;
  long double above = 0, here = tiny, sum = 0;
  memset(out, 0, count * sizeof *out);
  if (!(x > 0)) {
    if (count > 0)
      out[0] = 1;
    return;
  }
  for (size_t k = first_order(x, count); k > 0; k--) {
    const long double below = above + 2 * (long double)k / (long double)x * here;
    above = here;
    here = below;
    sum += 2 * above;
    if (k < count)
      out[k] = above;
    if (!(here > huge))
      continue;
    for (size_t j = k; j < count; j++)
      out[j] /= here;
    sum /= here;
    above /= here;
    here = 1;
  }
  sum += here;
  if (count > 0)
    out[0] = here;
  for (size_t k = 0; k < count; k++)
    out[k] /= sum;
}
