/* train_kinds.c -- what a training of particles makes of atoms: which are alike, the molecule's
   hand, and what a flow's file tells of both.

   Particles of one kind change places freely. Atoms of a molecule do not because they are of one
   element: only those may that hang on the same atom by their only bond (enf_kinds_from_bonds). So
   where the labels are elements and bonds make one molecule of the first row, bonds tell the kinds;
   else labels do. --kinds says which. */
#include "train_kinds.h"
#include "bonds.h"
#include "frames.h"
#include "train_molecule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool asked(const training *t, const char *word) {
  const char *kinds = t->c->value[FLAG_KINDS];
  return kinds != NULL && strcmp(kinds, word) == 0;
}

/* ---- what is told ---------------------------------------------------------------------------- */

/* "ALA2:CB", or element and number from 1: "C2". */
static void name_atom(const topology *top, size_t i, char *name, size_t size) {
  char symbol[3] = "";
  element_symbol(top->element[i], symbol);
  if (strcmp(symbol, top->label[i]) == 0)
    snprintf(name, size, "%s%zu", symbol, i + 1);
  else
    snprintf(name, size, "%s", top->label[i]);
}

/* The atom that a leaf hangs on; of others one of them. */
static size_t neighbour_of(const topology *top, size_t i) {
  for (size_t k = 0; k < top->bonds; k++)
    if (top->bond[k][0] == i || top->bond[k][1] == i)
      return top->bond[k][0] == i ? top->bond[k][1] : top->bond[k][0];
  return i;
}

static size_t count_kinds(size_t N, const int32_t *kind) {
  int32_t last = -1;
  for (size_t i = 0; i < N; i++)
    last = kind[i] > last ? kind[i] : last;
  return (size_t)(last + 1);
}

/* Of which kind i is the first: "3 hydrogens of C2 alike". */
static size_t print_group(const topology *top, const int32_t *kind, size_t i, bool first,
                          char *text, size_t size) {
  size_t alike = 0;
  char symbol[3] = "", on[TOPOLOGY_LABEL + 8];
  for (size_t k = 0; k < top->N; k++)
    alike += kind[k] == kind[i];
  if (alike < 2)
    return 0;
  element_symbol(top->element[i], symbol);
  name_atom(top, neighbour_of(top, i), on, sizeof on);
  return (size_t)snprintf(text, size, "%s%zu %s of %s alike", first ? ": " : ", ", alike,
                          strcmp(symbol, "H") == 0 ? "hydrogens" : symbol, on);
}

static int tell_kinds(const training *t, const int32_t *kind) {
  const topology *top = &t->topology;
  const size_t size = 64 * top->N;
  char *text = cli_alloc(size, 1);
  size_t used = 0, kinds = 0;
  if (text == NULL)
    return FAILURE;
  for (size_t i = 0; i < top->N; i++) {
    if (kind[i] != (int32_t)kinds)
      continue;
    kinds++;
    used += print_group(top, kind, i, used == 0, text + used, size - used);
  }
  if (!cli_has(t->c, FLAG_QUIET))
    cli_note("%zu atoms, %zu kinds%s%s", top->N, kinds, used > 0 ? text : ", none alike",
             cli_has(t->c, FLAG_KINDS) ? "" : " (by their bonds; --kinds elements goes by labels)");
  free(text);
  return SUCCESS;
}

/* species: NULL if all labels are alike. */
static void tell_species(const training *t, const char *species) {
  static const char hint[] =
      "like atoms are interchangeable; where they never change places, as the "
      "carbons of a chain, set model.species to tell them apart";
  if (cli_has(t->c, FLAG_QUIET))
    return;
  if (species != NULL)
    cli_note("model.species \"%s\", from the labels of %s: %s", species, t->c->operand[0], hint);
  else
    cli_note("all labels of %s are alike: %s", t->c->operand[0], hint);
}

/* How many bonds every atom has. */
static size_t *count_bonds(const topology *top) {
  size_t *own = cli_alloc(top->N, sizeof *own);
  for (size_t k = 0; k < top->bonds && own != NULL; k++) {
    own[top->bond[k][0]]++;
    own[top->bond[k][1]]++;
  }
  return own;
}

