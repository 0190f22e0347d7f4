/* cnf_passage.c -- a batch along a velocity field and back: x(t0) -> y = x(t1) by the run options
   (ode.*), with a record of the accepted steps, and cotangents of y and logdet back along it.

   logdet = log |dy/dx| is the integral of the exact divergence or, with probes, of the mean of
   eps^T J eps. Exact, or with the continuous adjoint, it is integrated with x, its error is under
   control, and it is there after forward. With probes and the discrete adjoint its noise is far
   above the error of any step that x allows: forward moves x alone, reverse meets the stages of the
   accepted steps anyway and sums what they say by the method's own weights; logdet and penalty are
   there after reverse ("late").
   On request a penalty on the path joins it (Finlay et al. 2020, arXiv:2002.02798), the integral
   over |dt| of kinetic |v|^2 + frobenius |J eps|^2, mean over probes, whose expectation is |J|_F^2.

   The samples are cut into chunks, which are tasks with a gradient buffer each, and a chunk into
   groups that are integrated together; both cuts depend on shapes only. The record of the accepted
   steps is memory of the context that grows, between parallel loops, to what the longest sample
   needed; then the work is done again, which happens in the first calls only. The next forward on
   the context ends it, so reverse must come before.

   A group's share of the gradient is added when the group is through. If a sample fails on the way
   back its group goes back once more without it, so that nothing of it stays. */
#include "core/parallel.h"
#include "map/cnf_group.h"
#include "math/finite.h"
#include <math.h>
#include <string.h>

enum { LEAST_CHUNK = 8, MOST_GROUP = 32, FIRST_CAPACITY = 24 /* steps */ };
_Static_assert((int)MOST_GROUP <= (int)ENF__ADJOINT_ROWS, "a group fits into a callback's rows");

/* A status that integrator and adjoint take for "leave this sample alone". */
enum { SKIP = ENF_ERR_STATE };

size_t enf__cnf_pieces(const enf__map *map, size_t n) {
  return enf__field_pieces(enf__cnf_of(map)->field, &map->space->shape, ENF__VJP_TRACE, LEAST_CHUNK,
                           n);
}

static size_t group_size(const enf__passage *p) {
  const size_t chunks = enf__cnf_pieces(p->map, p->way.n);
  const size_t chunk = chunks ? (p->way.n + chunks - 1) / chunks : 0;
  return chunk < MOST_GROUP ? chunk : MOST_GROUP;
}

/* ---- memory -------------------------------------------------------------------------------- */

void enf__cnf_take(enf__passage *p, enf__arena *arena) {
  const size_t n = p->way.n, chunks = enf__cnf_pieces(p->map, n);
  enf__cnf_record *record = ENF__TAKE(arena, enf__cnf_record, 1);
  enf__ode_path *path = ENF__TAKE(arena, enf__ode_path, n);
  enf__cnf_task *task = ENF__TAKE(arena, enf__cnf_task, chunks);
  if (record)
    *record = (enf__cnf_record){.chunks = chunks, .path = path, .task = task};
  p->record = record;
}

size_t enf__cnf_passage_workspace(const enf__passage *p, const enf__run *run) {
  enf__arena count = {0};
  enf__cnf_group g;
  const size_t n = p->way.n, most = n < MOST_GROUP ? n : MOST_GROUP;
  enf__cnf_group_take(&g, p, run, most, &count);
  const size_t back = p->way.adjoint == ENF__DISCRETE
                          ? enf__adjoint_discrete_workspace(g.S, g.width)
                          : enf__adjoint_continuous_workspace(g.S, g.width);
  const enf__work work[] = {ENF__VELOCITY, p->way.probes ? ENF__JVP : ENF__DIVERGENCE, ENF__VJP,
                            p->way.probes ? ENF__VJP_PROBE : ENF__VJP_TRACE};
  size_t field = 0;
  for (size_t i = 0; i < sizeof work / sizeof *work; i++)
    field = enf__larger(field, enf__field_workspace(g.rate.field, run, g.rate.shape, work[i]));
  return count.used + enf__larger(enf__ode_workspace(g.S, g.width), back) + field;
}

