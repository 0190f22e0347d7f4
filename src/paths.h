/* paths.h -- how far a flow moves its samples, and how straight. */
#ifndef PATHS_H
#define PATHS_H

#include "draw.h"

typedef struct {
  size_t n; /* samples measured; 0: none */
  uint64_t failed;
  double length, length_err;             /* in the unit of x */
  double straightness, straightness_err; /* mean of end-to-end distance over length */
  double prior_width;                    /* standard deviation of the prior, in the unit of x */
} paths;

/* The first n of the samples of d. */
int paths_measure(cli *c, const enf_flow *flow, const draws *d, size_t n, paths *p);
void paths_report(report *r, const paths *p);

#endif
