/* trace_edges.h -- what trace_edges.c does for the other files of the EGNN. */
#ifndef ENF__EGNN_TRACE_EDGES_H
#define ENF__EGNN_TRACE_EDGES_H

#include "field/egnn/trace_layers.h"

#define egnn_add_pair_grads SUFFIX(enf__egnn_add_pair_grads)
void egnn_add_pair_grads(const tangents *d, const REAL *table, REAL *x);
#define egnn_values_grad SUFFIX(enf__egnn_values_grad)
void egnn_values_grad(group *g, size_t l, trace_work *w, const edge_sums *sums);

#endif
