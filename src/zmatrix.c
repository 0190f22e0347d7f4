/* zmatrix.c -- the Z-matrix of a flow in internal coordinates, with its centres and widths, as a
   table.

   Of a distance the flow keeps m and w of ln r: r = e^m +- e^m w; of an angle those of
   ln(T/(pi-T)): T +- w T (pi-T)/pi; of a stiff dihedral its own. Torsions that turn freely have
   none. Names are those of proteins, where labels are "ALA2:CA". */
#include "zmatrix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double DEGREES = 180 / 3.14159265358979323846, PI = 3.14159265358979323846;

/* ---- reading ----------------------------------------------------------------------------------
 */

static char *text_of(const enf_flow *flow, const char *option) {
  size_t bytes = 1;
  enf_get_text(flow, option, NULL, 0, &bytes);
  char *text = cli_alloc(bytes, 1);
  if (text != NULL)
    enf_get_text(flow, option, text, bytes, NULL);
  return text;
}

static void read_rows(const char *text, zmatrix *z) {
  char *at = NULL;
  int root[3];
  for (int k = 0; k < 3; k++, text = at)
    root[k] = (int)strtol(text, &at, 10);
  z->row[0] = (zmatrix_row){.atom = root[0], .a = -1, .b = -1, .c = -1, .kind = '-'};
  z->row[1] = (zmatrix_row){.atom = root[1], .a = root[0], .b = -1, .c = -1, .kind = '-'};
  z->row[2] = (zmatrix_row){.atom = root[2], .a = root[1], .b = root[0], .c = -1, .kind = '-'};
  for (size_t i = 3; i < z->N; i++) {
    int *const number[] = {&z->row[i].atom, &z->row[i].a, &z->row[i].b, &z->row[i].c};
    text += strspn(text, "; \t\r\n");
    for (int k = 0; k < 4; k++, text = at)
      *number[k] = (int)strtol(text, &at, 10);
    text += strspn(text, " \t\r\n");
    z->row[i].kind = *text++;
  }
}

static void set_distance(zmatrix_row *row, double m, double w) {
  row->distance = exp(m);
  row->distance_width = w * exp(m);
}

static void set_angle(zmatrix_row *row, double m, double w) {
  const double T = PI / (1 + exp(-m));
  row->angle = T * DEGREES;
  row->angle_width = w * T * (PI - T) / PI * DEGREES;
}

/* center, width (3N-6): distances, angles, dihedrals, each in the order of the rows. */
static void set_numbers(zmatrix *z, const double *center, const double *width) {
  const size_t angles = z->N - 1, dihedrals = 2 * z->N - 3;
  for (size_t i = 1; i < z->N; i++)
    set_distance(&z->row[i], center[i - 1], width[i - 1]);
  for (size_t i = 2; i < z->N; i++)
    set_angle(&z->row[i], center[angles + i - 2], width[angles + i - 2]);
  for (size_t i = 3; i < z->N; i++) {
    z->row[i].dihedral = center[dihedrals + i - 3] * DEGREES;
    z->row[i].dihedral_width = width[dihedrals + i - 3] * DEGREES;
  }
}

static int read_numbers(const cli *c, const enf_flow *flow, zmatrix *z) {
  const size_t C = 3 * z->N - 6;
  double *numbers = cli_alloc(2 * C, sizeof *numbers);
  if (numbers == NULL)
    return FAILURE;
  enf_status status = enf_params_get(c->ctx, flow, "internal.center", numbers, C);
  if (status == ENF_OK)
    status = enf_params_get(c->ctx, flow, "internal.width", numbers + C, C);
  if (status == ENF_OK)
    set_numbers(z, numbers, numbers + C);
  free(numbers);
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}

static void split_labels(const char *text, zmatrix *z) {
  for (size_t i = 0; i < z->N && *text != '\0'; i++) {
    text += strspn(text, " ");
    snprintf(z->label[i], ZMATRIX_LABEL, "%.*s", (int)strcspn(text, " "), text);
    text += strcspn(text, " ");
  }
}

static int read_labels(const enf_flow *flow, zmatrix *z) {
  size_t bytes = 0;
  if (enf_meta_get(flow, "labels", NULL, 0, &bytes) == ENF_ERR_ARG)
    bytes = 0;
  char *text = bytes > 0 ? cli_alloc(bytes, 1) : text_of(flow, "model.species");
  if (text == NULL)
    return FAILURE;
  if (bytes > 0)
    enf_meta_get(flow, "labels", text, bytes, NULL);
  split_labels(text, z);
  free(text);
  if (enf_meta_get(flow, "unit", z->unit, sizeof z->unit, NULL) != ENF_OK)
    z->unit[0] = '\0';
  return SUCCESS;
}

/* ---- names ------------------------------------------------------------------------------------
 */

/* "*G": an atom of any element at this place of a side chain. */
static const struct {
  const char *first, *a, *b, *last;
  const char *name;
} torsions[] = {
    {"C", "N", "CA", "C", "phi"},     {"N", "CA", "C", "N", "psi"},
    {"CA", "C", "N", "CA", "omega"},  {"N", "CA", "CB", "*G", "chi1"},
    {"CA", "CB", "*G", "*D", "chi2"}, {"CB", "*G", "*D", "*E", "chi3"},
    {"*G", "*D", "*E", "*Z", "chi4"},
};

/* The name of an atom within its residue. */
static const char *atom_name(const zmatrix *z, int atom) {
  const char *colon = strchr(z->label[atom], ':');
  return colon != NULL ? colon + 1 : "";
}

