/* enf/walkers.h -- configurations that move from a flow's density to the target's, or between the
   host's own moves. */
#ifndef ENF_WALKERS_H
#define ENF_WALKERS_H

#include <enf/energy.h>
#include <enf/flow.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What jumps did. Grows at the end only. */
typedef struct {
  size_t struct_size;
  uint64_t proposals, accepted; /* of this call */
} enf_jump_info;

#define ENF_JUMP_INFO_INIT {sizeof(enf_jump_info), 0, 0}

/**
 * enf_jump: walkers of the host's own dynamics jump to samples of a flow, detailed balance kept.
 *
 * A walker at x goes to the flow's sample x' with probability min(1, w(x')/w(x)), w = exp(-u)/q,
 * else it stays: a move that keeps exp(-u), so that it may stand anywhere between moves of the
 * host's that keep it. Dynamics finds what is near, the flow crosses barriers. Walkers that jumped
 * are mean-free; draw their velocities anew.
 *
 * Walker i's proposal in round r is sample number counter + r n + i of the stream `seed`: rounds in
 * several calls are those of one, bit for bit, and different programs take different seeds.
 * Samples that fail and energies that are no number are not gone to. Of a flow that does not know
 * left from right half of the proposals are mirror images: let fn say +infinity for the wrong hand
 * (enf_chirality).
 *
 * In:      fn, user  the energy, asked for many proposals at once, without gradients
 *          rounds    proposals for every walker
 * In/out:  counter   place in the stream, 0 at first; advanced by rounds n
 *          x         (n,N,D) the walkers
 *          u         (n) their reduced energies; NaN: not known, to be computed. +infinity is left
 *                    at the first proposal that is possible
 *          logq      (n) their log q; NaN: not known, to be computed. Keep it between calls while
 *                    a walker has not moved, and set NaN when it has
 * Out:     info      begins with its struct_size (ENF_JUMP_INFO_INIT); may be NULL
 * On failure walkers and counter are as they were.
 * Cost: rounds n enf_sample with density and as many energies, an enf_log_prob for every NaN.
 * Threads: flow may be shared; ctx not. Statuses: ARG, RANGE (the stream ends), CALLBACK, CANCELLED,
 * NOMEM, and those of enf_log_prob for a walker whose log q cannot be found.
 * Source: Tierney 1994, Ann. Statist. 22, 1701; Noe et al. 2019, Science 365, eaaw1147. Since 0.1.
 */
enf_status enf_jump(enf_ctx *ctx, const enf_flow *flow, enf_energy_fn fn, void *user, uint64_t seed,
                    uint64_t *counter, size_t rounds, size_t n, double *x, double *u, double *logq,
                    enf_jump_info *info);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
