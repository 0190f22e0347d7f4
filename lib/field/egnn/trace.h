/* trace.h -- gradient of the exact trace: what its reverse pass works on. docs/math.md,
   "Gradient of the exact divergence"; the passes are in trace_rows.c, trace_edges.c and
   trace_reverse.c.

   The divergence is a linear function of the tangents of divergence.c, layer after layer, with
   slopes that depend on the values. So its gradient has two parts: foo_hat, the derivative by a
   tangent foo_dot, goes back through the same rows as they are; and what slopes receive becomes a
   derivative by values, foo_bar, which joins an ordinary reverse pass. One sample at a time. */
#ifndef ENF__EGNN_TRACE_H
#define ENF__EGNN_TRACE_H

#include "field/egnn/divergence.h"
#include "field/egnn/pair.h"

/* What the rows of a layer leave to the reverse pass of its values, per edge. The tangents
   contracted with s_hat are one tangent, alpha, for the pair of pair.h. */
typedef struct {
  REAL *alpha;              /* (E,H) sum_t s_hat z1_dot */
  REAL *alpha_q, *alpha_q0; /* (E) sum_t s_hat q_dot, the same for q0 */
  REAL *by_c, *by_s, *by_q; /* (E) derivative of the trace by c, c_s, c_q */
  REAL *r_bar;              /* (D,E) */
} edge_sums;

typedef struct {
  tangents d;
  reverse b;
  edge_sums sums, last;                 /* of the layer under way, of the last layer */
  bool messages;                        /* the layer's messages gave something to these: */
  REAL *m_bar, *z_bar[ENF__EGNN_DEPTH]; /* (E,H) of m; of z[k+1], k = 0 ... depth-2 */
  REAL *logit_bar;                      /* (E) of the gate's logit */
  REAL *first_bar, *last_bar;           /* (D,N,N) of r_first, r_last */
  REAL *u_hat, *u_next;                 /* (N,D,T) of v_dot, and what is to be added */
  REAL *s_hat, *q_hat, *q0_hat, *rho;   /* (T) of one edge */
  REAL *h_hat, *h_in;                   /* (rows,H) behind and before the layer under way */
  REAL *pqu_hat;                        /* (rows,3H) */
  REAL *pair_rows;                      /* (E + T,H) h_dot behind the first layer */
  REAL *h_kept, *v_kept;                /* (layers between, rows, H), (.., N, D, T) tangents */
  REAL *own_hat;                        /* (N,H) contracted P of one receiver */
  REAL *p_last, *p_wq_last, *p_w0_last; /* (E,H), (E), (E) */
  REAL *last_hat;                       /* (E + T,H) Q of pair rows, P of own rows, last layer */
  REAL *node_out[ENF__EGNN_DEPTH], *node_in[ENF__EGNN_DEPTH]; /* (rows,H) behind and before a silu
                                                                 of the node network */
  REAL *node_sum;                                             /* (N,H) */
  REAL *agg_hat;                                              /* (rows,H) */
  REAL *row_dot[ENF__EGNN_DEPTH], *row_in[ENF__EGNN_DEPTH];   /* (block,H) z_dot, silu' z_dot */
  REAL *along, *across, *unwanted;                            /* (block), (block), (H) */
  REAL *row_hat, *row_next;                                   /* (block,H) */
  const REAL **message_hat;                                   /* (block) */
  REAL *unit;                                                 /* (H) ones */
  REAL *no_hat, *one;                                         /* (N,H) zeros, (E) ones */
  REAL *z1, *z[ENF__EGNN_DEPTH], *u3;      /* (tile,H); (2 tile,H): values, tangents */
  REAL *a, *m, *slope, *bar, *next, *none; /* (2 tile,H) */
  REAL *logits, *logits_hat;               /* (tile) */
  REAL *gate, *gate_dot;                   /* (tile) */
  pair_layer curve;                        /* second derivatives of c */
} trace_work;

static inline void fill(size_t count, REAL value, REAL *x) {
  for (size_t i = 0; i < count; i++)
    x[i] = value;
}

#define egnn_layout_trace SUFFIX(enf__egnn_layout_trace)
void egnn_layout_trace(const group *g, trace_work *w, enf__arena *arena);
/* vjp_trace with the exact divergence, without features. */
#define egnn_trace_grad SUFFIX(enf__egnn_trace_grad)
void egnn_trace_grad(const enf__egnn *f, int kernel, enf__arena *arena, const enf__points *at,
                     const enf__cotangent *of, const enf__gradient *out);

#endif
