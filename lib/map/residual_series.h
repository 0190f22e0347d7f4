/* residual_series.h -- log-determinants of residual maps and their gradients by a series (series.h). */
#ifndef ENF__RESIDUAL_SERIES_H
#define ENF__RESIDUAL_SERIES_H

#include "map/residual.h"

/* Whether there is one: of maps that are sums over pairs, bounded on both sides. */
bool enf__residual_has_series(const enf__residual *kind);
size_t enf__residual_series_workspace(const enf__residual *kind, const enf__run *run);
/* At x (S,state): the call's logdet += sign times an unbiased estimate, its var += the variance. */
void enf__residual_estimate(const enf__residual *kind, size_t layer, enf__arena *arena, size_t S,
                            const double *x, double sign, const enf__carry *call);

/* By the probes of a passage's way: at x (S,state) logdet (S) += an unbiased estimate; and at x
   (n,lanes), the stretch's samples first ... first + rows - 1, what stands for the inverse (n(n+1)/2,lanes)
   of 1 + J in an unbiased gradient (enf__pairwise_kernels). */
void enf__residual_series(const enf__residual *kind, size_t layer, const enf__run *run,
                          enf__arena *arena, size_t S, const double *x, const enf__stretch *by,
                          double *logdet);
void enf__residual_series_inverse(const enf__residual *kind, size_t layer, const enf__run *run,
                                  enf__arena *arena, size_t rows, const double *x,
                                  const enf__stretch *by, size_t first, double *inverse);

#endif
