/* work.h -- velocity, trace and reverse pass of the pair-kernel field, compiled once
   per precision. The functions of distance and time are REAL; geometry and
   sums over pairs are double. With r = x_i - x_j, d = |r|, and, for a direction eps,
   e = eps_i - eps_j, sums over unordered pairs:

     div v       = sum 2 D phi + 2 d phi'
     eps^T J eps = sum |e|^2 phi + (r.e)^2/d phi'

   both of the form sum q0 phi + q1 phi'. With a = a_i - a_j, the gradient of <a,v> + b (that) is
   the reverse pass of sum p0 phi + p1 phi', p0 = a.r + b q0, p1 = b q1, and with respect to r

     (p0 phi' + p1 phi'') r/d + phi a + b phi' dq1/dr

   |v|^2 adds to a twice v. The gradient of d |J eps|^2 is that of <w,J eps> at fixed w = 2 d J eps:

     <w, J eps>  = sum w.e phi + (r.w)(r.e)/d phi'

   A force goes to both particles with opposite sign, so v and dx are mean-free to rounding, and
   coincident particles exert none (1/d is 0 there). Pairs are taken in tiles, whatever the sample
   they belong to, so the workspace does not grow with N^2. */
#ifndef ENF__PAIR_KERNEL_WORK_H
#define ENF__PAIR_KERNEL_WORK_H

#include "field/pair_kernel.h"
#include "field/precision.h"

#include <math.h>
#include <string.h>

enum { TILE = 256, MOST_D = 3 };

/* A pair of particles: where its coordinates are in the group's arrays. */
typedef struct {
  size_t sample, i, j;
  double r[MOST_D], d;
} pair;

typedef struct {
  const enf__pair_kernel *f;
  const enf__shape *shape;
  const kernels *k;
  const field_kernels *fk;
  const REAL *w; /* packed weights */
  size_t N, D, samples;
  REAL *time;         /* (samples) */
  REAL *basis, *coef; /* (samples,Tp) T_s(t), (samples,columns) */
  /* one tile */
  pair *pair;            /* (TILE) */
  int32_t *seg;          /* (TILE) its row of coef as (samples * species_pairs, Kp) */
  REAL *d, *phi, *phi1;  /* (TILE) */
  REAL *p0, *p1, *slope; /* (TILE) reverse pass */
  /* reverse pass of the group */
  REAL *dcoef, *dbasis;  /* as coef, as basis */
  REAL *ones, *sink;     /* (samples), (3 samples) */
  REAL *grad;            /* (grad_count) */
  double *v, *a, *v_hat; /* (samples,N,D) v; cotangents of v and of J eps */
  double *form;          /* (samples) */
} group;

/* The next pair to take. */
typedef struct {
  size_t sample;
  enf__pair pair;
} cursor;

/* How phi and phi' enter the trace. */
typedef struct {
  double q0, q1;
  double e[MOST_D], along; /* eps_i - eps_j, r.e */
} trace_term;

static inline double inverse(double d) { return d > 0 ? 1 / d : 0; }

/* phi of a row of the tile, constant included. */
static inline double phi_of(const group *g, size_t row) {
  return (double)g->phi[row] + (double)g->coef[(size_t)g->seg[row] * g->f->Kp + g->f->K];
}

static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static inline trace_term trace_of(const group *g, const pair *p, const double *eps) {
  trace_term y = {2 * (double)g->D, 2 * p->d, {0}, 0};
  if (!eps)
    return y;
  y.q0 = 0;
  for (size_t a = 0; a < g->D; a++) {
    y.e[a] = eps[p->i + a] - eps[p->j + a];
    y.q0 += y.e[a] * y.e[a];
    y.along += p->r[a] * y.e[a];
  }
  y.q1 = y.along * y.along * inverse(p->d);
  return y;
}

#define pairs_workspace SUFFIX(enf__pairs_workspace)
size_t pairs_workspace(const enf__field *field, int kernel, const enf__shape *shape,
                       enf__work work);
#define pairs_forward SUFFIX(enf__pairs_forward)
void pairs_forward(const enf__field *field, int kernel, enf__arena *arena, const enf__points *at,
                   const double *eps, double *v, double *v_dot, double *form);
#define pairs_open_group SUFFIX(enf__pairs_open_group)
group pairs_open_group(const enf__pair_kernel *f, const enf__shape *shape, int kernel, bool reverse,
                       enf__arena *arena);
#define pairs_first_pair SUFFIX(enf__pairs_first_pair)
cursor pairs_first_pair(const group *g);
#define pairs_fill_tile SUFFIX(enf__pairs_fill_tile)
size_t pairs_fill_tile(group *g, const double *x, cursor *at);
#define pairs_start_group SUFFIX(enf__pairs_start_group)
void pairs_start_group(group *g, size_t samples, const double *t);
#define pairs_forward_group SUFFIX(enf__pairs_forward_group)
void pairs_forward_group(group *g, const double *x, const double *eps, double *v, double *v_dot,
                         double *form);

#endif
