/* writer.c -- files that are whole or not there: write beside the target, then rename.

   The bytes go to ".enf-<pid>-<clock>-<try>.tmp" in the target's directory (O_EXCL, so nobody
   else's file is touched; independent of the target's name, so it is never too long). Commit
   writes what waits, fsyncs the file, renames it over the target and fsyncs the directory: after
   a crash at any moment the target is the old file or the new one. Every failure removes the
   temporary file.

   The new file has the old one's permissions. A target that is a directory, a device or not
   writable is refused at open, before any work is done. A symbolic link stays: the file that it
   leads to is replaced, or made where it leads to none. */
#include "io/io.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 16, TRIES = 100, NAME_BYTES = 80, MOST_LINKS = 40 };

/* Bytes of the path up to and with its last slash; 0: the current directory. */
static size_t directory_length(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? (size_t)(slash - path) + 1 : 0;
}

/* The permissions of the file to replace; 0666 (for the umask) and *fresh if there is none. */
static enf_status examine_target(enf_ctx *ctx, const char *path, mode_t *mode, bool *fresh) {
  struct stat info;
  *mode = 0666;
  *fresh = stat(path, &info) != 0;
  if (*fresh)
    return ENF_OK; /* why it cannot be made, if it cannot, open will tell */
  if (S_ISDIR(info.st_mode))
    return enf__file_cannot(ctx, "write", path, EISDIR);
  if (!S_ISREG(info.st_mode))
    return enf__fail(ctx, ENF_ERR_IO, "cannot write %s: it is not a regular file",
                     enf__file_name(path));
  if (access(path, W_OK) != 0)
    return enf__file_cannot(ctx, "write", path, errno);
  *mode = info.st_mode & 0777;
  return ENF_OK;
}

/* Replace w->target, a symbolic link, by what it holds, which is seen from the link's directory. */
static enf_status follow(enf__writer *w) {
  const size_t directory = directory_length(w->target);
  char *next = enf__alloc(&w->ctx->alloc, directory + PATH_MAX);
  if (!next)
    return enf__fail(w->ctx, ENF_ERR_NOMEM, "no memory to write %s", enf__file_name(w->path));
  const ssize_t length = readlink(w->target, next + directory, PATH_MAX);
  if (length < 0 || length == PATH_MAX) {
    const int error = length < 0 ? errno : ENAMETOOLONG;
    enf__free(&w->ctx->alloc, next);
    return enf__file_cannot(w->ctx, "follow the link", w->path, error);
  }
  next[directory + (size_t)length] = '\0';
  if (next[directory] == '/')
    memmove(next, next + directory, (size_t)length + 1);
  else
    memcpy(next, w->target, directory);
  enf__free(&w->ctx->alloc, w->target);
  w->target = next;
  return ENF_OK;
}

/* w->target: the path, links followed. What else is wrong with it, opening will tell. */
static enf_status find_target(enf__writer *w) {
  enf_status status = ENF_OK;
  struct stat info;
  const size_t bytes = strlen(w->path) + 1;
  w->target = enf__alloc(&w->ctx->alloc, bytes);
  if (!w->target)
    return enf__fail(w->ctx, ENF_ERR_NOMEM, "no memory to write %s", enf__file_name(w->path));
  memcpy(w->target, w->path, bytes);
  for (int links = 0; lstat(w->target, &info) == 0 && S_ISLNK(info.st_mode); links++) {
    if (links == MOST_LINKS)
      return enf__file_cannot(w->ctx, "write", w->path, ELOOP);
    TRY(follow(w));
  }
out:
  return status;
}

/* Open a new file beside the target; w->temporary has room for its name. */
static int open_beside(enf__writer *w, mode_t mode) {
  const size_t directory = directory_length(w->target);
  memcpy(w->temporary, w->target, directory);
  for (int try = 0; try < TRIES; try++) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(w->temporary + directory, NAME_BYTES, ".enf-%ld-%lld%09ld-%d.tmp", (long)getpid(),
             (long long)now.tv_sec, now.tv_nsec, try);
    const int fd = open(w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd >= 0 || errno != EEXIST)
      return fd;
  }
  return -1;
}

