/* egnn_layout.h -- what a call of either precision takes from its arena. */
#ifndef ENF__EGNN_LAYOUT_H
#define ENF__EGNN_LAYOUT_H

#include "field/egnn_divergence.h"
#include "field/egnn_pair.h"
#include "field/egnn_reverse.h"
#include "field/egnn_trace_reverse.h"

void SUFFIX(enf__egnn_layout)(const enf__egnn *f, const enf__shape *shape, enf__work work,
                              enf__arena *arena) {
  group g;
  open_group(&g, f, shape, work, arena);
  if (work == ENF__DIVERGENCE) {
    tangents d;
    layout_tangents(&g, &d, arena);
  }
  if (work == ENF__VJP_TRACE) {
    trace_work w;
    layout_trace(&g, &w, arena);
  }
  if (work == ENF__JVP || work == ENF__VJP_PROBE) {
    pair p;
    layout_pair(&g, &p, arena);
  }
  if (work == ENF__VJP) {
    reverse b;
    layout_reverse(&g, &b, arena);
    ENF__TAKE(arena, double, g.n *g.D);
  }
}

#endif
