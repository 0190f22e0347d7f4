/* energy.h -- a built-in energy, for the files of this folder. */
#ifndef ENF__ENERGY_H
#define ENF__ENERGY_H

#include "core/core.h"
#include "space/links.h"
#include <enf/energy.h>

/* The numbers a system can have; rows of the table in builtin.c. */
enum {
  ENF__ENERGY_N,
  ENF__ENERGY_DIM,
  ENF__ENERGY_EPS,
  ENF__ENERGY_RM,
  ENF__ENERGY_SPRING,
  ENF__ENERGY_QUARTIC,
  ENF__ENERGY_QUADRATIC,
  ENF__ENERGY_CENTRE,
  ENF__ENERGY_MODES,
  ENF__ENERGY_RADIUS,
  ENF__ENERGY_STD,
  ENF__ENERGY_ALPHA,
  ENF__ENERGY_WIDTH,
  ENF__ENERGY_GAUGE, /* n of SU(n), 1 for U(1) */
  ENF__ENERGY_GROUP, /* n of SU(n) */
  ENF__ENERGY_L0,
  ENF__ENERGY_L1,
  ENF__ENERGY_BETA,
  ENF__ENERGY_C1,
  ENF__ENERGY_C2,
  ENF__ENERGY_C3,
  ENF__ENERGY_THETA,
  ENF__ENERGY_DF,
  ENF__ENERGY_NUMBERS
};

typedef enum { ENF__LENNARD_JONES, ENF__DOUBLE_WELL, ENF__GAUSSIANS, ENF__LOG_GAS, ENF__TOY,
               ENF__WILSON, ENF__CLASS, ENF__GUMBEL } enf__potential;

/* Draw number `index` of exp(-u), a function of it and the seed. */
typedef void (*enf__exact_fn)(const enf_energy *energy, uint64_t seed, uint64_t index, double *x);

struct enf_energy {
  uint32_t magic;
  enf_alloc alloc;
  const char *system; /* static text */
  unsigned has;       /* bit k: the system has number k */
  enf__potential potential;
  enf__exact_fn sample; /* or NULL */
  size_t particles, dimensions;
  double value[ENF__ENERGY_NUMBERS];
};

/* The system of a spec, which is an energy but for its memory. */
enf_status enf__energy_read(enf_ctx *ctx, const char *spec, enf_energy *energy);

/* u (n) and, if grad is not NULL, du/dx (n,N,D) of configurations x (n,N,D). */
void enf__potential_eval(const enf_energy *energy, size_t n, const double *x, double *u,
                         double *grad);

void enf__gaussians_eval(const enf_energy *energy, size_t n, const double *x, double *u,
                         double *grad);
void enf__gaussians_sample(const enf_energy *energy, uint64_t seed, uint64_t index, double *x);
void enf__toy_eval(const enf_energy *energy, size_t n, const double *x, double *u, double *grad);
void enf__toy_sample(const enf_energy *energy, uint64_t seed, uint64_t index, double *x);

void enf__gumbel_eval(const enf_energy *energy, size_t n, const double *x, double *u, double *grad);
void enf__gumbel_sample(const enf_energy *energy, uint64_t seed, uint64_t index, double *x);

/* Particles and dimensions of wilson and class, which follow from their numbers; no other system's
   change. */
void enf__gauge_take_shape(enf_energy *energy);
/* Group and lattice of wilson and class; n = 0 for every other system. */
enf__links enf__energy_links(const enf_energy *energy);
void enf__wilson_eval(const enf_energy *energy, size_t n, const double *x, double *u, double *grad);
void enf__class_eval(const enf_energy *energy, size_t n, const double *x, double *u, double *grad);

#endif
