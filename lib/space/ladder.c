/* ladder.c -- the number that stands for a temperature, in states. */
#include "space/space.h"

void enf__space_set_temperatures(const enf__space *space, size_t n, const double *temperature,
                                 double *y) {
  const size_t state = enf__space_state(space);
  for (size_t i = 0; enf__ladder_on(&space->ladder) && i < n; i++)
    y[i * state + state - 1] = enf__ladder_place(
        &space->ladder, temperature ? temperature[i] : space->ladder.temperature);
}
