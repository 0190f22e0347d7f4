/* io.h -- files: atomic writing, safetensors, arrays in their formats. Nothing read is trusted. */
#ifndef ENF__IO_H
#define ENF__IO_H

#include "core/options.h"
#include <enf/array.h>

/* The formats are little-endian, and numbers are copied as they lie in memory. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "only little-endian machines");

/* ---- whole files ---------------------------------------------------------------------------- */

/* A file being written under a temporary name beside `path`; commit flushes, fsyncs, renames and
   fsyncs the directory; abandon removes it. All-zero: nothing is being written. */
typedef struct {
  enf_ctx *ctx;
  const char *path; /* the caller's; must outlive the writer */
  char *target;     /* what path leads to if it is a symbolic link; from ctx's allocator */
  char *temporary;  /* likewise; NULL: nothing is being written */
  int fd;
  size_t used; /* bytes waiting in buffer */
  char *buffer;
} enf__writer;

enf_status enf__writer_open(enf_ctx *ctx, enf__writer *w, const char *path);
enf_status enf__writer_put(enf__writer *w, const void *data, size_t bytes);
enf_status enf__writer_commit(enf__writer *w); /* on failure the writer is abandoned */
void enf__writer_abandon(enf__writer *w);      /* fine on a zeroed or committed writer */

/* A regular file to read from, and its length; the caller closes *fd. */
enf_status enf__file_open(enf_ctx *ctx, const char *path, int *fd, size_t *bytes);

/* The whole of a regular file, with one NUL byte added; the caller frees *data (enf__free). */
enf_status enf__file_read(enf_ctx *ctx, const char *path, char **data, size_t *bytes);

/* Write "path: <sentence>" and return the status. The sentence may quote the file: what is not
   printable ASCII becomes '?', so that a file cannot talk to a terminal. */
enf_status enf__file_refuse(enf_ctx *ctx, enf_status status, const char *path, const char *format,
                            ...) __attribute__((format(printf, 4, 5)));

/* IO, with "cannot <verb> <path>: <what the system says>". */
enf_status enf__file_cannot(enf_ctx *ctx, const char *verb, const char *path, int error);

/* Floats of `item` (4 or 8) bytes, unaligned, to doubles. */
void enf__file_doubles(const char *data, size_t item, size_t count, double *out);

/* The path, or the end of a very long one, so that the rest of a sentence fits beside it. */
const char *enf__file_name(const char *path);

/* ---- safetensors ---------------------------------------------------------------------------- */

/* https://github.com/huggingface/safetensors: u64 header length, JSON header, raw data.
   dtypes F32, F64, I64, U64 here. */
enum { ENF__F32, ENF__F64, ENF__I64, ENF__U64, ENF__DTYPES };
enum { ENF__ST_AXES = 8 };

typedef struct {
  const char *name;
  int dtype;
  size_t ndim, shape[ENF__ST_AXES], count; /* count: product of the shape */
  const void *data;                        /* inside the file's buffer, possibly unaligned when read */
} enf__st_tensor;

typedef struct {
  const char *key, *value;
} enf__st_meta;

typedef struct {
  const enf_alloc *alloc;
  char *buffer;
  size_t tensors, metas;
  enf__st_tensor *tensor;   /* by place */
  enf__st_tensor **by_name; /* (tensors) into it */
  enf__st_meta *meta;
} enf__st_file;

/* Refuses (FORMAT, with the reason and the path): too short, header longer than the file or 100 MB,
   not JSON of the expected form, unknown dtype, duplicate names, offsets that overlap, leave holes,
   run past the end or disagree with shape and dtype, sizes that overflow. */
enf_status enf__st_read(enf_ctx *ctx, enf__st_file *file, const char *path);
/* The same for bytes in memory from ctx's allocator, which now belong to the file; path is for
   the sentence. Tensors come out in the order of their data, metadata sorted by key. */
enf_status enf__st_parse(enf_ctx *ctx, enf__st_file *file, const char *path, char *buffer,
                         size_t bytes);
void enf__st_free(enf__st_file *file); /* fine on a zeroed file */
const enf__st_tensor *enf__st_find(const enf__st_file *file, const char *name); /* or NULL */
const char *enf__st_meta_find(const enf__st_file *file, const char *key);       /* or NULL */
/* The tensors and metadata whose names begin with prefix, without it, and the
   metadata without a '.' in their names ("format_version"), as a file that borrows from this one.
   NOMEM. */
enf_status enf__st_part(enf_ctx *ctx, const enf__st_file *file, const char *prefix,
                        enf__st_file *part);
/* Copy to doubles (F32 and F64 tensors). */
void enf__st_doubles(const enf__st_tensor *tensor, double *out);

/* Write a file from tables; data in the machine's (little-endian) order, header padded so that
   tensor data are 8-byte aligned, in the order given. */
enf_status enf__st_write(enf_ctx *ctx, const char *path, size_t metas, const enf__st_meta *meta,
                         size_t tensors, const enf__st_tensor *tensor);

