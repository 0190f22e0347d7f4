/* fuzz_array.h -- any bytes as an array file: read or refused, and of what was read every number
   and label can be looked at. The includer names the parser. */
#ifndef ENF_FUZZ_ARRAY_H
#define ENF_FUZZ_ARRAY_H

#include "io/io.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

typedef enf_status (*parse_fn)(enf_ctx *ctx, enf_array *array, const char *path, const char *data,
                               size_t bytes);

static double look(const enf_array *array) {
  double sum = 0;
  size_t count = 1;
  for (size_t d = 0; d < enf_array_ndim(array); d++)
    count *= enf_array_shape(array, d);
  for (size_t i = 0; i < count; i++)
    sum += enf_array_data(array)[i];
  for (size_t i = 0; i < enf_array_shape(array, 0) && array->cell; i++) {
    double vectors[9];
    int periodic[3];
    enf_array_cell(array, i, vectors, periodic);
    sum += vectors[8] + periodic[2];
  }
  for (size_t i = 0; i < array->labels; i++)
    sum += (double)strlen(enf_array_label(array, i));
  return sum;
}

static int fuzz_array(parse_fn parse, const uint8_t *data, size_t bytes) {
  enf_ctx *ctx;
  if (enf_ctx_create(&ctx, NULL) != ENF_OK)
    return 0;
  char *text = malloc(bytes + 1); /* as enf__file_read gives it, to the byte */
  enf_array *array = enf__alloc(&ctx->alloc, sizeof *array);
  if (text && array) {
    if (bytes > 0)
      memcpy(text, data, bytes);
    text[bytes] = '\0';
    *array = (enf_array){.magic = ENF__MAGIC_ARRAY, .alloc = ctx->alloc};
    volatile double seen = parse(ctx, array, "fuzz", text, bytes) == ENF_OK ? look(array) : 0;
    (void)seen;
    enf_array_destroy(array);
  }
  free(text);
  enf_ctx_destroy(ctx);
  return 0;
}

#endif
