/* params.c -- the table of parameters: appending views, the block, initial values. */
#include "core/params.h"
#include "core/random.h"
#include <string.h>

void enf__params_open(enf_ctx *ctx, enf__params *params) {
  *params = (enf__params){.alloc = ctx->alloc};
}

void enf__params_close(enf__params *params) {
  enf__free(&params->alloc, params->tensor);
  if (!params->lent)
    enf__free(&params->alloc, params->value);
  *params = (enf__params){0};
}

/* Room for one more view. */
static bool grow(enf__params *params) {
  enum { FIRST = 64 };
  if (params->count < params->room)
    return true;
  const size_t room = params->room ? 2 * params->room : FIRST;
  enf__tensor *larger = enf__alloc_array(&params->alloc, room, sizeof *larger);
  if (!larger)
    return false;
  if (params->count)
    memcpy(larger, params->tensor, params->count * sizeof *larger);
  enf__free(&params->alloc, params->tensor);
  params->tensor = larger;
  params->room = room;
  return true;
}

size_t enf__params_add(enf__params *params, enf__tensor tensor, const char *format, ...) {
  tensor.offset = params->size;
  if (params->most && params->count == params->most)
    return tensor.offset;
  if (params->failed || !grow(params)) {
    params->failed = true;
    return tensor.offset;
  }
  va_list numbers;
  va_start(numbers, format);
  enf__vformat(tensor.name, sizeof tensor.name, format, numbers);
  va_end(numbers);
  params->size += tensor.rows * tensor.cols;
  params->tensor[params->count++] = tensor;
  return tensor.offset;
}

enf_status enf__params_allocate(enf_ctx *ctx, enf__params *params) {
  if (!params->failed)
    params->value = enf__alloc_array(&params->alloc, params->size, sizeof *params->value);
  if (!params->value)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu parameters", params->size);
  memset(params->value, 0, params->size * sizeof *params->value);
  params->block = params->size;
  return ENF_OK;
}

void enf__params_lend(enf__params *params, size_t offset, enf__params *part) {
  memcpy(params->value + offset, part->value, part->size * sizeof *part->value);
  if (!part->lent)
    enf__free(&part->alloc, part->value);
  part->value = params->value + offset;
  part->block = params->block;
  part->lent = true;
}

void enf__params_init(enf__params *params, uint64_t seed) {
  for (size_t k = 0; k < params->count; k++) {
    const enf__tensor *t = &params->tensor[k];
    const size_t count = t->rows * t->cols;
    const double gaps = count > 1 ? (double)(count - 1) : 1;
    double *w = params->value + t->offset;
    enf__random_uniform(seed, ENF__STREAM_INIT, k, count, w);
    for (size_t i = 0; i < count; i++)
      w[i] = t->spread * (2 * w[i] - 1) + (t->first + (t->last - t->first) * (double)i / gaps);
    for (size_t i = 0; t->diagonal != 0 && i < t->rows && i < t->cols; i++)
      w[i * t->cols + i] += t->diagonal;
  }
}
