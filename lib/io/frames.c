/* frames.c -- extended XYZ with frames of any size, read one after the other (ragged.h).

   Columns and labels are those of comment.c and atom.c. A frame whose cell is repeated is refused:
   its walls may have cut the molecule. Empty lines may stand behind the last frame only. */
#include "core/elements.h"
#include "io/atom.h"
#include "io/ragged.h"
#include <math.h>
#include <string.h>

enf_status enf__kind_find(enf_ctx *ctx, const enf__kind_rule *kinds, const char *where, int number,
                          int32_t *kind) {
  const char *symbol = number < 0 ? NULL : enf__element_symbol((size_t)number);
  *kind = number;
  if (kinds->rule == ENF__KINDS_NONE)
    return ENF_OK;
  if (!symbol || number == 0)
    return enf__fail(ctx, ENF_ERR_FORMAT, "%s: %d is not the number of an element", where, number);
  if (kinds->rule == ENF__KINDS_NUMBERS)
    return ENF_OK;
  for (size_t k = 0; k < kinds->listed; k++)
    if (kinds->number[k] == number) {
      *kind = (int32_t)k;
      return ENF_OK;
    }
  return enf__fail(ctx, ENF_ERR_RANGE, "%s: the flow has no element %s", where, symbol);
}

/* ---- a frame --------------------------------------------------------------------------------- */

typedef struct {
  enf_batch_reader *reader;
  enf__line line;
  enf__columns columns;
  size_t atoms, labelled;
  double first[3];
  double context[ENF__CONTEXT_MOST];
  size_t contexts;
} frame;

static enf_status take_line(frame *f, enf__span *text) {
  f->line.number = ++f->reader->line;
  return enf__source_line(f->line.ctx, f->reader->source, text);
}

static bool at_end(const frame *f) { return enf__source_rest(f->reader->source) == 0; }

/* The line with the number of atoms; *ended where only empty lines were left. */
static enf_status take_count(frame *f, bool *ended) {
  enf_status status = ENF_OK;
  const uint64_t before = f->reader->done;
  size_t empty = 0;
  enf__span text, word = {NULL, NULL};
  while (!at_end(f) && enf__span_length(word) == 0) {
    TRY(take_line(f, &text));
    word = enf__span_word(&text);
    empty += enf__span_length(word) == 0;
  }
  *ended = enf__span_length(word) == 0;
  if (*ended && before > 0)
    return ENF_OK;
  if (*ended)
    return enf__line_refuse(&f->line, "the file has no frame");
  f->line.number -= empty;
  if (empty > 0)
    return enf__line_refuse(&f->line, "the number of atoms expected, not ''");
  if (!enf__span_size(word, &f->atoms) || enf__span_length(enf__span_word(&text)) > 0)
    return enf__line_refuse(&f->line, "the number of atoms expected, not '%.*s'",
                            enf__span_shown(word), word.at);
  if (f->atoms == 0)
    return enf__line_refuse(&f->line, "a frame has no atoms");
  if (f->atoms > enf__source_rest(f->reader->source) / 6) /* "0 0 0" and its end */
    return enf__line_refuse(&f->line, "%zu atoms are announced, the file has %llu more bytes",
                            f->atoms, (unsigned long long)enf__source_rest(f->reader->source));
out:
  return status;
}

static enf_status take_comment(frame *f) {
  enf_status status;
  enf__span text;
  enf__cell cell;
  TRY(take_line(f, &text));
  TRY(enf__comment_read(&f->line, text, &f->columns, &cell));
  if (f->reader->keys)
    TRY(enf__comment_numbers(&f->line, text, f->reader->keys, ENF__CONTEXT_MOST, f->context,
                             &f->contexts));
  if (cell.periodic[0] || cell.periodic[1] || cell.periodic[2])
    return enf__file_refuse(f->line.ctx, ENF_ERR_UNSUPPORTED, f->line.path,
                            "line %zu: the cell is repeated, its walls may have cut the molecule",
                            f->line.number);
out:
  return status;
}

static enf_status keep_label(frame *f, enf__span label, int32_t *kind) {
  const size_t length = enf__span_length(label);
  const bool none = length == 0 || (length == 1 && *label.at == 'X');
  const int number = none ? 0 : enf__element_number(label.at, length);
  char where[260];
  f->labelled += !none;
  *kind = 0;
  if (none || f->reader->kinds.rule == ENF__KINDS_NONE)
    return ENF_OK;
  if (number < 0)
    return enf__line_refuse(&f->line, "'%.*s' is not the symbol of an element",
                            enf__span_shown(label), label.at);
  enf__format(where, sizeof where, "%s: line %zu", enf__file_name(f->line.path), f->line.number);
  return enf__kind_find(f->line.ctx, &f->reader->kinds, where, number, kind);
}

static enf_status keep_position(frame *f, const double x[3], double *out) {
  const size_t D = f->reader->D;
  if (D == 2 && x[2] != 0 && !isnan(x[2]))
    return enf__file_refuse(f->line.ctx, ENF_ERR_SHAPE, f->line.path,
                            "line %zu: z is %g, and the flow has two dimensions", f->line.number,
                            x[2]);
  for (size_t d = 0; d < D; d++)
    out[d] = x[d];
  return ENF_OK;
}

static enf_status take_atom(frame *f, size_t atom, int32_t *kind, double *out) {
  enf_status status;
  enf__span text, label;
  double x[3];
  if (at_end(f))
    return enf__line_refuse(&f->line, "the file ends after %zu of %zu atoms", atom, f->atoms);
  TRY(take_line(f, &text));
  TRY(enf__atom_read(&f->line, &f->columns, atom, text, &label, x));
  if (atom == 0)
    memcpy(f->first, x, sizeof x);
  TRY(enf__atom_agrees(&f->line, atom, x, f->first));
  TRY(keep_label(f, label, kind));
  TRY(keep_position(f, x, out));
out:
  return status;
}

/* ---- the file -------------------------------------------------------------------------------- */

enf_status enf__frames_open(enf_ctx *ctx, enf_batch_reader *reader, const char *path) {
  return enf__source_open(ctx, reader->source, path);
}

enf_status enf__frames_next(enf_ctx *ctx, enf_batch_reader *reader, enf_batch *batch, bool *ended) {
  enf_status status;
  frame f = {.reader = reader, .line = {ctx, reader->source->path, reader->line + 1}};
  TRY(take_count(&f, ended));
  if (*ended)
    return ENF_OK;
  if (at_end(&f))
    return enf__line_refuse(&f.line, "the file ends without a comment line");
  TRY(take_comment(&f));
  TRY(enf__batch_room(ctx, batch, 1, f.atoms, 0));
  for (size_t i = 0; i < f.atoms; i++)
    TRY(take_atom(&f, i, batch->kind + batch->atoms + i, batch->x + batch->D * (batch->atoms + i)));
  if (f.labelled > 0 && f.labelled < f.atoms)
    return enf__line_refuse(&f.line, "%zu of %zu atoms have no element", f.atoms - f.labelled,
                            f.atoms);
  enf__batch_add(batch, f.atoms, f.labelled > 0 && reader->kinds.rule != ENF__KINDS_NONE, 0);
  if (reader->keys)
    TRY(enf__batch_context_last(ctx, batch, f.contexts, f.context));
out:
  return status;
}
