/* walk.c -- the moves of a simulation: Hamiltonian Monte Carlo and replica exchange.

   HMC (Duane et al. 1987): momenta p ~ N(0,1), `leapfrog` steps of
       p -= h/2 beta grad u,   x += h p,   p -= h/2 beta grad u
   (neighbouring half steps of p in one) in the space of the points (motion_*.c), accepted with
   probability min(1, exp(-dH)), H = beta u + p^2/2. The step h is drawn anew for every move from
   [0.7, 1.3] of the temperature's, so that no vibration is in resonance with the length of a
   trajectory. Exchange (Swendsen and Wang 1986): neighbouring temperatures, even and odd pairs in
   turn, with probability min(1, exp((beta_r - beta_s)(u_r - u_s))).

   All replicas of a range advance together: one call of the energy per leapfrog step. A replica
   that meets a non-finite energy or gradient stays where it was and its move is rejected; the
   energy is never asked about a non-finite configuration. Given the steps, detailed balance holds
   exactly. */
#include "core/random.h"
#include "energy/simulate.h"
#include <math.h>
#include <string.h>

#define STEP_SPREAD 0.3

uint64_t enf__sim_index(const enf__sim *sim, uint64_t move, size_t replica, unsigned purpose) {
  return (move * (sim->walkers * sim->rungs) + replica) * ENF__SIM_PURPOSES + purpose;
}

static double dot(size_t n, const double *a, const double *b) {
  double sum = 0;
  for (size_t k = 0; k < n; k++)
    sum += a[k] * b[k];
  return sum;
}

static int call(const enf__sim *sim, size_t first, size_t last) {
  const size_t size = sim->N * sim->D;
  return sim->fn(sim->user, last - first, sim->x_new + first * size, sim->u_new + first,
                 sim->grad_new + first * size);
}

static int call_host(const enf__sim *sim, size_t first, size_t last) {
  const bool silent = enf__host_begin(sim->host);
  const int returned = call(sim, first, last);
  enf__host_end(sim->host, silent);
  return returned;
}

enf_status enf__sim_evaluate(enf__sim *sim, size_t first, size_t last) {
  const int returned = sim->host ? call_host(sim, first, last) : call(sim, first, last);
  if (returned) {
    sim->returned = returned;
    return ENF_ERR_CALLBACK;
  }
  for (size_t c = first; c < last; c++) {
    sim->tally[c / sim->rungs].evaluations++;
    if (sim->motion->take_gradient)
      sim->motion->take_gradient(sim, c);
  }
  return ENF_OK;
}

/* ---- one Hamiltonian move ------------------------------------------------------------------- */

static void begin_move(enf__sim *sim, size_t c, uint64_t move) {
  const size_t size = sim->N * sim->D;
  const double *momentum = sim->momentum + c * size;
  double uniform[2];
  sim->motion->draw_momentum(sim, c, enf__sim_index(sim, move, c, ENF__SIM_MOMENTUM));
  enf__random_uniform(sim->seed, ENF__STREAM_SIMULATE, enf__sim_index(sim, move, c, ENF__SIM_LUCK),
                      2, uniform);
  sim->kinetic[c] = dot(size, momentum, momentum) / 2;
  sim->move_step[c] = sim->step[c % sim->rungs] * (1 + STEP_SPREAD * (2 * uniform[0] - 1));
  sim->luck[c] = log(uniform[1]);
  sim->alive[c] = true;
  memcpy(sim->x_new + c * size, sim->x + c * size, size * sizeof(double));
}

/* Momentum along the force, for a share of the step. A gradient that is not finite shows here. */
static void kick(enf__sim *sim, size_t c, double share, const double *grad) {
  const size_t size = sim->N * sim->D;
  const double scale = -share * sim->move_step[c] * sim->beta[c % sim->rungs];
  const double check = sim->motion->kick(sim, c, scale, grad + c * size);
  sim->alive[c] = sim->alive[c] && isfinite(check);
}

/* The dead are taken back to where they were, so that their next evaluation is harmless. */
static void drift(enf__sim *sim, size_t c) {
  const size_t size = sim->N * sim->D;
  if (!sim->alive[c])
    memcpy(sim->x_new + c * size, sim->x + c * size, size * sizeof(double));
  else
    sim->motion->drift(sim, c, sim->move_step[c]);
}

