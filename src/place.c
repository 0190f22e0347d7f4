/* place.c -- where the name of a file leads.

   A file is its device and inode, through whatever links. One that is not there yet is its folder
   and its name; or the name without its case, where the folder takes no notice of that, which is
   tried with a file of its own. A file is replaced by a new one beside it, so the folder has to be
   writable too; and a file without any permission to write is left alone even for root. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { LINKS = 40 /* the system's own limit */ };

static const char *last_part(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}

/* With its last slash; "." for a name alone. */
static void folder_of(const char *path, char folder[PLACE_NAME]) {
  const size_t length = (size_t)(last_part(path) - path);
  memcpy(folder, length > 0 ? path : ".", length > 0 ? length : 1);
  folder[length > 0 ? length : 1] = '\0';
}

/* Replace a symbolic link by what it says; false where it is none, or too long. */
static bool follow(char path[PLACE_NAME]) {
  char target[PLACE_NAME], joined[2 * PLACE_NAME];
  const ssize_t length = readlink(path, target, sizeof target - 1);
  if (length < 0)
    return false;
  target[length] = '\0';
  const int folder = target[0] == '/' ? 0 : (int)(last_part(path) - path);
  if (snprintf(joined, sizeof joined, "%.*s%s", folder, path, target) >= PLACE_NAME)
    return false;
  strcpy(path, joined);
  return true;
}

static place missing(place p) {
  struct stat info;
  char folder[PLACE_NAME];
  folder_of(p.path, folder);
  if (stat(folder, &info) != 0)
    return p.error = errno, p;
  p.dev = info.st_dev;
  p.inode = info.st_ino;
  return p;
}

place place_of(const char *path) {
  place p = {.exists = false};
  struct stat info;
  if (strlen(path) >= sizeof p.path)
    return p.error = ENAMETOOLONG, p;
  strcpy(p.path, path);
  for (int links = 0; links < LINKS && follow(p.path); links++)
    continue;
  if (stat(path, &info) != 0 && errno != ENOENT)
    return p.error = errno, p;
  if (stat(path, &info) != 0)
    return missing(p);
  p.exists = true;
  p.dev = info.st_dev;
  p.inode = info.st_ino;
  return p;
}

/* A file in the folder of `path`, looked for under its name in capitals. */
static bool ignores_case(const char *path) {
  char probe[PLACE_NAME + 32], *name;
  folder_of(path, probe);
  name = probe + strlen(probe);
  strcpy(name, name[-1] == '/' ? ".enf-case-XXXXXX" : "/.enf-case-XXXXXX");
  const int fd = mkstemp(probe);
  if (fd < 0)
    return false;
  close(fd);
  memcpy(strstr(name, "enf-case"), "ENF-CASE", 8);
  const bool found = access(probe, F_OK) == 0;
  memcpy(strstr(name, "ENF-CASE"), "enf-case", 8);
  unlink(probe);
  return found;
}

bool place_same(const place *a, const place *b) {
  if (a->error != 0 || b->error != 0)
    return strcmp(a->path, b->path) == 0;
  if (a->exists != b->exists || a->dev != b->dev || a->inode != b->inode)
    return false;
  const char *one = last_part(a->path), *other = last_part(b->path);
  if (a->exists || strcmp(one, other) == 0)
    return true;
  return strcasecmp(one, other) == 0 && ignores_case(a->path);
}

static const char *existing_refusal(const char *path) {
  struct stat info;
  if (stat(path, &info) != 0)
    return strerror(errno);
  if (S_ISDIR(info.st_mode))
    return strerror(EISDIR);
  if (!S_ISREG(info.st_mode))
    return "it is not a regular file";
  if ((info.st_mode & 0222) == 0)
    return "it is read-only";
  const int fd = open(path, O_WRONLY | O_CLOEXEC); /* what access does not know: immutable, busy */
  if (fd < 0)
    return strerror(errno);
  close(fd);
  return NULL;
}

const char *place_refusal(const place *p) {
  char folder[PLACE_NAME];
  if (p->error != 0)
    return strerror(p->error);
  const char *reason = p->exists ? existing_refusal(p->path) : NULL;
  if (reason != NULL)
    return reason;
  if (last_part(p->path)[0] == '\0')
    return "it is the name of a folder";
  folder_of(p->path, folder);
  return access(folder, W_OK | X_OK) == 0 ? NULL : strerror(errno);
}

double place_room(const place *p) {
  char folder[PLACE_NAME];
  struct statvfs disk;
  folder_of(p->path, folder);
  const bool known = statvfs(folder, &disk) == 0 && disk.f_blocks > 0;
  return known ? (double)disk.f_bavail * (double)disk.f_frsize : INFINITY;
}

double place_limit(void) {
  struct rlimit limit;
  const bool known = getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return known ? (double)limit.rlim_cur : INFINITY;
}
