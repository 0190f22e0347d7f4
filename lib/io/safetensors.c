/* safetensors.c -- reading safetensors files; nothing in them is trusted.

   Of what the format allows (safetensors.h), 4 dtypes and up to 4 dimensions are read. Refused
   with the reason: everything the format forbids, and what readers disagree about: unknown keys,
   duplicate names or keys, bytes that belong to no tensor or to two.

   The whole file is one buffer; names and texts are unescaped in place and point into it. Work is
   O(header log header): tensors and metadata are sorted, in place, to find duplicates and holes. */
#include "io/safetensors.h"
#include "io/json.h"
#include <string.h>

const struct enf__st_dtype enf__st_dtypes[] = {[ENF__F32] = {"F32", 4},
                                               [ENF__F64] = {"F64", 8},
                                               [ENF__I64] = {"I64", 8},
                                               [ENF__U64] = {"U64", 8}};
ENF__ROW_FOR_EVERY(ENF__DTYPES, enf__st_dtypes);

/* As in the published library. */
static const uint64_t longest_header = 100000000;

typedef struct {
  enf_ctx *ctx;
  const char *path;
  enf__st_file *file;
  enf__json json;
  const char *data; /* after the header */
  size_t bytes;     /* of data */
  bool has_metadata;
} reader;

/* ---- sorting (qsort may allocate behind the allocator's back) -------------------------------- */

typedef int (*compare_fn)(const void *a, const void *b);

static void swap(char *a, char *b, size_t size) {
  for (size_t i = 0; i < size; i++) {
    const char c = a[i];
    a[i] = b[i];
    b[i] = c;
  }
}

/* Let element `root` sink in the heap of `count`. */
static void sift(char *base, size_t root, size_t count, size_t size, compare_fn compare) {
  for (size_t child; (child = 2 * root + 1) < count; root = child) {
    if (child + 1 < count && compare(base + child * size, base + (child + 1) * size) < 0)
      child++;
    if (compare(base + root * size, base + child * size) >= 0)
      return;
    swap(base + root * size, base + child * size, size);
  }
}

static void heap_sort(void *table, size_t count, size_t size, compare_fn compare) {
  char *base = table;
  for (size_t root = count / 2; root-- > 0;)
    sift(base, root, count, size, compare);
  for (size_t last = count; last-- > 1;) {
    swap(base, base + last * size, size);
    sift(base, 0, last, size, compare);
  }
}

static int by_name(const void *a, const void *b) {
  return strcmp((*(const enf__st_tensor *const *)a)->name,
                (*(const enf__st_tensor *const *)b)->name);
}

static int by_key(const void *a, const void *b) {
  return strcmp(((const enf__st_meta *)a)->key, ((const enf__st_meta *)b)->key);
}

static size_t tensor_bytes(const enf__st_tensor *tensor) {
  return tensor->count * enf__st_dtypes[tensor->dtype].bytes;
}

/* Empty tensors before the one that begins where they are. */
static int by_place(const void *a, const void *b) {
  const enf__st_tensor *s = a, *t = b;
  if (s->data != t->data)
    return (const char *)s->data < (const char *)t->data ? -1 : 1;
  return (tensor_bytes(s) > tensor_bytes(t)) - (tensor_bytes(s) < tensor_bytes(t));
}

/* ---- the header ------------------------------------------------------------------------------ */

#define REFUSE(r, ...) enf__file_refuse((r)->ctx, ENF_ERR_FORMAT, (r)->path, __VA_ARGS__)

/* OK, or the sentence if the JSON reader has failed. */
static enf_status check_json(const reader *r) {
  if (!r->json.error)
    return ENF_OK;
  return REFUSE(r, "byte %zu of the header: %s", (size_t)(r->json.at - r->json.begin),
                r->json.error);
}

static enf_status parse_dtype(reader *r, enf__st_tensor *tensor) {
  const char *name = enf__json_string(&r->json);
  if (!name)
    return check_json(r);
  for (tensor->dtype = 0; tensor->dtype < ENF__DTYPES; tensor->dtype++)
    if (!strcmp(name, enf__st_dtypes[tensor->dtype].name))
      return ENF_OK;
  return REFUSE(r, "tensor '%.60s' has the unknown dtype '%.20s' (known: F32, F64, I64, U64)",
                tensor->name, name);
}

