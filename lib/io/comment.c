/* comment.c -- the comment line of an XYZ frame (comment.h).

   A line with a '=' is a list of key=value (https://github.com/libAtoms/extxyz), keys in any case
   and order; keys and values are bare or between quotes, braces or brackets, which must be closed.
   Of the keys, three count:

   - Properties names the columns, as in species:S:1:pos:R:3 (name, type, number of columns, ...).
     Positions are pos. Labels are species; else Z, atomic numbers; else a column that is named like
     one (the table below). Without Properties the columns are those of plain XYZ: element or atomic
     number, x, y, z, whatever follows.
   - Lattice, nine numbers, or three on the diagonal; pbc, along which vectors it is repeated: along
     all if there is a Lattice, else along none. A cell that is told in other words (CELL, box,
   %PBC) counts as repeated along vectors that are not known.

   A missing quote must not hide Properties: then forces might be read as positions. So the word
   Properties anywhere else than where it is a key is refused, unless it is there as a key, too. */
#include "io/comment.h"
#include <math.h>
#include <stdio.h>

enf_status enf__line_refuse(const enf__line *line, const char *format, ...) {
  char sentence[240];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(sentence, sizeof sentence, format, arguments);
  va_end(arguments);
  return enf__file_refuse(line->ctx, ENF_ERR_FORMAT, line->path, "line %zu: %s", line->number,
                          sentence);
}

/* ---- Properties ------------------------------------------------------------------------------ */

/* How good a column is as the label: 0, none; 1, by its name; 2, Z; 3, species. */
static int label_rank(enf__span name, char type, size_t count) {
  static const char *const names[] = {"element",    "elements",      "symbol",
                                      "symbols",    "type",          "types",
                                      "atom_types", "atomic_number", "atomic_numbers"};
  if (enf__span_is(name, "species"))
    return 3;
  if (enf__span_length(name) == 1 && *name.at == 'Z')
    return 2;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (enf__span_is(name, names[i]) && count == 1 && (type == 's' || type == 'i'))
      return 1;
  return 0;
}

static bool is_atomic_number(enf__span name) {
  return enf__span_begins(name, "z") || enf__span_begins(name, "atomic_number");
}

static enf_status take_column(const enf__line *line, enf__span name, char type, size_t count,
                              int *rank, enf__columns *c) {
  const int found = label_rank(name, type, count);
  const bool pos = enf__span_is(name, "pos"), label = type == 's' || type == 'i';
  if (found > 1 && (found == *rank || !label || count != 1))
    return enf__line_refuse(line, "Properties must have %.*s once, as %.*s:%s:1",
                            enf__span_shown(name), name.at, enf__span_shown(name), name.at,
                            found == 3 ? "S" : "I");
  if (pos && (c->pos != SIZE_MAX || type != 'r' || count != 3))
    return enf__line_refuse(line, "Properties must have pos once, as pos:R:3");
  if (pos)
    c->pos = c->total;
  if (found > *rank) {
    *rank = found;
    c->label = c->total;
    c->kind = is_atomic_number(name) ? ENF__LABEL_NUMBER : ENF__LABEL_WORD;
  }
  c->total += count;
  return ENF_OK;
}

static enf_status read_properties(const enf__line *line, enf__span list, enf__columns *c) {
  enf_status status = ENF_OK;
  enf__span text = {NULL, NULL};
  int rank = 0;
  size_t count;
  *c = (enf__columns){.pos = SIZE_MAX};
  while (list.at < list.end) {
    const enf__span name = enf__span_until(&list, ':'), type = enf__span_until(&list, ':'),
                    number = enf__span_until(&list, ':');
    if (enf__span_length(name) == 0 || enf__span_length(type) != 1 ||
        !memchr("srilSRIL", *type.at, 8) || !enf__span_size(number, &count) || count < 1 ||
        count > 10000 || c->total > 100000)
      return enf__line_refuse(line, "Properties is not a list of name:type:columns near '%.*s'",
                              enf__span_shown(name), name.at);
    if (enf__lower(*type.at) == 's' && count == 1)
      text = name;
    TRY(take_column(line, name, enf__lower(*type.at), count, &rank, c));
  }
  if (c->pos == SIZE_MAX)
    return enf__line_refuse(line, "Properties names no pos");
  if (rank == 0 && text.at)
    return enf__line_refuse(
        line, "Properties has neither species nor Z, but a column '%.*s': which are the elements?",
        enf__span_shown(text), text.at);
out:
  return status;
}

