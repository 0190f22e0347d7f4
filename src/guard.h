/* guard.h -- whether a training still leads anywhere, and the last flow that was good. */
#ifndef GUARD_H
#define GUARD_H

#include "data.h"

typedef struct {
  enf_ctx *ctx; /* with looser tolerances than the tool's own */
  const dataset *data;
  uint64_t steps, skipped; /* of this session */
  uint64_t balance;        /* skipped steps more than others, of late */
  uint64_t next;           /* step of the next look at the flow, unless it is saved before */
  size_t count;            /* of parameters */
  double *good;            /* (count) of the last flow that was good; NULL: there was none */
  uint64_t good_step;
  bool fine; /* the last look found a good one */
} guard;

/* Looks at the flow that a session begins with. */
int guard_open(cli *c, const dataset *data, const enf_flow *flow, uint64_t step, guard *g);
void guard_free(guard *g);

/* Enter a step into the count. */
void guard_count(guard *g, bool skipped);
/* Far more steps are skipped than not. */
bool guard_gives_up(const guard *g);
/* Most steps of late, or of the session, were skipped. */
bool guard_is_stuck(const guard *g);

/* Whether the flow is good; it is then kept in mind. */
bool guard_look(guard *g, const enf_flow *flow, uint64_t step);
bool guard_is_due(const guard *g, uint64_t step);
/* Give the flow the weights of the last good one; false if there was none. */
bool guard_restore(const guard *g, enf_flow *flow);

#endif
