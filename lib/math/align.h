/* align.h -- how near two configurations come by exchanging like particles and turning one. */
#ifndef ENF__ALIGN_H
#define ENF__ALIGN_H

#include "core/core.h"

/* Columns of a group are padded to a multiple of this: lanes of the widest vector. */
#define ENF__ALIGN_PAD ((size_t)16)

/* Which particles are alike. Inside, particles go species by species ("in order"). */
typedef struct {
  size_t particles, dimensions;
  bool reflect;          /* reflections are allowed besides rotations: O(D), else SO(D) */
  size_t groups;         /* number of species */
  size_t largest;        /* most particles in a group */
  size_t columns;        /* padded columns of all groups */
  const uint32_t *order; /* (N) place in order -> particle */
  const uint32_t *begin; /* (groups+1) first place of a group */
} enf__align;

/* A packed configuration: float32, in order, z = 0 in two dimensions. */
typedef struct {
  float square;        /* sum of squares; infinite if the coordinates are too large to be aligned */
  const float *points; /* (N,4): x, y, z, half the square */
  const float *planes; /* (3,columns): x, y, z again, padded by group */
} enf__packed;

/* The kernels of one instruction set. */
typedef struct {
  size_t (*workspace)(const enf__align *align); /* bytes of `work`, aligned as an arena's */
  /* cost[k] = least |x - R P y_k|^2: P the permutation of like particles that brings y_k nearest to
     x as both stand, then R the best rotation. count configurations y. */
  void (*distances)(const enf__align *align, const enf__packed *x, size_t count,
                    const enf__packed *y, void *work, float *cost);
  /* partner (N): particle partner[a] of y goes with particle a of x, by the same P. */
  void (*match)(const enf__align *align, const enf__packed *x, const enf__packed *y, void *work,
                uint32_t *partner);
} enf__align_kernels;

/* The kernels of a resolved run.kernel (not AUTO). */
const enf__align_kernels *enf__align_kernels_of(int kernel);

/* Sizes from the shapes; species (N) or NULL: all alike. From the arena: order and begin. */
enf__align enf__align_make(size_t particles, size_t dimensions, const int *species, bool reflect,
                           enf__arena *arena);
/* Floats of memory of a packed configuration. */
size_t enf__align_floats(const enf__align *align);
/* x (N,D), mean-free -> packed, in memory aligned as an arena's. */
enf__packed enf__align_pack(const enf__align *align, const double *x, float *memory);

#endif
