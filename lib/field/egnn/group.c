/* group.c -- see group.h. */
#include "field/egnn/group.h"

/* Bytes a group may fill, so that one layer's arrays stay in the second-level cache. */
enum { GROUP_BYTES = 256 * 1024, GROUP_LIMIT = 64 };

/* Samples worked on together: a function of the shapes and the precision only. */
static size_t samples_of(const enf__egnn *f, const enf__shape *shape, enf__work work) {
  const enf__model *m = &f->base.model;
  const size_t N = shape->particles, E = enf__shape_edges(shape), Hp = f->padded;
  if (work == ENF__VJP_TRACE)
    return 1;
  size_t reals = 6 * N * Hp + 12 * E;
  if (work == ENF__JVP)
    reals *= 2;
  else if (work != ENF__VELOCITY)
    reals = m->layers * ((5 + m->node_depth) * N * Hp + m->edge_depth * E * Hp + 12 * E);
  const size_t samples = GROUP_BYTES / (reals * sizeof(REAL));
  return samples < 1 ? 1 : samples > GROUP_LIMIT ? GROUP_LIMIT : samples;
}

static void layout_graph(group *g, enf__arena *arena) {
  g->recv = ENF__TAKE(arena, int32_t, g->e);
  g->send = ENF__TAKE(arena, int32_t, g->e);
  g->class_i = ENF__TAKE(arena, int32_t, g->e);
  g->class_j = ENF__TAKE(arena, int32_t, g->e);
  g->node_class = ENF__TAKE(arena, int32_t, g->n);
  g->share = ENF__TAKE(arena, REAL, g->e);
}

static void layout_nodes(group *g, layer *y, enf__work work, enf__arena *arena) {
  y->pqu = ENF__TAKE(arena, REAL, g->n * 3 * g->H);
  y->agg = ENF__TAKE(arena, REAL, g->n * g->H);
  for (size_t k = 0; k + 1 < g->node_depth; k++)
    y->z5[k] = work != ENF__VELOCITY || k == 0 ? ENF__TAKE(arena, REAL, g->n * g->H) : y->z5[0];
}

static void layout_edges(group *g, layer *y, bool keep, enf__arena *arena) {
  for (size_t k = 1; k < g->edge_depth; k++)
    y->z[k] = keep ? ENF__TAKE(arena, REAL, g->e * g->H) : NULL;
  y->z3 = keep ? ENF__TAKE(arena, REAL, g->e * g->H) : NULL;
  y->r = ENF__TAKE(arena, REAL, g->e * g->D);
  REAL **scalars[] = {&y->gate, &y->s, &y->th, &y->q, &y->c, &y->c_s, &y->c_q};
  for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++)
    *scalars[i] = ENF__TAKE(arena, REAL, g->e);
}

/* Arrays of the layers: each its own where they are kept; else node features in turn, one q for the
   first layer (q0, needed by all) and one for the others, and one set of the rest. */
static void layout_layers(group *g, enf__work work, enf__arena *arena) {
  const bool keep = work != ENF__VELOCITY && work != ENF__JVP;
  for (size_t l = 0; l < g->layers; l++) {
    layer *y = &g->layer[l];
    if (keep || l == 0) {
      layout_nodes(g, y, work, arena);
      layout_edges(g, y, keep, arena);
    } else {
      *y = g->layer[0];
      y->q = l == 1 ? ENF__TAKE(arena, REAL, g->e) : g->layer[1].q;
    }
    y->h = keep || l < 2 ? ENF__TAKE(arena, REAL, g->n * g->H) : g->layer[l - 2].h;
  }
}

/* 1, or with mean aggregation one over the edges of receiver i. */
static REAL share_of(const group *g, size_t i) {
  const size_t edges = enf__shape_start(g->shape, i + 1) - enf__shape_start(g->shape, i);
  return (REAL)(g->f->base.model.mean ? 1.0 / (double)edges : 1);
}

static void fill_graph(group *g) {
  const int *kind = g->shape->kind;
  size_t e = 0;
  for (size_t s = 0; s < g->S; s++) {
    const size_t first = s * g->class_count;
    for (size_t i = 0; i < g->N; i++)
      g->node_class[s * g->N + i] = (int32_t)(first + (g->F ? i : kind ? (size_t)kind[i] : 0));
    for (enf__edge at = enf__edge_first(g->shape); enf__edge_is(&at); enf__edge_next(&at), e++) {
      g->recv[e] = (int32_t)(s * g->N + at.receiver);
      g->send[e] = (int32_t)(s * g->N + at.sender);
      g->class_i[e] = g->node_class[g->recv[e]];
      g->class_j[e] = g->node_class[g->send[e]];
      g->share[e] = share_of(g, at.receiver);
    }
  }
}

static void layout_features(group *g, enf__arena *arena) {
  if (!g->F)
    return;
  g->in = ENF__TAKE(arena, REAL, g->n * g->I);
  g->h_last = ENF__TAKE(arena, REAL, g->n * g->H);
  g->rate = ENF__TAKE(arena, REAL, g->n * g->Fp);
}

