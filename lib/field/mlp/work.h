/* work.h -- the passes of the field of vectors, compiled once per precision: samples in groups,
   each with T tangents (none, one along eps, or the D unit vectors).

   Forward, with z_j = W_j h_{j-1} + b_j and a dot for the change along a tangent e:

     h_j = h_{j-1} + silu(z_j),  z_j. = W_j h_{j-1}.,  h_j. = h_{j-1}. + silu'(z_j) z_j.

   Reverse of <a,v> + sum over tangents <w, v.>, where "bar" is the derivative by a value and "hat"
   that by its change:

     z_j^ = silu'(z_j) h_j^,  zbar_j = silu'(z_j) hbar_j + silu''(z_j) sum z_j. h_j^
     hbar_{j-1} = hbar_j + W_j^T zbar_j,  h_{j-1}^ = h_j^ + W_j^T z_j^
     dW_j = zbar_j h_{j-1}^T + sum z_j^ h_{j-1}.^T,  db_j = zbar_j

   h_{-1} stands for u, which adds nothing to h_0. */
#ifndef ENF__MLP_WORK_H
#define ENF__MLP_WORK_H

#include "field/mlp.h"
#include "field/precision.h"

#include <math.h>
#include <string.h>

/* Rows of one network, for all samples of the group or for all their tangents. What the reverse
   pass wants is kept layer by layer, `kept` numbers apart; else kept is 0, and a layer's place is
   the next one's. */
typedef struct {
  size_t rows, kept;
  REAL *u;      /* (rows,in) */
  REAL *z, *h;  /* (L,rows,H) */
  REAL *v;      /* (rows,out) */
  REAL *of_v;   /* (rows,out) reverse: bar or hat of v, */
  REAL *of_h;   /* (rows,H) of h, */
  REAL *of_z;   /* (rows,H) of z, */
  REAL *of_u;   /* (rows,in) and of u */
} rows;

typedef struct {
  const enf__mlp *f;
  const kernels *k;
  const field_kernels *fk;
  const REAL *w;       /* packed weights */
  size_t samples, T;   /* of the group, tangents of each */
  rows value, tangent; /* (samples), (samples T) rows */
  REAL *slope, *curve; /* (L,samples,H) silu' and silu'', kept like h; NULL where not wanted */
  REAL *silu, *ones;   /* (samples,H) */
  REAL *unused;        /* (samples,H) */
  REAL *grad;          /* (grad_count), reverse */
  double *v, *a;       /* (samples,D), reverse */
} group;

static inline REAL *layer_of(const rows *r, REAL *first, size_t j) { return first + j * r->kept; }

static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* Samples of a group: a function of the shapes only. */
static inline size_t samples_of(const enf__mlp *f, enf__work work) {
  enum { MOST_ROWS = 256, MOST_SAMPLES = 128 };
  const size_t samples = MOST_ROWS / (1 + enf__mlp_tangents(f, work));
  return samples < 1 ? 1 : samples < MOST_SAMPLES ? samples : MOST_SAMPLES;
}

/* A group with room for samples_of, its memory from the arena or counted. */
#define mlp_open_group SUFFIX(enf__mlp_open_group)
group mlp_open_group(const enf__mlp *f, int kernel, enf__work work, enf__arena *arena);
/* Samples first ... first+S-1, with tangents along eps, or along all axes if it is NULL. */
#define mlp_enter SUFFIX(enf__mlp_enter)
void mlp_enter(group *g, const enf__points *at, size_t first, size_t S, const double *eps);
#define mlp_workspace SUFFIX(enf__mlp_workspace)
size_t mlp_workspace(const enf__field *field, int kernel, const enf__shape *shape, enf__work work);
#define mlp_passes_forward SUFFIX(enf__mlp_passes_forward)
void mlp_passes_forward(const enf__field *field, int kernel, enf__arena *arena,
                        const enf__points *at, const double *eps, double *v, double *v_dot,
                        double *form);
#define mlp_forward SUFFIX(enf__mlp_forward_group)
void mlp_forward(group *g);
/* The first D numbers of the rows of v (rows of values or tangents), as doubles. */
#define mlp_give SUFFIX(enf__mlp_give)
void mlp_give(const group *g, const rows *r, double *out);
/* The trace: sum over tangents e of e.v. of one sample. */
#define mlp_trace SUFFIX(enf__mlp_trace)
double mlp_trace(const group *g, size_t sample);

#endif
