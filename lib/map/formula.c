/* formula.c -- samples in tasks, there and back, for maps that are formulas.

   A passage keeps what the map asks for of every sample. Samples that have failed go on as zeros,
   whose outputs nobody sees, and come back with cotangents of zero, so that nothing of them gets
   into a gradient. Penalties are of paths, which a formula has none of. */
#include "map/formula.h"
#include "core/parallel.h"
#include "math/finite.h"
#include <string.h>

enum { MOST_SAMPLES = 256, LEAST_PIECE = 128, MOST_PIECES = 16 };

/* Tasks that add a layer's gradients of all pieces. */
enum { SHARES = 16 };

/* Numbers that all samples of a passage may leave aside. */
static const size_t MOST_ASIDE = (size_t)1 << 23;

/* Multiply-adds of a task: about a millisecond. */
static const double TASK = 1e7;

static const enf__formula *formula_of(const enf__map *map) { return (const enf__formula *)map; }
static size_t state_of(const enf__map *map) { return enf__space_state(map->space); }

/* ---- carrying ----------------------------------------------------------------------------------
 */

size_t enf__formula_carry_group(const enf__map *map, size_t probes) {
  (void)probes;
  const enf__formula_ops *ops = formula_of(map)->formula;
  const double group = TASK / ops->cost(map);
  if (group >= MOST_SAMPLES)
    return MOST_SAMPLES;
  return enf__larger((size_t)group / ops->together, 1) * ops->together;
}

size_t enf__formula_carry_workspace(const enf__map *map, const enf__carry *carry) {
  return formula_of(map)->formula->workspace(map, carry->run, carry->S);
}

/* A time of the map to the number of layers between it and the prior. */
static size_t layers_below(const enf__map *map, double t) {
  return (size_t)(t * (double)map->layers + 0.5);
}

void enf__formula_carry(const enf__map *map, enf__arena *arena, enf__carry *c) {
  const size_t dim = state_of(map), M = map->layers;
  const size_t from = layers_below(map, c->t0), to = layers_below(map, c->t1);
  const enf__stretch stretch = {.to_data = to > from,
                                .first = M - (to > from ? to : from),
                                .end = M - (to > from ? from : to),
                                .estimate = c->logdet && c->probes ? c : NULL};
  for (size_t i = 0; i < c->S; i++)
    if (c->why[i].status != ENF_OK)
      memset(c->x + i * dim, 0, dim * sizeof *c->x);
  formula_of(map)->formula->apply(map, c->run, arena, &stretch, c->S, c->x, c->logdet, NULL,
                                  NULL, c->why);
  for (size_t i = 0; i < c->S; i++)
    if (c->why[i].status == ENF_OK && !enf__all_finite(dim, c->x + i * dim))
      c->why[i] = (enf__failure){.status = ENF_ERR_NONFINITE, .what = "a map's value", .t = c->t1};
}

/* ---- there and back ----------------------------------------------------------------------------
 */

static size_t pieces_of(size_t n) {
  const size_t pieces = n / LEAST_PIECE;
  return pieces < 1 ? 1 : pieces < MOST_PIECES ? pieces : MOST_PIECES;
}

static bool by_layers(const enf__map *map) { return formula_of(map)->formula->pull_layer; }

size_t enf__formula_pieces(const enf__map *map, size_t n) {
  return by_layers(map) ? 1 : pieces_of(n);
}

/* Numbers that a sample of the passage leaves aside. */
static size_t aside_of(const enf__passage *p) {
  const enf__formula_ops *ops = formula_of(p->map)->formula;
  const size_t count = ops->aside ? ops->aside(p->map) : 0;
  return count * p->way.n <= MOST_ASIDE ? count : 0;
}

/* A passage's own. Layer by layer there are besides the cotangents of all samples, and sums of
   every piece. */
typedef struct {
  double *record;  /* (n,record) */
  double *aside;   /* (n,aside), or NULL */
  double *a;       /* (n,state) */
  double *dlogdet; /* (n) */
  double *sums;    /* (pieces, sums of a layer) */
} kept;

static size_t record_of(const enf__passage *p) {
  return formula_of(p->map)->formula->record(p->map);
}

static kept lay_out_kept(const enf__passage *p, enf__arena *arena) {
  const size_t n = p->way.n, aside = aside_of(p);
  kept k = {.record = ENF__TAKE(arena, double, n *record_of(p))};
  if (aside)
    k.aside = ENF__TAKE(arena, double, n *aside);
  if (!by_layers(p->map))
    return k;
  k.a = ENF__TAKE(arena, double, n *state_of(p->map));
  k.dlogdet = ENF__TAKE(arena, double, n);
  k.sums = ENF__TAKE(arena, double, pieces_of(n) * formula_of(p->map)->formula->sums(p->map));
  return k;
}

