/* file.c -- a flow in a file: safetensors with the published tensor names.

   Metadata: "format" = "libenf" and what io/format.c adds, and every model.* option as text;
   model.data_scale is the number in use, printed so that it reads back exactly. Tensors are F64
   (F32 is read too); a bias has one axis. A flow is loaded whole or not at all: every option goes
   through the setter, every tensor is checked for presence, type, shape and finiteness, and a
   tensor that the options do not call for is refused. Free text (meta.c) has keys that begin with
   "meta.". Writing is atomic (io.h). A memory image has the bytes of the file.

   A mixture's "format" is "libenf mixture": tensor "mixture.log_weights" (parts,1), options and
   tensors of part C with "part.C." before their names. */
#include "flow/mixture.h"
#include "io/io.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FORMAT "libenf"
#define MIXTURE "libenf mixture"
#define GROUP "model."
#define FREE "meta."
enum { KEY_BYTES = 72, SHAPE_BYTES = 22 * ENF__ST_AXES + 4 };

static bool is_bias(const enf__tensor *tensor) {
  const char *dot = strrchr(tensor->name, '.');
  return dot && !strcmp(dot, ".bias");
}

/* ---- saving --------------------------------------------------------------------------------- */

/* Everything a file is written from. */
typedef struct {
  size_t metas;
  enf__st_meta *meta;
  char (*key)[KEY_BYTES]; /* (metas) */
  char (*number)[32];     /* (metas) texts of numbers */
  enf__st_tensor *tensor; /* (params.count) */
} tables;

/* Entries, with their names in memory of the table's. */
static void list_options(const enf_flow *flow, const char *prefix, tables *t) {
  for (enf__opt id = 0; id < ENF__OPT_COUNT; id++) {
    const char *name = enf__opts_name(id);
    if (strncmp(name, GROUP, strlen(GROUP)) != 0)
      continue;
    enf__format(t->key[t->metas], KEY_BYTES, "%s%s", prefix, name);
    t->meta[t->metas] =
        (enf__st_meta){t->key[t->metas], enf__flow_option(flow, id, t->number[t->metas])};
    t->metas++;
  }
}

static void list_metas(const enf_flow *flow, tables *t) {
  t->metas = enf__format_metas(flow->parts ? MIXTURE : FORMAT, t->meta);
  for (size_t c = 0; c < enf__flow_parts(flow); c++) {
    char prefix[16] = "";
    if (flow->parts)
      enf__format(prefix, sizeof prefix, "part.%zu.", c);
    list_options(enf__flow_part(flow, c), prefix, t);
  }
  for (size_t i = 0; i < flow->metas; i++) {
    enf__format(t->key[t->metas], KEY_BYTES, FREE "%s", flow->meta[i].key);
    t->meta[t->metas] = (enf__st_meta){t->key[t->metas], flow->meta[i].text};
    t->metas++;
  }
}

static void list_tensors(const enf_flow *flow, enf__st_tensor *tensor) {
  for (size_t i = 0; i < flow->params.count; i++) {
    const enf__tensor *view = &flow->params.tensor[i];
    tensor[i] = (enf__st_tensor){.name = view->name,
                                 .dtype = ENF__F64,
                                 .ndim = is_bias(view) ? 1 : 2,
                                 .shape = {view->rows, is_bias(view) ? 0 : view->cols},
                                 .count = view->rows * view->cols,
                                 .data = flow->params.value + view->offset};
  }
}

static void free_tables(const enf_alloc *alloc, tables *t) {
  enf__free(alloc, t->meta);
  enf__free(alloc, t->key);
  enf__free(alloc, t->number);
  enf__free(alloc, t->tensor);
}

