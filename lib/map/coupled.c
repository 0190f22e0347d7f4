/* coupled.c -- the map "coupling" of a chain: tables, packing, and its rows as a formula whose record
   is the states on the data's side of every half step. The work is in coupled/. */
#include "map/coupled.h"

#include <math.h>
#include <string.h>

enum { TOGETHER = 32 };

static enf__coupled *of(enf__map *map) { return (enf__coupled *)map; }
static const enf__coupled *in(const enf__map *map) { return (const enf__coupled *)map; }

/* ---- tables ---------------------------------------------------------------------------------- */

/* Numbers are taken in whole vectors. */
static size_t take(size_t *next, size_t count) {
  const size_t at = *next;
  *next += ENF__PADDED(count);
  return at;
}

static void place_linear(enf__coupled_linear *l, size_t m, size_t n, bool back, size_t *next) {
  if (back) {
    l->wt = take(next, n * m);
    return;
  }
  l->w = take(next, m * n);
  l->b = take(next, n);
}

/* All linear layers, what has a gradient first, then their transposes. */
static void place_linears(enf__coupled *map, bool back, size_t *next) {
  const size_t H = map->padded;
  enf__coupled_net *net = &map->net;
  for (size_t r = 0; r < map->rounds; r++) {
    enf__coupled_round *at = net->round + r;
    place_linear(&at->pq, H, 2 * H, back, next);
    place_linear(&at->edge, H, H, back, next);
    place_linear(&at->in, 2 * H, H, back, next);
    place_linear(&at->out, H, H, back, next);
  }
  place_linear(&net->vector, H, H, back, next);
  place_linear(&net->scale, H, H, back, next);
}

static void place(enf__coupled *map) {
  enf__coupled_net *net = &map->net;
  size_t next = 0;
  net->embed = take(&next, map->kinds * map->padded);
  net->w8 = take(&next, 2 * map->padded);
  net->b8 = take(&next, 2);
  net->w10 = take(&next, map->padded);
  net->b10 = take(&next, 1);
  for (size_t r = 0; r < map->rounds; r++)
    net->round[r].wd = take(&next, map->padded);
  place_linears(map, false, &next);
  map->forward = next;
  place_linears(map, true, &next);
  map->packed = next;
}

typedef struct {
  enf__coupled *map;
  enf__params *params;
  enf__coupled_view *view; /* the next one */
  char prefix[48];         /* "coupling.0.a." */
} builder;

static void add_view(builder *b, const enf__coupled_view view) { *b->view++ = view; }

/* A tensor of the network: its offset. */
static size_t add_tensor(const builder *b, size_t rows, size_t cols, double spread,
                         const char *name) {
  return enf__params_add(b->params,
                         (enf__tensor){.rows = rows, .cols = cols, .spread = spread, .turns = true},
                         "%s%s", b->prefix, name);
}

/* Weight and bias of a linear layer, rows x cols, uniform in +- small/sqrt(cols): their offsets. */
typedef struct {
  size_t weight, bias;
} added;

static added add_layer(const builder *b, size_t rows, size_t cols, double small,
                       const char *name) {
  const double spread = small / sqrt((double)cols);
  char text[40];
  added a;
  enf__format(text, sizeof text, "%s.weight", name);
  a.weight = add_tensor(b, rows, cols, spread, text);
  enf__format(text, sizeof text, "%s.bias", name);
  a.bias = add_tensor(b, rows, 1, spread, text);
  return a;
}

/* `count` columns from `first` on of a layer's weight, as inputs `to` of a packed one with m inputs
   and n outputs, whose outputs begin with `out`. */
static void view_columns(builder *b, size_t weight, size_t cols, size_t first, size_t count,
                         const enf__coupled_linear *l, size_t m, size_t n, size_t to, size_t out,
                         double factor) {
  add_view(b, (enf__coupled_view){.param = weight + first,
                                  .rows = b->map->hidden,
                                  .cols = cols,
                                  .count = count,
                                  .at = l->w + to * n + out,
                                  .down = 1,
                                  .along = n,
                                  .back = l->wt + out * m + to,
                                  .ldb = m,
                                  .factor = factor});
}

/* `rows` rows of `count` numbers, which stay in rows of `down` at `at`. */
static void view_rows(builder *b, size_t param, size_t rows, size_t count, size_t at, size_t down,
                      size_t along) {
  add_view(b, (enf__coupled_view){.param = param,
                                  .rows = rows,
                                  .cols = count,
                                  .count = count,
                                  .at = at,
                                  .down = down,
                                  .along = along,
                                  .factor = 1});
}

/* A layer of as many outputs as inputs. */
static void add_square(builder *b, const char *name, const enf__coupled_linear *l) {
  const size_t H = b->map->hidden, Hp = b->map->padded;
  const added a = add_layer(b, H, H, 1, name);
  view_columns(b, a.weight, H, 0, H, l, Hp, Hp, 0, 0, 1);
  view_rows(b, a.bias, H, 1, l->b, 1, 0);
}