void enf__formula_take(enf__passage *p, enf__arena *arena) {
  kept *k = ENF__TAKE(arena, kept, 1), all = lay_out_kept(p, arena);
  if (k)
    *k = all;
  p->record = k;
}

static const kept *kept_of(const enf__passage *p) { return p->record; }

static double *aside_from(const enf__passage *p, size_t first) {
  const kept *k = kept_of(p);
  return k->aside ? k->aside + first * aside_of(p) : NULL;
}

/* A worker's own. */
typedef struct {
  enf__failure *why; /* (S) */
  double *a;         /* (S,state) */
  double *dlogdet;   /* (S) */
} scratch;

static scratch lay_out(const enf__passage *p, size_t S, enf__arena *arena) {
  return (scratch){.why = ENF__TAKE(arena, enf__failure, S),
                   .a = ENF__TAKE(arena, double, S *state_of(p->map)),
                   .dlogdet = ENF__TAKE(arena, double, S)};
}

static size_t group_size(const enf__passage *p) {
  const size_t n = p->way.n, group = enf__formula_carry_group(p->map, 0);
  return n < group ? n : group;
}

size_t enf__formula_passage_workspace(const enf__passage *p, const enf__run *run) {
  enf__arena count = {0};
  const size_t S = group_size(p);
  lay_out(p, S, &count);
  return count.used + formula_of(p->map)->formula->workspace(p->map, run, S);
}

typedef struct {
  enf__passage *p;
  const enf__pulled *r; /* NULL: forward */
  const enf__run *run;
  size_t pieces, layer;
} job;

/* All layers, of the samples from `row` on. */
static enf__stretch stretch_of(const enf__passage *p, size_t row) {
  return (enf__stretch){.to_data = p->way.t1 > p->way.t0,
                        .end = p->map->layers,
                        .way = p->way.probes ? &p->way : NULL,
                        .row = row};
}

static void go(const job *j, enf__arena *arena, size_t first, size_t S) {
  const enf__passage *p = j->p;
  const enf__map *map = p->map;
  const enf__formula_ops *ops = formula_of(map)->formula;
  const size_t dim = state_of(map), numbers = record_of(p);
  const enf__stretch all = stretch_of(p, first);
  double *y = p->y + first * dim, *record = kept_of(p)->record + first * numbers;
  const scratch s = lay_out(p, S, arena);
  memcpy(y, p->x + first * dim, S * dim * sizeof *y);
  for (size_t i = 0; i < S; i++) {
    p->logdet[first + i] = p->penalty[first + i] = 0;
    s.why[i] = (enf__failure){.status = ENF_OK};
    if (enf__all_finite(dim, y + i * dim))
      continue;
    s.why[i].status = ENF_ERR_NONFINITE;
    memset(y + i * dim, 0, dim * sizeof *y);
  }
  ops->apply(map, j->run, arena, &all, S, y, p->logdet + first, record,
             aside_from(p, first), s.why);
  for (size_t i = 0; i < S; i++) {
    const bool good = s.why[i].status == ENF_OK;
    enf__ode_result *result = p->result + first + i;
    *result = (enf__ode_result){.status = good ? ENF_OK : s.why[i].status, .t = p->way.t0};
    if (good && enf__all_finite(dim, y + i * dim))
      continue;
    if (good)
      result->status = ENF_ERR_NONFINITE;
    memset(record + i * numbers, 0, numbers * sizeof *record);
    enf__fill_nan(dim, y + i * dim);
    p->logdet[first + i] = p->penalty[first + i] = (double)NAN;
  }
}

/* The sample's scaled cotangents, zero if it is left out; is it in? */
static bool load_cotangents(const job *j, size_t row, double *a, double *dlogdet) {
  const enf__pulled *r = j->r;
  const size_t dim = state_of(j->p->map);
  enf_status *status = &j->p->result[row].status;
  *dlogdet = r->scale * r->dlogdet[row];
  for (size_t k = 0; k < dim; k++)
    a[k] = r->scale * r->dy[row * dim + k];
  if (*status == ENF_OK && !(isfinite(*dlogdet) && enf__all_finite(dim, a)))
    *status = ENF_ERR_ADJOINT;
  if (*status == ENF_OK)
    return true;
  memset(a, 0, dim * sizeof *a);
  *dlogdet = 0;
  return false;
}

static bool all_went(const enf__passage *p, size_t first, size_t S) {
  for (size_t i = first; i < first + S; i++)
    if (p->result[i].status != ENF_OK)
      return false;
  return true;
}

/* The samples' cotangents of where they began, or NaN. */
static void deliver(const job *j, size_t first, size_t S, const double *a) {
  const size_t dim = state_of(j->p->map);
  for (size_t i = 0; i < S; i++) {
    enf_status *status = &j->p->result[first + i].status;
    if (*status == ENF_OK && !enf__all_finite(dim, a + i * dim))
      *status = ENF_ERR_ADJOINT;
    double *dx = j->r->dx ? j->r->dx + (first + i) * dim : NULL;
    if (dx && *status == ENF_OK)
      memcpy(dx, a + i * dim, dim * sizeof *dx);
    else if (dx)
      enf__fill_nan(dim, dx);
  }
}

