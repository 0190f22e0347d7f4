/* passes.c -- what the field of particles does in one precision: which of its files has the call. */
#include "field/egnn/divergence.h"
#include "field/egnn/features.h"
#include "field/egnn/pair.h"
#include "field/egnn/reverse.h"
#include "field/egnn/trace.h"

static void layout(const enf__egnn *f, const enf__shape *shape, enf__work work,
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
    ENF__TAKE(arena, double, g.S *enf__shape_size(shape));
  }
}

static size_t workspace(const enf__field *field, int kernel, const enf__shape *shape,
                        enf__work work) {
  enf__arena count = {0};
  (void)kernel;
  layout((const enf__egnn *)field, shape, work, &count);
  return count.used;
}

static void forward(const enf__field *field, int kernel, enf__arena *arena, const enf__points *at,
                    const double *eps, double *v, double *v_dot, double *form) {
  const enf__egnn *f = (const enf__egnn *)field;
  if (eps)
    egnn_jvp(f, kernel, arena, at, eps, v, v_dot, form);
  else if (form)
    egnn_divergence(f, kernel, arena, at, v, form);
  else
    egnn_velocity(f, kernel, arena, at, v);
}

static void vjp(const enf__field *field, int kernel, enf__arena *arena, const enf__points *at,
                enf__cotangent_fn cotangent, void *user, double *dx, double *dparams) {
  egnn_vjp((const enf__egnn *)field, kernel, arena, at, cotangent, user, dx, dparams);
}

static void vjp_trace(const enf__field *field, int kernel, enf__arena *arena, const enf__points *at,
                      const enf__cotangent *of, const enf__gradient *out) {
  (of->eps                 ? egnn_probe_grad
   : field->model.features ? egnn_units_grad
                           : egnn_trace_grad)((const enf__egnn *)field, kernel, arena, at, of, out);
}

const enf__field_passes SUFFIX(enf__egnn_passes) = {workspace, forward, vjp, vjp_trace};
