/* walkers.h -- what calls share that sample, score and ask the host on the way (enf_jump,
   enf_anneal): public calls inside of a public call, its statistics and its progress. */
#ifndef ENF__INFER_WALKERS_H
#define ENF__INFER_WALKERS_H

#include "core/core.h"
#include <enf/energy.h>
#include <enf/flow.h>

typedef struct {
  enf_ctx *ctx;
  const enf_flow *flow;
  enf_energy_fn fn;
  void *user;
  size_t size; /* numbers of one x */
  /* of the whole call */
  enf__stats stats;
  enf_progress_fn progress; /* the host's, or NULL */
  void *progress_user;
  uint64_t done, part, total; /* part: what the call inside is worth */
} enf__walkers;

/* Until the end, progress of calls inside is told as part of the whole; the statistics of the call
   are then the sums. */
void enf__walkers_begin(enf__walkers *w);
void enf__walkers_end(enf__walkers *w);

/* Samples with log q. One that fails is NaN, which is no failure here. */
enf_status enf__walkers_sample(enf__walkers *w, uint64_t seed, uint64_t first, size_t n, double *x,
                               double *logq);
/* log q and, unless NULL, its gradient (0 where it fails); NaN where it fails, which is none. */
enf_status enf__walkers_density(enf__walkers *w, size_t n, const double *x, double *logq,
                                double *grad);
/* Reduced energies and, unless NULL, gradients; what is no number is +infinity, with gradient 0.
   The host is shown finite rows only; others are +infinity. */
enf_status enf__walkers_energy(enf__walkers *w, size_t n, const double *x, double *u, double *grad);

#endif
