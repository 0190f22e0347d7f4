/* bytes.h -- whole and real numbers in binary files, in either order of bytes, and a walk along the
   bytes that cannot leave them. Nothing read is trusted. */
#ifndef ENF__BYTES_H
#define ENF__BYTES_H

#include "core/core.h"
#include <string.h>

typedef struct {
  const char *begin, *at, *end;
  bool big;   /* the most significant byte comes first */
  bool ended; /* something was asked for behind the end: all numbers since are 0 */
} enf__bytes;

static inline size_t enf__bytes_left(const enf__bytes *b) { return (size_t)(b->end - b->at); }

/* The next `count` bytes, NULL if there are not as many. */
static inline const char *enf__bytes_take(enf__bytes *b, size_t count) {
  const char *taken = b->at;
  if (b->ended || enf__bytes_left(b) < count) {
    b->ended = true;
    return NULL;
  }
  b->at += count;
  return taken;
}

/* A whole number of `size` (up to 8) bytes. */
static inline uint64_t enf__whole_at(const char *p, size_t size, bool big) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++)
    value |= (uint64_t)(unsigned char)p[i] << 8 * (big ? size - 1 - i : i);
  return value;
}

static inline uint64_t enf__bytes_whole(enf__bytes *b, size_t size) {
  const char *p = enf__bytes_take(b, size);
  return p ? enf__whole_at(p, size, b->big) : 0;
}

/* A real number of 4 or 8 bytes. */
static inline double enf__real_at(const char *p, size_t size, bool big) {
  const uint64_t bits = enf__whole_at(p, size, big);
  const uint32_t half = (uint32_t)bits;
  double value;
  float single;
  memcpy(&value, &bits, sizeof value);
  memcpy(&single, &half, sizeof single);
  return size == 8 ? value : (double)single;
}

#endif
