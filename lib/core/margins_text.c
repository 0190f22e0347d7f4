/* margins_text.c -- the text of model.margins: one law for every coordinate, or one for all, between
   semicolons. "student-t:df=2; laplace:scale=4,loc=0.3; normal" */
#include "core/choices.h"
#include "core/core.h"
#include "core/option_text.h"
#include <string.h>

#define WORD(number, word) [number] = word,
static const char *const laws[] = {ENF__CHOICES_LAW(WORD)};
#undef WORD

typedef struct {
  const char *name;
  double lowest, highest;
} number_row;

/* The numbers of a margin, in the order of enf__margin. */
static const number_row numbers[] = {{"df", 0.1, 1e6}, {"loc", -1e6, 1e6}, {"scale", 1e-6, 1e6}};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

static const char *skip_blanks(const char *text) { return text + strspn(text, " \t"); }

/* Does the text begin with this word, as a whole? */
static bool is_word(const char *text, const char *word) {
  const size_t length = strlen(word);
  return !strncmp(text, word, length) && !strspn(text + length, "abcdefghijklmnopqrstuvwxyz-");
}

static bool ends_entry(char c) { return c == ';' || c == 0; }

/* "name=value" behind a ':' or ','; NULL for what is none. */
static const char *read_number(const char *text, enf__margin *margin) {
  double *const value[] = {&margin->df, &margin->loc, &margin->scale};
  size_t k = 0;
  while (k < NUMBERS && !is_word(text, numbers[k].name))
    k++;
  if (k == NUMBERS || (k == 0 && margin->law != ENF__STUDENT_LAW))
    return NULL;
  text = skip_blanks(text + strlen(numbers[k].name));
  char *end;
  if (*text != '=')
    return NULL;
  *value[k] = enf__strtod(text + 1, &end);
  margin->set[k] = true;
  return end > text + 1 && *value[k] >= numbers[k].lowest && *value[k] <= numbers[k].highest ? end
                                                                                           : NULL;
}

/* One entry, to its ';' or the end. */
static const char *read_entry(const char *text, enf__margin *margin) {
  *margin = (enf__margin){.df = 5, .scale = 1};
  while (margin->law < ENF__LAWS && !is_word(text, laws[margin->law]))
    margin->law++;
  if (margin->law == ENF__LAWS)
    return NULL;
  text = skip_blanks(text + strlen(laws[margin->law]));
  for (char before = ':'; *text == before; before = ',') {
    text = read_number(skip_blanks(text + 1), margin);
    if (!text)
      return NULL;
    text = skip_blanks(text);
  }
  return ends_entry(*text) ? text : NULL;
}

const char *enf__margins_next(const char *text, enf__margin *margin) {
  text = skip_blanks(text);
  if (*text == ';')
    text = skip_blanks(text + 1);
  return *text ? read_entry(text, margin) : NULL;
}

size_t enf__margins_count(const char *text) {
  enf__margin margin;
  size_t count = 0;
  while ((text = enf__margins_next(text, &margin)) != NULL)
    count++;
  return count;
}

bool enf__check_margins(const char *text, char *why, size_t size) {
  enf__margin margin;
  for (text = skip_blanks(text); *text;) {
    const char *end = *text == ';' ? NULL : read_entry(text, &margin);
    if (!end) {
      const int length = (int)strcspn(text, ";");
      enf__format(why, size,
                  "\"%.*s\" is no margin: normal, student-t (df from 0.1), laplace or logistic, as in "
                  "\"student-t:df=2,loc=0,scale=1\"",
                  length < 60 ? length : 60, text);
      return false;
    }
    text = skip_blanks(end);
    if (*text && !*skip_blanks(text + 1))
      break; /* a semicolon behind the last */
    text = *text ? skip_blanks(text + 1) : text;
  }
  return true;
}
