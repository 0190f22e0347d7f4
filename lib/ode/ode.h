/* ode.h -- integration of y' = f(t,y) for many samples, each with a step of its own.

   Dormand-Prince 5(4) with first-same-as-last, PI controller and Hairer's first step; classical
   RK4 and Kutta's 3/8 rule with equal steps (Hairer, Norsett, Wanner, Solving ODEs I, II.1, II.4,
   II.6). Samples are integrated together: each evaluation is one batched call of f over those
   still under way; a sample that is done or has failed leaves the group. State is double. What a
   sample gives is a function of that sample alone, to the bit.

   A path is the record of one sample's accepted steps, from which y(t) is read anywhere and along
   which enf__quadrature integrates a function of (t,y). */
#ifndef ENF__ODE_H
#define ENF__ODE_H

#include "space/space.h"

/* ---- methods ------------------------------------------------------------------------------- */

/* Stages, and those of them that restore the points of a step beside its first one. */
enum { ENF__ODE_STAGES = 7, ENF__ODE_KEPT = ENF__ODE_STAGES - 3 };

/* One explicit Runge-Kutta method. The last stage is f at the new point (its row of `a` is the
   weights b), so it is the first stage of the next step: for dopri5 by nature, for the others
   because it costs nothing to see them so. */
typedef struct {
  const char *name;
  size_t stages;
  bool adaptive;
  double c[ENF__ODE_STAGES], a[ENF__ODE_STAGES][ENF__ODE_STAGES];
  double error[ENF__ODE_STAGES]; /* b minus the weights of the lower order; adaptive only */
  double dense[ENF__ODE_STAGES]; /* fourth-order interpolant; zero: cubic Hermite */
} enf__tableau;

extern const enf__tableau enf__tableaux[]; /* rows ENF__DOPRI5, ENF__RK4, ENF__RK4_38 */

/* ---- integration --------------------------------------------------------------------------- */

/* f for S samples: t (S), y (S,dim) -> dy (S,dim). sample (S) says which of the solve they are. */
typedef void (*enf__ode_rhs)(void *user, size_t S, const size_t *sample, const double *t,
                             const double *y, double *dy);

typedef struct {
  const enf__run *run; /* ode_method, rtol, atol, ode_steps, max_steps */
  enf__ode_rhs f;
  void *user;
  size_t dim;
  double t0, t1; /* either order */
  /* Whose states y begins with: its `restore`, if it has one, brings every point back at which f is
     asked, those of a step's stages, too. NULL: nothing does. */
  const enf__space *space;
} enf__ode;

/* What became of one sample. */
typedef struct {
  enf_status status; /* OK, NONFINITE, ODE_STEPS, ODE_STEPSIZE */
  double t, h;       /* where it stopped, and with which step */
  size_t accepted, tried, evaluations;
} enf__ode_result;

/* The record of one sample: step n runs from t[n] to t[n+1]. */
typedef struct {
  size_t capacity, steps; /* steps > capacity: only the first `capacity` are recorded */
  double *t;              /* (capacity+1) */
  double *node;           /* (capacity+1, 3, dim): y, f, and the step's interpolant correction */
  double *stage;          /* (capacity, ENF__ODE_KEPT, dim) k_1 ... of the steps, or NULL */
} enf__ode_path;

/* Integrate: y (S,dim) from t0 to t1 in place. Samples whose result->status is not OK are left
   alone, so that bad input need not be sorted out; all of result is written for the others. path
   (S) records, or is NULL. The arena must hold enf__ode_workspace, and what f takes from it. */
void enf__ode_solve(const enf__ode *ode, enf__arena *arena, size_t S, double *y,
                    enf__ode_result *result, enf__ode_path *path);
size_t enf__ode_workspace(size_t S, size_t dim);

/* ---- paths (path.c) ------------------------------------------------------------------------ */

/* With `stages` the record has those too, which the discrete adjoint wants (adjoint.h). */
void enf__ode_path_take(enf__ode_path *path, enf__arena *arena, size_t capacity, size_t dim,
                        bool stages);
/* Bytes of one recorded step. */
size_t enf__ode_path_bytes(size_t dim, bool stages);
/* y(t) inside step n, of order 4 for dopri5 and 3 for the others. */
void enf__ode_path_at(const enf__ode_path *path, size_t dim, size_t n, double t, double *y);

/* ---- quadrature (quadrature.c) ------------------------------------------------------------- */

/* g is asked for at most so many points at a time. */
enum { ENF__QUADRATURE_ROWS = 256 };

/* g for S points: t (S), y (S,dim) -> value (S). sample (S) says whose paths they lie on. */
typedef void (*enf__integrand)(void *user, size_t S, const size_t *sample, const double *t,
                               const double *y, double *value);

typedef struct {
  enf__integrand g;
  void *user;
  size_t dim;
  double tol;   /* absolute, for the whole integral */
  double noise; /* relative rounding error of g: no panel is refined below it */
  bool lean;    /* begin with few points, and sooner believe that they are enough */
} enf__quadrature;

typedef struct {
  enf_status status; /* OK, NONFINITE */
  double value, error;
  size_t evaluations;
} enf__integral;

/* The integral of g(t,y(t)) dt along each path, from its first t to its last (signed), with an
   estimate of its error. Samples whose status is not OK are left alone. If the estimate cannot be
   brought below tol within a bounded number of panels the best value is given, with its error. */
void enf__quadrature_along(const enf__quadrature *q, enf__arena *arena, size_t S,
                           const enf__ode_path *path, enf__integral *integral);
size_t enf__quadrature_workspace(size_t S, size_t dim);

#endif
