/* anneal_move.c -- moves that keep a bridge.

   K is a kernel reversible with respect to p = exp(-u): Hamiltonian Monte Carlo (Duane et al. 1987;
   leapfrog steps, momenta on the space's subspace, Metropolis on the change of u + p^2/2), or the
   host's. As p(x) K(x,x') = p(x') K(x',x), taking x' from K with probability

     min(1, b(x') p(x) / (b(x) p(x'))) = min(1, (w(x)/w(x'))^(1-beta)),   w = exp(-u)/q,

   is reversible with respect to b = q^(1-beta) exp(-beta u). So log q is asked for once a move, and
   its gradient never. A guided move is Hamiltonian with respect to b itself: its energy is
   beta u - (1-beta) log q, and nothing is left to accept. The step follows the acceptance of
   Hamiltonian moves towards 0.75. */
#include "core/random.h"
#include "flow/flow.h"
#include "infer/anneal.h"
#include "infer/weight.h"
#include <math.h>
#include <string.h>

#define WANTED 0.75
#define STEP_SPREAD 0.3

static void project(const enf__anneal *a, double *v) {
  const enf__space *space = &a->w.flow->space;
  for (size_t i = 0; i < a->n; i++)
    space->ops->project(space, v + i * a->w.size);
}

static double square(size_t count, const double *v) {
  double sum = 0;
  for (size_t k = 0; k < count; k++)
    sum += v[k] * v[k];
  return sum;
}

enf_status enf__anneal_guess_step(enf__anneal *a) {
  if (a->plan.move || a->at.step > 0)
    return ENF_OK;
  const enf_status status = enf__walkers_energy(&a->w, a->n, a->x, a->u_new, a->grad);
  double sum = 0, count = 0;
  for (size_t i = 0; i < a->n; i++) { /* the mean of logarithms: a few that overlap do not decide */
    const double steepest = square(a->w.size, a->grad + i * a->w.size) / (double)a->w.size;
    if (steepest > 0 && isfinite(steepest))
      sum += log(steepest), count++;
  }
  a->at.step = count > 0 ? 0.3 * exp(-0.5 * sum / count) : 0.1;
  return status;
}

/* ---- Hamiltonian ------------------------------------------------------------------------------
 */

static void draw(enf__anneal *a, uint64_t move) {
  const size_t size = a->w.size;
  for (size_t i = 0; i < a->n; i++)
    enf__random_normal(a->plan.seed, ENF__STREAM_ANNEAL,
                       enf__anneal_index(a, move, i, ENF__ANNEAL_MOMENTUM), size,
                       a->momentum + i * size);
  project(a, a->momentum);
  for (size_t i = 0; i < a->n; i++)
    a->kinetic[i] = square(size, a->momentum + i * size) / 2;
}

static void kick(enf__anneal *a, double length) {
  for (size_t k = 0; k < a->n * a->w.size; k++)
    a->momentum[k] -= length * a->grad[k];
  project(a, a->momentum);
}

/* Whether moves know log q: at the target there is nothing to know of it. */
static bool is_guided(const enf__anneal *a) { return a->plan.guided && a->at.beta < 1; }

/* The gradient that drives the walkers at x_new, with u there and, if it counts, log q. */
static enf_status force(enf__anneal *a) {
  const double beta = is_guided(a) ? a->at.beta : 1;
  enf_status status;
  TRY(enf__walkers_energy(&a->w, a->n, a->x_new, a->u_new, a->grad));
  if (beta == 1)
    goto out;
  TRY(enf__walkers_density(&a->w, a->n, a->x_new, a->logq_new, a->score));
  for (size_t k = 0; k < a->n * a->w.size; k++)
    a->grad[k] = beta * a->grad[k] - (1 - beta) * a->score[k];
out:
  return status;
}

