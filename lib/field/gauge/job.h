/* job.h -- the samples of one vector at work: their links, what is made of them, where sites are. */
#ifndef ENF__GAUGE_JOB_H
#define ENF__GAUGE_JOB_H

#include "field/gauge.h"
#include "field/gauge/lanes.h"

/* Arrays of a whole lattice: (V,n^2) unless it says otherwise. */
typedef struct {
  const enf__gauge_shape *shape;
  size_t n, matrix, algebra; /* vecs of a matrix, of one of the algebra */
  size_t V, links;           /* plaquettes, or the one matrix; links */
  vec *u;                    /* (2,V,matrix), or (1,matrix) */
  vec *c;                    /* (terms) */
  vec *g, *a;                /* G; A (2,V,n^2), or (1,n^2) */
  vec div;
  /* cotangents; du and dc may be NULL */
  vec *du, *dc, *dg, *da;
  vec b;                   /* of div */
  bool whole;              /* the drain keeps all lines, for the reverse */
  vec *part[8];            /* of the drain */
  vec *line;               /* of one line of the drain */
} job;

INLINE size_t size_of(const job *j) { return ENF__N ? ENF__N : j->n; }

INLINE vec *link_at(const job *j, size_t mu, size_t x) { return j->u + (mu * j->V + x) * j->matrix; }
INLINE vec *dlink_at(const job *j, size_t mu, size_t x) {
  return j->du + (mu * j->V + x) * j->matrix;
}
INLINE vec *algebra_at(const job *j, vec *of, size_t x) { return of + x * j->algebra; }

/* The neighbour along axis mu of site x = x0 L1 + x1, and the one on the other side. */
static size_t ahead(const job *j, size_t x, size_t mu) {
  const size_t L1 = j->shape->links.side[1], x1 = x % L1;
  if (mu == 1)
    return x1 + 1 < L1 ? x + 1 : x - x1;
  return x + L1 < j->V ? x + L1 : x + L1 - j->V;
}
static size_t behind(const job *j, size_t x, size_t mu) {
  const size_t L1 = j->shape->links.side[1], x1 = x % L1;
  if (mu == 1)
    return x1 > 0 ? x - 1 : x + L1 - 1;
  return x >= L1 ? x - L1 : x + j->V - L1;
}

/* The site to be fetched when x is at work, on the way along axis mu. */
static size_t along(const job *j, size_t x, size_t mu) {
  const size_t step = mu == 1 ? FETCHED : FETCHED * j->shape->links.side[1];
  return x + step < j->V ? x + step : x;
}

/* du(mu,x) -= 2 a u b, if it is wanted (lanes.h). */
static void pull_link_at(const job *j, size_t mu, size_t x, const vec *a, const vec *b) {
  if (j->du)
    pull_link(size_of(j), a, link_at(j, mu, x), b, dlink_at(j, mu, x));
}

#endif
