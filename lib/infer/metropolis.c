/* metropolis.c -- independence Metropolis: a Markov chain whose proposals are samples of a flow.

   From state c the chain goes to proposal i with probability min(1, w_i / w_c), w = exp(-u - log q)
   (Hastings 1970; Tierney 1994, section 2.3.3), else it stays. */
#include "core/core.h"
#include "core/random.h"
#include "infer/weight.h"
#include <enf/infer.h>

/* The first sample of weight above 0; n if there is none. */
static size_t find_start(size_t n, const double *logp, const double *u) {
  size_t i = 0;
  while (i < n && enf__log_weight(logp[i], u[i], NULL) == -INFINITY)
    i++;
  return i;
}

static bool accepts(uint64_t seed, uint64_t number, double log_ratio) {
  double uniform;
  if (log_ratio >= 0)
    return true;
  enf__random_uniform(seed, ENF__STREAM_METROPOLIS, number, 1, &uniform);
  return log(uniform) < log_ratio;
}

static enf_status check(enf_ctx *ctx, size_t n, const double *logp, const double *u,
                        const size_t *state) {
  if (n == 0)
    return enf__fail(ctx, ENF_ERR_ARG, "n is 0: there are no proposals");
  if (!logp || !u || !state)
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", !logp ? "logp" : !u ? "u" : "state");
  return ENF_OK;
}

enf_status enf_metropolis(enf_ctx *ctx, uint64_t seed, uint64_t first, size_t n, const double *logp,
                          const double *u, size_t *state, uint64_t *accepted) {
  ENF__ENTRY;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  TRY(check(ctx, n, logp, u, state));
  size_t current = find_start(n, logp, u);
  if (current == n)
    TRY(enf__fail(ctx, ENF_ERR_NONFINITE,
                  "all %zu proposals have weight 0: the chain has no state to begin with", n));
  const size_t start = current;
  uint64_t moves = 0;
  for (size_t i = 0; i < n; i++) {
    const double ratio =
        enf__log_weight(logp[i], u[i], NULL) - enf__log_weight(logp[current], u[current], NULL);
    if (i > start && accepts(seed, first + i, ratio)) {
      current = i;
      moves++;
    }
    state[i] = current;
  }
  if (accepted)
    *accepted = moves;
out:
  return status;
}
