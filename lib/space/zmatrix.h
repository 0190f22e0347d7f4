/* zmatrix.h -- which distances, angles and dihedrals are a molecule's coordinates. */
#ifndef ENF__ZMATRIX_H
#define ENF__ZMATRIX_H

#include "core/core.h"

/* Kinds of dihedrals: torsions live on a circle; impropers, and others that stay near one value,
   on a line. */
enum { ENF__TORSION = 't', ENF__IMPROPER = 'i' };

/* `atom` is placed by its distance to a, the angle atom-a-b and the dihedral atom-a-b-c. */
typedef struct {
  int32_t atom, a, b, c;
  char kind;
} enf__zrow;

typedef struct {
  size_t atoms; /* 3 or more */
  int32_t root[3];
  enf__zrow *row; /* (atoms - 3), in the order of placing */
} enf__zmatrix;

/* Read "a b c; atom a b c t; atom a b c i; ...", numbers from 0. OPTION with a sentence that names
   the row: fewer than 3 atoms, text that is no such list, an atom twice or with a number >= atoms,
   one that is missing, a reference that is not placed before or given twice. Blanks and a last
   semicolon are as you like. */
enf_status enf__zmatrix_parse(enf_ctx *ctx, const enf_alloc *alloc, size_t atoms, const char *text,
                              enf__zmatrix *z);
/* The text, cut to `size` (NULL for 0); returns the bytes that all of it needs, its end included.
 */
size_t enf__zmatrix_print(const enf__zmatrix *z, char *out, size_t size);
void enf__zmatrix_free(const enf_alloc *alloc, enf__zmatrix *z); /* fine on a zeroed one */

#endif
