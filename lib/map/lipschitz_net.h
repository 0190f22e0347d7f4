/* lipschitz_net.h -- a network f of vectors with Lipschitz constant c at most, its Jacobian, and
   gradients of both:

     a_0 = x,  z_l = W_l a_l + b_l,  a_{l+1} = phi(z_l),  f = z_{L-1},  phi(z) = silu(1.5 z)/1.65

   phi has slopes below 1, and of every weight W min(1, c^(1/L)/|W|_2) is taken, whose norm times
   each other are c at most. Rows are samples; behind them come, D times as many, the tangents by
   every coordinate. Widths are padded as math/kernels.h has it. All of it is double. */
#ifndef ENF__LIPSCHITZ_NET_H
#define ENF__LIPSCHITZ_NET_H

#include "core/params.h"
#include "math/kernels.h"

enum { ENF__LIPSCHITZ_LAYERS = 33 };

typedef struct {
  size_t in, out, weight, bias; /* widths, offsets in the table */
  double factor, cut;           /* of W; d factor / d |W|_2 */
  double *there, *back;         /* W^T (in,out) and W (out,in), padded, with the factor */
  double *b, *u, *v;            /* bias (out) padded; singular vectors */
} enf__lipschitz_layer;

typedef struct {
  size_t dim, hidden, layers; /* D, H, L of the linear layers */
  double bound;               /* c */
  enf__lipschitz_layer layer[ENF__LIPSCHITZ_LAYERS];
  double *work; /* of the singular values */
} enf__lipschitz_net;

/* Appends the views "residual.NUMBER.LAYER.weight" and bias of a network whose numbers are set. */
void enf__lipschitz_add(enf__lipschitz_net *net, enf__params *params, size_t number);
/* Doubles of its packed copies, and where they are. */
size_t enf__lipschitz_numbers(const enf__lipschitz_net *net);
void enf__lipschitz_place(enf__lipschitz_net *net, double *block);
void enf__lipschitz_pack(enf__lipschitz_net *net, const double *params);

/* n rows at work, and D n of tangents. */
typedef struct {
  size_t n, rows; /* (1 + D) n if there are tangents */
  double *x;      /* (rows,D padded) what goes in: tangents are set by forward */
  double *f;      /* (rows,D padded) f, then its derivative by coordinate 0, 1, ... */
  double *df;     /* their cotangents */
  double *dx;     /* (rows,D padded) those of x */
  double *z, *a;  /* (L-1,rows,H padded) */
  double *dz, *da, *s;
  double *grad; /* of one weight, padded */
} enf__lipschitz_rows;

enf__lipschitz_rows enf__lipschitz_take(const enf__lipschitz_net *net, size_t n, bool tangents,
                                        enf__arena *arena);
void enf__lipschitz_forward(const enf__lipschitz_net *net, const enf__kernels_f64 *k,
                            const enf__lipschitz_rows *r);
/* After it: df -> dx; dparams += or NULL. */
void enf__lipschitz_reverse(const enf__lipschitz_net *net, const enf__kernels_f64 *k,
                            const enf__lipschitz_rows *r, double *dparams);

#endif
