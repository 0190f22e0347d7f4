/* simulate.h -- a running simulation: W walkers, each with R replicas, one per temperature.

   Replica c = w R + r is walker w at inverse temperature beta[r]; beta[0] = 1 is the target. A
   walker's replicas lie side by side, so a range of walkers is a range of every array, and ranges
   can be worked on by different threads. Every random number is a function of (seed, move, replica,
   purpose): no result depends on who computes it. */
#ifndef ENF__SIMULATE_H
#define ENF__SIMULATE_H

#include "core/core.h"
#include "space/links.h"
#include <enf/energy.h>

/* What a walker has done so far. */
typedef struct {
  uint64_t evaluations, swaps, swapped;
} enf__sim_tally;

typedef struct enf__sim enf__sim;

/* How one replica moves, in the space its points are of. Replica c, arrays as below. */
typedef struct {
  bool relaxes; /* starting points are relaxed */
  bool virial;  /* <x . grad u> says something */
  /* x_new, a point to start from, at that attempt; and momentum, that of a move. */
  void (*draw_point)(enf__sim *sim, size_t c, size_t attempt);
  void (*draw_momentum)(enf__sim *sim, size_t c, uint64_t index);
  /* grad_new, as the energy gave it at x_new, made what momentum changes along; NULL: it is. */
  void (*take_gradient)(enf__sim *sim, size_t c);
  /* momentum += scale * grad; a number that is finite if all of it is. */
  double (*kick)(enf__sim *sim, size_t c, double scale, const double *grad);
  void (*drift)(enf__sim *sim, size_t c, double step); /* x_new along momentum */
  void (*settle)(enf__sim *sim, size_t c);             /* x without what rounding has left in it */
} enf__motion;

extern const enf__motion enf__motion_of_particles, enf__motion_of_links;

struct enf__sim {
  enf_energy_fn fn;
  void *user;
  bool exact;    /* a built-in energy that draws its samples: a walker for each of them */
  enf_ctx *host; /* where fn is the host's; NULL: a built-in energy, which any thread may call */
  int returned; /* what a host's fn returned when it failed */
  uint64_t seed;
  const enf__motion *motion;
  enf__links links; /* of a motion of links */
  bool in_order;    /* rows are the walkers' samples in the order of their times */
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
};

/* What a random number is for; the lowest digits of its index. */
enum { ENF__SIM_MOMENTUM, ENF__SIM_LUCK, ENF__SIM_SWAP, ENF__SIM_START, ENF__SIM_PURPOSES };
uint64_t enf__sim_index(const enf__sim *sim, uint64_t move, size_t replica, unsigned purpose);

/* u_new and grad_new at x_new of replicas first ... last-1; CALLBACK if fn fails. */
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
