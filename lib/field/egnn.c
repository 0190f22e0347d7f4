/* egnn.c -- the EGNN field as an object: shapes, parameter table, initial weights, packing, and the
   choice of the precision. The mathematics is in egnn_forward.h, egnn_reverse.h and
   egnn_divergence.h.

   Initial weights are those of the published PyTorch networks: every linear layer uniform in
   +- 1/sqrt(inputs), weight and bias, and the last coordinate layer Xavier-uniform with gain 0.001,
   so that the flow starts near the identity. */
#include "field/egnn.h"

#include <math.h>
#include <string.h>

enum { NO_REVERSE = 0 };

/* ---- tables ---------------------------------------------------------------------------------- */

/* At most; views are four more, as the first linear layers are taken apart. */
static size_t tensors_per_layer(const enf__model *model) {
  return 2 * (model->edge_depth + model->node_depth) + 5;
}

static void add_view(enf__egnn *f, size_t tensor, size_t col, size_t count, size_t forward,
                     size_t ldf, size_t reverse) {
  f->view[f->views++] = (enf__egnn_view){.tensor = tensor,
                                         .col = col,
                                         .count = count,
                                         .forward = forward,
                                         .ldf = ldf,
                                         .reverse = reverse,
                                         .ldr = f->padded};
}

static size_t take(size_t *next, size_t count) {
  const size_t at = *next;
  *next += ENF__PADDED(count);
  return at;
}

/* Forward and reverse parts of the packed weights are laid out one after the other. */
static void place_linear(enf__egnn *f, enf__egnn_linear *w, size_t *next) {
  w->w = take(next, f->padded * f->padded);
  w->b = take(next, f->padded);
}

static void place_forward(enf__egnn *f, enf__egnn_layer *w, size_t *next) {
  const size_t Hp = f->padded;
  w->node_w = take(next, 3 * Hp * Hp);
  w->node_b = take(next, 3 * Hp);
  w->wq = take(next, Hp);
  w->w0 = take(next, Hp);
  for (size_t k = 1; k < f->base.model.edge_depth; k++)
    place_linear(f, &w->edge[k], next);
  w->wa = take(next, Hp);
  w->ba = take(next, 1);
  place_linear(f, &w->coord, next);
  w->w4 = take(next, Hp);
  w->w5 = take(next, Hp * Hp);
  for (size_t k = 1; k < f->base.model.node_depth; k++)
    place_linear(f, &w->node[k], next);
}

static void place_reverse(enf__egnn *f, enf__egnn_layer *w, size_t *next) {
  const size_t block = f->padded * f->padded;
  w->node_wt = take(next, 3 * block);
  for (size_t k = 1; k < f->base.model.edge_depth; k++)
    w->edge[k].wt = take(next, block);
  w->coord.wt = take(next, block);
  w->w5t = take(next, block);
  for (size_t k = 1; k < f->base.model.node_depth; k++)
    w->node[k].wt = take(next, block);
}

/* Weight and bias of linear layer k of a network. */
static void add_linear(enf__egnn *f, size_t l, const char *network, size_t k,
                       const enf__egnn_linear *w) {
  const size_t H = f->base.model.hidden;
  size_t t = enf__field_add(&f->base, H, H, "egnn.gcl_%zu.%s.%zu.weight", l, network, 2 * k);
  add_view(f, t, 0, H, w->w, f->padded, w->wt);
  t = enf__field_add(&f->base, H, 1, "egnn.gcl_%zu.%s.%zu.bias", l, network, 2 * k);
  add_view(f, t, 0, 1, w->b, f->padded, NO_REVERSE);
}

