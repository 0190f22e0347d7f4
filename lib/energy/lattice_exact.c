/* lattice_exact.c -- enf_lattice_exact_values: what is known exactly of a gauge theory in two
   dimensions, from its energy's text (characters.c). With S = u, S is -beta d/dbeta of its own
   exponent, so <S> = -beta d log Z/dbeta and its variance is beta^2 d^2 log Z/dbeta^2. */
#include "energy/characters.h"
#include "energy/energy.h"
#include <enf/lattice.h>
#include <math.h>

enf_status enf_lattice_exact_values(enf_ctx *ctx, const char *wilson, enf_lattice_exact *out) {
  ENF__ENTRY;
  enf_status status;
  enf_energy energy;
  enf__expansion found;
  TRY(enf__enter(ctx));
  if (!wilson || !out)
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", wilson ? "out" : "wilson");
  TRY(enf__struct_check(ctx, "out", out, ENF__SIZE_TO(enf_lattice_exact, charge_square),
                        "ENF_LATTICE_EXACT_INIT"));
  TRY(enf__energy_read(ctx, wilson, &energy));
  if (energy.potential != ENF__WILSON)
    return enf__fail(ctx, ENF_ERR_OPTION, "exact values are of wilson:..., not of %s",
                     energy.system);
  const size_t n = (size_t)energy.value[ENF__ENERGY_GAUGE], sites = energy.particles / 2;
  const double beta = energy.value[ENF__ENERGY_BETA], most = enf__characters_limit(n);
  if (beta > most)
    return enf__fail(ctx, ENF_ERR_RANGE,
                     "beta is %g: the character expansion of this group is good up to %g", beta,
                     most);
  if (!enf__characters_expand(n, beta, sites, &found))
    return enf__fail(ctx, ENF_ERR_RANGE,
                     "too many representations count at beta %g on %zu plaquettes", beta, sites);
  const enf_lattice_exact all = {.struct_size = sizeof all,
                                 .log_z = found.log_z,
                                 .action_mean = -beta * found.slope,
                                 .action_variance = beta * beta * found.curvature,
                                 .plaquette = found.slope / (double)sites,
                                 .charge_square = found.charge_square};
  enf__struct_give(out, &all, sizeof all);
out:
  return status;
}