static enf_status list(enf_ctx *ctx, const enf_flow *flow, tables *t) {
  const size_t metas = ENF__FORMAT_METAS + ENF__OPT_COUNT * enf__flow_parts(flow) + flow->metas;
  t->meta = enf__alloc_array(&ctx->alloc, metas, sizeof *t->meta);
  t->key = enf__alloc_array(&ctx->alloc, metas, sizeof *t->key);
  t->number = enf__alloc_array(&ctx->alloc, metas, sizeof *t->number);
  t->tensor = enf__alloc_array(&ctx->alloc, flow->params.count, sizeof *t->tensor);
  if (!t->meta || !t->key || !t->number || !t->tensor)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a table of %zu tensors",
                     flow->params.count);
  list_metas(flow, t);
  list_tensors(flow, t->tensor);
  return ENF_OK;
}

enf_status enf_save(enf_ctx *ctx, const enf_flow *flow, const char *path) {
  ENF__ENTRY;
  tables t = {.metas = 0};
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  TRY(enf__flow_check(ctx, flow));
  if (!path)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "path is NULL"));
  TRY(list(ctx, flow, &t));
  TRY(enf__st_write(ctx, path, t.metas, t.meta, flow->params.count, t.tensor));
out:
  free_tables(&ctx->alloc, &t);
  return status;
}

enf_status enf_save_memory(enf_ctx *ctx, const enf_flow *flow, void **data, size_t *bytes) {
  ENF__ENTRY;
  tables t = {.metas = 0};
  if (data)
    *data = NULL;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  TRY(enf__flow_check(ctx, flow));
  if (!data || !bytes)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", data ? "bytes" : "data"));
  TRY(list(ctx, flow, &t));
  TRY(enf__st_image(ctx, t.metas, t.meta, flow->params.count, t.tensor, data, bytes));
out:
  free_tables(&ctx->alloc, &t);
  return status;
}

void enf_free_memory(enf_ctx *ctx, void *data) {
  ENF__ENTRY;
  if (enf__enter(ctx) == ENF_OK)
    enf__free(&ctx->alloc, data);
}

/* ---- loading -------------------------------------------------------------------------------- */

typedef struct {
  enf_ctx *ctx;
  const char *path;
  enf__st_file file;
} reader;

/* Options that are each fine but not together are the file's fault, not the caller's. */
static enf_status plan(reader *r, enf_flow **flow, const enf_opts *opts, bool by_number) {
  /* With one view more than the file has tensors, one of them must be missing. */
  enf_status status = enf__flow_plan(r->ctx, flow, opts, by_number, r->file.tensors + 1);
  if (status != ENF_ERR_OPTION)
    return status;
  char reason[sizeof r->ctx->errmsg];
  memcpy(reason, r->ctx->errmsg, sizeof reason);
  return enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path, "%s", reason);
}

static void print_shape(size_t ndim, const size_t *shape, char text[SHAPE_BYTES]) {
  int used = snprintf(text, SHAPE_BYTES, "(");
  for (size_t d = 0; d < ndim; d++)
    used += snprintf(text + used, SHAPE_BYTES - (size_t)used, "%s%zu", d ? "," : "", shape[d]);
  snprintf(text + used, SHAPE_BYTES - (size_t)used, ")");
}

static enf_status check_tensor(reader *r, const enf__tensor *view, const enf__st_tensor *tensor) {
  const size_t ndim = is_bias(view) ? 1 : 2, shape[2] = {view->rows, view->cols};
  char have[SHAPE_BYTES], want[SHAPE_BYTES];
  if (!tensor)
    return enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path, "tensor %s is missing", view->name);
  if (tensor->dtype != ENF__F64 && tensor->dtype != ENF__F32)
    return enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path, "tensor %s is not F64 or F32",
                            view->name);
  if (tensor->ndim == ndim && !memcmp(tensor->shape, shape, ndim * sizeof *shape))
    return ENF_OK;
  print_shape(tensor->ndim, tensor->shape, have);
  print_shape(ndim, shape, want);
  return enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path,
                          "tensor %s has shape %s, its options call for %s", view->name, have,
                          want);
}

