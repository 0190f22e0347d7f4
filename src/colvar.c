/* colvar.c -- variables of samples with their weights, as PLUMED's COLVAR text.

   A line of names, the period of every torsion, then a line for every sample: its number, its
   variables (angles in radians), the log of its weight (normalised; -inf where it is 0) and the weight as a
   multiple of the mean. */
#include "colvar.h"
#include "whole.h"

#include <math.h>
#include <stdio.h>

static void print_names(FILE *file, const cvs *t) {
  fputs("#! FIELDS time", file);
  for (size_t k = 0; k < t->count; k++)
    fprintf(file, " %s", t->of[k].name);
  fputs(" logweight weight\n", file);
  for (size_t k = 0; k < t->count; k++)
    if (t->of[k].kind == CV_TORSION)
      fprintf(file, "#! SET min_%s -pi\n#! SET max_%s pi\n", t->of[k].name, t->of[k].name);
}

static void print_samples(FILE *file, size_t n, const double *logw, const cvs *t) {
  for (size_t i = 0; i < n; i++) {
    fprintf(file, "%zu", i);
    for (size_t k = 0; k < t->count; k++)
      fprintf(file, " %.9g", t->value[i * t->count + k]);
    fprintf(file, " %.9g %.9g\n", logw[i], (double)n * exp(logw[i]));
  }
}

int colvar_write(const char *path, size_t n, const double *logw, const cvs *t) {
  whole w;
  if (whole_begin(path, &w) != SUCCESS)
    return FAILURE;
  if (w.file != NULL) {
    print_names(w.file, t);
    print_samples(w.file, n, logw, t);
  }
  return whole_end(&w);
}
