/* plaquettes.h -- SU(n): G and the divergence at every plaquette of a lattice,
   P(x) = U_0(x) U_1(x+0) U_0(x+1)^+ U_1(x)^+, or at the one matrix of a sample, and their reverse. */
#ifndef ENF__GAUGE_PLAQUETTES_H
#define ENF__GAUGE_PLAQUETTES_H

#include "field/gauge/job.h"
#include "field/gauge/words.h"

/* P = t s^+ with t = U_0(x) U_1(x+0), s = U_1(x) U_0(x+1). */
static void find_loop(const job *j, size_t x, vec *t, vec *s, vec *p) {
  const size_t n = size_of(j);
  if (j->shape->lift == ENF__LIFT_CLASS) {
    vecs_copy(j->matrix, j->u, p);
    return;
  }
  product(n, link_at(j, 0, x), link_at(j, 1, ahead(j, x, 0)), t);
  product(n, link_at(j, 1, x), link_at(j, 0, ahead(j, x, 1)), s);
  product_adjoint(n, t, s, p);
}

static void pull_loop(const job *j, size_t x, const vec *t, const vec *s, const vec *dp) {
  const size_t n = size_of(j);
  vec dt[MATRIX], ds[MATRIX], d[MATRIX];
  if (j->shape->lift == ENF__LIFT_CLASS) {
    vecs_add(j->matrix, 1, dp, j->du);
    return;
  }
  const size_t x0 = ahead(j, x, 0), x1 = ahead(j, x, 1);
  product(n, dp, s, dt);
  adjoint_product(n, dp, t, ds);
  product_adjoint(n, dt, link_at(j, 1, x0), d);
  vecs_add(j->matrix, 1, d, dlink_at(j, 0, x));
  adjoint_product(n, link_at(j, 0, x), dt, d);
  vecs_add(j->matrix, 1, d, dlink_at(j, 1, x0));
  product_adjoint(n, ds, link_at(j, 0, x1), d);
  vecs_add(j->matrix, 1, d, dlink_at(j, 1, x));
  adjoint_product(n, link_at(j, 1, x), ds, d);
  vecs_add(j->matrix, 1, d, dlink_at(j, 0, x1));
}

/* Plaquettes that one direction of a link's algebra moves: the share of a word's D that it adds to
   the divergence. */
static double divergence_factor(const job *j) {
  const int lift = j->shape->lift;
  return lift == ENF__LIFT_CLASS ? 1 : lift == ENF__LIFT_LOCAL ? 4 : 1 - 1 / (double)j->V;
}

/* g, and div, if it is wanted. */
static void find_fields(job *j, bool divergence) {
  const size_t n = size_of(j);
  vec t[MATRIX], s[MATRIX], p[MATRIX], sum = vec_set(0);
  words w;
  for (size_t x = 0; x < j->V; x++) {
    find_loop(j, x, t, s, p);
    find_traces(n, p, &w);
    find_polynomials(n, j->shape->degree, &w);
    sum_words(j->shape, n, j->c, divergence ? SLOPES : VALUES, &w);
    field_of(n, &w, algebra_at(j, j->g, x));
    if (!divergence)
      continue;
    find_divergences(n, &w);
    sum += divergence_of(n, &w);
  }
  j->div = vec_set(divergence_factor(j)) * sum;
}

/* du and dc, as far as they are wanted, from dg, which loses its traces, and b. */
static void pull_fields(const job *j) {
  const size_t n = size_of(j);
  const vec b = vec_set(divergence_factor(j)) * j->b;
  vec t[MATRIX], s[MATRIX], p[MATRIX], dp[MATRIX];
  words w;
  for (size_t x = 0; x < j->V; x++) {
    find_loop(j, x, t, s, p);
    find_traces(n, p, &w);
    find_polynomials(n, j->shape->degree, &w);
    sum_words(j->shape, n, j->c, CURVES, &w);
    find_divergences(n, &w);
    pull_words(j->shape, n, &w, algebra_at(j, j->dg, x), b, j->du ? dp : NULL, j->dc);
    if (j->du)
      pull_loop(j, x, t, s, dp);
  }
}

#endif
