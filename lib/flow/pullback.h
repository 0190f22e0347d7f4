/* pullback.h -- transport that can be differentiated: samples along the flow with their
   log-determinant, and the gradient of a function of both carried back.

   Two phases, so that a host's energy may be asked in between on the calling thread:
     forward  x(t0) -> y = x(t1) by the run options (ode.*), with a record of the accepted steps;
     reverse  dL/dy, dL/dlogdet -> dL/dx and the gradient by the parameters.
   logdet = log |dy/dx| is the integral of the exact divergence or, with probes, of the mean of
   eps^T J eps. Exact, or with the continuous adjoint, it is integrated with x, its error is under
   control, and it is there after forward. With probes and the discrete adjoint its noise is far
   above the error of any step that x allows: forward moves x alone, reverse meets the stages of the
   accepted steps anyway and sums what they say by the method's own weights; logdet and penalty are
   there after reverse ("late").
   On request a penalty on the path joins it (Finlay et al. 2020, arXiv:2002.02798), the integral
   over |dt| of kinetic |v|^2 + frobenius |J eps|^2, mean over probes, whose expectation is |J|_F^2.

     p = (enf__pullback){.field = field, .shape = shape, .params = P, .adjoint = ENF__DISCRETE,
                         .n = n, .t0 = 1, .t1 = 0, .x = x, .eps = eps, .probes = 1};
     enf__reserve(ctx, enf__pullback_call_bytes(&p) + ..., enf__pullback_worker_bytes(&p, run));
     enf__pullback_take(&p, &ctx->arena);
     enf__pullback_forward(ctx, &p);      p.y, p.logdet, p.result
     enf__pullback_reverse(ctx, &p, &r);

   Samples are independent: what one gives does not depend on the others, nor anything on the
   number of threads. A sample that fails in forward has NaN for y, logdet, penalty and dx. Reverse
   gives the status ADJOINT to samples whose cotangents are not finite or whose way back fails,
   through values that are not finite, say; they have NaN for dx, and for a late logdet and penalty.
   A sample whose result->status is not OK adds nothing to the gradient. */
#ifndef ENF__PULLBACK_H
#define ENF__PULLBACK_H

#include "field/field.h"
#include "ode/ode.h"

/* State of one chunk's task: the sample to go on with, the steps that a record must have room for,
   if it had not, and evaluations of the field. */
typedef struct {
  size_t next, need;
  uint64_t evaluations;
} enf__pullback_task;

typedef struct {
  /* filled by the caller */
  const enf__field *field;
  const enf__shape *shape;
  size_t params; /* P, of a gradient */
  int adjoint;
  size_t n;
  double t0, t1;             /* within [0,1], either order */
  const double *x;           /* (n,N,D), mean-free, in units of the data scale */
  const double *eps;         /* (n,probes,N,D), or NULL: exact divergence */
  size_t probes;             /* 0 without eps */
  double kinetic, frobenius; /* weights of the penalty, >= 0; frobenius needs probes */

  /* results of forward, taken from the caller's arena by enf__pullback_take */
  double *y;               /* (n,N,D) */
  double *logdet;          /* (n), late or not */
  double *penalty;         /* (n), with it */
  enf__ode_result *result; /* (n) */
  size_t failed;           /* how many of them */
  uint64_t evaluations;    /* of the field so far, forward and reverse, summed over samples */

  /* inside */
  const enf__run *run;
  size_t chunks, capacity;
  enf__ode_path *path;      /* (n) */
  enf__pullback_task *task; /* (chunks) */
} enf__pullback;

typedef struct {
  const double *dy;       /* (n,N,D) */
  const double *dlogdet;  /* (n); may not depend on logdet if that is late */
  double *dx;             /* (n,N,D), mean-free, or NULL */
  double *gradients;      /* (enf__pullback_chunks,P) accumulated with +=, their sum is the gradient
                             by the parameters; or NULL */
  const double *dpenalty; /* (n), or NULL: 0 */
  double scale;           /* of all cotangents */
} enf__pulled;

/* Pieces that n samples are cut into, at most 16, with a gradient buffer each: by shapes only. */
size_t enf__pullback_chunks(const enf__field *field, const enf__shape *shape, size_t n);

/* x and eps are not looked at, so they may still be missing (set eps to anything if it is to
   come); n, field, shape, params, adjoint, t0, t1 and probes must be right. */
size_t enf__pullback_call_bytes(const enf__pullback *p);
size_t enf__pullback_worker_bytes(const enf__pullback *p, const enf__run *run);
void enf__pullback_take(enf__pullback *p, enf__arena *arena);

/* Both run on the context's threads. A status other than OK is about the call (NOMEM, CANCELLED);
   samples that fail are in result. The record lives in the context: the next forward on it ends
   it, so reverse must come before. */
enf_status enf__pullback_forward(enf_ctx *ctx, enf__pullback *p);
enf_status enf__pullback_reverse(enf_ctx *ctx, enf__pullback *p, const enf__pulled *r);

#endif
