/* prior_draws.c -- enf_prior_sample and enf_prior_log_prob: the density that a flow starts from, on
   states of its space (space/space.h), in units of the data scale. */
#include "core/random.h"
#include "flow/mixture.h"
#include "math/finite.h"

enf_status enf_prior_sample(enf_ctx *ctx, const enf_flow *flow, uint64_t seed, uint64_t first,
                            size_t n, double *z) {
  ENF__ENTRY;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  const enf__argument arrays[] = {{"z", z}};
  TRY(enf__batch_check(ctx, flow, n, 1, arrays));
  TRY(enf__flow_single(ctx, flow, "enf_prior_sample"));
  if (n > UINT64_MAX - first)
    TRY(enf__fail(ctx, ENF_ERR_RANGE, "first = %llu plus n = %zu runs past the end of the stream",
                  (unsigned long long)first, n));
  for (size_t i = 0; i < n; i++)
    enf__prior_sample(&flow->prior, seed, ENF__STREAM_PRIOR, first + i,
                      z + i * enf__space_state(&flow->space));
out:
  return status;
}

enf_status enf_prior_log_prob(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *z,
                              double *logp) {
  ENF__ENTRY;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  const double started = enf__seconds();
  const enf__argument arrays[] = {{"z", z}, {"logp", logp}};
  TRY(enf__batch_check(ctx, flow, n, 2, arrays));
  TRY(enf__flow_single(ctx, flow, "enf_prior_log_prob"));
  enf__tally tally = {.ended = enf__ended_take(ctx, n)};
  if (!tally.ended)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a call on %zu samples", n));
  const size_t state = enf__space_state(&flow->space);
  for (size_t i = 0; i < n; i++) {
    const bool finite = enf__all_finite(state, z + i * state);
    logp[i] = finite ? enf__prior_log_density(&flow->prior, z + i * state) : (double)NAN;
    if (!finite)
      enf__tally_failure(&tally, i, (enf__failure){.status = ENF_ERR_NONFINITE, .what = "z"});
  }
  status = enf__batch_end(ctx, n, &tally, enf__seconds() - started);
out:
  return status;
}
