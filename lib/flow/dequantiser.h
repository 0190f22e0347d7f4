/* dequantiser.h -- numbers with a density in place of kinds, for flows of model.elements.

   A flow's density is that of positions x and real features v. Kinds are what v decodes to: the
   place of the largest one-hot number, the whole part of the charge. A dequantiser q(v|x,kinds),
   which puts all its weight there, makes a bound of it (Hoogeboom et al. 2021, arXiv:2102.05379),

     log p(x,kinds,N) >= E_q [log p(x,v) - log q(v|x,kinds)] + log p(N). */
#ifndef ENF__DEQUANTISER_H
#define ENF__DEQUANTISER_H

#include "field/field.h"
#include "flow/sized.h"

/* Made and packed with the flow (flow.c). UNSUPPORTED features are refused with OPTION. */
enf_status enf__dequantiser_plan(enf_ctx *ctx, enf_flow *flow);

/* Molecules of one size N that are dequantised: S with the noise of each. */
typedef struct {
  const enf_flow *flow; /* at N */
  size_t S;
  const int32_t *kind; /* (S,N) */
  const double *x;     /* (S,N,D) positions inside, mean-free */
  const double *noise; /* (S,N,F) normal, or uniform for the uniform dequantiser */
} enf__kinds;

/* The noise of `draws` dequantisations, (draws,N,F): a function of seed and index. */
void enf__dequantiser_noise(const enf_flow *flow, uint64_t seed, uint64_t index, size_t draws,
                            double *noise);
/* An index that is a function of the molecule alone. */
uint64_t enf__dequantiser_index(size_t N, size_t D, const int32_t *kind, const double *x);

/* Bytes of arena for S molecules; of any S for the calls below, in steps of that. */
size_t enf__dequantiser_workspace(const enf_flow *flow, const enf__run *run, size_t S);
/* v (S,N,F) in the host's units, and log q (S). */
void enf__dequantise(const enf__kinds *of, const enf__run *run, enf__arena *arena, double *v,
                     double *log_q);
/* Back: given cotangents dv (S,N,F) of v and dlog_q (S), dparams (P) += and dx (S,N,D) =, or NULL;
   mean-free. */
void enf__dequantise_pull(const enf__kinds *of, const enf__run *run, enf__arena *arena,
                          const double *dv, const double *dlog_q, double *dx, double *dparams);

#endif
