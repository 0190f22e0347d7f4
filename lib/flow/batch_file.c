/* batch_file.c -- batches in files: enf_batch_read and its reader, which take the kinds of a flow
   (the formats are io/frames.c and io/set.c), and enf_batch_write. */
#include "core/elements.h"
#include "flow/flow.h"
#include "io/ragged.h"
#include <stdio.h>
#include <string.h>

static bool is_xyz(const char *path) {
  const enf__span name = {path, path + strlen(path)};
  const char *dot = strrchr(path, '.');
  const enf__span ending = {dot ? dot : name.end, name.end};
  return enf__span_is(ending, ".xyz") || enf__span_is(ending, ".extxyz");
}

static enf__kind_rule kinds_of(const enf_flow *flow) {
  enf__kind_rule kinds = {.rule = ENF__KINDS_NUMBERS};
  const enf__featured *featured = flow ? &flow->space.featured : NULL;
  if (flow && flow->space.kinds == 0)
    kinds.rule = ENF__KINDS_NONE;
  if (!flow || featured->elements == 0)
    return kinds;
  kinds.rule = ENF__KINDS_LISTED;
  kinds.listed = featured->elements;
  for (size_t k = 0; k < featured->elements; k++)
    kinds.number[k] = featured->number[k];
  return kinds;
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool is_reader(const enf_batch_reader *reader) {
  return reader && reader->magic == ENF__MAGIC_BATCH_READER;
}

/* A path that is neither is refused before its three files are looked for. */
static enf_status open_files(enf_ctx *ctx, enf_batch_reader *reader, const char *path) {
  const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');
  if (is_xyz(path))
    return enf__frames_open(ctx, reader, path);
  if (dot && !strcmp(dot, ".npy"))
    return enf__fail(
        ctx, ENF_ERR_UNSUPPORTED,
        "%s: a batch is read from .xyz, .extxyz, or a set of .npy files by what stands "
        "before _n_atoms.npy",
        enf__file_name(path));
  return enf__set_open(ctx, reader, path);
}

enf_status enf_batch_reader_open(enf_ctx *ctx, enf_batch_reader **reader, const enf_flow *flow,
                                 const char *path) {
  ENF__ENTRY;
  enf_status status;
  enf_batch_reader *made = NULL;
  if (reader)
    *reader = NULL;
  TRY(enf__enter(ctx));
  if (!reader || !path)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", reader ? "path" : "reader"));
  if (flow)
    TRY(enf__flow_check(ctx, flow));
  made = enf__alloc(&ctx->alloc, sizeof *made);
  if (!made)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a reader"));
  *made = (enf_batch_reader){.magic = ENF__MAGIC_BATCH_READER,
                             .alloc = ctx->alloc,
                             .D = flow ? flow->space.shape.dimensions : 3,
                             .kinds = kinds_of(flow)};
  TRY(open_files(ctx, made, path));
  *reader = made;
  made = NULL;
out:
  enf_batch_reader_close(made);
  return status;
}

enf_status enf_batch_reader_context(enf_ctx *ctx, enf_batch_reader *reader, const char *keys) {
  ENF__ENTRY;
  enf_status status;
  TRY(enf__enter(ctx));
  if (!is_reader(reader) || !keys || !*keys)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "%s", is_reader(reader) ? "keys is empty" : "reader is not a reader"));
  if (reader->failed || reader->done > 0 || reader->keys)
    TRY(enf__fail(ctx, ENF_ERR_STATE, "the keys of contexts are told once, before anything is read"));
  if (reader->source[1].path)
    TRY(enf__set_context(ctx, reader, keys));
  reader->keys = enf__alloc(&reader->alloc, strlen(keys) + 1);
  if (!reader->keys)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for keys"));
  memcpy(reader->keys, keys, strlen(keys) + 1);
out:
  return status;
}

static enf_status next(enf_ctx *ctx, enf_batch_reader *reader, enf_batch *batch, bool *ended) {
  return reader->source[1].path ? enf__set_next(ctx, reader, batch, ended)
                                : enf__frames_next(ctx, reader, batch, ended);
}

static enf_status read_some(enf_ctx *ctx, enf_batch_reader *reader, size_t most, enf_batch *batch) {
  enf_status status = ENF_OK;
  bool ended = false;
  for (size_t i = 0; i < most && !ended; i++) {
    TRY(next(ctx, reader, batch, &ended));
    reader->done += !ended;
  }
out:
  reader->failed = status != ENF_OK;
  return status;
}

