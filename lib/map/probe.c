/* probe.c -- probes keyed by (seed, index): Rademacher signs, which have the smaller variance, or
   standard normals. The probes of one sample are one stretch of its stream.

   For densities the index is a hash of the sample's own coordinates (enf__random_key): the estimate
   for a configuration is then the same in any batch, at any place. */
#include "map/probe.h"
#include "core/random.h"

void enf__probe_draw(int kind, uint64_t seed, uint64_t index, size_t probes, size_t count,
                     double *eps) {
  const size_t total = probes * count;
  if (kind == ENF__GAUSSIAN) {
    enf__random_normal(seed, ENF__STREAM_PROBE, index, total, eps);
    return;
  }
  enf__random_uniform(seed, ENF__STREAM_PROBE, index, total, eps);
  for (size_t i = 0; i < total; i++)
    eps[i] = eps[i] < 0.5 ? -1 : 1;
}
