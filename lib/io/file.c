/* file.c -- reading a whole file, and the sentence about a file that is refused.

   Only regular files are read: a directory, pipe or device is refused before it could block or
   grow without end. The length is taken once; a file that shrinks meanwhile is an IO failure.
   What the bytes mean is the business of the formats. */
#include "io/io.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *enf__file_name(const char *path) {
  const size_t length = strlen(path), most = 200;
  return length > most ? path + length - most : path;
}

enf_status enf__file_refuse(enf_ctx *ctx, enf_status status, const char *path, const char *format,
                            ...) {
  char sentence[280];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(sentence, sizeof sentence, format, arguments);
  va_end(arguments);
  for (char *c = sentence; *c; c++)
    if (*c < ' ' || *c > '~')
      *c = '?';
  return enf__fail(ctx, status, "%s: %s", enf__file_name(path), sentence);
}

/* POSIX's strerror_r fills the buffer; GNU's, which a build with _GNU_SOURCE gets, returns the text
   and may leave the buffer alone. */
#define TEXT_OF(result, buffer)                                                                    \
  _Generic((result), char * : (result), int : ((void)(result), buffer))

enf_status enf__file_cannot(enf_ctx *ctx, const char *verb, const char *path, int error) {
  char buffer[128] = "";
  const char *reason = TEXT_OF(strerror_r(error, buffer, sizeof buffer), buffer);
  return enf__fail(ctx, ENF_ERR_IO, "cannot %s %s: %s", verb, enf__file_name(path), reason);
}

void enf__file_doubles(const char *data, size_t item, size_t count, double *out) {
  if (item == 8 && count > 0)
    memcpy(out, data, 8 * count);
  if (item == 8)
    return;
  for (size_t i = 0; i < count; i++) {
    float value;
    memcpy(&value, data + 4 * i, sizeof value);
    out[i] = (double)value;
  }
}

/* The length of the open file, if it is a regular one. */
static enf_status measure(enf_ctx *ctx, const char *path, int fd, size_t *bytes) {
  struct stat info;
  if (fstat(fd, &info) != 0)
    return enf__file_cannot(ctx, "examine", path, errno);
  if (!S_ISREG(info.st_mode))
    return enf__file_cannot(ctx, "read", path, S_ISDIR(info.st_mode) ? EISDIR : EINVAL);
  if ((uintmax_t)info.st_size >= SIZE_MAX / 2)
    return enf__file_cannot(ctx, "read", path, EFBIG);
  *bytes = (size_t)info.st_size;
  return ENF_OK;
}

static enf_status fill(enf_ctx *ctx, const char *path, int fd, char *data, size_t bytes) {
  for (size_t done = 0; done < bytes;) {
    const ssize_t got = read(fd, data + done, bytes - done);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return enf__file_cannot(ctx, "read", path, errno);
    if (got == 0)
      return enf__fail(ctx, ENF_ERR_IO, "cannot read %s: it shrank from %zu to %zu bytes meanwhile",
                       enf__file_name(path), bytes, done);
    done += (size_t)got;
  }
  return ENF_OK;
}

enf_status enf__file_open(enf_ctx *ctx, const char *path, int *fd, size_t *bytes) {
  /* O_NONBLOCK: opening a pipe must not wait for its writer. */
  *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (*fd < 0)
    return enf__file_cannot(ctx, "open", path, errno);
  const enf_status status = measure(ctx, path, *fd, bytes);
  if (status != ENF_OK)
    close(*fd);
  return status;
}

enf_status enf__file_read(enf_ctx *ctx, const char *path, char **data, size_t *bytes) {
  char *buffer = NULL;
  int fd;
  *data = NULL;
  enf_status status = enf__file_open(ctx, path, &fd, bytes);
  if (status != ENF_OK)
    return status;
  buffer = enf__alloc(&ctx->alloc, *bytes + 1);
  if (!buffer) {
    status = enf__fail(ctx, ENF_ERR_NOMEM, "no memory for the %zu bytes of %s", *bytes,
                       enf__file_name(path));
    goto out;
  }
  TRY(fill(ctx, path, fd, buffer, *bytes));
  buffer[*bytes] = '\0';
  *data = buffer;
  buffer = NULL;
out:
  enf__free(&ctx->alloc, buffer);
  close(fd);
  return status;
}
