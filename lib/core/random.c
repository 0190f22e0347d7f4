/* random.c -- Philox4x32-10 and the maps from its bits to numbers.

   J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as
   1, 2, 3", SC11 (2011). A block of four words is a function of (counter, key); nothing is
   carried from one call to the next. Uniforms are (b + 1/2) / 2^52 for 52 bits b, which is exact
   in double and never 0 or 1 (with 53 bits the largest would round to 1). Normals follow
   Box and Muller (1958), Ann. Math. Stat. 29, 610: sqrt(-2 ln u) (cos 2 pi w, sin 2 pi w).
   Counter layout and maps are pinned by known answers in tests/unit/test_random.c. */
#include "core/random.h"
#include <math.h>
#include <string.h>

enum { ROUNDS = 10, FEISTEL_ROUNDS = 8 };

__extension__ typedef unsigned __int128 uint128;

void enf__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < ROUNDS; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)p1;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

void enf__random_bits(uint64_t seed, uint32_t stream, uint64_t index, uint32_t block,
                      uint32_t out[4]) {
  const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), block, stream};
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  enf__philox(counter, key, out);
}

static double unit_interval(uint32_t low, uint32_t high) {
  uint64_t bits = ((uint64_t)high << 32 | low) >> 12;
  return ((double)bits + 0.5) * 0x1p-52;
}

void enf__random_uniform_block(uint64_t seed, uint32_t stream, uint64_t index, uint32_t block,
                               double u[2]) {
  uint32_t w[4];
  enf__random_bits(seed, stream, index, block, w);
  u[0] = unit_interval(w[0], w[1]);
  u[1] = unit_interval(w[2], w[3]);
}

void enf__random_uniform(uint64_t seed, uint32_t stream, uint64_t index, size_t n, double *u) {
  for (size_t i = 0; i < n; i += 2) {
    double pair[2];
    enf__random_uniform_block(seed, stream, index, (uint32_t)(i / 2), pair);
    u[i] = pair[0];
    if (i + 1 < n)
      u[i + 1] = pair[1];
  }
}

/* Blocks, which do not wait for each other, come all before functions that take long. */
void enf__random_normal(uint64_t seed, uint32_t stream, uint64_t index, size_t n, double *z) {
  enf__random_uniform(seed, stream, index, n - n % 2, z);
  for (size_t i = 0; i < n; i += 2) {
    double last[2], *pair = i + 1 < n ? z + i : last;
    if (pair == last)
      enf__random_uniform_block(seed, stream, index, (uint32_t)(i / 2), last);
    const double radius = sqrt(-2.0 * log(pair[0])), angle = 2.0 * M_PI * pair[1];
    pair[0] = radius * cos(angle);
    pair[1] = radius * sin(angle);
    z[i] = pair[0];
  }
}

uint64_t enf__random_below(uint64_t seed, uint32_t stream, uint64_t index, uint64_t bound) {
  uint32_t w[4];
  enf__random_bits(seed, stream, index, 0, w);
  return (uint64_t)(((uint128)((uint64_t)w[1] << 32 | w[0]) * bound) >> 64);
}

/* Finaliser of MurmurHash3 (A. Appleby): the round function, no more is asked of it. */
static uint64_t mix(uint64_t v) {
  v = (v ^ v >> 33) * 0xFF51AFD7ED558CCDu;
  v = (v ^ v >> 33) * 0xC4CEB9FE1A85EC53u;
  return v ^ v >> 33;
}

/* A bijection of [0, 4^bits): each round swaps the halves, xoring one with a function of the
   other. */
static uint64_t feistel(uint64_t v, unsigned bits, const uint32_t keys[FEISTEL_ROUNDS]) {
  const uint64_t mask = ((uint64_t)1 << bits) - 1;
  uint64_t left = v >> bits, right = v & mask;
  for (int round = 0; round < FEISTEL_ROUNDS; round++) {
    uint64_t next = left ^ (mix((uint64_t)keys[round] << 32 | right) & mask);
    left = right;
    right = next;
  }
  return left << bits | right;
}

uint64_t enf__random_permute(uint64_t seed, uint32_t stream, uint64_t index, uint64_t n,
                             uint64_t i) {
  uint32_t keys[FEISTEL_ROUNDS];
  enf__random_bits(seed, stream, index, 0, keys);
  enf__random_bits(seed, stream, index, 1, keys + 4);
  unsigned bits = 1;
  while (bits < 32 && (n - 1) >> 2 * bits)
    bits++;
  /* Walking the cycle from i stays a bijection of [0,n), and ends, since i itself is below n. */
  do
    i = feistel(i, bits, keys);
  while (i >= n);
  return i;
}

/* The hash of Fowler, Noll and Vo over 64-bit words, with the finaliser of MurmurHash3; +0 and -0 are
   one number. */
uint64_t enf__random_key(size_t count, const double *x) {
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
