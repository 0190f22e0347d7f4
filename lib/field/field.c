/* field.c -- what all velocity fields share: the table of fields, the parameter block with its
   named views, initial weights. The mathematics of each field is in files of its own. */
#include "field/field.h"

#include "core/random.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MOST_PIECES = 16 };

static const enf__field_ops *const fields[] = {
    [ENF__FIELD_EGNN] = &enf__egnn_ops, [ENF__FIELD_PAIR_KERNEL] = &enf__pair_kernel_ops};
ENF__ROW_FOR_EVERY(ENF__FIELDS, fields);

enf_status enf__field_create(enf_ctx *ctx, enf__field **field, const enf__model *model) {
  return fields[model->kind]->create(ctx, field, model);
}

void enf__field_destroy(enf__field *field) {
  if (field)
    field->ops->destroy(field);
}

/* ---- the common head ------------------------------------------------------------------------- */

enf_status enf__field_open(enf_ctx *ctx, enf__field *field, const enf__field_ops *ops,
                           const enf__model *model, size_t tensors) {
  field->ops = ops;
  field->alloc = ctx->alloc;
  field->model = *model;
  field->model.species = NULL;
  field->tensor = enf__alloc_array(&field->alloc, tensors, sizeof *field->tensor);
  if (!field->tensor)
    return ENF_ERR_NOMEM;
  if (!model->species)
    return ENF_OK;
  int *copy = enf__alloc_array(&field->alloc, model->particles, sizeof *copy);
  if (!copy)
    return ENF_ERR_NOMEM;
  memcpy(copy, model->species, model->particles * sizeof *copy);
  field->model.species = copy;
  return ENF_OK;
}

size_t enf__field_add(enf__field *field, size_t rows, size_t cols, const char *format, ...) {
  enf__tensor *t = &field->tensor[field->tensors];
  va_list numbers;
  va_start(numbers, format);
  vsnprintf(t->name, sizeof t->name, format, numbers);
  va_end(numbers);
  t->offset = field->params;
  t->rows = rows;
  t->cols = cols;
  field->params += rows * cols;
  return field->tensors++;
}

enf_status enf__field_allocate(enf__field *field) {
  field->param = enf__alloc_array(&field->alloc, field->params, sizeof *field->param);
  if (!field->param)
    return ENF_ERR_NOMEM;
  memset(field->param, 0, field->params * sizeof *field->param);
  return ENF_OK;
}

void enf__field_close(enf__field *field) {
  enf__free(&field->alloc, (int *)(uintptr_t)field->model.species);
  enf__free(&field->alloc, field->tensor);
  enf__free(&field->alloc, field->param);
}

/* ---- parameters ------------------------------------------------------------------------------ */

const enf__model *enf__field_model(const enf__field *field) { return &field->model; }
size_t enf__field_tensors(const enf__field *field) { return field->tensors; }
const enf__tensor *enf__field_tensor(const enf__field *field, size_t index) {
  return &field->tensor[index];
}
size_t enf__field_params(const enf__field *field) { return field->params; }
double *enf__field_param_block(enf__field *field) { return field->param; }
const double *enf__field_param_view(const enf__field *field) { return field->param; }

void enf__field_init(enf__field *field, uint64_t seed) {
  for (size_t k = 0; k < field->tensors; k++) {
    const enf__tensor *t = &field->tensor[k];
    const double range = field->ops->initial_range(field, k);
    double *w = field->param + t->offset;
    enf__random_uniform(seed, ENF__STREAM_INIT, k, t->rows * t->cols, w);
    for (size_t i = 0; i < t->rows * t->cols; i++)
      w[i] = range * (2 * w[i] - 1) +
             (field->ops->initial_value ? field->ops->initial_value(field, k, i) : 0);
  }
  enf__field_pack(field);
}

void enf__field_pack(enf__field *field) { field->ops->pack(field); }

/* ---- work ------------------------------------------------------------------------------------ */

size_t enf__field_workspace(const enf__field *field, const enf__run *run, enf__work work) {
  return field->ops->workspace(field, run, work);
}

size_t enf__field_chunk(const enf__field *field, enf__work work) {
  const double samples = 3e7 / field->ops->cost(field, work);
  return samples < 1 ? 1 : samples > 64 ? 64 : (size_t)samples;
}

size_t enf__field_pieces(const enf__field *field, enf__work work, size_t least, size_t n) {
  /* A multiple of 4 keeps 2 and 4 threads busy to the end. */
  const size_t chunk = enf__field_chunk(field, work), size = chunk > least ? chunk : least;
  const size_t wanted = ((n + size - 1) / size + 3) / 4 * 4;
  const size_t most = n < MOST_PIECES ? n : MOST_PIECES;
  return wanted < most ? wanted : most;
}

void enf__field_velocity(const enf__field *field, const enf__run *run, enf__arena *arena, size_t S,
                         const double *t, const double *x, double *v) {
  field->ops->velocity(field, run, arena, S, t, x, v);
}

void enf__field_divergence(const enf__field *field, const enf__run *run, enf__arena *arena,
                           size_t S, const double *t, const double *x, double *v, double *div) {
  field->ops->divergence(field, run, arena, S, t, x, v, div);
}

void enf__field_jvp(const enf__field *field, const enf__run *run, enf__arena *arena, size_t S,
                    const double *t, const double *x, const double *eps, double *v, double *v_dot,
                    double *form) {
  field->ops->jvp(field, run, arena, S, t, x, eps, v, v_dot, form);
}

void enf__field_vjp(const enf__field *field, const enf__run *run, enf__arena *arena, size_t S,
                    const double *t, const double *x, enf__cotangent_fn cotangent, void *user,
                    double *dx, double *dparams) {
  field->ops->vjp(field, run, arena, S, t, x, cotangent, user, dx, dparams);
}

void enf__field_vjp_trace(const enf__field *field, const enf__run *run, enf__arena *arena, size_t S,
                          const double *t, const double *x, const double *eps, const double *a,
                          const double *b, const double *c, const double *d, double *dx,
                          double *dparams, double *value) {
  field->ops->vjp_trace(field, run, arena, S, t, x, eps, a, b, c, d, dx, dparams, value);
}
