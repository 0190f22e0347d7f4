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
  bool std, df; /* df of student-t alone; std of a copula: its margins */
  bool open;    /* of a copula: those numbers, too, that model.margins sets */
} enf__prior_wanted;

size_t enf__prior_fit_doubles(const enf__space *space, bool elliptical, size_t n);
/* The maximum-likelihood prior of the rows: the numbers wanted, and its covariance if it has one,
   which goes into `covariance` (N,N) too. False if that is singular: then the prior is spoilt. */
bool enf__prior_fit(enf__prior *prior, const enf__prior_rows *rows, enf__prior_wanted wanted,
                    double *work, double *covariance);

/* The degrees of freedom of greatest likelihood where the squares of n draws of k numbers are q (n),
   in units of the width; negative ones are left out. */
double enf__prior_fit_df(size_t n, const double *q, double k);

/* The same of a copula prior, into its tensors: its margins, if they are wanted (open: those numbers,
   too, that model.margins sets), and its correlation. False if there is none: then the tensors are
   as they were, and the prior is to be packed anew. */
size_t enf__copula_fit_doubles(const enf__space *space, size_t n);
bool enf__copula_fit(enf__prior *prior, const enf__prior_rows *rows, bool margins, bool open,
                     double *work, double *params);

#endif
