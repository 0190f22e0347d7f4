/* descent.h -- what an update does to every parameter: sums of gradients, AdamW's direction, the
   step and the running average (train/optimiser.c has the equations).

   Every number is that of the formula as it is written, in float64, whatever the instruction set;
   the sum of squares goes over four lanes. */
#ifndef ENF__DESCENT_H
#define ENF__DESCENT_H

#include "core/core.h"

typedef struct {
  double beta1, beta2, eps;
  double correct1, correct2; /* 1 / (1-beta1^k), 1 / (1-beta2^k) */
} enf__adam;

typedef struct {
  double rate, decay; /* w -= rate direction + decay w */
  double keep;        /* share of the old average's distance from w that stays */
} enf__stride;

typedef struct {
  /* sum (count) += the buffers behind it, `between` numbers apart, in order; returns the sum of
     squares. */
  double (*sum)(size_t count, size_t buffers, size_t between, double *sum);
  /* The gradient g (count) becomes the direction; m and v follow. */
  void (*direction)(const enf__adam *adam, size_t count, double *m, double *v, double *g);
  void (*step)(const enf__stride *stride, size_t count, const double *direction, double *w,
               double *average);
} enf__descent_kernels;

/* The table of a resolved kernel level (not AUTO). */
const enf__descent_kernels *enf__descent_kernels_of(int kernel);

#endif
