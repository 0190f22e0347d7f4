/* fit_looks.h -- how a training does on configurations it does not see (fit_looks.c). */
#ifndef ENF__TRAIN_FIT_LOOKS_H
#define ENF__TRAIN_FIT_LOOKS_H

#include "core/core.h"
#include <enf/flow.h>

typedef struct {
  uint64_t step;
  double nll, nll_err;   /* mean over the rows; NaN: no density could be computed */
  double gain, gain_err; /* mean of the rows' NLL at the best look before minus theirs now */
} enf__look;

typedef struct {
  uint64_t every;    /* steps between looks; 0: none */
  uint64_t patience; /* looks since the best that end the training; 0: never */
  size_t n;
  const double *x;       /* the validation */
  const double *temperature; /* (n) of it, or NULL: the flow's */
  double *kept, *now;    /* (n) NLL of the rows: of the kept flow, at this look */
  double lead, lead_err; /* gain of the kept flow over the best look, and its error */
  uint64_t count, last_step, kept_step, stale; /* stale: looks since the best */
} enf__looks;

/* log_prob of the flow, at temperatures (n) or NULL: its own, or with x NULL of n samples of its
   own, at a look's tolerances, whatever those of the context are. OK also where samples failed:
   they are NaN. */
enf_status enf__look_cheaply(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                             const double *temperature, double *own, double *logp);

/* Whether there is a look to take now: on round steps, and at the end. */
bool enf__look_is_due(const enf__looks *looks, uint64_t step, bool ended);
enf_status enf__look_take(enf_ctx *ctx, enf__looks *looks, const enf_flow *flow, enf__look *look);
/* Only take the rows of the flow that was kept. */
enf_status enf__look_recall(enf_ctx *ctx, enf__looks *looks, const enf_flow *kept);
/* Enter a look, new or from an earlier call, into the count; whether its flow is to be kept: it is
   no worse than the best look by more than the error. */
bool enf__look_count(enf__looks *looks, const enf__look *look);
bool enf__look_is_enough(const enf__looks *looks);

#endif
