/* histogram.h -- the energy histogram of `enf reweight`. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include "cli.h"

typedef struct {
  const char *title;
  size_t n; /* 0: not drawn */
  const double *u;
  const double *logw; /* log of normalised weights; NULL for equal ones */
  double tail;        /* share of the weight that the axis may cut off above */
} energies;

/* Samples, reweighted samples and reference as one picture; *drawn tells whether it was made. */
int histogram_write(const cli *c, const char *path, const char *system, const energies set[3],
                    bool *drawn);

#endif
