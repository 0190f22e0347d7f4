/* gauge.h -- inside of the velocity fields of matrices: dU/dt = A(U,t) U for one matrix of SU(n)
   (field class) or the links of a lattice (local, drain), A built of class words.

   For a matrix P let TA be the traceless anti-Hermitian part, z_k = tr P^k, and T_i Chebyshev
   polynomials of r = Re z_1/n, y = 2 |z_1|^2/n^2 - 1, s = Re z_2/n. A word e = (k,i,j,l) is the
   algebra-valued class field

     X_e(P) = - f_e TA(P^k),   f_e = T_i(r) T_j(y) T_l(s),   X(g P g^+) = g X(P) g^+

   and D_e its divergence under left translations of P (gauge/words.h). Of degree d there are those
   with k = 1 ... n-1 and i + 2j + 2l + k - 1 <= d, k slowest, then i, j, l; n = 2 has j = l = 0, n =
   3 has l = 0. U(1): X_k = - sin k theta, k = 1 ... d.

   With G = sum_e c_e(t) X_e, at U itself or at the plaquettes, a lift makes A of it:

     class   A = G(U)                                                        div = sum c_e D_e(U)
     local   A_mu(x) = the sum over both plaquettes through the link         div = 4 sum_x sum c_e D_e
     drain   every plaquette moves by its own G less the lattice's mean      div = (1 - 1/V) sum ...
             (gauge/drain.h)

   Coefficients c_e(t) are Catmull-Rom curves through T equidistant knots: the one tensor "class"
   (E + 2 M^2, T), words, then for U(1) the pairs (a,b), for each b_ab and d_ab.

   The arithmetic is float64 whatever run.precision says, samples in the lanes of vectors. */
#ifndef ENF__GAUGE_H
#define ENF__GAUGE_H

#include "field/field.h"
#include "space/links.h"

enum { ENF__LIFT_CLASS, ENF__LIFT_LOCAL, ENF__LIFT_DRAIN };

/* k of P^k and the degrees of the three polynomials; of U(1) k alone. */
typedef struct {
  uint8_t k, degree[3];
} enf__word;

/* What the kernels need to know. */
typedef struct {
  enf__links links;
  int lift;
  size_t degree, pairs;
  size_t words, terms; /* E, E + 2 M^2 */
  const enf__word *word;
} enf__gauge_shape;

/* Samples are worked on in groups of so many, whatever the width of the vectors. */
enum { ENF__GAUGE_GROUP = 8 };

/* One instruction set and size of matrices: S samples, at most ENF__GAUGE_GROUP. Arrays of a sample:
   c (terms), x and v of links, as are cotangents. Going forward, x and v of a sample are `stride`
   numbers behind those of the sample before. */
typedef struct {
  size_t (*workspace)(const enf__gauge_shape *shape, bool reverse);
  /* v (S,dim) and div (S), either may be NULL. */
  void (*forward)(const enf__gauge_shape *shape, enf__arena *arena, size_t S, const double *c,
                  const double *x, size_t stride, double *v, double *div);
  /* Of sum_s <a,v> + b div + speed |v|^2: dx (S,dim), Euclidean, or NULL; dc (S,terms), or NULL;
     b and speed (S) may be NULL: 0; value (S,2) = div and |v|^2, or NULL. */
  void (*reverse)(const enf__gauge_shape *shape, enf__arena *arena, size_t S, const double *c,
                  const double *x, const double *a, const double *b, const double *speed,
                  double *dx, double *dc, double *value);
} enf__gauge_kernels;

/* For SU(n), n = 1: U(1), at a resolved kernel level (gauge_kernels.c). */
const enf__gauge_kernels *enf__gauge_kernels_of(int kernel, size_t n);

typedef struct {
  enf__field base;
  enf__gauge_shape shape;
  size_t times, param; /* T; where its tensor begins in a block */
  enf__word *word;     /* (words) */
  double *coef;        /* (terms,T) */
} enf__gauge;

#endif
