/* internal.h -- a molecule's internal coordinates q: distances, angles, dihedrals, C = 3N-6 in the
   order of the Z-matrix's rows. */
#ifndef ENF__INTERNAL_H
#define ENF__INTERNAL_H

#include "space/zmatrix.h"

/* What is wrong with a sample. */
typedef struct {
  enf_status status;   /* ENF_OK, NONFINITE or RANGE */
  const char *of, *is; /* the sentence around the atoms */
  size_t atoms;
  int32_t atom[4];
} enf__fault;

/* "the distance of atoms 3 and 5 is 0" */
void enf__fault_say(const enf__fault *fault, char *out, size_t size);

static inline size_t enf__internal_count(const enf__zmatrix *z) { return 3 * z->atoms - 6; }

/* What coordinate k is. */
typedef enum { ENF__DISTANCE, ENF__ANGLE, ENF__ON_LINE, ENF__ON_CIRCLE } enf__internal_kind;
static inline enf__internal_kind enf__internal_kind_of(const enf__zmatrix *z, size_t k) {
  if (k < z->atoms - 1)
    return ENF__DISTANCE;
  if (k < 2 * z->atoms - 3)
    return ENF__ANGLE;
  return z->row[k - (2 * z->atoms - 3)].kind == ENF__TORSION ? ENF__ON_CIRCLE : ENF__ON_LINE;
}

/* x (N,3) from any origin -> q (C), dihedrals in (-pi,pi], and log J (NULL: not wanted). False with
   a fault, outputs unspecified: a coordinate that is not finite, a distance of 0, the atoms of an
   angle or of a dihedral's frame on a line. */
bool enf__internal_measure(const enf__zmatrix *z, const double *x, double *q, double *log_jacobian,
                           enf__fault *fault);
/* q -> x, mean-free, unturned: from the root's a to its b lies along x, its c has y > 0 in the xy
   plane. False with a fault, x unspecified: NONFINITE, a distance <= 0, an angle outside (0,pi). */
bool enf__internal_place(const enf__zmatrix *z, const double *q, double *x, enf__fault *fault);
/* The same atom by atom, mean not removed. */
bool enf__place_root(const enf__zmatrix *z, double ab, double bc, double T, double *x,
                     enf__fault *fault);
bool enf__place_row(const enf__zrow *row, double r, double T, double P, double *x,
                    enf__fault *fault);

/* dq becomes the pullback of dL/dx by place, where x is what it placed, turned by any fixed
   rotation. dx is written over. */
void enf__internal_place_pullback(const enf__zmatrix *z, const double *x, double *dx, double *dq);

/* A uniform rotation (3,3): number `index` of its stream. */
void enf__rotation_uniform(uint64_t seed, uint64_t index, double rotation[9]);
void enf__rotation_apply(size_t N, const double rotation[9], double *x);

#endif
