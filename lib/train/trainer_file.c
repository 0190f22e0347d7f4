/* trainer_file.c -- a training in a file, to go on with it bit for bit.

   Safetensors. Metadata: "format" = "libenf trainer" and what io/format.c adds, every train.* and
   every model.* option as text; model.data_scale is the number in use, or auto while there is none;
   "data", if it was told, the data set's fingerprint in 16 hexadecimal digits; "share", of a flow that
   is trained beside a mixture, its share of the whole.
   Tensors: "counters" (U64: steps, skipped, clipped, samples, updates), and of every parameter
   tensor NAME "weights.NAME", "moment1.NAME", "moment2.NAME" and "average.NAME" (F64, rows x cols);
   with train.optimizer soap also "left.NAME" and "left_basis.NAME" (rows x rows), "right.NAME" and
   "right_basis.NAME" (cols x cols), where that is more than 1; with train.objective energy-matching,
   once a step was made, "pool.x" and "pool.logw" (F64, rows x host's numbers and rows x 1).

   Nothing is trusted. The file belongs to a flow with the same model.* options, model.seed aside;
   another one is refused with SHAPE. The data scale is the file's: where it is still open there,
   it is opened again in the flow, since enf_load fixes it. The flow changes only when everything
   has been read. */
#include "core/option_text.h"
#include "io/io.h"
#include "train/pool.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FORMAT "libenf trainer"
enum { COUNTERS = ENF__COUNTERS + 1, DIGITS = 16 /* of a fingerprint */, POOL = 2 /* tensors */ };

enum { WEIGHTS, MOMENT1, MOMENT2, AVERAGE, LEFT, LEFT_BASIS, RIGHT, RIGHT_BASIS, GROUPS };
static const char *const groups[] = {[WEIGHTS] = "weights", [MOMENT1] = "moment1",
                                     [MOMENT2] = "moment2", [AVERAGE] = "average",
                                     [LEFT] = "left",       [LEFT_BASIS] = "left_basis",
                                     [RIGHT] = "right",     [RIGHT_BASIS] = "right_basis"};
ENF__ROW_FOR_EVERY(GROUPS, groups);

typedef char tensor_name[96];

/* A tensor of the file and where its numbers are in memory. */
typedef struct {
  tensor_name name;
  size_t group, rows, cols;
  double *data;
} entry;

static size_t most_entries(const enf__params *params) { return GROUPS * params->count; }

/* Name and shape of entry `number` of most_entries; false if such a training has none. */
static bool name_entry(const enf__params *params, bool soap, size_t number, entry *e) {
  const enf__tensor *view = &params->tensor[number % params->count];
  *e = (entry){.group = number / params->count, .rows = view->rows, .cols = view->cols};
  snprintf(e->name, sizeof e->name, "%s.%s", groups[e->group], view->name);
  if (e->group < LEFT)
    return true;
  e->rows = e->cols = e->group < RIGHT ? view->rows : view->cols;
  return soap && e->rows > 1;
}

/* The same with its numbers. */
static bool find_entry(const enf_trainer *tr, size_t number, entry *e) {
  const size_t tensor = number % tr->work->params.count;
  if (!name_entry(&tr->work->params, tr->optimiser.soap.count > 0, number, e))
    return false;
  double *const blocks[] = {[WEIGHTS] = tr->work->params.value,
                            [MOMENT1] = tr->optimiser.moment1,
                            [MOMENT2] = tr->optimiser.moment2,
                            [AVERAGE] = tr->optimiser.average};
  if (e->group < LEFT) {
    e->data = blocks[e->group] + tr->work->params.tensor[tensor].offset;
    return true;
  }
  const enf__side *side = &tr->optimiser.soap.factor[tensor].side[e->group >= RIGHT];
  e->data = e->group == LEFT_BASIS || e->group == RIGHT_BASIS ? side->basis : side->second;
  return true;
}

/* Those of the pool of a training that is at its counters; how many. */
static size_t find_pool(const enf_trainer *tr, entry pool[POOL]) {
  const size_t rows = enf__pool_filled(tr);
  if (!enf__trainer_objective(tr)->has_pool || rows == 0)
    return 0;
  pool[0] = (entry){"pool.x", 0, rows, enf__space_host(&tr->flow->space), tr->pool.x};
  pool[1] = (entry){"pool.logw", 0, rows, 1, tr->pool.logw};
  return POOL;
}

static bool in_group(enf__opt id, const char *prefix) {
  return strncmp(enf__opts_name(id), prefix, strlen(prefix)) == 0;
}

static const char *print_scale(const enf_flow *flow, char number[32]) {
  if (!flow->scale_fixed)
    return "auto";
  enf__dtoa(flow->space.scale, number);
  return number;
}

