/* surface.h -- the free energy over two collective variables, with block errors, as text and
   picture. */
#ifndef SURFACE_H
#define SURFACE_H

#include "cvs.h"

typedef struct {
  size_t axis[2];      /* which variables; both count: none was asked for */
  const char *picture; /* NULL: none */
  double error;        /* the median error of cells below 3 kT */
} surface;

/* --fes, its files and --plot-2d. */
int surface_flags(const cli *c, const cvs *v, surface *s);
int surface_write(const cli *c, size_t n, const double *logw, const cvs *v, surface *s);
void surface_report(report *r, const cli *c, const surface *s);

#endif
