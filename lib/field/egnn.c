/* egnn.c -- the EGNN field as an object: its views of the parameters, initial weights, packing, and
   the choice of the precision. The mathematics is in lib/field/egnn, compiled once per precision.

   Initial weights are those of the published PyTorch networks: every linear layer uniform in
   +- 1/sqrt(inputs), weight and bias, and the last coordinate layer Xavier-uniform with gain 0.001,
   so that the flow starts near the identity. */
#include "field/egnn.h"

#include <math.h>
#include <string.h>

enum { NO_REVERSE = 0 };

/* ---- tables ---------------------------------------------------------------------------------- */

/* Views of one layer, at most: the first linear layers are taken apart. */
static size_t views_per_layer(const enf__model *model) {
  return 2 * (model->edge_depth + model->node_depth) + 9;
}

/* Where columns col ... col+count-1 of a tensor go. */
static void add_view(enf__egnn *f, const enf__tensor *t, size_t col, size_t count, size_t forward,
                     size_t ldf, size_t reverse) {
  f->view[f->views++] = (enf__egnn_view){.param = t->offset + col,
                                         .rows = t->rows,
                                         .cols = t->cols,
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

/* What the views of a field are appended to, and the layer and network under way. */
typedef struct {
  enf__egnn *f;
  enf__params *params;
  size_t l;
} builder;

static const char *prefix_of(const enf__egnn *f) {
  return f->base.model.prefix ? f->base.model.prefix : "";
}

static enf__tensor append(const builder *b, size_t rows, size_t cols, double spread,
                          const char *network, size_t number, const char *kind) {
  enf__tensor t = {.rows = rows, .cols = cols, .spread = spread, .turns = true};
  t.offset = enf__params_add(b->params, t, "%segnn.gcl_%zu.%s.%zu.%s", prefix_of(b->f), b->l,
                             network, number, kind);
  return t;
}

/* Linear layers begin uniform in +- 1/sqrt(inputs), weight and bias. */
static enf__tensor add_weight(const builder *b, const char *network, size_t number, size_t rows,
                              size_t cols) {
  return append(b, rows, cols, 1 / sqrt((double)cols), network, number, "weight");
}

static enf__tensor add_bias(const builder *b, const char *network, size_t number, size_t rows,
                            size_t inputs) {
  return append(b, rows, 1, 1 / sqrt((double)inputs), network, number, "bias");
}

/* Weight and bias of linear layer k of a network. */
static void add_linear(const builder *b, const char *network, size_t k, const enf__egnn_linear *w) {
  enf__egnn *f = b->f;
  const size_t H = f->base.model.hidden;
  enf__tensor t = add_weight(b, network, 2 * k, H, H);
  add_view(f, &t, 0, H, w->w, f->padded, w->wt);
  t = add_bias(b, network, 2 * k, H, H);
  add_view(f, &t, 0, 1, w->b, f->padded, NO_REVERSE);
}

static void add_edge_network(const builder *b) {
  enf__egnn *f = b->f;
  const bool plain = f->base.model.plain;
  const size_t H = f->base.model.hidden, Hp = f->padded, inputs = 2 * H + (plain ? 1 : 2);
  const enf__egnn_layer *w = &f->layer[b->l];
  enf__tensor t = add_weight(b, "edge_mlp", 0, H, inputs);
  add_view(f, &t, 0, H, w->node_w, 3 * Hp, w->node_wt);
  add_view(f, &t, H, H, w->node_w + Hp, 3 * Hp, w->node_wt + Hp * Hp);
  add_view(f, &t, 2 * H, 1, w->wq, Hp, NO_REVERSE);
  if (!plain)
    add_view(f, &t, 2 * H + 1, 1, w->w0, Hp, NO_REVERSE);
  t = add_bias(b, "edge_mlp", 0, H, inputs);
  add_view(f, &t, 0, 1, w->node_b + Hp, Hp, NO_REVERSE);
  for (size_t k = 1; k < f->base.model.edge_depth; k++)
    add_linear(b, "edge_mlp", k, &w->edge[k]);
}

static void add_node_network(const builder *b) {
  enf__egnn *f = b->f;
  const size_t H = f->base.model.hidden, Hp = f->padded, inputs = 2 * H;
  const enf__egnn_layer *w = &f->layer[b->l];
  enf__tensor t = add_weight(b, "node_mlp", 0, H, inputs);
  add_view(f, &t, 0, H, w->node_w + 2 * Hp, 3 * Hp, w->node_wt + 2 * Hp * Hp);
  add_view(f, &t, H, H, w->w5, Hp, w->w5t);
  t = add_bias(b, "node_mlp", 0, H, inputs);
  add_view(f, &t, 0, 1, w->node_b + 2 * Hp, Hp, NO_REVERSE);
  for (size_t k = 1; k < f->base.model.node_depth; k++)
    add_linear(b, "node_mlp", k, &w->node[k]);
}

/* Its last layer begins Xavier-uniform with gain 0.001. */
static void add_coordinate_network(const builder *b) {
  enf__egnn *f = b->f;
  const enf__egnn_layer *w = &f->layer[b->l];
  const size_t H = f->base.model.hidden;
  add_linear(b, "coord_mlp", 0, &w->coord);
  const enf__tensor t =
      append(b, 1, H, 1e-3 * sqrt(6.0 / (double)(1 + H)), "coord_mlp", 2, "weight");
  add_view(f, &t, 0, H, w->w4, 1, NO_REVERSE);
}

static void add_attention(const builder *b) {
  enf__egnn *f = b->f;
  const size_t H = f->base.model.hidden;
  const enf__egnn_layer *w = &f->layer[b->l];
  enf__tensor t = add_weight(b, "att_mlp", 0, 1, H);
  add_view(f, &t, 0, H, w->wa, 1, NO_REVERSE);
  t = add_bias(b, "att_mlp", 0, 1, H);
  add_view(f, &t, 0, 1, w->ba, 1, NO_REVERSE);
}

/* Tensors of one layer in the published order, and where their columns go. */
static void add_layer(const builder *b) {
  add_edge_network(b);
  add_node_network(b);
  add_coordinate_network(b);
  if (b->f->base.model.attention)
    add_attention(b);
}

static void place_weights(enf__egnn *f) {
  size_t next = 0;
  f->embed = take(&next, f->features * f->padded);
  f->embed_b = take(&next, f->padded);
  f->out = take(&next, f->padded * f->padded_out);
  f->out_b = take(&next, f->padded_out);
  for (size_t l = 0; l < f->base.model.layers; l++)
    place_forward(f, &f->layer[l], &next);
  f->forward_count = next;
  for (size_t l = 0; l < f->base.model.layers; l++)
    place_reverse(f, &f->layer[l], &next);
  f->out_t = take(&next, f->padded_out * f->padded);
  f->packed_count = next;
}

/* Rows of the embedding of the output: those of the state's features are their rates, further ones,
   and all without features, have no effect; the published networks have them. */
static void add_output(enf__egnn *f, enf__params *params) {
  const enf__model *m = &f->base.model;
  const size_t rows = m->features ? m->outputs : f->features, H = m->hidden;
  enf__tensor t = {.rows = rows, .cols = H, .spread = 1 / sqrt((double)H), .turns = true};
  t.offset = enf__params_add(params, t, "%segnn.embedding_out.weight", prefix_of(f));
  t.rows = m->features;
  add_view(f, &t, 0, H, f->out, f->padded_out, f->out_t);
  t.rows = rows;
  t.cols = 1;
  t.offset = enf__params_add(params, t, "%segnn.embedding_out.bias", prefix_of(f));
  t.rows = m->features;
  add_view(f, &t, 0, 1, f->out_b, f->padded_out, NO_REVERSE);
}

static void add_embeddings(enf__egnn *f, enf__params *params) {
  const size_t H = f->base.model.hidden, features = f->features;
  const double in = 1 / sqrt((double)features);
  enf__tensor t = {.rows = H, .cols = features, .spread = in, .turns = true};
  t.offset = enf__params_add(params, t, "%segnn.embedding.weight", prefix_of(f));
  add_view(f, &t, 0, features, f->embed, f->padded, NO_REVERSE);
  t.cols = 1;
  t.offset = enf__params_add(params, t, "%segnn.embedding.bias", prefix_of(f));
  add_view(f, &t, 0, 1, f->embed_b, f->padded, NO_REVERSE);
  add_output(f, params);
}

static void build_tables(enf__egnn *f, enf__params *params) {
  place_weights(f);
  add_embeddings(f, params);
  for (builder b = {.f = f, .params = params}; b.l < f->base.model.layers; b.l++)
    add_layer(&b);
}

/* ---- the object ------------------------------------------------------------------------------ */

static void destroy(enf__field *field) {
  enf__egnn *f = (enf__egnn *)field;
  const enf_alloc alloc = field->alloc;
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
  f->view = enf__alloc_array(alloc, 4 + L * views_per_layer(&f->base.model), sizeof *f->view);
  return f->layer && f->view ? ENF_OK : ENF_ERR_NOMEM;
}

static enf_status allocate(enf__field *field) {
  enf__egnn *f = (enf__egnn *)field;
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
  enf_status status = ENF_ERR_NOMEM;
  enf__egnn *f = enf__alloc(&ctx->alloc, sizeof *f);
  *field = NULL;
  if (!f)
    goto out;
  *f = (enf__egnn){.base = {.ops = &enf__egnn_ops, .alloc = ctx->alloc, .model = *model},
                   .padded = ENF__PADDED(model->hidden),
                   .padded_out = ENF__PADDED(model->features),
                   .features =
                       model->features
                           ? model->inputs + model->context + !model->plain
                           : model->species_count + model->context + 1};
  TRY(allocate_tables(f));
  build_tables(f, params);
  *field = &f->base;
  return ENF_OK;
out:
  if (f)
    destroy(&f->base);
  return enf__fail(ctx, status, "out of memory for a network of %zu layers of width %zu",
                   model->layers, model->hidden);
}

static void pack(enf__field *field, const double *params) {
  enf__egnn *f = (enf__egnn *)field;
  for (size_t k = 0; k < f->views; k++) {
    const enf__egnn_view *v = &f->view[k];
    for (size_t o = 0; o < v->rows; o++) {
      const double *w = params + v->param + o * v->cols;
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

/* With features the exact divergence has a tangent for every number of the state. */
static double tangents_of(const enf__shape *shape, enf__work work) {
  const bool exact = work == ENF__DIVERGENCE || work == ENF__VJP_TRACE;
  return exact && shape->features ? (double)enf__shape_size(shape) / 3 : 1;
}

static double cost(const enf__field *field, const enf__shape *shape, enf__work work) {
  static const double factor[] = {[ENF__VELOCITY] = 1, [ENF__DIVERGENCE] = 6, [ENF__JVP] = 2,
                                  [ENF__VJP] = 3,      [ENF__VJP_TRACE] = 6,  [ENF__VJP_PROBE] = 6};
  const enf__egnn *f = (const enf__egnn *)field;
  const enf__model *m = &field->model;
  const double H = (double)f->padded, L = (double)m->layers;
  return factor[work] * tangents_of(shape, work) * L * H * H *
         (double)(m->edge_depth * enf__shape_edges(shape) + (3 + m->node_depth) * shape->particles);
}

const enf__field_ops enf__egnn_ops = {.space = ENF__PARTICLES,
                                      .plan = plan,
                                      .allocate = allocate,
                                      .destroy = destroy,
                                      .pack = pack,
                                      .cost = cost,
                                      .float32 = &enf__egnn_passes_f32,
                                      .float64 = &enf__egnn_passes_f64};
