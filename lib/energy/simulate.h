/* simulate.h -- a running simulation: W walkers, each with R replicas, one per temperature.

   Replica c = w R + r is walker w at inverse temperature beta[r]; beta[0] = 1 is the target. A
   walker's replicas lie side by side, so a range of walkers is a range of every array, and ranges
   can be worked on by different threads. Every random number is a function of (seed, move, replica,
   purpose): no result depends on who computes it. */
#ifndef ENF__SIMULATE_H
#define ENF__SIMULATE_H

#include "core/core.h"
#include <enf/energy.h>

/* What a walker has done so far. */
typedef struct {
  uint64_t evaluations, swaps, swapped;
} enf__sim_tally;

typedef struct {
  enf_energy_fn fn;
  void *user;
  bool exact;    /* a built-in energy that draws its samples: a walker for each of them */
  enf_ctx *host; /* where fn is the host's; NULL: a built-in energy, which any thread may call */
  int returned; /* what a host's fn returned when it failed */
  uint64_t seed;
  size_t N, D, walkers, rungs, leapfrog;
  uint64_t burn_in, stride;
  size_t rows, per_walker; /* rows of the output; stored samples of a walker, at most */
  double *out;             /* (rows,N,D) */
  double *beta, *step;     /* (R) */
  /* per replica: where it is, and where its move has got to */
  double *x, *grad, *u;               /* (W,R,N,D), (W,R,N,D), (W,R) */
  double *x_new, *grad_new, *u_new;   /* the same shapes */
  double *momentum;                   /* (W,R,N,D) */
  double *kinetic, *move_step, *luck; /* (W,R) */
  bool *alive;                        /* (W,R): energy and gradient finite so far */
  double *accepted;                   /* (W,R): sum of acceptance probabilities */
  enf__sim_tally *tally;              /* (W) */
  double *series_u, *series_virial;   /* (W,per_walker) */
} enf__sim;

/* What a random number is for; the lowest digits of its index. */
enum { ENF__SIM_MOMENTUM, ENF__SIM_LUCK, ENF__SIM_SWAP, ENF__SIM_START, ENF__SIM_PURPOSES };
uint64_t enf__sim_index(const enf__sim *sim, uint64_t move, size_t replica, unsigned purpose);

/* u_new and grad_new at x_new of replicas first ... last-1; CALLBACK if fn fails. Gradients are as
   the energy gave them: their mean is removed from what is moved along them. */
enf_status enf__sim_evaluate(enf__sim *sim, size_t first, size_t last);
void enf__sim_remove_mean(const enf__sim *sim, double *x);

/* Work on walkers first ... last-1: find starting points; make moves from ... to-1. */
enf_status enf__sim_start(enf__sim *sim, size_t first, size_t last);
enf_status enf__sim_walk(enf__sim *sim, size_t first, size_t last, uint64_t from, uint64_t to);

/* All samples of an exact simulation, and what enf__sim_summarise asks of them. */
void enf__sim_draw(enf__sim *sim);

/* Means, error bars and autocorrelation time of what was stored. */
void enf__sim_summarise(const enf__sim *sim, enf_sim_info *info);

#endif