static void release(enf__writer *w) {
  enf__free(&w->ctx->alloc, w->target);
  enf__free(&w->ctx->alloc, w->temporary);
  enf__free(&w->ctx->alloc, w->buffer);
  memset(w, 0, sizeof *w);
}

enf_status enf__writer_open(enf_ctx *ctx, enf__writer *w, const char *path) {
  enf_status status = ENF_OK;
  mode_t mode;
  bool fresh;
  *w = (enf__writer){.ctx = ctx, .path = path, .fd = -1};
  TRY(examine_target(ctx, path, &mode, &fresh));
  TRY(find_target(w));
  w->temporary = enf__alloc(&ctx->alloc, directory_length(w->target) + NAME_BYTES);
  w->buffer = enf__alloc(&ctx->alloc, BUFFER_BYTES);
  if (!w->temporary || !w->buffer)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory to write %s", enf__file_name(path)));
  w->fd = open_beside(w, mode);
  if (w->fd < 0)
    TRY(enf__file_cannot(ctx, "write", path, errno));
  /* Filesystems without permissions refuse this; the file is then what such a one makes. */
  if (!fresh && fchmod(w->fd, mode) != 0 && errno != EPERM && errno != ENOTSUP) {
    status = enf__file_cannot(ctx, "write", path, errno);
    enf__writer_abandon(w);
    return status;
  }
  return ENF_OK;
out:
  release(w);
  return status;
}

static enf_status write_all(enf__writer *w, const char *data, size_t bytes) {
  while (bytes > 0) {
    const ssize_t put = write(w->fd, data, bytes);
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return enf__file_cannot(w->ctx, "write", w->path, errno);
    data += put;
    bytes -= (size_t)put;
  }
  return ENF_OK;
}

static enf_status flush(enf__writer *w) {
  const size_t bytes = w->used;
  w->used = 0;
  return write_all(w, w->buffer, bytes);
}

enf_status enf__writer_put(enf__writer *w, const void *data, size_t bytes) {
  enf_status status = ENF_OK;
  if (bytes > BUFFER_BYTES - w->used)
    TRY(flush(w));
  if (bytes > BUFFER_BYTES)
    return write_all(w, data, bytes);
  if (bytes > 0)
    memcpy(w->buffer + w->used, data, bytes);
  w->used += bytes;
out:
  return status;
}

static int sync_fd(int fd) {
  int result;
  do
    result = fsync(fd);
  while (result != 0 && errno == EINTR);
  return result;
}

/* Make the rename itself last. The data are safe by then, so a directory that may not be read or
   a filesystem that cannot sync directories is no failure. */
static enf_status sync_directory(enf__writer *w) {
  enf_status status = ENF_OK;
  const size_t length = directory_length(w->target);
  w->temporary[length] = '\0';
  const int fd = open(length ? w->temporary : ".", O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return ENF_OK;
  if (sync_fd(fd) != 0 && errno != EINVAL && errno != ENOTSUP)
    status = enf__file_cannot(w->ctx, "sync the directory of", w->path, errno);
  close(fd);
  return status;
}

enf_status enf__writer_commit(enf__writer *w) {
  enf_status status = ENF_OK;
  TRY(flush(w));
  if (sync_fd(w->fd) != 0)
    TRY(enf__file_cannot(w->ctx, "sync", w->path, errno));
  const int closed = close(w->fd);
  w->fd = -1;
  if (closed != 0 && errno != EINTR)
    TRY(enf__file_cannot(w->ctx, "close", w->path, errno));
  if (rename(w->temporary, w->target) != 0)
    TRY(enf__file_cannot(w->ctx, "replace", w->path, errno));
  status = sync_directory(w);
  release(w);
  return status;
out:
  enf__writer_abandon(w);
  return status;
}

void enf__writer_abandon(enf__writer *w) {
  if (!w->temporary)
    return;
  if (w->fd >= 0)
    close(w->fd);
  unlink(w->temporary);
  release(w);
}