static void add_edge_network(enf__egnn *f, size_t l) {
  const size_t H = f->base.model.hidden, Hp = f->padded;
  const enf__egnn_layer *w = &f->layer[l];
  size_t t = enf__field_add(&f->base, H, 2 * H + 2, "egnn.gcl_%zu.edge_mlp.0.weight", l);
  add_view(f, t, 0, H, w->node_w, 3 * Hp, w->node_wt);
  add_view(f, t, H, H, w->node_w + Hp, 3 * Hp, w->node_wt + Hp * Hp);
  add_view(f, t, 2 * H, 1, w->wq, Hp, NO_REVERSE);
  add_view(f, t, 2 * H + 1, 1, w->w0, Hp, NO_REVERSE);
  t = enf__field_add(&f->base, H, 1, "egnn.gcl_%zu.edge_mlp.0.bias", l);
  add_view(f, t, 0, 1, w->node_b + Hp, Hp, NO_REVERSE);
  for (size_t k = 1; k < f->base.model.edge_depth; k++)
    add_linear(f, l, "edge_mlp", k, &w->edge[k]);
}

static void add_node_network(enf__egnn *f, size_t l) {
  const size_t H = f->base.model.hidden, Hp = f->padded;
  const enf__egnn_layer *w = &f->layer[l];
  size_t t = enf__field_add(&f->base, H, 2 * H, "egnn.gcl_%zu.node_mlp.0.weight", l);
  add_view(f, t, 0, H, w->node_w + 2 * Hp, 3 * Hp, w->node_wt + 2 * Hp * Hp);
  add_view(f, t, H, H, w->w5, Hp, w->w5t);
  t = enf__field_add(&f->base, H, 1, "egnn.gcl_%zu.node_mlp.0.bias", l);
  add_view(f, t, 0, 1, w->node_b + 2 * Hp, Hp, NO_REVERSE);
  for (size_t k = 1; k < f->base.model.node_depth; k++)
    add_linear(f, l, "node_mlp", k, &w->node[k]);
}

static void add_coordinate_network(enf__egnn *f, size_t l) {
  const enf__egnn_layer *w = &f->layer[l];
  add_linear(f, l, "coord_mlp", 0, &w->coord);
  const size_t H = f->base.model.hidden,
               t = enf__field_add(&f->base, 1, H, "egnn.gcl_%zu.coord_mlp.2.weight", l);
  add_view(f, t, 0, H, w->w4, 1, NO_REVERSE);
}

static void add_attention(enf__egnn *f, size_t l) {
  const size_t H = f->base.model.hidden;
  const enf__egnn_layer *w = &f->layer[l];
  size_t t = enf__field_add(&f->base, 1, H, "egnn.gcl_%zu.att_mlp.0.weight", l);
  add_view(f, t, 0, H, w->wa, 1, NO_REVERSE);
  t = enf__field_add(&f->base, 1, 1, "egnn.gcl_%zu.att_mlp.0.bias", l);
  add_view(f, t, 0, 1, w->ba, 1, NO_REVERSE);
}

/* Tensors of one layer in the published order, and where their columns go. */
static void add_layer(enf__egnn *f, size_t l) {
  add_edge_network(f, l);
  add_node_network(f, l);
  add_coordinate_network(f, l);
  if (f->base.model.attention)
    add_attention(f, l);
}

static void build_tables(enf__egnn *f) {
  const size_t H = f->base.model.hidden;
  size_t next = 0;
  f->embed = take(&next, f->features * f->padded);
  f->embed_b = take(&next, f->padded);
  for (size_t l = 0; l < f->base.model.layers; l++)
    place_forward(f, &f->layer[l], &next);
  f->forward_count = next;
  for (size_t l = 0; l < f->base.model.layers; l++)
    place_reverse(f, &f->layer[l], &next);
  f->packed_count = next;

  size_t t = enf__field_add(&f->base, H, f->features, "egnn.embedding.weight");
  add_view(f, t, 0, f->features, f->embed, f->padded, NO_REVERSE);
  t = enf__field_add(&f->base, H, 1, "egnn.embedding.bias");
  add_view(f, t, 0, 1, f->embed_b, f->padded, NO_REVERSE);
  enf__field_add(&f->base, f->features, H, "egnn.embedding_out.weight");
  enf__field_add(&f->base, f->features, 1, "egnn.embedding_out.bias");
  for (size_t l = 0; l < f->base.model.layers; l++)
    add_layer(f, l);
}

