/* inflate.c -- Deflate (RFC 1951), unpacked; what np.savez_compressed makes.

   A stream of blocks: stored, or coded by two Huffman codes, fixed ones or ones that the block
   begins with. A code is canonical, so the number of codes of each length and the symbols in order
   tell it; it is read bit by bit. Symbols below 256 are bytes, 256 ends the block, the others are
   lengths, which a distance follows: a copy of what was unpacked before. Nothing is trusted: reads
   beyond the input, copies from before the output, output beyond its size and codes with more words
   than there is room for end it. */
#include "io/inflate.h"
#include <string.h>

enum { MAX_BITS = 15, LITERALS = 288, DISTANCES = 30, LENGTH_CODES = 19 };

typedef struct {
  const unsigned char *at, *end;
  uint32_t bits; /* read, not yet used; the lowest first */
  unsigned held;
  bool failed;
  unsigned char *out;
  size_t used, size;
} stream;

typedef struct {
  uint16_t count[MAX_BITS + 1]; /* codes of this length */
  uint16_t symbol[LITERALS];    /* in the order of their codes */
} huffman;

static unsigned take_bits(stream *s, unsigned count) {
  while (s->held < count) {
    if (s->at == s->end) {
      s->failed = true;
      return 0;
    }
    s->bits |= (uint32_t)*s->at++ << s->held;
    s->held += 8;
  }
  const unsigned value = s->bits & ((1u << count) - 1);
  s->bits >>= count;
  s->held -= count;
  return value;
}

static void put_byte(stream *s, unsigned value) {
  if (s->used == s->size)
    s->failed = true;
  else
    s->out[s->used++] = (unsigned char)value;
}

/* False where the lengths have more codes than there is room for. */
static bool make_code(huffman *h, const unsigned char *length, size_t symbols) {
  uint16_t start[MAX_BITS + 2] = {0};
  int left = 1;
  *h = (huffman){{0}, {0}};
  for (size_t i = 0; i < symbols; i++)
    h->count[length[i]]++;
  h->count[0] = 0;
  for (int bits = 1; bits <= MAX_BITS; bits++) {
    left = 2 * left - h->count[bits];
    if (left < 0)
      return false;
    start[bits + 1] = (uint16_t)(start[bits] + h->count[bits]);
  }
  for (size_t i = 0; i < symbols; i++)
    if (length[i] > 0)
      h->symbol[start[length[i]]++] = (uint16_t)i;
  return true;
}

static unsigned take_symbol(stream *s, const huffman *h) {
  int code = 0, first = 0, index = 0;
  for (int bits = 1; bits <= MAX_BITS && !s->failed; bits++) {
    code |= (int)take_bits(s, 1);
    if (code - first < h->count[bits])
      return h->symbol[index + code - first];
    index += h->count[bits];
    first = (first + h->count[bits]) << 1;
    code <<= 1;
  }
  s->failed = true;
  return 256;
}

static void copy_back(stream *s, size_t distance, size_t length) {
  if (distance > s->used)
    s->failed = true;
  for (size_t i = 0; i < length && !s->failed; i++)
    put_byte(s, s->out[s->used - distance]);
}

