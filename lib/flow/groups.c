/* groups.c -- see groups.h. */
#include "flow/groups.h"
#include <math.h>
#include <string.h>

enum { MOST_ROWS = 1024 };

/* ---- order ----------------------------------------------------------------------------------- */

static int compare_shapes(const enf__item *a, const enf__item *b) {
  if (a->way != b->way)
    return a->way < b->way ? -1 : 1;
  if (a->N != b->N)
    return a->N < b->N ? -1 : 1;
  if (!a->kind || !b->kind)
    return (a->kind != NULL) - (b->kind != NULL);
  return memcmp(a->kind, b->kind, a->N * sizeof *a->kind);
}

static bool is_before(const enf__item *item, size_t i, size_t j) {
  const int order = compare_shapes(item + i, item + j);
  return order ? order < 0 : i < j;
}

static void sift(const enf__item *item, size_t *order, size_t from, size_t n) {
  for (size_t child; (child = 2 * from + 1) < n; from = child) {
    if (child + 1 < n && is_before(item, order[child], order[child + 1]))
      child++;
    if (is_before(item, order[child], order[from]))
      return;
    const size_t kept = order[from];
    order[from] = order[child];
    order[child] = kept;
  }
}

static void sort(const enf__item *item, size_t *order, size_t n) {
  for (size_t i = 0; i < n; i++)
    order[i] = i;
  for (size_t i = n / 2; i-- > 0;)
    sift(item, order, i, n);
  for (size_t last = n; last-- > 1;) {
    const size_t kept = order[0];
    order[0] = order[last];
    order[last] = kept;
    sift(item, order, 0, last);
  }
}

/* ---- running --------------------------------------------------------------------------------- */

typedef struct {
  const enf_flow *flow;
  const enf__item *item;
  size_t n, most, widest; /* rows of a group, particles of the largest */
  size_t *order;
  enf_status *ended;
  enf__group group;
  enf__stats stats;
  size_t first;       /* the lowest number that failed; n: none */
  char sentence[400]; /* about it */
} job;

static void lay_out(job *j, enf__arena *arena) {
  const enf__shape *shape = &j->flow->space.shape;
  const size_t row = j->widest * (shape->dimensions + shape->features) + shape->fixed;
  enf__group *g = &j->group;
  j->order = ENF__TAKE(arena, size_t, j->n);
  j->ended = ENF__TAKE(arena, enf_status, j->n);
  g->in = ENF__TAKE(arena, double, j->most *row);
  g->out = ENF__TAKE(arena, double, j->most *row);
  g->context = ENF__TAKE(arena, double, j->most *shape->fixed);
  g->a = ENF__TAKE(arena, double, j->most);
  g->b = ENF__TAKE(arena, double, j->most);
  g->number = ENF__TAKE(arena, uint64_t, j->most);
  g->kind = ENF__TAKE(arena, int32_t, j->most * j->widest);
}

static void add_stats(enf__stats *sum, const enf__stats *s) {
  sum->failed += s->failed;
  sum->steps += s->steps;
  sum->velocities += s->velocities;
  sum->divergences += s->divergences;
  sum->logdet_unmet += s->logdet_unmet;
  sum->seconds += s->seconds;
}

/* The statuses of a group's samples; the sentence of the lowest number so far. */
static void note_failures(const enf_ctx *ctx, job *j) {
  const enf_status *ended = (const enf_status *)(const void *)ctx->ended.base;
  const enf__group *g = &j->group;
  size_t lowest = j->n;
  for (size_t i = 0; i < g->n; i++) {
    j->ended[g->index[i]] = ended[i];
    if (ended[i] != ENF_OK && g->index[i] < lowest)
      lowest = g->index[i];
  }
  if (lowest >= j->first)
    return;
  const char *colon = strstr(ctx->errmsg, ": ");
  j->first = lowest;
  enf__format(j->sentence, sizeof j->sentence, "%.390s", colon ? colon + 2 : ctx->errmsg);
}

/* The flow as it is where it has this shape itself. */
static const enf_flow *flow_of(const job *j, const enf__item *item, enf__sized *view) {
  const enf__shape *own = &j->flow->space.shape;
  const bool kinds = !item->kind || (own->kind && own->particles == item->N &&
                                     !memcmp(own->kind, item->kind, item->N * sizeof *item->kind));
  if (own->particles == item->N && kinds)
    return j->flow;
  enf__flow_at(view, j->flow, item->N);
  if (item->kind)
    view->flow.space.shape.kind = item->kind;
  return &view->flow;
}

/* The group of order[at], and how many it has. */
static size_t cut(const job *j, size_t at) {
  size_t n = 1;
  while (at + n < j->n && n < j->most &&
         compare_shapes(j->item + j->order[at], j->item + j->order[at + n]) == 0)
    n++;
  return n;
}

static enf_status run_group(enf_ctx *ctx, job *j, size_t at, enf__group_fn fn, void *user) {
  enf__sized view;
  enf__group *g = &j->group;
  const enf__item *item = j->item + j->order[at];
  g->n = cut(j, at);
  g->N = item->N;
  g->way = item->way;
  g->index = j->order + at;
  g->flow = flow_of(j, item, &view);
  ctx->samples = 0;
  ctx->stats = (enf__stats){0};
  const enf_status status = fn(ctx, g, user);
  add_stats(&j->stats, &ctx->stats);
  if (status == ENF_OK || ctx->samples != g->n)
    return status;
  note_failures(ctx, j);
  return ENF_OK;
}

/* What a call on all of them would leave behind. */
static enf_status finish(enf_ctx *ctx, const job *j) {
  enf_status *ended = enf__ended_take(ctx, j->n);
  if (!ended)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a call on %zu samples", j->n);
  memcpy(ended, j->ended, j->n * sizeof *ended);
  ctx->stats = j->stats;
  if (j->first == j->n)
    return ENF_OK;
  return enf__fail(ctx, j->ended[j->first], "configuration %zu: %s", j->first, j->sentence);
}

enf_status enf__groups_run(enf_ctx *ctx, const enf_flow *flow, size_t n, const enf__item *item,
                           enf__group_fn fn, void *user) {
  enf_status status = ENF_OK;
  enf__arena memory = {0}, count = {0};
  const size_t checks = ctx->run.checks;
  job j = {.flow = flow, .item = item, .n = n, .first = n, .most = n < MOST_ROWS ? n : MOST_ROWS};
  if (n == 0)
    return ENF_OK;
  for (size_t i = 0; i < n; i++)
    j.widest = enf__larger(j.widest, item[i].N);
  lay_out(&j, &count);
  if (!enf__arena_reserve(&ctx->alloc, &memory, count.used))
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a call on %zu samples", n);
  lay_out(&j, &memory);
  for (size_t i = 0; i < n; i++)
    j.ended[i] = ENF_OK;
  sort(item, j.order, n);
  ctx->run.checks = 0; /* of a view, which is not there any more when it would be told */
  for (size_t at = 0; at < n; at += j.group.n)
    TRY(run_group(ctx, &j, at, fn, user));
  TRY(finish(ctx, &j));
out:
  ctx->run.checks = checks;
  enf__arena_free(&ctx->alloc, &memory);
  return status;
}
