/* fuzz_safetensors.c -- any bytes as a safetensors file: read or refused, and what was read can be
   looked at everywhere. */
#include "io/io.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* The names and values are texts, and the data lie in the buffer. */
static size_t look(const enf__st_file *file) {
  static const size_t item[] = {4, 8, 8, 8};
  size_t sum = 0;
  for (size_t i = 0; i < file->metas; i++)
    sum += strlen(file->meta[i].key) + strlen(file->meta[i].value);
  for (size_t i = 0; i < file->tensors; i++) {
    const unsigned char *data = file->tensor[i].data;
    sum += strlen(file->tensor[i].name);
    for (size_t k = 0; k < file->tensor[i].count * item[file->tensor[i].dtype]; k++)
      sum += data[k];
  }
  return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  enf_ctx *ctx;
  if (enf_ctx_create(&ctx, NULL) != ENF_OK)
    return 0;
  enf__st_file file = {0};
  char *copy = enf__alloc(&ctx->alloc, bytes ? bytes : 1);
  volatile size_t seen = 0;
  if (copy) {
    if (bytes > 0)
      memcpy(copy, data, bytes);
    if (enf__st_parse(ctx, &file, "fuzz", copy, bytes) == ENF_OK)
      seen = look(&file);
  }
  (void)seen;
  enf__st_free(&file);
  enf_ctx_destroy(ctx);
  return 0;
}