static enf_status parse_shape(reader *r, enf__st_tensor *tensor) {
  uint64_t length;
  tensor->count = 1;
  if (!enf__json_take(&r->json, '['))
    return check_json(r);
  for (; enf__json_more(&r->json, tensor->ndim, ']'); tensor->ndim++) {
    if (!enf__json_uint(&r->json, &length))
      break;
    if (tensor->ndim == ENF__ST_AXES)
      return REFUSE(r, "tensor '%.60s' has more than %d dimensions", tensor->name,
                    (int)ENF__ST_AXES);
    if (length > SIZE_MAX || __builtin_mul_overflow(tensor->count, (size_t)length, &tensor->count))
      return REFUSE(r, "tensor '%.60s' has a size that overflows", tensor->name);
    tensor->shape[tensor->ndim] = (size_t)length;
  }
  return check_json(r);
}

static enf_status parse_offsets(reader *r, uint64_t offsets[2]) {
  enf__json *json = &r->json;
  size_t given = 0;
  if (!enf__json_take(json, '['))
    return check_json(r);
  for (uint64_t offset; enf__json_more(json, given, ']'); given++) {
    if (!enf__json_uint(json, &offset))
      break;
    if (given < 2)
      offsets[given] = offset;
  }
  if (!json->error && given != 2)
    return REFUSE(r, "data_offsets has %zu numbers, not 2", given);
  return check_json(r);
}

/* Place the tensor, if its offsets lie in the data and agree with its shape and dtype. */
static enf_status place(reader *r, enf__st_tensor *tensor, const uint64_t offsets[2]) {
  const size_t size = enf__st_dtypes[tensor->dtype].bytes;
  const unsigned long long begin = offsets[0], end = offsets[1];
  if (tensor->count > SIZE_MAX / size)
    return REFUSE(r, "tensor '%.60s' has a size that overflows", tensor->name);
  if (begin > end || end > r->bytes)
    return REFUSE(r, "tensor '%.60s' is at bytes %llu to %llu of %zu", tensor->name, begin, end,
                  r->bytes);
  if (end - begin != tensor->count * size)
    return REFUSE(r, "tensor '%.60s' needs %zu bytes for its shape and has %llu", tensor->name,
                  tensor->count * size, end - begin);
  tensor->data = r->data + begin;
  return ENF_OK;
}

static enf_status parse_tensor(reader *r, const char *name) {
  static const char *const keys[] = {"dtype", "shape", "data_offsets"};
  enf_status status = ENF_OK;
  enf__st_tensor tensor = {.name = name};
  uint64_t offsets[2] = {0, 0};
  unsigned seen = 0;
  if (!enf__json_take(&r->json, '{'))
    return check_json(r);
  for (size_t i = 0; enf__json_more(&r->json, i, '}'); i++) {
    const char *key = enf__json_key(&r->json);
    if (!key)
      break;
    unsigned which = 0;
    while (which < 3 && strcmp(key, keys[which]) != 0)
      which++;
    if (which == 3)
      return REFUSE(r, "tensor '%.60s' has the unknown key '%.60s'", name, key);
    if (seen & 1u << which)
      return REFUSE(r, "tensor '%.60s' has two of '%s'", name, key);
    seen |= 1u << which;
    TRY(which == 0   ? parse_dtype(r, &tensor)
        : which == 1 ? parse_shape(r, &tensor)
                     : parse_offsets(r, offsets));
  }
  TRY(check_json(r));
  for (unsigned which = 0; which < 3; which++)
    if (!(seen & 1u << which))
      return REFUSE(r, "tensor '%.60s' has no %s", name, keys[which]);
  TRY(place(r, &tensor, offsets));
  r->file->tensor[r->file->tensors++] = tensor;
out:
  return status;
}

