/* io.h -- files: atomic writing, safetensors, .npy, extended XYZ. Nothing read is trusted. */
#ifndef ENF__IO_H
#define ENF__IO_H

#include "core/core.h"

/* ---- whole files ---------------------------------------------------------------------------- */

/* A file being written under a temporary name beside `path`; commit flushes, fsyncs, renames and
   fsyncs the directory; abandon removes it. */
typedef struct {
  enf_ctx *ctx;
  const char *path;
  char *temporary; /* from ctx's allocator */
  int fd;
  size_t used;     /* bytes waiting in buffer */
  char *buffer;
} enf__writer;

enf_status enf__writer_open(enf_ctx *ctx, enf__writer *w, const char *path);
enf_status enf__writer_put(enf__writer *w, const void *data, size_t bytes);
enf_status enf__writer_commit(enf__writer *w);  /* on failure the writer is abandoned */
void enf__writer_abandon(enf__writer *w);       /* fine on a zeroed or committed writer */

/* The whole of a regular file, with one NUL byte added; the caller frees *data (enf__free). */
enf_status enf__file_read(enf_ctx *ctx, const char *path, char **data, size_t *bytes);

/* ---- safetensors ---------------------------------------------------------------------------- */

/* https://github.com/huggingface/safetensors: u64 header length, JSON header, raw data.
   dtypes F32, F64, I64, U64 here. */
enum { ENF__F32, ENF__F64, ENF__I64, ENF__U64 };

typedef struct {
  const char *name;
  int dtype;
  size_t ndim, shape[4], count; /* count: product of the shape */
  const void *data;             /* inside the file's buffer, possibly unaligned when read */
} enf__st_tensor;

typedef struct {
  const char *key, *value;
} enf__st_meta;

typedef struct {
  const enf_alloc *alloc;
  char *buffer;
  size_t tensors, metas;
  enf__st_tensor *tensor;
  enf__st_meta *meta;
} enf__st_file;

/* Refuses (FORMAT, with the reason and the path): too short, header longer than the file or 100 MB,
   not JSON of the expected form, unknown dtype, duplicate names, offsets that overlap, leave holes,
   run past the end or disagree with shape and dtype, sizes that overflow. */
enf_status enf__st_read(enf_ctx *ctx, enf__st_file *file, const char *path);
void enf__st_free(enf__st_file *file); /* fine on a zeroed file */
const enf__st_tensor *enf__st_find(const enf__st_file *file, const char *name);  /* or NULL */
const char *enf__st_meta_find(const enf__st_file *file, const char *key);        /* or NULL */
/* Copy to doubles (F32 and F64 tensors). */
void enf__st_doubles(const enf__st_tensor *tensor, double *out);

/* Write a file from tables; data in the machine's (little-endian) order, header padded so that
   tensor data are 8-byte aligned, in the order given. */
enf_status enf__st_write(enf_ctx *ctx, const char *path, size_t metas, const enf__st_meta *meta,
                         size_t tensors, const enf__st_tensor *tensor);

#endif
