/* pairwise_impl.h -- the pairwise kernels (pairwise.h), compiled once per instruction set.

   Every number is a vector of as many samples. Functions that are written for any D are inlined
   with D as a constant; the triangles are in lanes_cholesky.h. */
#define ENF__DOUBLE 1
#include "math/lanes_cholesky.h"
#include "math/pairwise.h"

/* ---- one pair -------------------------------------------------------------------------------- */

/* What the pair's functions say at its distance. */
typedef struct {
  vec e[3];
  vec inverse;              /* 1/d, 0 at d = 0 */
  vec u, beyond;            /* in the cell, behind the last */
  vec g, slope, curve, phi; /* g, g', g'', g/d */
  ivec place;               /* of the cell's numbers in the table */
} pair_at;

INLINE vec gather(const double *table, ivec place) {
  vec v;
  for (int k = 0; k < ENF__LANES; k++)
    v[k] = table[place[k]];
  return v;
}

/* From r = x_i - x_j. A number that is none goes to cell 0 and stays what it is. */
INLINE pair_at look(const enf__pairwise *p, const double *table, size_t D, const vec *r) {
  const vec zero = vec_set(0), one = vec_set(1), shifter = vec_set(6755399441055744.0);
  pair_at q;
  vec square = r[0] * r[0];
  for (size_t k = 1; k < D; k++)
    square = vec_fma(r[k], r[k], square);
  const vec d = vec_sqrt(square), at = d * vec_set(1 / p->width);
  q.inverse = vec_select(d > zero, one / d, zero);
  for (size_t k = 0; k < D; k++)
    q.e[k] = r[k] * q.inverse;
  /* the nearest whole number to at - 1/2; between two cells both say the same */
  const vec last = vec_set((double)(p->cells - 1));
  vec cell = at - vec_set(0.5);
  cell = vec_select(cell > zero, cell, zero);
  cell = vec_select(cell < last, cell, last);
  const vec shifted = cell + shifter;
  q.place = ((ivec)shifted - (ivec)shifter) * 4;
  cell = shifted - shifter;
  const vec inside = at - cell;
  q.u = vec_select(inside > one, one, inside);
  q.beyond = (inside - q.u) * vec_set(p->width);
  const vec G = gather(table, q.place), c0 = gather(table + 1, q.place),
            c1 = gather(table + 2, q.place), c2 = gather(table + 3, q.place);
  q.slope = vec_fma(vec_fma(c2, q.u, c1), q.u, c0);
  q.curve = vec_fma(c2 + c2, q.u, c1) * vec_set(1 / p->width);
  const vec integral = vec_fma(vec_fma(c2 * vec_set(1.0 / 3), q.u, c1 * vec_set(0.5)), q.u, c0);
  q.g = vec_fma(q.beyond, q.slope, vec_fma(integral * q.u, vec_set(p->width), G));
  q.phi = vec_select(d > zero, q.g * q.inverse, c0);
  return q;
}

INLINE const double *table_of(const enf__pairwise *p, size_t pair) {
  return p->spline + (size_t)p->row[pair] * p->cells * 4;
}

INLINE void difference(size_t D, const double *x, size_t i, size_t j, vec *r) {
  for (size_t k = 0; k < D; k++)
    r[k] = at_lanes(x, i * D + k) - at_lanes(x, j * D + k);
}

/* ---- the map and its matrix ------------------------------------------------------------------ */

/* The block of pair (i,j), i < j, joins 1 + J; the part of particle i is in own (D,D). */
INLINE void add_block(size_t D, const pair_at *q, size_t i, size_t j, vec *own, double *matrix) {
  const vec along = q->slope - q->phi;
  for (size_t a = 0; a < D; a++)
    for (size_t b = 0; b < D; b++) {
      const vec part = along * q->e[a] * q->e[b], block = a == b ? part + q->phi : part;
      put_lanes(matrix, entry(j * D + a, i * D + b), -block);
      if (b <= a) {
        own[a * D + b] += block;
        add_lanes(matrix, entry(j * D + a, j * D + b), block);
      }
    }
}

INLINE void value_of(size_t D, const enf__pairwise *p, const double *x, double *y, double *matrix) {
  const size_t N = p->particles;
  memcpy(y, x, N * D * sizeof(vec));
  for (size_t i = 0; matrix && i < N; i++)
    for (size_t a = 0; a < D; a++)
      for (size_t b = 0; b <= a; b++)
        put_lanes(matrix, entry(i * D + a, i * D + b), vec_set(a == b));
  for (size_t i = 0, pair = 0; i < N; i++) {
    vec own[9] = {{0}}, force[3] = {{0}};
    for (size_t j = i + 1; j < N; j++, pair++) {
      vec r[3];
      difference(D, x, i, j, r);
      const pair_at q = look(p, table_of(p, pair), D, r);
      for (size_t k = 0; k < D; k++) {
        const vec pull = q.phi * r[k];
        force[k] += pull;
        add_lanes(y, j * D + k, -pull);
      }
      if (matrix)
        add_block(D, &q, i, j, own, matrix);
    }
    for (size_t k = 0; k < D; k++)
      add_lanes(y, i * D + k, force[k]);
    for (size_t a = 0; matrix && a < D; a++)
      for (size_t b = 0; b <= a; b++)
        add_lanes(matrix, entry(i * D + a, i * D + b), own[a * D + b]);
  }
}

