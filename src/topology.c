/* topology.c -- a molecule's atoms and bonds from labelled frames, and units of length. */
#include "topology.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *name;
  double angstrom;
} units[] = {{"angstrom", 1}, {"nm", 10}, {"bohr", 0.529177210544}};
enum { UNITS = sizeof units / sizeof units[0] };

/* ---- units --------------------------------------------------------------------------------- */

double unit_named(const char *name) {
  for (size_t i = 0; i < UNITS; i++)
    if (strcmp(name, units[i].name) == 0)
      return units[i].angstrom;
  return 0;
}

int unit_read(const cli *c, double *angstrom) {
  const char *name = c->value[FLAG_UNIT];
  *angstrom = name != NULL ? unit_named(name) : 0;
  if (name != NULL && *angstrom == 0)
    return cli_usage(c, "--unit is angstrom, nm or bohr, not '%s'", name);
  return SUCCESS;
}

const char *unit_name(double angstrom) {
  for (size_t i = 0; i < UNITS; i++)
    if (fabs(log(angstrom / units[i].angstrom)) < 0.15)
      return units[i].name;
  return NULL;
}

/* ---- frames -------------------------------------------------------------------------------- */

bool topology_alloc(topology *t, size_t N, size_t bonds) {
  t->element = cli_alloc(N, sizeof *t->element);
  t->label = cli_alloc(N, sizeof *t->label);
  t->x = cli_alloc(3 * N, sizeof *t->x);
  t->bond = cli_alloc(bonds, sizeof *t->bond);
  return t->element != NULL && t->label != NULL && t->x != NULL && t->bond != NULL;
}

void topology_free(topology *t) {
  free(t->element);
  free(t->label);
  free(t->x);
  free(t->bond);
  *t = (topology){0};
}

void element_symbol(int32_t number, char symbol[3]) {
  for (char first = 'A'; first <= 'Z'; first++)
    for (char second = 'a' - 1; second <= 'z'; second++) {
      const char name[3] = {first, second < 'a' ? '\0' : second, '\0'};
      if (enf_element_number(name) == number)
        memcpy(symbol, name, sizeof name);
    }
}

/* A symbol, or an atomic number. */
static int32_t element_of(const char *label) {
  return isdigit((unsigned char)*label) ? (int32_t)strtol(label, NULL, 10)
                                        : enf_element_number(label);
}

/* The first of N atoms whose label names no element; N: there is none. */
static size_t take_elements(const char *labels, size_t N, topology *t) {
  for (size_t i = 0; i < N; i++, labels += strcspn(labels, " ")) {
    labels += strspn(labels, " ");
    snprintf(t->label[i], TOPOLOGY_LABEL, "%.*s", (int)strcspn(labels, " "), labels);
    t->element[i] = element_of(t->label[i]);
    if (t->element[i] < 1)
      return i;
  }
  return N;
}

int pairs_read(const cli *c, const char *what, const char *text, size_t most, size_t (*pair)[2],
               size_t *count) {
  static const char between[] = " ,\t\r\n";
  *count = 0;
  for (const char *at = text; at != NULL && *(at += strspn(at, between)) != '\0';) {
    int length = 0;
    if (*count == most ||
        sscanf(at, "%5zu-%5zu%n", &pair[*count][0], &pair[*count][1], &length) != 2 ||
        (at[length] != '\0' && strchr(between, at[length]) == NULL))
      return cli_usage(c, "%s takes bonds as atoms' numbers from 0, 5-7,7-9, not '%s'", what, text);
    ++*count;
    at += length;
  }
  return SUCCESS;
}

int topology_of_text(const cli *c, const char *text, size_t N, const dataset *rows, topology *t) {
  const size_t most = text != NULL ? strlen(text) / 3 + 1 : 1;
  *t = (topology){.N = N, .angstrom = 1};
  int result = topology_alloc(t, N, most) ? SUCCESS : FAILURE;
  if (result == SUCCESS)
    result = pairs_read(c, "model.bonds", text, most, t->bond, &t->bonds);
  if (result == SUCCESS && (rows->labels == NULL || take_elements(rows->labels, N, t) < N)) {
    free(t->element), t->element = NULL;
    free(t->label), t->label = NULL;
  }
  if (result != SUCCESS)
    topology_free(t);
  return result;
}

/* In angstrom all atoms of a molecule in nm are bonded; of one in bohr few are. */
static int check_bonds(const char *path, const topology *t) {
  if (t->bonds <= 2 * t->N)
    return SUCCESS;
  return cli_fail("%s: %zu atoms have %zu bonds if lengths are in %s; is --unit right?", path, t->N,
                  t->bonds, unit_name(t->angstrom));
}

