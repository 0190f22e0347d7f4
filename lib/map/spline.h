/* spline.h -- the map of spline couplings: M layers that move some coordinates, each by a monotone
   spline on a line or a circle, whose shape a small network makes of the coordinates at rest. Exact
   both ways at the same cost.

   From data to prior y passes layers 0 ... M-1. Layer l moves the coordinates c whose bit
   floor(l/2) mod b equals l mod 2, b = ceil(log2 C) (C without those that are to stay where they are). Its network sees u, the others: those on
   lines, then cosines, then sines of those on circles:

     q_0 = silu(W_0 u + b_0),  q_j = q_{j-1} + silu(W_j q_{j-1} + b_j), j < depth,
     o = W_depth q + b_depth

   and o has 3K+1 numbers for each moved coordinate: K widths, K heights, K slopes, a shift
   (math/spline_impl.h has the splines). Tensors spline.L.net.J.{weight,bias}; the last linear layer
   starts at 0, which is the identity.

   Places in the map are numbered by layers passed: 0 is the data's side, M the prior's. */
#ifndef ENF__SPLINE_H
#define ENF__SPLINE_H

#include "core/params.h"
#include "math/kernels.h"
#include <stdatomic.h>

/* Most hidden layers of a network. */
enum { ENF__SPLINE_DEPTH = 8 };

typedef struct {
  size_t coordinates;   /* C */
  const bool *circle;   /* (C) on a circle, (-pi,pi] */
  size_t layers;        /* M */
  size_t hidden, depth; /* width and number of a network's hidden layers */
  size_t bins;          /* K */
  double bound;         /* lines are moved inside [-bound, bound] */
  size_t still;         /* so many of the coordinates, the last, are moved by no layer; C - still >= 2 */
} enf__spline_model;

/* A linear layer, (rows, cols) as a tensor. Packed for the kernels it is (m, n) and (n), and for
   the way back (n, m): columns n in the kernels' order, column (rows) that of every row of the
   tensor or -1, if nothing reads it. */
typedef struct {
  size_t rows, cols, n, m;
  size_t weight, bias; /* in the parameters' block */
  size_t w, b, wt;     /* in the packed numbers */
  const int32_t *column;
} enf__spline_linear;

typedef struct {
  size_t moved, lines, circles; /* at rest are `lines` and `circles` */
  const int32_t *move;          /* (moved) in the order of lanes: circles, then lines */
  const int32_t *rest;          /* (lines + circles) */
  enf__splines splines;
  enf__spline_linear net[ENF__SPLINE_DEPTH + 1];
  size_t aside; /* where its output is among those of all layers */
} enf__spline_layer;

/* The weights as kernels read them, a copy for each precision, made where it is first read after a
   change: training in one precision never makes the other, nor any of a flow that nobody reads.
   Samples' tasks may come to it at once. */
typedef struct {
  const double *params; /* the block they are made of */
  atomic_int state[2];  /* of float32 and float64 */
  float *f32;
  double *f64;
} enf__spline_copies;

typedef struct {
  enf_alloc alloc;
  enf__spline_model model; /* circle owned */
  bool *circle;
  enf__spline_layer *layer;       /* (M) */
  int32_t *index;                 /* all lists of layers */
  size_t inputs, hidden, columns; /* padded: most inputs, hidden width, most columns of an output */
  size_t most_circles;            /* at rest, of any layer */
  size_t outputs;                 /* columns of the outputs of all layers */
  size_t forward_count;           /* packed numbers that have a gradient: they come first */
  size_t packed_count;
  size_t most_sums; /* packed numbers of a layer that have a gradient: the most of any */
  enf__spline_copies *copies;
} enf__spline;

/* Make a map, its views appended to the table, but nothing yet of the size of its weights, which
   allocate makes; create does both. OPTION, with the sentence, or NOMEM. */
enf_status enf__spline_plan(enf_ctx *ctx, enf__spline **map, const enf__spline_model *model,
                            enf__params *params);
enf_status enf__spline_allocate(enf_ctx *ctx, enf__spline *map);
enf_status enf__spline_create(enf_ctx *ctx, enf__spline **map, const enf__spline_model *model,
                              enf__params *params);
void enf__spline_destroy(enf__spline *map); /* NULL is fine */
/* The weights have changed: they are those of a block of the table's layout, which stays where it
   is and as it is until the next call. */
void enf__spline_pack(enf__spline *map, const double *params);

/* Bytes of arena a call needs, for any number of samples. */
size_t enf__spline_workspace(const enf__spline *map, const enf__run *run, bool reverse);

/* S samples y (S,C) in place from one place of the map to another; logdet (S) += log |dy/dx| of
   that way, or NULL. record (S,M,C): NULL, or what reverse is to have, the samples' points on the
   data's side of every layer passed. aside: NULL, or memory for S times `outputs` doubles that gets
   the networks' outputs, in the precision of the run; reverse of the same samples makes them again
   without it. A sample that is not finite stays so. */
void enf__spline_carry(const enf__spline *map, const enf__run *run, enf__arena *arena, size_t from,
                       size_t to, size_t S, double *y, double *logdet, double *record,
                       void *aside);

/* Reverse of layer l of a carry that was recorded, on its way back to the data or not: dy (S,C) in
   place, from the cotangents of where the layer ended to those of where it began; dlogdet (S).
   sums: NULL, or memory for most_sums doubles, to which gradients by the packed numbers are added
   in the precision of the run, to 0 if it is fresh. */
void enf__spline_reverse(const enf__spline *map, const enf__run *run, enf__arena *arena, bool back,
                         size_t l, size_t S, const double *record, const void *aside, double *dy,
                         const double *dlogdet, bool fresh, void *sums);
/* Share number `share` of the gradients of layer l: dparams, the table's layout, += those of so
   many parts, each in the memory of most_sums doubles, in order. */
void enf__spline_add(const enf__spline *map, const enf__run *run, size_t l, size_t share,
                     size_t shares, size_t parts, const void *sums, double *dparams);

/* The two compiled precisions of the work (spline/work.h). */
#define ENF__SPLINE_PRECISION(suffix)                                                              \
  size_t enf__spline_workspace_##suffix(const enf__spline *map, bool reverse);                     \
  void enf__spline_pack_##suffix(const enf__spline *map, int kernel);                              \
  void enf__spline_carry_##suffix(const enf__spline *map, int kernel, enf__arena *arena,           \
                                  size_t from, size_t to, size_t S, double *y, double *logdet,     \
                                  double *record, void *aside);                                    \
  void enf__spline_reverse_##suffix(const enf__spline *map, int kernel, enf__arena *arena,         \
                                    bool back, size_t l, size_t S, const double *record,           \
                                    const void *aside, double *dy, const double *dlogdet,          \
                                    bool fresh, void *sums);                                       \
  void enf__spline_add_##suffix(const enf__spline *map, int kernel, size_t l, size_t share,        \
                                size_t shares, size_t parts, const void *sums, double *dparams);
ENF__SPLINE_PRECISION(f32)
ENF__SPLINE_PRECISION(f64)

#endif
