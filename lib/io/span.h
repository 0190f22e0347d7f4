/* span.h -- pieces of a text, for the readers of XYZ files: words, lines and numbers. Nothing here
   follows the locale; nothing is copied. */
#ifndef ENF__SPAN_H
#define ENF__SPAN_H

#include "core/core.h"
#include <string.h>

typedef struct {
  const char *at, *end;
} enf__span;

static inline size_t enf__span_length(enf__span s) { return (size_t)(s.end - s.at); }

static inline bool enf__span_equal(enf__span a, enf__span b) {
  return enf__span_length(a) == enf__span_length(b) && memcmp(a.at, b.at, enf__span_length(a)) == 0;
}

/* For "%.*s": no more of it than a sentence needs. */
static inline int enf__span_shown(enf__span s) {
  return enf__span_length(s) < 40 ? (int)enf__span_length(s) : 40;
}

static inline bool enf__is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }
static inline bool enf__is_digit(char c) { return c >= '0' && c <= '9'; }
static inline char enf__lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c; }

static inline void enf__span_skip_space(enf__span *s) {
  while (s->at < s->end && enf__is_space(*s->at))
    s->at++;
}

/* Whether it begins with, or is, this word of lower-case letters; in any case. */
bool enf__span_begins(enf__span s, const char *word);
bool enf__span_is(enf__span s, const char *word);
/* The next word of the line; empty at its end. */
enf__span enf__span_word(enf__span *line);
/* What stands before the next `mark` (or the end), which is taken too. */
enf__span enf__span_until(enf__span *s, char mark);
/* A whole number without sign. */
bool enf__span_size(enf__span word, size_t *value);
/* A decimal number as the extended XYZ specification has it: the exponent after e, E, d or D. False
   for other texts (hexadecimal, nan, inf). Beyond the range of double: infinity. */
bool enf__span_number(enf__span word, double *value);

#endif