/* The word followed by = or : stands somewhere in the comment. */
static bool is_hidden(enf__span comment) {
  for (char before = ' '; comment.at < comment.end; before = *comment.at++) {
    const char c = enf__lower(before);
    if ((c >= 'a' && c <= 'z') || c == '_' || !enf__span_begins(comment, "properties"))
      continue;
    enf__span rest = {comment.at + strlen("properties"), comment.end};
    enf__span_skip_space(&rest);
    if (rest.at < rest.end && (*rest.at == '=' || *rest.at == ':'))
      return true;
  }
  return false;
}

/* ---- the cell -------------------------------------------------------------------------------- */

/* The next word of an array, of whatever style. */
static enf__span take_entry(enf__span *list) {
  while (list->at < list->end && memchr(" \t\r,[]{}", *list->at, 8))
    list->at++;
  enf__span word = {list->at, list->at};
  while (word.end < list->end && !memchr(" \t\r,[]{}", *word.end, 8))
    word.end++;
  list->at = word.end;
  return word;
}

static enf_status read_lattice(const enf__line *line, enf__span list, enf__cell *cell) {
  double value[9] = {0};
  size_t count = 0;
  for (enf__span word; word = take_entry(&list), enf__span_length(word) > 0; count++)
    if (count == 9 || !enf__span_number(word, &value[count]) || !isfinite(value[count]))
      return enf__line_refuse(line, "Lattice is not nine numbers: '%.*s' is in it",
                              enf__span_shown(word), word.at);
  if (count != 9 && count != 3)
    return enf__line_refuse(line, "Lattice is not nine numbers but %zu", count);
  for (size_t k = 0; k < 9; k++)
    cell->vector[k] = count == 9 ? value[k] : k % 4 == 0 ? value[k / 4] : 0;
  cell->known = true;
  return ENF_OK;
}

static enf_status read_pbc(const enf__line *line, enf__span list, enf__cell *cell) {
  static const char *const yes[] = {"t", "true", "1"}, *const no[] = {"f", "false", "0"};
  size_t count = 0;
  for (enf__span word; word = take_entry(&list), enf__span_length(word) > 0; count++) {
    bool is_yes = false, is_no = false;
    for (size_t i = 0; i < 3; i++) {
      is_yes |= enf__span_is(word, yes[i]);
      is_no |= enf__span_is(word, no[i]);
    }
    if (count == 3 || is_yes == is_no)
      return enf__line_refuse(line, "pbc is not three of T and F: '%.*s' is in it",
                              enf__span_shown(word), word.at);
    cell->periodic[count] = is_yes;
  }
  if (count == 1)
    cell->periodic[1] = cell->periodic[2] = cell->periodic[0];
  return count == 1 || count == 3
             ? ENF_OK
             : enf__line_refuse(line, "pbc is not three of T and F but %zu", count);
}

/* A bare word that tells of a cell: "CELL(abcABC):", "box=5", "%PBC". */
static bool tells_of_cell(enf__span word) {
  static const char *const beginnings[] = {"cell",    "box",      "pbc",
                                           "lattice", "unitcell", "unit_cell"};
  while (word.at < word.end && memchr("#%(<|", *word.at, 5))
    word.at++;
  for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
    if (enf__span_begins(word, beginnings[i]))
      return true;
  return false;
}

/* ---- the line -------------------------------------------------------------------------------- */

typedef struct {
  const enf__line *line;
  enf__span rest;
  enf__columns *columns;
  enf__cell *cell;
  bool seen[3], told; /* Properties, Lattice, pbc; a cell in other words */
} reader;

enum { PROPERTIES, LATTICE, PBC, KEYS };
static const char *const keys[] = {"properties", "lattice", "pbc"};

/* The end of what is between marks that begin at s.at; NULL if there is none. In quotes a backslash
   hides the next character; braces and brackets may hold others of their kind. */
static const char *find_close(enf__span s) {
  const char open = *s.at, close = open == '{' ? '}' : open == '[' ? ']' : open;
  size_t depth = 0;
  for (const char *c = s.at + 1; c < s.end; c++) {
    if (open == close && *c == '\\' && c + 1 < s.end)
      c++;
    else if (*c == close && depth == 0)
      return c;
    else if (open != close)
      depth = depth + (*c == open) - (*c == close);
  }
  return NULL;
}

