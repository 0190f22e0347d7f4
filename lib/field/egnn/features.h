/* features.h -- exact divergence where particles have features: what features.c works on.

   A tangent t = k C + c, C = D + F, is that of number c of particle k, its position first. All
   tangents of h are rows; those of one node are together. */
#ifndef ENF__EGNN_FEATURES_H
#define ENF__EGNN_FEATURES_H

#include "field/egnn/tangents.h"

typedef struct {
  tangents of;          /* N, D, E, H, edges and slopes; T = N C */
  size_t C, Np;         /* numbers of a particle; N padded */
  REAL *h_dot, *q;      /* (N,T,H) of h, and its products with W1_j */
  REAL *v_dot, *v_next; /* (N D,T) of x^l - x^0 */
  REAL *p_sent, *sent;  /* (N,H,Np) ds/dz1 by sender; (N,T,Np) their products with q */
  /* of one receiver */
  REAL *p_own, *p_t, *own;      /* (N,H) W1_i ds/dz1, (H,Np); (T,Np) products with h_dot */
  REAL *agg, *z5, *next;        /* (T,H) */
  REAL *scalars, *rows;         /* (T,2 (N-1)) q_dot and q0_dot of its edges; what they multiply */
  REAL *message, *deep;         /* (H,H) of one edge */
  REAL *through, *mix, *node;   /* (H,H) */
  REAL *slope, *unit;           /* (H) */
  REAL *r_dot, *q_dot, *q0_dot; /* (D,T), (T), (T) of one edge */
} feature_tangents;

#define egnn_layout_feature_tangents SUFFIX(enf__egnn_layout_feature_tangents)
void egnn_layout_feature_tangents(const group *g, feature_tangents *d, enf__arena *arena);

/* Divergence of sample s of the group, after its forward pass. */
#define egnn_features_trace SUFFIX(enf__egnn_features_trace)
double egnn_features_trace(group *g, feature_tangents *d, size_t s);

/* Gradient with the exact divergence (units.c), and its memory; behind it comes that of a probe's. */
#define egnn_layout_units SUFFIX(enf__egnn_layout_units)
void egnn_layout_units(const enf__shape *shape, enf__arena *arena);
#define egnn_units_grad SUFFIX(enf__egnn_units_grad)
void egnn_units_grad(const enf__egnn *f, int kernel, enf__arena *arena, const enf__points *at,
                     const enf__cotangent *of, const enf__gradient *out);

#endif
