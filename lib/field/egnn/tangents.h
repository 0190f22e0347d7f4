/* tangents.h -- tangents of a sample on their way through the network: what divergence.c
   needs beside its layers. Their arrays; slopes of a layer's edge networks; the first layer, in
   pair rows; the node network; pair rows contracted or written out. foo_dot and pair rows are
   explained in divergence.c. */
#ifndef ENF__EGNN_TANGENTS_H
#define ENF__EGNN_TANGENTS_H

#include "field/egnn/forward.h"

/* A layer's edge networks: how their outputs follow their inputs. */
typedef struct {
  REAL *slope[ENF__EGNN_DEPTH]; /* (E,H) silu' behind linear layer k */
  REAL *u, *m;                  /* (E,H) gate silu' behind the last, message without its gate */
  REAL *p, *p_wq, *p_w0;        /* (E,H) ds/dz1, (E) p.wq, p.w0 */
  REAL *dz, *dz_next;           /* (tile,H) */
  REAL *ones, *da;              /* (tile) */
} edge_slopes;

/* Tangents of node features and of what the node network makes of them: pair rows or dense ones. */
typedef struct {
  bool dense;                               /* h_dot is (N,T,H) */
  REAL *h_dot, *pqu_dot, *agg_dot, *z5_dot; /* (rows,H), (rows,3H), (rows,H), (rows,H) */
  REAL *slope5;                             /* (N,H) */
} feature_rows;

/* Tangents of the scalars of one edge. */
typedef struct {
  REAL *r, *q, *q0, *s; /* (D,T), (T), (T), (T) */
} edge_tangent;

/* Rows of one edge that go through its message network together. */
typedef struct {
  REAL *coef[4];        /* (T) coefficients of the terms of z1_dot ... */
  const REAL **src[4];  /* (T) ... and the terms */
  REAL *cq, *c0;        /* (T) coefficients of wq and w0 */
  REAL **out;           /* (T) where the messages are added */
  REAL *a_dot, *a_next; /* (T,H) on the way */
  REAL *dot;            /* (T) numbers of one step */
} message_list;

/* What the edges of one receiver share. */
typedef struct {
  REAL *coef;          /* (N,T) coefficients of the rows of a node's P and Q */
  const REAL **p, **q; /* (N,T) the rows themselves */
  REAL *own, *mix;     /* (N,H), (H) sums of rows */
  REAL *through;       /* (H,H) sum of its messages' matrices */
} receiver_rows;

typedef struct {
  size_t N, D, E, T, H;
  const enf__shape *shape;
  const int32_t *recv, *send; /* (E) particles that an edge joins */
  int32_t *edge;              /* (N,N) edge of receiver and sender, or NO_EDGE */
  size_t e0, n0, stride;      /* the sample's first edge and node in the group; stride of r */
  REAL *r_first, *r_last;     /* (D,N,N) r_ik of the first and the last layer, 0 without an edge */
  REAL *v_dot, *v_next;       /* (N,D,T) tangents of x^l - x^0 */
  edge_slopes slopes;         /* of the layer under way */
  feature_rows rows;
  edge_tangent edge_dot; /* of the edge under way */
  message_list list;     /* of it */
  receiver_rows node;    /* of its receiver */
} tangents;

enum { NO_EDGE = -1 };

static inline bool is_edge(const tangents *d, size_t i, size_t j) {
  return d->edge[i * d->N + j] != NO_EDGE;
}

/* Edge of receiver i and sender j, which there is. */
static inline size_t edge_of(const tangents *d, size_t i, size_t j) {
  return (size_t)d->edge[i * d->N + j];
}

/* First edge of receiver i; of i = N, E. */
static inline size_t edges_of(const tangents *d, size_t i) { return enf__shape_start(d->shape, i); }

/* Numbers of the edges of receiver i, one by one, go where their senders are in (N); others 0.
   Where all others send, as they mostly do, that is one move. */
