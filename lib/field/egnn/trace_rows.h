/* trace_rows.h -- gradient of the exact trace: rows of tangents through messages and node
   networks, forward and back at once. docs/math.md, "Gradient of the exact divergence".

   A message row is z_dot of the first linear layer of one edge. With A_k = slope_k z_dot_k,
   z_dot_k+1 = A_k W_k+1, y = u z_dot_top, its message tangent is y + (1 - gate)(wa.y) m, and what
   comes back from message_hat is, with y_hat = message_hat + (1 - gate)(m.message_hat) wa,

     z_hat_top = u y_hat,  u_bar += z_dot_top y_hat,  z_hat_k = slope_k (z_hat_k+1 W_k+1^T),
     slope_k_bar += z_dot_k (z_hat_k+1 W_k+1^T),  dW_k+1 += A_k^T z_hat_k+1. */
#ifndef ENF__EGNN_TRACE_ROWS_H
#define ENF__EGNN_TRACE_ROWS_H

#include "field/egnn/trace.h"

/* Rows of edge e, or of edges e, e + 1 ... where each row has its own: step 0 or 1. Message
   tangents are added to rows out, or not wanted: NULL. */
typedef struct {
  size_t e, step, count;
  REAL *const *out;
} row_set;

static inline void add_row(size_t H, REAL f, const REAL *in, REAL *restrict out) {
  for (size_t c = 0; c < H; c++)
    out[c] += f * in[c];
}

static inline size_t rows_of(const trace_work *w, bool dense) {
  return dense ? w->d.N * w->d.T : w->d.E + w->d.T;
}

#define egnn_message_rows SUFFIX(enf__egnn_message_rows)
const REAL *egnn_message_rows(group *g, trace_work *w, const layer *y, const row_set *s);
#define egnn_begin_messages SUFFIX(enf__egnn_begin_messages)
void egnn_begin_messages(const group *g, trace_work *w);
#define egnn_end_messages SUFFIX(enf__egnn_end_messages)
void egnn_end_messages(const group *g, trace_work *w, const layer *y);
#define egnn_node_rows_back SUFFIX(enf__egnn_node_rows_back)
void egnn_node_rows_back(group *g, trace_work *w, const layer *y, bool dense);
#define egnn_node_tangent_rows SUFFIX(enf__egnn_node_tangent_rows)
void egnn_node_tangent_rows(group *g, trace_work *w, const layer *y, bool dense);
#define egnn_scale_grad SUFFIX(enf__egnn_scale_grad)
void egnn_scale_grad(trace_work *w, size_t i, size_t j, size_t k, REAL f);
#define egnn_contract_axes_grad SUFFIX(enf__egnn_contract_axes_grad)
void egnn_contract_axes_grad(const group *g, trace_work *w, size_t i, size_t k, const REAL *from,
                             size_t apart, const REAL *to_hat, REAL *from_hat, size_t hat_apart);
#define egnn_contract_rows_grad SUFFIX(enf__egnn_contract_rows_grad)
void egnn_contract_rows_grad(const group *g, trace_work *w, bool dense, const REAL *in, size_t ldi,
                             const REAL *out_hat, REAL *in_hat, size_t ldh);
#define egnn_expand_rows_grad SUFFIX(enf__egnn_expand_rows_grad)
void egnn_expand_rows_grad(const group *g, trace_work *w, const REAL *in, const REAL *out_hat,
                           REAL *in_hat);

#endif
