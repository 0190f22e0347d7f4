/* span.c -- words, lines and numbers of a text (span.h). */
#include "io/span.h"

enum { LONGEST_NUMBER = 200 };

bool enf__span_begins(enf__span s, const char *word) {
  while (*word && s.at < s.end && enf__lower(*s.at) == *word)
    s.at++, word++;
  return *word == '\0';
}

bool enf__span_is(enf__span s, const char *word) {
  return enf__span_length(s) == strlen(word) && enf__span_begins(s, word);
}

enf__span enf__span_word(enf__span *line) {
  enf__span_skip_space(line);
  enf__span word = {line->at, line->at};
  while (word.end < line->end && !enf__is_space(*word.end))
    word.end++;
  line->at = word.end;
  return word;
}

enf__span enf__span_until(enf__span *s, char mark) {
  const size_t length = enf__span_length(*s);
  const char *found = length ? memchr(s->at, mark, length) : NULL;
  const enf__span piece = {s->at, found ? found : s->end};
  s->at = found ? found + 1 : s->end;
  return piece;
}

bool enf__span_size(enf__span word, size_t *value) {
  size_t number = 0;
  for (const char *c = word.at; c < word.end; c++) {
    if (!enf__is_digit(*c) || __builtin_mul_overflow(number, (size_t)10, &number) ||
        __builtin_add_overflow(number, (size_t)(*c - '0'), &number))
      return false;
  }
  *value = number;
  return enf__span_length(word) > 0;
}

static size_t take_digits(enf__span *s) {
  const char *first = s->at;
  while (s->at < s->end && enf__is_digit(*s->at))
    s->at++;
  return (size_t)(s->at - first);
}

static void take_sign(enf__span *s) { s->at += s->at < s->end && (*s->at == '+' || *s->at == '-'); }

/* Whether it is written as a number; *exponent is where its exponent's letter stands, or NULL. */
static bool is_number(enf__span word, const char **exponent) {
  *exponent = NULL;
  take_sign(&word);
  size_t digits = take_digits(&word);
  if (word.at < word.end && *word.at == '.') {
    word.at++;
    digits += take_digits(&word);
  }
  if (digits == 0 || word.at == word.end)
    return digits > 0;
  if (enf__lower(*word.at) != 'e' && enf__lower(*word.at) != 'd')
    return false;
  *exponent = word.at++;
  take_sign(&word);
  return take_digits(&word) > 0 && word.at == word.end;
}

bool enf__span_number(enf__span word, double *value) {
  const size_t length = enf__span_length(word);
  char text[LONGEST_NUMBER + 1], *stop;
  const char *exponent;
  if (length > LONGEST_NUMBER || !is_number(word, &exponent))
    return false;
  memcpy(text, word.at, length);
  text[length] = '\0';
  if (exponent)
    text[exponent - word.at] = 'e';
  *value = enf__strtod(text, &stop);
  return stop == text + length;
}
