/* random.h -- random numbers as a function of (seed, stream, index): Philox4x32-10
   (Salmon et al. 2011). No state: number k of a stream is the same whoever asks for it. */
#ifndef ENF__RANDOM_H
#define ENF__RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Streams in use; numbers are part of the reproducibility promise. */
enum {
  ENF__STREAM_INIT = 1,
  ENF__STREAM_PRIOR = 2,
  ENF__STREAM_TRAIN_PRIOR = 3,
  ENF__STREAM_TRAIN_TIME = 4,
  ENF__STREAM_TRAIN_NOISE = 5,
  ENF__STREAM_TRAIN_ROWS = 6,
  ENF__STREAM_PROBE = 7,
  ENF__STREAM_BOOTSTRAP = 8,
  ENF__STREAM_SIMULATE = 9,
  ENF__STREAM_SHUFFLE = 10,
  ENF__STREAM_METROPOLIS = 11,
  ENF__STREAM_ROTATION = 12,
  ENF__STREAM_TRAIN_RESAMPLE = 13,
  ENF__STREAM_EXACT = 14,
  ENF__STREAM_ANNEAL = 15,
  ENF__STREAM_SIZE = 16,
  ENF__STREAM_DEQUANTISE = 17,
  ENF__STREAM_ROULETTE = 18,
  ENF__STREAM_COMPONENT = 20,
  ENF__STREAM_TRAIN_TEMPERATURE = 21,
  /* bits that a stream of prior draws is joined with, for the numbers of a gamma draw */
  ENF__STREAM_GAMMA = 0x100,
  ENF__STREAM_GAMMA_BOOST = 0x200,
  /* and for the noise beside x in a state; alone, for that of given x */
  ENF__STREAM_NOISE = 0x400
};

void enf__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* counter = {index low, index high, block, stream}, key = {seed low, seed high}. */
void enf__random_bits(uint64_t seed, uint32_t stream, uint64_t index, uint32_t block,
                      uint32_t out[4]);

/* u (n) uniform in (0,1): the high 52 bits of two words each, two per block;
   (bits + 0.5) / 2^52, exact, never 0 or 1. */
void enf__random_uniform(uint64_t seed, uint32_t stream, uint64_t index, size_t n, double *u);

/* Two of them, those of one block. */
void enf__random_uniform_block(uint64_t seed, uint32_t stream, uint64_t index, uint32_t block,
                               double u[2]);

/* z (n) standard normal: Box-Muller on pairs of the uniforms above (cosine first, then sine). */
void enf__random_normal(uint64_t seed, uint32_t stream, uint64_t index, size_t n, double *z);

/* Uniform integer below `bound` (>= 1), from one block, by 128-bit multiplication. */
uint64_t enf__random_below(uint64_t seed, uint32_t stream, uint64_t index, uint64_t bound);

/* An index that is a function of the numbers x (count) alone. */
uint64_t enf__random_key(size_t count, const double *x);

/* Element `i` (below n) of a pseudo-random permutation of 0 ... n-1, without memory (Feistel
   network on the next power of four, cycle walking). */
uint64_t enf__random_permute(uint64_t seed, uint32_t stream, uint64_t index, uint64_t n,
                             uint64_t i);

#endif