/* Memory of the context for the record of `capacity` steps of dimension `dim` of every sample. */
static enf_status reserve_record(enf_ctx *ctx, const enf__passage *p, size_t capacity, size_t dim) {
  enf__cnf_record *record = p->record;
  enf__arena count = {0};
  enf__ode_path path;
  const size_t n = p->way.n;
  const bool stages = p->way.adjoint == ENF__DISCRETE;
  enf__ode_path_take(&path, &count, capacity, dim, stages);
  size_t bytes;
  if (__builtin_mul_overflow(count.used, n, &bytes))
    bytes = SIZE_MAX;
  ctx->record.used = 0;
  if (!enf__arena_reserve(&ctx->alloc, &ctx->record, bytes))
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for the steps of %zu samples, %zu of each", n,
                     capacity);
  record->capacity = capacity;
  for (size_t i = 0; i < n; i++)
    enf__ode_path_take(record->path + i, &ctx->record, capacity, dim, stages);
  return ENF_OK;
}

/* Steps that the memory there is has room for, but at least some. */
static size_t first_capacity(const enf_ctx *ctx, const enf__passage *p, size_t dim) {
  const enf__run *run = &ctx->run;
  if (run->ode_method != ENF__DOPRI5)
    return run->ode_steps;
  const size_t fits =
      ctx->record.capacity / p->way.n / enf__ode_path_bytes(dim, p->way.adjoint == ENF__DISCRETE);
  return fits > FIRST_CAPACITY + 2 ? fits - 2 : FIRST_CAPACITY;
}

/* ---- there ----------------------------------------------------------------------------------- */

static void load_start(const enf__cnf_group *g) {
  const enf__passage *p = g->p;
  for (size_t i = 0; i < g->S; i++) {
    const double *x = p->x + (g->first + i) * g->dim;
    double *state = g->state + i * g->width;
    memcpy(state, x, g->dim * sizeof *x);
    memset(state + g->dim, 0, (g->width - g->dim) * sizeof *state);
    g->record->path[g->first + i].steps = 0;
    p->result[g->first + i] = (enf__ode_result){.t = g->way->t0};
    if (!enf__all_finite(g->dim, x))
      p->result[g->first + i].status = ENF_ERR_NONFINITE;
  }
}

static void store_end(const enf__cnf_group *g, enf__cnf_task *task) {
  const enf__passage *p = g->p;
  const bool late = enf__cnf_is_late(g->way), penalty = enf__cnf_has_penalty(g->way);
  for (size_t i = 0; i < g->S; i++) {
    const size_t row = g->first + i;
    const double *end = g->state + i * g->width;
    if (p->result[row].status != ENF_OK) {
      p->logdet[row] = p->penalty[row] = NAN;
      enf__fill_nan(g->dim, p->y + row * g->dim);
      continue;
    }
    memcpy(p->y + row * g->dim, end, g->dim * sizeof *end);
    p->logdet[row] = late ? NAN : end[g->dim];
    p->penalty[row] = late ? NAN : penalty ? end[g->dim + 1] : 0;
    if (g->record->path[row].steps > g->record->capacity)
      task->need = enf__larger(task->need, g->record->path[row].steps);
  }
}

static void forward_group(enf__cnf_group *g, enf__cnf_task *task) {
  const enf__way *way = g->way;
  const enf__ode ode = {g->rate.run, enf__rate_of, &g->rate, g->width, way->t0, way->t1, g->p->map->space};
  if (enf__cnf_is_late(way))
    enf__cnf_rate_of_points(g);
  else
    enf__cnf_rate_of_states(g);
  load_start(g);
  enf__ode_solve(&ode, g->arena, g->S, g->state, g->p->result + g->first,
                 way->adjoint == ENF__DISCRETE ? g->record->path + g->first : NULL);
  store_end(g, task);
}

