/* zmatrix.c -- a Z-matrix as text, read and printed.

     "6 8 14; 4 6 8 14 t; 10 8 6 14 i; ..."

   The root a b c has the distances ab and bc and the angle abc. Every other atom has a row: the
   atom, three references a, b, c placed before it, and the kind of its dihedral (zmatrix.h). It
   has the distance atom-a, the angle atom-a-b and the dihedral atom-a-b-c. So N atoms have N-1
   distances, N-2 angles and N-3 dihedrals, each list in the order of the rows.

   Every atom is placed once: so a list with more rows than atoms places one twice. */
#include "space/zmatrix.h"
#include <string.h>

enum { QUOTED = 60, LONGEST_REASON = 200 };

/* Where reading is. */
typedef struct {
  enf_ctx *ctx;
  size_t atoms;
  bool *placed;     /* (atoms) */
  const char *text; /* of the row that is being read */
  size_t row;       /* its number from 1; 0: the root */
  const char *at;
} reader;

/* The sentence about the row. */
static enf_status refuse(const reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static enf_status refuse(const reader *r, const char *format, ...) {
  char reason[LONGEST_REASON], name[32] = "the root";
  va_list args;
  va_start(args, format);
  enf__vformat(reason, sizeof reason, format, args);
  va_end(args);
  if (r->row)
    enf__format(name, sizeof name, "row %zu", r->row);
  const size_t length = strcspn(r->text, ";");
  return enf__fail(r->ctx, ENF_ERR_OPTION, "model.zmatrix, %s (\"%.*s\"): %s", name,
                   (int)(length < QUOTED ? length : QUOTED), r->text, reason);
}

static void skip_blanks(reader *r) { r->at += strspn(r->at, " \t\r\n"); }

static enf_status read_atom(reader *r, int32_t *atom) {
  skip_blanks(r);
  const size_t digits = strspn(r->at, "0123456789");
  if (digits == 0 || !strchr(" \t\r\n;", r->at[digits]))
    return refuse(r, r->row ? "a row is an atom, three references and t or i, as in 4 6 8 14 t"
                            : "the root is three atoms, as in 6 8 14");
  size_t number = 0;
  for (size_t i = 0; i < digits && number < r->atoms; i++)
    number = 10 * number + (size_t)(r->at[i] - '0');
  if (number >= r->atoms)
    return refuse(r, "there is no atom %.*s: numbers are 0 to %zu",
                  (int)(digits < 20 ? digits : 20), r->at, r->atoms - 1);
  r->at += digits;
  *atom = (int32_t)number;
  return ENF_OK;
}

/* Nothing but blanks up to the next row. */
static enf_status end_row(reader *r) {
  skip_blanks(r);
  if (*r->at && *r->at != ';')
    return refuse(r, "\"%.*s\" is left over", (int)strnlen(r->at, 10), r->at);
  r->at += *r->at == ';';
  skip_blanks(r);
  return ENF_OK;
}

static enf_status place(reader *r, int32_t atom) {
  if (r->placed[atom])
    return refuse(r, "atom %d is there twice", (int)atom);
  r->placed[atom] = true;
  return ENF_OK;
}

static enf_status read_root(reader *r, int32_t root[3]) {
  enf_status status = ENF_OK;
  for (size_t k = 0; k < 3; k++) {
    TRY(read_atom(r, &root[k]));
    TRY(place(r, root[k]));
  }
  TRY(end_row(r));
out:
  return status;
}

static enf_status check_references(const reader *r, const enf__zrow *row) {
  const int32_t reference[3] = {row->a, row->b, row->c};
  for (size_t k = 0; k < 3; k++) {
    if (!r->placed[reference[k]])
      return refuse(r, "its reference %d is not placed before it", (int)reference[k]);
    if (reference[k] == reference[(k + 1) % 3])
      return refuse(r, "its reference %d is given twice", (int)reference[k]);
  }
  return ENF_OK;
}

static enf_status read_row(reader *r, enf__zrow *out) {
  enf_status status = ENF_OK;
  enf__zrow row = {0};
  TRY(read_atom(r, &row.atom));
  TRY(read_atom(r, &row.a));
  TRY(read_atom(r, &row.b));
  TRY(read_atom(r, &row.c));
  skip_blanks(r);
  if (*r->at != ENF__TORSION && *r->at != ENF__IMPROPER)
    TRY(refuse(r, "it ends with neither t (torsion) nor i (improper or stiff dihedral)"));
  row.kind = *r->at++;
  TRY(end_row(r));
  TRY(check_references(r, &row));
  TRY(place(r, row.atom));
  *out = row;
out:
  return status;
}

static enf_status check_complete(const reader *r) {
  for (size_t i = 0; i < r->atoms; i++)
    if (!r->placed[i])
      return enf__fail(r->ctx, ENF_ERR_OPTION,
                       "model.zmatrix places %zu of %zu atoms: atom %zu is missing", r->row + 2,
                       r->atoms, i);
  return ENF_OK;
}

static enf_status read_rows(reader *r, enf__zmatrix *z) {
  enf_status status = ENF_OK;
  TRY(read_root(r, z->root));
  /* Once all atoms are placed another row is refused, so there is room. */
  for (r->row = 1; *r->at; r->row++) {
    r->text = r->at;
    enf__zrow row;
    TRY(read_row(r, &row));
    z->row[r->row - 1] = row;
  }
  TRY(check_complete(r));
out:
  return status;
}

enf_status enf__zmatrix_parse(enf_ctx *ctx, const enf_alloc *alloc, size_t atoms, const char *text,
                              enf__zmatrix *z) {
  enf_status status = ENF_OK;
  reader r = {.ctx = ctx, .atoms = atoms, .text = text, .at = text};
  *z = (enf__zmatrix){.atoms = atoms};
  if (atoms < 3)
    return enf__fail(
        ctx, ENF_ERR_OPTION,
        "a molecule in internal coordinates has 3 atoms or more, model.particles is %zu", atoms);
  z->row = enf__alloc_array(alloc, atoms - 3, sizeof *z->row);
  r.placed = enf__alloc_array(alloc, atoms, sizeof *r.placed);
  if (!z->row || !r.placed)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a Z-matrix of %zu atoms", atoms));
  memset(r.placed, 0, atoms * sizeof *r.placed);
  TRY(read_rows(&r, z));
out:
  enf__free(alloc, r.placed);
  if (status != ENF_OK)
    enf__zmatrix_free(alloc, z);
  return status;
}

size_t enf__zmatrix_print(const enf__zmatrix *z, char *out, size_t size) {
  char text[96];
  size_t used = 0;
  for (size_t k = 0; k + 2 < z->atoms; k++) {
    const enf__zrow *row = k ? &z->row[k - 1] : NULL;
    if (row)
      enf__format(text, sizeof text, "; %d %d %d %d %c", row->atom, row->a, row->b, row->c,
                  row->kind);
    else
      enf__format(text, sizeof text, "%d %d %d", z->root[0], z->root[1], z->root[2]);
    if (used < size)
      enf__format(out + used, size - used, "%s", text);
    used += strlen(text);
  }
  return used + 1;
}

void enf__zmatrix_free(const enf_alloc *alloc, enf__zmatrix *z) {
  enf__free(alloc, z->row);
  z->row = NULL;
}
