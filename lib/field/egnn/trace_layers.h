/* trace_layers.h -- what trace_layers.c does for the other files of the EGNN. */
#ifndef ENF__EGNN_TRACE_LAYERS_H
#define ENF__EGNN_TRACE_LAYERS_H

#include "field/egnn/trace_rows.h"

static inline REAL *h_kept(const group *g, const trace_work *w, size_t l) {
  const size_t rows = g->layers < 4 ? w->d.E + w->d.T : w->d.N * w->d.T;
  return w->h_kept + (l - 1) * rows * w->d.H;
}

static inline REAL *v_kept(const trace_work *w, size_t l) {
  return w->v_kept + (l - 1) * w->d.T * w->d.T;
}

#define egnn_between_layer_grad SUFFIX(enf__egnn_between_layer_grad)
void egnn_between_layer_grad(group *g, trace_work *w, size_t l, bool contract);

#endif
