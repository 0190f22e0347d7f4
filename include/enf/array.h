/* enf/array.h -- configurations in files: .npy and extended XYZ; trajectories, read. */
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
 * enf_array_read: read an array; the name decides: .npy, .npz, .xyz and .extxyz, .dcd, or .nc,
 * .ncdf and .ncrst.
 *
 * .npy: float32 or float64 in either order of bytes, up to 7 dimensions; an array in Fortran order
 * is transposed while it is read, so shape and values are those that NumPy shows. Complex numbers
 * are pairs (re, im) along one more axis, the last. Anything else is refused with the reason.
 *
 * .npz: FILE.npz:NAME is one array of the archive; without a name the only one, or the one that is
 * called x, positions, coordinates or R. DCD, and NetCDF as AMBER has it (classic, not NetCDF-4):
 * shape (n,N,3), no labels, coordinates as they stand (angstrom), all of them finite.
 *
 * Extended XYZ: shape (n,N,3); every frame must have the same atoms in the same order. Columns are
 * found by the comment line's Properties=...: positions are pos, labels are species, or Z (atomic
 * numbers, which become symbols). Without it they are those of plain XYZ: element or atomic number,
 * x, y, z, whatever follows. Exponents may be Fortran's (1.0D-01). Coordinates must be finite; only
 * a frame of nothing but nan is read: a sample that failed. What is not understood is refused,
 * nothing is skipped. Positions are taken as they stand: enf_array_cell tells whether a periodic
 * cell may have cut a molecule.
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

/** enf_array_label: element name of atom `index` in an XYZ file, "" if there is none. Since 0.1.
 *
 * Atomic numbers, of a column Z or of plain XYZ, come as symbols.
 */
const char *enf_array_label(const enf_array *array, size_t index);

/**
 * enf_array_cell: the cell that the comment line of frame `index` of an XYZ file tells.
 *
 * Flows know nothing of periodic cells: their configurations are whole molecules. A file whose cell
 * is repeated may hold molecules that are cut by its walls, as simulation codes write them; a host
 * should refuse it, or make them whole. Lattice gives the vectors, pbc where they are repeated:
 * along all of them by default, as the format has it. Words that tell of a cell in other ways
 * (CELL, box) count as one that is repeated along vectors that are not known.
 *
 * Out:  vectors   (9) three cell vectors, one after another, in the unit of the positions; NaN
 *                 where they are not told; NULL if not wanted
 *       periodic  (3) 1 where the cell is repeated along the vector, else 0; NULL if not wanted
 * Without a cell, and for .npy: NaN and 0.
 * Statuses: ARG, RANGE (no such frame). Since 0.1.
 */
enf_status enf_array_cell(const enf_array *array, size_t index, double *vectors, int *periodic);

/** enf_array_destroy: NULL is fine. Since 0.1. */
void enf_array_destroy(enf_array *array);

/**
 * enf_array_write: write an array atomically; the name decides: .npy, or .xyz and .extxyz.
 *
 * In:   type         "f4" or "f8" for .npy; NULL for "f8" and for XYZ
 *       ndim, shape  1 to 8 dimensions; XYZ needs (n,N,2) or (n,N,3)
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
