/* space.c -- the table of spaces, and what all of them share. */
#include "space/space.h"
#include "core/random.h"
#include <math.h>

static const enf__space_ops *const table[] = {[ENF__PARTICLES] = &enf__particles_ops,
                                              [ENF__VECTOR] = &enf__vector_ops,
                                              [ENF__MOLECULE] = &enf__molecule_ops,
                                              [ENF__GROUP] = &enf__group_ops,
                                              [ENF__LATTICE] = &enf__lattice_ops};
ENF__ROW_FOR_EVERY(ENF__SPACES, table);

size_t enf__space_particles(int kind) { return table[kind]->particles; }

enf__space enf__space_make(int kind, size_t particles, size_t dimensions) {
  return (enf__space){
      .ops = table[kind], .shape = {.particles = particles, .dimensions = dimensions}, .scale = 1};
}

double enf__space_log_unit(const enf__space *space) {
  if (space->ops->log_unit)
    return space->ops->log_unit(space);
  return (double)enf__space_freedom(space) * log(space->scale);
}

enf__space enf__space_bare(const enf__space *space) {
  enf__space bare = *space;
  if (space->noise)
    bare.ops = &enf__particles_ops;
  bare.noise = 0;
  return bare;
}

double enf__space_noise_density(const enf__space *space, const double *y) {
  const double *noise = y + enf__space_said(space), log_turn = 1.8378770664093454836;
  double square = 0;
  for (size_t i = 0; i < space->noise; i++)
    square += noise[i] * noise[i];
  return -0.5 * (square + (double)space->noise * log_turn);
}

void enf__space_normal(const enf__space *space, double std, uint64_t seed, uint32_t stream,
                       uint64_t index, double *z) {
  const size_t count = enf__space_said(space);
  enf__random_normal(seed, stream, index, count, z);
  for (size_t i = 0; i < count; i++)
    z[i] *= std;
  space->ops->project(space, z);
  enf__shape_hold(&space->shape, z);
}