static inline void place_by_sender(const tangents *d, size_t i, REAL *out) {
  size_t first = edges_of(d, i), left = edges_of(d, i + 1) - first;
  if (left + 1 == d->N) {
    memmove(out + i + 1, out + i, (d->N - 1 - i) * sizeof(REAL));
    out[i] = 0;
    return;
  }
  for (size_t k = d->N; k-- > 0;)
    out[k] = left && (size_t)d->send[first + left - 1] == k ? out[--left] : 0;
}

/* And back. */
static inline void gather_by_sender(const tangents *d, size_t i, REAL *out) {
  const size_t first = edges_of(d, i), count = edges_of(d, i + 1) - first;
  if (count + 1 == d->N) {
    memmove(out + i, out + i + 1, (d->N - 1 - i) * sizeof(REAL));
    return;
  }
  for (size_t row = 0; row < count; row++)
    out[row] = out[d->send[first + row]];
}

/* Component a of r_e of a layer, for edge e of the sample. */
static inline REAL r_of(const tangents *d, const layer *y, size_t e, size_t a) {
  return y->r[a * d->stride + d->e0 + e];
}

static inline size_t node_of_row(const tangents *d, bool dense, size_t row) {
  if (dense)
    return row / d->T;
  return row < d->E ? (size_t)d->recv[row] : (row - d->E) / d->D;
}

/* A pair row that i has for a displacement of k along a: its own; that of the edge; without an
   edge any, as its coefficient, which has a factor r_first, is 0. */
static inline size_t pair_row(const tangents *d, size_t i, size_t k, size_t a) {
  return k != i && is_edge(d, i, k) ? edge_of(d, i, k) : d->E + i * d->D + a;
}

static inline REAL pair_row_coef(const tangents *d, size_t i, size_t k, size_t a) {
  return k == i ? 1 : -2 * d->r_first[(a * d->N + i) * d->N + k];
}

#define egnn_layout_tangents SUFFIX(enf__egnn_layout_tangents)
void egnn_layout_tangents(const group *g, tangents *d, enf__arena *arena);
#define egnn_layout_slopes SUFFIX(enf__egnn_layout_slopes)
void egnn_layout_slopes(const group *g, edge_slopes *s, enf__arena *arena);
#define egnn_edge_slopes SUFFIX(enf__egnn_edge_slopes)
void egnn_edge_slopes(group *g, size_t l, tangents *d);
#define egnn_message_slopes SUFFIX(enf__egnn_message_slopes)
void egnn_message_slopes(group *g, tangents *d);
#define egnn_own_messages SUFFIX(enf__egnn_own_messages)
void egnn_own_messages(group *g, tangents *d);
#define egnn_scale_rows SUFFIX(enf__egnn_scale_rows)
void egnn_scale_rows(const group *g, const tangents *d, const REAL *z, bool dense, size_t rows,
                     REAL *dot);
#define egnn_node_tangents SUFFIX(enf__egnn_node_tangents)
void egnn_node_tangents(group *g, size_t l, tangents *d, bool dense);
#define egnn_first_layer SUFFIX(enf__egnn_first_layer)
void egnn_first_layer(group *g, tangents *d);
#define egnn_pair_table SUFFIX(enf__egnn_pair_table)
void egnn_pair_table(const tangents *d, const layer *y, REAL *table);
#define egnn_pair_scales SUFFIX(enf__egnn_pair_scales)
void egnn_pair_scales(const tangents *d, size_t i, size_t j, REAL *out);
#define egnn_contract_axes SUFFIX(enf__egnn_contract_axes)
void egnn_contract_axes(const tangents *d, size_t i, size_t k, const REAL *from, size_t apart,
                        REAL *to);
#define egnn_contract_rows SUFFIX(enf__egnn_contract_rows)
void egnn_contract_rows(const tangents *d, const REAL *in, size_t ldi, REAL *out);
#define egnn_expand_rows SUFFIX(enf__egnn_expand_rows)
void egnn_expand_rows(const tangents *d, const REAL *in, size_t ldi, REAL *out);

#endif
