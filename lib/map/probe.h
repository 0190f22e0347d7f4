/* probe.h -- random directions for Hutchinson's estimate of a trace (Hutchinson 1990): with
   E[eps eps^T] = 1, E[eps^T J eps] = tr J. */
#ifndef ENF__PROBE_H
#define ENF__PROBE_H

#include "core/choices.h"
#include <stddef.h>
#include <stdint.h>

/* Probes (probes,count) number `index` of the stream `seed`. */
void enf__probe_draw(int kind, uint64_t seed, uint64_t index, size_t probes, size_t count,
                     double *eps);

#endif
