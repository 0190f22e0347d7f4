/* enf/lattice.h -- gauge fields on a periodic lattice of two dimensions, and matrices of SU(n). */
#ifndef ENF_LATTICE_H
#define ENF_LATTICE_H

#include <enf/flow.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Arrays are those of the flow: a matrix of SU(n) is D = 2 n^2 numbers, row-major, (re,im) pairs; a
   sample of model.space group is one, a sample of model.space lattice is the links U_mu(x),
   (2,l0,l1,D), mu first, U_mu(x) from x to its neighbour along axis mu; U(1): D = 1, the angle. V is
   l0 l1. In the calls on samples one that fails is NaN, the others are right, and the status is that
   of the first that failed: NONFINITE, RANGE (a matrix that is not in the group by more than 1e-6). */

/**
 * enf_group_angles: eigenangles of matrices, where their eigenvalues are on the unit circle.
 *
 * In:   flow  of model.space group, SU(N)
 *       x     (n,1,2 N^2)
 * Out:  angles    (n,N), ascending in (-pi,pi]
 *       log_haar  (n) log of prod_{i<j} |e^{i a_i} - e^{i a_j}|^2 / (N! (2 pi)^(N-1)): Haar's density
 *                 of the angles in any order, N - 1 of them by Lebesgue's measure; NULL: not wanted
 * Cost: O(N^3). Threads: flow may be shared; ctx not.
 * Statuses: ARG, UNSUPPORTED (not of model.space group), NONFINITE, RANGE, NOMEM. Since 0.1.
 */
enf_status enf_group_angles(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                            double *angles, double *log_haar);

/**
 * enf_lattice_plaquettes: P(x) = U_0(x) U_1(x+0) U_0(x+1)^+ U_1(x)^+, the smallest loops, and the
 * topological charge.
 *
 * In:   x       (n,2 V,D)
 * Out:  mean    (n) over the sites of Re tr P/N; U(1): of cos P
 *       each    (n,V) the same at every site; NULL: not wanted
 *       charge  (n), of U(1): sum of the plaquettes' angles in (-pi,pi], over 2 pi: a whole number to
 *               rounding; NULL: not wanted
 * Cost: O(n V). Threads: flow may be shared; ctx not.
 * Statuses: ARG, UNSUPPORTED (not of model.space lattice; charge of SU(n)), NONFINITE, RANGE, NOMEM.
 * Since 0.1.
 */
enf_status enf_lattice_plaquettes(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                                  double *mean, double *each, double *charge);

/**
 * enf_lattice_loop: rectangular Wilson loops, mean over the sites of Re tr W/N.
 *
 * In:   x     (n,2 V,D)
 *       a, b  links along axis 0 and axis 1, 1 to 4096; longer than the lattice they wind around it
 * Out:  w     (n)
 * Cost: O(n V (a + b)). Threads: flow may be shared; ctx not.
 * Statuses: ARG, UNSUPPORTED, NONFINITE, RANGE, NOMEM. Source: Wilson 1974, Phys. Rev. D 10, 2445.
 * Since 0.1.
 */
enf_status enf_lattice_loop(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x, size_t a,
                            size_t b, double *w);

/**
 * enf_lattice_line: Polyakov lines, the products of the links once around the lattice along an axis.
 *
 * In:   x     (n,2 V,D)
 *       axis  0 or 1
 * Out:  line  (n,2) mean over the lines of tr/N, real and imaginary part
 * Cost: O(n V). Threads: flow may be shared; ctx not.
 * Statuses: ARG, UNSUPPORTED, NONFINITE, RANGE, NOMEM. Since 0.1.
 */
enf_status enf_lattice_line(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x, int axis,
                            double *line);

/**
 * enf_lattice_transform: a gauge transformation, U_mu(x) -> g(x) U_mu(x) g(x+mu)^+; U(1): x + g(x) -
 * g(x+mu), not wrapped.
 *
 * No density of a flow on a lattice, no plaquette, loop or line changes under it.
 * In:   g  (n,V,D) a matrix or an angle for every site of every sample
 *       x  (n,2 V,D)
 * Out:  y  (n,2 V,D); may be x
 * Cost: O(n V). Threads: flow may be shared; ctx not.
 * Statuses: ARG, UNSUPPORTED, NONFINITE, RANGE, NOMEM. Since 0.1.
 */
enf_status enf_lattice_transform(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *g,
                                 const double *x, double *y);

/* What is known exactly of a gauge theory in equilibrium, exp(-S). Grows at the end only. */
typedef struct {
  size_t struct_size;
  double log_z;           /* log of the integral of exp(-S) over normalised Haar links */
  double action_mean;     /* <S> */
  double action_variance; /* <S^2> - <S>^2 */
  double plaquette;       /* <Re tr P/n>; U(1): <cos P> */
  double charge_square;   /* U(1): <Q^2>, Q the sum over plaquettes of their angles in (-pi,pi], over
                             2 pi; NaN for SU(n) */
} enf_lattice_exact;

#define ENF_LATTICE_EXACT_INIT {sizeof(enf_lattice_exact), 0, 0, 0, 0, 0}

/**
 * enf_lattice_exact_values: log Z and averages of a lattice gauge theory in two dimensions, by
 * character expansion: what a flow's and a chain's are compared with.
 *
 * Log Z is by normalised Haar measure, of U(1) dtheta/2pi for every link, as the densities of flows
 * are; by dtheta it is larger by 2 l0 l1 log 2 pi.
 * In:   wilson  the energy's text (enf_energy_builtin), "wilson:group=su3,l0=16,l1=16,beta=6"
 * Out:  out     begins with its struct_size (ENF_LATTICE_EXACT_INIT)
 * Relative error: 1e-9. Cost: milliseconds; small lattices at large beta seconds.
 * Statuses: ARG, OPTION (another energy, unknown numbers), RANGE (beta above 500 for U(1) and SU(2),
 * 300 for SU(3), 200 for SU(4), 100 for larger groups, where the sums lose their digits; more than
 * 100,000 representations that count).
 * Source: Migdal 1975, Sov. Phys. JETP 42, 413; Bars and Green 1979, Phys. Rev. D 20, 3311.
 * Since 0.1.
 */
enf_status enf_lattice_exact_values(enf_ctx *ctx, const char *wilson, enf_lattice_exact *out);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