static void value(const enf__pairwise *p, const double *x, double *y, double *matrix) {
  if (p->dimensions == 2)
    value_of(2, p, x, y, matrix);
  else
    value_of(3, p, x, y, matrix);
}

/* ---- gradients ------------------------------------------------------------------------------- */

/* With Q = G_ii + G_jj - G_ij - G_ji of the inverse matrix, dl = tr (Q dB): its trace, Q e and
   e . Q e. */
typedef struct {
  vec along, trace, e[3];
} seen;

INLINE seen see(size_t D, const pair_at *q, const double *inverse, size_t i, size_t j) {
  seen s = {.along = vec_set(0), .trace = vec_set(0)};
  for (size_t a = 0; a < D; a++) {
    s.e[a] = vec_set(0);
    for (size_t b = 0; b < D; b++) {
      const size_t high = a > b ? a : b, low = a > b ? b : a;
      const vec Q = at_lanes(inverse, entry(i * D + high, i * D + low)) +
                    at_lanes(inverse, entry(j * D + high, j * D + low)) -
                    at_lanes(inverse, entry(j * D + a, i * D + b)) -
                    at_lanes(inverse, entry(j * D + b, i * D + a));
      s.e[a] = vec_fma(Q, q->e[b], s.e[a]);
      if (a == b)
        s.trace += Q;
    }
    s.along = vec_fma(s.e[a], q->e[a], s.along);
  }
  return s;
}

/* Cotangents of g and g' to those of the cell's numbers. */
INLINE void scatter(const enf__pairwise *p, const pair_at *q, vec dg, vec dslope, double *table) {
  const vec u = q->u, wide = dg * vec_set(p->width) * u;
  dslope = vec_fma(dg, q->beyond, dslope);
  const vec by[4] = {dg, dslope + wide, u * vec_fma(wide, vec_set(0.5), dslope),
                     u * u * vec_fma(wide, vec_set(1.0 / 3), dslope)};
  for (int k = 0; k < ENF__LANES; k++)
    for (int m = 0; m < 4; m++)
      table[q->place[k] + m] += by[m][k];
}

INLINE void pull_of(size_t D, const enf__pairwise *p, const double *x, const double *inverse,
                    const double *a, const double *weight, double *dx, double *dspline) {
  const size_t N = p->particles;
  const vec mu = vec_load(weight);
  if (dx)
    memset(dx, 0, N * D * sizeof(vec));
  for (size_t i = 0, pair = 0; i < N; i++)
    for (size_t j = i + 1; j < N; j++, pair++) {
      vec r[3], da[3], by_a = vec_set(0);
      difference(D, x, i, j, r);
      difference(D, a, i, j, da);
      const double *table = table_of(p, pair);
      const pair_at q = look(p, table, D, r);
      const seen s = see(D, &q, inverse, i, j);
      for (size_t k = 0; k < D; k++)
        by_a = vec_fma(q.e[k], da[k], by_a);
      const vec across = s.trace - s.along, bend = (q.slope - q.phi) * q.inverse;
      if (dspline)
        scatter(p, &q, vec_fma(mu * across, q.inverse, by_a), mu * s.along,
                dspline + (table - p->spline));
      const vec outward = mu * (across * bend + s.along * q.curve - vec_set(2) * bend * s.along) +
                          (q.slope - q.phi) * by_a;
      const vec sideways = vec_set(2) * mu * bend;
      for (size_t k = 0; dx && k < D; k++) {
        const vec part = q.e[k] * outward + sideways * s.e[k] + q.phi * da[k];
        add_lanes(dx, i * D + k, part);
        add_lanes(dx, j * D + k, -part);
      }
    }
}

static void pull(const enf__pairwise *p, const double *x, const double *inverse, const double *a,
                 const double *weight, double *dx, double *dspline) {
  if (p->dimensions == 2)
    pull_of(2, p, x, inverse, a, weight, dx, dspline);
  else
    pull_of(3, p, x, inverse, a, weight, dx, dspline);
}

extern const enf__pairwise_kernels ENF__TABLE;
const enf__pairwise_kernels ENF__TABLE = {ENF__LANES, value, factor, solve, invert, times, pull};
