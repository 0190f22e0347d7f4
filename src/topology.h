/* topology.h -- a molecule's atoms, bonds and labels, from a PDB file or from labelled frames. */
#ifndef TOPOLOGY_H
#define TOPOLOGY_H

#include "data.h"

enum { TOPOLOGY_LABEL = 16 };

typedef struct {
  size_t N, bonds;               /* N = 0: there is none */
  int32_t *element;              /* (N) atomic numbers */
  char (*label)[TOPOLOGY_LABEL]; /* (N) "ALA2:CA", or the element's symbol; no blanks */
  double *x;                     /* (N,3) */
  double angstrom;               /* the unit of x */
  size_t (*bond)[2];             /* (bonds) */
} topology;

/* The first model of a PDB file. Bonds are those of its CONECT records if they reach every atom,
   else those of its positions (enf_bonds_from_frame). */
int pdb_read(cli *c, const char *path, topology *t);

/* Of frames that were read from path; their unit is that of --unit, else angstrom. */
int topology_of_frames(cli *c, const char *path, const dataset *data, topology *t);
/* The same of frames that need not be of a molecule: t->N is 0 unless all labels are elements and
   bonds make one molecule of the first frame, in the unit of --unit or in whichever it is. */
int topology_guess(cli *c, const dataset *data, topology *t);
/* Of N atoms with bonds as text, "0-1 1-2" with blanks or commas (NULL: none are known); elements
   and labels as far as all labels of the rows are elements, else NULL. No positions. */
int topology_of_text(const cli *c, const char *text, size_t N, const dataset *rows, topology *t);
/* Pairs of atoms in such a text; pair (most) of them. USAGE, with the sentence that begins with
   `what`, where it is no such text. */
int pairs_read(const cli *c, const char *what, const char *text, size_t most, size_t (*pair)[2],
               size_t *count);
void topology_free(topology *t);

/* Room for N atoms and `bonds` bonds, N = 0 so far. */
bool topology_alloc(topology *t, size_t N, size_t bonds);

/* Symbol of an element. */
void element_symbol(int32_t number, char symbol[3]);

/* The unit of this name in angstrom; 0: there is none. */
double unit_named(const char *name);
/* Of the flag --unit in angstrom; 0: it is not given. */
int unit_read(const cli *c, double *angstrom);
/* The name of the unit that is nearest to this many angstrom, within 15 %; NULL: none. */
const char *unit_name(double angstrom);

#endif