/* A model.* option of the flow, as text. */
static const char *print_model(const enf_flow *flow, enf__opt id, char number[32]) {
  return id == ENF__OPT_MODEL_DATA_SCALE ? print_scale(flow, number)
                                         : enf__opts_print(flow->options, id, number);
}

/* ---- saving --------------------------------------------------------------------------------- */

/* Everything the file is written from. */
typedef struct {
  enf__st_meta metas[ENF__FORMAT_METAS + ENF__OPT_COUNT + 2];
  char data[DIGITS + 1], share[32];
  char numbers[ENF__OPT_COUNT][32];
  uint64_t counters[COUNTERS];
  size_t tensors;
  enf__st_tensor *tensor;
  entry *entries, pool[POOL];
} tables;

/* A train.* option of the training, as text; what auto stands for may change in later versions. */
static const char *print_train(const enf_trainer *tr, enf__opt id, char number[32]) {
  if (id == ENF__OPT_TRAIN_OPTIMIZER)
    return tr->optimiser.soap.count > 0 ? "soap" : "adamw";
  return enf__opts_print(tr->options, id, number);
}

static size_t list_metas(tables *t, const enf_trainer *tr) {
  size_t count = enf__format_metas(FORMAT, t->metas);
  for (enf__opt id = 0; id < ENF__OPT_COUNT; id++) {
    char *number = t->numbers[id];
    if (in_group(id, "train."))
      t->metas[count++] = (enf__st_meta){enf__opts_name(id), print_train(tr, id, number)};
    else if (in_group(id, "model."))
      t->metas[count++] = (enf__st_meta){enf__opts_name(id), print_model(tr->flow, id, number)};
  }
  if (tr->data != 0) {
    snprintf(t->data, sizeof t->data, "%016llx", (unsigned long long)tr->data);
    t->metas[count++] = (enf__st_meta){"data", t->data};
  }
  if (tr->share > 0) {
    enf__dtoa(tr->share, t->share);
    t->metas[count++] = (enf__st_meta){"share", t->share};
  }
  return count;
}

static void list_entry(tables *t, const entry *e) {
  t->tensor[t->tensors++] = (enf__st_tensor){.name = e->name,
                                             .dtype = ENF__F64,
                                             .ndim = 2,
                                             .shape = {e->rows, e->cols},
                                             .count = e->rows * e->cols,
                                             .data = e->data};
}

static void list_tensors(tables *t, const enf_trainer *tr) {
  memcpy(t->counters, tr->counters, sizeof tr->counters);
  t->counters[ENF__COUNTERS] = tr->optimiser.updates;
  t->tensor[t->tensors++] = (enf__st_tensor){.name = "counters",
                                             .dtype = ENF__U64,
                                             .ndim = 1,
                                             .shape = {COUNTERS},
                                             .count = COUNTERS,
                                             .data = t->counters};
  for (size_t k = 0; k < most_entries(&tr->work->params); k++) {
    if (find_entry(tr, k, &t->entries[k]))
      list_entry(t, &t->entries[k]);
  }
  const size_t pool = find_pool(tr, t->pool);
  for (size_t k = 0; k < pool; k++)
    list_entry(t, &t->pool[k]);
}

enf_status enf_trainer_save(enf_ctx *ctx, const enf_trainer *tr, const char *path) {
  ENF__ENTRY;
  tables t = {.tensors = 0};
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  TRY(enf__trainer_check(ctx, tr));
  if (!path)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "path is NULL"));
  const size_t count = most_entries(&tr->work->params);
  t.tensor = enf__alloc_array(&ctx->alloc, count + 1 + POOL, sizeof *t.tensor);
  t.entries = enf__alloc_array(&ctx->alloc, count, sizeof *t.entries);
  if (!t.tensor || !t.entries)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a table of %zu tensors", count));
  list_tensors(&t, tr);
  TRY(enf__st_write(ctx, path, list_metas(&t, tr), t.metas, t.tensors, t.tensor));
out:
  enf__free(&ctx->alloc, t.entries);
  enf__free(&ctx->alloc, t.tensor);
  return status;
}

/* ---- loading -------------------------------------------------------------------------------- */

typedef struct {
  enf_ctx *ctx;
  const char *path;
  enf__st_file file;
} reader;

static const char *option(const reader *r, enf__opt id) {
  const char *value = enf__format_option(&r->file, id);
  return value ? value : "missing";
}

/* Options that are each fine but not together are the file's fault, not the caller's. */
static enf_status make_trainer(const reader *r, enf_trainer **tr, enf_flow *flow,
                               const enf_opts *opts) {
  enf_status status = enf__trainer_make(r->ctx, tr, flow, opts);
  if (status != ENF_ERR_OPTION)
    return status;
  char reason[sizeof r->ctx->errmsg];
  memcpy(reason, r->ctx->errmsg, sizeof reason);
  return enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path, "%s", reason);
}