static void come_back(const job *j, enf__arena *arena, size_t piece, size_t first, size_t S) {
  const enf__passage *p = j->p;
  const enf__map *map = p->map;
  const enf__formula_ops *ops = formula_of(map)->formula;
  const enf__stretch all = stretch_of(p, first);
  const size_t dim = state_of(map);
  const double *record = kept_of(p)->record + first * record_of(p);
  const double *aside = all_went(p, first, S) ? aside_from(p, first) : NULL;
  double *gradients = j->r->gradients ? j->r->gradients + piece * map->stride : NULL;
  const scratch s = lay_out(p, S, arena);
  for (size_t i = 0; i < S; i++)
    load_cotangents(j, first + i, s.a + i * dim, s.dlogdet + i);
  if (all.way && ops->pull_estimate)
    ops->pull_estimate(map, j->run, arena, &all, S, record, s.dlogdet, s.a, gradients);
  else
    ops->pull(map, j->run, arena, all.to_data, S, record, aside, s.dlogdet, s.a, gradients);
  deliver(j, first, S, s.a);
}

static enf_status run_piece(void *user, size_t piece, enf__arena *arena) {
  const job *j = user;
  const size_t n = j->p->way.n, size = group_size(j->p), empty = arena->used;
  const size_t begin = n * piece / j->pieces, end = n * (piece + 1) / j->pieces;
  for (size_t first = begin; first < end; first += size) {
    const size_t S = end - first < size ? end - first : size;
    if (j->r)
      come_back(j, arena, piece, first, S);
    else
      go(j, arena, first, S);
    arena->used = empty;
  }
  return ENF_OK;
}

static enf_status run(enf_ctx *ctx, enf__passage *p, const enf__pulled *r) {
  job j = {p, r, &ctx->run, pieces_of(p->way.n), 0};
  return p->way.n ? enf__parallel_for(ctx, j.pieces, run_piece, &j, 0, 0) : ENF_OK;
}

enf_status enf__formula_forward(enf_ctx *ctx, enf__passage *p) { return run(ctx, p, NULL); }

/* ---- layer by layer ----------------------------------------------------------------------------
 */

static double *sum_of(const job *j, size_t piece) {
  const enf__passage *p = j->p;
  return j->r->gradients ? kept_of(p)->sums + piece * formula_of(p->map)->formula->sums(p->map)
                         : NULL;
}

static enf_status pull_piece(void *user, size_t piece, enf__arena *arena) {
  const job *j = user;
  const enf__passage *p = j->p;
  const size_t n = p->way.n, size = group_size(p), dim = state_of(p->map);
  const size_t begin = n * piece / j->pieces, end = n * (piece + 1) / j->pieces;
  const kept *k = kept_of(p);
  for (size_t first = begin; first < end; first += size) {
    const size_t S = end - first < size ? end - first : size;
    formula_of(p->map)->formula->pull_layer(
        p->map, j->run, arena, p->way.t1 > p->way.t0, j->layer, S, k->record + first * record_of(p),
        all_went(p, first, S) ? aside_from(p, first) : NULL, k->dlogdet + first, k->a + first * dim,
        first == begin, sum_of(j, piece));
  }
  return ENF_OK;
}

static enf_status add_share(void *user, size_t share, enf__arena *arena) {
  const job *j = user;
  const enf__map *map = j->p->map;
  (void)arena;
  formula_of(map)->formula->add_layer(map, j->run, j->layer, share, SHARES, j->pieces, sum_of(j, 0),
                                      j->r->gradients);
  return ENF_OK;
}

static enf_status reverse_layers(enf_ctx *ctx, enf__passage *p, const enf__pulled *r) {
  enf_status status = ENF_OK;
  job j = {p, r, &ctx->run, pieces_of(p->way.n), 0};
  const size_t n = p->way.n, dim = state_of(p->map), M = p->map->layers;
  const kept *k = kept_of(p);
  for (size_t i = 0; i < n; i++)
    load_cotangents(&j, i, k->a + i * dim, k->dlogdet + i);
  for (size_t i = 0; i < M; i++) {
    j.layer = p->way.t1 > p->way.t0 ? i : M - 1 - i;
    TRY(enf__parallel_for(ctx, j.pieces, pull_piece, &j, 0, 0));
    if (r->gradients)
      TRY(enf__parallel_for(ctx, SHARES, add_share, &j, 0, 0));
  }
  deliver(&j, 0, n, k->a);
out:
  return status;
}

enf_status enf__formula_reverse(enf_ctx *ctx, enf__passage *p, const enf__pulled *r) {
  return by_layers(p->map) && p->way.n ? reverse_layers(ctx, p, r) : run(ctx, p, r);
}
