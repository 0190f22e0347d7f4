/* augmented.h -- flows whose states have noise beside x (space/augmented.c). */
#ifndef ENF__FLOW_AUGMENTED_H
#define ENF__FLOW_AUGMENTED_H

#include "flow/batch.h"

/* A call, or what else there is, that such a flow does not have: UNSUPPORTED, with the sentence. */
enf_status enf__augmented_refuse(enf_ctx *ctx, const enf_flow *flow, const char *what);

/* A transit of x to the prior that is to fill logp: the estimate of log q by logdet.probes draws of
   the noise, keyed by the transit's seed and x, and the variance of each, or NULL. */
enf_status enf__augmented_run(enf_ctx *ctx, enf__transit *transit, double *var);

/* Positions and their copies (2,N,D) of the host, the mean of positions (3) taken off both, to a
   state, and back. */
enf__failure enf__augmented_enter(const enf_flow *flow, const double *in, double *y, double *origin);
void enf__augmented_leave(const enf_flow *flow, const double *y, const double *origin, double *out);

#endif
