/* units.c -- gradient of sum <a,v> + b div v + c |v|^2 with the exact divergence, where particles
   have features: the divergence is the sum of e^T J e over the unit vectors e, and each is a probe.
   Of N (D + F) probes' cost; densities need values alone (features.c). */
#include "field/egnn/features.h"
#include "field/egnn/pair.h"

enum { TOGETHER = 16 };

/* Probes of one sample that are worked on together. */
typedef struct {
  double *t, *x, *eps, *a, *b, *c, *dx, *value; /* (S), (S,size), ..., (S), (S), (S,size) */
} units;

static units layout_units(const enf__shape *shape, enf__arena *arena) {
  const size_t S = TOGETHER, count = S * enf__shape_size(shape);
  return (units){.t = ENF__TAKE(arena, double, S),
                 .x = ENF__TAKE(arena, double, count),
                 .eps = ENF__TAKE(arena, double, count),
                 .a = ENF__TAKE(arena, double, count),
                 .b = ENF__TAKE(arena, double, S),
                 .c = ENF__TAKE(arena, double, S),
                 .dx = ENF__TAKE(arena, double, count),
                 .value = ENF__TAKE(arena, double, S *ENF__VALUES)};
}

void egnn_layout_units(const enf__shape *shape, enf__arena *arena) { layout_units(shape, arena); }

/* The unit vectors first ... first+S-1 at sample s; a and c are the first one's alone. */
static void fill_units(const enf__points *at, const enf__cotangent *of, size_t s, size_t first,
                       size_t S, units *u) {
  const size_t size = enf__shape_size(at->shape);
  for (size_t i = 0; i < S; i++) {
    const bool alone = first + i == 0;
    u->t[i] = at->t[s];
    u->b[i] = of->b[s];
    u->c[i] = alone && of->c ? of->c[s] : 0;
    memcpy(u->x + i * size, at->x + s * size, size * sizeof *u->x);
    for (size_t k = 0; k < size; k++) {
      u->eps[i * size + k] = k == first + i;
      u->a[i * size + k] = alone ? of->a[s * size + k] : 0;
    }
  }
}

/* What they give joins the sample's. */
static void add_units(const enf__gradient *out, size_t size, size_t s, size_t first, size_t S,
                      const units *u) {
  double *value = out->value ? out->value + s * ENF__VALUES : NULL;
  for (size_t i = 0; i < S; i++) {
    for (size_t k = 0; out->dx && k < size; k++)
      out->dx[s * size + k] = (first + i ? out->dx[s * size + k] : 0) + u->dx[i * size + k];
    for (size_t k = 0; value && k < ENF__VALUES; k++)
      value[k] = (first + i ? value[k] : 0) +
                 (k == ENF__TRACE_VALUE || first + i == 0 ? u->value[i * ENF__VALUES + k] : 0);
  }
}

void egnn_units_grad(const enf__egnn *f, int kernel, enf__arena *arena, const enf__points *at,
                     const enf__cotangent *of, const enf__gradient *out) {
  const size_t mark = arena->used, size = enf__shape_size(at->shape);
  units u = layout_units(at->shape, arena);
  const enf__gradient part = {out->dx ? u.dx : NULL, out->dparams, out->value ? u.value : NULL};
  const size_t moved = enf__shape_moved(at->shape);
  for (size_t s = 0; s < at->S; s++)
    for (size_t first = 0; first < moved; first += TOGETHER) {
      const size_t S = moved - first < TOGETHER ? moved - first : TOGETHER;
      fill_units(at, of, s, first, S, &u);
      const enf__points points = {at->shape, S, u.t, u.x};
      const enf__cotangent each = {u.eps, u.a, u.b, of->c ? u.c : NULL, NULL, NULL};
      egnn_probe_grad(f, kernel, arena, &points, &each, &part);
      add_units(out, size, s, first, S, &u);
    }
  arena->used = mark;
}