/* The same bytes in memory from ctx's allocator. */
enf_status enf__st_image(enf_ctx *ctx, size_t metas, const enf__st_meta *meta, size_t tensors,
                         const enf__st_tensor *tensor, void **data, size_t *bytes);

/* ---- libenf's own files: what their metadata begin with, and options (format.c) -------------- */

enum { ENF__FORMAT_METAS = 3 };
/* Write the first entries; returns their number. */
size_t enf__format_metas(const char *format, enf__st_meta meta[ENF__FORMAT_METAS]);
/* FORMAT unless the file is of this format ("not a libenf <what>"), VERSION if it is too new. */
enf_status enf__format_check(enf_ctx *ctx, const enf__st_file *file, const char *path,
                             const char *format, const char *what);
/* An option's text in a file; for one younger than the format what a file without it means; or
   NULL. */
const char *enf__format_option(const enf__st_file *file, enf__opt id);
/* Set all options of a group ("model.") as the file has them. FORMAT for one that is missing or
   refused, VERSION for one that only a newer library knows. */
enf_status enf__format_options(enf_ctx *ctx, const enf__st_file *file, const char *path,
                               const char *group, enf_opts *opts);

/* ---- arrays --------------------------------------------------------------------------------- */

/* The cell of a configuration. */
typedef struct {
  double
      vector[9]; /* three cell vectors, one after another; NaN where the file does not tell them */
  bool known;    /* vector is told */
  bool periodic[3]; /* repeated along this vector */
} enf__cell;

enf__cell enf__cell_none(void);
/* The cell, repeated along all its vectors, of three lengths and angles (between b and c, a and c,
   a and b; degrees): a along x, b in the plane of x and y. None where a length is 0. */
enf__cell enf__cell_of(const double length[3], const double angle[3]);

enum { ENF__ARRAY_AXES = 8 };

struct enf_array {
  uint32_t magic;
  enf_alloc alloc;
  size_t ndim, shape[ENF__ARRAY_AXES];
  double *data;
  size_t labels; /* 0 where the format has none */
  char **label;  /* (labels), into text */
  char *text;
  enf__cell *cell; /* (shape[0]), or NULL: none has one */
};

/* What enf_array_write was given, checked: the shape's product does not overflow. */
typedef struct {
  const char *type;
  size_t ndim, shape[ENF__ARRAY_AXES], count;
  const char *const *labels;
  const double *data;
} enf__array_view;

/* What a .npy file begins with. */
typedef struct {
  char kind;            /* 'f', 'c', 'i', 'u', or another that is not read */
  char type[32];        /* as it is written */
  size_t item, parts;   /* bytes of a number, and how many make an element: 2 if it is complex */
  size_t ndim, shape[ENF__ARRAY_AXES];
  bool big_endian, fortran;
} enf__npy_head;

/* Refuses what is no header of a .npy file, or not all in these bytes; *start is where it ends. */
enf_status enf__npy_read_head(enf_ctx *ctx, const char *path, const char *data, size_t bytes,
                              enf__npy_head *head, size_t *start);

/* One format: parse fills a zeroed array (what it allocated is freed by the caller on failure)
   from a file's bytes, which end in a NUL; write makes the file. */
enf_status enf__npy_parse(enf_ctx *ctx, enf_array *array, const char *path, const char *data,
                          size_t bytes);
enf_status enf__npy_write(enf_ctx *ctx, const char *path, const enf__array_view *view);
enf_status enf__xyz_parse(enf_ctx *ctx, enf_array *array, const char *path, const char *data,
                          size_t bytes);
enf_status enf__xyz_write(enf_ctx *ctx, const char *path, const enf__array_view *view);

enf_status enf__npz_parse(enf_ctx *ctx, enf_array *array, const char *path, const char *data,
                          size_t bytes);
enf_status enf__dcd_parse(enf_ctx *ctx, enf_array *array, const char *path, const char *data,
                          size_t bytes);
enf_status enf__netcdf_parse(enf_ctx *ctx, enf_array *array, const char *path, const char *data,
                             size_t bytes);
/* NAME of FILE.npz:NAME, NULL for other paths. */
const char *enf__npz_member(const char *path);

/* The first two lines of an extended XYZ frame, and an atom's; label is one word. */
enf_status enf__xyz_put_head(enf__writer *file, size_t N, size_t G, const double *context);
enf_status enf__xyz_put_atom(enf__writer *file, const char *label, const double *x, size_t D);

/* Memory for array->shape; NOMEM, or SHAPE if the product overflows. */
enf_status enf__array_reserve(enf_ctx *ctx, enf_array *array);
/* A cell, none, for every frame. */
enf_status enf__array_reserve_cells(enf_ctx *ctx, enf_array *array);
/* FORMAT unless all numbers of the frame are finite. */
enf_status enf__array_check_frame(enf_ctx *ctx, const enf_array *array, const char *path,
                                  size_t frame);

#endif