/* Two atoms that the flow is to exchange and bonds do not: leaves, if there are such. */
static bool find_exchange(const topology *top, const size_t *own, const int32_t *kind,
                          const int32_t *taken, size_t pair[2]) {
  bool found = false;
  for (size_t j = 0; j < top->N; j++)
    for (size_t i = 0; i < j; i++) {
      if (taken[i] != taken[j] || kind[i] == kind[j])
        continue;
      const bool leaves = own[i] == 1 && own[j] == 1;
      if (found && !leaves)
        continue;
      pair[0] = i, pair[1] = j;
      found = true;
      if (leaves)
        return true;
    }
  return found;
}

static void tell_exchange(const training *t, const int32_t *kind, const int32_t *taken) {
  const topology *top = &t->topology;
  char name[4][TOPOLOGY_LABEL + 8];
  size_t pair[2], *own = count_bonds(top);
  const bool found = own != NULL && find_exchange(top, own, kind, taken, pair);
  free(own);
  if (!found)
    return;
  for (int k = 0; k < 2; k++) {
    name_atom(top, pair[k], name[k], sizeof name[k]);
    name_atom(top, neighbour_of(top, pair[k]), name[k + 2], sizeof name[k + 2]);
  }
  cli_note("%s on %s and %s on %s are of one kind, so the flow lets them change places: no dynamics "
           "does that, and the energy is far higher; --kinds auto tells atoms apart by their bonds",
           name[0], name[2], name[1], name[3]);
}

/* ---- bonds ----------------------------------------------------------------------------------- */

static int find_bonds(training *t) {
  topology *top = &t->topology;
  if (cli_has(t->c, FLAG_TOPOLOGY)) {
    const int result = molecule_find_topology(t);
    top->angstrom = t->angstrom > 0 ? t->angstrom : top->angstrom;
    return result;
  }
  if (asked(t, "auto") && t->data.n == 0)
    return cli_usage(t->c, "--kinds auto goes by bonds: it needs DATA with elements, or --topology");
  if (asked(t, "auto"))
    return topology_of_frames(t->c, t->c->operand[0], &t->data, top);
  return topology_guess(t->c, &t->data, top);
}

static int kinds_by_bonds(const training *t, int32_t **kind) {
  const topology *top = &t->topology;
  *kind = cli_alloc(top->N, sizeof **kind);
  if (*kind == NULL)
    return FAILURE;
  const enf_status status = enf_kinds_from_bonds(t->c->ctx, top->N, top->element, top->bonds,
                                                 (const size_t(*)[2])top->bond, *kind);
  return status == ENF_OK ? SUCCESS : cli_fail_status(t->c, status);
}

/* Words of a list, numbered by their first appearance; false where there are not N. */
static bool number_words(const char *list, size_t N, int32_t *number) {
  const char **word = cli_alloc(N, sizeof *word);
  int32_t words = 0;
  size_t i = 0;
  for (; word != NULL && i < N && *(list += strspn(list, " ")) != '\0'; i++) {
    const size_t length = strcspn(list, " ");
    int32_t k = 0;
    while (k < words && (strncmp(word[k], list, length) != 0 || strcspn(word[k], " ") != length))
      k++;
    words += k == words;
    word[number[i] = k] = list;
    list += length;
  }
  free(word);
  return i == N;
}

static int compare_kinds(const training *t, const char *species, const int32_t *kind) {
  int32_t *taken = cli_alloc(t->N, sizeof *taken);
  if (taken == NULL)
    return FAILURE;
  if (number_words(species, t->N, taken))
    tell_exchange(t, kind, taken);
  free(taken);
  return SUCCESS;
}

/* ---- model.species --------------------------------------------------------------------------- */

static int take_numbers(training *t, const int32_t *kind) {
  const size_t size = 12 * t->N + 1;
  char *text = cli_alloc(size, 1);
  size_t used = 0;
  if (text == NULL)
    return FAILURE;
  for (size_t i = 0; i < t->N; i++)
    used += (size_t)snprintf(text + used, size - used, i > 0 ? " %d" : "%d", (int)kind[i]);
  const bool one = count_kinds(t->N, kind) < 2;
  const enf_status status = one ? ENF_OK : enf_opts_set(t->c->opts, "model.species", text);
  free(text);
  return status == ENF_OK ? tell_kinds(t, kind) : cli_usage(t->c, "%s", enf_opts_errmsg(t->c->opts));
}

