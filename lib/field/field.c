/* field.c -- what all velocity fields share: the table of fields, and how work is cut. The
   mathematics of each field is in files of its own. */
#include "field/handed.h"

enum { MOST_PIECES = 16 };

static const enf__field_ops *const fields[] = {
    [ENF__FIELD_EGNN] = &enf__egnn_ops,
    [ENF__FIELD_PAIR_KERNEL] = &enf__pair_kernel_ops,
    [ENF__FIELD_MLP] = &enf__mlp_ops,
    [ENF__FIELD_CLASS] = &enf__class_field_ops,
    [ENF__FIELD_DRAIN] = &enf__drain_field_ops,
    [ENF__FIELD_LOCAL] = &enf__local_field_ops};
ENF__ROW_FOR_EVERY(ENF__FIELDS, fields);

enf_status enf__field_plan(enf_ctx *ctx, enf__field **field, const enf__model *model,
                           enf__params *params) {
  const enf_status status = fields[model->kind]->plan(ctx, field, model, params);
  if (status != ENF_OK || !model->hand)
    return status;
  const size_t kinds = model->species_count ? model->species_count : 1;
  if (enf__chiral_plan(ctx, &(*field)->chiral, kinds, model->prefix, params) == ENF_OK)
    return ENF_OK;
  enf__field_destroy(*field);
  *field = NULL;
  return ENF_ERR_NOMEM;
}

enf_status enf__field_allocate(enf_ctx *ctx, enf__field *field) {
  if (field->ops->allocate(field) == ENF_OK &&
      (!field->chiral || enf__chiral_allocate(field->chiral) == ENF_OK))
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for the weights of a velocity field");
}

enf_status enf__field_create(enf_ctx *ctx, enf__field **field, const enf__model *model,
                             enf__params *params) {
  enf_status status = enf__field_plan(ctx, field, model, params);
  if (status == ENF_OK)
    status = enf__field_allocate(ctx, *field);
  if (status != ENF_OK) {
    enf__field_destroy(*field);
    *field = NULL;
  }
  return status;
}

void enf__field_destroy(enf__field *field) {
  if (!field)
    return;
  enf__chiral_destroy(field->chiral);
  field->ops->destroy(field);
}

int enf__field_space(int kind) { return fields[kind]->space; }

const enf__model *enf__field_model(const enf__field *field) { return &field->model; }

void enf__field_pack(enf__field *field, const double *params) {
  field->ops->pack(field, params);
  if (field->chiral)
    enf__chiral_pack(field->chiral, params);
}

/* ---- work ------------------------------------------------------------------------------------ */

static const enf__field_passes *passes_of(const enf__field *field, const enf__run *run) {
  return run->precision == ENF__FLOAT64 ? field->ops->float64 : field->ops->float32;
}

size_t enf__field_workspace(const enf__field *field, const enf__run *run, const enf__shape *shape,
                            enf__work work) {
  const enf__field_passes *passes = passes_of(field, run);
  return field->chiral ? enf__handed_workspace(passes, field, run->kernel, shape, work)
                       : passes->workspace(field, run->kernel, shape, work);
}

/* velocity (eps and form NULL), divergence (eps NULL) and jvp */
static void forward(const enf__field *field, const enf__run *run, enf__arena *arena,
                    const enf__points *at, const double *eps, double *v, double *v_dot,
                    double *form) {
  passes_of(field, run)->forward(field, run->kernel, arena, at, eps, v, v_dot, form);
  if (field->chiral)
    enf__chiral_forward(field->chiral, arena, at, eps, v, v_dot, form);
}

bool enf__field_closed(const enf__field *field) { return field->ops->closed; }

size_t enf__field_whole(const enf__field *field, size_t size) {
  const size_t group = field->ops->group;
  return group ? (size + group - 1) / group * group : size;
}

size_t enf__field_chunk(const enf__field *field, const enf__shape *shape, enf__work work) {
  const double samples = 3e7 / field->ops->cost(field, shape, work);
  return enf__field_whole(field, samples < 1 ? 1 : samples > 64 ? 64 : (size_t)samples);
}

size_t enf__field_pieces(const enf__field *field, const enf__shape *shape, enf__work work,
                         size_t least, size_t n) {
  /* A multiple of 4 keeps 2 and 4 threads busy to the end. */
  const size_t chunk = enf__field_chunk(field, shape, work), size = chunk > least ? chunk : least;
  const size_t wanted = ((n + size - 1) / size + 3) / 4 * 4;
  const size_t most = n < MOST_PIECES ? n : MOST_PIECES;
  return wanted < most ? wanted : most;
}

void enf__field_velocity(const enf__field *field, const enf__run *run, enf__arena *arena,
                         const enf__points *at, double *v) {
  forward(field, run, arena, at, NULL, v, NULL, NULL);
}

void enf__field_divergence(const enf__field *field, const enf__run *run, enf__arena *arena,
                           const enf__points *at, double *v, double *div) {
  forward(field, run, arena, at, NULL, v, NULL, div);
}

void enf__field_divergence_apart(const enf__field *field, const enf__run *run, enf__arena *arena,
                                 const enf__points *at, size_t stride, double *v, double *div) {
  field->ops->apart(field, run->kernel, arena, at, stride, v, div);
}

void enf__field_jvp(const enf__field *field, const enf__run *run, enf__arena *arena,
                    const enf__points *at, const double *eps, double *v, double *v_dot,
                    double *form) {
  forward(field, run, arena, at, eps, v, v_dot, form);
}

void enf__field_vjp(const enf__field *field, const enf__run *run, enf__arena *arena,
                    const enf__points *at, enf__cotangent_fn cotangent, void *user, double *dx,
                    double *dparams) {
  const enf__field_passes *passes = passes_of(field, run);
  if (field->chiral)
    enf__handed_vjp(passes, field, run->kernel, arena, at, cotangent, user, dx, dparams);
  else
    passes->vjp(field, run->kernel, arena, at, cotangent, user, dx, dparams);
}

void enf__field_vjp_trace(const enf__field *field, const enf__run *run, enf__arena *arena,
                          const enf__points *at, const enf__cotangent *of,
                          const enf__gradient *out) {
  const enf__field_passes *passes = passes_of(field, run);
  if (field->chiral)
    enf__handed_vjp_trace(passes, field, run->kernel, arena, at, of, out);
  else
    passes->vjp_trace(field, run->kernel, arena, at, of, out);
}
