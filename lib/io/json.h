/* json.h -- a strict JSON reader for headers whose form is known: it is asked for what must come
   next, so there is no tree, no recursion and no memory.

   Grammar: RFC 8259, of which strings, unsigned integers, objects and arrays are here. Strings are
   unescaped where they stand; duplicate keys are the caller's business. After a failure `error`
   says what was expected, and every further call fails. */
#ifndef ENF__JSON_H
#define ENF__JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  char *begin, *at, *end; /* the text; it is changed */
  const char *error;      /* NULL: none yet */
} enf__json;

/* The next character that is not space must be `c`. */
bool enf__json_take(enf__json *json, char c);

/* Whether element `index` of an object or array follows: takes the comma before it, or `close`. */
bool enf__json_more(enf__json *json, size_t index, char close);

/* A string, NUL-terminated UTF-8 inside the text, without NUL characters; NULL on failure. */
char *enf__json_string(enf__json *json);

/* The same followed by ':'. */
char *enf__json_key(enf__json *json);

/* An integer in [0, 2^64) without sign, fraction or exponent. */
bool enf__json_uint(enf__json *json, uint64_t *value);

/* Nothing but space is left. */
bool enf__json_done(enf__json *json);

/* Bytes (1 to 4) of the valid UTF-8 character at s, of which `left` bytes may be read; 0 if it is
   not one. */
size_t enf__utf8_length(const char *s, size_t left);

#endif
