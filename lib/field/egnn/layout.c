/* layout.c -- what a call of either precision takes from its arena. */
#include "field/egnn/divergence.h"
#include "field/egnn/features.h"
#include "field/egnn/pair.h"
#include "field/egnn/reverse.h"
#include "field/egnn/trace.h"

void SUFFIX(enf__egnn_layout)(const enf__egnn *f, const enf__shape *shape, enf__work work,
                              enf__arena *arena) {
  group g;
  if (f->base.model.features && work == ENF__VJP_TRACE) {
    egnn_layout_units(shape, arena);
    work = ENF__VJP_PROBE;
  }
  egnn_open_group(&g, f, shape, work, arena);
  if (g.F && work == ENF__DIVERGENCE) {
    feature_tangents d;
    egnn_layout_feature_tangents(&g, &d, arena);
    return;
  }
  if (work == ENF__DIVERGENCE) {
    tangents d;
    egnn_layout_tangents(&g, &d, arena);
  }
  if (work == ENF__VJP_TRACE) {
    trace_work w;
    egnn_layout_trace(&g, &w, arena);
  }
  if (work == ENF__JVP || work == ENF__VJP_PROBE) {
    pair p;
    egnn_layout_pair(&g, &p, work == ENF__VJP_PROBE, arena);
  }
  if (g.F && work == ENF__VJP_PROBE) {
    egnn_layout_transposed(&g, arena);
    egnn_open_group(&g, f, shape, ENF__VJP, arena);
    work = ENF__VJP;
  }
  if (work == ENF__VJP) {
    reverse b;
    egnn_layout_reverse(&g, &b, arena);
    ENF__TAKE(arena, double, g.n *(g.D + g.F));
  }
}
