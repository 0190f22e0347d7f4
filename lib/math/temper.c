/* temper.c -- how far weights may be raised before few of them count. */
#include "math/weight.h"
#include <math.h>

enum { HALVINGS = 60 };
static const double LEAST = 1e-12;

typedef struct {
  size_t n;
  const double *logW, *logw;
  double top; /* of logw, where W is above 0 */
} rows;

static double weight_of(const rows *r, size_t i) { return r->logW ? exp(r->logW[i]) : 1; }

static double conditional_ess(const rows *r, double power) {
  double alive = 0, sum = 0, squares = 0;
  for (size_t i = 0; i < r->n; i++) {
    const double W = weight_of(r, i), value = r->logw[i];
    if (!(W > 0 && value > -(double)INFINITY))
      continue;
    const double v = exp(power * (value - r->top));
    alive += W;
    sum += W * v;
    squares += W * v * v;
  }
  return enf__kish(sum, squares, alive);
}

double enf__temper(size_t n, const double *logW, const double *logw, double most, double ess) {
  rows r = {n, logW, logw, -INFINITY};
  double low = 0, high = most;
  for (size_t i = 0; i < n; i++)
    if (!logW || logW[i] > -(double)INFINITY)
      r.top = fmax(r.top, logw[i]);
  if (conditional_ess(&r, high) >= ess)
    return high;
  for (int k = 0; k < HALVINGS; k++) {
    const double middle = 0.5 * (low + high);
    *(conditional_ess(&r, middle) >= ess ? &low : &high) = middle;
  }
  return fmax(low, LEAST);
}
