/* geometry.h -- one atom of a Z-matrix and its references: measured, placed, and differentiated.

   With b1 = a - atom, b2 = b - a, b3 = c - b, m = b1 x b2, n = b2 x b3:

     distance r = |b1|,   angle T = atan2(|m|, -b1.b2),   dihedral P = atan2(|b2| b1.n, m.n)

   (IUPAC's sign.) Gradients of the dihedral: Blondel and Karplus 1996, J. Comput. Chem. 17, 1132.
   The placing is the inverse: atom = a + r (-cos T e + sin T (cos P f x e + sin P f)),
   e = (a-b)/|a-b|, f = (b-c) x e normalised (Parsons et al. 2005, J. Comput. Chem. 26, 1063).

   At the atom the gradients of r, T and P are at right angles, of lengths 1, 1/r and
   1/(r sin T): so the same gradients serve both ways. */
#ifndef ENF__GEOMETRY_H
#define ENF__GEOMETRY_H

#include "space/zmatrix.h"
#include <math.h>

typedef struct {
  double b1[3], b2[3], m[3];
  double r, s;         /* |b1|, |b2| */
  double area, cosine; /* r s sin T = |m|, r s cos T */
} enf__bend;

typedef struct {
  double b3[3], n[3];
  double sine, cosine, size; /* of P, both times size = |m| |n| */
} enf__turn;

/* dL/dr, dL/dT, dL/dP */
typedef struct {
  double r, T, P;
} enf__pull;

