/* probe.c -- probes keyed by (seed, index): Rademacher signs, which have the smaller variance, or
   standard normals. The probes of one sample are one stretch of its stream.

   For densities the index is a hash of the sample's own coordinates: the estimate for a
   configuration is then the same in any batch, at any place. The hash is that of Fowler, Noll and
   Vo over 64-bit words, with the finaliser of MurmurHash3; +0 and -0 are one number. */
#include "map/probe.h"
#include "core/random.h"
#include <string.h>

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

uint64_t enf__probe_index(size_t count, const double *x) {
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < count; i++) {
    const double value = x[i] + 0.0;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    hash = (hash ^ bits) * 0x100000001b3;
    hash ^= hash >> 29;
  }
  hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
  hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53;
  return hash ^ hash >> 33;
}
