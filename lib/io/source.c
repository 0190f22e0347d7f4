/* source.c -- a regular file read in pieces (source.h): lines of a text, or so many bytes. */
#include "io/source.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

enf_status enf__source_open(enf_ctx *ctx, enf__source *s, const char *path) {
  enf_status status;
  size_t bytes;
  int fd;
  TRY(enf__file_open(ctx, path, &fd, &bytes));
  *s = (enf__source){.alloc = ctx->alloc, .fd = fd, .left = bytes};
  s->path = enf__alloc(&s->alloc, strlen(path) + 1);
  s->buffer = enf__alloc(&s->alloc, ENF__SOURCE_BYTES);
  if (s->path && s->buffer) {
    memcpy(s->path, path, strlen(path) + 1);
    return ENF_OK;
  }
  close(fd);
  enf__free(&s->alloc, s->path);
  enf__free(&s->alloc, s->buffer);
  *s = (enf__source){.fd = -1};
  status = enf__fail(ctx, ENF_ERR_NOMEM, "no memory to read %s", enf__file_name(path));
out:
  return status;
}

void enf__source_close(enf__source *s) {
  if (!s->path)
    return;
  close(s->fd);
  enf__free(&s->alloc, s->path);
  enf__free(&s->alloc, s->buffer);
  *s = (enf__source){.fd = -1};
}

/* Move what is left to the front of the buffer and fill it up. */
static enf_status fill(enf_ctx *ctx, enf__source *s) {
  s->filled -= s->at;
  memmove(s->buffer, s->buffer + s->at, s->filled);
  s->at = 0;
  while (s->left > 0 && s->filled < ENF__SOURCE_BYTES) {
    const size_t room = ENF__SOURCE_BYTES - s->filled;
    const ssize_t got = read(s->fd, s->buffer + s->filled, s->left < room ? (size_t)s->left : room);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return enf__file_cannot(ctx, "read", s->path, errno);
    if (got == 0)
      return enf__fail(ctx, ENF_ERR_IO, "cannot read %s: it shrank by %llu bytes meanwhile",
                       enf__file_name(s->path), (unsigned long long)s->left);
    s->filled += (size_t)got;
    s->left -= (uint64_t)got;
  }
  return ENF_OK;
}

enf_status enf__source_take(enf_ctx *ctx, enf__source *s, size_t bytes, const char **data) {
  enf_status status = ENF_OK;
  if (s->filled - s->at < bytes)
    TRY(fill(ctx, s));
  *data = s->buffer + s->at;
  s->at += bytes;
out:
  return status;
}

enf_status enf__source_line(enf_ctx *ctx, enf__source *s, enf__span *line) {
  enf_status status = ENF_OK;
  const char *end = memchr(s->buffer + s->at, '\n', s->filled - s->at);
  if (!end) {
    TRY(fill(ctx, s));
    end = memchr(s->buffer, '\n', s->filled);
  }
  if (!end && s->left > 0)
    return enf__file_refuse(ctx, ENF_ERR_FORMAT, s->path, "a line has more than %d bytes",
                            ENF__SOURCE_BYTES);
  const char *begin = s->buffer + s->at;
  *line = (enf__span){begin, end ? end : s->buffer + s->filled};
  s->at += enf__span_length(*line) + (end != NULL);
  if (memchr(begin, '\0', enf__span_length(*line)))
    return enf__file_refuse(ctx, ENF_ERR_FORMAT, s->path, "not a text file: a byte is NUL");
out:
  return status;
}
