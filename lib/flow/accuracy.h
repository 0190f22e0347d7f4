/* accuracy.h -- how far the log-densities of a call are from those of the flow itself. */
#ifndef ENF__ACCURACY_H
#define ENF__ACCURACY_H

#include "core/choices.h"
#include "core/core.h"
#include <enf/flow.h>

/* Errors are only put together with those of the same flow and kind of call. */
typedef enum {
  ENF__ACCURACY_DENSITY,
  ENF__ACCURACY_ESTIMATE,
  ENF__ACCURACY_GRADIENT,
  ENF__ACCURACY_SAMPLES,
  ENF__ACCURACY_TRANSPORT
} enf__measured;

/* A call's results. */
typedef struct enf__account enf__account;
struct enf__account {
  const enf_flow *flow;
  enf__measured kind;
  int method; /* ENF__LOGDET_*, by which the values were found */
  size_t n, width;
  const double *x, *value; /* (n,width), and their log-densities or log-determinants (n) */
  /* The values of n configurations x anew, as the context is set; spare (n,width) is scratch. */
  enf_status (*again)(enf_ctx *ctx, const enf__account *account, size_t n, const double *x,
                      double *value, double *spare);
  double t0, t1; /* of a transport, for `again` */
};

/* Give the statistic logdet_error, where a call ends. `status` is how it ended; the same is
   returned, with its sentence, or CANCELLED or NOMEM. */
enf_status enf__accuracy_tell(enf_ctx *ctx, const enf__account *account, enf_status status);

/* The same for log-densities logp (n) of x (n,N,D) (density.c). */
enf_status enf__density_end(enf_ctx *ctx, const enf_flow *flow, enf__measured kind, int method,
                            size_t n, const double *x, const double *logp, enf_status status);

#endif
