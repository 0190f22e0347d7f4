/* anneal.h -- walkers on their way from a flow to a target: what anneal.c and anneal_move.c share.
 */
#ifndef ENF__ANNEAL_H
#define ENF__ANNEAL_H

#include "infer/walkers.h"
#include <enf/walkers.h>

typedef struct {
  enf__walkers w;
  enf_anneal_plan plan;
  enf_annealing at;
  size_t n;
  double *x, *u, *logq, *logw; /* the walkers: copies until the call ends well */
  uint64_t *family;
  double *x_new, *u_new, *logq_new;         /* where they would go */
  double *grad, *momentum, *kinetic, *luck; /* (n,size) twice, (n), (n,2) */
  double *score;                            /* (n,size) gradient of log q */
  uint64_t *from;                           /* (n) */
} enf__anneal;

/* What a random number is for; the lowest digits of its index. */
enum {
  ENF__ANNEAL_MOMENTUM,
  ENF__ANNEAL_LUCK,
  ENF__ANNEAL_STEP,
  ENF__ANNEAL_RESAMPLE,
  ENF__ANNEAL_PURPOSES
};

static inline uint64_t enf__anneal_index(const enf__anneal *a, uint64_t move, size_t walker,
                                         unsigned purpose) {
  return (move * a->n + walker) * ENF__ANNEAL_PURPOSES + purpose;
}

/* The moves of all walkers at the bridge where they are. */
enf_status enf__anneal_move(enf__anneal *a);
/* A first length of step, where a->at.step is 0. */
enf_status enf__anneal_guess_step(enf__anneal *a);

#endif
