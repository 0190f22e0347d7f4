/* stream.c -- arrays in files, or, where the name is "-", from standard input and to standard
   output.

   The library reads and writes whole files by name, so a stream passes through a temporary one, in
   TMPDIR or /tmp. What standard input holds is told by its first bytes: those of .npy, or else it
   is XYZ. It may be asked for more than once. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "stream.h"
#include "files.h"
#include "progress.h"
#include "ranks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 1 << 16, ENDING = 4 };

static int make_temporary(const char *ending, size_t size, char *path, int *fd) {
  const char *folder = getenv("TMPDIR");
  if (folder == NULL || folder[0] == '\0')
    folder = "/tmp";
  const int length = snprintf(path, size, "%s/enf-XXXXXX%s", folder, ending);
  const bool fits = length > 0 && (size_t)length < size;
  *fd = fits ? mkstemps(path, ENDING) : -1;
  if (*fd >= 0)
    return SUCCESS;
  path[0] = '\0';
  return cli_fail("there is no place for a temporary file in %s: %s", folder, strerror(errno));
}

/* Whether to give up waiting for what another program sends. */
static bool gives_up(int from) { return from == STDIN_FILENO && interrupted(); }

/* Up to `size` bytes, fewer at the end only; -1: an error, or interrupted. */
static ssize_t read_block(int from, char *data, size_t size) {
  size_t used = 0;
  while (used < size && !gives_up(from)) {
    const ssize_t got = read(from, data + used, size - used);
    if (got == 0)
      return (ssize_t)used;
    if (got < 0 && errno != EINTR)
      return -1;
    used += got > 0 ? (size_t)got : 0;
  }
  return gives_up(from) ? -1 : (ssize_t)used;
}

static bool write_block(int to, const char *data, size_t bytes) {
  while (bytes > 0) {
    const ssize_t put = write(to, data, bytes);
    if (put < 0 && errno != EINTR)
      return false;
    data += put > 0 ? put : 0;
    bytes -= put > 0 ? (size_t)put : 0;
  }
  return true;
}

/* `first` bytes of the block are there already. */
static bool copy_all(int from, int to, char block[BLOCK], ssize_t first) {
  ssize_t got = first;
  while (got > 0 && write_block(to, block, (size_t)got))
    got = read_block(from, block, BLOCK);
  return got == 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int keep_input(cli *c) {
  static const char npy[] = "\x93NUMPY";
  char block[BLOCK];
  int fd = -1;
  interrupts_catch();
  const ssize_t first = read_block(STDIN_FILENO, block, BLOCK);
  if (first < 0)
    return cli_fail("standard input could not be read: %s",
                    interrupted() ? "interrupted" : strerror(errno));
  const bool is_npy = first >= 6 && memcmp(block, npy, 6) == 0;
  const int result = make_temporary(is_npy ? ".npy" : ".xyz", sizeof c->input, c->input, &fd);
  if (result != SUCCESS)
    return result;
  const bool copied = copy_all(STDIN_FILENO, fd, block, first);
  if ((close(fd) == 0) && copied)
    return SUCCESS;
  return cli_fail("standard input could not be kept in %s: %s", c->input,
                  interrupted() ? "interrupted" : strerror(errno));
}

int stream_read(cli *c, const char *path, enf_array **array) {
  if (is_stream(path) && ranks_count() > 1)
    return cli_fail("standard input goes to one rank of %zu: give a file", ranks_count());
  if (is_stream(path) && c->input[0] == '\0' && keep_input(c) != SUCCESS)
    return FAILURE;
  const enf_status status = enf_array_read(c->ctx, array, is_stream(path) ? c->input : path);
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}

/* ---- writing --------------------------------------------------------------------------------- */

int stream_begin(cli *c) {
  if (!files_output_is_stream(c))
    return SUCCESS;
  c->output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (c->output >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
    return SUCCESS;
  return cli_fail("standard output cannot be used: %s", strerror(errno));
}

void stream_end(cli *c) {
  if (c->output >= 0)
    close(c->output);
  if (c->input[0] != '\0')
    unlink(c->input);
}

static int send(const cli *c, const char *path) {
  char block[BLOCK];
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  const ssize_t first = fd >= 0 ? read_block(fd, block, BLOCK) : -1;
  const bool sent = first >= 0 && copy_all(fd, c->output, block, first);
  const int error = errno;
  if (fd >= 0)
    close(fd);
  return sent ? SUCCESS : cli_fail("standard output could not be written: %s", strerror(error));
}

int stream_write(cli *c, const char *path, const char *type, size_t ndim, const size_t *shape,
                 const char *const *labels, const double *data) {
  char temporary[256];
  int fd = -1;
  if (!ranks_first())
    return SUCCESS;
  if (!is_stream(path)) {
    const enf_status status = enf_array_write(c->ctx, path, type, ndim, shape, labels, data);
    return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
  }
  int result = make_temporary(type != NULL ? ".npy" : ".xyz", sizeof temporary, temporary, &fd);
  if (result != SUCCESS)
    return result;
  close(fd);
  const enf_status status = enf_array_write(c->ctx, temporary, type, ndim, shape, labels, data);
  result = status == ENF_OK ? send(c, temporary) : cli_fail_status(c, status);
  unlink(temporary);
  return result;
}
