/* pdb.c -- atoms and bonds from the first model of a PDB file (wwPDB format 3.30): the columns of
   ATOM, HETATM and CONECT records, up to END or ENDMDL. What is no such file is refused with the
   line. */
#include "topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 256, FIELD = 12, MOST_ATOMS = 4096, MOST_BONDS = 4 * MOST_ATOMS };

typedef struct {
  cli *c;
  const char *path;
  size_t number; /* of the line */
  char text[LINE];
  long *serial; /* (N) the file's own numbers of the atoms */
  topology *t;
} reader;

static int refuse(const reader *r, const char *reason) {
  return cli_fail("%s, line %zu: %s", r->path, r->number, reason);
}

/* Columns first ... last of the line, from 1 and at most 11, without blanks around. */
static const char *columns(const reader *r, size_t first, size_t last, char out[FIELD]) {
  size_t begin = first - 1, end = strlen(r->text) < last ? strlen(r->text) : last;
  while (begin < end && r->text[begin] == ' ')
    begin++;
  while (end > begin && r->text[end - 1] == ' ')
    end--;
  const size_t length = end > begin ? end - begin : 0;
  memcpy(out, r->text + begin, length);
  out[length] = '\0';
  return out;
}

/* ---- atoms --------------------------------------------------------------------------------- */

static int32_t element_of(char first, char second) {
  const char lower = second >= 'A' && second <= 'Z' ? (char)(second - 'A' + 'a') : second;
  const char symbol[3] = {first, lower == ' ' ? '\0' : lower, '\0'};
  return enf_element_number(symbol);
}

/* By columns 77-78, or where they are blank by the name: its element ends in column 14, but four
   characters that begin with H are a hydrogen. */
static int32_t read_element(const reader *r) {
  char symbol[FIELD], name[FIELD];
  columns(r, 77, 78, symbol);
  columns(r, 13, 16, name);
  if (symbol[0] != '\0')
    return element_of(symbol[0], symbol[1] != '\0' ? symbol[1] : ' ');
  const char left = r->text[12], right = r->text[13];
  if (left == ' ' || (left >= '0' && left <= '9'))
    return element_of(right, ' ');
  return strlen(name) == 4 && left == 'H' ? 1 : element_of(left, right);
}

static bool read_position(const reader *r, double x[3]) {
  char text[FIELD], *end;
  for (size_t d = 0; d < 3; d++) {
    columns(r, 31 + 8 * d, 38 + 8 * d, text);
    x[d] = strtod(text, &end);
    if (end == text || *end != '\0')
      return false;
  }
  return true;
}

static int read_atom(reader *r) {
  topology *t = r->t;
  char name[FIELD], residue[FIELD], number[FIELD], serial[FIELD];
  if (strlen(r->text) < 54 || !read_position(r, t->x + 3 * t->N))
    return refuse(r, "an atom's position is three numbers in columns 31 to 54");
  if (r->text[16] != ' ' && r->text[16] != 'A')
    return SUCCESS; /* another location of an atom */
  if (t->N == MOST_ATOMS)
    return refuse(r, "there are more than 4096 atoms");
  t->element[t->N] = read_element(r);
  if (t->element[t->N] < 1)
    return refuse(r, "columns 77 to 78 name no element, and the atom's name does not tell it");
  columns(r, 13, 16, name), columns(r, 18, 20, residue), columns(r, 23, 26, number);
  snprintf(t->label[t->N], TOPOLOGY_LABEL, "%.3s%.4s:%.4s", residue, number, name);
  for (char *blank = t->label[t->N]; (blank = strchr(blank, ' ')) != NULL;)
    *blank = '_';
  r->serial[t->N++] = strtol(columns(r, 7, 11, serial), NULL, 10);
  return SUCCESS;
}

/* ---- bonds --------------------------------------------------------------------------------- */

static size_t atom_of(const reader *r, long serial) {
  for (size_t i = 0; i < r->t->N; i++)
    if (r->serial[i] == serial)
      return i;
  return r->t->N;
}

static void add_bond(topology *t, size_t a, size_t b) {
  const size_t low = a < b ? a : b, high = a < b ? b : a;
  for (size_t k = 0; k < t->bonds; k++)
    if (t->bond[k][0] == low && t->bond[k][1] == high)
      return;
  if (low == high || t->bonds == MOST_BONDS)
    return;
  t->bond[t->bonds][0] = low, t->bond[t->bonds++][1] = high;
}

/* A bond stands there from both of its ends, and twice or three times if it is one. */
static int read_bonds(reader *r) {
  char text[FIELD];
  const size_t from = atom_of(r, strtol(columns(r, 7, 11, text), NULL, 10));
  for (size_t first = 12; first <= 27; first += 5) {
    columns(r, first, first + 4, text);
    if (text[0] == '\0')
      continue;
    const size_t to = atom_of(r, strtol(text, NULL, 10));
    if (from == r->t->N || to == r->t->N)
      return refuse(r, "CONECT names an atom that is not there");
    add_bond(r->t, from, to);
  }
  return SUCCESS;
}

/* Do the bonds reach every atom from atom 0? */
static bool is_connected(const topology *t) {
  bool reached[MOST_ATOMS] = {true};
  size_t count = 1, before = 0;
  while (count > before) {
    before = count;
    for (size_t k = 0; k < t->bonds; k++) {
      bool *a = &reached[t->bond[k][0]], *b = &reached[t->bond[k][1]];
      count += *a != *b;
      *a = *b = *a || *b;
    }
  }
  return count == t->N;
}

static int find_bonds(cli *c, topology *t) {
  if (is_connected(t))
    return SUCCESS;
  const enf_status status =
      enf_bonds_from_frame(c->ctx, t->N, t->element, t->x, 1, MOST_BONDS, t->bond, &t->bonds);
  if (status != ENF_OK)
    return cli_fail_status(c, status);
  return t->bonds <= MOST_BONDS ? SUCCESS : cli_fail("%zu bonds are too many", t->bonds);
}

/* ---- the file ------------------------------------------------------------------------------ */

static bool begins(const reader *r, const char *record) {
  return strncmp(r->text, record, strlen(record)) == 0;
}

/* CONECT records stand behind the last model. */
static int read_lines(reader *r, FILE *file) {
  bool atoms = true;
  int result = SUCCESS;
  while (result == SUCCESS && fgets(r->text, LINE, file) != NULL) {
    r->number++;
    r->text[strcspn(r->text, "\r\n")] = '\0';
    if (atoms && (begins(r, "ATOM  ") || begins(r, "HETATM")))
      result = read_atom(r);
    else if (begins(r, "CONECT"))
      result = read_bonds(r);
    else if (begins(r, "ENDMDL"))
      atoms = false;
  }
  if (result == SUCCESS && r->t->N == 0)
    return cli_fail("%s: there are no ATOM or HETATM records, so no PDB file", r->path);
  return result;
}

int pdb_read(cli *c, const char *path, topology *t) {
  *t = (topology){.angstrom = 1};
  reader r = {.c = c, .path = path, .t = t};
  FILE *file = fopen(path, "r");
  if (file == NULL)
    return cli_fail("cannot read %s", path);
  r.serial = cli_alloc(MOST_ATOMS + 1, sizeof *r.serial);
  int result = r.serial != NULL && topology_alloc(t, MOST_ATOMS + 1, MOST_BONDS)
                   ? read_lines(&r, file)
                   : FAILURE;
  fclose(file);
  free(r.serial);
  if (result == SUCCESS)
    result = find_bonds(c, t);
  if (result != SUCCESS)
    topology_free(t);
  return result;
}