static void add_round(builder *b, size_t r) {
  const size_t H = b->map->hidden, Hp = b->map->padded;
  const double share = 1 / sqrt((double)b->map->space->shape.particles);
  const enf__coupled_round *at = b->map->net.round + r;
  char name[32];
  enf__format(name, sizeof name, "gcl_%zu.edge_mlp.0", r);
  added a = add_layer(b, H, 2 * H + 1, 1, name);
  view_columns(b, a.weight, 2 * H + 1, 0, H, &at->pq, Hp, 2 * Hp, 0, 0, 1);
  view_columns(b, a.weight, 2 * H + 1, H, H, &at->pq, Hp, 2 * Hp, 0, Hp, 1);
  add_view(b, (enf__coupled_view){.param = a.weight + 2 * H,
                                  .rows = H,
                                  .cols = 2 * H + 1,
                                  .count = 1,
                                  .at = at->wd,
                                  .down = 1,
                                  .factor = 1});
  view_rows(b, a.bias, H, 1, at->pq.b, 1, 0);
  enf__format(name, sizeof name, "gcl_%zu.edge_mlp.2", r);
  add_square(b, name, &at->edge);
  enf__format(name, sizeof name, "gcl_%zu.node_mlp.0", r);
  a = add_layer(b, H, 2 * H, 1, name);
  view_columns(b, a.weight, 2 * H, 0, H, &at->in, 2 * Hp, Hp, 0, 0, 1);
  view_columns(b, a.weight, 2 * H, H, H, &at->in, 2 * Hp, Hp, Hp, 0, share);
  view_rows(b, a.bias, H, 1, at->in.b, 1, 0);
  enf__format(name, sizeof name, "gcl_%zu.node_mlp.2", r);
  add_square(b, name, &at->out);
}

/* Views of a network: 11 of a round, 9 besides. */
static size_t views_of(size_t rounds) { return 11 * rounds + 9; }

/* Last layers begin a hundred times smaller, near to the identity. */
static void add_network(builder *b) {
  const enf__coupled_net *net = &b->map->net;
  const size_t H = b->map->hidden, Hp = b->map->padded, kinds = b->map->kinds;
  view_rows(b, add_tensor(b, kinds, H, 1, "embedding"), kinds, H, net->embed, Hp, 1);
  for (size_t r = 0; r < b->map->rounds; r++)
    add_round(b, r);
  add_square(b, "vector.0", &net->vector);
  added a = add_layer(b, 2, H, 0.01, "vector.2");
  view_rows(b, a.weight, 2, H, net->w8, Hp, 1);
  view_rows(b, a.bias, 2, 1, net->b8, 1, 0);
  add_square(b, "scale.0", &net->scale);
  a = add_layer(b, 1, H, 0.01, "scale.2");
  view_rows(b, a.weight, 1, H, net->w10, Hp, 1);
  view_rows(b, a.bias, 1, 1, net->b10, 1, 0);
}

static void add_networks(enf__coupled *map, size_t layers, enf__params *params) {
  builder b = {.map = map, .params = params, .view = map->view};
  for (size_t h = 0; h < 2 * layers; h++) {
    enf__format(b.prefix, sizeof b.prefix, "coupling.%zu.%s.", h / 2, h % 2 ? "b" : "a");
    add_network(&b);
  }
}

/* One row for both messages of a pair where all that they see is the same: one round, one kind. */
static void fill_rows(enf__coupled *map) {
  enf__coupled_rows *rows = &map->rows;
  for (enf__edge e = enf__edge_first(&map->space->shape); enf__edge_is(&e); enf__edge_next(&e)) {
    const bool alike = map->rounds == 1 && enf__coupled_kind(map, e.receiver) ==
                                               enf__coupled_kind(map, e.sender);
    if (alike && e.receiver > e.sender)
      continue;
    rows->recv[rows->count] = (int32_t)e.receiver;
    rows->send[rows->count] = (int32_t)e.sender;
    rows->mirror[rows->count++] = alike;
  }
}

/* ---- the object ------------------------------------------------------------------------------ */

static void destroy(enf__map *base) {
  enf__coupled *map = of(base);
  const enf_alloc alloc = base->alloc;
  enf__free(&alloc, map->net.round);
  enf__free(&alloc, map->rows.recv);
  enf__free(&alloc, map->rows.send);
  enf__free(&alloc, map->rows.mirror);
  enf__free(&alloc, map->view);
  enf__free(&alloc, map->f32);
  enf__free(&alloc, map->f64);
  enf__free(&alloc, map);
}

static bool allocate_tables(enf__coupled *map, size_t layers) {
  const enf_alloc *alloc = &map->head.base.alloc;
  const size_t edges = enf__shape_edges(&map->space->shape);
  map->views = views_of(map->rounds);
  map->net.round = enf__alloc_array(alloc, map->rounds, sizeof *map->net.round);
  map->rows.recv = enf__alloc_array(alloc, edges, sizeof *map->rows.recv);
  map->rows.send = enf__alloc_array(alloc, edges, sizeof *map->rows.send);
  map->rows.mirror = enf__alloc_array(alloc, edges, sizeof *map->rows.mirror);
  map->view = enf__alloc_array(alloc, 2 * layers, map->views * sizeof *map->view);
  return map->net.round && map->rows.recv && map->rows.send && map->rows.mirror && map->view;
}

