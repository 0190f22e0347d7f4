/* potential.c -- the energies of the built-in systems: their pair potentials (and gaussians.c, toy.c,
   gauge.c).

     Lennard-Jones  u = eps sum_{i<j} (s^2 - 2 s) + spring/2 sum_i |x_i - mean|^2,  s = (rm/d)^6
     double well    u = sum_{i<j} quartic t^4 - quadratic t^2,                      t = d - centre
     log-gas        u = alpha sum_{i<j} log(1 + d^2): a particle escapes to r with a density like
                    r^(D-1-2 alpha (N-1)); it takes alpha (N-1) > D/2 for exp(-u) to have an integral

   (Koehler, Klein, Noe 2020, with every pair counted once.) The sums are in lanes.h, compiled for
   one configuration and for groups of LANES side by side; all give the same bits, so neither the
   batch nor the processor changes a result.

   Energies above ENERGY_LIMIT, where the gradient could overflow, are +infinity with gradient 0;
   so are configurations with a non-finite coordinate. Two double-well particles on one spot have a
   finite energy and no direction: the pair's force is 0. */
#include "energy/energy.h"
#include <math.h>
#include <string.h>

#define ENERGY_LIMIT 1e200
/* Keeps 1/d finite at d = 0 and changes no other distance. */
#define TINY 1e-200

enum { LANES = 4, GROUP_COORDINATES = 192 }; /* larger configurations go one by one */
/* Aligned as a double only: a function without AVX does not keep 32-byte alignment on its stack. */
typedef double vector __attribute__((vector_size(LANES * sizeof(double)), aligned(8), may_alias));

#define TARGET
#define LANE double
#define NAME(function) function##_one
#include "energy/lanes.h"
#undef LANE
#undef NAME

#define LANE vector
#define NAME(function) function##_group
#include "energy/lanes.h"
#undef NAME
#undef TARGET

#ifdef __x86_64__
#define TARGET __attribute__((target("avx2")))
#define NAME(function) function##_group_avx2
#include "energy/lanes.h"
#endif

typedef void (*evaluate_fn)(const enf_energy *, const void *, void *, void *);

static evaluate_fn choose_group(void) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2"))
    return evaluate_group_avx2;
#endif
  return evaluate_group;
}

/* from (rows,cols) to (cols,rows); neither is 0 */
static void transpose(size_t rows, size_t cols, const double *restrict from, double *restrict to) {
  size_t c = 0;
  do {
    for (size_t r = 0; r < rows; r++)
      to[c * rows + r] = from[r * cols + c];
  } while (++c < cols);
}

static void evaluate_lanes(evaluate_fn evaluate, const enf_energy *energy, const double *x,
                           double *u, double *grad) {
  _Alignas(32) double lanes_x[GROUP_COORDINATES * LANES], lanes_grad[GROUP_COORDINATES * LANES];
  _Alignas(32) double lanes_u[LANES];
  size_t coordinates = energy->particles * energy->dimensions;
  transpose(LANES, coordinates, x, lanes_x);
  evaluate(energy, lanes_x, lanes_u, grad ? lanes_grad : NULL);
  memcpy(u, lanes_u, sizeof lanes_u);
  if (grad)
    transpose(coordinates, LANES, lanes_grad, grad);
}

static void pairs_eval(const enf_energy *energy, size_t n, const double *x, double *u,
                       double *grad) {
  size_t coordinates = energy->particles * energy->dimensions, b = 0;
  evaluate_fn group = choose_group();
  if (coordinates <= GROUP_COORDINATES)
    for (; b + LANES <= n; b += LANES)
      evaluate_lanes(group, energy, x + b * coordinates, u + b,
                     grad ? grad + b * coordinates : NULL);
  for (; b < n; b++)
    evaluate_one(energy, x + b * coordinates, u + b, grad ? grad + b * coordinates : NULL);
}

static void (*const evaluations[])(const enf_energy *, size_t, const double *, double *,
                                   double *) = {
    [ENF__LENNARD_JONES] = pairs_eval,
    [ENF__DOUBLE_WELL] = pairs_eval,
    [ENF__GAUSSIANS] = enf__gaussians_eval,
    [ENF__LOG_GAS] = pairs_eval,
    [ENF__TOY] = enf__toy_eval,
    [ENF__WILSON] = enf__wilson_eval,
    [ENF__CLASS] = enf__class_eval,
    [ENF__GUMBEL] = enf__gumbel_eval,
};

void enf__potential_eval(const enf_energy *energy, size_t n, const double *x, double *u,
                         double *grad) {
  const size_t coordinates = energy->particles * energy->dimensions;
  evaluations[energy->potential](energy, n, x, u, grad);
  for (size_t b = 0; b < n; b++) {
    if (u[b] <= ENERGY_LIMIT)
      continue;
    u[b] = INFINITY;
    if (grad)
      memset(grad + b * coordinates, 0, coordinates * sizeof *grad);
  }
}
