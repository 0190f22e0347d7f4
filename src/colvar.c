/* colvar.c -- torsions of samples with their weights, as PLUMED's COLVAR text.

   A line of names, the period of every torsion, then a line for every sample: its number, its
   torsions in radians, the log of its weight (normalised; -inf where it is 0) and the weight as a
   multiple of the mean. The text is written beside the file and takes its place when it is whole.
 */
#include "colvar.h"
#include "ranks.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void print_names(FILE *file, const torsions *t) {
  fputs("#! FIELDS time", file);
  for (size_t k = 0; k < t->count; k++)
    fprintf(file, " %s", t->name[k]);
  fputs(" logweight weight\n", file);
  for (size_t k = 0; k < t->count; k++)
    fprintf(file, "#! SET min_%s -pi\n#! SET max_%s pi\n", t->name[k], t->name[k]);
}

static void print_samples(FILE *file, size_t n, const double *logw, const torsions *t) {
  for (size_t i = 0; i < n; i++) {
    fprintf(file, "%zu", i);
    for (size_t k = 0; k < t->count; k++)
      fprintf(file, " %.9g", t->value[i * t->count + k]);
    fprintf(file, " %.9g %.9g\n", logw[i], (double)n * exp(logw[i]));
  }
}

int colvar_write(const char *path, size_t n, const double *logw, const torsions *t) {
  char temporary[4096];
  if (!ranks_first())
    return SUCCESS;
  const int length = snprintf(temporary, sizeof temporary, "%s.part", path);
  FILE *file = length > 0 && (size_t)length < sizeof temporary ? fopen(temporary, "w") : NULL;
  if (file == NULL)
    return cli_fail("cannot write %s: %s", path, strerror(errno));
  print_names(file, t);
  print_samples(file, n, logw, t);
  const bool whole = !ferror(file);
  if (fclose(file) == 0 && whole && rename(temporary, path) == 0)
    return SUCCESS;
  const int error = errno;
  remove(temporary);
  return cli_fail("cannot write %s: %s", path, strerror(error));
}
