/* atom.c -- a line of an XYZ frame (atom.h): the columns that the comment named. */
#include "io/atom.h"
#include "core/elements.h"
#include <math.h>
#include <string.h>

static enf_status read_number(const enf__line *line, enf__span word, double *value) {
  if (enf__span_is(word, "nan") || enf__span_is(word, "-nan")) {
    *value = (double)NAN;
    return ENF_OK;
  }
  if (!enf__span_number(word, value))
    return enf__line_refuse(line, "'%.*s' is not a number", enf__span_shown(word), word.at);
  if (isfinite(*value))
    return ENF_OK;
  return enf__line_refuse(line, "'%.*s' is too large", enf__span_shown(word), word.at);
}

bool enf__atom_lost(const double *x) {
  return isnan(x[0]) && isnan(x[1]) && (isnan(x[2]) || x[2] == 0);
}

enf_status enf__atom_agrees(const enf__line *line, size_t atom, const double *x,
                            const double *first) {
  const bool lost = enf__atom_lost(x);
  if (lost == enf__atom_lost(first))
    return ENF_OK;
  return enf__line_refuse(line, "'nan' is not a coordinate: atom %zu is %s, atom 1 is %s", atom + 1,
                          lost ? "nan" : "not", lost ? "not" : "nan");
}

static enf__span symbol_of(size_t number) {
  const char *symbol = enf__element_symbol(number);
  return (enf__span){symbol, symbol ? symbol + strlen(symbol) : NULL};
}

/* The label as it is kept. */
static enf_status read_label(const enf__line *line, int kind, enf__span *word) {
  const bool number = kind == ENF__LABEL_NUMBER || kind == ENF__LABEL_PLAIN;
  size_t value;
  double real;
  if (number && enf__span_size(*word, &value) && enf__element_symbol(value)) {
    *word = symbol_of(value);
    return ENF_OK;
  }
  if (kind == ENF__LABEL_NUMBER)
    return enf__line_refuse(line, "'%.*s' is not an atomic number", enf__span_shown(*word),
                            word->at);
  if (kind == ENF__LABEL_PLAIN && enf__span_number(*word, &real))
    return enf__line_refuse(line, "the element expected, not the number '%.*s'",
                            enf__span_shown(*word), word->at);
  return ENF_OK;
}

enf_status enf__atom_read(const enf__line *line, const enf__columns *c, size_t atom, enf__span text,
                          enf__span *label, double *x) {
  enf_status status = ENF_OK;
  const size_t needed = c->total ? c->total : c->pos + 3;
  *label = (enf__span){text.at, text.at};
  for (size_t column = 0; column < needed; column++) {
    const enf__span word = enf__span_word(&text);
    if (enf__span_length(word) == 0)
      return enf__line_refuse(line, "atom %zu has %zu columns, %zu are needed", atom + 1, column,
                              needed);
    if (c->kind != ENF__LABEL_NONE && column == c->label)
      *label = word;
    if (column >= c->pos && column < c->pos + 3)
      TRY(read_number(line, word, &x[column - c->pos]));
  }
  if (c->total && enf__span_length(enf__span_word(&text)) > 0)
    return enf__line_refuse(line, "atom %zu has more columns than the %zu of Properties", atom + 1,
                            needed);
  if (!enf__atom_lost(x) && (isnan(x[0]) || isnan(x[1]) || isnan(x[2])))
    return enf__line_refuse(line, "'nan' is not a coordinate");
  TRY(read_label(line, c->kind, label));
out:
  return status;
}
