/* fit_guard.h -- whether a training still leads anywhere, and the last flow that was good
   (fit_guard.c). */
#ifndef ENF__TRAIN_FIT_GUARD_H
#define ENF__TRAIN_FIT_GUARD_H

#include "flow/flow.h"

typedef struct {
  size_t n;
  const double *x;         /* (n,N,D) the data; NULL: none */
  uint64_t steps, skipped; /* of this call */
  uint64_t balance;        /* skipped steps more than others, of late */
  uint64_t next;           /* step of the next look at the flow, unless it is saved before */
  double *rows;            /* (4,N,D) */
  double *good;            /* (P) of the last flow that was good */
  bool has_good, fine;     /* fine: the last look found a good one */
  uint64_t good_step;
} enf__guard;

/* Weights out of a flow, or into it; what no training changes stays. */
void enf__weights_take(const enf_flow *flow, double *block);
void enf__weights_give(enf_flow *flow, const double *block);

/* Enter a step into the count. */
void enf__guard_count(enf__guard *g, bool skipped);
/* Far more steps are skipped than not. */
bool enf__guard_gives_up(const enf__guard *g);
/* Most steps of late, or of the call, were skipped. */
bool enf__guard_is_stuck(const enf__guard *g);

/* Layout of its memory on an arena. */
void enf__guard_layout(enf__guard *g, const enf_flow *flow, enf__arena *arena);
/* Whether the flow is good (g->fine); it is then kept in mind. */
enf_status enf__guard_look(enf_ctx *ctx, enf__guard *g, const enf_flow *flow, uint64_t step);
bool enf__guard_is_due(const enf__guard *g, uint64_t step);

#endif
