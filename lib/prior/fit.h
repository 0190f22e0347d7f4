/* fit.h -- the numbers of a prior from data. */
#ifndef ENF__PRIOR_FIT_H
#define ENF__PRIOR_FIT_H

#include "prior/prior.h"

/* Rows x (n,host) in the prior's space, but for those whose |y|^2 is above `most`. */
typedef struct {
  const enf__space *space;
  size_t n;
  const double *x;
  double most;
} enf__prior_rows;

/* Which numbers of a prior are to be found; the others stay. */
typedef struct {
  bool std, df; /* df of student-t alone */
} enf__prior_wanted;

size_t enf__prior_fit_doubles(const enf__space *space, bool elliptical, size_t n);
/* The maximum-likelihood prior of the rows: the numbers wanted, and its covariance if it has one,
   which goes into `covariance` (N,N) too. False if that is singular: then the prior is spoilt. */
bool enf__prior_fit(enf__prior *prior, const enf__prior_rows *rows, enf__prior_wanted wanted,
                    double *work, double *covariance);

#endif
