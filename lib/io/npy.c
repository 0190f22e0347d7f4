/* npy.c -- NumPy's .npy files, read and written.

   Format (NumPy enhancement proposal 1): "\x93NUMPY", version (2 bytes), header length (u16 in
   version 1.0, u32 in 2.0 and 3.0), header, data. The header is the text of a Python dictionary
     {'descr': '<f8', 'fortran_order': False, 'shape': (4, 2), }
   padded with spaces and a newline so that the data begin at a multiple of 64 bytes.

   Read: floats of 4 and 8 bytes and complex numbers of two of them, which are pairs along one more
   axis, the last, little-endian ('<f8') and big-endian ('>f8'), with 1 to 7 dimensions, in C order or in Fortran's, which is transposed: the array that a caller sees has the
   file's shape, row-major. NumPy under Python 2 wrote lengths as longs (4L). Everything else that
   NumPy can write is UNSUPPORTED with the reason. The data must fill the file exactly. Written:
   version 1.0. */
#include "io/io.h"
#include <stdio.h>
#include <string.h>

static const char magic[6] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};

typedef struct {
  enf_ctx *ctx;
  const char *path;
  const char *begin, *at, *end; /* the header */
  bool integers;                /* are read, too */
  enf__npy_head head;
} reader;

#define REFUSE(r, status, ...) enf__file_refuse((r)->ctx, status, (r)->path, __VA_ARGS__)

/* ---- words of the header --------------------------------------------------------------------- */

/* The next character that is not space, or NUL at the end. */
static char look(reader *r) {
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\n'))
    r->at++;
  return r->at < r->end ? *r->at : '\0';
}

static bool take(reader *r, char c) {
  if (look(r) != c || r->at == r->end)
    return false;
  r->at++;
  return true;
}

static enf_status expected(const reader *r, const char *what) {
  return REFUSE(r, ENF_ERR_FORMAT, "byte %td of the header: %s expected", r->at - r->begin, what);
}

/* A quoted text without escapes, cut off to fit. */
static enf_status take_text(reader *r, char text[32]) {
  const char quote = look(r);
  if (quote != '\'' && quote != '"')
    return expected(r, "a quoted text");
  const char *first = r->at + 1;
  const char *last = memchr(first, quote, (size_t)(r->end - first));
  if (!last)
    return expected(r, "the end of a quoted text");
  snprintf(text, 32, "%.*s", (int)(last - first < 31 ? last - first : 31), first);
  r->at = last + 1;
  return ENF_OK;
}

static enf_status take_size(reader *r, size_t *value) {
  size_t number = 0, digits = 0;
  look(r);
  for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++, digits++) {
    if (__builtin_mul_overflow(number, (size_t)10, &number) ||
        __builtin_add_overflow(number, (size_t)(*r->at - '0'), &number))
      return REFUSE(r, ENF_ERR_FORMAT, "byte %td of the header: number too large",
                    r->at - r->begin);
  }
  if (digits > 0 && r->at < r->end && *r->at == 'L')
    r->at++;
  *value = number;
  return digits > 0 ? ENF_OK : expected(r, "a number");
}

static bool take_word(reader *r, const char *word) {
  const size_t length = strlen(word);
  look(r);
  if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0)
    return false;
  r->at += length;
  return true;
}

/* ---- the three entries ----------------------------------------------------------------------- */

/* Why a type that is not a float of 4 or 8 bytes, or two of them, is refused. */
static const char *describe(const char *type) {
  static const struct {
    char kind;
    const char *what;
  } kinds[] = {{'i', "integers"},        {'u', "unsigned integers"},
               {'b', "booleans"},        {'?', "booleans"},
               {'c', "complex numbers"}, {'O', "Python objects"},
               {'S', "byte strings"},    {'a', "byte strings"},
               {'U', "strings"},         {'V', "structured or raw"},
               {'M', "dates"},           {'m', "time differences"}};
  const char kind = type[0] && strchr("<>|=", type[0]) ? type[1] : type[0];
  if (kind == 'f')
    return "floats of another kind";
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (kinds[i].kind == kind)
      return kinds[i].what;
  return "unknown";
}

/* Bytes of a number of this type, 0 for one that is not read. */
static size_t item_of(const reader *r, const char *type) {
  const bool ordered = type[0] == '<' || type[0] == '>';
  const char *size = ordered || (type[0] == '|' && r->integers) ? type + 1 : "";
  if (!r->integers && ordered && (!strcmp(size, "c8") || !strcmp(size, "c16")))
    return size[1] == '8' ? 4 : 8;
  const size_t bytes = size[0] && size[1] && !size[2] ? (size_t)(size[1] - '0') : 0;
  if (size[0] == 'f')
    return ordered && (bytes == 4 || bytes == 8) ? bytes : 0;
  const bool whole = r->integers && (size[0] == 'i' || size[0] == 'u');
  return whole && (bytes == 1 || (ordered && (bytes == 2 || bytes == 4 || bytes == 8))) ? bytes : 0;
}

