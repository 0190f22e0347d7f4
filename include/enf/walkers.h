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

#define ENF_JUMP_INFO_INIT                                                                         \
  { sizeof(enf_jump_info), 0, 0 }

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
 * Threads: flow may be shared; ctx not. Statuses: ARG, RANGE (the stream ends), CALLBACK,
 * CANCELLED, NOMEM, and those of enf_log_prob for a walker whose log q cannot be found.
 * Source: Tierney 1994, Ann. Statist. 22, 1701; Noe et al. 2019, Science 365, eaaw1147. Since 0.1.
 */
enf_status enf_jump(enf_ctx *ctx, const enf_flow *flow, enf_energy_fn fn, void *user, uint64_t seed,
                    uint64_t *counter, size_t rounds, size_t n, double *x, double *u, double *logq,
                    enf_jump_info *info);

/* The host's own moves of n walkers, by a kernel that is reversible with respect to exp(-u): x
   (n,N,D) and u (n) become those after the moves. `number` is another one in every call; take
   random numbers from it, so that a run that is cut and resumed is the same. Non-zero stops with
   CALLBACK. */
typedef int (*enf_move_fn)(void *user, uint64_t number, size_t n, double *x, double *u);

/* How to anneal. Begin with ENF_ANNEAL_PLAN_INIT. Grows at the end only. */
typedef struct {
  size_t struct_size;
  uint64_t seed;
  double ess_step;     /* share of the weight that one bridge keeps (conditional ESS); in (0,1) */
  double ess_resample; /* resample when the ESS is below; 0: never (annealed importance sampling) */
  uint64_t moves;      /* of every walker at every bridge */
  uint64_t leapfrog;   /* gradients of a move, if the library moves */
  enf_move_fn move;    /* the host's; NULL: Hamiltonian moves by the gradient of u */
  void *move_user;
  uint64_t guided; /* 1: the library's moves follow the gradient of the bridge, log q's included */
} enf_anneal_plan;

#define ENF_ANNEAL_PLAN_INIT                                                                       \
  { sizeof(enf_anneal_plan), 0, 0.9, 0.5, 2, 10, 0, 0, 0 }

/* Where an annealing is. Begin with ENF_ANNEALING_INIT; with its numbers and the walkers' arrays it
   goes on in another call or program, bit for bit. Grows at the end only. */
typedef struct {
  size_t struct_size;
  double beta;      /* 0 at the flow, 1 at the target */
  double log_z;     /* so far; at beta 1 that of exp(-u) */
  double log_z_err; /* its standard error, by families */
  double ess;       /* of the walkers as they are, a fraction */
  double step;      /* length of a leapfrog step */
  uint64_t bridges, resamplings, proposals, accepted;
} enf_annealing;

#define ENF_ANNEALING_INIT                                                                         \
  { sizeof(enf_annealing), 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/**
 * enf_anneal: samples of a flow become weighted samples of exp(-u)/Z by way of bridges between,
 * with log Z: annealed importance sampling and sequential Monte Carlo.
 *
 * The bridge at beta has the density q^(1-beta) exp(-beta u), unnormalised. beta grows by as much
 * as keeps ess_step of the weight; walkers are resampled when their ESS falls below ess_resample;
 * and moved. No gradient of log q is needed: a move that keeps exp(-u) in detailed balance,
 * Hamiltonian by the gradient of u or the host's own, is accepted with probability min(1,
 * (w/w')^(1-beta)), w = exp(-u)/q of the walker and w' of where it would go, and then keeps the
 * bridge. Where log q's gradient is cheap, plan->guided moves by the gradient of the bridge itself:
 * near the flow u alone leads away from where walkers may be.
 *
 * In:      fn, user  the energy; gradients are asked for unless plan->move is given
 *          most      bridges in this call; 0: to the end. state->beta is 1 at the end
 * In/out:  state     begins with its struct_size (ENF_ANNEALING_INIT)
 *          x         (n,N,D); these five are written in the first call, and given back in later ones
 *          u, logq   (n)
 *          logw      (n) log of the weights, sum exp(logw) = 1
 *          family    (n) number of the flow's sample that a walker descends from: walkers of one
 *                    family are not independent, and few families are few samples
 * On failure all of these are as they were. log Z is unbiased but for the step and the bridges
 * following the walkers; its error counts families as independent samples (Lee and Whiteley 2018,
 * Biometrika 105, 609). Averages are those with logw.
 * Cost: for a bridge n moves (leapfrog + 1) energies with gradients and n moves densities; guided,
 * as many enf_log_prob_grad as energies.
 * Threads: flow may be shared; ctx not.
 * Statuses: ARG, RANGE, CALLBACK, CANCELLED, NONFINITE (no walker has a weight), NOMEM.
 * Source: Neal 2001, Stat. Comput. 11, 125; Del Moral, Doucet, Jasra 2006, J. R. Stat. Soc. B 68,
 * 411; Zhou, Johansen, Aston 2016, J. Comput. Graph. Stat. 25, 701. Since 0.1.
 */
enf_status enf_anneal(enf_ctx *ctx, const enf_flow *flow, enf_energy_fn fn, void *user,
                      const enf_anneal_plan *plan, uint64_t most, enf_annealing *state, size_t n,
                      double *x, double *u, double *logq, double *logw, uint64_t *family);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
