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

enf__cell enf__cell_of(const double length[3], const double angle[3]) {
  enf__cell cell = enf__cell_none();
  if (length[0] == 0 || length[1] == 0 || length[2] == 0)
    return cell;
  double cosine[3];
  for (size_t k = 0; k < 3; k++)
    cosine[k] = angle[k] == 90 ? 0 : cos(angle[k] * (3.141592653589793 / 180));
  const double sine = sqrt(1 - cosine[2] * cosine[2]);
  const double y = (cosine[0] - cosine[1] * cosine[2]) / sine;
  const double z = sqrt(1 - cosine[1] * cosine[1] - y * y);
  const double vector[9] = {length[0],
                            0,
                            0,
                            length[1] * cosine[2],
                            length[1] * sine,
                            0,
                            length[2] * cosine[1],
                            length[2] * y,
                            length[2] * z};
  memcpy(cell.vector, vector, sizeof vector);
  cell.known = isfinite(length[0] * length[1] * length[2] * z * y);
  for (size_t k = 0; k < 3; k++)
    cell.periodic[k] = true;
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

enf_status enf__array_reserve_cells(enf_ctx *ctx, enf_array *array) {
  const size_t frames = array->shape[0];
  array->cell = enf__alloc_array(&array->alloc, frames ? frames : 1, sizeof *array->cell);
  if (!array->cell)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu cells", frames);
  for (size_t i = 0; i < frames; i++)
    array->cell[i] = enf__cell_none();
  return ENF_OK;
}

enf_status enf__array_check_frame(enf_ctx *ctx, const enf_array *array, const char *path,
                                  size_t frame) {
  const size_t width = array->shape[1] * array->shape[2];
  const double *x = array->data + width * frame;
  for (size_t k = 0; k < width; k++)
    if (!isfinite(x[k]))
      return enf__file_refuse(ctx, ENF_ERR_FORMAT, path,
                              "coordinate %zu of atom %zu in frame %zu (from 0) is %g",
                              k % array->shape[2], k / array->shape[2], frame, x[k]);
  return ENF_OK;
}