static int find_bonds(cli *c, const char *path, topology *t) {
  const size_t most = t->N * (t->N - 1) / 2;
  const enf_status status =
      enf_bonds_from_frame(c->ctx, t->N, t->element, t->x, t->angstrom, most, t->bond, &t->bonds);
  return status == ENF_OK ? check_bonds(path, t) : cli_fail("%s: %s", path, enf_ctx_errmsg(c->ctx));
}

int topology_of_frames(cli *c, const char *path, const dataset *data, topology *t) {
  *t = (topology){.angstrom = 1};
  double unit;
  if (data->labels == NULL)
    return cli_fail("%s does not name the elements of its atoms: --topology FILE does", path);
  if (data->D != 3 || data->N < 3)
    return cli_fail("%s: a molecule has 3 atoms or more in 3 dimensions, not %zu in %zu", path,
                    data->N, data->D);
  int result = unit_read(c, &unit);
  if (result != SUCCESS)
    return result;
  if (unit > 0)
    t->angstrom = unit;
  result = topology_alloc(t, data->N, data->N * (data->N - 1) / 2) ? SUCCESS : FAILURE;
  const size_t odd = result == SUCCESS ? take_elements(data->labels, data->N, t) : data->N;
  if (odd < data->N)
    result = cli_fail("%s: the label '%s' of atom %zu names no element, so its bonds are not known",
                      path, t->label[odd], odd);
  if (result == SUCCESS) {
    memcpy(t->x, data->x, 3 * data->N * sizeof *t->x);
    t->N = data->N;
    result = find_bonds(c, path, t);
  }
  if (result != SUCCESS)
    topology_free(t);
  return result;
}

/* ---- a molecule, if there is one ------------------------------------------------------------- */

/* Do bonds lead from atom 0 to every other? */
static bool is_whole(const topology *t, bool *reached) {
  size_t count = 1, before = 0;
  memset(reached, 0, t->N * sizeof *reached);
  for (reached[0] = true; count > before;) {
    before = count;
    for (size_t k = 0; k < t->bonds; k++) {
      const size_t i = t->bond[k][0], j = t->bond[k][1];
      count += reached[i] != reached[j];
      reached[i] = reached[j] = reached[i] || reached[j];
    }
  }
  return count == t->N;
}

/* Every hydrogen has one bond, and there are no more than two for every atom. */
static bool is_chemistry(const topology *t) {
  const int32_t hydrogen = 1;
  if (t->bonds > 2 * t->N)
    return false;
  for (size_t i = 0; i < t->N; i++) {
    size_t own = 0;
    for (size_t k = 0; k < t->bonds && t->element[i] == hydrogen; k++)
      own += t->bond[k][0] == i || t->bond[k][1] == i;
    if (own > 1)
      return false;
  }
  return true;
}

/* The number of bonds in this unit; 0: they make no molecule. */
static size_t bonds_in(cli *c, topology *t, double angstrom, bool *reached) {
  const size_t most = t->N * (t->N - 1) / 2;
  const enf_status status =
      enf_bonds_from_frame(c->ctx, t->N, t->element, t->x, angstrom, most, t->bond, &t->bonds);
  return status == ENF_OK && is_chemistry(t) && is_whole(t, reached) ? t->bonds : 0;
}

/* Too long a unit makes atoms bonded that are not: of those that fit, that with the fewest bonds. */
static void find_unit(cli *c, double asked, topology *t, bool *reached) {
  size_t fewest = SIZE_MAX;
  for (size_t i = 0; i < UNITS; i++) {
    if (asked > 0 && units[i].angstrom != asked)
      continue;
    const size_t bonds = bonds_in(c, t, units[i].angstrom, reached);
    if (bonds > 0 && bonds < fewest)
      fewest = bonds, t->angstrom = units[i].angstrom;
  }
  if (fewest < SIZE_MAX)
    bonds_in(c, t, t->angstrom, reached);
  else
    topology_free(t);
}

int topology_guess(cli *c, const dataset *data, topology *t) {
  double asked;
  const int result = unit_read(c, &asked);
  *t = (topology){.angstrom = 1};
  if (result != SUCCESS || data->labels == NULL || data->D != 3 || data->N < 3)
    return result;
  bool *reached = cli_alloc(data->N, sizeof *reached);
  const bool room = topology_alloc(t, data->N, data->N * (data->N - 1) / 2) && reached != NULL;
  t->N = data->N;
  if (room)
    memcpy(t->x, data->x, 3 * data->N * sizeof *t->x);
  if (room && take_elements(data->labels, t->N, t) == t->N)
    find_unit(c, asked, t, reached);
  else
    topology_free(t);
  free(reached);
  return room ? SUCCESS : FAILURE;
}