/* Where a trajectory from every walker ends. One that meets no finite energy stays impossible. */
static enf_status fly(enf__anneal *a, double step) {
  const size_t count = a->n * a->w.size;
  enf_status status;
  TRY(force(a));
  for (uint64_t l = 0; l < a->plan.leapfrog; l++) {
    kick(a, (l ? 1 : 0.5) * step);
    for (size_t k = 0; k < count; k++)
      a->x_new[k] += step * a->momentum[k];
    TRY(force(a));
  }
  kick(a, 0.5 * step);
out:
  return status;
}

/* By how much the energy of the density that the moves keep has grown. */
static double change_of(const enf__anneal *a, size_t i) {
  const double beta = is_guided(a) ? a->at.beta : 1;
  const double change = beta * (a->u_new[i] - a->u[i]);
  return beta == 1 ? change : change - (1 - beta) * (a->logq_new[i] - a->logq[i]);
}

/* The Metropolis step of the kernel itself. */
static enf_status hamiltonian(enf__anneal *a, uint64_t move) {
  double uniform, accepted = 0;
  enf__random_uniform(a->plan.seed, ENF__STREAM_ANNEAL,
                      enf__anneal_index(a, move, 0, ENF__ANNEAL_STEP), 1, &uniform);
  draw(a, move);
  const enf_status status = fly(a, a->at.step * (1 + STEP_SPREAD * (2 * uniform - 1)));
  for (size_t i = 0; i < a->n && status == ENF_OK; i++) {
    const double kinetic = square(a->w.size, a->momentum + i * a->w.size) / 2;
    const double change = change_of(a, i) + kinetic - a->kinetic[i];
    const double chance = isnan(change) ? 0 : fmin(1, exp(-change));
    accepted += chance;
    if (!(a->luck[2 * i] < chance))
      a->u_new[i] = INFINITY; /* it stays */
  }
  a->at.step *= exp(accepted / (double)a->n - WANTED);
  return status;
}

/* ---- a move ------------------------------------------------------------------------------------
 */

static enf_status ask_host(enf__anneal *a, uint64_t move) {
  const bool silent = enf__host_begin(a->w.ctx);
  memcpy(a->u_new, a->u, a->n * sizeof *a->u);
  const int returned = a->plan.move(a->plan.move_user, move, a->n, a->x_new, a->u_new);
  enf__host_end(a->w.ctx, silent);
  return returned ? enf__fail(a->w.ctx, ENF_ERR_CALLBACK, "the move function returned %d", returned)
                  : ENF_OK;
}

static void settle(enf__anneal *a, size_t i) {
  const size_t size = a->w.size;
  const double now = enf__log_weight(a->logq[i], a->u[i], NULL);
  const double then = enf__log_weight(a->logq_new[i], a->u_new[i], NULL);
  const double chance = is_guided(a) ? 0 : (1 - a->at.beta) * (now - then);
  if (then == -(double)INFINITY || isnan(chance) || !(log(a->luck[2 * i + 1]) < chance))
    return;
  a->at.accepted++;
  a->u[i] = a->u_new[i];
  a->logq[i] = a->logq_new[i];
  memcpy(a->x + i * size, a->x_new + i * size, size * sizeof *a->x);
}

static enf_status move_once(enf__anneal *a, uint64_t move) {
  enf_status status;
  memcpy(a->x_new, a->x, a->n * a->w.size * sizeof *a->x);
  for (size_t i = 0; i < a->n; i++)
    enf__random_uniform(a->plan.seed, ENF__STREAM_ANNEAL,
                        enf__anneal_index(a, move, i, ENF__ANNEAL_LUCK), 2, a->luck + 2 * i);
  TRY(a->plan.move ? ask_host(a, move) : hamiltonian(a, move));
  if (!is_guided(a))
    TRY(enf__walkers_density(&a->w, a->n, a->x_new, a->logq_new, NULL));
  for (size_t i = 0; i < a->n; i++)
    settle(a, i);
  a->at.proposals += a->n;
out:
  return status;
}

enf_status enf__anneal_move(enf__anneal *a) {
  enf_status status = ENF_OK;
  for (uint64_t k = 0; k < a->plan.moves && status == ENF_OK; k++)
    status = move_once(a, (a->at.bridges - 1) * a->plan.moves + k);
  return status;
}
