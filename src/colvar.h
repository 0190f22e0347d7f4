/* colvar.h -- torsions of samples with their weights, as PLUMED's COLVAR text. */
#ifndef COLVAR_H
#define COLVAR_H

#include "torsions.h"

int colvar_write(const char *path, size_t n, const double *logw, const torsions *t);

#endif
