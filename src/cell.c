/* cell.c -- periodic cells in files of configurations.

   A flow knows nothing of periods: the coordinates of a configuration are taken as they stand. A
   simulation code that wraps atoms into its cell cuts molecules: bonds as long as the box would be
   learnt. So a file with a periodic cell is refused until its owner says that its molecules are
   whole.

   Cut configurations are found by Prim's algorithm: the shortest tree that connects all atoms by
   distances through the walls. One of its edges that is shorter through a wall than straight is a
   bond that the wall cuts. */
#include "cell.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  double vectors[9], inverse[9]; /* inverse: position -> parts of the vectors */
  int periodic[3];
} cell;

/* False if the vectors do not span space, or are not known. */
static bool invert(cell *c) {
  const double *v = c->vectors;
  double *m = c->inverse;
  for (int i = 0; i < 3; i++) { /* columns: cross products of the other two vectors */
    const double *a = v + 3 * ((i + 1) % 3), *b = v + 3 * ((i + 2) % 3);
    m[i] = a[1] * b[2] - a[2] * b[1];
    m[3 + i] = a[2] * b[0] - a[0] * b[2];
    m[6 + i] = a[0] * b[1] - a[1] * b[0];
  }
  const double volume = v[0] * m[0] + v[1] * m[3] + v[2] * m[6];
  for (int k = 0; k < 9; k++)
    m[k] /= volume;
  return isfinite(1 / volume);
}

/* Squared length of b - a to the nearest image; *wall: the way there is through a wall. */
static double image_distance(const cell *c, const double *a, const double *b, bool *wall) {
  double d[3] = {b[0] - a[0], b[1] - a[1], b[2] - a[2]}, cells[3];
  *wall = false;
  for (int i = 0; i < 3; i++)
    cells[i] = d[0] * c->inverse[i] + d[1] * c->inverse[3 + i] + d[2] * c->inverse[6 + i];
  for (int i = 0; i < 3; i++) {
    const double shift = c->periodic[i] ? round(cells[i]) : 0;
    *wall |= shift != 0;
    for (int k = 0; k < 3; k++)
      d[k] -= shift * c->vectors[3 * i + k];
  }
  return d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
}

/* near (N): squared distance of an atom to the tree, -1 for those in it; through (N): whether the
   way there is through a wall. */
static bool is_cut(const cell *c, size_t N, const double *x, double *near, bool *through) {
  size_t last = 0;
  for (size_t i = 0; i < N; i++)
    near[i] = i > 0 ? HUGE_VAL : -1, through[i] = false;
  for (size_t edges = 1; edges < N; edges++) {
    size_t next = 0;
    for (size_t i = 1; i < N; i++) {
      bool wall = false;
      if (near[i] < 0)
        continue;
      const double d = image_distance(c, x + 3 * last, x + 3 * i, &wall);
      if (d < near[i]) {
        near[i] = d;
        through[i] = wall;
      }
      if (next == 0 || near[i] < near[next])
        next = i;
    }
    if (through[next])
      return true;
    near[next] = -1;
    last = next;
  }
  return false;
}

/* How many of the array's configurations have a periodic cell, and how many of them are cut; the
   first of each. */
typedef struct {
  size_t periodic, first, cut, first_cut;
} census;

static int count(const enf_array *array, census *found) {
  const size_t n = enf_array_shape(array, 0), N = enf_array_shape(array, 1);
  double *near = cli_alloc(N, sizeof *near);
  bool *through = cli_alloc(N, sizeof *through);
  const bool usable = near != NULL && through != NULL;
  *found = (census){0};
  for (size_t i = 0; usable && i < n; i++) {
    cell c;
    enf_array_cell(array, i, c.vectors, c.periodic);
    if (!c.periodic[0] && !c.periodic[1] && !c.periodic[2])
      continue;
    if (found->periodic++ == 0)
      found->first = i;
    if (invert(&c) && is_cut(&c, N, enf_array_data(array) + 3 * N * i, near, through) &&
        found->cut++ == 0)
      found->first_cut = i;
  }
  free(near);
  free(through);
  return usable ? SUCCESS : FAILURE;
}

int cell_check(const cli *c, const char *path, const enf_array *array) {
  census found;
  char cut[128] = "";
  if (enf_array_ndim(array) != 3 || enf_array_shape(array, 2) != 3)
    return SUCCESS;
  if (count(array, &found) != SUCCESS)
    return FAILURE;
  if (found.cut > 0)
    snprintf(cut, sizeof cut, "walls cut %zu of %zu configurations, the first is %zu (from 0)",
             found.cut, enf_array_shape(array, 0), found.first_cut);
  if (found.periodic > 0 && !cli_has(c, FLAG_UNWRAPPED))
    return cli_fail("%s: configuration %zu (from 0) is of a periodic cell, of which a flow knows "
                    "nothing%s%s; make molecules whole and give --unwrapped",
                    path, found.first, found.cut > 0 ? "; its " : "", cut);
  if (found.cut > 0)
    cli_note("%s: the cell's %s; molecules must be whole", path, cut);
  return SUCCESS;
}
