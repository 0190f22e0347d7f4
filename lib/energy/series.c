/* series.c -- what a simulation's stored samples say about it.

   Means over all samples; their error bars from the spread of the walkers' means, which are
   independent whatever the correlation within a walker. Integrated autocorrelation time
   tau = 1 + 2 sum_k rho(k) of u, pooled over the walkers about the common mean, summed up to the
   first lag of at least 5 tau (Sokal 1997). One walker gives no error bars: they are NaN. */
#include "energy/simulate.h"
#include <math.h>

static size_t stored(const enf__sim *sim, size_t w) {
  return (sim->rows - w + sim->walkers - 1) / sim->walkers;
}

static void mean_and_error(const enf__sim *sim, const double *series, double *mean, double *error) {
  const size_t W = sim->walkers;
  double total = 0, squares = 0;
  for (size_t w = 0; w < W; w++)
    for (size_t k = 0; k < stored(sim, w); k++)
      total += series[w * sim->per_walker + k];
  *mean = total / (double)sim->rows;
  for (size_t w = 0; w < W; w++) {
    double own = 0;
    for (size_t k = 0; k < stored(sim, w); k++)
      own += series[w * sim->per_walker + k];
    own = own / (double)stored(sim, w) - *mean;
    squares += own * own;
  }
  *error = W > 1 ? sqrt(squares / (double)(W * (W - 1))) : NAN;
}

/* Mean of (u(t) - mean)(u(t + lag) - mean) over all walkers and times; 0 if no walker is so long.
 */
static double covariance(const enf__sim *sim, double mean, size_t lag) {
  double sum = 0, count = 0;
  for (size_t w = 0; w < sim->walkers; w++) {
    const double *u = sim->series_u + w * sim->per_walker;
    for (size_t k = lag; k < stored(sim, w); k++) {
      sum += (u[k] - mean) * (u[k - lag] - mean);
      count++;
    }
  }
  return count > 0 ? sum / count : 0;
}

/* 1 where the noise of a short series makes the sum negative. */
static double autocorrelation(const enf__sim *sim, double mean) {
  const double variance = covariance(sim, mean, 0);
  double tau = 1;
  if (!(variance > 0))
    return tau;
  for (size_t lag = 1; lag < sim->per_walker && (double)lag < 5 * tau; lag++)
    tau += 2 * covariance(sim, mean, lag) / variance;
  return tau > 0 ? tau : 1;
}

void enf__sim_summarise(const enf__sim *sim, enf_sim_info *info) {
  double accepted = 0, swaps = 0, swapped = 0;
  for (size_t w = 0; w < sim->walkers; w++) {
    accepted += sim->accepted[w * sim->rungs];
    swaps += (double)sim->tally[w].swaps;
    swapped += (double)sim->tally[w].swapped;
    info->evaluations += sim->tally[w].evaluations;
  }
  info->acceptance =
      accepted / ((double)sim->walkers * (double)sim->per_walker * (double)sim->stride);
  info->swap_acceptance = swaps > 0 ? swapped / swaps : NAN;
  mean_and_error(sim, sim->series_u, &info->mean_u, &info->mean_u_err);
  mean_and_error(sim, sim->series_virial, &info->virial, &info->virial_err);
  info->autocorrelation = autocorrelation(sim, info->mean_u);
  info->step = sim->step[0];
  info->walkers = sim->walkers;
  info->rungs = sim->rungs;
}
