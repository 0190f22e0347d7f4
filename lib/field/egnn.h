/* egnn.h -- inside of the EGNN velocity field: its parameter table and its packed weights.

   E(n)-equivariant graph network (Satorras, Hoogeboom, Welling 2021, arXiv:2102.09844) as used in
   E(n) Equivariant Normalizing Flows (arXiv:2105.09016). Parameters are kept in the published
   order and shapes; the kernels read a packed copy in each precision: matrices transposed to
   (in,out), padded with zeros to multiples of 32, and, behind them, the matrices the reverse pass
   needs as (out,in). The gradient has the layout of the first part. */
#ifndef ENF__EGNN_H
#define ENF__EGNN_H

#include "field/field.h"
#include "field/kernels.h"

/* Most message-passing layers, most linear layers of an edge or node network; the option table has
   the same limits. */
enum { ENF__EGNN_LAYERS = 32, ENF__EGNN_DEPTH = 8 };

/* Offsets of a packed linear layer: (Hp,Hp), (Hp), and the transpose (out,in). */
typedef struct {
  size_t w, b, wt;
} enf__egnn_linear;

/* Offsets of one layer's packed weights; Hp is H padded. The first linear layers of the edge and
   node networks, W1 and W5, are taken apart; edge[k] and node[k], k = 1 ... depth-1, are the linear
   layers behind them, tensors edge_mlp.2k and node_mlp.2k. */
typedef struct {
  size_t node_w, node_b, node_wt; /* (Hp,3Hp) [W1_i | W1_j | W5_h], (3Hp) [0 | b1 | b5], (3Hp,Hp) */
  size_t wq, w0;                  /* (Hp) columns of W1 for q and q0 */
  size_t wa, ba, w4;              /* (Hp) (1) (Hp) */
  size_t w5, w5t;                 /* (Hp,Hp) the part of W5 for messages */
  enf__egnn_linear edge[ENF__EGNN_DEPTH], node[ENF__EGNN_DEPTH], coord; /* coord: W3, b3 */
} enf__egnn_layer;

/* `count` columns of a tensor with `cols`: element (o, i), parameter param + o*cols + i, is
   packed[forward + i*ldf + o] and, if reverse is not 0, packed[reverse + o*ldr + i]. */
typedef struct {
  size_t param, rows, cols, count, forward, ldf, reverse, ldr;
} enf__egnn_view;

typedef struct {
  enf__field base;
  size_t padded;   /* Hp */
  size_t features; /* inputs of the embedding: one-hot species or features, the context, the time */
  size_t views;
  enf__egnn_view *view;
  size_t embed, embed_b;    /* packed (features,Hp), (Hp) */
  size_t padded_out;        /* Fp, features of the state padded */
  size_t out, out_b, out_t; /* packed (Hp,Fp), (Fp), (Fp,Hp): the embedding of the output */
  enf__egnn_layer *layer;   /* (L) */
  size_t forward_count;     /* packed numbers that have a gradient */
  size_t packed_count;
  float *packed_f32;
  double *packed_f64;
} enf__egnn;

extern const enf__field_passes enf__egnn_passes_f32, enf__egnn_passes_f64;

#endif
