/* atoms.c -- whether the atoms of a file are those that a flow, or another file, has in that order.

   A flow knows atoms by their place. In another order the density of an oxygen is asked for at a
   hydrogen, which is a number like any other: so the labels of a file are compared wherever it
   meets a flow. Kinds may be finer than labels (two carbons of a chain that never change places),
   so what must hold is that atoms of one kind have one label. */
#include "atoms.h"
#include "bonds.h"
#include "frames.h"
#include "hands.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *at;
  int length;
} word;

/* Word number i of a list, from 0; empty behind its end. */
static word word_at(const char *list, size_t i) {
  word w = {list, 0};
  for (;; i--) {
    w.at += strspn(w.at, " \t");
    w.length = (int)strcspn(w.at, " \t");
    if (i == 0)
      return w;
    w.at += w.length;
  }
}

static bool same(word a, word b) {
  return a.length == b.length && strncmp(a.at, b.at, (size_t)a.length) == 0;
}

/* Kinds are numbers or symbols of elements. */
static bool is_element(word kind) { return kind.length > 0 && isalpha((unsigned char)*kind.at); }

static char *kinds_of(const enf_flow *flow) { return flow_text(flow, "model.species"); }

/* Kinds that are elements say which; finer ones have them in the file. */
static char *elements_of(const enf_flow *flow) {
  char *kinds = kinds_of(flow);
  if (kinds == NULL || is_element(word_at(kinds, 0)))
    return kinds;
  free(kinds);
  return flow_meta(flow, "elements");
}

/* Number of the first atom of the kind of atom i; all atoms of an empty list are of one. */
static size_t first_alike(const char *kinds, size_t i) {
  size_t first = 0;
  while (!same(word_at(kinds, first), word_at(kinds, i)))
    first++;
  return first;
}

static int fit_kind(const char *kinds, const char *elements, const char *name, const dataset *data,
                    const char *path, size_t i) {
  const size_t first = first_alike(kinds, i);
  const word element = word_at(elements, i), label = word_at(data->labels, i),
             other = word_at(data->labels, first);
  if (is_element(element) && !same(element, label))
    return cli_fail("%s: atom %zu is %.*s, which is %.*s for %s; are the atoms in another order?",
                    path, i + 1, label.length, label.at, element.length, element.at, name);
  if (same(label, other))
    return SUCCESS;
  return cli_fail(
      "%s: atom %zu is %.*s and atom %zu is %.*s, which are of one kind for %s; are the "
      "atoms in another order?",
      path, i + 1, label.length, label.at, first + 1, other.length, other.at, name);
}

/* from (N): which atom of the data takes each place of the flow. Whichever of like ones it is, the
   density is the same: all atoms of an element are of one kind. */
static int find_places(const char *kinds, const char *name, const dataset *data, const char *path,
                       size_t *from) {
  bool *taken = cli_alloc(data->N, sizeof *taken);
  int result = taken != NULL ? SUCCESS : FAILURE;
  for (size_t i = 0; i < data->N && result == SUCCESS; i++) {
    const word kind = word_at(kinds, i);
    size_t k = 0;
    while (k < data->N && (taken[k] || !same(word_at(data->labels, k), kind)))
      k++;
    if (!is_element(kind))
      result = cli_fail("--map-atoms needs elements as the kinds of a flow, not those of %s", name);
    else if (k == data->N)
      result = cli_fail("%s: there is no %.*s for place %zu of %s", path, kind.length, kind.at,
                        i + 1, name);
    else
      taken[from[i] = k] = true;
  }
  free(taken);
  return result;
}

static int map_atoms(const char *kinds, const char *name, dataset *data, const char *path) {
  const size_t D = data->D, width = data->N * D;
  size_t *from = cli_alloc(data->N, sizeof *from);
  double *row = cli_alloc(width, sizeof *row);
  int result = from != NULL && row != NULL ? SUCCESS : FAILURE;
  if (result == SUCCESS)
    result = find_places(kinds, name, data, path, from);
  for (size_t n = 0; n < data->n && result == SUCCESS; n++) {
    double *x = data->x + n * width;
    memcpy(row, x, width * sizeof *row);
    for (size_t i = 0; i < data->N; i++)
      memcpy(x + i * D, row + from[i] * D, D * sizeof *row);
  }
  free(from);
  free(row);
  return result;
}

static int fit_kinds(const enf_flow *flow, const char *kinds, const char *name,
                     const dataset *data, const char *path) {
  char *elements = elements_of(flow);
  int result = elements != NULL ? SUCCESS : FAILURE;
  for (size_t i = 0; i < data->N && result == SUCCESS; i++)
    result = fit_kind(kinds, elements, name, data, path, i);
  free(elements);
  return result;
}

static int fit_labels(const enf_flow *flow, const char *name, dataset *data, const char *path,
                      bool maps) {
  char *kinds = kinds_of(flow);
  if (kinds == NULL)
    return FAILURE;
  const int result =
      maps ? map_atoms(kinds, name, data, path) : fit_kinds(flow, kinds, name, data, path);
  free(kinds);
  return result;
}

int atoms_fit_flow(const cli *c, const enf_flow *flow, const char *name, dataset *data,
                   const char *path) {
  const bool maps = cli_has(c, FLAG_MAP_ATOMS);
  int result = SUCCESS;
  if (data->labels == NULL && maps)
    return cli_fail("%s has no labels for --map-atoms", path);
  if (data->labels != NULL)
    result = fit_labels(flow, name, data, path, maps);
  if (result == SUCCESS)
    result = frames_fit_size(c, flow, name, data, path);
  if (result == SUCCESS)
    result = bonds_fit_flow(c, flow, name, data, path);
  if (result == SUCCESS && c->command->bit != TRAIN) /* which leaves other frames out */
    result = frames_fit_flow(c, flow, name, data, path);
  return result == SUCCESS && c->command->bit != TRAIN ? hands_fit_flow(c, flow, name, data, path)
                                                       : result;
}

int atoms_fit_file(const dataset *known, const char *name, const dataset *data, const char *path) {
  if (known->labels == NULL || data->labels == NULL)
    return SUCCESS;
  for (size_t i = 0; i < data->N; i++) {
    const word label = word_at(data->labels, i), wanted = word_at(known->labels, i);
    if (!same(label, wanted))
      return cli_fail("%s: atom %zu is %.*s, which is %.*s in %s; are the atoms in another order?",
                      path, i + 1, label.length, label.at, wanted.length, wanted.at, name);
  }
  return SUCCESS;
}

int atoms_label(const enf_flow *flow, dataset *samples) {
  size_t used = 0;
  char *elements = elements_of(flow);
  if (elements == NULL)
    return FAILURE;
  for (size_t i = 0; i < samples->N; i++) {
    const word element = word_at(elements, i);
    if (!is_element(element)) {
      free(elements);
      return SUCCESS;
    }
    memmove(elements + used, element.at, (size_t)element.length); /* one blank between words */
    used += (size_t)element.length + 1;
    elements[used - 1] = i + 1 < samples->N ? ' ' : '\0';
  }
  samples->labels = elements;
  return SUCCESS;
}
