/* masked_net.h -- the network of an autoregressive map: two numbers (a_i, b_i) for every coordinate
   that depend on the coordinates before it only (Germain et al. 2015, arXiv:1502.03509; as in the
   nflows package):

     h = W_0 v + b,  twice h <- h + W_2 relu(W_1 relu(h) + b_1) + b_2,  out = W_f h + b_f

   Inputs have the degrees 1 ... D, hidden unit j has j mod max(1,D-1) + min(1,D-1); a weight counts
   if its output's degree is at least its input's, in the last layer if it is larger. It works on
   tiles of samples, the samples innermost. */
#ifndef ENF__MASKED_NET_H
#define ENF__MASKED_NET_H

#include "core/params.h"

enum { ENF__MASKED_TILE = 16, ENF__MASKED_LAYERS = 6 };

typedef struct {
  size_t dim, hidden;
  size_t weight[ENF__MASKED_LAYERS], bias[ENF__MASKED_LAYERS]; /* offsets in the table */
  double *packed; /* weights with zeros where they do not count, and biases, layer by layer */
} enf__masked_net;

/* Appends the views "maf.NUMBER. ..." of a network whose dim and hidden are set. */
void enf__masked_add(enf__masked_net *net, enf__params *params, size_t number);
size_t enf__masked_numbers(const enf__masked_net *net); /* of packed */
void enf__masked_pack(const enf__masked_net *net, const double *params);

/* A tile at work. */
typedef struct {
  double *v, *dv;      /* (D,TILE) */
  double *out, *dout;  /* (2D,TILE) a_i in row 2i, b_i in the next */
  double *h[3], *u[2]; /* (H,TILE) */
  double *dh, *du;     /* (H,TILE) */
} enf__masked_tile;

enf__masked_tile enf__masked_take(const enf__masked_net *net, enf__arena *arena);
/* v -> out */
void enf__masked_forward(const enf__masked_net *net, const enf__masked_tile *tile);
/* After it: dout -> dv; dparams += or NULL. */
void enf__masked_reverse(const enf__masked_net *net, const enf__masked_tile *tile, double *dparams);

#endif