enf_status enf_batch_reader_next(enf_ctx *ctx, enf_batch_reader *reader, size_t most,
                                 enf_batch *batch) {
  ENF__ENTRY;
  enf_status status;
  TRY(enf__enter(ctx));
  TRY(enf__batch_is(ctx, batch));
  if (!is_reader(reader))
    TRY(enf__fail(ctx, ENF_ERR_ARG, reader ? "reader is not a reader" : "reader is NULL"));
  if (reader->failed)
    TRY(enf__fail(ctx, ENF_ERR_STATE, "the file was refused before"));
  if (batch->D != reader->D)
    TRY(enf__fail(ctx, ENF_ERR_SHAPE, "the batch has %zu dimensions, the file is read in %zu",
                  batch->D, reader->D));
  enf__batch_clear(batch);
  TRY(read_some(ctx, reader, most, batch));
out:
  return status;
}

void enf_batch_reader_close(enf_batch_reader *reader) {
  ENF__ENTRY;
  if (!is_reader(reader))
    return;
  const enf_alloc alloc = reader->alloc;
  reader->magic = 0;
  for (size_t i = 0; i < sizeof reader->source / sizeof *reader->source; i++)
    enf__source_close(&reader->source[i]);
  enf__free(&alloc, reader->keys);
  enf__free(&alloc, reader);
}

enf_status enf_batch_read(enf_ctx *ctx, enf_batch **batch, const enf_flow *flow, const char *path) {
  ENF__ENTRY;
  enf_status status;
  enf_batch *made = NULL;
  enf_batch_reader *reader = NULL;
  if (batch)
    *batch = NULL;
  TRY(enf__enter(ctx));
  if (!batch)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "batch is NULL: nowhere to put the batch"));
  TRY(enf_batch_reader_open(ctx, &reader, flow, path));
  TRY(enf_batch_create(ctx, &made, reader->D));
  if (reader->source[1].path) /* of a set it is known how much there is */
    TRY(enf__batch_room(ctx, made, (size_t)reader->left[0], (size_t)reader->left[1], 0));
  TRY(read_some(ctx, reader, SIZE_MAX, made));
  *batch = made;
  made = NULL;
out:
  enf_batch_destroy(made);
  enf_batch_reader_close(reader);
  return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Symbol of a kind, NULL: it has none. */
static const char *symbol_of(const enf__kind_rule *kinds, int32_t kind) {
  if (kinds->rule == ENF__KINDS_LISTED)
    kind = (size_t)kind < kinds->listed ? kinds->number[kind] : -1;
  return kind < 0 ? NULL : enf__element_symbol((size_t)kind);
}

static enf_status check_kinds(enf_ctx *ctx, const enf_batch *batch, const enf__kind_rule *kinds) {
  for (size_t i = 0; i < batch->count; i++) {
    const enf__member *m = batch->member + i;
    const int32_t *kind = enf__member_kind(batch, m);
    for (size_t a = 0; kind && a < m->N; a++)
      if (!symbol_of(kinds, kind[a]))
        return enf__fail(ctx, ENF_ERR_RANGE,
                         "configuration %zu: the kind %d of particle %zu has no symbol", i, kind[a],
                         a);
  }
  return ENF_OK;
}

static enf_status put_frame(enf__writer *file, const enf_batch *batch, size_t index,
                            const enf__kind_rule *kinds) {
  enf_status status;
  const enf__member *m = batch->member + index;
  const size_t G = enf__member_has_context(batch, index) ? batch->G : 0;
  const double *context = G ? batch->context + index * G : NULL;
  const int32_t *kind = enf__member_kind(batch, m);
  TRY(enf__xyz_put_head(file, m->N, G, context));
  for (size_t a = 0; a < m->N; a++)
    TRY(enf__xyz_put_atom(file, kind ? symbol_of(kinds, kind[a]) : "X",
                          enf__member_x(batch, m) + batch->D * a, batch->D));
out:
  return status;
}

enf_status enf_batch_write(enf_ctx *ctx, const enf_batch *batch, const enf_flow *flow,
                           const char *path) {
  ENF__ENTRY;
  enf_status status;
  enf__writer file = {0};
  TRY(enf__enter(ctx));
  TRY(enf__batch_is(ctx, batch));
  if (flow)
    TRY(enf__flow_check(ctx, flow));
  if (!path)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "path is NULL"));
  if (!is_xyz(path))
    TRY(enf__fail(ctx, ENF_ERR_UNSUPPORTED, "%s: a batch is written as .xyz or .extxyz",
                  enf__file_name(path)));
  if (batch->count == 0)
    TRY(enf__fail(ctx, ENF_ERR_SHAPE, "the batch is empty"));
  const enf__kind_rule kinds = kinds_of(flow);
  TRY(check_kinds(ctx, batch, &kinds));
  TRY(enf__writer_open(ctx, &file, path));
  for (size_t i = 0; i < batch->count; i++)
    TRY(put_frame(&file, batch, i, &kinds));
  TRY(enf__writer_commit(&file));
out:
  enf__writer_abandon(&file);
  return status;
}
