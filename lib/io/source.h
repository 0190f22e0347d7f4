/* source.h -- a regular file read in pieces, through a buffer. */
#ifndef ENF__SOURCE_H
#define ENF__SOURCE_H

#include "io/io.h"
#include "io/span.h"

typedef struct {
  enf_alloc alloc;
  char *path, *buffer;
  int fd;
  size_t at, filled; /* in the buffer: what comes next, its end */
  uint64_t left;     /* bytes of the file behind the buffer */
} enf__source;

enum { ENF__SOURCE_BYTES = 1 << 20 }; /* of the buffer */

/* All-zero: nothing is open. */
enf_status enf__source_open(enf_ctx *ctx, enf__source *s, const char *path);
void enf__source_close(enf__source *s);

/* What has not been taken. */
static inline uint64_t enf__source_rest(const enf__source *s) {
  return s->left + (s->filled - s->at);
}

/* The next `bytes` (at most ENF__SOURCE_BYTES), good until the next call; the caller has seen that
   they are there (enf__source_rest). */
enf_status enf__source_take(enf_ctx *ctx, enf__source *s, size_t bytes, const char **data);
/* The next line without its end, good until the next call. FORMAT for one longer than the buffer,
   or with a NUL byte. */
enf_status enf__source_line(enf_ctx *ctx, enf__source *s, enf__span *line);

#endif
