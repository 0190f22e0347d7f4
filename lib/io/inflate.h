/* inflate.h -- Deflate (RFC 1951), unpacked, and the check sum of zip archives. */
#ifndef ENF__INFLATE_H
#define ENF__INFLATE_H

#include "core/core.h"

/* Unpack `bytes` bytes to exactly `size`; false if they are not a stream of that size. */
bool enf__inflate(const char *packed, size_t bytes, char *out, size_t size);

/* CRC-32 as zip has it. */
uint32_t enf__crc32(const char *data, size_t bytes);

#endif
