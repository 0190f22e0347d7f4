/* align.c -- shapes and packing for the alignment kernels, and which kernels belong to which
   level. The distances themselves are in align_impl.h. */
#include "math/align.h"
#include <math.h>
#include <string.h>

extern const enf__align_kernels enf__align_baseline, enf__align_avx2, enf__align_avx512;

const enf__align_kernels *enf__align_kernels_of(int kernel) {
#if defined(__x86_64__)
  if (kernel == ENF__KERNEL_AVX2)
    return &enf__align_avx2;
  if (kernel == ENF__KERNEL_AVX512 || kernel == ENF__KERNEL_AMX)
    return &enf__align_avx512;
#endif
  (void)kernel;
  return &enf__align_baseline;
}

static bool are_alike(const int *species, size_t a, size_t b) {
  return !species || species[a] == species[b];
}

static bool is_first_of_its_kind(const int *species, size_t a) {
  for (size_t b = 0; b < a; b++)
    if (are_alike(species, a, b))
      return false;
  return true;
}

/* A group of one needs no columns. */
static size_t padded(size_t n) {
  return n == 1 ? 0 : (n + ENF__ALIGN_PAD - 1) / ENF__ALIGN_PAD * ENF__ALIGN_PAD;
}

enf__align enf__align_make(size_t particles, size_t dimensions, const int *species, bool reflect,
                           enf__arena *arena) {
  uint32_t *order = ENF__TAKE(arena, uint32_t, particles);
  uint32_t *begin = ENF__TAKE(arena, uint32_t, particles + 1);
  enf__align align = {.particles = particles,
                      .dimensions = dimensions,
                      .reflect = reflect,
                      .order = order,
                      .begin = begin};
  size_t place = 0;
  for (size_t a = 0; a < particles; a++) {
    const size_t first = place;
    if (!is_first_of_its_kind(species, a))
      continue;
    if (begin)
      begin[align.groups] = (uint32_t)first;
    for (size_t b = a; b < particles; b++)
      if (are_alike(species, a, b)) {
        if (order)
          order[place] = (uint32_t)b;
        place++;
      }
    align.groups++;
    align.largest = place - first > align.largest ? place - first : align.largest;
    align.columns += padded(place - first);
  }
  if (begin)
    begin[align.groups] = (uint32_t)particles;
  return align;
}

static size_t point_floats(const enf__align *align) {
  return (4 * align->particles + ENF__ALIGN_PAD - 1) / ENF__ALIGN_PAD * ENF__ALIGN_PAD;
}

size_t enf__align_floats(const enf__align *align) {
  return point_floats(align) + 3 * align->columns;
}

/* Particles of one group, D coordinates each, become a column of three planes each. */
static void pack_planes(const enf__align *align, const float *points, float *planes) {
  for (size_t g = 0; g < align->groups; g++) {
    const size_t begin = align->begin[g], n = align->begin[g + 1] - begin;
    const size_t columns = padded(n);
    for (size_t d = 0; d < 3; d++)
      for (size_t b = 0; b < columns; b++)
        planes[d * align->columns + b] = b < n ? points[4 * (begin + b) + d] : 0;
    planes += columns;
  }
}

enf__packed enf__align_pack(const enf__align *align, const double *x, float *memory) {
  const size_t D = align->dimensions;
  const double largest = 1e15; /* products of two squares of these stay finite in float32 */
  float *planes = memory + point_floats(align);
  double square = 0;
  for (size_t a = 0; a < align->particles; a++) {
    const double *from = x + D * align->order[a], z = D == 3 ? from[2] : 0;
    const double own = from[0] * from[0] + from[1] * from[1] + z * z;
    const float point[] = {(float)from[0], (float)from[1], (float)z, (float)(own / 2)};
    memcpy(memory + 4 * a, point, sizeof point);
    square += own;
  }
  pack_planes(align, memory, planes);
  return (enf__packed){square < largest ? (float)square : INFINITY, memory, planes};
}
