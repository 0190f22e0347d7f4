/* digamma.c -- psi(x) by psi(x) = psi(x+1) - 1/x up to 12 and its asymptotic series there
   (Abramowitz and Stegun 6.3.5, 6.3.18). */
#include "math/digamma.h"
#include <math.h>

double enf__digamma(double x) {
  double shift = 0;
  for (; x < 12; x++)
    shift += 1 / x;
  const double r = 1 / (x * x);
  const double series =
      r *
      (1.0 / 12 -
       r * (1.0 / 120 - r * (1.0 / 252 - r * (1.0 / 240 - r * (1.0 / 132 - r * 691.0 / 32760)))));
  return log(x) - 0.5 / x - series - shift;
}
