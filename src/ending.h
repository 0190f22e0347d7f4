/* ending.h -- what a file's name ends with. */
#ifndef ENDING_H
#define ENDING_H

#include <stdbool.h>
#include <string.h>

static inline bool ends_with(const char *path, const char *ending) {
  const size_t length = strlen(path), tail = strlen(ending);
  return length > tail && strcmp(path + length - tail, ending) == 0;
}

#endif
