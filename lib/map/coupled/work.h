/* work.h -- samples on their way through half steps of couplings, and cotangents back; compiled once
   per precision. Networks are in REAL, positions and what is done to them in double.

   A tile is as many samples as keep their rows in the second-level cache; nodes are numbered sample
   by sample, rows likewise. A row's numbers do not depend on the other rows. dfoo is the derivative
   of the loss by foo. */
#ifndef ENF__COUPLED_WORK_H
#define ENF__COUPLED_WORK_H

#include "field/kernels.h"
#include "map/coupled.h"
#include "math/precision.h"

#include <math.h>
#include <string.h>

#if ENF__DOUBLE
typedef enf__field_kernels_f64 field_kernels;
#define FIELD_KERNELS_OF enf__field_kernels_f64_of
#define PACKED(map) ((map)->f64)
#define SQRT sqrt
#else
typedef enf__field_kernels_f32 field_kernels;
#define FIELD_KERNELS_OF enf__field_kernels_f32_of
#define PACKED(map) ((map)->f32)
#define SQRT sqrtf
#endif

/* Numbers of a symmetric matrix: xx, xy, yy, xz, yz, zz, so that those of the plane come first. */
enum { SYMMETRIC = 6 };

typedef struct {
  REAL *in;         /* (n,2H) [h | sum of messages] */
  REAL *pq;         /* (nodes or kinds,2H) [W1_i h + b1 | W1_j h] */
  REAL *a5, *slope5; /* (n,H) node network */
  REAL *slope2;     /* (e,H) or NULL */
} round_kept;

typedef struct {
  const enf__coupled *map;
  const kernels *k;
  const field_kernels *fk;
  const REAL *w; /* of the network under way */
  size_t most;   /* samples of a full tile */
  size_t S, N, D, H, n, e, chunk;
  bool reverse;               /* is what the way back wants kept? */
  int32_t *recv, *send;       /* (e) nodes */
  int32_t *class_i, *class_j; /* (e) kinds */
  REAL *mirror;               /* (e) 1 or 0 */
  REAL *p;                    /* (n,D) */
  REAL *r, *d;                /* (D,e), (e) */
  REAL *o0, *o1;              /* (e) */
  REAL *c0, *c1, *rise;       /* (e) o_0/(d+1), softplus(4 o_1 - 4)/d^2, its sigmoid */
  round_kept *round;          /* (R + 1), the last has in alone */
  REAL *a1;                   /* (chunk,H) */
  REAL *m, *q7;               /* (e,H), or (chunk,H) */
  REAL *slope7;               /* (e,H) or NULL */
  REAL *q9, *slope9;          /* (n,H) */
  REAL *s;                    /* (n) */
  REAL *v, *P;                /* (n,D), (n,SYMMETRIC) */
  REAL *zero;                 /* (e) and (H) zeros */
  int32_t *none;              /* (e) zeros */
} tile;

/* ---- net.c */
#define coupled_open SUFFIX(enf__coupled_open)
void coupled_open(tile *t, const enf__coupled *map, bool reverse, enf__arena *arena);
/* Network number `net` at positions p (S,stride) of S samples: s, v, P. */
#define coupled_network SUFFIX(enf__coupled_network)
void coupled_network(tile *t, size_t net, size_t S, const double *p, size_t stride);

/* ---- net_reverse.c */
typedef struct {
  REAL *ds;                                /* (n) of the argument of tanh */
  REAL *dv, *dP;                           /* (n,D), (n,SYMMETRIC): off the diagonal for both places */
  REAL *dp;                                /* (n,D) out */
  REAL *do0, *do1, *dd, *dq, *dq0;         /* (e) */
  REAL *dz7;                               /* (e,H) */
  REAL *dh, *da, *dz;                      /* (n,H) */
  REAL *din, *dpq;                         /* (n,2H) */
  REAL *dm, *dz1, *slope1;                 /* (chunk,H) */
  REAL *grad;                              /* packed, of a network; what nobody wants, too */
  REAL *spare;                             /* (H) */
} cotangents;

#define coupled_open_reverse SUFFIX(enf__coupled_open_reverse)
void coupled_open_reverse(cotangents *c, const tile *t, enf__arena *arena);
/* Reverse of coupled_network for the tile: dp, grad +=. */
#define coupled_network_reverse SUFFIX(enf__coupled_network_reverse)
void coupled_network_reverse(tile *t, cotangents *c);

#endif
