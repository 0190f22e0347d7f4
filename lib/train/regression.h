/* regression.h -- the linear least-squares problem of one knot: minimise the variance of
   w + sum_e c_e m_e over samples. */
#ifndef ENF__REGRESSION_H
#define ENF__REGRESSION_H

#include "core/parallel.h"

/* Columns m (E,n) and w (n); rows that are not finite in w are left out. All are centred in place,
   m (E,n) to zero in rows left out. */
typedef struct {
  size_t n, E;
  double *m, *w;
  double *matrix; /* (E,E) work */
  double *norm;   /* (E) work, as is what follows, (n) */
  double *rest;
  bool *counts;
} enf__regression;

enf__regression enf__regression_take(size_t n, size_t E, enf__arena *arena);
/* c (E), by the normal equations of the columns divided by their norms, plus `ridge` on that
   correlation matrix; and what is left of the variance, var(w + sum c m)/var w. NONFINITE if fewer
   than two rows are left or a column is not finite. Results do not depend on threads. */
enf_status enf__regression_solve(enf_ctx *ctx, enf__regression *r, double ridge, double *c,
                                 double *left);

#endif