/* Lay the group's arrays out in the arena; with a real arena also fill in what does not change. */
void egnn_open_group(group *g, const enf__egnn *f, const enf__shape *shape, enf__work work,
                     enf__arena *arena) {
  const enf__model *m = &f->base.model;
  *g = (group){.f = f,
               .shape = shape,
               .N = shape->particles,
               .D = shape->dimensions,
               .H = f->padded,
               .edges = enf__shape_edges(shape),
               .layers = m->layers,
               .edge_depth = m->edge_depth,
               .node_depth = m->node_depth,
               .F = m->features,
               .I = f->features,
               .Fp = f->padded_out,
               .G = m->context,
               .G_at = m->features ? m->inputs : m->species_count,
               .sign = m->reversed ? -1 : 1,
               .class_count = m->features        ? shape->particles
                              : m->species_count ? m->species_count
                                                 : 1};
  g->S = samples_of(f, shape, work);
  g->n = g->S * (g->N > g->class_count ? g->N : g->class_count);
  g->e = g->S * g->edges;
  g->tile = TILE_REALS / g->H < 12 ? 12 : TILE_REALS / g->H;
  const double range = m->tanh ? 15.0 / (double)m->layers * (m->mean ? 19 : 1) : 1;
  g->R = (REAL)range;
  layout_graph(g, arena);
  layout_layers(g, work, arena);
  g->time = ENF__TAKE(arena, REAL, g->S);
  g->context = ENF__TAKE(arena, REAL, g->S * g->G);
  g->x = ENF__TAKE(arena, REAL, g->n * g->D);
  g->v = ENF__TAKE(arena, REAL, g->n * g->D);
  g->h_out = ENF__TAKE(arena, REAL, g->n * g->H);
  g->a1 = ENF__TAKE(arena, REAL, g->tile * g->H);
  g->m = ENF__TAKE(arena, REAL, g->tile * g->H);
  layout_features(g, arena);
  if (!arena->base)
    return;
  for (size_t l = 0; l < g->layers; l++) {
    g->layer[l].w = PACKED(f);
    g->layer[l].at = &f->layer[l];
    g->layer[l].row_i = l ? g->recv : g->class_i;
    g->layer[l].row_j = l ? g->send : g->class_j;
  }
  fill_graph(g);
}

static void context_in(group *g, const double *state) {
  const size_t size = enf__shape_size(g->shape), moved = enf__shape_moved(g->shape);
  for (size_t k = 0; k < g->S * g->G; k++)
    g->context[k] = (REAL)state[k / g->G * size + moved + k % g->G];
}

/* Point the group at samples first ... first+S-1 of a call. */
void egnn_enter_samples(group *g, const enf__points *at, size_t first, size_t S) {
  const double *x = at->x + first * enf__shape_size(g->shape);
  g->S = S;
  g->n = S * g->N;
  g->e = S * g->edges;
  for (size_t s = 0; s < S; s++)
    g->time[s] = (REAL)(g->f->base.model.reversed ? 1 - at->t[first + s] : at->t[first + s]);
  egnn_positions_in(g, x, g->x);
  context_in(g, x);
  if (!g->F)
    return;
  egnn_features_in(g, x, g->I, g->in);
  for (size_t row = 0; g->G && row < g->n; row++)
    memcpy(g->in + row * g->I + g->G_at, g->context + row / g->N * g->G, g->G * sizeof(REAL));
  for (size_t row = 0; !g->f->base.model.plain && row < g->n; row++)
    g->in[row * g->I + g->I - 1] = g->time[row / g->N];
}

/* Positions of samples' states (S,size) to or from x (n,D). */
void egnn_positions_in(const group *g, const double *state, REAL *x) {
  const size_t positions = g->N * g->D, size = enf__shape_size(g->shape);
  for (size_t s = 0; s < g->S; s++)
    for (size_t i = 0; i < positions; i++)
      x[s * positions + i] = (REAL)state[s * size + i];
}

void egnn_positions_out(const group *g, const REAL *x, double *state) {
  const size_t positions = g->N * g->D, size = enf__shape_size(g->shape);
  for (size_t s = 0; s < g->S; s++)
    for (size_t i = 0; i < positions; i++)
      state[s * size + i] = (double)x[s * positions + i];
}

/* Features to or from rows (n), ld apart: those that the rows have room for, the places of context and
   time are 0. */
void egnn_features_in(const group *g, const double *state, size_t ld, REAL *rows) {
  const size_t positions = g->N * g->D, size = enf__shape_size(g->shape);
  for (size_t row = 0; row < g->n; row++) {
    const double *from = state + row / g->N * size + positions + row % g->N * g->F;
    for (size_t c = 0; c < ld; c++)
      rows[row * ld + c] = c < g->F ? (REAL)from[c] : 0;
  }
}

void egnn_features_out(const group *g, REAL factor, const REAL *rows, size_t ld, double *state) {
  const size_t positions = g->N * g->D, size = enf__shape_size(g->shape);
  for (size_t row = 0; g->F && row < g->n; row++) {
    double *to = state + row / g->N * size + positions + row % g->N * g->F;
    for (size_t c = 0; c < g->F; c++)
      to[c] = c < ld ? (double)(factor * rows[row * ld + c]) : 0;
  }
  for (size_t s = 0; g->G && s < g->S; s++)
    enf__shape_hold(g->shape, state + s * size);
}
