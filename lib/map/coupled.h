/* coupled.h -- the map of augmented couplings (Midgley et al. 2023, arXiv:2308.10364, with
   anisotropic matrices in the place of projections): positions x (N,D) and a copy a of them, which a
   layer moves in turn, each by what a network sees in the other; exact both ways at the same cost.

   A state is x and b = (a - x)/eta (space/augmented.c), and a layer, towards the prior, two half
   steps, the first with (p, m) = (x, a), the second with (a, x):

     m_i <- p_i + v_i + A_i (m_i - p_i),  A_i = e^{s_i} (1 + P_i);  less the mean of m, from both
     log |det| += sum_i D s_i + log det (1 + P_i)

   where, with r = p_i - p_j and d = sqrt(r^2 + 1e-8), h_i being the embedding of the kind of i,

     m_ij = silu(W2 silu(W1 [h_i, h_j, d] + b1) + b2)               model.layers rounds
     h_i += W6 silu(W5 [h_i, sum_j m_ij/sqrt N] + b5) + b6
     o_ij = W8 silu(W7 m_ij + b7) + b8                              of the last round
     v_i = sum_j o_0 r/(d + 1),  P_i = sum_j softplus(4 o_1 - 4) r r^T/d^2
     s_i = 2 tanh(w10 . silu(W9 h_i + b9) + b10)

   Tensors coupling.L.a.* of the first half, coupling.L.b.* of the second, from the data on. */
#ifndef ENF__COUPLED_H
#define ENF__COUPLED_H

#include "field/kernels.h"
#include "map/formula.h"

enum { ENF__COUPLED_ROUNDS = 32 };

/* Offsets of a packed linear layer: (inputs,outputs), (outputs), and (outputs,inputs). */
typedef struct {
  size_t w, b, wt;
} enf__coupled_linear;

/* Packed weights of one network, widths being padded. */
typedef struct {
  enf__coupled_linear pq;    /* [W1_i | W1_j], its bias [b1 | 0] */
  size_t wd;                 /* (H) the column of W1 for d */
  enf__coupled_linear edge;  /* W2 */
  enf__coupled_linear in;    /* W5, the part for messages divided by sqrt N */
  enf__coupled_linear out;   /* W6 */
} enf__coupled_round;

typedef struct {
  size_t embed; /* (kinds,H) */
  enf__coupled_round *round;
  enf__coupled_linear vector, scale; /* W7, W9 */
  size_t w8, b8, w10, b10;           /* (2,H) (2) (H) (1) */
} enf__coupled_net;

/* Columns first ... first+count-1 of a tensor with `cols`: element (o, i), parameter param + o cols
   + i, times factor, is packed[at + o down + i along], and packed[back + o ldb + i] unless back is
   0. Packed numbers and gradients of a network begin at its `first`. */
typedef struct {
  size_t param, rows, cols, count, at, down, along, back, ldb;
  double factor;
} enf__coupled_view;

/* Rows of messages of one sample: (receiver, sender); one with a mirror stands for the message from
   the receiver to the sender as well, which is the same. */
typedef struct {
  size_t count;
  int32_t *recv, *send;
  bool *mirror;
} enf__coupled_rows;

typedef struct {
  enf__formula head;
  const enf__space *space;
  double eta;
  size_t rounds, hidden, padded, kinds;
  enf__coupled_rows rows;
  enf__coupled_net net;      /* offsets from a network's first packed number, the same for all */
  size_t forward, packed;    /* numbers of a network: with a gradient, which come first, and all */
  size_t views;              /* of a network */
  enf__coupled_view *view;   /* (2M,views) at, back: from the network's first */
  float *f32;                /* (2M,packed) */
  double *f64;
} enf__coupled;

static inline size_t enf__coupled_kind(const enf__coupled *map, size_t i) {
  return map->space->shape.kind ? (size_t)map->space->shape.kind[i] : 0;
}

/* The two compiled precisions of the work (coupled/work.h). States are (S,2,N,D): x and b.

   carry: half steps from one place to another, 0 being the data's side, 2M the prior's; x in place,
   logdet (S) += or NULL, record (S,2M,2,N,D) or NULL: (x, a) on the data's side of every half step.
   pull: back through all half steps, to the data or not, as `pull` of formula.h. */
#define ENF__COUPLED_PRECISION(suffix)                                                             \
  size_t enf__coupled_workspace_##suffix(const enf__coupled *map, bool reverse);                   \
  void enf__coupled_carry_##suffix(const enf__coupled *map, int kernel, enf__arena *arena,         \
                                   size_t from, size_t to, size_t S, double *x, double *logdet,    \
                                   double *record);                                                \
  void enf__coupled_pull_##suffix(const enf__coupled *map, int kernel, enf__arena *arena,          \
                                  bool to_data, size_t S, const double *record,                    \
                                  const double *dlogdet, double *dx, double *dparams);
ENF__COUPLED_PRECISION(f32)
ENF__COUPLED_PRECISION(f64)

#endif