/* Before anything of the size of the weights is allocated. */
static enf_status check_tensors(reader *r, const enf__params *params) {
  enf_status status = ENF_OK;
  for (size_t i = 0; i < params->count; i++)
    TRY(check_tensor(r, &params->tensor[i], enf__st_find(&r->file, params->tensor[i].name)));
  if (r->file.tensors != params->count)
    TRY(enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path,
                         "holds %zu tensors, its options call for %zu", r->file.tensors,
                         params->count));
out:
  return status;
}

/* A flow without weights that the file's tensors fit. Published networks, and libenf before kinds
   were counted, have weights for every number up to the largest of model.species. */
static enf_status plan_flow(reader *r, enf_flow **made, const enf_opts *opts) {
  enf_status status;
  enf_flow *by_number = NULL;
  TRY(plan(r, made, opts, false));
  if (check_tensors(r, &(*made)->params) == ENF_OK)
    return ENF_OK;
  TRY(plan(r, &by_number, opts, true));
  if (check_tensors(r, &by_number->params) == ENF_OK) {
    enf_destroy(*made);
    *made = by_number;
    return ENF_OK;
  }
  status = check_tensors(r, &(*made)->params);
out:
  enf_destroy(by_number);
  return status;
}

/* Values that a tensor cannot have are the file's fault. */
static enf_status check_values(reader *r, const enf_flow *flow) {
  for (size_t i = 0; i < flow->params.count; i++) {
    const size_t offset = flow->params.tensor[i].offset;
    char reason[sizeof r->ctx->errmsg];
    const enf_status status = enf__flow_admit(r->ctx, flow, offset, flow->params.value + offset);
    if (status == ENF_OK)
      continue;
    if (status == ENF_ERR_NOMEM)
      return status;
    memcpy(reason, r->ctx->errmsg, sizeof reason);
    return enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path, "%s", reason);
  }
  return ENF_OK;
}

static enf_status read_tensors(reader *r, const enf__params *params) {
  for (size_t k = 0; k < params->count; k++) {
    const enf__tensor *view = &params->tensor[k];
    const enf__st_tensor *tensor = enf__st_find(&r->file, view->name);
    double *data = params->value + view->offset;
    enf__st_doubles(tensor, data);
    for (size_t i = 0; i < tensor->count; i++)
      if (!isfinite(data[i]))
        return enf__file_refuse(r->ctx, ENF_ERR_NONFINITE, r->path,
                                "value %zu of tensor %s is not finite", i, view->name);
  }
  return ENF_OK;
}

static enf_status read_metas(reader *r, enf_flow *flow) {
  enf_status status = ENF_OK;
  for (size_t i = 0; i < r->file.metas; i++) {
    const enf__st_meta *meta = &r->file.meta[i];
    const size_t prefix = strlen(FREE), length = strlen(meta->key);
    if (strncmp(meta->key, FREE, prefix) != 0 || length == prefix || length >= KEY_BYTES)
      continue;
    TRY(enf__meta_put(r->ctx, flow, meta->key + prefix, meta->value));
  }
out:
  return status;
}

/* A flow without its numbers, of a file or of a part of one. */
static enf_status make_single(reader *r, enf_flow **flow) {
  enf_status status;
  enf_opts *opts = NULL;
  enf_flow *made = NULL;
  TRY(enf__opts_copy(r->ctx, &r->ctx->alloc, &opts, NULL));
  TRY(enf__format_options(r->ctx, &r->file, r->path, GROUP, opts));
  TRY(plan_flow(r, &made, opts));
  TRY(enf__flow_allocate(r->ctx, made));
  made->scale_fixed = true;
  *flow = made;
  made = NULL;
out:
  enf_destroy(made);
  enf_opts_destroy(opts);
  return status;
}

/* How many parts a mixture's file has. */
static enf_status count_parts(reader *r, size_t *count) {
  const enf__st_tensor *weights = enf__st_find(&r->file, "mixture.log_weights");
  if (!weights || weights->count == 0 || weights->count > ENF__MIXTURE_PARTS)
    return enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path,
                            "has no tensor mixture.log_weights of 1 to %d numbers",
                            (int)ENF__MIXTURE_PARTS);
  *count = weights->count;
  return ENF_OK;
}

