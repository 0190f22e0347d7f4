/* json.c -- the strict JSON reader of json.h (RFC 8259; UTF-8 as in RFC 3629).

   A string is unescaped in place, which always fits: \uXXXX is 6 bytes for at most 3 of UTF-8, a
   surrogate pair 12 for 4. Refused: control characters, unknown escapes, NUL, lone surrogates,
   overlong or otherwise invalid UTF-8, numbers with sign, leading zero, fraction or exponent. */
#include "io/json.h"
#include <string.h>

static bool fail(enf__json *json, const char *what) {
  if (!json->error)
    json->error = what;
  return false;
}

static bool more_text(const enf__json *json) { return !json->error && json->at < json->end; }

static void skip_space(enf__json *json) {
  while (more_text(json) && memchr(" \t\n\r", *json->at, 4))
    json->at++;
}

bool enf__json_take(enf__json *json, char c) {
  static const char known[] = "{[:,";
  static const char *const wanted[] = {"'{' expected", "'[' expected", "':' expected",
                                       "',' expected", "another character expected"};
  skip_space(json);
  if (!more_text(json) || *json->at != c)
    return fail(json, wanted[strcspn(known, (char[]){c, 0})]);
  json->at++;
  return true;
}

bool enf__json_more(enf__json *json, size_t index, char close) {
  skip_space(json);
  if (more_text(json) && *json->at == close) {
    json->at++;
    return false;
  }
  if (!more_text(json))
    return fail(json, "closing bracket expected");
  return index == 0 || enf__json_take(json, ',');
}

bool enf__json_done(enf__json *json) {
  skip_space(json);
  return json->error ? false : json->at == json->end || fail(json, "end expected");
}

bool enf__json_uint(enf__json *json, uint64_t *value) {
  skip_space(json);
  const char *first = json->at;
  uint64_t number = 0;
  for (; more_text(json) && *json->at >= '0' && *json->at <= '9'; json->at++) {
    const uint64_t digit = (uint64_t)(*json->at - '0');
    if (number > (UINT64_MAX - digit) / 10)
      return fail(json, "number too large");
    number = number * 10 + digit;
  }
  if (json->error || json->at == first)
    return fail(json, "unsigned integer expected");
  if (*first == '0' && json->at - first > 1)
    return fail(json, "number with a leading zero");
  if (more_text(json) && memchr(".eE+-", *json->at, 5))
    return fail(json, "unsigned integer expected");
  *value = number;
  return true;
}

size_t enf__utf8_length(const char *s, size_t left) {
  /* lead byte masks and marks, smallest character of each length */
  static const uint8_t mask[5] = {0, 0x80, 0xe0, 0xf0, 0xf8};
  static const uint8_t mark[5] = {0, 0x00, 0xc0, 0xe0, 0xf0};
  static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
  if (left == 0)
    return 0;
  const uint8_t lead = (uint8_t)*s;
  size_t length = 1;
  while (length <= 4 && (lead & mask[length]) != mark[length])
    length++;
  if (length > 4 || length > left)
    return 0;
  uint32_t code = lead & (uint8_t)~mask[length];
  for (size_t i = 1; i < length; i++) {
    if (((uint8_t)s[i] & 0xc0) != 0x80)
      return 0;
    code = code << 6 | ((uint8_t)s[i] & 0x3f);
  }
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < smallest[length] || code > 0x10ffff || surrogate ? 0 : length;
}

static char *put_utf8(char *out, uint32_t code) {
  const int length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  static const uint8_t mark[5] = {0, 0x00, 0xc0, 0xe0, 0xf0};
  for (int i = length - 1; i > 0; i--, code >>= 6)
    out[i] = (char)(0x80 | (code & 0x3f));
  out[0] = (char)(mark[length] | code);
  return out + length;
}

/* Four hexadecimal digits. */
static bool take_hex(enf__json *json, uint32_t *code) {
  static const char digits[] = "0123456789abcdef0123456789ABCDEF";
  *code = 0;
  for (int i = 0; i < 4; i++, json->at++) {
    const char *digit = more_text(json) ? memchr(digits, *json->at, sizeof digits - 1) : NULL;
    if (!digit)
      return fail(json, "four hexadecimal digits expected after \\u");
    *code = *code << 4 | ((uint32_t)(digit - digits) & 15);
  }
  return true;
}

/* What follows \u: one character, or the two halves of one. */
static bool take_unicode(enf__json *json, uint32_t *code) {
  uint32_t low;
  if (!take_hex(json, code))
    return false;
  if (*code == 0)
    return fail(json, "string with a NUL character");
  if (*code < 0xd800 || *code > 0xdfff)
    return true;
  const bool pair = *code < 0xdc00 && json->end - json->at >= 2 && !memcmp(json->at, "\\u", 2);
  if (!pair)
    return fail(json, "lone surrogate");
  json->at += 2;
  if (!take_hex(json, &low))
    return false;
  if (low < 0xdc00 || low > 0xdfff)
    return fail(json, "lone surrogate");
  *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
  return true;
}

/* What follows a backslash. */
static bool take_escape(enf__json *json, char **out) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  if (!more_text(json))
    return fail(json, "string without end");
  const char c = *json->at++;
  if (c == 'u') {
    uint32_t code;
    if (!take_unicode(json, &code))
      return false;
    *out = put_utf8(*out, code);
    return true;
  }
  const char *known = memchr(from, c, sizeof from - 1);
  if (!known)
    return fail(json, "unknown escape in a string");
  *(*out)++ = to[known - from];
  return true;
}

char *enf__json_string(enf__json *json) {
  skip_space(json);
  if (!more_text(json) || *json->at != '"')
    return fail(json, "string expected"), NULL;
  char *text = ++json->at, *out = text;
  while (more_text(json) && *json->at != '"') {
    if (*json->at == '\\') {
      json->at++;
      if (!take_escape(json, &out))
        return NULL;
      continue;
    }
    const size_t length = enf__utf8_length(json->at, (size_t)(json->end - json->at));
    if (length == 0)
      return fail(json, "invalid UTF-8"), NULL;
    if ((uint8_t)*json->at < ' ')
      return fail(json, "control character in a string"), NULL;
    memmove(out, json->at, length);
    out += length;
    json->at += length;
  }
  if (!more_text(json))
    return fail(json, "string without end"), NULL;
  json->at++;
  *out = '\0';
  return text;
}

char *enf__json_key(enf__json *json) {
  char *key = enf__json_string(json);
  return key && enf__json_take(json, ':') ? key : NULL;
}
