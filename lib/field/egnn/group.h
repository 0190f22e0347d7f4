/* group.h -- a group of samples on its way through the network: graph, workspace, geometry.
   Compiled once per precision (ENF__DOUBLE).

   Nodes of a group are numbered sample by sample, edges receiver by receiver: rows row of every
   per-edge array. Before the first layer all nodes of one species in one sample are alike, so its
   node products work on "classes" (sample, species) and its edges point to classes. The graph is
   data: nothing below assumes that all pairs are edges.

   With features every node is a class of its own: its h is the embedding of its features and the
   time; behind the last layer h is embedded once more, which gives the features' rates. */
#ifndef ENF__EGNN_GROUP_H
#define ENF__EGNN_GROUP_H

#include "field/egnn.h"
#include "field/precision.h"

#include <math.h>
#include <string.h>

typedef SUFFIX(enf__field_coordinate_grad) coordinate_grad;
typedef SUFFIX(enf__field_pair_coordinate_grad) pair_coordinate_grad;

/* Edge rows that keep the arrays of one tile in the first-level cache. */
enum { TILE_REALS = 1536 };

/* What is kept of one layer. Arrays of layers that are not kept share memory. */
typedef struct {
  const REAL *w; /* packed weights of the field */
  const enf__egnn_layer *at;
  REAL *h;                      /* (rows,Hp) node features going in */
  REAL *pqu;                    /* (rows,3Hp) their products with W1_i, W1_j, W5_h */
  REAL *agg;                    /* (n,Hp) sum of gated messages */
  REAL *z5[ENF__EGNN_DEPTH];    /* (n,Hp) node network: pre-activation k, k = 0 ... depth-2 */
  REAL *z[ENF__EGNN_DEPTH];     /* (e,Hp) edge network: k = 1 ... depth-1, or NULL */
  REAL *z3;                     /* (e,Hp) coordinate network, or NULL */
  REAL *gate, *s, *th;          /* (e) gate, coordinate network, its tanh */
  REAL *r, *q;                  /* (D,e) r_ij, (e) |r_ij|^2 */
  REAL *c, *c_s, *c_q;          /* (e) coefficient of r_ij, its derivatives by s and q */
  const int32_t *row_i, *row_j; /* (e) rows of h that an edge joins */
} layer;

typedef struct {
  const enf__egnn *f;
  const enf__shape *shape;
  const kernels *k;
  const field_kernels *fk;
  size_t S, N, D, H, edges, n, e, tile, layers, edge_depth, node_depth, class_count;
  REAL R;                     /* range of tanh */
  REAL *share;                /* (e) weight of an edge in its receiver's sum */
  int32_t *recv, *send;       /* (e) nodes */
  int32_t *class_i, *class_j; /* (e) classes */
  int32_t *node_class;        /* (n) */
  layer layer[ENF__EGNN_LAYERS];
  REAL *time;        /* (S) */
  REAL *context;     /* (S,G) */
  REAL *x, *v;       /* (n,D) */
  REAL *h_out;       /* (n,Hp) node features coming out of the layer under way */
  REAL *a1, *m;      /* (tile,Hp) */
  size_t F, I, Fp;   /* features of the state, inputs of the embedding, F padded */
  size_t G, G_at;    /* numbers of the context, the first one's place among the inputs */
  REAL sign;         /* of v against the network's output */
  REAL *in, *h_last; /* (n,I), (n,Hp) inputs, node features behind the last layer */
  REAL *rate;        /* (n,Fp) rates of features */
} group;

/* Samples that a call takes from `first` on. */
static inline size_t next_samples(const enf__points *at, size_t first, size_t step) {
  return at->S - first < step ? at->S - first : step;
}

/* Does the network end with layer l's coordinates, nothing being made of its messages? */
static inline bool is_end(const group *g, size_t l) { return l + 1 == g->layers && !g->F; }

/* Node features behind layer l. */
static inline REAL *h_behind(const group *g, size_t l) {
  return l + 1 < g->layers ? g->layer[l + 1].h : g->h_last;
}

/* Exchange two arrays that take turns. */
static inline void swap(REAL **a, REAL **b) {
  REAL *c = *a;
  *a = *b;
  *b = c;
}

/* Rows of node features going into a layer. */
static inline size_t node_rows(const group *g, size_t l) {
  return l ? g->n : g->S * g->class_count;
}

#define egnn_open_group SUFFIX(enf__egnn_open_group)
void egnn_open_group(group *g, const enf__egnn *f, const enf__shape *shape, enf__work work,
                     enf__arena *arena);
#define egnn_enter_samples SUFFIX(enf__egnn_enter_samples)
void egnn_enter_samples(group *g, const enf__points *at, size_t first, size_t S);
#define egnn_positions_in SUFFIX(enf__egnn_positions_in)
void egnn_positions_in(const group *g, const double *state, REAL *x);
#define egnn_positions_out SUFFIX(enf__egnn_positions_out)
void egnn_positions_out(const group *g, const REAL *x, double *state);
#define egnn_features_in SUFFIX(enf__egnn_features_in)
void egnn_features_in(const group *g, const double *state, size_t ld, REAL *rows);
#define egnn_features_out SUFFIX(enf__egnn_features_out)
void egnn_features_out(const group *g, REAL factor, const REAL *rows, size_t ld, double *state);

#endif
