/* adjoint.h -- the gradient of a function of y(t1), of many samples, back through y' = f(t,y).

   discrete: of the steps that were taken, exactly, from the record of the accepted ones; the
   lengths of the steps count as constants. continuous: the adjoint equation, integrated backward
   with the same solver. Either way parameters get theirs from what `pull` accumulates. */
#ifndef ENF__ADJOINT_H
#define ENF__ADJOINT_H

#include "ode/ode.h"

/* f and pull are called with at most so many rows, or as many as there are samples. */
enum { ENF__ADJOINT_ROWS = 48 };

/* Reverse of f for S samples of the solve: cotangents a (S,dim) of f(t,y) -> da (S,dim) =
   a^T df/dy. With `params` also accumulate the gradient of sum <a,f> by the
   parameters; da may be NULL then.
   Discrete: weight (S) = h b_i, so that the sum of weight g(t,y) over all calls is the integral of
   g along the path by the method's own rule, and gradients of it may join da: as if g were one
   more component of f. It is 0 for all rows or for none. Continuous: weight is NULL. */
typedef void (*enf__ode_pull)(void *user, size_t S, const size_t *sample, const double *t,
                              const double *y, const double *a, const double *weight, double *da,
                              bool params);

typedef struct {
  const enf__run *run; /* of the solve; continuous: tolerances and method of the way back */
  enf__ode_rhs f;      /* continuous, and where space is a surface; may give 0 for components that f does not depend on */
  enf__ode_pull pull;
  void *user;
  size_t dim;
  bool params;             /* are their gradients wanted */
  const enf__space *space; /* that of the solve; discrete: its `restore` is reversed, too */
} enf__adjoint;

/* Walk back the recorded steps, which need their stages: a (S,dim) holds dL/dy(t1) and gets
   dL/dy(t0). Samples whose result->status is not OK are left alone; their paths may be incomplete.
 */
void enf__adjoint_discrete(const enf__adjoint *adjoint, enf__arena *arena, size_t S,
                           const enf__ode_result *result, const enf__ode_path *path, double *a);
size_t enf__adjoint_discrete_workspace(size_t S, size_t dim);

/* The same by solving (y, a) back from t1, where y (S,dim) is given, to t0. The result is that of
   this solve. path (S), of dimension 2 dim, is memory for its record; if that is too small for one
   of the samples nothing is accumulated, a is as it was, and the number of steps needed is
   returned; otherwise 0. */
size_t enf__adjoint_continuous(const enf__adjoint *adjoint, enf__arena *arena, double t1, double t0,
                               size_t S, enf__ode_result *result, enf__ode_path *path,
                               const double *y, double *a);
size_t enf__adjoint_continuous_workspace(size_t S, size_t dim);

#endif