static enf_status take_descr(reader *r) {
  enf_status status = ENF_OK;
  enf__npy_head *head = &r->head;
  if (look(r) == '[')
    return REFUSE(r, ENF_ERR_UNSUPPORTED, "structured dtypes are not supported, only f4, f8, c8 and c16");
  TRY(take_text(r, head->type));
  head->big_endian = head->type[0] == '>';
  head->item = item_of(r, head->type);
  head->kind = head->type[1];
  head->parts = head->kind == 'c' ? 2 : 1;
  if (head->item == 0)
    return REFUSE(r, ENF_ERR_UNSUPPORTED, "dtype '%s' (%s) is not supported, only f4, f8, c8 and c16",
                  head->type, describe(head->type));
out:
  return status;
}

static enf_status take_order(reader *r) {
  r->head.fortran = take_word(r, "True");
  return r->head.fortran || take_word(r, "False") ? ENF_OK : expected(r, "True or False");
}

/* A Python tuple: (), (3,), (3, 4), (3, 4,). */
static enf_status take_shape(reader *r) {
  enf_status status = ENF_OK;
  enf__npy_head *head = &r->head;
  bool comma = true;
  if (!take(r, '('))
    return expected(r, "'('");
  for (head->ndim = 0; !take(r, ')'); head->ndim++) {
    if (!comma)
      return expected(r, "',' or ')'");
    if (head->ndim == ENF__ARRAY_AXES - 1)
      return REFUSE(r, ENF_ERR_UNSUPPORTED, "more than %d dimensions are not supported",
                    ENF__ARRAY_AXES - 1);
    TRY(take_size(r, &head->shape[head->ndim]));
    comma = take(r, ',');
  }
  if (head->ndim == 0)
    return REFUSE(r, ENF_ERR_UNSUPPORTED, "an array without dimensions is not supported");
  if (head->ndim == 1 && !comma)
    return expected(r, "',' after a single length");
out:
  return status;
}

