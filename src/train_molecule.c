/* train_molecule.c -- what a training of one molecule in internal coordinates adds: its Z-matrix,
   from a topology and the rows; its centres and widths; rows that are of no use.

   The topology is a file of its own, or the labels and the first row of DATA (or of --start). */
#include "train_molecule.h"
#include "ending.h"
#include "frames.h"
#include "rings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fewer rows cannot tell a stiff torsion from one that has not turned yet. */
enum { ROWS_FOR_TORSIONS = 100 };

bool molecule_wanted(const training *t) {
  const char *space = cli_setting(t->c, "model.space");
  return t->flow == NULL && space != NULL && strcmp(space, "molecule") == 0;
}

size_t molecule_size(const training *t) { return t->topology.N > 0 ? t->topology.N : t->target.N; }

/* With --kinds a topology tells a flow of particles its kinds. */
static bool of_particles(const training *t) {
  const char *space = cli_setting(t->c, "model.space");
  return space == NULL ? !cli_has(t->c, FLAG_TOPOLOGY) || cli_has(t->c, FLAG_KINDS)
                       : strcmp(space, "particles") == 0;
}

static bool fits_particles(const training *t, flag f) {
  return f == FLAG_UNIT || (f == FLAG_TOPOLOGY && cli_has(t->c, FLAG_KINDS));
}

static int check_flags(training *t) {
  static const flag own[] = {FLAG_TOPOLOGY, FLAG_KEEP, FLAG_UNIT, FLAG_START};
  cli *c = t->c;
  const char *space = cli_setting(c, "model.space");
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
    if (!cli_has(c, own[i]) || (of_particles(t) && t->flow == NULL && fits_particles(t, own[i])))
      continue;
    if (t->flow != NULL)
      return cli_usage(c, "the flow has its molecule: --topology, --keep, --unit and --start are "
                          "for new ones");
    if (space != NULL && strcmp(space, "molecule") != 0)
      return cli_usage(c,
                       "--topology, --keep and --start are for model.space molecule, not for %s%s",
                       space, own[i] == FLAG_TOPOLOGY ? "; --kinds auto takes kinds from it" : "");
    if (space == NULL && of_particles(t))
      return cli_usage(c, "--keep and --start need --topology FILE or --set model.space=molecule");
  }
  return SUCCESS;
}

/* A PDB file by its name, or frames with elements as labels. */
static int read_topology(cli *c, topology *top) {
  const char *path = c->value[FLAG_TOPOLOGY];
  dataset frames = {0};
  if (ends_with(path, ".pdb"))
    return pdb_read(c, path, top);
  int result = data_read(c, path, 0, 3, &frames);
  if (result == SUCCESS)
    result = topology_of_frames(c, path, &frames, top);
  data_free(&frames);
  return result;
}

int molecule_open(training *t) {
  cli *c = t->c;
  int result = check_flags(t);
  if (result == SUCCESS)
    result = unit_read(c, &t->angstrom);
  if (result != SUCCESS || !cli_has(c, FLAG_TOPOLOGY))
    return result;
  if (!of_particles(t))
    result = cli_set(c, "model.space", "molecule");
  return result == SUCCESS ? read_topology(c, &t->topology) : result;
}

void molecule_close(training *t) {
  topology_free(&t->topology);
  data_free(&t->start);
}

/* ---- the rows and the topology ----------------------------------------------------------------
 */

static const dataset *rows_of(const training *t) { return t->data.n > 0 ? &t->data : &t->start; }
static const char *rows_path(const training *t) {
  return t->data.n > 0 ? t->c->operand[0] : t->c->value[FLAG_START];
}

static int read_start(training *t) {
  if (!cli_has(t->c, FLAG_START))
    return SUCCESS;
  return data_read(t->c, t->c->value[FLAG_START], t->N, t->D, &t->start);
}

static double length(const double *x, const size_t bond[2]) {
  double square = 0;
  for (size_t d = 0; d < 3; d++)
    square += pow(x[3 * bond[0] + d] - x[3 * bond[1] + d], 2);
  return sqrt(square);
}

/* How many times longer than in the topology the bonds of the first row are: geometric mean. */
static double mean_ratio(const topology *top, const double *x) {
  double sum = 0;
  for (size_t k = 0; k < top->bonds; k++)
    sum += log(length(x, top->bond[k]) / length(top->x, top->bond[k]));
  return exp(sum / (double)top->bonds);
}

