/* scramble.h -- numbers that look random, of a number (splitmix64). */
#ifndef SCRAMBLE_H
#define SCRAMBLE_H

#include <stdint.h>

static inline uint64_t scramble(uint64_t z) {
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

#endif