/* ---- and back -------------------------------------------------------------------------------- */

static void load_cotangents(const enf__cnf_group *g) {
  const enf__passage *p = g->p;
  for (size_t i = 0; i < g->S; i++) {
    const size_t row = g->first + i;
    double *a = g->state + i * g->width;
    for (size_t c = 0; c < g->dim; c++)
      a[c] = g->r->scale * g->r->dy[row * g->dim + c];
    const double others[] = {enf__cnf_dlogdet(g, row),
                             enf__cnf_has_penalty(g->way) ? enf__cnf_dpenalty(g, row) : 0};
    memcpy(a + g->dim, others, (g->width - g->dim) * sizeof *a);
    const bool good =
        p->result[row].status == ENF_OK && enf__all_finite(g->dim, a) && enf__all_finite(2, others);
    g->result[i].status = good ? ENF_OK : SKIP;
  }
}

/* Did sample i of the group, which was well at t1, come back well? */
static bool came_back(const enf__cnf_group *g, size_t i) {
  return g->result[i].status == ENF_OK && enf__all_finite(g->dim, g->state + i * g->width) &&
         (!enf__cnf_is_late(g->way) || enf__all_finite(2, g->late + 2 * i));
}

/* What went wrong on the way back is the sample's failure from now on. True if that is news. */
static bool note_failures(const enf__cnf_group *g) {
  bool news = false;
  for (size_t i = 0; i < g->S; i++) {
    enf__ode_result *result = g->p->result + g->first + i;
    if (result->status != ENF_OK || came_back(g, i))
      continue;
    news = news || g->result[i].status == ENF_OK;
    result->status = ENF_ERR_ADJOINT;
  }
  return news;
}

static void store_pulled(const enf__cnf_group *g) {
  const enf__passage *p = g->p;
  for (size_t i = 0; i < g->S; i++) {
    const size_t row = g->first + i;
    const bool good = p->result[row].status == ENF_OK;
    if (enf__cnf_is_late(g->way)) {
      p->logdet[row] = good ? g->late[2 * i] : NAN;
      p->penalty[row] = good ? g->late[2 * i + 1] : NAN;
    }
    if (g->r->dx && good)
      memcpy(g->r->dx + row * g->dim, g->state + i * g->width, g->dim * sizeof *g->state);
    else if (g->r->dx)
      enf__fill_nan(g->dim, g->r->dx + row * g->dim);
  }
  for (size_t k = 0; g->sum && k < p->map->params; k++)
    g->sum[k] += g->gradient[k];
}

static size_t solve_back(enf__cnf_group *g, const enf__adjoint *adjoint) {
  const enf__passage *p = g->p;
  for (size_t i = 0; i < g->S; i++) {
    double *end = g->end + i * g->width;
    memcpy(end, p->y + (g->first + i) * g->dim, g->dim * sizeof *end);
    memset(end + g->dim, 0, (g->width - g->dim) * sizeof *end);
  }
  return enf__adjoint_continuous(adjoint, g->arena, g->way->t1, g->way->t0, g->S, g->result,
                                 g->record->path + g->first, g->end, g->state);
}

/* A callback of the adjoint has the group, an integrator's the rate. */
static void points_rate(void *user, size_t S, const size_t *sample, const double *t,
                        const double *y, double *dy) {
  enf__cnf_group *g = user;
  enf__rate_of(&g->rate, S, sample, t, y, dy);
}