static inline double enf__dot3(const double *a, const double *b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static inline void enf__cross3(const double *a, const double *b, double *out) {
  out[0] = a[1] * b[2] - a[2] * b[1];
  out[1] = a[2] * b[0] - a[0] * b[2];
  out[2] = a[0] * b[1] - a[1] * b[0];
}

static inline void enf__from_to(const double *x, int32_t from, int32_t to, double *out) {
  for (int k = 0; k < 3; k++)
    out[k] = x[3 * to + k] - x[3 * from + k];
}

static inline double enf__length3(const double *a) { return sqrt(enf__dot3(a, a)); }

static inline void enf__add3(double *x, int32_t atom, double factor, const double *v) {
  for (int k = 0; k < 3; k++)
    x[3 * atom + k] += factor * v[k];
}

/* ---- measured ------------------------------------------------------------------------------- */

static inline enf__bend enf__measure_bend(const double *x, int32_t atom, int32_t a, int32_t b) {
  enf__bend g;
  enf__from_to(x, atom, a, g.b1);
  enf__from_to(x, a, b, g.b2);
  enf__cross3(g.b1, g.b2, g.m);
  g.r = enf__length3(g.b1);
  g.s = enf__length3(g.b2);
  g.area = enf__length3(g.m);
  g.cosine = -enf__dot3(g.b1, g.b2);
  return g;
}

static inline enf__turn enf__measure_turn(const double *x, const enf__bend *g, int32_t b,
                                          int32_t c) {
  enf__turn t;
  enf__from_to(x, b, c, t.b3);
  enf__cross3(g->b2, t.b3, t.n);
  t.sine = g->s * enf__dot3(g->b1, t.n);
  t.cosine = enf__dot3(g->m, t.n);
  t.size = g->area * enf__length3(t.n);
  return t;
}

static inline double enf__angle(const enf__bend *g) { return atan2(g->area, g->cosine); }

/* In (-pi,pi]; what is no number stays none. */
static inline double enf__dihedral(const enf__turn *t) {
  const double P = atan2(t->sine, t->cosine);
  return P <= -M_PI ? M_PI : P;
}

/* Below this sine three atoms count as on a line; longer distances would overflow. */
#define ENF__LEAST_SINE 1e-8
#define ENF__LONGEST 1e75

static inline bool enf__is_bend(const enf__bend *g) {
  return g->area > ENF__LEAST_SINE * g->r * g->s && g->r < ENF__LONGEST && g->s < ENF__LONGEST;
}

static inline bool enf__is_turn(const enf__bend *g, const enf__turn *t) {
  const double b3 = enf__dot3(t->b3, t->b3);
  return enf__dot3(t->n, t->n) > ENF__LEAST_SINE * ENF__LEAST_SINE * g->s * g->s * b3 &&
         b3 < ENF__LONGEST * ENF__LONGEST;
}

/* ---- placed --------------------------------------------------------------------------------- */

/* False where a, b and c are on a line. */
static inline bool enf__place(double *x, const enf__zrow *row, double r, double T, double P) {
  double e[3], cb[3], f[3], g[3];
  const double along = -r * cos(T), across = r * sin(T);
  const double to_g = across * cos(P), to_f = across * sin(P);
  enf__from_to(x, row->b, row->a, e);
  enf__from_to(x, row->c, row->b, cb);
  enf__cross3(cb, e, f);
  const double s = enf__length3(e), area = enf__length3(f);
  for (int k = 0; k < 3; k++)
    e[k] /= s, f[k] /= area;
  enf__cross3(f, e, g);
  for (int k = 0; k < 3; k++)
    x[3 * row->atom + k] = x[3 * row->a + k] + along * e[k] + to_g * g[k] + to_f * f[k];
  return area > 0;
}

/* ---- differentiated ------------------------------------------------------------------------- */

/* dx += dL/ds grad s, of the distance s of a and b. */
static inline void enf__add_distance(double *dx, int32_t a, int32_t b, const enf__bend *g,
                                     double ds) {
  enf__add3(dx, b, ds / g->s, g->b2);
  enf__add3(dx, a, -ds / g->s, g->b2);
}

/* dx += dL/dr grad r + dL/dT grad T */
static inline void enf__add_bend(double *dx, int32_t atom, int32_t a, int32_t b, const enf__bend *g,
                                 double dr, double dT) {
  const double rs_r = g->cosine / (g->r * g->r), rs_s = g->cosine / (g->s * g->s);
  const double per_area = dT / g->area, along = dr / g->r;
  for (int k = 0; k < 3; k++) {
    const double u = -g->b1[k], v = g->b2[k];
    const double at_atom = along * u + per_area * (rs_r * u - v);
    const double at_b = per_area * (rs_s * v - u);
    dx[3 * atom + k] += at_atom;
    dx[3 * b + k] += at_b;
    dx[3 * a + k] -= at_atom + at_b;
  }
}

/* dx += dL/dP grad P */
static inline void enf__add_turn(double *dx, const enf__zrow *row, const enf__bend *g,
                                 const enf__turn *t, double dP) {
  const double m2 = g->area * g->area, n2 = enf__dot3(t->n, t->n);
  const double atom = -dP * g->s / m2, c = dP * g->s / n2;
  const double m_a = -dP * g->cosine / (m2 * g->s),
               n_b = dP * enf__dot3(g->b2, t->b3) / (n2 * g->s);
  enf__add3(dx, row->atom, atom, g->m);
  enf__add3(dx, row->c, c, t->n);
  enf__add3(dx, row->a, m_a - atom, g->m);
  enf__add3(dx, row->a, n_b, t->n);
  enf__add3(dx, row->b, -m_a, g->m);
  enf__add3(dx, row->b, -n_b - c, t->n);
}

/* What a force on the atom pulls at its coordinates (P of the atom of a row only). */
static inline enf__pull enf__pull_of(const double *dx, int32_t atom, const enf__bend *g) {
  const double *force = dx + 3 * atom;
  const double along = -enf__dot3(force, g->b1), across = enf__dot3(force, g->b2);
  return (enf__pull){.r = along / g->r,
                     .T = (g->cosine * along - g->r * g->r * across) / g->area,
                     .P = -enf__dot3(force, g->m) / g->s};
}

#endif
