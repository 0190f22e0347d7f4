/* colvar.h -- variables of samples with their weights, as PLUMED's COLVAR text. */
#ifndef COLVAR_H
#define COLVAR_H

#include "cvs.h"

int colvar_write(const char *path, size_t n, const double *logw, const cvs *v);

#endif