static void take_coded(stream *s, const huffman *literals, const huffman *distances) {
  static const uint16_t length_base[] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                         15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                         67, 83, 99, 115, 131, 163, 195, 227, 258};
  static const unsigned char length_bits[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                              2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
  static const uint16_t distance_base[] = {
      1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
      193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
  while (!s->failed) {
    const unsigned symbol = take_symbol(s, literals);
    if (symbol < 256)
      put_byte(s, symbol);
    if (symbol == 256)
      return;
    if (symbol < 257)
      continue;
    if (symbol - 257 >= sizeof length_bits) {
      s->failed = true;
      return;
    }
    const size_t length = length_base[symbol - 257] + take_bits(s, length_bits[symbol - 257]);
    const unsigned where = take_symbol(s, distances);
    if (s->failed || where >= DISTANCES) {
      s->failed = true;
      return;
    }
    copy_back(s, distance_base[where] + take_bits(s, where < 2 ? 0 : where / 2 - 1), length);
  }
}

static void take_stored(stream *s) {
  s->bits = 0; /* the rest of the byte */
  s->held = 0;
  if (s->end - s->at < 4) {
    s->failed = true;
    return;
  }
  const size_t length = s->at[0] | (size_t)s->at[1] << 8;
  const size_t again = s->at[2] | (size_t)s->at[3] << 8;
  s->at += 4;
  if (length != (again ^ 0xffff) || length > (size_t)(s->end - s->at) ||
      length > s->size - s->used) {
    s->failed = true;
    return;
  }
  memcpy(s->out + s->used, s->at, length);
  s->at += length;
  s->used += length;
}

static void take_fixed(stream *s) {
  unsigned char length[LITERALS];
  huffman literals, distances;
  memset(length, 8, 144);
  memset(length + 144, 9, 112);
  memset(length + 256, 7, 24);
  memset(length + 280, 8, 8);
  make_code(&literals, length, LITERALS);
  memset(length, 5, DISTANCES);
  make_code(&distances, length, DISTANCES);
  take_coded(s, &literals, &distances);
}

/* The lengths of all words of two codes, themselves coded: 16 repeats the last, 17 and 18 are 0s.
 */
static void take_lengths(stream *s, const huffman *h, unsigned char *length, size_t symbols) {
  for (size_t i = 0; i < symbols && !s->failed;) {
    const unsigned symbol = take_symbol(s, h);
    if (symbol < 16) {
      length[i++] = (unsigned char)symbol;
      continue;
    }
    const size_t repeats = symbol == 16   ? 3 + take_bits(s, 2)
                           : symbol == 17 ? 3 + take_bits(s, 3)
                                          : 11 + take_bits(s, 7);
    if ((symbol == 16 && i == 0) || repeats > symbols - i) {
      s->failed = true;
      return;
    }
    memset(length + i, symbol == 16 ? length[i - 1] : 0, repeats);
    i += repeats;
  }
}

static void take_dynamic(stream *s) {
  static const unsigned char order[LENGTH_CODES] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                    11, 4,  12, 3, 13, 2, 14, 1, 15};
  unsigned char length[LITERALS + 32] = {0};
  huffman literals, distances;
  const size_t words = 257 + take_bits(s, 5), wheres = 1 + take_bits(s, 5),
               codes = 4 + take_bits(s, 4);
  for (size_t i = 0; i < codes; i++)
    length[order[i]] = (unsigned char)take_bits(s, 3);
  if (s->failed || words > 286 || wheres > DISTANCES ||
      !make_code(&literals, length, LENGTH_CODES)) {
    s->failed = true;
    return;
  }
  memset(length, 0, sizeof length);
  take_lengths(s, &literals, length, words + wheres);
  if (s->failed || !make_code(&literals, length, words) ||
      !make_code(&distances, length + words, wheres)) {
    s->failed = true;
    return;
  }
  take_coded(s, &literals, &distances);
}

bool enf__inflate(const char *packed, size_t bytes, char *out, size_t size) {
  const unsigned char *begin = (const unsigned char *)packed;
  stream s = {.at = begin, .end = begin + bytes, .out = (unsigned char *)out, .size = size};
  for (bool last = false; !last && !s.failed;) {
    last = take_bits(&s, 1);
    switch (take_bits(&s, 2)) {
    case 0:
      take_stored(&s);
      break;
    case 1:
      take_fixed(&s);
      break;
    case 2:
      take_dynamic(&s);
      break;
    default:
      s.failed = true;
    }
  }
  return !s.failed && s.used == size;
}

uint32_t enf__crc32(const char *data, size_t bytes) {
  uint32_t sum = 0xffffffffu, table[256];
  for (uint32_t i = 0; i < 256; i++) {
    table[i] = i;
    for (int bit = 0; bit < 8; bit++)
      table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
  }
  for (size_t i = 0; i < bytes; i++)
    sum = sum >> 8 ^ table[(sum ^ (unsigned char)data[i]) & 255];
  return sum ^ 0xffffffffu;
}
