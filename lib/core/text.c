/* text.c -- numbers and sentences that do not follow the locale, and nearest names.

   The C library reads and writes numbers with the locale's decimal point, and a host may have any
   locale. Changing it, even for a moment, would be felt by other threads; so the decimal point is
   put in before strtod and taken out after snprintf. Lists of thousands are never grouped. */
#include "core/core.h"
#include <langinfo.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NUMBER = 800, LONGEST_NAME = 96 };

/* ---- reading ------------------------------------------------------------------------------- */

double enf__strtod(const char *text, char **end) {
  const char *radix = nl_langinfo(RADIXCHAR);
  const size_t radix_len = strlen(radix), space = strspn(text, " \t\n\v\f\r");
  const char *start = text + space;
  const size_t len = strspn(start, "+-.0123456789abcdefABCDEFxXpPinINtyTY");
  char *unwanted;
  if (!end)
    end = &unwanted;
  *end = (char *)(uintptr_t)text;
  if (len > LONGEST_NUMBER)
    return 0;

  char copy[LONGEST_NUMBER + 32], *stop;
  const char *point = memchr(start, '.', len);
  const size_t head = point ? (size_t)(point - start) : len;
  if (radix_len > 16)
    return 0;
  memcpy(copy, start, head);
  if (point) {
    memcpy(copy + head, radix, radix_len);
    memcpy(copy + head + radix_len, point + 1, len - head - 1);
  }
  copy[point ? len - 1 + radix_len : len] = 0;
  double value = strtod(copy, &stop);
  size_t used = (size_t)(stop - copy);
  if (!used)
    return 0;
  if (point && used > head)
    used -= radix_len - 1;
  *end += space + used;
  return value;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* Replace the locale's decimal point in a printed number. */
static void undo_radix(char *number) {
  const char *radix = nl_langinfo(RADIXCHAR);
  char *p = *radix ? strstr(number, radix) : NULL;
  if (!p)
    return;
  *p = '.';
  memmove(p + 1, p + strlen(radix), strlen(p + strlen(radix)) + 1);
}

void enf__dtoa(double value, char buffer[32]) {
  if (!isfinite(value)) {
    const char *name = isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
    memcpy(buffer, name, strlen(name) + 1);
    return;
  }
  /* 15 digits survive text -> double -> text for normal numbers, so nothing shorter is missed. */
  for (int digits = isnormal(value) ? 15 : 1; digits <= 17; digits++) {
    char *end;
    enf__format(buffer, 32, "%.*g", digits, value);
    if (enf__strtod(buffer, &end) == value)
      return;
  }
}

/* One conversion of a format, taken apart: "%", flags, width and precision without '*', and the
   length of the argument. */
typedef struct {
  char spec[32];
  size_t used;
  char length, conversion;
} conversion;

static void spec_append(conversion *c, const char *text, size_t len) {
  if (c->used + len + 3 > sizeof c->spec)
    return; /* room for "j", the letter and 0 */
  memcpy(c->spec + c->used, text, len);
  c->used += len;
}

/* Read the conversion that starts at *format (a '%'); *format moves behind it. */
static conversion read_conversion(const char **format, va_list *args) {
  conversion c = {"%", 1, 0, 0};
  const char *p = *format + 1;
  for (; *p && strchr("-+ #0123456789.*", *p); p++) {
    char digits[16];
    if (*p == '*')
      spec_append(&c, digits, (size_t)snprintf(digits, sizeof digits, "%d", va_arg(*args, int)));
    else
      spec_append(&c, p, 1);
  }
  for (; *p && strchr("hljzt", *p); p++)
    c.length = c.length == 'l' && *p == 'l' ? 'j' : *p;
  c.conversion = *p;
  *format = *p ? p + 1 : p;
  return c;
}

static intmax_t signed_arg(char length, va_list *args) {
  switch (length) {
  case 'l':
    return va_arg(*args, long);
  case 'j':
    return va_arg(*args, intmax_t);
  case 'z':
  case 't':
    return va_arg(*args, ptrdiff_t);
  default:
    return va_arg(*args, int);
  }
}

static uintmax_t unsigned_arg(char length, va_list *args) {
  switch (length) {
  case 'l':
    return va_arg(*args, unsigned long);
  case 'j':
    return va_arg(*args, uintmax_t);
  case 'z':
  case 't':
    return va_arg(*args, size_t);
  default:
    return va_arg(*args, unsigned);
  }
}

_Static_assert(sizeof(long long) == sizeof(intmax_t), "%lld is read as intmax_t");
_Static_assert(sizeof(size_t) == sizeof(ptrdiff_t), "%zd is read as ptrdiff_t");

/* Print one conversion into out (size >= 1); the length it wanted. */
static int print_conversion(char *out, size_t size, conversion c, va_list *args) {
  const bool is_int = strchr("diuxXo", c.conversion);
  const char letters[3] = {is_int ? 'j' : c.conversion, is_int ? c.conversion : 0, 0};
  memcpy(c.spec + c.used, letters, sizeof letters);
  switch (c.conversion) {
  case 'd':
  case 'i':
    return snprintf(out, size, c.spec, signed_arg(c.length, args));
  case 'u':
  case 'x':
  case 'X':
  case 'o':
    return snprintf(out, size, c.spec, unsigned_arg(c.length, args));
  case 'c':
    return snprintf(out, size, c.spec, va_arg(*args, int));
  case 's':
    return snprintf(out, size, c.spec, va_arg(*args, const char *));
  case 'p':
    return snprintf(out, size, c.spec, va_arg(*args, void *));
  case 'e':
  case 'f':
  case 'g':
    snprintf(out, size, c.spec, va_arg(*args, double));
    break;
  default:
    return snprintf(out, size, "%%");
  }
  undo_radix(out);
  return (int)strlen(out);
}

void enf__vformat(char *out, size_t size, const char *format, va_list args) {
  va_list rest; /* a va_list parameter may be an array: its address can only be taken of a copy */
  va_copy(rest, args);
  size_t used = 0;
  while (*format && used + 1 < size) {
    if (*format != '%') {
      out[used++] = *format++;
      continue;
    }
    conversion c = read_conversion(&format, &rest);
    int wanted = print_conversion(out + used, size - used, c, &rest);
    used += wanted > 0 ? (size_t)wanted : 0;
    if (used >= size)
      used = size - 1;
  }
  out[used] = 0;
  va_end(rest);
}

void enf__format(char *out, size_t size, const char *format, ...) {
  va_list args;
  va_start(args, format);
  enf__vformat(out, size, format, args);
  va_end(args);
}

/* ---- nearest name -------------------------------------------------------------------------- */

static size_t min3(size_t a, size_t b, size_t c) {
  size_t ab = a < b ? a : b;
  return ab < c ? ab : c;
}

/* Levenshtein distance (insert, delete, replace), of the first LONGEST_NAME characters. */
static size_t edit_distance(const char *a, const char *b) {
  size_t row[LONGEST_NAME + 1], la = strnlen(a, LONGEST_NAME), lb = strnlen(b, LONGEST_NAME);
  for (size_t j = 0; j <= lb; j++)
    row[j] = j;
  for (size_t i = 1; i <= la; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= lb; j++) {
      size_t above = row[j];
      row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
      diagonal = above;
    }
  }
  return row[lb];
}

/* "threads" is as near to "run.threads" as one typing error. */
static size_t distance(const char *name, const char *known) {
  const char *tail = strrchr(known, '.');
  if (tail && !strcmp(name, tail + 1))
    return 1;
  return edit_distance(name, known);
}

const char *enf__nearest(const char *name, const char *(*next)(const void *list, size_t index),
                         const void *list) {
  const char *best = NULL;
  size_t least = 3 + strnlen(name, LONGEST_NAME) / 2;
  for (size_t i = 0;; i++) {
    const char *known = next(list, i);
    if (!known)
      return best;
    size_t d = distance(name, known);
    if (d < least)
      least = d, best = known;
  }
}
