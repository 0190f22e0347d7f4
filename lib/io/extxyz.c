/* extxyz.c -- extended XYZ, read and written.

   A frame is a line with the number of atoms, a comment line, and a line per atom. The comment is
   a list of key=value (https://github.com/libAtoms/extxyz), of which Properties counts here: it
   names the columns, as in species:S:1:pos:R:3 (name, type, number of columns, ...). Without it
   the columns are those of plain XYZ: element, x, y, z, whatever follows. Lattice, time and all
   other keys are ignored.

   Every frame must have the same atoms in the same order. Numbers are in '.' notation in every
   locale; nan and inf are numbers. Lines may end in CR LF. Errors carry the line's number. */
#include "io/io.h"
#include <stdio.h>
#include <string.h>

/* A piece of the text. */
typedef struct {
  const char *at, *end;
} span;

/* Columns: where the element and x are; total 0: any number from the needed ones on. */
typedef struct {
  size_t species, pos, total;
  bool has_species;
} columns;

typedef struct {
  enf_ctx *ctx;
  const char *path;
  span rest;   /* what has not been read */
  size_t line; /* number of the last line read, from 1 */
  size_t atoms;
  span *label; /* (atoms), of the first frame */
  enf_array *array;
} reader;

static enf_status refuse(const reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enf_status refuse(const reader *r, const char *format, ...) {
  char sentence[240];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(sentence, sizeof sentence, format, arguments);
  va_end(arguments);
  return enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path, "line %zu: %s", r->line, sentence);
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static size_t length(span s) { return (size_t)(s.end - s.at); }

static bool equal(span a, span b) {
  return length(a) == length(b) && memcmp(a.at, b.at, length(a)) == 0;
}

static bool is(span s, const char *word) { return equal(s, (span){word, word + strlen(word)}); }

/* For "%.*s": no more of it than a sentence needs. */
static int shown(span s) { return length(s) < 40 ? (int)length(s) : 40; }

static void skip_space(span *s) {
  while (s->at < s->end && is_space(*s->at))
    s->at++;
}

/* The next word of the line; empty at its end. */
static span take_word(span *line) {
  skip_space(line);
  span word = {line->at, line->at};
  while (word.end < line->end && !is_space(*word.end))
    word.end++;
  line->at = word.end;
  return word;
}

/* What stands before the next `mark` (or the end), which is taken too. */
static span take_until(span *s, char mark) {
  const char *found = length(*s) ? memchr(s->at, mark, length(*s)) : NULL;
  const span piece = {s->at, found ? found : s->end};
  s->at = found ? found + 1 : s->end;
  return piece;
}

static span take_line(reader *r) {
  r->line++;
  return take_until(&r->rest, '\n');
}

static bool to_size(span word, size_t *value) {
  size_t number = 0;
  for (const char *c = word.at; c < word.end; c++) {
    if (*c < '0' || *c > '9' || __builtin_mul_overflow(number, (size_t)10, &number) ||
        __builtin_add_overflow(number, (size_t)(*c - '0'), &number))
      return false;
  }
  *value = number;
  return length(word) > 0;
}

/* Nothing but empty lines is left. */
static bool at_end(const reader *r) {
  span rest = r->rest;
  while (rest.at < rest.end && (is_space(*rest.at) || *rest.at == '\n'))
    rest.at++;
  return rest.at == rest.end;
}

/* ---- the comment line ------------------------------------------------------------------------ */

/* A key or value: bare up to space or '=', or between quotes, braces or brackets. Quotes may hold
   backslash escapes, which nothing that counts here needs; they are only stepped over. */
static span take_item(span *line) {
  static const char open[] = "\"'{[", close[] = "\"'}]";
  skip_space(line);
  const char *mark = line->at < line->end ? memchr(open, *line->at, 4) : NULL;
  span item = {line->at + (mark != NULL), line->at + (mark != NULL)};
  while (item.end < line->end) {
    if (mark ? *item.end == close[mark - open] : is_space(*item.end) || *item.end == '=')
      break;
    item.end += mark && *item.end == '\\' && item.end + 1 < line->end ? 2 : 1;
  }
  line->at = item.end + (mark && item.end < line->end);
  return item;
}

/* The value of Properties; at NULL if there is none. */
static span find_properties(span comment) {
  while (skip_space(&comment), comment.at < comment.end) {
    const span key = take_item(&comment);
    skip_space(&comment);
    if (comment.at == comment.end || *comment.at != '=')
      continue;
    comment.at++;
    const span value = take_item(&comment);
    if (is(key, "Properties"))
      return value;
  }
  return (span){NULL, NULL};
}

static enf_status read_properties(const reader *r, span list, columns *c) {
  bool has_pos = false;
  size_t count;
  *c = (columns){0};
  while (list.at < list.end) {
    const span name = take_until(&list, ':'), type = take_until(&list, ':'),
               number = take_until(&list, ':');
    const bool species = is(name, "species"), pos = is(name, "pos");
    if (length(name) == 0 || length(type) != 1 || !strchr("SRIL", *type.at) ||
        !to_size(number, &count) || count < 1 || count > 10000 || c->total > 100000)
      return refuse(r, "Properties is not a list of name:type:columns near '%.*s'", shown(name),
                    name.at);
    if (species && (c->has_species || *type.at != 'S' || count != 1))
      return refuse(r, "Properties must have species once, as species:S:1");
    if (pos && (has_pos || *type.at != 'R' || count != 3))
      return refuse(r, "Properties must have pos once, as pos:R:3");
    if (species)
      c->species = c->total;
    if (pos)
      c->pos = c->total;
    c->has_species |= species;
    has_pos |= pos;
    c->total += count;
  }
  return has_pos ? ENF_OK : refuse(r, "Properties names no pos");
}

/* ---- frames ---------------------------------------------------------------------------------- */

static enf_status read_number(const reader *r, span word, double *value) {
  char *stop;
  *value = enf__strtod(word.at, &stop);
  if (stop == word.end)
    return ENF_OK;
  return refuse(r, "'%.*s' is not a number", shown(word), word.at);
}

static enf_status read_label(reader *r, size_t atom, bool first, span word) {
  if (first)
    r->label[atom] = word;
  if (equal(word, r->label[atom]))
    return ENF_OK;
  return refuse(r, "atom %zu is '%.*s' and was '%.*s' in the first frame", atom + 1, shown(word),
                word.at, shown(r->label[atom]), r->label[atom].at);
}

static enf_status read_atom(reader *r, const columns *c, size_t atom, bool first, double *x) {
  enf_status status = ENF_OK;
  span line = take_line(r), label = {line.at, line.at};
  const size_t needed = c->total ? c->total : c->pos + 3;
  for (size_t column = 0; column < needed; column++) {
    const span word = take_word(&line);
    if (length(word) == 0)
      return refuse(r, "atom %zu has %zu columns, %zu are needed", atom + 1, column, needed);
    if (c->has_species && column == c->species)
      label = word;
    if (column >= c->pos && column < c->pos + 3)
      TRY(read_number(r, word, &x[column - c->pos]));
  }
  if (c->total && length(take_word(&line)) > 0)
    return refuse(r, "atom %zu has more columns than the %zu of Properties", atom + 1, needed);
  TRY(read_label(r, atom, first, label));
out:
  return status;
}

static enf_status read_frame(reader *r, bool first, double *x) {
  static const columns plain = {.species = 0, .pos = 1, .total = 0, .has_species = true};
  enf_status status = ENF_OK;
  columns c = plain;
  size_t atoms;
  span line = take_line(r);
  const span word = take_word(&line);
  if (!to_size(word, &atoms) || length(take_word(&line)) > 0)
    return refuse(r, "the number of atoms expected, not '%.*s'", shown(word), word.at);
  if (atoms != r->atoms)
    return refuse(r, "%zu atoms, the first frame has %zu", atoms, r->atoms);
  if (r->rest.at == r->rest.end)
    return refuse(r, "the file ends without a comment line");
  const span properties = find_properties(take_line(r));
  if (properties.at)
    TRY(read_properties(r, properties, &c));
  for (size_t atom = 0; atom < atoms; atom++) {
    if (r->rest.at == r->rest.end)
      return refuse(r, "the file ends after %zu of %zu atoms", atom, atoms);
    TRY(read_atom(r, &c, atom, first, x + 3 * atom));
  }
out:
  return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* The first frame's atom count and how many frames, the last perhaps cut off, the file's lines can
   hold: the memory that is then asked for is bounded by the file's size. */
static enf_status count_frames(reader *r, size_t *frames) {
  span rest = r->rest, line = take_until(&rest, '\n');
  const span word = take_word(&line);
  size_t lines = 1;
  r->line = 1;
  if (at_end(r))
    return refuse(r, "the file has no frame");
  if (!to_size(word, &r->atoms))
    return refuse(r, "the number of atoms expected, not '%.*s'", shown(word), word.at);
  if (r->atoms == 0)
    return refuse(r, "a frame has no atoms");
  for (; rest.at < rest.end; lines++)
    take_until(&rest, '\n');
  if (r->atoms >= lines)
    return refuse(r, "%zu atoms are announced, the file ends in line %zu", r->atoms, lines);
  *frames = (lines - 1) / (r->atoms + 2) + 1;
  return ENF_OK;
}

/* Copy the first frame's labels out of the text, if there are any. */
static enf_status keep_labels(reader *r) {
  enf_array *array = r->array;
  size_t bytes = 0;
  for (size_t i = 0; i < r->atoms; i++)
    bytes += length(r->label[i]) + 1;
  if (bytes == r->atoms)
    return ENF_OK;
  array->text = enf__alloc(&array->alloc, bytes);
  array->label = enf__alloc_array(&array->alloc, r->atoms, sizeof *array->label);
  if (!array->text || !array->label)
    return enf__fail(r->ctx, ENF_ERR_NOMEM, "no memory for %zu labels", r->atoms);
  char *next = array->text;
  for (size_t i = 0; i < r->atoms; i++) {
    array->label[i] = next;
    memcpy(next, r->label[i].at, length(r->label[i]));
    next += length(r->label[i]);
    *next++ = '\0';
  }
  array->labels = r->atoms;
  return ENF_OK;
}

enf_status enf__xyz_parse(enf_ctx *ctx, enf_array *array, const char *path, const char *data,
                          size_t bytes) {
  enf_status status = ENF_OK;
  reader r = {.ctx = ctx, .path = path, .rest = {data, data + bytes}, .array = array};
  size_t frames = 0, frame = 0;
  if (memchr(data, '\0', bytes)) {
    status = enf__file_refuse(ctx, ENF_ERR_FORMAT, path, "not a text file: byte %zu is NUL",
                              strlen(data));
    goto out;
  }
  TRY(count_frames(&r, &frames));
  array->ndim = 3;
  memcpy(array->shape, (size_t[]){frames, r.atoms, 3}, 3 * sizeof(size_t));
  TRY(enf__array_reserve(ctx, array));
  r.label = enf__alloc_array(&ctx->alloc, r.atoms, sizeof *r.label);
  if (!r.label)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu labels", r.atoms));
  r.line = 0;
  for (; !at_end(&r); frame++)
    TRY(read_frame(&r, frame == 0, array->data + 3 * r.atoms * frame));
  array->shape[0] = frame;
  TRY(keep_labels(&r));
out:
  enf__free(&ctx->alloc, r.label);
  return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* A label must be one word: a reader would take a space for the next column. */
static bool writable(const char *label) {
  if (!label || !*label)
    return false;
  while ((unsigned char)*label > ' ' && *label != '\x7f')
    label++;
  return *label == '\0';
}

static enf_status check_view(enf_ctx *ctx, const char *path, const enf__array_view *view) {
  const size_t N = view->ndim == 3 ? view->shape[1] : 0, D = view->shape[2];
  if (view->type)
    return enf__file_refuse(ctx, ENF_ERR_ARG, path, "XYZ has no types; type must be NULL");
  if (view->ndim != 3 || (D != 2 && D != 3))
    return enf__file_refuse(ctx, ENF_ERR_SHAPE, path,
                            "XYZ needs an array of shape (n,N,2) or (n,N,3)");
  if (view->count == 0)
    return enf__file_refuse(ctx, ENF_ERR_SHAPE, path, "XYZ needs at least one frame and one atom");
  for (size_t i = 0; view->labels && i < N; i++)
    if (!writable(view->labels[i]))
      return enf__file_refuse(ctx, ENF_ERR_ARG, path, "label %zu is not a word", i);
  return ENF_OK;
}

static enf_status put_text(enf__writer *file, const char *text) {
  return enf__writer_put(file, text, strlen(text));
}

static enf_status put_atom(enf__writer *file, const char *label, const double *x, size_t D) {
  enf_status status = ENF_OK;
  TRY(put_text(file, label));
  for (size_t d = 0; d < 3; d++) {
    char number[32] = "0";
    if (d < D)
      enf__dtoa(x[d], number);
    TRY(put_text(file, " "));
    TRY(put_text(file, number));
  }
  TRY(put_text(file, "\n"));
out:
  return status;
}

enf_status enf__xyz_write(enf_ctx *ctx, const char *path, const enf__array_view *view) {
  const size_t n = view->shape[0], N = view->shape[1], D = view->shape[2];
  enf_status status = ENF_OK;
  enf__writer file = {0};
  char head[96];
  TRY(check_view(ctx, path, view));
  snprintf(head, sizeof head, "%zu\nProperties=species:S:1:pos:R:3 pbc=\"F F F\"\n", N);
  TRY(enf__writer_open(ctx, &file, path));
  for (size_t i = 0; i < n * N; i++) {
    const char *label = view->labels ? view->labels[i % N] : "X";
    if (i % N == 0)
      TRY(put_text(&file, head));
    TRY(put_atom(&file, label, view->data + D * i, D));
  }
  TRY(enf__writer_commit(&file));
out:
  enf__writer_abandon(&file);
  return status;
}