/* ---- the object ------------------------------------------------------------------------------ */

static void destroy(enf__field *field) {
  enf__egnn *f = (enf__egnn *)field;
  const enf_alloc alloc = field->alloc;
  enf__field_close(field);
  enf__free(&alloc, f->layer);
  enf__free(&alloc, f->view);
  enf__free(&alloc, f->packed_f32);
  enf__free(&alloc, f->packed_f64);
  enf__free(&alloc, f);
}

static enf_status allocate_tables(enf__egnn *f) {
  const enf_alloc *alloc = &f->base.alloc;
  const size_t L = f->base.model.layers;
  f->layer = enf__alloc_array(alloc, L, sizeof *f->layer);
  f->view =
      enf__alloc_array(alloc, 2 + L * (tensors_per_layer(&f->base.model) + 4), sizeof *f->view);
  return f->layer && f->view ? ENF_OK : ENF_ERR_NOMEM;
}

static enf_status allocate_packed(enf__egnn *f) {
  const enf_alloc *alloc = &f->base.alloc;
  f->packed_f32 = enf__alloc_array(alloc, f->packed_count, sizeof *f->packed_f32);
  f->packed_f64 = enf__alloc_array(alloc, f->packed_count, sizeof *f->packed_f64);
  if (!f->packed_f32 || !f->packed_f64)
    return ENF_ERR_NOMEM;
  memset(f->packed_f32, 0, f->packed_count * sizeof *f->packed_f32);
  memset(f->packed_f64, 0, f->packed_count * sizeof *f->packed_f64);
  return ENF_OK;
}

static enf_status create(enf_ctx *ctx, enf__field **field, const enf__model *model) {
  enf_status status = ENF_ERR_NOMEM;
  enf__egnn *f = enf__alloc(&ctx->alloc, sizeof *f);
  *field = NULL;
  if (!f)
    goto out;
  memset(f, 0, sizeof *f);
  f->padded = ENF__PADDED(model->hidden);
  f->features = model->species_count + 1;
  f->edges = model->particles * (model->particles - 1);
  TRY(enf__field_open(ctx, &f->base, &enf__egnn_ops, model,
                      4 + model->layers * tensors_per_layer(model)));
  TRY(allocate_tables(f));
  build_tables(f);
  TRY(enf__field_allocate(&f->base));
  TRY(allocate_packed(f));
  *field = &f->base;
  return ENF_OK;
out:
  if (f)
    destroy(&f->base);
  return enf__fail(ctx, status, "out of memory for a network of %zu layers of width %zu",
                   model->layers, model->hidden);
}

/* ---- weights --------------------------------------------------------------------------------- */

/* 1/sqrt(inputs) of the linear layer a tensor belongs to; a bias stands after its weight. */
static double initial_range(const enf__field *field, size_t tensor) {
  const enf__tensor *t = &field->tensor[tensor];
  if (strstr(t->name, "coord_mlp.2"))
    return 1e-3 * sqrt(6.0 / (double)(t->rows + t->cols));
  return 1 / sqrt((double)(strstr(t->name, ".bias") ? t[-1].cols : t->cols));
}

static void pack(enf__field *field) {
  enf__egnn *f = (enf__egnn *)field;
  for (size_t k = 0; k < f->views; k++) {
    const enf__egnn_view *v = &f->view[k];
    const enf__tensor *t = &field->tensor[v->tensor];
    for (size_t o = 0; o < t->rows; o++) {
      const double *w = field->param + t->offset + o * t->cols + v->col;
      for (size_t i = 0; i < v->count; i++) {
        f->packed_f64[v->forward + i * v->ldf + o] = w[i];
        f->packed_f32[v->forward + i * v->ldf + o] = (float)w[i];
      }
      if (!v->reverse)
        continue;
      for (size_t i = 0; i < v->count; i++) {
        f->packed_f64[v->reverse + o * v->ldr + i] = w[i];
        f->packed_f32[v->reverse + o * v->ldr + i] = (float)w[i];
      }
    }
  }
}

/* ---- work ------------------------------------------------------------------------------------ */

