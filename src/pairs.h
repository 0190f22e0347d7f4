/* pairs.h -- interatomic distances of configurations, for histograms. */
#ifndef PAIRS_H
#define PAIRS_H

#include "data.h"
#include "histogram.h"

/* All distances of evenly spaced configurations, as many as give two million at most. The caller
   frees *value and, where logw (n) is given, *chosen_logw: the weights of those configurations. */
int pairs_take(const cli *c, const dataset *data, const double *logw, values *set, double **value,
               double **chosen_logw);

#endif
