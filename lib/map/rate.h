/* rate.h -- what an integrator asks of a velocity field: the rate of states (x, scalars), x' =
   v(t,x), the scalars' rates being functions of the same point that influence nothing: the
   divergence, a penalty, the speed. */
#ifndef ENF__RATE_H
#define ENF__RATE_H

#include "field/field.h"
#include "ode/ode.h"

typedef struct enf__rate enf__rate;
struct enf__rate {
  const enf__field *field;
  const enf__run *run;
  const enf__shape *shape;
  enf__arena *arena;
  size_t scalars; /* numbers behind x in a state */
  /* v (S,dim) and, where there are any, the scalars' rates (S,scalars) at S points; sample (S) says
     which of the solve they are. */
  void (*evaluate)(const enf__rate *rate, const enf__points *at, const size_t *sample, double *v,
                   double *scalar);
  void *user;
  double *x, *v, *scalar; /* (rows,dim), (rows,dim), (rows,scalars): enf__rate_take */
};

/* Memory for calls of at most so many rows; from the arena or counted. */
void enf__rate_take(enf__rate *rate, size_t rows, enf__arena *arena);

/* An enf__ode_rhs; user is the rate. */
void enf__rate_of(void *rate, size_t S, const size_t *sample, const double *t, const double *y,
                  double *dy);

/* To be `evaluate`: v; v and the exact divergence, the one scalar. */
void enf__rate_velocity(const enf__rate *rate, const enf__points *at, const size_t *sample,
                        double *v, double *scalar);
void enf__rate_divergence(const enf__rate *rate, const enf__points *at, const size_t *sample,
                          double *v, double *scalar);

#endif
