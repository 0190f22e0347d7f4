/* reverse.h -- vector-Jacobian product of a group: the reverse pass of forward.c, layer
   by layer from the kept pre-activations; first-layer edge activations are recomputed tile by tile.
   docs/math.md, "Reverse pass". Gradients of packed weights are summed over the call and unpacked
   once. dfoo is the derivative of the loss by foo. */
#ifndef ENF__EGNN_REVERSE_H
#define ENF__EGNN_REVERSE_H

#include "field/egnn/forward.h"

typedef struct {
  REAL *dv;                        /* (n,D) cotangents of v, mean-free */
  REAL *dx;                        /* (n,D) of the positions going into the layer under way */
  REAL *dh, *dh_class;             /* (n,Hp), (classes,Hp) */
  REAL *dpqu;                      /* (rows,3Hp) */
  REAL *dz5, *dagg;                /* (n,Hp) */
  REAL *z5_extra[ENF__EGNN_DEPTH]; /* (n,Hp) joins the derivative by z5[k], or NULL */
  REAL *ds, *dq, *dq0, *dq_net, *dq0_net, *da; /* (e) */
  REAL *slope1, *slope2, *gdz3, *dz;           /* (tile,Hp) */
  REAL *grad;                                  /* packed gradient, or NULL */
  REAL *scratch;     /* (2Hp) takes the gradients of wq and w0 where none are wanted */
  double *out;       /* (S,size) */
  REAL *drate, *din; /* (n,Fp), (n,I) */
} reverse;

/* out (n) += column sums of A (rows,n) stride lda */
static inline void add_column_sums(size_t rows, size_t n, const REAL *A, size_t lda, REAL *out) {
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < n; c++)
      out[c] += A[r * lda + c];
}

/* Gradient of a packed block, or NULL. */
static inline REAL *grad_of(const reverse *b, size_t offset) {
  return b->grad ? b->grad + offset : NULL;
}

#define egnn_layout_reverse SUFFIX(enf__egnn_layout_reverse)
void egnn_layout_reverse(const group *g, reverse *b, enf__arena *arena);
#define egnn_node_network_grad SUFFIX(enf__egnn_node_network_grad)
void egnn_node_network_grad(group *g, size_t l, reverse *b);
#define egnn_coordinate_update_grad SUFFIX(enf__egnn_coordinate_update_grad)
void egnn_coordinate_update_grad(const group *g, const layer *y, reverse *b);
#define egnn_pair_vectors_grad SUFFIX(enf__egnn_pair_vectors_grad)
void egnn_pair_vectors_grad(const group *g, const layer *y, reverse *b, REAL *dx_new);
#define egnn_node_input_grad SUFFIX(enf__egnn_node_input_grad)
void egnn_node_input_grad(group *g, size_t l, reverse *b);
#define egnn_embed_grad SUFFIX(enf__egnn_embed_grad)
void egnn_embed_grad(const group *g, reverse *b);
#define egnn_rates_grad SUFFIX(enf__egnn_rates_grad)
void egnn_rates_grad(const group *g, const REAL *h, const REAL *drate, REAL *grad, REAL *dh);
#define egnn_inputs_grad SUFFIX(enf__egnn_inputs_grad)
void egnn_inputs_grad(const group *g, const REAL *dh, REAL *din);
#define egnn_embedding_grad SUFFIX(enf__egnn_embedding_grad)
void egnn_embedding_grad(const group *g, const REAL *in, const REAL *dh, REAL *grad);
#define egnn_reverse_end SUFFIX(enf__egnn_reverse_end)
void egnn_reverse_end(const group *g, reverse *b);
#define egnn_unpack_gradient SUFFIX(enf__egnn_unpack_gradient)
void egnn_unpack_gradient(const enf__egnn *f, const REAL *grad, double *dparams);
#define egnn_vjp SUFFIX(enf__egnn_vjp)
void egnn_vjp(const enf__egnn *f, int kernel, enf__arena *arena, const enf__points *at,
              enf__cotangent_fn cotangent, void *user, double *dx, double *dparams);

#endif
