/* array_file.c -- enf_array_read and enf_array_write: the file's name decides the format (the table
   below); the formats themselves are in files of their own, the array is in array.c. */
#include "io/io.h"
#include "io/span.h"
#include <string.h>

typedef struct {
  const char *extension;
  enf_status (*parse)(enf_ctx *ctx, enf_array *array, const char *path, const char *data,
                      size_t bytes);
  enf_status (*write)(enf_ctx *ctx, const char *path, const enf__array_view *view); /* or NULL */
} format;

static const format formats[] = {
    {".npy", enf__npy_parse, enf__npy_write},    {".npz", enf__npz_parse, NULL},
    {".xyz", enf__xyz_parse, enf__xyz_write},    {".dcd", enf__dcd_parse, NULL},
    {".extxyz", enf__xyz_parse, enf__xyz_write}, {".nc", enf__netcdf_parse, NULL},
    {".ncdf", enf__netcdf_parse, NULL},          {".ncrst", enf__netcdf_parse, NULL},
};

static bool ends_with(const char *path, size_t length, const char *extension) {
  const size_t tail = strlen(extension);
  return length >= tail &&
         enf__span_is((enf__span){path + length - tail, path + length}, extension);
}

/* Of the first `length` characters of path. */
static enf_status find_format(enf_ctx *ctx, const char *path, size_t length, const format **found) {
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    *found = &formats[i];
    if (ends_with(path, length, formats[i].extension))
      return ENF_OK;
  }
  return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                   "%s: unknown kind of array file; known are .npy, .xyz and .extxyz, and to be "
                   "read .npz, .dcd, .nc, .ncdf and .ncrst",
                   enf__file_name(path));
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The file's bytes; FILE.npz:NAME is an array in FILE.npz. */
static enf_status read_bytes(enf_ctx *ctx, const char *path, size_t length, char **data,
                             size_t *bytes) {
  if (path[length] == '\0')
    return enf__file_read(ctx, path, data, bytes);
  char *file = enf__alloc(&ctx->alloc, length + 1);
  if (!file)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for the name of a file");
  memcpy(file, path, length);
  file[length] = '\0';
  const enf_status status = enf__file_read(ctx, file, data, bytes);
  enf__free(&ctx->alloc, file);
  return status;
}

enf_status enf_array_read(enf_ctx *ctx, enf_array **array, const char *path) {
  ENF__ENTRY;
  enf_status status = ENF_OK;
  const format *kind;
  enf_array *made = NULL;
  char *data = NULL;
  size_t bytes;
  if (array)
    *array = NULL;
  TRY(enf__enter(ctx));
  if (!array || !path)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "enf_array_read: %s is NULL", array ? "path" : "array"));
  const char *member = enf__npz_member(path);
  const size_t length = member ? (size_t)(member - 1 - path) : strlen(path);
  TRY(find_format(ctx, path, length, &kind));
  TRY(read_bytes(ctx, path, length, &data, &bytes));
  made = enf__alloc(&ctx->alloc, sizeof *made);
  if (!made)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for an array"));
  *made = (enf_array){.magic = ENF__MAGIC_ARRAY, .alloc = ctx->alloc};
  TRY(kind->parse(ctx, made, path, data, bytes));
  *array = made;
  made = NULL;
out:
  if (data)
    enf__free(&ctx->alloc, data);
  enf_array_destroy(made);
  return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

enf_status enf_array_write(enf_ctx *ctx, const char *path, const char *type, size_t ndim,
                           const size_t *shape, const char *const *labels, const double *data) {
  ENF__ENTRY;
  enf_status status = ENF_OK;
  const format *kind;
  enf__array_view view = {.type = type, .ndim = ndim, .count = 1, .labels = labels, .data = data};
  TRY(enf__enter(ctx));
  if (!path || !shape)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "enf_array_write: %s is NULL", path ? "shape" : "path"));
  TRY(find_format(ctx, path, strlen(path), &kind));
  if (!kind->write)
    TRY(enf__fail(ctx, ENF_ERR_UNSUPPORTED, "%s: %s is only read, not written",
                  enf__file_name(path), kind->extension));
  if (ndim < 1 || ndim > ENF__ARRAY_AXES)
    TRY(enf__fail(ctx, ENF_ERR_SHAPE, "an array to write has 1 to %d dimensions, not %zu",
                  ENF__ARRAY_AXES, ndim));
  for (size_t d = 0; d < ndim; d++) {
    view.shape[d] = shape[d];
    if (__builtin_mul_overflow(view.count, shape[d], &view.count) || view.count > SIZE_MAX / 8)
      TRY(enf__fail(ctx, ENF_ERR_SHAPE, "the size of the array to write overflows"));
  }
  if (!data && view.count > 0)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "enf_array_write: data is NULL"));
  if (type && strcmp(type, "f4") != 0 && strcmp(type, "f8") != 0)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "type '%.20s' is neither f4 nor f8", type));
  TRY(kind->write(ctx, path, &view));
out:
  return status;
}
