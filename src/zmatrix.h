/* zmatrix.h -- the Z-matrix of a flow in internal coordinates: a table, a picture. */
#ifndef ZMATRIX_H
#define ZMATRIX_H

#include "report.h"

enum { ZMATRIX_LABEL = 24, ZMATRIX_NAME = 8 };

/* `atom` is placed by its distance to a, its angle with b and its dihedral with c; of the root's
   atoms the first is placed, the second has a and the third a and b. Lengths in the host's unit,
   angles in degrees. */
typedef struct {
  int atom, a, b, c; /* < 0: there is none */
  char kind;         /* t: turns freely, i: stiff; of the root '-' */
  double distance, distance_width, angle, angle_width, dihedral, dihedral_width;
  char name[ZMATRIX_NAME]; /* "phi"; of a torsion about the same bond with other ends "phi'" */
} zmatrix_row;

typedef struct {
  size_t N;                     /* 0: the flow has none */
  zmatrix_row *row;             /* (N) */
  char (*label)[ZMATRIX_LABEL]; /* (N): those in the flow's file, else its kinds, else empty */
  char unit[16];                /* "" if it is not known */
} zmatrix;

/* Leaves z->N = 0 for a flow of another space. */
int zmatrix_read(const cli *c, const enf_flow *flow, zmatrix *z);
void zmatrix_free(zmatrix *z);

void zmatrix_print(const report *r, const zmatrix *z);
/* As SVG. */
int zmatrix_draw(const char *path, const zmatrix *z);

#endif
