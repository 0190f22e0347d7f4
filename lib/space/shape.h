/* shape.h -- what the samples of one group share: particles, dimensions, features, kinds, edges;
   and points, samples of one shape at their times.

   Edges are directed, receiver by receiver in ascending order: all pairs, or a list in compressed
   rows, edge e of receiver i from particle send[e], e = start[i] ... start[i+1]-1. A list is
   symmetric: with (i,j) it has (j,i). Whoever walks edges does it here, and nothing else knows
   which of the two there are. A shape belongs to who made it; it is read only. */
#ifndef ENF__SHAPE_H
#define ENF__SHAPE_H

#include "core/core.h"

typedef struct {
  size_t particles, dimensions; /* N, D */
  size_t features;              /* F numbers of every particle that move with its position */
  size_t fixed;                 /* G numbers of a sample that stay as they are: its context */
  const int *kind;              /* (N) species, or NULL: all alike */
  const int32_t *start;         /* (N+1), or NULL: all pairs */
  const int32_t *send;          /* (start[N]), ascending for each receiver */
} enf__shape;

/* S samples of one shape: t (S), x (S,N D + N F + G), a sample's positions, then its features and its
   context. */
typedef struct {
  const enf__shape *shape;
  size_t S;
  const double *t, *x;
} enf__points;

/* Coordinates of a sample's positions, N D; its numbers that move, N D + N F; all of them. */
static inline size_t enf__shape_positions(const enf__shape *shape) {
  return shape->particles * shape->dimensions;
}
static inline size_t enf__shape_moved(const enf__shape *shape) {
  return shape->particles * (shape->dimensions + shape->features);
}
static inline size_t enf__shape_size(const enf__shape *shape) {
  return enf__shape_moved(shape) + shape->fixed;
}

/* The context's part of a tangent or cotangent, which has none. */
static inline void enf__shape_hold(const enf__shape *shape, double *x) {
  for (size_t c = enf__shape_moved(shape); c < enf__shape_size(shape); c++)
    x[c] = 0;
}

/* The first edge of receiver i; of i = N: the number of edges. */
static inline size_t enf__shape_start(const enf__shape *shape, size_t i) {
  return shape->start ? (size_t)shape->start[i] : i * (shape->particles - 1);
}

/* Species of a pair, in any order, as a number: a (a+1)/2 + b for a >= b. */
static inline size_t enf__shape_species(const enf__shape *shape, size_t i, size_t j) {
  const size_t a = shape->kind ? (size_t)shape->kind[i] : 0;
  const size_t b = shape->kind ? (size_t)shape->kind[j] : 0;
  return a > b ? a * (a + 1) / 2 + b : b * (b + 1) / 2 + a;
}

static inline size_t enf__shape_edges(const enf__shape *shape) {
  return enf__shape_start(shape, shape->particles);
}

/* An edge on the way through all of them: for (e = enf__edge_first(shape); enf__edge_is(&e);
   enf__edge_next(&e)). */
typedef struct {
  const enf__shape *shape;
  size_t number, receiver, sender;
} enf__edge;

static inline bool enf__edge_is(const enf__edge *e) {
  return e->number < enf__shape_edges(e->shape);
}

/* Receiver and sender of edge e->number, whose receiver is e->receiver or a later one. */
static inline void enf__edge_find(enf__edge *e) {
  if (!enf__edge_is(e))
    return;
  while (enf__shape_start(e->shape, e->receiver + 1) <= e->number)
    e->receiver++;
  const size_t place = e->number - enf__shape_start(e->shape, e->receiver);
  e->sender = e->shape->start ? (size_t)e->shape->send[e->number] : place + (place >= e->receiver);
}

static inline enf__edge enf__edge_first(const enf__shape *shape) {
  enf__edge e = {.shape = shape};
  enf__edge_find(&e);
  return e;
}

static inline void enf__edge_next(enf__edge *e) {
  e->number++;
  enf__edge_find(e);
}

/* The same through pairs: of the edges (i,j) and (j,i) one, i < j. Behind the last, i = N. */
typedef struct {
  const enf__shape *shape;
  size_t edge; /* where a list is at */
  size_t i, j;
} enf__pair;

static inline bool enf__pair_is(const enf__pair *p) { return p->i < p->shape->particles; }

/* The edge p->edge of a list, or the next one, as a pair. */
static inline void enf__pair_find(enf__pair *p) {
  const enf__shape *s = p->shape;
  for (; p->i < s->particles; p->i++)
    for (; p->edge < enf__shape_start(s, p->i + 1); p->edge++)
      if ((p->j = (size_t)s->send[p->edge]) > p->i)
        return;
}

static inline enf__pair enf__pair_first(const enf__shape *shape) {
  enf__pair p = {.shape = shape, .j = 1};
  if (shape->start)
    enf__pair_find(&p);
  return p;
}

static inline void enf__pair_next(enf__pair *p) {
  const size_t N = p->shape->particles;
  if (p->shape->start) {
    p->edge++;
    enf__pair_find(p);
  } else if (++p->j == N) {
    p->i = p->i + 2 < N ? p->i + 1 : N;
    p->j = p->i + 1;
  }
}

#endif
