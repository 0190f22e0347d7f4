/* safetensors_write.c -- writing safetensors files (format: safetensors.h).

   The header's length stands before the header, so the header is made twice: once counted, once
   written. It is padded with spaces to a multiple of 8, so that the data begin 8-byte aligned;
   they follow without holes in the order given. Texts must be UTF-8; names must differ (the
   reader refuses a file where they do not). */
#include "io/json.h"
#include "io/safetensors.h"
#include <stdio.h>
#include <string.h>

/* Where the bytes go: into the file, into memory that has room for them, or only counted. */
typedef struct {
  enf__writer *file;
  char *memory;
  size_t bytes;
  enf_status status;
} sink;

static void put(sink *s, const void *text, size_t bytes) {
  if (s->memory && bytes)
    memcpy(s->memory + s->bytes, text, bytes);
  s->bytes += bytes;
  if (s->file && s->status == ENF_OK)
    s->status = enf__writer_put(s->file, text, bytes);
}

static void put_text(sink *s, const char *text) { put(s, text, strlen(text)); }

static void put_size(sink *s, const char *before, size_t value) {
  char text[24];
  snprintf(text, sizeof text, "%zu", value);
  put_text(s, before);
  put_text(s, text);
}

static void put_string(sink *s, const char *text) {
  put_text(s, "\"");
  for (; *text; text++) {
    char escape[8];
    const bool control = (unsigned char)*text < ' ';
    if (control)
      snprintf(escape, sizeof escape, "\\u%04x", (unsigned)*text);
    if (*text == '"' || *text == '\\')
      put_text(s, "\\");
    put(s, control ? escape : text, control ? 6 : 1);
  }
  put_text(s, "\"");
}

static void put_metadata(sink *s, size_t metas, const enf__st_meta *meta) {
  put_string(s, ENF__ST_METADATA);
  for (size_t i = 0; i < metas; i++) {
    put_text(s, i ? "," : ":{");
    put_string(s, meta[i].key);
    put_text(s, ":");
    put_string(s, meta[i].value);
  }
  put_text(s, "}");
}

static size_t tensor_bytes(const enf__st_tensor *tensor) {
  return tensor->count * enf__st_dtypes[tensor->dtype].bytes;
}

static void put_tensor(sink *s, const enf__st_tensor *tensor, size_t begin) {
  put_string(s, tensor->name);
  put_text(s, ":{\"dtype\":");
  put_string(s, enf__st_dtypes[tensor->dtype].name);
  put_text(s, ",\"shape\":[");
  for (size_t d = 0; d < tensor->ndim; d++)
    put_size(s, d ? "," : "", tensor->shape[d]);
  put_size(s, "],\"data_offsets\":[", begin);
  put_size(s, ",", begin + tensor_bytes(tensor));
  put_text(s, "]}");
}

static void put_header(sink *s, size_t metas, const enf__st_meta *meta, size_t tensors,
                       const enf__st_tensor *tensor) {
  size_t begin = 0;
  put_text(s, "{");
  if (metas > 0)
    put_metadata(s, metas, meta);
  for (size_t i = 0; i < tensors; begin += tensor_bytes(&tensor[i++])) {
    if (i > 0 || metas > 0)
      put_text(s, ",");
    put_tensor(s, &tensor[i], begin);
  }
  put_text(s, "}");
  put(s, "       ", -s->bytes % 8);
}

static enf_status check_utf8(enf_ctx *ctx, const char *path, const char *text) {
  const size_t bytes = strlen(text);
  for (size_t i = 0, length; i < bytes; i += length) {
    length = enf__utf8_length(text + i, bytes - i);
    if (length == 0)
      return enf__file_refuse(ctx, ENF_ERR_ARG, path, "'%.100s' is not UTF-8", text);
  }
  return ENF_OK;
}

static enf_status check_texts(enf_ctx *ctx, const char *path, size_t metas,
                              const enf__st_meta *meta, size_t tensors,
                              const enf__st_tensor *tensor) {
  enf_status status = ENF_OK;
  for (size_t i = 0; i < metas; i++) {
    TRY(check_utf8(ctx, path, meta[i].key));
    TRY(check_utf8(ctx, path, meta[i].value));
  }
  for (size_t i = 0; i < tensors; i++)
    TRY(check_utf8(ctx, path, tensor[i].name));
out:
  return status;
}

/* The whole file but for its first 8 bytes, which say how long the header is. */
static void put_all(sink *s, size_t metas, const enf__st_meta *meta, size_t tensors,
                    const enf__st_tensor *tensor) {
  put_header(s, metas, meta, tensors, tensor);
  for (size_t i = 0; i < tensors; i++)
    put(s, tensor[i].data, tensor_bytes(&tensor[i]));
}

enf_status enf__st_write(enf_ctx *ctx, const char *path, size_t metas, const enf__st_meta *meta,
                         size_t tensors, const enf__st_tensor *tensor) {
  enf_status status = ENF_OK;
  enf__writer file = {0};
  sink counted = {0}, written = {.file = &file};
  TRY(check_texts(ctx, path, metas, meta, tensors, tensor));
  put_header(&counted, metas, meta, tensors, tensor);
  const uint64_t header = counted.bytes;
  TRY(enf__writer_open(ctx, &file, path));
  TRY(enf__writer_put(&file, &header, sizeof header));
  put_all(&written, metas, meta, tensors, tensor);
  TRY(written.status);
  TRY(enf__writer_commit(&file));
out:
  enf__writer_abandon(&file);
  return status;
}

enf_status enf__st_image(enf_ctx *ctx, size_t metas, const enf__st_meta *meta, size_t tensors,
                         const enf__st_tensor *tensor, void **data, size_t *bytes) {
  sink counted = {0}, whole = {0}, written = {0};
  const enf_status status = check_texts(ctx, "a memory image", metas, meta, tensors, tensor);
  if (status != ENF_OK)
    return status;
  put_header(&counted, metas, meta, tensors, tensor);
  put_all(&whole, metas, meta, tensors, tensor);
  const uint64_t header = counted.bytes;
  char *image = enf__alloc(&ctx->alloc, sizeof header + whole.bytes);
  if (!image)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for an image of %zu bytes",
                     sizeof header + whole.bytes);
  memcpy(image, &header, sizeof header);
  written.memory = image + sizeof header;
  put_all(&written, metas, meta, tensors, tensor);
  *data = image;
  *bytes = sizeof header + whole.bytes;
  return ENF_OK;
}