static void reverse_group(enf__cnf_group *g, enf__cnf_task *task) {
  const enf__adjoint adjoint = {.run = g->rate.run,
                                .f = points_rate,
                                .pull = enf__cnf_pull,
                                .user = g,
                                .dim = g->width,
                                .params = g->sum != NULL,
                                .space = g->p->map->space};
  enf__cnf_rate_of_points(g);
  do {
    memset(g->gradient, 0, g->p->map->params * sizeof *g->gradient);
    memset(g->late, 0, 2 * g->S * sizeof *g->late);
    load_cotangents(g);
    if (g->way->adjoint == ENF__DISCRETE)
      enf__adjoint_discrete(&adjoint, g->arena, g->S, g->result, g->record->path + g->first,
                            g->state);
    else
      task->need = solve_back(g, &adjoint);
    if (task->need)
      return;
  } while (note_failures(g) && g->sum);
  store_pulled(g);
}

/* ---- chunks -------------------------------------------------------------------------------- */

typedef struct {
  enf__passage *p;
  const enf__pulled *r; /* NULL: forward */
} job;

/* The groups of a chunk, from where it was left for want of memory. */
static enf_status run_chunk(void *user, size_t chunk, enf__arena *arena) {
  const job *j = user;
  enf__cnf_record *record = j->p->record;
  enf__cnf_task *task = record->task + chunk;
  const size_t end = j->p->way.n * (chunk + 1) / record->chunks, size = group_size(j->p);
  enf__cnf_group g;
  enf__cnf_group_take(&g, j->p, record->run, size, arena);
  g.r = j->r;
  if (j->r && j->r->gradients)
    g.sum = j->r->gradients + chunk * j->p->map->stride;
  task->need = 0;
  while (task->next < end && !(j->r && task->need)) {
    g.first = task->next;
    g.S = end - g.first < size ? end - g.first : size;
    if (j->r)
      reverse_group(&g, task);
    else
      forward_group(&g, task);
    if (!j->r || !task->need)
      task->next += g.S;
  }
  task->evaluations += g.evaluations;
  return ENF_OK;
}

/* All chunks, again with a larger record while it is too small. Only the discrete reverse reads a
   record of earlier chunks, so going forward begins anew. */
static enf_status run_chunks(enf_ctx *ctx, enf__passage *p, const enf__pulled *r, size_t dim) {
  enf_status status = ENF_OK;
  enf__cnf_record *record = p->record;
  const size_t n = p->way.n, chunks = record->chunks;
  job j = {p, r};
  size_t need = 0;
  for (size_t c = 0; c < chunks; c++)
    record->task[c] = (enf__cnf_task){.next = n * c / chunks};
  do {
    if (need)
      TRY(reserve_record(ctx, p, need + need / 4, dim));
    for (size_t c = 0; need && !r && c < chunks; c++)
      record->task[c].next = n * c / chunks;
    TRY(enf__parallel_for(ctx, chunks, run_chunk, &j, 0, 0));
    need = 0;
    for (size_t c = 0; c < chunks; c++)
      need = enf__larger(need, record->task[c].need);
  } while (need);
  for (size_t c = 0; c < chunks; c++)
    p->evaluations += record->task[c].evaluations;
out:
  return status;
}

/* ---- the two phases ------------------------------------------------------------------------ */

enf_status enf__cnf_forward(enf_ctx *ctx, enf__passage *p) {
  enf_status status = ENF_OK;
  const size_t dim = enf__cnf_width(p);
  enf__cnf_record *record = p->record;
  record->run = &ctx->run;
  p->evaluations = 0;
  if (p->way.n && p->way.adjoint == ENF__DISCRETE)
    TRY(reserve_record(ctx, p, first_capacity(ctx, p, dim), dim));
  if (p->way.n)
    TRY(run_chunks(ctx, p, NULL, dim));
out:
  return status;
}

enf_status enf__cnf_reverse(enf_ctx *ctx, enf__passage *p, const enf__pulled *r) {
  enf_status status = ENF_OK;
  const size_t dim = 2 * enf__cnf_width(p);
  if (p->way.n && p->way.adjoint == ENF__CONTINUOUS)
    TRY(reserve_record(ctx, p, r->gradients ? first_capacity(ctx, p, dim) : 1, dim));
  if (p->way.n)
    TRY(run_chunks(ctx, p, r, dim));
out:
  return status;
}
