/* chiral_work.h -- a sample on its way through the part that tells left from right (chiral.h): what
   its particles gather from pairs (chiral_pairs.c), and what happens at each (chiral.c). */
#ifndef ENF__CHIRAL_WORK_H
#define ENF__CHIRAL_WORK_H

#include "field/chiral.h"

#include <math.h>
#include <string.h>

enum {
  H = ENF__CHIRAL_HEADS,
  K = ENF__CHIRAL_WIDTHS,
  M = ENF__CHIRAL_POWERS,
  B = ENF__CHIRAL_TIMES,
  CHARGES = K * 3 * H, /* of one kind */
  GAINS = M * B * 3 * H
};

/* One number, and three, for every head. */
typedef double heads[H];
typedef heads vectors[3];

/* Of a particle, for c = 0, 1, 2: p, p_dot and the rows of S. */
typedef struct {
  vectors p[3], p_dot[3], S[3][3];
} node;

typedef struct {
  const enf__chiral *f;
  const enf__shape *shape;
  const double *x, *eps; /* (N,3) */
  bool slopes;           /* S is wanted */
  double norm;           /* (N-1)^-1/2 */
  double time[B];        /* T_b */
  node *value, *bar;     /* (N); bar.p_dot is p_hat */
  double *v, *v_dot;     /* (N,3) */
} sample;

static inline size_t kind_of(const sample *s, size_t i) {
  return s->shape->kind ? (size_t)s->shape->kind[i] : 0;
}

static inline double dot(const double *a, const double *b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* out += r.y for every head */
static inline void add_along(const double *r, vectors y, double *out) {
  for (size_t h = 0; h < H; h++)
    out[h] += r[0] * y[0][h] + r[1] * y[1][h] + r[2] * y[2][h];
}

static inline void add_dots(vectors x, vectors y, double *out) {
  for (size_t h = 0; h < H; h++)
    out[h] += x[0][h] * y[0][h] + x[1][h] * y[1][h] + x[2][h] * y[2][h];
}

/* Values of all particles from pairs: p, and as far as they are wanted p_dot and S. */
void enf__chiral_gather(sample *s);
/* Backwards, from bar: dx (N,3) and dA gain, each may be NULL. */
void enf__chiral_gather_grad(const sample *s, double *dx, double *dA);

#endif
