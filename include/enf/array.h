/* enf/array.h -- configurations in files: .npy and extended XYZ. */
#ifndef ENF_ARRAY_H
#define ENF_ARRAY_H

#include <enf/context.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* An array read from a file. Immutable. */
typedef struct enf_array enf_array;

/**
 * enf_array_read: read an array; the name decides: .npy, or .xyz and .extxyz.
 *
 * .npy: float32 or float64 in either order of bytes, up to 4 dimensions; an array in Fortran order is
 * transposed while it is read, so shape and values are those that NumPy shows. Anything else is
 * refused with the reason. Extended XYZ: shape (n,N,3); every frame must have the same atoms in the same
 * order. Columns are found by the comment line's Properties=...; without it they are those of
 * plain XYZ: element, x, y, z. Everything else in a comment line is ignored.
 * Out:  array  NULL on failure; the caller destroys it. It may outlive ctx.
 * Statuses: ARG, IO, FORMAT (with line or byte), UNSUPPORTED (a dtype, or a name that is not
 * one of these), NOMEM. Since 0.1.
 */
enf_status enf_array_read(enf_ctx *ctx, enf_array **array, const char *path);

/** enf_array_ndim, enf_array_shape, enf_array_data: what was read; 0, 0, NULL for bad arguments.
 *
 * Data are doubles, row-major, owned by the array. Since 0.1.
 */
size_t enf_array_ndim(const enf_array *array);
size_t enf_array_shape(const enf_array *array, size_t axis);
const double *enf_array_data(const enf_array *array);

/** enf_array_label: element name of atom `index` in an XYZ file, "" if there is none. Since 0.1. */
const char *enf_array_label(const enf_array *array, size_t index);

/** enf_array_destroy: NULL is fine. Since 0.1. */
void enf_array_destroy(enf_array *array);

/**
 * enf_array_write: write an array atomically; the name decides: .npy, or .xyz and .extxyz.
 *
 * In:   type         "f4" or "f8" for .npy; NULL for "f8" and for XYZ
 *       ndim, shape  1 to 4 dimensions; XYZ needs (n,N,2) or (n,N,3)
 *       labels       element names (N) for XYZ; NULL for "X"
 *       data         row-major; "f4" rounds to single precision. XYZ writes every number so that
 *                    it reads back the same, and z = 0 for (n,N,2)
 * The old file stays whole until the new one is complete; a symbolic link stays, and the file that
 * it leads to is replaced. .npy holds no labels: they are ignored.
 * Statuses: ARG (NULL, a type or a label that cannot be written), SHAPE, UNSUPPORTED (a name that
 * is none of these), IO, NOMEM. Since 0.1.
 */
enf_status enf_array_write(enf_ctx *ctx, const char *path, const char *type, size_t ndim,
                           const size_t *shape, const char *const *labels, const double *data);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