static enf_status make_parts(reader *r, size_t count, enf_flow **parts) {
  enf_status status = ENF_OK;
  for (size_t c = 0; c < count && status == ENF_OK; c++) {
    char prefix[16];
    reader part = {.ctx = r->ctx, .path = r->path};
    enf__format(prefix, sizeof prefix, "part.%zu.", c);
    status = enf__st_part(r->ctx, &r->file, prefix, &part.file);
    if (status == ENF_OK)
      status = make_single(&part, &parts[c]);
    enf__st_free(&part.file);
  }
  return status;
}

/* Parts of other shapes than the first would be read past their ends. */
static enf_status check_parts(reader *r, size_t count, enf_flow **parts) {
  const enf__space *first = &parts[0]->space;
  for (size_t c = 1; c < count; c++) {
    const enf__space *space = &parts[c]->space;
    if (space->ops != first->ops || enf__space_host(space) != enf__space_host(first))
      return enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path,
                              "part %zu is of another shape than part 0", c);
    if (enf__mixture_alike(r->ctx, parts[0], parts[c], c) != ENF_OK)
      return enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path, "%s", enf_ctx_errmsg(r->ctx));
  }
  return ENF_OK;
}

static enf_status make_mixture(reader *r, enf_flow **flow) {
  enf_flow *parts[ENF__MIXTURE_PARTS] = {NULL};
  size_t count = 0;
  enf_status status;
  TRY(count_parts(r, &count));
  TRY(make_parts(r, count, parts));
  TRY(check_parts(r, count, parts));
  TRY(enf__mixture_assemble(r->ctx, flow, count, parts));
  memset(parts, 0, sizeof parts);
  TRY(check_tensors(r, &(*flow)->params));
out:
  for (size_t c = 0; c < count; c++)
    enf_destroy(parts[c]);
  return status;
}

static bool is_mixture(const reader *r) {
  const char *format = enf__st_meta_find(&r->file, "format");
  return format && !strcmp(format, MIXTURE);
}

/* The flow of a file that has been read. */
static enf_status make(reader *r, enf_flow **flow) {
  enf_status status;
  enf_flow *made = NULL;
  const bool mixture = is_mixture(r);
  TRY(enf__format_check(r->ctx, &r->file, r->path, mixture ? MIXTURE : FORMAT, "flow"));
  TRY(mixture ? make_mixture(r, &made) : make_single(r, &made));
  TRY(read_tensors(r, &made->params));
  TRY(check_values(r, made));
  TRY(read_metas(r, made));
  enf__flow_pack(made);
  *flow = made;
  made = NULL;
out:
  enf_destroy(made);
  return status;
}

enf_status enf_load(enf_ctx *ctx, enf_flow **flow, const char *path) {
  ENF__ENTRY;
  reader r = {.ctx = ctx, .path = path};
  if (flow)
    *flow = NULL;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  if (!flow || !path)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", flow ? "path" : "flow"));
  TRY(enf__st_read(ctx, &r.file, path));
  TRY(make(&r, flow));
out:
  enf__st_free(&r.file);
  return status;
}

enf_status enf_load_memory(enf_ctx *ctx, enf_flow **flow, const void *data, size_t bytes) {
  ENF__ENTRY;
  reader r = {.ctx = ctx, .path = "a memory image"};
  char *copy = NULL;
  if (flow)
    *flow = NULL;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  if (!flow || !data)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", flow ? "data" : "flow"));
  copy = enf__alloc(&ctx->alloc, bytes + 1);
  if (!copy)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for an image of %zu bytes", bytes));
  memcpy(copy, data, bytes);
  TRY(enf__st_parse(ctx, &r.file, r.path, copy, bytes));
  TRY(make(&r, flow));
out:
  enf__st_free(&r.file);
  return status;
}
