/* pair_forces.c -- velocity, trace and tangents of the pair kernel: see work.h. */
#include "field/pair_kernel/work.h"

static void add_forces(const group *g, size_t rows, double *v) {
  for (size_t row = 0; row < rows; row++) {
    const pair *p = &g->pair[row];
    const double phi = phi_of(g, row);
    for (size_t a = 0; a < g->D; a++) {
      v[p->i + a] += phi * p->r[a];
      v[p->j + a] -= phi * p->r[a];
    }
  }
}

static void add_tangents(const group *g, size_t rows, const double *eps, double *v_dot) {
  for (size_t row = 0; row < rows; row++) {
    const pair *p = &g->pair[row];
    const trace_term y = trace_of(g, p, eps);
    const double phi = phi_of(g, row), along = y.along * inverse(p->d) * (double)g->phi1[row];
    for (size_t a = 0; a < g->D; a++) {
      const double change = phi * y.e[a] + along * p->r[a];
      v_dot[p->i + a] += change;
      v_dot[p->j + a] -= change;
    }
  }
}

static void add_traces(const group *g, size_t rows, const double *eps, double *form) {
  for (size_t row = 0; row < rows; row++) {
    const trace_term y = trace_of(g, &g->pair[row], eps);
    form[g->pair[row].sample] += y.q0 * phi_of(g, row) + y.q1 * (double)g->phi1[row];
  }
}

void pairs_forward_group(group *g, const double *x, const double *eps, double *v, double *v_dot,
                         double *form) {
  const enf__pair_kernel *f = g->f;
  cursor at = pairs_first_pair(g);
  if (v)
    memset(v, 0, g->samples * g->N * g->D * sizeof *v);
  if (v_dot)
    memset(v_dot, 0, g->samples * g->N * g->D * sizeof *v_dot);
  if (form)
    memset(form, 0, g->samples * sizeof *form);
  for (size_t rows; (rows = pairs_fill_tile(g, x, &at));) {
    g->fk->expansion(rows, f->Kp, g->d, g->w + f->center, g->w + f->sharp, g->coef, g->seg, g->phi,
                     form || v_dot ? g->phi1 : NULL);
    if (v)
      add_forces(g, rows, v);
    if (v_dot)
      add_tangents(g, rows, eps, v_dot);
    if (form)
      add_traces(g, rows, eps, form);
  }
}

void pairs_forward(const enf__field *field, int kernel, enf__arena *arena, const enf__points *at,
                   const double *eps, double *v, double *v_dot, double *form) {
  const enf__pair_kernel *f = (const enf__pair_kernel *)field;
  const size_t used = arena->used, n = enf__pair_kernel_group(f);
  group g = pairs_open_group(f, at->shape, kernel, false, arena);
  for (size_t s = 0; s < at->S; s += n) {
    const size_t i = s * g.N * g.D;
    pairs_start_group(&g, smaller(n, at->S - s), at->t + s);
    pairs_forward_group(&g, at->x + i, eps ? eps + i : NULL, v ? v + i : NULL,
                        v_dot ? v_dot + i : NULL, form ? form + s : NULL);
  }
  arena->used = used;
}
