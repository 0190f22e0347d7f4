/* bonds.h -- the bonds of one molecule: read and walked; and the Z-matrix that they give
   (from_bonds.c). */
#ifndef ENF__BONDS_H
#define ENF__BONDS_H

#include "space/zmatrix.h"

typedef struct {
  size_t atoms, count;
  size_t (*pair)[2];  /* (count) */
  size_t *start;      /* (atoms + 1): the neighbours of atom i, in rising order, are */
  int32_t *neighbour; /* neighbour[start[i]] ... neighbour[start[i+1] - 1] */
} enf__bonds;

/* Pairs of atoms from "0-1 1-2 ...": count and *pair, which the caller frees. OPTION for text that
   is no such list, and NOMEM: then *pair is NULL. `option` is whose text it is, for sentences. */
enf_status enf__bonds_read(enf_ctx *ctx, const enf_alloc *alloc, const char *option,
                           const char *text, size_t *count, size_t (**pair)[2]);
/* Bonds from pairs. OPTION with a sentence: a number that is none of the atoms', an atom bonded to
   itself, a bond that is there twice, atoms that are apart from the others. */
enf_status enf__bonds_create(enf_ctx *ctx, const enf_alloc *alloc, const char *option, size_t atoms,
                             size_t count, const size_t (*pair)[2], enf__bonds *bonds);
/* Both. */
enf_status enf__bonds_parse(enf_ctx *ctx, const enf_alloc *alloc, const char *option, size_t atoms,
                            const char *text, enf__bonds *bonds);
/* As text, as enf__zmatrix_print does. */
size_t enf__bonds_print(const enf__bonds *bonds, char *out, size_t size);
void enf__bonds_free(const enf_alloc *alloc, enf__bonds *bonds); /* fine on a zeroed one */

bool enf__bonds_has(const enf__bonds *bonds, int32_t a, int32_t b);
/* distance (atoms): bonds from `from` to every atom on ways that do not pass `past` (< 0: on all);
   -1 where there is none. queue: work of (atoms). */
void enf__bonds_distances(const enf__bonds *bonds, int32_t from, int32_t past, int32_t *queue,
                          int32_t *distance);

/* ---- the Z-matrix (from_bonds.c) ------------------------------------------------------------ */

/* What is known of a molecule besides its bonds. */
typedef struct {
  const int32_t *element; /* (atoms) atomic numbers; NULL: atoms of one bond count as hydrogens */
  size_t frames;          /* may be 0 */
  const double *x;        /* (frames,atoms,3) */
  size_t keep;            /* bonds whose torsion stays one whatever the frames say */
  const size_t (*kept)[2];
} enf__knowledge;

/* The Z-matrix of these bonds. OPTION with the atoms' numbers: no atom with two bonds, an angle
   that is within 10 degrees of 0 or 180 in the frames and that no row avoids, a bond to keep that
   has no torsion. */
enf_status enf__zmatrix_from_bonds(enf_ctx *ctx, const enf_alloc *alloc, const enf__bonds *bonds,
                                   const enf__knowledge *known, enf__zmatrix *z);

#endif