static int check_order(const training *t, const double *x, double ratio) {
  const topology *top = &t->topology;
  for (size_t k = 0; k < top->bonds; k++) {
    const double times = length(x, top->bond[k]) / length(top->x, top->bond[k]) / ratio;
    if (!(times < 2 && times > 0.5))
      return cli_fail("%s: atoms %zu and %zu are bonded in %s, and in the first row their distance "
                      "is %.3g times what the other bonds make of it; is it another molecule, or "
                      "are the atoms in another order?",
                      rows_path(t), top->bond[k][0], top->bond[k][1], t->c->value[FLAG_TOPOLOGY],
                      times);
  }
  return SUCCESS;
}

/* Order of the atoms and unit of length of the rows, by the topology's positions. */
static int compare_rows(training *t) {
  const topology *top = &t->topology;
  const dataset *rows = rows_of(t);
  if (rows->n == 0 || !cli_has(t->c, FLAG_TOPOLOGY) || top->bonds == 0)
    return SUCCESS;
  const double ratio = mean_ratio(top, rows->x), angstrom = top->angstrom / ratio;
  if (!(ratio > 0 && isfinite(ratio)) || unit_name(angstrom) == NULL)
    return cli_fail("%s: bonds are %.3g times as long as in %s, which is no unit of length known "
                    "here; is it another molecule, or are the atoms in another order?",
                    rows_path(t), ratio, t->c->value[FLAG_TOPOLOGY]);
  if (t->angstrom > 0 && unit_name(angstrom) != unit_name(t->angstrom))
    return cli_fail("%s: bonds are %.3g times as long as in %s: lengths are in %s, not %s",
                    rows_path(t), ratio, t->c->value[FLAG_TOPOLOGY], unit_name(angstrom),
                    unit_name(t->angstrom));
  t->angstrom = angstrom;
  return check_order(t, rows->x, ratio);
}

int molecule_find_topology(training *t) {
  topology *top = &t->topology;
  const dataset *rows = rows_of(t);
  if (top->N == 0 && rows->n > 0 && topology_of_frames(t->c, rows_path(t), rows, top) != SUCCESS)
    return FAILURE;
  if (top->N == 0)
    return cli_usage(t->c, "a molecule needs its bonds: --topology FILE, or model.zmatrix");
  if (top->N != t->N)
    return cli_fail("%s has %zu atoms, the flow is to have %zu", t->c->value[FLAG_TOPOLOGY], top->N,
                    t->N);
  if (t->angstrom == 0 && !cli_has(t->c, FLAG_TOPOLOGY))
    t->angstrom = top->angstrom;
  return compare_rows(t);
}

/* ---- options ----------------------------------------------------------------------------------
 */

static void tell_molecule(const training *t, const char *zmatrix, size_t rows) {
  const topology *top = &t->topology;
  size_t turning = 0;
  for (const char *at = zmatrix; *at != '\0'; at++)
    turning += *at == 't';
  if (cli_has(t->c, FLAG_QUIET))
    return;
  cli_note("%zu atoms, %zu bonds, %zu rings cut; of %zu dihedrals %zu turn freely and %zu are "
           "stiff%s",
           top->N, top->bonds, top->bonds + 1 - top->N, top->N - 3, turning, top->N - 3 - turning,
           rows < ROWS_FOR_TORSIONS ? " (there are too few rows to tell stiff torsions)" : "");
}

/* model.zmatrix from the topology and the rows. */
static int make_zmatrix(training *t, size_t size, char *text, size_t (*kept)[2]) {
  const topology *top = &t->topology;
  const dataset *rows = rows_of(t);
  const size_t n = rows->n < ROWS_FOR_TORSIONS ? 0 : rows->n;
  size_t keep;
  const int result = pairs_read(t->c, "--keep", t->c->value[FLAG_KEEP], top->bonds, kept, &keep);
  if (result != SUCCESS)
    return result;
  const enf_status status = enf_zmatrix_from_bonds(
      t->c->ctx, top->N, top->element, top->bonds, (const size_t(*)[2])top->bond, n,
      n > 0 ? rows->x : NULL, keep, keep > 0 ? (const size_t(*)[2])kept : NULL, size, text);
  if (status != ENF_OK)
    return cli_fail_status(t->c, status);
  tell_molecule(t, text, rows->n);
  return enf_opts_set(t->c->opts, "model.zmatrix", text) == ENF_OK
             ? SUCCESS
             : cli_usage(t->c, "%s", enf_opts_errmsg(t->c->opts));
}

