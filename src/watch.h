/* watch.h -- how a training does on configurations it does not see: looks at their NLL on the way.
 */
#ifndef WATCH_H
#define WATCH_H

#include "data.h"

typedef struct {
  uint64_t step;
  double nll, nll_err;   /* mean over the rows; NaN: no density could be computed */
  double gain, gain_err; /* mean of the rows' NLL at the best look before minus theirs now */
} look;

typedef struct {
  uint64_t every;    /* steps between looks; 0: none */
  uint64_t patience; /* looks since the best that end the training; 0: never */
  enf_ctx *ctx;      /* with looser tolerances than the tool's own */
  dataset data;
  double *memory, *kept, *now; /* NLL of the rows: of the kept flow, at this look */
  double lead, lead_err;       /* gain of the kept flow over the best look, and its error */
  uint64_t looks, last_step, kept_step, stale; /* stale: looks since the best */
} watch;

/* Takes --validation, --validate-every and --patience; without a file nothing is watched. */
int watch_open(cli *c, size_t N, size_t D, watch *w);
void watch_free(watch *w);

/* Whether there is a look to take now: on round steps, and at the end. */
bool watch_is_due(const watch *w, uint64_t step, bool ended);
/* Look at the flow, or, for `kept`, only take its rows. *cancelled: interrupted, nothing is known.
 */
int watch_look(cli *c, watch *w, const enf_flow *flow, look *l, bool *cancelled);
int watch_recall(cli *c, watch *w, const enf_flow *kept);
/* Enter a look, new or from an earlier session, into the count; whether its flow is to be kept: it
   is no worse than the best look by more than the error. */
bool watch_count(watch *w, const look *l);
bool watch_has_seen_enough(const watch *w);
/* One line on standard error. */
void watch_tell(const cli *c, const look *l, bool keep);

#endif
