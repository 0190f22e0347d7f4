/* lanes.h -- the pair potentials for several configurations at once; no include guard.

   potential.c includes this file once per vector type and instruction set, with LANE (double, or a
   vector of doubles), TARGET (an attribute or nothing) and NAME(function). An array of LANE holds
   coordinate k of every configuration of a group at index k: for LANE = double that is a
   configuration as it stands. Every lane does the same operations in the same order, so a
   configuration's bits do not depend on the vector type.

   One pass over the pairs: with q = d^2, pair (i,j) adds c (x_i - x_j) to row i of the gradient and
   its opposite to row j, where c = (du/dd) / d. */

#define INLINE TARGET static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 3")

INLINE void NAME(lj_pair)(const double *value, const LANE *q, LANE *u, LANE *c) {
  LANE inverse = 1 / *q, ratio = value[ENF__ENERGY_RM] * value[ENF__ENERGY_RM] * inverse;
  LANE s = ratio * ratio * ratio;
  *u = s * (s - 2);
  *c = s * (1 - s) * inverse; /* times 12 eps, later */
}

INLINE void NAME(dw_pair)(const double *value, const LANE *q, LANE *u, LANE *c) {
  LANE d;
  for (size_t l = 0; l < sizeof d / sizeof(double); l++)
    ((double *)&d)[l] = sqrt(((const double *)q)[l]);
  LANE t = d - value[ENF__ENERGY_CENTRE], t2 = t * t;
  double a = value[ENF__ENERGY_QUARTIC], b = value[ENF__ENERGY_QUADRATIC];
  *u = t2 * (a * t2 - b);
  *c = t * (4 * a * t2 - 2 * b) / (d + TINY);
}

/* log(1 + q), in the lanes one by one: a vector has none. */
INLINE void NAME(gas_pair)(const double *value, const LANE *q, LANE *u, LANE *c) {
  double alpha = value[ENF__ENERGY_ALPHA];
  for (size_t l = 0; l < sizeof *q / sizeof(double); l++)
    ((double *)u)[l] = alpha * log1p(((const double *)q)[l]);
  *c = 2 * alpha / (1 + *q);
}

/* Sum over pairs. D and `term` are constants where this is called; grad may be NULL. */
INLINE void NAME(sum_pairs)(void (*term)(const double *, const LANE *, LANE *, LANE *),
                            const enf_energy *energy, size_t D, const LANE *restrict x, LANE *total,
                            LANE *restrict grad) {
  size_t N = energy->particles;
  LANE zero = {0}, sum = zero;
  for (size_t k = 0; grad && k < N * D; k++)
    grad[k] = zero;
  for (size_t i = 0; i < N; i++) {
    LANE force[3] = {zero, zero, zero};
    for (size_t j = i + 1; j < N; j++) {
      LANE r[3], q = zero, u, c;
      UNROLL
      for (size_t d = 0; d < D; d++) {
        r[d] = x[i * D + d] - x[j * D + d];
        q += r[d] * r[d];
      }
      term(energy->value, &q, &u, &c);
      sum += u;
      if (!grad)
        continue;
      UNROLL
      for (size_t d = 0; d < D; d++) {
        force[d] += c * r[d];
        grad[j * D + d] -= c * r[d];
      }
    }
    for (size_t d = 0; grad && d < D; d++)
      grad[i * D + d] += force[d];
  }
  *total = sum;
}

/* Scales the Lennard-Jones sums and adds the spring. */
INLINE void NAME(add_spring)(const enf_energy *energy, const LANE *restrict x, LANE *u,
                             LANE *restrict grad) {
  double eps = energy->value[ENF__ENERGY_EPS], spring = energy->value[ENF__ENERGY_SPRING];
  size_t N = energy->particles;
  LANE zero = {0}, mean[3] = {zero, zero, zero}, squares = zero;
  for (size_t k = 0; k < N * 3; k++)
    mean[k % 3] += x[k] / (double)N;
  for (size_t k = 0; k < N * 3; k++) {
    LANE offset = x[k] - mean[k % 3];
    squares += offset * offset;
    if (grad)
      grad[k] = 12 * eps * grad[k] + spring * offset;
  }
  *u = eps * *u + spring / 2 * squares;
}

TARGET static void NAME(evaluate)(const enf_energy *energy, const void *x, void *u, void *grad) {
  if (energy->potential == ENF__LENNARD_JONES) {
    NAME(sum_pairs)(NAME(lj_pair), energy, 3, x, u, grad);
    NAME(add_spring)(energy, x, u, grad);
  } else if (energy->potential == ENF__LOG_GAS && energy->dimensions == 2) {
    NAME(sum_pairs)(NAME(gas_pair), energy, 2, x, u, grad);
  } else if (energy->potential == ENF__LOG_GAS) {
    NAME(sum_pairs)(NAME(gas_pair), energy, 3, x, u, grad);
  } else if (energy->dimensions == 2) {
    NAME(sum_pairs)(NAME(dw_pair), energy, 2, x, u, grad);
  } else {
    NAME(sum_pairs)(NAME(dw_pair), energy, 3, x, u, grad);
  }
}

#undef INLINE
#undef UNROLL