/* "*G" fits CG, CG1, OG, SG: the atoms of one distance. */
static bool fits(const char *pattern, const char *name) {
  if (*pattern == '*')
    return strchr("CNOS", *name) != NULL && *name != '\0' && name[1] == pattern[1];
  return strcmp(pattern, name) == 0;
}

/* At an end a cap's CH3 is its CA. */
static bool ends(const char *pattern, const char *name) {
  return fits(pattern, strcmp(name, "CH3") == 0 ? "CA" : name);
}

/* Does the torsion p-q-r-s go by this name? Its ends may be others unless exact. */
static bool is_torsion(size_t k, const char *const of[4], bool exact) {
  return fits(torsions[k].a, of[1]) && fits(torsions[k].b, of[2]) &&
         (!exact || (ends(torsions[k].first, of[0]) && ends(torsions[k].last, of[3])));
}

static void find_name(const zmatrix *z, zmatrix_row *row) {
  const char *const way[4] = {atom_name(z, row->atom), atom_name(z, row->a), atom_name(z, row->b),
                              atom_name(z, row->c)};
  const char *const back[4] = {way[3], way[2], way[1], way[0]};
  for (int exact = 1; exact >= (row->kind == 'i'); exact--)
    for (size_t k = 0; k < sizeof torsions / sizeof torsions[0] && row->name[0] == '\0'; k++)
      if (is_torsion(k, way, exact) || is_torsion(k, back, exact))
        snprintf(row->name, ZMATRIX_NAME, exact ? "%s" : "%s'", torsions[k].name);
}

int zmatrix_read(const cli *c, const enf_flow *flow, zmatrix *z) {
  int64_t particles = 0;
  *z = (zmatrix){0};
  char *text = text_of(flow, "model.space");
  const bool is_molecule = text != NULL && strcmp(text, "molecule") == 0;
  free(text);
  if (!is_molecule)
    return text != NULL ? SUCCESS : FAILURE;
  text = text_of(flow, "model.zmatrix");
  enf_get_int(flow, "particles", &particles);
  z->N = (size_t)particles;
  z->row = cli_alloc(z->N, sizeof *z->row);
  z->label = cli_alloc(z->N, sizeof *z->label);
  int result = text != NULL && z->row != NULL && z->label != NULL ? SUCCESS : FAILURE;
  if (result == SUCCESS) {
    read_rows(text, z);
    result = read_numbers(c, flow, z);
  }
  if (result == SUCCESS)
    result = read_labels(flow, z);
  for (size_t i = 3; result == SUCCESS && i < z->N; i++)
    find_name(z, &z->row[i]);
  free(text);
  return result;
}

void zmatrix_free(zmatrix *z) {
  free(z->row);
  free(z->label);
}

/* ---- the table --------------------------------------------------------------------------------
 */

static void print_row(const zmatrix *z, const zmatrix_row *row) {
  printf("%5d %-12s", row->atom, z->label[row->atom]);
  if (row->a >= 0)
    printf(" %5d %9.4f +- %-7.4f", row->a, row->distance, row->distance_width);
  if (row->b >= 0)
    printf(" %5d %7.2f +- %-5.2f", row->b, row->angle, row->angle_width);
  if (row->c >= 0 && row->kind == 't')
    printf(" %5d    turns freely   %s", row->c, row->name);
  else if (row->c >= 0)
    printf(" %5d %8.2f +- %-6.2f %s", row->c, row->dihedral, row->dihedral_width, row->name);
  putchar('\n');
}

static void print_json_row(const zmatrix *z, const zmatrix_row *row, bool first) {
  const struct {
    const char *key;
    double value;
    bool given;
  } numbers[] = {{"distance", row->distance, row->a >= 0},
                 {"distance_width", row->distance_width, row->a >= 0},
                 {"angle", row->angle, row->b >= 0},
                 {"angle_width", row->angle_width, row->b >= 0},
                 {"dihedral", row->dihedral, row->kind == 'i'},
                 {"dihedral_width", row->dihedral_width, row->kind == 'i'}};
  printf("%s{\"atom\": %d, \"label\": ", first ? "" : ", ", row->atom);
  json_string(stdout, z->label[row->atom]);
  fputs(", \"references\": [", stdout);
  for (int k = 0; k < (row->a >= 0) + (row->b >= 0) + (row->c >= 0); k++)
    printf("%s%d", k > 0 ? ", " : "", k == 0 ? row->a : k == 1 ? row->b : row->c);
  printf("], \"kind\": \"%c\", \"name\": \"%s\"", row->kind, row->name);
  for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++)
    if (numbers[k].given) {
      printf(", \"%s\": ", numbers[k].key);
      json_real(stdout, numbers[k].value);
    }
  putchar('}');
}

/* A torsion with a name that did not turn in the rows will not in samples either. */
static void tell_stiff(const zmatrix *z) {
  for (size_t i = 3; i < z->N; i++)
    if (z->row[i].kind == 'i' && z->row[i].name[0] != '\0')
      printf("%s of atom %d is stiff: its other state, cis or trans, is out of reach "
             "(enf train --keep %d-%d)\n",
             z->row[i].name, z->row[i].atom, z->row[i].a, z->row[i].b);
}

void zmatrix_print(const report *r, const zmatrix *z) {
  if (r->json)
    fputs(", \"zmatrix\": [", stdout);
  else
    printf("\n%5s %-12s %5s   distance %-11s %5s  angle           %5s  dihedral (degrees)\n",
           "atom", "label", "to", z->unit, "with", "with");
  for (size_t i = 0; i < z->N; i++)
    if (r->json)
      print_json_row(z, &z->row[i], i == 0);
    else
      print_row(z, &z->row[i]);
  fputs(r->json ? "]" : "", stdout);
  if (!r->json)
    tell_stiff(z);
}
