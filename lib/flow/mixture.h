/* mixture.h -- mixtures of flows, inside: log G = log sum_c rho_c g_c.

   A mixture is a flow without a chain and a prior of its own. Its block of parameters is
   mixture.log_weights and then those of the parts, whose tables point into it: a gradient of the
   mixture holds that of part c from enf__mixture_offset on. Its space is that of the first part. */
#ifndef ENF__MIXTURE_H
#define ENF__MIXTURE_H

#include "flow/batch.h"
#include <enf/mixture.h>
#include <math.h>

enum { ENF__MIXTURE_PARTS = 64 };
/* The least share of the weights that a part has. */
#define ENF__LEAST_WEIGHT 1e-6

/* Where a part's numbers are in the block. */
size_t enf__mixture_offset(const enf_flow *mix, size_t part);
/* SHAPE, with the option, for a part c that is of another space, hand or temperature than the first. */
enf_status enf__mixture_alike(enf_ctx *ctx, const enf_flow *first, const enf_flow *part, size_t c);
/* A mixture of equal weights that owns the parts from now on; on failure they are the caller's. */
enf_status enf__mixture_assemble(enf_ctx *ctx, enf_flow **mix, size_t count, enf_flow **parts);
/* Another flow, or mixture, with the same options, numbers and scale, but no free text. */
enf_status enf__flow_clone(enf_ctx *ctx, enf_flow **copy, const enf_flow *flow);
/* UNSUPPORTED, with the call that wants it, of a mixture, and of what is none. */
enf_status enf__flow_single(enf_ctx *ctx, const enf_flow *flow, const char *call);
enf_status enf__mixture_check(enf_ctx *ctx, const enf_flow *flow);

/* Any flow as one of parts: itself, with weight 1. */
static inline size_t enf__flow_parts(const enf_flow *flow) { return flow->parts ? flow->parts : 1; }
static inline const enf_flow *enf__flow_part(const enf_flow *flow, size_t c) {
  return flow->parts ? flow->part[c] : flow;
}
static inline double enf__flow_log_weight(const enf_flow *flow, size_t c) {
  return flow->parts ? flow->log_weight[c] : 0;
}

/* log sum exp of a (n), in this order; -infinity for n = 0. */
static inline double enf__log_sum(size_t n, const double *a) {
  double most = -INFINITY, sum = 0;
  for (size_t i = 0; i < n; i++)
    most = a[i] > most ? a[i] : most;
  for (size_t i = 0; i < n && isfinite(most); i++)
    sum += exp(a[i] - most);
  return isfinite(most) ? most + log(sum) : most;
}

/* log G of one sample from log g_c (C), which become log rho_c g_c. */
static inline double enf__mixture_total(const enf_flow *mix, double *logp) {
  for (size_t c = 0; c < enf__flow_parts(mix); c++)
    logp[c] += enf__flow_log_weight(mix, c);
  return enf__log_sum(enf__flow_parts(mix), logp);
}

/* One step of EM (mixture_fit.c): log g_c logp (n,C), weights w (n) or NULL, rho (C) -> the next,
   and unless NULL the mean of log G at the one before. */
void enf__mixture_em(size_t n, size_t C, const double *logp, const double *w, double *rho,
                     double *mean);
/* What the callers of transit are given of a mixture: densities from t = 1, samples from t = 0.
   each (n,C), unless NULL, gets log rho_c g_c of every sample. */
enf_status enf__mixture_transit(enf_ctx *ctx, enf__transit *transit, double *each);

#endif