static enf_status take_entries(reader *r) {
  static const struct {
    const char *key;
    enf_status (*take)(reader *r);
  } entries[] = {{"descr", take_descr}, {"fortran_order", take_order}, {"shape", take_shape}};
  enf_status status = ENF_OK;
  bool seen[3] = {false, false, false}, comma = true;
  if (!take(r, '{'))
    return expected(r, "'{'");
  while (!take(r, '}')) {
    char key[32];
    size_t which = 0;
    if (!comma)
      return expected(r, "',' or '}'");
    TRY(take_text(r, key));
    while (which < 3 && strcmp(key, entries[which].key) != 0)
      which++;
    if (which == 3 || seen[which])
      return REFUSE(r, ENF_ERR_FORMAT, "the header has %s '%s'",
                    which == 3 ? "the unknown key" : "two of", key);
    seen[which] = true;
    if (!take(r, ':'))
      return expected(r, "':'");
    TRY(entries[which].take(r));
    comma = take(r, ',');
  }
  for (size_t which = 0; which < 3; which++)
    if (!seen[which])
      return REFUSE(r, ENF_ERR_FORMAT, "the header has no '%s'", entries[which].key);
  if (look(r) != '\0' || r->at != r->end)
    return expected(r, "end");
out:
  return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Find the header between the fixed part and the data. */
static enf_status find_header(reader *r, const char *data, size_t bytes) {
  const unsigned char *fixed = (const unsigned char *)data;
  if (bytes < sizeof magic || memcmp(data, magic, sizeof magic) != 0)
    return REFUSE(r, ENF_ERR_FORMAT, "not a .npy file: it does not begin with \\x93NUMPY");
  if (bytes < 10)
    return REFUSE(r, ENF_ERR_FORMAT, "truncated after %zu bytes", bytes);
  if (fixed[6] < 1 || fixed[6] > 3 || fixed[7] != 0)
    return REFUSE(r, ENF_ERR_UNSUPPORTED, ".npy version %d.%d is not supported, only 1.0 to 3.0",
                  fixed[6], fixed[7]);
  const size_t start = fixed[6] == 1 ? 10 : 12;
  if (bytes < start)
    return REFUSE(r, ENF_ERR_FORMAT, "truncated after %zu bytes", bytes);
  size_t length = 0;
  for (size_t i = start; i-- > 8;)
    length = length << 8 | fixed[i];
  if (length > bytes - start)
    return REFUSE(r, ENF_ERR_FORMAT, "truncated: the header has %zu bytes, %zu are there", length,
                  bytes - start);
  r->begin = r->at = data + start;
  r->end = r->begin + length;
  return ENF_OK;
}

static enf_status check_bytes(const reader *r, size_t bytes) {
  const enf__npy_head *head = &r->head;
  size_t needed = head->parts * head->item, limit = needed; /* limit: as if no length were 0 */
  for (size_t d = 0; d < head->ndim; needed *= head->shape[d++])
    if (__builtin_mul_overflow(limit, head->shape[d] ? head->shape[d] : 1, &limit))
      return REFUSE(r, ENF_ERR_FORMAT, "the shape's size overflows");
  if (needed == bytes)
    return ENF_OK;
  return REFUSE(r, ENF_ERR_FORMAT, "the shape needs %zu bytes of data, %zu are there", needed,
                bytes);
}

static double take_value(const enf__npy_head *head, const char *data) {
  char value[8];
  double out;
  for (size_t i = 0; i < head->item; i++)
    value[i] = data[head->big_endian ? head->item - 1 - i : i];
  enf__file_doubles(value, head->item, 1, &out);
  return out;
}

/* The file's values in their order: the last index is the fastest, in Fortran order the first. */
static void take_values(const enf__npy_head *head, const enf_array *array, size_t elements,
                        const char *data) {
  size_t index[ENF__ARRAY_AXES] = {0}, stride[ENF__ARRAY_AXES], at = 0;
  for (size_t d = head->ndim, all = head->parts; d-- > 0; all *= array->shape[d])
    stride[d] = all;
  for (size_t k = 0; k < elements; k++) {
    for (size_t part = 0; part < head->parts; part++)
      array->data[at + part] = take_value(head, data + (k * head->parts + part) * head->item);
    for (size_t i = 0; i < head->ndim; i++) {
      const size_t d = head->fortran ? i : head->ndim - 1 - i;
      at += stride[d];
      if (++index[d] < head->shape[d])
        break;
      at -= stride[d] * head->shape[d];
      index[d] = 0;
    }
  }
}

enf_status enf__npy_read_head(enf_ctx *ctx, const char *path, const char *data, size_t bytes,
                              enf__npy_head *head, size_t *start) {
  enf_status status = ENF_OK;
  reader r = {.ctx = ctx, .path = path, .integers = true};
  TRY(find_header(&r, data, bytes));
  TRY(take_entries(&r));
  *head = r.head;
  *start = (size_t)(r.end - data);
out:
  return status;
}

enf_status enf__npy_parse(enf_ctx *ctx, enf_array *array, const char *path, const char *data,
                          size_t bytes) {
  enf_status status = ENF_OK;
  reader r = {.ctx = ctx, .path = path};
  TRY(find_header(&r, data, bytes));
  TRY(take_entries(&r));
  const enf__npy_head *head = &r.head;
  const size_t rest = (size_t)(data + bytes - r.end), count = rest / head->item;
  TRY(check_bytes(&r, rest));
  array->ndim = head->ndim;
  memcpy(array->shape, head->shape, sizeof head->shape);
  if (head->parts > 1)
    array->shape[array->ndim++] = head->parts;
  TRY(enf__array_reserve(ctx, array));
  if (head->big_endian || (head->fortran && head->ndim > 1))
    take_values(head, array, count / head->parts, r.end);
  else
    enf__file_doubles(r.end, head->item, count, array->data);
out:
  return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

enum { HEADER = 320 };

/* Fixed part and header; returns the bytes, a multiple of 64. Eight lengths of 20 digits fit. */
static size_t make_header(const enf__array_view *view, size_t item, char header[HEADER]) {
  char shape[200];
  size_t used = 0;
  for (size_t d = 0; d < view->ndim; d++)
    used +=
        (size_t)snprintf(shape + used, sizeof shape - used, d ? ", %zu" : "%zu", view->shape[d]);
  memset(header, ' ', HEADER);
  const int text =
      snprintf(header + 10, HEADER - 10, "{'descr': '<f%zu', 'fortran_order': False, 'shape': (%s%s), }",
               item, shape, view->ndim == 1 ? "," : "");
  header[10 + text] = ' ';
  const size_t total = (10 + (size_t)text + 1 + 63) / 64 * 64;
  memcpy(header, magic, sizeof magic);
  memcpy(header + 6, (char[]){1, 0, (char)((total - 10) & 0xff), (char)((total - 10) >> 8)}, 4);
  header[total - 1] = '\n';
  return total;
}

enf_status enf__npy_write(enf_ctx *ctx, const char *path, const enf__array_view *view) {
  enf_status status = ENF_OK;
  enf__writer file = {0};
  char header[HEADER];
  const bool single = view->type && !strcmp(view->type, "f4");
  TRY(enf__writer_open(ctx, &file, path));
  TRY(enf__writer_put(&file, header, make_header(view, single ? 4 : 8, header)));
  if (!single)
    TRY(enf__writer_put(&file, view->data, 8 * view->count));
  for (size_t i = 0; single && i < view->count; i++) {
    const float value = (float)view->data[i];
    TRY(enf__writer_put(&file, &value, sizeof value));
  }
  TRY(enf__writer_commit(&file));
out:
  enf__writer_abandon(&file);
  return status;
}