static int set_zmatrix(training *t) {
  const size_t size = 48 * t->N + 64;
  char *text = cli_alloc(size, 1);
  size_t(*kept)[2] = cli_alloc(t->topology.bonds, sizeof *kept);
  const int result = text != NULL && kept != NULL ? make_zmatrix(t, size, text, kept) : FAILURE;
  free(kept);
  free(text);
  return result;
}

/* Elements tell another order of the atoms wherever the flow meets a file, and samples have them.
 */
static int set_species(training *t) {
  const topology *top = &t->topology;
  if (top->element == NULL || cli_setting(t->c, "model.species") != NULL)
    return SUCCESS;
  char *text = cli_alloc(top->N, 4);
  if (text == NULL)
    return FAILURE;
  for (size_t i = 0, used = 0; i < top->N; i++) {
    char symbol[3];
    element_symbol(top->element[i], symbol);
    used += (size_t)sprintf(text + used, i > 0 ? " %s" : "%s", symbol);
  }
  const enf_status status = enf_opts_set(t->c->opts, "model.species", text);
  free(text);
  return status == ENF_OK ? SUCCESS : cli_usage(t->c, "%s", enf_opts_errmsg(t->c->opts));
}

/* Bonds of model.bonds; with model.zmatrix none are asked for. */
static int take_bonds(training *t, const char *zmatrix, const char *bonds) {
  topology *top = &t->topology;
  if (zmatrix != NULL || bonds != NULL)
    return topology_of_text(t->c, zmatrix != NULL ? NULL : bonds, t->N, rows_of(t), top);
  return molecule_find_topology(t);
}

int molecule_set_options(training *t) {
  const char *zmatrix = cli_setting(t->c, "model.zmatrix");
  const char *bonds = cli_setting(t->c, "model.bonds");
  int result = read_start(t);
  if (result == SUCCESS && cli_has(t->c, FLAG_TOPOLOGY))
    result = molecule_find_topology(t);
  else if (result == SUCCESS)
    result = take_bonds(t, zmatrix, bonds);
  if (result == SUCCESS && zmatrix == NULL)
    result = set_zmatrix(t);
  return result == SUCCESS ? set_species(t) : result;
}

/* ---- the flow ---------------------------------------------------------------------------------
 */

int molecule_keep_labels(const training *t) {
  const topology *top = &t->topology;
  char *text = cli_alloc(top->N + 1, TOPOLOGY_LABEL);
  enf_status status = ENF_OK;
  if (text == NULL)
    return FAILURE;
  for (size_t i = 0, used = 0; i < top->N && top->label != NULL; i++)
    used += (size_t)sprintf(text + used, i > 0 ? " %s" : "%s", top->label[i]);
  if (top->label != NULL)
    status = enf_meta_set(t->c->ctx, t->flow, "labels", text);
  free(text);
  if (status == ENF_OK && t->angstrom > 0)
    status = enf_meta_set(t->c->ctx, t->flow, "unit", unit_name(t->angstrom));
  return status == ENF_OK ? SUCCESS : cli_fail_status(t->c, status);
}

int molecule_fix_centres(training *t) {
  const dataset *rows = rows_of(t);
  if (rows->n == 0)
    return cli_usage(t->c, "a molecule that is trained from its energy alone needs --start FILE: "
                           "a frame for its bond lengths and angles");
  const enf_status status = enf_prior_fit(t->c->ctx, t->flow, rows->n, rows->x);
  if (status != ENF_OK)
    return cli_fail("%s: %s", rows_path(t), enf_ctx_errmsg(t->c->ctx));
  const int result = molecule_keep_labels(t);
  return result == SUCCESS ? rings_keep(t->c, t->flow, &t->topology, rows) : result;
}

int molecule_check_data(training *t) {
  const cli *c = t->c;
  const char *name = cli_has(c, FLAG_INIT) ? c->value[FLAG_INIT] : c->value[FLAG_OUTPUT];
  int result = SUCCESS;
  if (t->data.n > 0)
    result = frames_keep_good(c, t->flow, name, &t->data, c->operand[0]);
  if (result == SUCCESS && t->watch.data.n > 0)
    result = frames_fit_flow(c, t->flow, name, &t->watch.data, c->value[FLAG_VALIDATION]);
  return result;
}
