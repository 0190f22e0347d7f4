/* mlp.c -- the field of vectors as an object: its views of the parameters, initial weights,
   packing, and the choice of the precision. The mathematics is in mlp.h and mlp/work.h.

   Linear layers begin uniform in +- 1/sqrt(inputs), weight and bias, as in PyTorch; the last one a
   hundredth of that, so that the flow starts near the identity. */
#include "field/mlp.h"

#include <math.h>
#include <string.h>

static const double LAST_LAYER = 0.01;

/* ---- the object ------------------------------------------------------------------------------ */

static size_t take(size_t *next, size_t count) {
  const size_t at = *next;
  *next += count;
  return at;
}

static void add_linear(enf__mlp *f, enf__params *params, size_t j) {
  const size_t H = f->base.model.hidden;
  const size_t in = j > 0 ? H : f->D + ENF__MLP_TIMES, out = j < f->layers ? H : f->D;
  const double spread = (j < f->layers ? 1 : LAST_LAYER) / sqrt((double)in);
  enf__tensor t = {.rows = out, .cols = in, .spread = spread}; /* AdamW learns it faster */
  enf__mlp_linear *l = &f->linear[j];
  *l = (enf__mlp_linear){
      .in = in, .out = out, .in_padded = ENF__PADDED(in), .out_padded = ENF__PADDED(out)};
  l->weight_param = enf__params_add(params, t, "mlp.%zu.weight", j);
  t.cols = 1;
  l->bias_param = enf__params_add(params, t, "mlp.%zu.bias", j);
}

static void place_linears(enf__mlp *f) {
  size_t next = 0;
  for (size_t j = 0; j <= f->layers; j++) {
    enf__mlp_linear *l = &f->linear[j];
    l->w = take(&next, l->in_padded * l->out_padded);
    l->b = take(&next, l->out_padded);
  }
  f->grad_count = next;
  for (size_t j = 0; j <= f->layers; j++)
    f->linear[j].wt = take(&next, f->linear[j].in_padded * f->linear[j].out_padded);
  f->packed_count = next;
}

static void destroy(enf__field *field) {
  enf__mlp *f = (enf__mlp *)field;
  const enf_alloc alloc = field->alloc;
  enf__free(&alloc, f->packed_f32);
  enf__free(&alloc, f->packed_f64);
  enf__free(&alloc, f);
}

static enf_status allocate(enf__field *field) {
  enf__mlp *f = (enf__mlp *)field;
  const enf_alloc *alloc = &f->base.alloc;
  f->packed_f32 = enf__alloc_array(alloc, f->packed_count, sizeof *f->packed_f32);
  f->packed_f64 = enf__alloc_array(alloc, f->packed_count, sizeof *f->packed_f64);
  if (!f->packed_f32 || !f->packed_f64)
    return ENF_ERR_NOMEM;
  memset(f->packed_f32, 0, f->packed_count * sizeof *f->packed_f32);
  memset(f->packed_f64, 0, f->packed_count * sizeof *f->packed_f64);
  return ENF_OK;
}

static enf_status plan(enf_ctx *ctx, enf__field **field, const enf__model *model,
                       enf__params *params) {
  enf__mlp *f = enf__alloc(&ctx->alloc, sizeof *f);
  *field = NULL;
  if (!f)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a network of vectors");
  *f = (enf__mlp){.base = {.ops = &enf__mlp_ops, .alloc = ctx->alloc, .model = *model},
                  .D = model->dimensions,
                  .layers = model->layers};
  for (size_t j = 0; j <= f->layers; j++)
    add_linear(f, params, j);
  place_linears(f);
  *field = &f->base;
  return ENF_OK;
}

static void set_packed(enf__mlp *f, size_t at, double value) {
  f->packed_f64[at] = value;
  f->packed_f32[at] = (float)value;
}

static void pack(enf__field *field, const double *params) {
  enf__mlp *f = (enf__mlp *)field;
  for (size_t j = 0; j <= f->layers; j++) {
    const enf__mlp_linear *l = &f->linear[j];
    const double *w = params + l->weight_param;
    for (size_t o = 0; o < l->out; o++) {
      set_packed(f, l->b + o, params[l->bias_param + o]);
      for (size_t i = 0; i < l->in; i++, w++) {
        set_packed(f, l->w + i * l->out_padded + o, *w);
        set_packed(f, l->wt + o * l->in_padded + i, *w);
      }
    }
  }
}

/* ---- work ------------------------------------------------------------------------------------ */

static double cost(const enf__field *field, const enf__shape *shape, enf__work work) {
  const enf__mlp *f = (const enf__mlp *)field;
  const double vectors = (double)(1 + enf__mlp_tangents(f, work)), passes = work < ENF__VJP ? 1 : 3;
  (void)shape;
  return passes * vectors * (double)(f->packed_count - f->grad_count);
}

const enf__field_ops enf__mlp_ops = {.space = ENF__VECTOR,
                                     .plan = plan,
                                     .allocate = allocate,
                                     .destroy = destroy,
                                     .pack = pack,
                                     .cost = cost,
                                     .float32 = &enf__mlp_passes_f32,
                                     .float64 = &enf__mlp_passes_f64};
