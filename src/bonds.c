/* bonds.c -- the bonds of a molecule in the file of a flow of particles, and files whose atoms stand
   in another order.

   Labels do not tell one hydrogen from another; bonds do. Those of a few rows are found as they were
   found for the flow (enf_bonds_from_frame). Where most rows have as many as the molecule, but one
   of the flow's is in none of these, atoms have changed places. Rows with fewer or more are not
   judged by: they may be hot, or samples of a flow that is hardly trained. */
#include "bonds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 10 };

int bonds_keep(const cli *c, enf_flow *flow, const topology *t) {
  const size_t size = 24 * t->bonds + 1;
  char *text = cli_alloc(size, 1);
  size_t used = 0;
  if (text == NULL)
    return FAILURE;
  for (size_t k = 0; k < t->bonds; k++)
    used += (size_t)snprintf(text + used, size - used, k > 0 ? " %zu-%zu" : "%zu-%zu",
                             t->bond[k][0], t->bond[k][1]);
  const int result = flow_keep_meta(c, flow, "bonds", text);
  free(text);
  return result;
}

/* t->N is 0 where the flow's file does not tell all of bonds, elements and unit. */
static int read_topology(const cli *c, const enf_flow *flow, topology *t) {
  char *bonds = flow_meta(flow, "bonds"), *elements = flow_meta(flow, "elements");
  char *unit = flow_meta(flow, "unit");
  int64_t particles = 0;
  int result = bonds != NULL && elements != NULL && unit != NULL ? SUCCESS : FAILURE;
  enf_get_int(flow, "particles", &particles);
  *t = (topology){0};
  if (result == SUCCESS && *bonds != '\0' && *elements != '\0' && unit_named(unit) > 0) {
    const dataset rows = {.N = (size_t)particles, .labels = elements};
    result = topology_of_text(c, bonds, rows.N, &rows, t);
    t->angstrom = unit_named(unit);
  }
  free(bonds);
  free(elements);
  free(unit);
  return result;
}

/* Which of the molecule's bonds the frame x has; false if it has not as many. */
static bool mark_bonds(const cli *c, const topology *t, const double *x, size_t (*found)[2],
                       bool *there) {
  const size_t most = t->N * (t->N - 1) / 2;
  size_t count = 0;
  if (enf_bonds_from_frame(c->ctx, t->N, t->element, x, t->angstrom, most, found, &count) !=
          ENF_OK ||
      count != t->bonds)
    return false;
  for (size_t k = 0; k < t->bonds; k++)
    for (size_t i = 0; i < count && !there[k]; i++)
      there[k] = (found[i][0] == t->bond[k][0] && found[i][1] == t->bond[k][1]) ||
                 (found[i][1] == t->bond[k][0] && found[i][0] == t->bond[k][1]);
  return true;
}

static int compare(const cli *c, const topology *t, const char *name, const dataset *data,
                   const char *path) {
  const size_t rows = data->n < ROWS ? data->n : ROWS;
  size_t judged = 0;
  size_t(*found)[2] = cli_alloc(t->N * (t->N - 1) / 2, sizeof *found);
  bool *there = cli_alloc(t->bonds, sizeof *there);
  int result = found != NULL && there != NULL ? SUCCESS : FAILURE;
  for (size_t r = 0; r < rows && result == SUCCESS; r++)
    judged += mark_bonds(c, t, data->x + r * data->n / rows * t->N * 3, found, there);
  for (size_t k = 0; k < t->bonds && result == SUCCESS; k++)
    if (!there[k] && 2 * judged > rows)
      result = cli_fail("%s: atoms %zu and %zu are bonded in %s, and in none of %zu configurations "
                        "here; is it another molecule, or are the atoms in another order?",
                        path, t->bond[k][0] + 1, t->bond[k][1] + 1, name, judged);
  free(found);
  free(there);
  return result;
}

int bonds_fit_flow(const cli *c, const enf_flow *flow, const char *name, const dataset *data,
                   const char *path) {
  topology t = {0};
  int result = data->n > 0 && data->D == 3 ? read_topology(c, flow, &t) : SUCCESS;
  if (result == SUCCESS && t.element != NULL)
    result = compare(c, &t, name, data, path);
  topology_free(&t);
  return result;
}
