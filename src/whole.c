/* whole.c -- texts that are in their file when they are whole, and not before: they are written
   beside it, and take its place. */
#include "whole.h"
#include "ranks.h"

#include <errno.h>
#include <string.h>

int whole_begin(const char *path, whole *w) {
  const int length = snprintf(w->temporary, sizeof w->temporary, "%s.part", path);
  w->path = path;
  w->file = NULL;
  if (!ranks_first())
    return SUCCESS;
  if (length > 0 && (size_t)length < sizeof w->temporary)
    w->file = fopen(w->temporary, "w");
  return w->file != NULL ? SUCCESS : cli_fail("cannot write %s: %s", path, strerror(errno));
}

int whole_end(whole *w) {
  if (w->file == NULL)
    return SUCCESS;
  const bool good = !ferror(w->file);
  if (fclose(w->file) == 0 && good && rename(w->temporary, w->path) == 0)
    return SUCCESS;
  const int error = errno;
  remove(w->temporary);
  return cli_fail("cannot write %s: %s", w->path, strerror(error));
}
