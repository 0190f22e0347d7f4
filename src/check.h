/* check.h -- what `enf check` finds of a file of molecules, and its picture. */
#ifndef CHECK_H
#define CHECK_H

#include "cli.h"
#include <stdint.h>

enum { CHECK_BINS = 130, CHECK_SHOWN = 12, CHECK_ATOMS = 64, CHECK_SIZES = 64 };
#define CHECK_RANGE 13.0 /* angstrom */

/* One molecule for the picture, with the orders of its bonds. */
typedef struct {
  size_t N;
  int32_t element[CHECK_ATOMS], order[CHECK_ATOMS * CHECK_ATOMS];
  double x[3 * CHECK_ATOMS];
  bool stable;
} check_molecule;

typedef struct {
  uint64_t molecules, atoms, other; /* other: of elements without a rule, or not finite */
  uint64_t stable_molecules, stable_atoms, valid, whole, unique, novel;
  uint64_t size[CHECK_SIZES];
  double distance[CHECK_BINS]; /* counts; those beyond CHECK_RANGE in the last */
  uint64_t hashes, room;
  uint64_t *hash; /* of the valid ones; sorted at the end */
  size_t shown;
  check_molecule *show; /* (CHECK_SHOWN) of evenly spread numbers, or NULL: no picture */
  uint64_t every;       /* as far apart as now */
} check_found;

/* Of all molecules of a file, read in pieces. */
int check_read(cli *c, const char *path, check_found *f);
void check_free(check_found *f);

/* SVG: the molecules as balls and sticks, the histograms beside those of the training file (NULL:
   none). */
int check_draw(const char *path, const check_found *f, const check_found *train);

#endif