/* Bytes a group may fill, so that one layer's arrays stay in the second-level cache. */
enum { GROUP_BYTES = 256 * 1024, GROUP_LIMIT = 64 };

size_t enf__egnn_group(const enf__egnn *f, enf__work work, size_t real_bytes) {
  const enf__model *m = &f->base.model;
  const size_t N = m->particles, Hp = f->padded, L = m->layers;
  size_t reals = 6 * N * Hp + 12 * f->edges;
  if (work != ENF__VELOCITY)
    reals = L * ((5 + m->node_depth) * N * Hp + m->edge_depth * f->edges * Hp + 12 * f->edges);
  const size_t group = GROUP_BYTES / (reals * real_bytes);
  return group < 1 ? 1 : group > GROUP_LIMIT ? GROUP_LIMIT : group;
}

static size_t workspace(const enf__field *field, const enf__run *run, enf__work work) {
  const enf__egnn *f = (const enf__egnn *)field;
  enf__arena count = {0};
  if (run->precision == ENF__FLOAT64)
    enf__egnn_layout_f64(f, work, &count);
  else
    enf__egnn_layout_f32(f, work, &count);
  return count.used;
}

static double cost(const enf__field *field, enf__work work) {
  static const double factor[] = {[ENF__VELOCITY] = 1,
                                  [ENF__DIVERGENCE] = 6,
                                  [ENF__JVP] = 2,
                                  [ENF__VJP] = 3,
                                  [ENF__VJP_TRACE] = 6};
  const enf__egnn *f = (const enf__egnn *)field;
  const enf__model *m = &field->model;
  const double H = (double)f->padded, L = (double)m->layers;
  return factor[work] * L * H * H *
         (double)(m->edge_depth * f->edges + (3 + m->node_depth) * m->particles);
}

/* name(field, run, ...) = the precision's own, with the kernel level. */
#define IN_PRECISION(name, ...)                                                                    \
  do {                                                                                             \
    const enf__egnn *f = (const enf__egnn *)field;                                                 \
    if (run->precision == ENF__FLOAT64)                                                            \
      enf__egnn_##name##_f64(f, run->kernel, arena, S, t, x, __VA_ARGS__);                         \
    else                                                                                           \
      enf__egnn_##name##_f32(f, run->kernel, arena, S, t, x, __VA_ARGS__);                         \
  } while (0)

static void velocity(const enf__field *field, const enf__run *run, enf__arena *arena, size_t S,
                     const double *t, const double *x, double *v) {
  IN_PRECISION(velocity, v);
}

static void divergence(const enf__field *field, const enf__run *run, enf__arena *arena, size_t S,
                       const double *t, const double *x, double *v, double *div) {
  IN_PRECISION(divergence, v, div);
}

static void jvp(const enf__field *field, const enf__run *run, enf__arena *arena, size_t S,
                const double *t, const double *x, const double *eps, double *v, double *v_dot,
                double *form) {
  IN_PRECISION(jvp, eps, v, v_dot, form);
}

static void vjp(const enf__field *field, const enf__run *run, enf__arena *arena, size_t S,
                const double *t, const double *x, enf__cotangent_fn cotangent, void *user,
                double *dx, double *dparams) {
  IN_PRECISION(vjp, cotangent, user, dx, dparams);
}

static void vjp_trace(const enf__field *field, const enf__run *run, enf__arena *arena, size_t S,
                      const double *t, const double *x, const double *eps, const double *a,
                      const double *b, const double *c, const double *d, double *dx,
                      double *dparams, double *value) {
  IN_PRECISION(vjp_trace, eps, a, b, c, d, dx, dparams, value);
}

const enf__field_ops enf__egnn_ops = {.create = create,
                                      .destroy = destroy,
                                      .initial_range = initial_range,
                                      .pack = pack,
                                      .workspace = workspace,
                                      .cost = cost,
                                      .velocity = velocity,
                                      .divergence = divergence,
                                      .jvp = jvp,
                                      .vjp = vjp,
                                      .vjp_trace = vjp_trace};
