/* enf/lines.h -- where a flow stands: densities that need no training, and how far maps stretch. */
#ifndef ENF_LINES_H
#define ENF_LINES_H

#include <enf/flow.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Mean -log q of data under the best densities of simple families, in nats and the host's units: a
   flow that is worth its training is below all of them. NaN where a family has none. Grows at the
   end only. */
typedef struct {
  size_t struct_size;
  double n;              /* configurations */
  double scale;          /* root of the mean square of a degree of freedom */
  double nll_isotropic;  /* one width */
  double nll_covariance; /* particles: a covariance, the same for like particles; vectors: any
                            covariance about any mean */
  double nll_student;    /* Student-t: of particles with a covariance, of vectors isotropic */
  double student_df;
  double nll_ppca, ppca_noise; /* vectors: the covariance's largest directions, and one width for
                                  the others, its variance ppca_noise */
} enf_lines;

#define ENF_LINES_INIT                                                                             \
  { sizeof(enf_lines), 0, 0, 0, 0, 0, 0, 0, 0 }

/**
 * enf_reference_lines: the lines of data, for a flow's space.
 *
 * With lam the eigenvalues of the covariance and k degrees of freedom: isotropic
 * k/2 (1 + log 2 pi s^2), s^2 = <|x|^2>/k (x less its mean, for vectors less the mean of all);
 * covariance k/2 (1 + log 2 pi) + D/2 sum log lam (vectors: 1/2 sum log lam); PPCA the same with
 * the smallest D - q replaced by their mean. The entropy of the data, <u> + log Z where it is
 * known, is below every one of them. In:   flow        particles or vectors; its own numbers are of
 * no matter x           (n,N,D), n >= 1 directions  q of PPCA, below D; 0 and not of vectors:
 * ignored Out:  out         begins with its struct_size (ENF_LINES_INIT) Threads: flow may be
 * shared; ctx not. Cost: O(n N^2 D), some dozens of times. Statuses: ARG, UNSUPPORTED (another
 * space), RANGE (directions), NONFINITE, NOMEM. Source: Tipping, Bishop 1999, J. R. Stat. Soc. B
 * 61, 611; Liao, He 2021, arXiv:2102.06539. Since 0.1.
 */
enf_status enf_reference_lines(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                               size_t directions, enf_lines *out);

/**
 * enf_singular_values: how far the way from data to prior shrinks and stretches at configurations.
 *
 * Smallest and largest singular value of dz/dx, z the prior's state (in units of the data scale),
 * on the mean-free subspace; of a molecule by its internal state. Their ratio is the condition of
 * the map: large ones mean gradients and densities that lose digits. In:   x  (n,N,D) Out:  lowest,
 * highest  (n), in 1/(length unit); NaN for a sample that fails Threads: flow may be shared; ctx
 * not. Cost: per sample as many gradients as it has numbers, and their cube. Statuses: ARG,
 * UNSUPPORTED (a mixture), NONFINITE (samples failed), CANCELLED, NOMEM. Since 0.1.
 */
enf_status enf_singular_values(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                               double *lowest, double *highest);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
