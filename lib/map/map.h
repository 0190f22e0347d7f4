/* map.h -- maps between a prior's states and the data's: what a flow is a chain of.

   A map goes both ways. Time 0 is the prior's side of a map and 1 the data's; a map of M layers can
   be left at multiples of 1/M, the flow of a velocity field anywhere. Two uses:

     carry    a task's samples, in place, with log |dy/dx|: densities, samples, transport
     passage  the samples of a whole call there and, with cotangents, back: gradients. Between both
              a host's energy may be asked on the calling thread.

   Samples are independent: what one gives does not depend on the others nor on the number of
   threads. A new map is one file and one row of the table in map.c. */
#ifndef ENF__MAP_H
#define ENF__MAP_H

#include "core/options.h"
#include "core/params.h"
#include "ode/ode.h"
#include "space/space.h"

typedef struct enf__map enf__map;

/* ---- carrying a task's samples --------------------------------------------------------------- */

/* What became of one task's samples. */
typedef struct {
  enf_status *ended;    /* (n) of all samples of the call */
  size_t failed, first; /* how many, and the lowest: its row in the call */
  enf__failure why;     /* of the lowest */
  size_t unmet;         /* log-determinants that could not be brought below logdet.tol */
  double steps, velocities, divergences;
} enf__tally;

typedef struct {
  const enf__run *run;
  double t0, t1; /* from where to where in the map */
  size_t S;
  double *x;         /* (S,state) in place; of a failed sample anything */
  double *logdet;    /* (S) log |dy/dx| is added; or NULL */
  double *var;       /* (S) the variance of an estimated one is added; NULL without probes */
  enf__failure *why; /* (S) samples whose status is not OK are left alone */
  size_t probes;     /* 0: exact; else estimated by so many, keyed by seed and the sample's x */
  uint64_t seed;
  enf__tally *tally;
} enf__carry;

/* ---- there and back, for gradients ----------------------------------------------------------- */

/* What a passage is asked. */
typedef struct {
  int adjoint;
  size_t n;
  double t0, t1;             /* within [0,1], either order */
  const double *eps;         /* (n,probes,state) */
  size_t probes;             /* 0: exact divergence */
  uint64_t seed, first;      /* the first sample's number in the stream `seed`: what else is drawn */
  double kinetic, frobenius; /* weights of the penalty on the path, >= 0; the latter needs probes */
} enf__way;

typedef struct {
  const enf__map *map;
  enf__way way;
  const double *x; /* (n,state) */

  /* Results, from the caller's arena. Late ones (cnf_passage.c) are there after reverse only. */
  double *y;               /* (n,state) */
  double *logdet;          /* (n) */
  double *penalty;         /* (n), with it */
  enf__ode_result *result; /* (n) how it ended; a failed one has NaN for y, logdet and penalty */
  uint64_t evaluations;    /* of fields so far, there and back, summed over samples */
  void *record;            /* the map's own */
} enf__passage;

/* What comes back, cotangents being multiplied by scale. A sample whose status is not OK, or whose
   cotangents are not finite, adds nothing to the gradient, has NaN for dx, and ADJOINT if it was
   well. */
typedef struct {
  const double *dy;       /* (n,state) */
  const double *dlogdet;  /* (n); may not depend on logdet if that is late */
  const double *dpenalty; /* (n), or NULL: 0 */
  double *dx;             /* (n,state), or NULL */
  double *gradients;      /* (enf__map pieces of n,stride) accumulated with +=; their sum is the gradient
                             by the parameters; or NULL */
  double scale;
} enf__pulled;

/* ---- maps ------------------------------------------------------------------------------------ */

/* What a map is made from. */
typedef struct {
  const enf_opts *options; /* model.* */
  const enf__space *space; /* whose states it moves; outlives the map */
  size_t layers;           /* of "name*layers" */
  enf__params *params;     /* gets the map's views */
} enf__map_spec;

typedef struct {
  size_t bytes; /* of its struct, where flows of any size have it: flow/sized.h */
  /* Without anything of the size of its weights, which allocate makes (NOMEM). */
  enf_status (*plan)(enf_ctx *ctx, enf__map **map, const enf__map_spec *spec);
  enf_status (*allocate)(enf_ctx *ctx, enf__map *map);
  void (*destroy)(enf__map *map);
  /* Renew packed copies of the parameters, a block of the table's layout. */
  void (*pack)(enf__map *map, const double *params);

  /* Most samples of a task, by shapes only, and bytes of a worker's arena for them. */
  size_t (*carry_group)(const enf__map *map, size_t probes);
  size_t (*carry_workspace)(const enf__map *map, const enf__carry *carry);
  void (*carry)(const enf__map *map, enf__arena *arena, enf__carry *carry);

  /* Pieces that n samples are cut into, with a gradient buffer each: by shapes only. */
  size_t (*pieces)(const enf__map *map, size_t n);
  /* Arrays of a passage, of its map's kind, from the call's arena (or counted); bytes of a
     worker's. */
  void (*take)(enf__passage *passage, enf__arena *arena);
  size_t (*passage_workspace)(const enf__passage *passage, const enf__run *run);
  /* On the context's threads. A status other than OK is about the call (NOMEM, CANCELLED). */
  enf_status (*forward)(enf_ctx *ctx, enf__passage *passage);
  enf_status (*reverse)(enf_ctx *ctx, enf__passage *passage, const enf__pulled *pulled);
} enf__map_ops;

/* The common head of every map's struct. */
struct enf__map {
  const enf__map_ops *ops;
  const enf__space *space;
  enf_alloc alloc;
  size_t layers;
  size_t params; /* P of the whole table, once it is complete */
  size_t stride; /* from one gradient buffer to the next: P, or more (core/params.h) */
};

extern const enf__map_ops enf__cnf_ops, enf__linear_ops, enf__spline_ops, enf__residual_ops,
    enf__actnorm_ops, enf__autoregressive_ops, enf__coupled_ops;

#endif