static void settle(enf__sim *sim, size_t c) {
  const size_t size = sim->N * sim->D;
  if (!sim->alive[c])
    return;
  const double *momentum = sim->momentum + c * size;
  const double growth = sim->beta[c % sim->rungs] * (sim->u_new[c] - sim->u[c]) +
                        dot(size, momentum, momentum) / 2 - sim->kinetic[c];
  sim->accepted[c] += growth > 0 ? exp(-growth) : 1;
  if (!(sim->luck[c] < -growth))
    return;
  memcpy(sim->x + c * size, sim->x_new + c * size, size * sizeof(double));
  memcpy(sim->grad + c * size, sim->grad_new + c * size, size * sizeof(double));
  sim->u[c] = sim->u_new[c];
  sim->motion->settle(sim, c);
}

static enf_status make_move(enf__sim *sim, size_t first, size_t last, uint64_t move) {
  for (size_t c = first; c < last; c++) {
    begin_move(sim, c, move);
    kick(sim, c, 0.5, sim->grad);
  }
  for (size_t step = 1; step <= sim->leapfrog; step++) {
    for (size_t c = first; c < last; c++)
      drift(sim, c);
    enf_status status = enf__sim_evaluate(sim, first, last);
    if (status != ENF_OK)
      return status;
    for (size_t c = first; c < last; c++) {
      kick(sim, c, step < sim->leapfrog ? 1 : 0.5, sim->grad_new);
      sim->alive[c] = sim->alive[c] && isfinite(sim->u_new[c]);
    }
  }
  for (size_t c = first; c < last; c++)
    settle(sim, c);
  return ENF_OK;
}

/* ---- exchange and storage ------------------------------------------------------------------- */

static void swap_arrays(size_t n, double *a, double *b) {
  for (size_t k = 0; k < n; k++) {
    double kept = a[k];
    a[k] = b[k];
    b[k] = kept;
  }
}

static void exchange(enf__sim *sim, size_t w, uint64_t move) {
  const size_t size = sim->N * sim->D;
  for (size_t r = move % 2; r + 1 < sim->rungs; r += 2) {
    const size_t c = w * sim->rungs + r;
    double uniform;
    enf__random_uniform(sim->seed, ENF__STREAM_SIMULATE,
                        enf__sim_index(sim, move, c, ENF__SIM_SWAP), 1, &uniform);
    sim->tally[w].swaps++;
    if (!(log(uniform) < (sim->beta[r] - sim->beta[r + 1]) * (sim->u[c] - sim->u[c + 1])))
      continue;
    sim->tally[w].swapped++;
    swap_arrays(size, sim->x + c * size, sim->x + (c + 1) * size);
    swap_arrays(size, sim->grad + c * size, sim->grad + (c + 1) * size);
    swap_arrays(1, sim->u + c, sim->u + c + 1);
  }
}

/* Sample k of walker w is row k W + w of the output, before shuffling if rows are shuffled. */
static void store(enf__sim *sim, size_t w, size_t k) {
  const size_t size = sim->N * sim->D, row = k * sim->walkers + w, c = w * sim->rungs;
  if (row >= sim->rows)
    return;
  const double *x = sim->x + c * size;
  const size_t place =
      sim->in_order ? row
                    : enf__random_permute(sim->seed, ENF__STREAM_SHUFFLE, 0, sim->rows, row);
  memcpy(sim->out + place * size, x, size * sizeof(double));
  sim->series_u[w * sim->per_walker + k] = sim->u[c];
  sim->series_virial[w * sim->per_walker + k] =
      sim->motion->virial ? dot(size, x, sim->grad + c * size) : (double)NAN;
}

enf_status enf__sim_walk(enf__sim *sim, size_t first, size_t last, uint64_t from, uint64_t to) {
  const size_t R = sim->rungs;
  for (uint64_t move = from; move < to; move++) {
    enf_status status = make_move(sim, first * R, last * R, move);
    if (status != ENF_OK)
      return status;
    for (size_t w = first; w < last; w++) {
      exchange(sim, w, move);
      if (move >= sim->burn_in && (move + 1 - sim->burn_in) % sim->stride == 0)
        store(sim, w, (size_t)((move - sim->burn_in) / sim->stride));
    }
  }
  return ENF_OK;
}
