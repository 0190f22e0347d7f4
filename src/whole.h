/* whole.h -- texts that are in their file when they are whole, and not before. */
#ifndef WHOLE_H
#define WHOLE_H

#include "cli.h"
#include <stdio.h>

typedef struct {
  const char *path;
  FILE *file; /* NULL: of ranks only the first writes */
  char temporary[4096];
} whole;

int whole_begin(const char *path, whole *w);
int whole_end(whole *w);

#endif