/* Same network and prior as the flow's, and, where both have one, the same data scale? */
static enf_status check_model(const reader *r, const enf_flow *flow, bool has_scale) {
  for (enf__opt id = 0; id < ENF__OPT_COUNT; id++) {
    char number[32];
    const char *name = enf__opts_name(id);
    if (!in_group(id, "model.") || id == ENF__OPT_MODEL_SEED)
      continue;
    if (id == ENF__OPT_MODEL_DATA_SCALE && !(has_scale && flow->scale_fixed))
      continue;
    const char *have = print_model(flow, id, number);
    if (strcmp(have, option(r, id)) != 0)
      return enf__file_refuse(r->ctx, ENF_ERR_SHAPE, r->path,
                              "is of another network: its %s is %.60s, the flow's is %.60s", name,
                              option(r, id), have);
  }
  return ENF_OK;
}

/* 0: still open. */
static enf_status read_scale(const reader *r, double *scale) {
  const char *text = option(r, ENF__OPT_MODEL_DATA_SCALE);
  if (enf__read_data_scale(text, scale))
    return ENF_OK;
  return enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path,
                          "model.data_scale is \"%.60s\", not a number > 0", text);
}

static enf_status read_data(const reader *r, enf_trainer *tr) {
  static const char digits[] = "0123456789abcdef";
  const char *text = enf__st_meta_find(&r->file, "data");
  if (!text)
    return ENF_OK;
  if (strlen(text) != DIGITS || strspn(text, digits) != DIGITS)
    return enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path,
                            "data is \"%.60s\", not %d hexadecimal digits", text, DIGITS);
  for (; *text; text++)
    tr->data = tr->data << 4 | (uint64_t)(strchr(digits, *text) - digits);
  return ENF_OK;
}

static enf_status read_share(const reader *r, enf_trainer *tr) {
  const char *text = enf__st_meta_find(&r->file, "share");
  char *end;
  if (!text)
    return ENF_OK;
  tr->share = enf__strtod(text, &end);
  if (end != text && !*end && tr->share > 0 && tr->share < 1)
    return ENF_OK;
  return enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path,
                          "share is \"%.60s\", not a number between 0 and 1", text);
}

static enf_status read_counters(const reader *r, enf_trainer *tr) {
  const enf__st_tensor *tensor = enf__st_find(&r->file, "counters");
  uint64_t values[COUNTERS];
  if (!tensor || tensor->dtype != ENF__U64 || tensor->ndim != 1 || tensor->count != COUNTERS)
    return enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path, "has no tensor \"counters\" of %d U64",
                            COUNTERS);
  memcpy(values, tensor->data, sizeof values);
  if (values[ENF__STEP] > INT64_MAX || values[ENF__SKIPPED] > values[ENF__STEP] ||
      values[ENF__COUNTERS] != values[ENF__STEP] - values[ENF__SKIPPED])
    return enf__file_refuse(
        r->ctx, ENF_ERR_FORMAT, r->path, "counts %llu updates in %llu steps with %llu skipped",
        (unsigned long long)values[ENF__COUNTERS], (unsigned long long)values[ENF__STEP],
        (unsigned long long)values[ENF__SKIPPED]);
  memcpy(tr->counters, values, sizeof tr->counters);
  tr->optimiser.updates = values[ENF__COUNTERS];
  return ENF_OK;
}

static enf_status check_entry(const reader *r, const entry *e) {
  const enf__st_tensor *tensor = enf__st_find(&r->file, e->name);
  if (!tensor || tensor->dtype != ENF__F64)
    return enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path, "tensor %s is %s", e->name,
                            tensor ? "not F64" : "missing");
  if (tensor->ndim == 2 && tensor->shape[0] == e->rows && tensor->shape[1] == e->cols)
    return ENF_OK;
  return enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path,
                          "tensor %s is not %zu x %zu, as the options call for", e->name, e->rows,
                          e->cols);
}

/* Before anything of the size of the weights is allocated. */
static enf_status check_tensors(const reader *r, const enf_flow *flow, const enf_opts *opts) {
  enf_status status = ENF_OK;
  const bool soap = enf__trainer_uses_soap(opts, &flow->params);
  size_t count = 1; /* the counters */
  for (size_t k = 0; k < most_entries(&flow->params); k++) {
    entry e;
    if (!name_entry(&flow->params, soap, k, &e))
      continue;
    TRY(check_entry(r, &e));
    count++;
  }
  if (enf__st_find(&r->file, "pool.x")) /* read_pool knows of which shape */
    count += POOL;
  if (r->file.tensors != count)
    TRY(enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path,
                         "holds %zu tensors, a training of this network has %zu", r->file.tensors,
                         count));
out:
  return status;
}