/* Elements by name, so that no others can take their places later; other labels only say which
   atoms are alike. */
static int take_labels(training *t) {
  const char *labels = t->data.labels, *species = t->data.species;
  if (species != NULL && strpbrk(labels, "0123456789") == NULL &&
      enf_opts_set(t->c->opts, "model.species", labels) == ENF_OK)
    species = labels;
  tell_species(t, species);
  return species != NULL ? cli_set(t->c, "model.species", species) : SUCCESS;
}

int kinds_check_flags(const training *t) {
  const char *space = cli_setting(t->c, "model.space");
  if (!cli_has(t->c, FLAG_KINDS))
    return SUCCESS;
  if (t->flow != NULL)
    return cli_usage(t->c, "the flow has its kinds: --kinds is for new ones");
  if (!asked(t, "auto") && !asked(t, "elements"))
    return cli_usage(t->c, "--kinds is auto or elements, not '%s'", t->c->value[FLAG_KINDS]);
  if (space != NULL && strcmp(space, "particles") != 0)
    return cli_usage(t->c, "--kinds is for flows of particles, not for model.space %s", space);
  if (cli_setting(t->c, "model.species") != NULL)
    return cli_usage(t->c, "--kinds finds model.species, which is set: give one of them");
  return SUCCESS;
}

/* Bonds with nothing but one label say nothing that is not asked for: a cluster of atoms has them. */
static bool bonds_decide(const training *t) {
  return t->topology.N > 0 && !asked(t, "elements") &&
         (asked(t, "auto") || t->data.species != NULL);
}

static int choose(training *t, const int32_t *kind) {
  const char *species = cli_setting(t->c, "model.species");
  if (species == NULL && kind != NULL && bonds_decide(t))
    return take_numbers(t, kind);
  if (species == NULL && t->data.labels == NULL)
    return SUCCESS;
  const int result = species == NULL ? take_labels(t) : SUCCESS;
  if (result != SUCCESS || kind == NULL || (species == NULL && t->data.species == NULL))
    return result;
  return compare_kinds(t, species != NULL ? species : t->data.species, kind);
}

int kinds_set_options(training *t) {
  int32_t *kind = NULL;
  int result = find_bonds(t);
  if (result == SUCCESS && t->topology.N > 0) {
    t->angstrom = t->topology.angstrom;
    result = kinds_by_bonds(t, &kind);
  }
  if (result == SUCCESS)
    result = choose(t, kind);
  free(kind);
  if (result != SUCCESS)
    return result;
  return hands_of_topology(t->c, &t->topology, t->data.x, t->N, t->D, &t->hands);
}

/* ---- the flow's file ------------------------------------------------------------------------- */

static int keep_elements(const training *t) {
  const topology *top = &t->topology;
  char *text = cli_alloc(top->N + 1, 4);
  if (text == NULL)
    return FAILURE;
  for (size_t i = 0, used = 0; i < top->N; i++) {
    char symbol[3] = "";
    element_symbol(top->element[i], symbol);
    used += (size_t)sprintf(text + used, i > 0 ? " %s" : "%s", symbol);
  }
  const int result = flow_keep_meta(t->c, t->flow, "elements", text);
  free(text);
  return result;
}

static int keep_number(const training *t, const char *key, double value) {
  char text[32];
  snprintf(text, sizeof text, "%.9g", value);
  return flow_keep_meta(t->c, t->flow, key, text);
}

int kinds_keep(training *t) {
  const cli *c = t->c;
  double size = 0;
  int result = SUCCESS;
  if (t->data.n > 0 && flow_is_of_particles(t->flow) &&
      enf_data_scale(c->ctx, t->flow, t->data.n, t->data.x, &size, NULL) == ENF_OK)
    result = keep_number(t, "rms", size);
  if (result == SUCCESS)
    result = hands_keep(c, t->flow, &t->hands);
  if (result != SUCCESS || t->topology.N == 0)
    return result;
  result = keep_elements(t);
  if (result == SUCCESS)
    result = molecule_keep_labels(t);
  return result == SUCCESS ? bonds_keep(c, t->flow, &t->topology) : result;
}

int kinds_settle_data(training *t) {
  return hands_keep_good(t->c, &t->hands, &t->data, t->c->operand[0]);
}