static const enf__formula_ops formula;

static enf_status plan(enf_ctx *ctx, enf__map **out, const enf__map_spec *spec) {
  const enf__space *space = spec->space;
  if (space->ops != &enf__augmented_ops)
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.map coupling moves particles and a copy of them: it needs model.space "
                     "particles without features");
  enf__coupled *map = enf__alloc(&ctx->alloc, sizeof *map);
  if (!map)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map");
  const size_t H = (size_t)enf__opts_int(spec->options, ENF__OPT_MODEL_HIDDEN);
  *map = (enf__coupled){.head = {.base.alloc = ctx->alloc, .formula = &formula},
                        .space = space,
                        .eta = enf__opts_real(spec->options, ENF__OPT_MODEL_AUGMENT_STD),
                        .rounds = (size_t)enf__opts_int(spec->options, ENF__OPT_MODEL_LAYERS),
                        .hidden = H,
                        .padded = ENF__PADDED(H),
                        .kinds = space->kinds ? space->kinds : 1};
  if (!allocate_tables(map, spec->layers)) {
    destroy(&map->head.base);
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map of %zu layers", spec->layers);
  }
  fill_rows(map);
  place(map);
  add_networks(map, spec->layers, spec->params);
  *out = &map->head.base;
  return ENF_OK;
}

static enf_status allocate(enf_ctx *ctx, enf__map *base) {
  enf__coupled *map = of(base);
  const size_t count = 2 * base->layers * map->packed;
  map->f32 = enf__alloc_array(&base->alloc, count, sizeof *map->f32);
  map->f64 = enf__alloc_array(&base->alloc, count, sizeof *map->f64);
  if (!map->f32 || !map->f64)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a map of %zu layers", base->layers);
  memset(map->f32, 0, count * sizeof *map->f32);
  memset(map->f64, 0, count * sizeof *map->f64);
  return ENF_OK;
}

static void put(enf__coupled *map, size_t at, double value) {
  map->f64[at] = value;
  map->f32[at] = (float)value;
}

static void pack(enf__map *base, const double *params) {
  enf__coupled *map = of(base);
  for (size_t k = 0; k < 2 * base->layers * map->views; k++) {
    const enf__coupled_view *v = map->view + k;
    const size_t first = k / map->views * map->packed;
    for (size_t o = 0; o < v->rows; o++)
      for (size_t i = 0; i < v->count; i++) {
        const double value = v->factor * params[v->param + o * v->cols + i];
        put(map, first + v->at + o * v->down + i * v->along, value);
        if (v->back)
          put(map, first + v->back + o * v->ldb + i, value);
      }
  }
}

/* ---- the formula ----------------------------------------------------------------------------- */

static size_t record_of(const enf__map *map) {
  return 2 * map->layers * enf__space_state(map->space);
}

static double cost(const enf__map *base) {
  const enf__coupled *map = in(base);
  const double H = (double)map->padded, N = (double)map->space->shape.particles;
  const double rows = (double)map->rows.count * (double)(map->rounds + 1);
  return 2 * (double)base->layers * H * H * (rows + N * (3 * (double)map->rounds + 1));
}

static size_t workspace(const enf__map *map, const enf__run *run, size_t S) {
  (void)S;
  const bool wide = run->precision == ENF__FLOAT64;
  const size_t there = (wide ? enf__coupled_workspace_f64 : enf__coupled_workspace_f32)(in(map), false);
  const size_t back = (wide ? enf__coupled_workspace_f64 : enf__coupled_workspace_f32)(in(map), true);
  return enf__larger(there, back);
}

static void apply(const enf__map *map, const enf__run *run, enf__arena *arena,
                  const enf__stretch *stretch, size_t S, double *x, double *logdet, double *record,
                  double *aside, enf__failure *why) {
  const size_t from = 2 * (stretch->to_data ? stretch->end : stretch->first);
  const size_t to = 2 * (stretch->to_data ? stretch->first : stretch->end);
  (void)aside;
  (void)why;
  (run->precision == ENF__FLOAT64 ? enf__coupled_carry_f64 : enf__coupled_carry_f32)(
      in(map), run->kernel, arena, from, to, S, x, logdet, record);
}

static void pull(const enf__map *map, const enf__run *run, enf__arena *arena, bool to_data, size_t S,
                 const double *record, const double *aside, const double *dlogdet, double *a,
                 double *dparams) {
  (void)aside;
  (run->precision == ENF__FLOAT64 ? enf__coupled_pull_f64 : enf__coupled_pull_f32)(
      in(map), run->kernel, arena, to_data, S, record, dlogdet, a, dparams);
}

static const enf__formula_ops formula = {.together = TOGETHER,
                                         .record = record_of,
                                         .cost = cost,
                                         .workspace = workspace,
                                         .apply = apply,
                                         .pull = pull};

const enf__map_ops enf__coupled_ops = {
    .plan = plan, .allocate = allocate, .destroy = destroy, .pack = pack, ENF__FORMULA_ROWS};