static enf_status read_entry(const reader *r, const entry *e) {
  const enf__st_tensor *tensor = enf__st_find(&r->file, e->name);
  enf__st_doubles(tensor, e->data);
  for (size_t i = 0; i < tensor->count; i++)
    if (!isfinite(e->data[i]) || (e->group == MOMENT2 && e->data[i] < 0))
      return enf__file_refuse(r->ctx, ENF_ERR_NONFINITE, r->path, "value %zu of tensor %s is %g", i,
                              e->name, e->data[i]);
  return ENF_OK;
}

/* |U U^T - 1|, its largest element */
static double skewness(size_t n, const double *U) {
  double most = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      double dot = 0;
      for (size_t l = 0; l < n; l++)
        dot += U[i * n + l] * U[j * n + l];
      most = fmax(most, fabs(dot - (i == j)));
    }
  return most;
}

/* What SOAP relies on: bases are orthonormal, second moments have no negative diagonal. */
static enf_status check_side(const reader *r, const entry *e) {
  if (e->group == LEFT_BASIS || e->group == RIGHT_BASIS) {
    if (skewness(e->rows, e->data) <= 1e-6)
      return ENF_OK;
    return enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path,
                            "the rows of tensor %s are not orthonormal", e->name);
  }
  for (size_t i = 0; i < e->rows; i++)
    if (e->data[i * e->rows + i] < 0)
      return enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path,
                              "element (%zu,%zu) of tensor %s is %g, not a mean of squares", i, i,
                              e->name, e->data[i * e->rows + i]);
  return ENF_OK;
}

/* Rows are finite, weights a number or 0, one of them above it. */
static enf_status read_pool(const reader *r, enf_trainer *tr) {
  enf_status status = ENF_OK;
  entry pool[POOL];
  double top = -INFINITY;
  const size_t count = find_pool(tr, pool);
  if (count == 0)
    return enf__st_find(&r->file, "pool.x")
               ? enf__file_refuse(r->ctx, ENF_ERR_FORMAT, r->path,
                                  "has a pool, but the training it is of has none at this step")
               : ENF_OK;
  for (size_t k = 0; k < count; k++)
    TRY(check_entry(r, &pool[k]));
  TRY(enf__pool_make(r->ctx, tr));
  find_pool(tr, pool);
  TRY(read_entry(r, &pool[0]));
  enf__st_doubles(enf__st_find(&r->file, pool[1].name), pool[1].data);
  for (size_t i = 0; i < pool[1].rows; i++)
    top = pool[1].data[i] < (double)INFINITY && !isnan(top) ? fmax(top, pool[1].data[i]) : (double)NAN;
  if (!isfinite(top))
    TRY(enf__file_refuse(r->ctx, ENF_ERR_NONFINITE, r->path,
                         "tensor pool.logw has no finite number, or one that is no logarithm of a "
                         "weight"));
  tr->pool.filled = pool[0].rows;
  enf__pool_sum(tr);
out:
  return status;
}

static enf_status read_tensors(const reader *r, enf_trainer *tr) {
  enf_status status = read_counters(r, tr);
  for (size_t k = 0; k < most_entries(&tr->work->params) && status == ENF_OK; k++) {
    entry e;
    if (!find_entry(tr, k, &e))
      continue;
    status = read_entry(r, &e);
    if (status == ENF_OK && e.group >= LEFT)
      status = check_side(r, &e);
  }
  return status == ENF_OK ? read_pool(r, tr) : status;
}

enf_status enf_trainer_load(enf_ctx *ctx, enf_trainer **tr, enf_flow *flow, const char *path) {
  ENF__ENTRY;
  reader r = {.ctx = ctx, .path = path};
  enf_opts *opts = NULL;
  enf_trainer *made = NULL;
  double scale;
  if (tr)
    *tr = NULL;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  if (!tr || !path)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", tr ? "path" : "tr"));
  TRY(enf__flow_check(ctx, flow));
  TRY(enf__st_read(ctx, &r.file, path));
  TRY(enf__format_check(ctx, &r.file, path, FORMAT, "training"));
  TRY(read_scale(&r, &scale));
  TRY(check_model(&r, flow, scale > 0));
  TRY(enf__opts_copy(ctx, &ctx->alloc, &opts, NULL));
  TRY(enf__format_options(ctx, &r.file, path, "train.", opts));
  TRY(check_tensors(&r, flow, opts));
  TRY(make_trainer(&r, &made, flow, opts));
  TRY(read_data(&r, made));
  TRY(read_share(&r, made));
  TRY(read_tensors(&r, made));
  flow->space.scale = scale > 0 ? scale : 1;
  flow->scale_fixed = scale > 0;
  enf__flow_pack(made->work);
  enf__trainer_publish(made);
  *tr = made;
  made = NULL;
out:
  enf_trainer_destroy(made);
  enf_opts_destroy(opts);
  enf__st_free(&r.file);
  return status;
}