static enf_status parse_metadata(reader *r) {
  if (r->has_metadata)
    return REFUSE(r, "there are two of '" ENF__ST_METADATA "'");
  r->has_metadata = true;
  if (!enf__json_take(&r->json, '{'))
    return check_json(r);
  for (size_t i = 0; enf__json_more(&r->json, i, '}'); i++) {
    const char *key = enf__json_key(&r->json);
    const char *value = key ? enf__json_string(&r->json) : NULL;
    if (!value)
      break;
    r->file->meta[r->file->metas++] = (enf__st_meta){key, value};
  }
  return check_json(r);
}

static enf_status parse_header(reader *r) {
  enf_status status = ENF_OK;
  if (r->json.begin == r->json.end || *r->json.begin != '{')
    return REFUSE(r, "byte 0 of the header: '{' expected");
  enf__json_take(&r->json, '{');
  for (size_t i = 0; enf__json_more(&r->json, i, '}'); i++) {
    const char *name = enf__json_key(&r->json);
    if (!name)
      break;
    TRY(strcmp(name, ENF__ST_METADATA) != 0 ? parse_tensor(r, name) : parse_metadata(r));
  }
  enf__json_done(&r->json);
  TRY(check_json(r));
out:
  return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enf_status check_names(const reader *r) {
  const enf__st_file *file = r->file;
  for (size_t i = 0; i < file->tensors; i++)
    file->by_name[i] = &file->tensor[i];
  heap_sort(file->by_name, file->tensors, sizeof *file->by_name, by_name);
  for (size_t i = 1; i < file->tensors; i++)
    if (!by_name(&file->by_name[i - 1], &file->by_name[i]))
      return REFUSE(r, "there are two tensors '%.60s'", file->by_name[i]->name);
  heap_sort(file->meta, file->metas, sizeof *file->meta, by_key);
  for (size_t i = 1; i < file->metas; i++)
    if (!by_key(&file->meta[i - 1], &file->meta[i]))
      return REFUSE(r, "there are two metadata entries '%.60s'", file->meta[i].key);
  return ENF_OK;
}

/* Every byte of the data must belong to exactly one tensor; they are in order. */
static enf_status check_places(const reader *r) {
  const enf__st_file *file = r->file;
  const char *next = r->data;
  for (size_t i = 0; i < file->tensors; i++) {
    const enf__st_tensor *tensor = &file->tensor[i];
    const char *begin = tensor->data;
    if (begin != next)
      return REFUSE(r, "tensor '%.60s' begins at byte %td of the data, %s", tensor->name,
                    begin - r->data, begin < next ? "inside another one" : "after a hole");
    next = begin + tensor_bytes(tensor);
  }
  if (next != r->data + r->bytes)
    return REFUSE(r, "the data have %td bytes more than the tensors", r->data + r->bytes - next);
  return ENF_OK;
}

/* Room for as many entries as the header can hold: the shortest tensor is
   "":{"dtype":"F32","shape":[],"data_offsets":[0,0]} (50 bytes), the shortest text "":"" (5). */
static enf_status make_tables(const reader *r, size_t header) {
  const size_t tensors = header / 50 + 1, metas = header / 5 + 1;
  r->file->tensor = enf__alloc_array(r->file->alloc, tensors, sizeof *r->file->tensor);
  r->file->by_name = enf__alloc_array(r->file->alloc, tensors, sizeof *r->file->by_name);
  r->file->meta = enf__alloc_array(r->file->alloc, metas, sizeof *r->file->meta);
  if (r->file->tensor && r->file->by_name && r->file->meta)
    return ENF_OK;
  return enf__fail(r->ctx, ENF_ERR_NOMEM, "no memory for the header of %s",
                   enf__file_name(r->path));
}

enf_status enf__st_parse(enf_ctx *ctx, enf__st_file *file, const char *path, char *buffer,
                         size_t bytes) {
  enf_status status = ENF_OK;
  uint64_t header = 0;
  reader r = {.ctx = ctx, .path = path, .file = file};
  *file = (enf__st_file){.alloc = &ctx->alloc, .buffer = buffer};
  if (bytes < 8)
    TRY(REFUSE(&r, "a safetensors file has at least 8 bytes, this one has %zu", bytes));
  memcpy(&header, buffer, 8);
  if (header > longest_header || header > bytes - 8)
    TRY(REFUSE(&r, "not a safetensors file: its header of %llu bytes is longer than %s",
               (unsigned long long)header, header > bytes - 8 ? "the file" : "100 MB"));
  r.json = (enf__json){.begin = buffer + 8, .at = buffer + 8, .end = buffer + 8 + header};
  r.data = buffer + 8 + header;
  r.bytes = bytes - 8 - (size_t)header;
  TRY(make_tables(&r, (size_t)header));
  TRY(parse_header(&r));
  heap_sort(file->tensor, file->tensors, sizeof *file->tensor, by_place);
  TRY(check_names(&r));
  TRY(check_places(&r));
  return ENF_OK;
out:
  enf__st_free(file);
  return status;
}

enf_status enf__st_read(enf_ctx *ctx, enf__st_file *file, const char *path) {
  char *buffer;
  size_t bytes;
  *file = (enf__st_file){0};
  const enf_status status = enf__file_read(ctx, path, &buffer, &bytes);
  return status == ENF_OK ? enf__st_parse(ctx, file, path, buffer, bytes) : status;
}

void enf__st_free(enf__st_file *file) {
  if (!file->alloc)
    return;
  enf__free(file->alloc, file->tensor);
  enf__free(file->alloc, file->by_name);
  enf__free(file->alloc, file->meta);
  enf__free(file->alloc, file->buffer);
  *file = (enf__st_file){0};
}

const enf__st_tensor *enf__st_find(const enf__st_file *file, const char *name) {
  size_t first = 0, last = file->tensors; /* it is in [first, last) */
  while (first < last) {
    const size_t middle = first + (last - first) / 2;
    const int order = strcmp(name, file->by_name[middle]->name);
    if (!order)
      return file->by_name[middle];
    if (order < 0)
      last = middle;
    else
      first = middle + 1;
  }
  return NULL;
}

/* What begins with the prefix keeps its order without it. */
enf_status enf__st_part(enf_ctx *ctx, const enf__st_file *file, const char *prefix,
                        enf__st_file *part) {
  const size_t length = strlen(prefix);
  *part = (enf__st_file){.alloc = &ctx->alloc};
  part->tensor = enf__alloc_array(part->alloc, file->tensors, sizeof *part->tensor);
  part->by_name = enf__alloc_array(part->alloc, file->tensors, sizeof *part->by_name);
  part->meta = enf__alloc_array(part->alloc, file->metas, sizeof *part->meta);
  if (!part->tensor || !part->by_name || !part->meta)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a table of %zu tensors", file->tensors);
  for (size_t i = 0; i < file->tensors; i++) {
    enf__st_tensor *tensor = &part->tensor[part->tensors];
    if (strncmp(file->by_name[i]->name, prefix, length) != 0)
      continue;
    *tensor = *file->by_name[i];
    tensor->name += length;
    part->by_name[part->tensors++] = tensor;
  }
  for (size_t i = 0; i < file->metas; i++) {
    const enf__st_meta *meta = &file->meta[i];
    if (!strncmp(meta->key, prefix, length))
      part->meta[part->metas++] = (enf__st_meta){meta->key + length, meta->value};
    else if (!strchr(meta->key, '.'))
      part->meta[part->metas++] = *meta;
  }
  return ENF_OK;
}

const char *enf__st_meta_find(const enf__st_file *file, const char *key) {
  for (size_t i = 0; i < file->metas; i++)
    if (!strcmp(file->meta[i].key, key))
      return file->meta[i].value;
  return NULL;
}

void enf__st_doubles(const enf__st_tensor *tensor, double *out) {
  const size_t item = enf__st_dtypes[tensor->dtype].bytes;
  if (tensor->dtype == ENF__F32 || tensor->dtype == ENF__F64)
    enf__file_doubles(tensor->data, item, tensor->count, out);
}
