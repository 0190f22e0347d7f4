/* array.c -- an array that was read from a file.

   It is immutable once read. Everything in it comes from the allocator of the context it was read
   with, which is copied, so it may outlive that context. */
#include "io/io.h"
#include <math.h>
#include <string.h>

static bool is_array(const enf_array *array) { return array && array->magic == ENF__MAGIC_ARRAY; }

size_t enf_array_ndim(const enf_array *array) {
  ENF__ENTRY;
  return is_array(array) ? array->ndim : 0;
}

size_t enf_array_shape(const enf_array *array, size_t axis) {
  ENF__ENTRY;
  return axis < enf_array_ndim(array) ? array->shape[axis] : 0;
}

const double *enf_array_data(const enf_array *array) {
  ENF__ENTRY;
  return is_array(array) ? array->data : NULL;
}

const char *enf_array_label(const enf_array *array, size_t index) {
  ENF__ENTRY;
  return is_array(array) && index < array->labels ? array->label[index] : "";
}

enf__cell enf__cell_none(void) {
  enf__cell cell = {.known = false};
  for (size_t k = 0; k < 9; k++)
    cell.vector[k] = (double)NAN;
  return cell;
}

enf_status enf_array_cell(const enf_array *array, size_t index, double *vectors, int *periodic) {
  ENF__ENTRY;
  if (!is_array(array))
    return ENF_ERR_ARG;
  if (index >= enf_array_shape(array, 0))
    return ENF_ERR_RANGE;
  const enf__cell cell = array->cell ? array->cell[index] : enf__cell_none();
  if (vectors)
    memcpy(vectors, cell.vector, sizeof cell.vector);
  for (size_t k = 0; periodic && k < 3; k++)
    periodic[k] = cell.periodic[k];
  return ENF_OK;
}

void enf_array_destroy(enf_array *array) {
  ENF__ENTRY;
  if (!is_array(array))
    return;
  const enf_alloc alloc = array->alloc;
  array->magic = 0;
  enf__free(&alloc, array->data);
  enf__free(&alloc, array->label);
  enf__free(&alloc, array->text);
  enf__free(&alloc, array->cell);
  enf__free(&alloc, array);
}

enf_status enf__array_reserve(enf_ctx *ctx, enf_array *array) {
  size_t count = 1;
  for (size_t d = 0; d < array->ndim; d++)
    if (__builtin_mul_overflow(count, array->shape[d], &count))
      return enf__fail(ctx, ENF_ERR_SHAPE, "the array's size overflows");
  array->data = enf__alloc_array(&array->alloc, count ? count : 1, sizeof *array->data);
  if (array->data)
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for an array of %zu values", count);
}
