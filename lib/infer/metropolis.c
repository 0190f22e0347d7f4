/* metropolis.c -- independence Metropolis: a Markov chain whose proposals are samples of a flow.

   From state c the chain goes to proposal i with probability min(1, w_i / w_c), w = exp(-u - log q)
   (Hastings 1970; Tierney 1994, section 2.3.3), else it stays. Before the first proposal of weight
   above 0 it has not begun. Proposal number i has the uniform number i of the chain's stream to
   itself, whether it is accepted or not, so a chain that is cut goes on as if it were not. */
#include "core/core.h"
#include "core/random.h"
#include "infer/weight.h"
#include <enf/infer.h>

bool enf__metropolis_accepts(uint64_t seed, uint64_t number, double log_ratio) {
  double uniform;
  if (log_ratio >= 0)
    return true;
  enf__random_uniform(seed, ENF__STREAM_METROPOLIS, number, 1, &uniform);
  return log(uniform) < log_ratio;
}

/* The chain's next proposal. */
static void propose(enf_chain *chain, uint64_t seed, double logp, double u) {
  const double weight = enf__log_weight(logp, u, NULL);
  const uint64_t number = chain->next++;
  const bool taken = chain->accepted == 0
                         ? weight > -(double)INFINITY
                         : enf__metropolis_accepts(
                               seed, number, weight - enf__log_weight(chain->logp, chain->u, NULL));
  if (!taken)
    return;
  chain->state = number;
  chain->accepted++;
  chain->u = u;
  chain->logp = logp;
}

static enf_status check(enf_ctx *ctx, size_t n, const double *logp, const double *u,
                        const void *state) {
  if (n == 0)
    return enf__fail(ctx, ENF_ERR_ARG, "n is 0: there are no proposals");
  if (!logp || !u || !state)
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", !logp ? "logp" : !u ? "u" : "state");
  return ENF_OK;
}

static enf_status nothing_weighs(enf_ctx *ctx, uint64_t n) {
  return enf__fail(ctx, ENF_ERR_NONFINITE,
                   "all %llu proposals have weight 0: the chain has no state to begin with",
                   (unsigned long long)n);
}

enf_status enf_metropolis(enf_ctx *ctx, uint64_t seed, uint64_t first, size_t n, const double *logp,
                          const double *u, size_t *state, uint64_t *accepted) {
  ENF__ENTRY;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  TRY(check(ctx, n, logp, u, state));
  enf_chain chain = {.next = first};
  size_t begun = n;
  for (size_t i = 0; i < n; i++) {
    propose(&chain, seed, logp[i], u[i]);
    if (begun == n && chain.accepted > 0)
      begun = i;
    state[i] = (size_t)(chain.state - first);
  }
  if (begun == n)
    TRY(nothing_weighs(ctx, n));
  for (size_t i = 0; i < begun; i++)
    state[i] = begun;
  if (accepted)
    *accepted = chain.accepted - 1;
out:
  return status;
}

static enf_status check_chain(enf_ctx *ctx, const enf_chain *chain, size_t n) {
  const enf_status status =
      enf__struct_check(ctx, "chain", chain, ENF__SIZE_TO(enf_chain, logp), "ENF_CHAIN_INIT");
  if (status != ENF_OK)
    return status;
  if (n > UINT64_MAX - chain->next)
    return enf__fail(ctx, ENF_ERR_RANGE, "next = %llu plus n = %zu runs past the end of the stream",
                     (unsigned long long)chain->next, n);
  if (chain->accepted > 0 && enf__log_weight(chain->logp, chain->u, NULL) == -(double)INFINITY)
    return enf__fail(ctx, ENF_ERR_NONFINITE,
                     "the chain is at a state of u = %g and logp = %g, whose weight is 0", chain->u,
                     chain->logp);
  return ENF_OK;
}

enf_status enf_chain_advance(enf_ctx *ctx, enf_chain *chain, uint64_t seed, size_t n,
                             const double *logp, const double *u, uint64_t *state) {
  ENF__ENTRY;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  if (!chain)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "chain is NULL"));
  TRY(check(ctx, n, logp, u, state));
  TRY(check_chain(ctx, chain, n));
  for (size_t i = 0; i < n; i++) {
    propose(chain, seed, logp[i], u[i]);
    state[i] = chain->accepted > 0 ? chain->state : UINT64_MAX;
  }
  if (chain->accepted == 0)
    TRY(nothing_weighs(ctx, n));
out:
  return status;
}
