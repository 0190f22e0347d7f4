/* ode.h -- integration of y' = f(t,y) for many samples, each with a step of its own.

   Dormand-Prince 5(4) with first-same-as-last, PI controller and Hairer's first step; classical
   RK4 and Kutta's 3/8 rule with equal steps (Hairer, Norsett, Wanner, Solving ODEs I, II.1, II.4,
   II.6). Samples are integrated together: each evaluation is one batched call of f over those
   still under way; a sample that is done or has failed leaves the group. State is double. */
#ifndef ENF__ODE_H
#define ENF__ODE_H

#include "core/core.h"

/* f for S samples: t (S), y (S,dim) -> dy (S,dim). */
typedef void (*enf__ode_rhs)(void *user, size_t S, const double *t, const double *y, double *dy);

#endif