/* A key or value. */
static enf_status take_item(reader *r, enf__span *item) {
  enf__span_skip_space(&r->rest);
  if (r->rest.at < r->rest.end && memchr("\"'{[", *r->rest.at, 4)) {
    const char *close = find_close(r->rest);
    if (!close)
      return enf__line_refuse(r->line, "what begins with %c in the comment has no end",
                              *r->rest.at);
    *item = (enf__span){r->rest.at + 1, close};
    r->rest.at = close + 1;
    return ENF_OK;
  }
  *item = (enf__span){r->rest.at, r->rest.at};
  while (item->end < r->rest.end && !enf__is_space(*item->end) && *item->end != '=')
    item->end++;
  r->rest.at = item->end;
  return ENF_OK;
}

static enf_status take_value(reader *r, enf__span key) {
  enf_status status = ENF_OK;
  enf__span value;
  size_t which = 0;
  TRY(take_item(r, &value));
  while (which < KEYS && !enf__span_is(key, keys[which]))
    which++;
  if (which == KEYS) {
    r->told |= tells_of_cell(key);
    return ENF_OK;
  }
  if (r->seen[which])
    return enf__line_refuse(r->line, "the comment has two of '%.*s'", enf__span_shown(key), key.at);
  r->seen[which] = true;
  TRY(which == PROPERTIES ? read_properties(r->line, value, r->columns)
      : which == LATTICE  ? read_lattice(r->line, value, r->cell)
                          : read_pbc(r->line, value, r->cell));
out:
  return status;
}

static enf_status take_pairs(reader *r) {
  enf_status status = ENF_OK;
  enf__span key;
  while (enf__span_skip_space(&r->rest), r->rest.at < r->rest.end) {
    TRY(take_item(r, &key));
    enf__span_skip_space(&r->rest);
    if (r->rest.at == r->rest.end || *r->rest.at != '=') {
      r->told |= tells_of_cell(key);
      continue;
    }
    r->rest.at++;
    TRY(take_value(r, key));
  }
out:
  return status;
}

enf_status enf__comment_read(const enf__line *line, enf__span comment, enf__columns *columns,
                             enf__cell *cell) {
  enf_status status = ENF_OK;
  reader r = {.line = line, .rest = comment, .columns = columns, .cell = cell};
  *columns = (enf__columns){.kind = ENF__LABEL_PLAIN, .pos = 1};
  *cell = enf__cell_none();
  if (enf__span_length(comment) && memchr(comment.at, '=', enf__span_length(comment)))
    TRY(take_pairs(&r));
  for (enf__span word; word = enf__span_word(&r.rest), enf__span_length(word) > 0;)
    r.told |= tells_of_cell(word);
  if (!r.seen[PROPERTIES] && is_hidden(comment))
    return enf__line_refuse(line, "Properties is not where a key can be; is a quote missing?");
  for (size_t k = 0; k < 3 && !r.seen[PBC]; k++)
    cell->periodic[k] = cell->known || r.told;
out:
  return status;
}

/* ---- numbers at keys ------------------------------------------------------------------------- */

/* The value at a key, which is all of `name`; *value is empty where there is none. */
static enf_status find_value(const enf__line *line, enf__span comment, enf__span name,
                             enf__span *value) {
  enf_status status = ENF_OK;
  reader r = {.line = line, .rest = comment};
  enf__span key, item;
  const size_t length = enf__span_length(name);
  *value = (enf__span){comment.at, comment.at};
  while (enf__span_skip_space(&r.rest), r.rest.at < r.rest.end) {
    TRY(take_item(&r, &key));
    enf__span_skip_space(&r.rest);
    if (r.rest.at == r.rest.end || *r.rest.at != '=')
      continue;
    r.rest.at++;
    TRY(take_item(&r, &item));
    if (enf__span_length(key) == length && !memcmp(key.at, name.at, length))
      *value = item;
  }
out:
  return status;
}

enf_status enf__comment_numbers(const enf__line *line, enf__span comment, const char *names,
                                size_t most, double *value, size_t *count) {
  enf_status status = ENF_OK;
  enf__span list = {names, names + strlen(names)}, text, word;
  *count = 0;
  while (list.at < list.end) {
    const enf__span key = enf__span_until(&list, ',');
    TRY(find_value(line, comment, key, &text));
    if (enf__span_length(text) == 0)
      return enf__line_refuse(line, "the comment has no '%.*s='", enf__span_shown(key), key.at);
    while (word = take_entry(&text), enf__span_length(word) > 0) {
      if (*count == most)
        return enf__line_refuse(line, "more than %zu numbers of context", most);
      if (!enf__span_number(word, value + *count) || !isfinite(value[*count]))
        return enf__line_refuse(line, "'%.*s' of '%.*s' is no finite number", enf__span_shown(word),
                                word.at, enf__span_shown(key), key.at);
      ++*count;
    }
  }
out:
  return status;
}
