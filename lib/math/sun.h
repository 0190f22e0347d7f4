/* sun.h -- one small complex matrix at a time, n x n with n = 1 ... 8: products, the algebra su(n),
   and the group SU(n).

   A matrix is 2 n^2 doubles, row-major, (re,im) pairs. Outputs may not overlap inputs unless it
   says so. The algebra's basis T_a, a = 0 ... n^2-2, is anti-Hermitian with -tr(T_a T_b) =
   delta_ab: for j = 1 ... n-1, for every i < j: i/sqrt2 (E_ij + E_ji) and 1/sqrt2 (E_ij - E_ji);
   then i/sqrt(j(j+1)) diag(1, ... 1, -j, 0 ...) with j ones. */
#ifndef ENF__SUN_H
#define ENF__SUN_H

#include <stddef.h>

enum { ENF__SUN_MOST = 8, ENF__SUN_DOUBLES = 2 * ENF__SUN_MOST * ENF__SUN_MOST };

void enf__sun_identity(size_t n, double *c);
void enf__sun_product(size_t n, const double *a, const double *b, double *c);         /* a b */
void enf__sun_product_adjoint(size_t n, const double *a, const double *b, double *c); /* a b^+ */
void enf__sun_adjoint_product(size_t n, const double *a, const double *b, double *c); /* a^+ b */
/* (m - m^+)/2 less its trace part; may be in place. */
void enf__sun_tangent(size_t n, const double *m, double *out);
void enf__sun_trace(size_t n, const double *m, double z[2]);
void enf__sun_determinant(size_t n, const double *m, double z[2]);

/* T_a; sum_a c_a T_a; c_a = -tr(T_a m), m of the algebra. */
void enf__sun_basis(size_t n, size_t a, double *t);
void enf__sun_compose(size_t n, const double *c, double *m);
void enf__sun_components(size_t n, const double *m, double *c);

/* exp(scale m), m of the algebra: a matrix of the group to rounding. */
void enf__sun_exp(size_t n, double scale, const double *m, double *out);

/* How far u is from the group: the largest entry of |u^+ u - 1|, or |det u - 1| if that is more;
   not finite where u is not. */
double enf__sun_distance(size_t n, const double *u);
/* The way back to the group for u near it: u <- u (3 - u^+ u)/2 three times, the polar factor to
   eighth order in the distance, then u <- u exp(-i arg(det u)/n). In place. */
void enf__sun_restore(size_t n, double *u);
/* Its reverse: du from the cotangents (by the 2 n^2 numbers) of what it makes of u to those of u.
 */
void enf__sun_restore_pull(size_t n, const double *u, double *du);
/* A Haar matrix from 2 n^2 independent standard normals, in place: Q of the QR decomposition with
   R's diagonal positive (Mezzadri 2007, arXiv:math-ph/0609050), its determinant divided out. */
void enf__sun_haar(size_t n, double *u);

#endif
