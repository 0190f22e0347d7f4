/* path.c -- the record of one sample's steps, and y(t) inside them.

   With theta = (t - t_n)/h, theta' = 1 - theta (Hairer, Norsett, Wanner, Solving ODEs I, II.6):

     y(t) = r1 + theta (r2 + theta' (r3 + theta (r4 + theta' r5)))
     r1 = y_n   r2 = y_{n+1} - y_n   r3 = h f_n - r2   r4 = r2 - h f_{n+1} - r3   r5 = h sum d_i k_i

   r1 to r4 follow from y and f at the two ends, so a step keeps only y_n, f_n and r5. For methods
   without an interpolant of their own r5 = 0, which is the cubic Hermite polynomial. */
#include "ode/ode.h"

void enf__ode_path_take(enf__ode_path *path, enf__arena *arena, size_t capacity, size_t dim,
                        bool stages) {
  path->capacity = capacity;
  path->steps = 0;
  path->t = ENF__TAKE(arena, double, capacity + 1);
  const size_t numbers = (capacity + 1) * 3 * dim;
  path->node = ENF__TAKE(arena, double, numbers);
  path->stage = stages ? ENF__TAKE(arena, double, capacity *ENF__ODE_KEPT *dim) : NULL;
}

size_t enf__ode_path_bytes(size_t dim, bool stages) {
  return ((3 + (stages ? (size_t)ENF__ODE_KEPT : 0)) * dim + 1) * sizeof(double);
}

void enf__ode_path_at(const enf__ode_path *path, size_t dim, size_t n, double t, double *y) {
  const double *y0 = path->node + 3 * dim * n, *f0 = y0 + dim, *r5 = f0 + dim;
  const double *y1 = r5 + dim, *f1 = y1 + dim;
  double h = path->t[n + 1] - path->t[n];
  double theta = (t - path->t[n]) / h, rest = 1 - theta;
  for (size_t i = 0; i < dim; i++) {
    double r2 = y1[i] - y0[i];
    double r3 = h * f0[i] - r2;
    double r4 = r2 - h * f1[i] - r3;
    y[i] = y0[i] + theta * (r2 + rest * (r3 + theta * (r4 + rest * r5[i])));
  }
}
