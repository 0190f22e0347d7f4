/* extxyz.c -- XYZ and extended XYZ, read; extxyz_write.c writes it.

   A frame is a line with the number of atoms, a comment line, which says where the columns are and
   what the cell is (comment.c), and a line per atom. Every frame must have the same atoms in the
   same order. Labels are words, or symbols of the elements where the file has atomic numbers.

   Numbers are decimal, in '.' notation in every locale, with exponents after e or d. What is not a
   finite number is refused, but for frames of nothing but nan: so a sample that failed is written.
   Lines may end in CR LF. Errors carry the line's number. */
#include "io/atom.h"
#include <string.h>

typedef struct {
  enf__line line; /* the last one read */
  enf__span rest; /* what has not been read */
  size_t atoms, frames;
  enf__span *label; /* (atoms), of the first frame */
  enf_array *array;
} reader;

static enf__span take_line(reader *r) {
  r->line.number++;
  return enf__span_until(&r->rest, '\n');
}

/* Nothing but empty lines is left. */
static bool at_end(const reader *r) {
  enf__span rest = r->rest;
  while (rest.at < rest.end && (enf__is_space(*rest.at) || *rest.at == '\n'))
    rest.at++;
  return rest.at == rest.end;
}

/* ---- atoms ----------------------------------------------------------------------------------- */

static enf_status keep_label(reader *r, size_t atom, bool first, enf__span label) {
  if (first)
    r->label[atom] = label;
  if (enf__span_equal(label, r->label[atom]))
    return ENF_OK;
  return enf__line_refuse(&r->line, "atom %zu is '%.*s' and was '%.*s' in the first frame",
                          atom + 1, enf__span_shown(label), label.at,
                          enf__span_shown(r->label[atom]), r->label[atom].at);
}

static enf_status read_atom(reader *r, const enf__columns *c, size_t atom, bool first, double *x) {
  enf_status status = ENF_OK;
  const enf__span line = take_line(r);
  enf__span label;
  TRY(enf__atom_read(&r->line, c, atom, line, &label, x));
  TRY(enf__atom_agrees(&r->line, atom, x, x - 3 * atom));
  TRY(keep_label(r, atom, first, label));
out:
  return status;
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* Cells are kept from the first on that the file tells of; frames before it have none. */
static enf_status keep_cell(reader *r, size_t frame, const enf__cell *cell) {
  enf_status status = ENF_OK;
  enf_array *array = r->array;
  const bool any = cell->known || cell->periodic[0] || cell->periodic[1] || cell->periodic[2];
  if (!array->cell && !any)
    return ENF_OK;
  if (!array->cell)
    TRY(enf__array_reserve_cells(r->line.ctx, array));
  array->cell[frame] = *cell;
out:
  return status;
}

static enf_status read_frame(reader *r, size_t frame) {
  enf_status status = ENF_OK;
  enf__columns columns;
  enf__cell cell;
  size_t atoms;
  enf__span line = take_line(r);
  const enf__span word = enf__span_word(&line);
  if (!enf__span_size(word, &atoms) || enf__span_length(enf__span_word(&line)) > 0)
    return enf__line_refuse(&r->line, "the number of atoms expected, not '%.*s'",
                            enf__span_shown(word), word.at);
  if (atoms != r->atoms)
    return enf__line_refuse(&r->line, "%zu atoms, the first frame has %zu", atoms, r->atoms);
  if (r->rest.at == r->rest.end)
    return enf__line_refuse(&r->line, "the file ends without a comment line");
  line = take_line(r);
  TRY(enf__comment_read(&r->line, line, &columns, &cell));
  TRY(keep_cell(r, frame, &cell));
  for (size_t atom = 0; atom < atoms; atom++) {
    if (r->rest.at == r->rest.end)
      return enf__line_refuse(&r->line, "the file ends after %zu of %zu atoms", atom, atoms);
    TRY(read_atom(r, &columns, atom, frame == 0, r->array->data + 3 * (r->atoms * frame + atom)));
  }
out:
  return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* The first frame's atom count and how many frames, the last perhaps cut off, the file's lines can
   hold: the memory that is then asked for is bounded by the file's size. */
static enf_status count_frames(reader *r) {
  enf__span rest = r->rest, line = enf__span_until(&rest, '\n');
  const enf__span word = enf__span_word(&line);
  size_t lines = 1;
  r->line.number = 1;
  if (at_end(r))
    return enf__line_refuse(&r->line, "the file has no frame");
  if (!enf__span_size(word, &r->atoms))
    return enf__line_refuse(&r->line, "the number of atoms expected, not '%.*s'",
                            enf__span_shown(word), word.at);
  if (r->atoms == 0)
    return enf__line_refuse(&r->line, "a frame has no atoms");
  for (; rest.at < rest.end; lines++)
    enf__span_until(&rest, '\n');
  if (r->atoms >= lines)
    return enf__line_refuse(&r->line, "%zu atoms are announced, the file ends in line %zu",
                            r->atoms, lines);
  r->frames = (lines - 1) / (r->atoms + 2) + 1;
  r->line.number = 0;
  return ENF_OK;
}

/* Copy the first frame's labels out of the text, if there are any. */
static enf_status keep_labels(reader *r) {
  enf_array *array = r->array;
  size_t bytes = 0;
  for (size_t i = 0; i < r->atoms; i++)
    bytes += enf__span_length(r->label[i]) + 1;
  if (bytes == r->atoms)
    return ENF_OK;
  array->text = enf__alloc(&array->alloc, bytes);
  array->label = enf__alloc_array(&array->alloc, r->atoms, sizeof *array->label);
  if (!array->text || !array->label)
    return enf__fail(r->line.ctx, ENF_ERR_NOMEM, "no memory for %zu labels", r->atoms);
  char *next = array->text;
  for (size_t i = 0; i < r->atoms; i++) {
    array->label[i] = next;
    memcpy(next, r->label[i].at, enf__span_length(r->label[i]));
    next += enf__span_length(r->label[i]);
    *next++ = '\0';
  }
  array->labels = r->atoms;
  return ENF_OK;
}

enf_status enf__xyz_parse(enf_ctx *ctx, enf_array *array, const char *path, const char *data,
                          size_t bytes) {
  enf_status status = ENF_OK;
  reader r = {.line = {ctx, path, 0}, .rest = {data, data + bytes}, .array = array};
  size_t frame = 0;
  if (memchr(data, '\0', bytes)) {
    status = enf__file_refuse(ctx, ENF_ERR_FORMAT, path, "not a text file: byte %zu is NUL",
                              strlen(data));
    goto out;
  }
  TRY(count_frames(&r));
  array->ndim = 3;
  memcpy(array->shape, (size_t[]){r.frames, r.atoms, 3}, 3 * sizeof(size_t));
  TRY(enf__array_reserve(ctx, array));
  r.label = enf__alloc_array(&ctx->alloc, r.atoms, sizeof *r.label);
  if (!r.label)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu labels", r.atoms));
  for (; !at_end(&r); frame++)
    TRY(read_frame(&r, frame));
  array->shape[0] = frame;
  TRY(keep_labels(&r));
out:
  enf__free(&ctx->alloc, r.label);
  return status;
}
