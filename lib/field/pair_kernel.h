/* pair_kernel.h -- inside of the pair-kernel velocity field (Koehler, Klein, Noe 2020,
   arXiv:2006.02425, section 6): a central force between every two particles,

     v_i = sum_j phi(d_ij, t) r_ij,   phi(d, t) = sum_{k,s} R_k(d) W[k][s] T_s(t) + sum_s b[s]
   T_s(t)

   R_k and T_s normalised Gaussians of distance and of time (field/kernels_expansion.h), with trainable
   centers and widths; a width is the exponential of its parameter, so it stays positive. One W and
   b per unordered pair of species, the functions R and T shared by all.

   For one sample t is fixed: W T(t) is a row of K coefficients, b T(t) one more, "the constant",
   behind them. So a pair of particles costs K Gaussians. Arrays are padded with zero weights, and
   with centers so far away that their functions vanish. */
#ifndef ENF__PAIR_KERNEL_H
#define ENF__PAIR_KERNEL_H

#include "field/field.h"
#include "field/kernels.h"

/* Tensors in front of the weights. */
enum {
  ENF__DISTANCE_CENTERS,
  ENF__DISTANCE_LOG_WIDTHS,
  ENF__TIME_CENTERS,
  ENF__TIME_LOG_WIDTHS,
  ENF__PAIR_WEIGHTS
};

/* The packed numbers; weights, center and log-width gradients have the same places. */
typedef struct {
  enf__field base;
  size_t species_pairs;                    /* unordered */
  size_t K, times;                         /* functions of distance, of time */
  size_t Kp, Tp;                           /* their padded numbers; Kp > K */
  size_t columns;                          /* species_pairs Kp */
  size_t param[ENF__PAIR_WEIGHTS + 1];     /* where the tensors are; the weights' one by one */
  size_t weight;                           /* packed (Tp,columns) */
  size_t center, sharp, t_center, t_sharp; /* packed (Kp), (Tp); sharp = 1/width */
  size_t grad_count;                       /* packed numbers that have a gradient */
  size_t reverse;                          /* packed (columns,Tp), the weights once more */
  size_t packed_count;
  float *packed_f32;
  double *packed_f64;
} enf__pair_kernel;

/* Samples worked on together: a function of the shapes only. */
static inline size_t enf__pair_kernel_group(const enf__pair_kernel *f) {
  enum { GROUP_REALS = 16384, GROUP_LIMIT = 64 };
  const size_t group = GROUP_REALS / (f->columns + f->Tp);
  return group < 1 ? 1 : group > GROUP_LIMIT ? GROUP_LIMIT : group;
}

extern const enf__field_passes enf__pair_kernel_passes_f32, enf__pair_kernel_passes_f64;

#endif
