/* exact.c -- built-in energies whose samples are drawn: enf_energy_sample, and the simulation that
   is no chain. */
#include "energy/energy.h"
#include "energy/simulate.h"

enf_status enf_energy_sample(enf_ctx *ctx, const enf_energy *energy, uint64_t seed, uint64_t first,
                             size_t n, double *x) {
  ENF__ENTRY;
  enf_status status;
  TRY(enf__enter(ctx));
  if (!energy || energy->magic != ENF__MAGIC_ENERGY || (n > 0 && !x))
    return enf__fail(ctx, ENF_ERR_ARG, "%s", energy ? "x is NULL, or energy is no energy"
                                                    : "energy is NULL");
  if (!energy->sample)
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                     "%s has no exact samples; enf_simulate gives those of a chain",
                     energy->system);
  for (size_t i = 0; i < n; i++)
    energy->sample(energy, seed, first + i, x + i * energy->particles * energy->dimensions);
out:
  return status;
}

void enf__sim_draw(enf__sim *sim) {
  const enf_energy *energy = sim->user;
  const size_t size = sim->N * sim->D;
  for (size_t i = 0; i < sim->rows; i++)
    energy->sample(energy, sim->seed, i, sim->out + i * size);
  enf__potential_eval(energy, sim->rows, sim->out, sim->series_u, sim->grad);
  for (size_t i = 0; i < sim->rows; i++) {
    sim->series_virial[i] = 0;
    for (size_t k = i * size; k < (i + 1) * size; k++)
      sim->series_virial[i] += sim->out[k] * sim->grad[k];
    sim->accepted[i] = 1;
    sim->tally[i].evaluations = 1;
  }
  sim->step[0] = 0;
}
