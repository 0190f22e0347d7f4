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

int unit_read(const cli *c, double *angstrom) {
  const char *name = c->value[FLAG_UNIT];
  *angstrom = 0;
  for (size_t i = 0; i < UNITS && name != NULL; i++)
    if (strcmp(name, units[i].name) == 0)
      *angstrom = units[i].angstrom;
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

static int take_elements(const char *path, const dataset *data, topology *t) {
  const char *at = data->labels;
  for (size_t i = 0; i < data->N; i++, at += strcspn(at, " ")) {
    at += strspn(at, " ");
    snprintf(t->label[i], TOPOLOGY_LABEL, "%.*s", (int)strcspn(at, " "), at);
    t->element[i] = element_of(t->label[i]);
    if (t->element[i] < 1)
      return cli_fail("%s: the label '%s' of atom %zu names no element, so its bonds are not known",
                      path, t->label[i], i);
  }
  return SUCCESS;
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

static bool all_elements(const char *labels, topology *t) {
  for (size_t i = 0; i < t->N; i++, labels += strcspn(labels, " ")) {
    labels += strspn(labels, " ");
    snprintf(t->label[i], TOPOLOGY_LABEL, "%.*s", (int)strcspn(labels, " "), labels);
    t->element[i] = element_of(t->label[i]);
    if (t->element[i] < 1)
      return false;
  }
  return true;
}

int topology_of_text(const cli *c, const char *text, size_t N, const dataset *rows, topology *t) {
  const size_t most = text != NULL ? strlen(text) / 3 + 1 : 1;
  *t = (topology){.N = N, .angstrom = 1};
  int result = topology_alloc(t, N, most) ? SUCCESS : FAILURE;
  if (result == SUCCESS)
    result = pairs_read(c, "model.bonds", text, most, t->bond, &t->bonds);
  if (result == SUCCESS && (rows->labels == NULL || !all_elements(rows->labels, t))) {
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
  if (result == SUCCESS)
    result = take_elements(path, data, t);
  if (result == SUCCESS) {
    memcpy(t->x, data->x, 3 * data->N * sizeof *t->x);
    t->N = data->N;
    result = find_bonds(c, path, t);
  }
  if (result != SUCCESS)
    topology_free(t);
  return result;
}
