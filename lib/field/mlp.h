/* mlp.h -- inside of the velocity field of vectors: a residual network of x in R^D and t,

     u = (x, t, cos 2 pi t, sin 2 pi t, ... cos 6 pi t, sin 6 pi t)
     h_0 = silu(W_0 u + b_0),  h_j = h_{j-1} + silu(W_j h_{j-1} + b_j),  j = 1 ... L-1
     v = W_L h_{L-1} + b_L

   (He et al. 2016, arXiv:1512.03385, for the residuals). It has no symmetry. Parameters are
   mlp.J.weight (out,in) and mlp.J.bias; the kernels read a packed copy in each precision: matrices
   transposed to (in,out), padded with zeros to multiples of 32, and, behind all of them, the
   matrices the reverse pass needs as (out,in). The gradient has the layout of the first part. */
#ifndef ENF__MLP_H
#define ENF__MLP_H

#include "field/field.h"
#include "field/kernels.h"

enum { ENF__MLP_WAVES = 3, ENF__MLP_TIMES = 1 + 2 * ENF__MLP_WAVES, ENF__MLP_LINEARS = 33 };

/* One linear layer: its sizes, padded too, and where it is. */
typedef struct {
  size_t in, out, in_padded, out_padded;
  size_t weight_param, bias_param; /* in a block of parameters */
  size_t w, b, wt;                 /* packed (in,out), (out), (out,in) */
} enf__mlp_linear;

typedef struct {
  enf__field base;
  size_t D, layers;                         /* hidden layers: linear[layers] is the last */
  enf__mlp_linear linear[ENF__MLP_LINEARS]; /* L+1 */
  size_t grad_count, packed_count;
  float *packed_f32;
  double *packed_f64;
} enf__mlp;

/* Tangents of a sample that a piece of work carries along. */
static inline size_t enf__mlp_tangents(const enf__mlp *f, enf__work work) {
  const bool exact = work == ENF__DIVERGENCE || work == ENF__VJP_TRACE;
  return exact ? f->D : work == ENF__JVP || work == ENF__VJP_PROBE ? 1 : 0;
}

extern const enf__field_passes enf__mlp_passes_f32, enf__mlp_passes_f64;

#endif
