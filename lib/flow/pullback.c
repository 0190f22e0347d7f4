/* pullback.c -- (x, logdet) along the flow and back, over many samples.

     x' = v(t,x),  logdet' = div v(t,x)  or  mean over probes of eps^T J(t,x) eps

   with the pair as the integrator's state, so that both are in its error norm; the penalty, if
   there is one, is the last number of the state, in the units of logdet. Neither influences
   anything, and the reverse of the rate is the field's <a,v> + b trace + c |v|^2 + d |J eps|^2 with
   b = dL/dlogdet, c and d from dL/dpenalty, each times the weight of the stage on the discrete way.
   A stage of weight 0 (dopri5's second) has only <a,v>.

   Late logdets (pullback.h) are no part of the state: they are sums of weight times rate over the
   stages that the way back meets.

   The samples are cut into chunks, which are tasks with a gradient buffer each, and a chunk into
   groups that are integrated together; both cuts depend on shapes only. The record of the accepted
   steps is memory of the context that grows, between parallel loops, to what the longest sample
   needed; then the work is done again, which happens in the first calls only.

   A group's share of the gradient is added when the group is through. If a sample fails on the way
   back its group goes back once more without it, so that nothing of it stays. */
#include "flow/pullback.h"
#include "core/parallel.h"
#include "ode/adjoint.h"
#include "math/finite.h"
#include <math.h>
#include <string.h>

enum {
  LEAST_CHUNK = 8,
  MOST_GROUP = 32,
  MOST_ROWS = ENF__ADJOINT_ROWS > MOST_GROUP ? ENF__ADJOINT_ROWS : MOST_GROUP, /* of a callback */
  FIRST_CAPACITY = 24                                                          /* steps */
};

/* A status that integrator and adjoint take for "leave this sample alone". */
enum { SKIP = ENF_ERR_STATE };

/* One group of a chunk at work. */
typedef struct {
  enf__pullback *p;
  const enf__pulled *r; /* reverse only */
  enf__arena *arena;
  size_t first, S, dim, width;             /* its samples; N D; numbers of a state */
  double *pair, *end;                      /* (S,width): state, later cotangents; state at t1 */
  double *late;                            /* (S,2) logdet and penalty as far as summed */
  enf__ode_result *result;                 /* (S), of the way back */
  double *x, *v, *eps, *a, *b, *dx, *form; /* (rows,dim) or (rows): parts for the field */
  double *c, *d, *v_dot, *square;          /* the same for the penalty; |J eps|^2 */
  double *value;                           /* (rows,ENF__VALUES) */
  double *gradient, *sum;                  /* (P), the group's; the chunk's, or NULL */
  uint64_t evaluations;
} group;

static size_t dim_of(const enf__pullback *p) { return enf__shape_size(p->shape); }

static bool has_penalty(const enf__pullback *p) { return p->kinetic > 0 || p->frobenius > 0; }

static bool is_late(const enf__pullback *p) { return p->probes && p->adjoint == ENF__DISCRETE; }

/* x, logdet, penalty */
static size_t width_of(const enf__pullback *p) {
  return dim_of(p) + (is_late(p) ? 0 : 1 + (size_t)has_penalty(p));
}

size_t enf__pullback_chunks(const enf__field *field, const enf__shape *shape, size_t n) {
  return enf__field_pieces(field, shape, ENF__VJP_TRACE, LEAST_CHUNK, n);
}

static size_t group_size(const enf__pullback *p) {
  const size_t chunks = enf__pullback_chunks(p->field, p->shape, p->n);
  const size_t chunk = chunks ? (p->n + chunks - 1) / chunks : 0;
  return chunk < MOST_GROUP ? chunk : MOST_GROUP;
}

/* ---- memory -------------------------------------------------------------------------------- */

static void lay_out(group *g) {
  enf__arena *arena = g->arena;
  const size_t state = g->S * g->width, points = MOST_ROWS * g->dim;
  g->pair = ENF__TAKE(arena, double, state);
  g->end = ENF__TAKE(arena, double, state);
  g->result = ENF__TAKE(arena, enf__ode_result, g->S);
  g->late = ENF__TAKE(arena, double, 2 * g->S);
  g->gradient = ENF__TAKE(arena, double, g->p->params);
  g->value = ENF__TAKE(arena, double, MOST_ROWS *ENF__VALUES);
  double **vectors[] = {&g->x, &g->v, &g->eps, &g->a, &g->dx, &g->v_dot};
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
    *vectors[i] = ENF__TAKE(arena, double, points);
  double **numbers[] = {&g->b, &g->form, &g->c, &g->d, &g->square};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    *numbers[i] = ENF__TAKE(arena, double, MOST_ROWS);
}

void enf__pullback_take(enf__pullback *p, enf__arena *arena) {
  const size_t state = p->n * dim_of(p);
  p->chunks = enf__pullback_chunks(p->field, p->shape, p->n);
  p->y = ENF__TAKE(arena, double, state);
  p->logdet = ENF__TAKE(arena, double, p->n);
  p->penalty = ENF__TAKE(arena, double, p->n);
  p->result = ENF__TAKE(arena, enf__ode_result, p->n);
  p->path = ENF__TAKE(arena, enf__ode_path, p->n);
  p->task = ENF__TAKE(arena, enf__pullback_task, p->chunks);
}

size_t enf__pullback_call_bytes(const enf__pullback *p) {
  enf__pullback copy = *p;
  enf__arena count = {0};
  enf__pullback_take(&copy, &count);
  return count.used;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

size_t enf__pullback_worker_bytes(const enf__pullback *p, const enf__run *run) {
  enf__arena count = {0};
  const size_t pair = width_of(p), most = p->n < MOST_GROUP ? p->n : MOST_GROUP;
  enf__pullback copy = *p;
  group g = {.p = &copy, .arena = &count, .S = most, .dim = dim_of(p), .width = pair};
  lay_out(&g);
  const size_t back = p->adjoint == ENF__DISCRETE ? enf__adjoint_discrete_workspace(g.S, pair)
                                                  : enf__adjoint_continuous_workspace(g.S, pair);
  const enf__work work[] = {ENF__VELOCITY, p->probes ? ENF__JVP : ENF__DIVERGENCE, ENF__VJP,
                            p->probes ? ENF__VJP_PROBE : ENF__VJP_TRACE};
  size_t field = 0;
  for (size_t i = 0; i < sizeof work / sizeof *work; i++)
    field = larger(field, enf__field_workspace(p->field, run, p->shape, work[i]));
  return count.used + larger(enf__ode_workspace(g.S, pair), back) + field;
}

/* Memory of the context for the record of `capacity` steps of dimension `dim` of every sample. */
static enf_status reserve_record(enf_ctx *ctx, enf__pullback *p, size_t capacity, size_t dim) {
  enf__arena count = {0};
  enf__ode_path path;
  const bool stages = p->adjoint == ENF__DISCRETE;
  enf__ode_path_take(&path, &count, capacity, dim, stages);
  size_t bytes;
  if (__builtin_mul_overflow(count.used, p->n, &bytes))
    bytes = SIZE_MAX;
  ctx->record.used = 0;
  if (!enf__arena_reserve(&ctx->alloc, &ctx->record, bytes))
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for the steps of %zu samples, %zu of each",
                     p->n, capacity);
  p->capacity = capacity;
  for (size_t i = 0; i < p->n; i++)
    enf__ode_path_take(p->path + i, &ctx->record, capacity, dim, stages);
  return ENF_OK;
}

/* Steps that the memory there is has room for, but at least some. */
static size_t first_capacity(const enf_ctx *ctx, const enf__pullback *p, size_t dim) {
  const enf__run *run = &ctx->run;
  if (run->ode_method != ENF__DOPRI5)
    return run->ode_steps;
  const size_t fits =
      ctx->record.capacity / p->n / enf__ode_path_bytes(dim, p->adjoint == ENF__DISCRETE);
  return fits > FIRST_CAPACITY + 2 ? fits - 2 : FIRST_CAPACITY;
}

/* ---- what integrator and adjoint ask ------------------------------------------------------- */

static void gather_points(const group *g, size_t S, const double *pair) {
  for (size_t i = 0; i < S; i++)
    memcpy(g->x + i * g->dim, pair + i * g->width, g->dim * sizeof *pair);
}

/* The points in g->x at times t. */
static enf__points points(const group *g, size_t S, const double *t) {
  return (enf__points){g->p->shape, S, t, g->x};
}

static void gather_probes(const group *g, size_t S, const size_t *sample, size_t probe) {
  const enf__pullback *p = g->p;
  for (size_t i = 0; i < S; i++) {
    const double *eps = p->eps + ((g->first + sample[i]) * p->probes + probe) * g->dim;
    memcpy(g->eps + i * g->dim, eps, g->dim * sizeof *eps);
  }
}

static double square(size_t n, const double *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += x[i] * x[i];
  return sum;
}

/* The penalty grows in either direction of time. */
static double direction(const enf__pullback *p) { return p->t1 < p->t0 ? -1 : 1; }

/* v into rows of a state, with the rates of logdet and penalty, if it has them, from b and square.
 */
static void spread(const group *g, size_t S, double *dy) {
  const enf__pullback *p = g->p;
  for (size_t i = 0; i < S; i++) {
    const double *v = g->v + i * g->dim;
    double *row = dy + i * g->width;
    memcpy(row, v, g->dim * sizeof *row);
    if (g->width > g->dim)
      row[g->dim] = g->b[i];
    if (g->width > g->dim + 1)
      row[g->dim + 1] =
          direction(p) * (p->kinetic * square(g->dim, v) + p->frobenius * g->square[i]);
  }
}

static void velocity_rate(void *user, size_t S, const size_t *sample, const double *t,
                          const double *y, double *dy) {
  group *g = user;
  (void)sample;
  gather_points(g, S, y);
  const enf__points at = points(g, S, t);
  enf__field_velocity(g->p->field, g->p->run, g->arena, &at, g->v);
  memset(g->b, 0, S * sizeof *g->b);
  memset(g->square, 0, S * sizeof *g->square);
  spread(g, S, dy);
  g->evaluations += S;
}

static void pair_rate(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                      double *dy) {
  group *g = user;
  const enf__pullback *p = g->p;
  const enf__points at = points(g, S, t);
  gather_points(g, S, y);
  g->evaluations += S;
  memset(g->b, 0, S * sizeof *g->b);
  memset(g->square, 0, S * sizeof *g->square);
  if (!p->probes)
    enf__field_divergence(p->field, p->run, g->arena, &at, g->v, g->b);
  for (size_t probe = 0; probe < p->probes; probe++) {
    gather_probes(g, S, sample, probe);
    enf__field_jvp(p->field, p->run, g->arena, &at, g->eps, g->v,
                   p->frobenius > 0 ? g->v_dot : NULL, g->form);
    for (size_t i = 0; i < S; i++)
      g->b[i] += g->form[i] / (double)p->probes;
    for (size_t i = 0; p->frobenius > 0 && i < S; i++)
      g->square[i] += square(g->dim, g->v_dot + i * g->dim) / (double)p->probes;
  }
  spread(g, S, dy);
}

static double dlogdet(const group *g, size_t of) { return g->r->scale * g->r->dlogdet[of]; }
static double dpenalty(const group *g, size_t of) {
  return g->r->dpenalty ? g->r->scale * g->r->dpenalty[of] : 0;
}

/* Cotangents of v, |v|^2 and each probe's part of trace and |J eps|^2 from a (rows of a state) or,
   where logdet and penalty are not in it, from their own and the stages' weights. */
static void gather_cotangents(const group *g, size_t S, const size_t *sample, const double *a,
                              const double *weight) {
  const enf__pullback *p = g->p;
  const double share = p->probes ? 1 / (double)p->probes : 1, way = direction(p);
  for (size_t i = 0; i < S; i++) {
    const double *row = a + i * g->width;
    const size_t of = g->first + sample[i];
    const bool late = is_late(p);
    const double penalty = late             ? weight[i] * dpenalty(g, of)
                           : has_penalty(p) ? row[g->dim + 1]
                                            : 0;
    memcpy(g->a + i * g->dim, row, g->dim * sizeof *a);
    g->b[i] = share * (late ? weight[i] * dlogdet(g, of) : row[g->dim]);
    g->c[i] = way * p->kinetic * penalty;
    g->d[i] = share * way * p->frobenius * penalty;
  }
}

static void add_pulled(const group *g, size_t S, bool first, double *da) {
  for (size_t i = 0; i < S; i++) {
    double *row = da + i * g->width;
    const double *dx = g->dx + i * g->dim;
    memset(row + g->dim, 0, (g->width - g->dim) * sizeof *row);
    for (size_t c = 0; c < g->dim; c++)
      row[c] = first ? dx[c] : row[c] + dx[c];
  }
}

/* One probe's part of the integrals that the way back sums. */
static void add_values(const group *g, size_t S, const size_t *sample, const double *weight) {
  const enf__pullback *p = g->p;
  const double share = 1 / (double)p->probes;
  for (size_t i = 0; i < S; i++) {
    const double *value = g->value + i * ENF__VALUES;
    double *late = g->late + 2 * sample[i];
    late[0] += weight[i] * share * value[ENF__TRACE_VALUE];
    late[1] +=
        weight[i] * direction(p) *
        (p->kinetic * value[ENF__SPEED_VALUE] + share * p->frobenius * value[ENF__JACOBIAN_VALUE]);
  }
}

static void give_cotangents(void *user, size_t first, size_t S, const double *v, double *a) {
  const group *g = user;
  (void)v;
  memcpy(a, g->a + first * g->dim, S * g->dim * sizeof *a);
}

static void pull_probe(group *g, const enf__points *at, size_t probe, bool dx, bool params) {
  const enf__pullback *p = g->p;
  const enf__cotangent of = {.eps = p->probes ? g->eps : NULL,
                             .a = g->a,
                             .b = g->b,
                             .c = p->kinetic > 0 && probe == 0 ? g->c : NULL,
                             .d = p->frobenius > 0 ? g->d : NULL};
  const enf__gradient out = {.dx = dx ? g->dx : NULL,
                             .dparams = params ? g->gradient : NULL,
                             .value = is_late(p) ? g->value : NULL};
  if (probe == 1)
    memset(g->a, 0, at->S * g->dim * sizeof *g->a);
  enf__field_vjp_trace(p->field, p->run, g->arena, at, &of, &out);
}

static void pull(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                 const double *a, const double *weight, double *da, bool params) {
  group *g = user;
  const enf__pullback *p = g->p;
  const enf__points at = points(g, S, t);
  gather_points(g, S, y);
  gather_cotangents(g, S, sample, a, weight);
  g->evaluations += S;
  if (weight && weight[0] == 0) {
    enf__field_vjp(p->field, p->run, g->arena, &at, give_cotangents, g, g->dx,
                   params ? g->gradient : NULL);
    add_pulled(g, S, true, da);
    return;
  }
  for (size_t probe = 0; probe < (p->probes ? p->probes : 1); probe++) {
    if (p->probes)
      gather_probes(g, S, sample, probe);
    pull_probe(g, &at, probe, da != NULL, params);
    if (is_late(p))
      add_values(g, S, sample, weight);
    if (da)
      add_pulled(g, S, probe == 0, da);
  }
}

/* ---- forward ------------------------------------------------------------------------------- */

static void fill_nan(size_t n, double *x) {
  for (size_t i = 0; i < n; i++)
    x[i] = NAN;
}

static void load_start(const group *g) {
  const enf__pullback *p = g->p;
  for (size_t i = 0; i < g->S; i++) {
    const double *x = p->x + (g->first + i) * g->dim;
    double *pair = g->pair + i * g->width;
    memcpy(pair, x, g->dim * sizeof *x);
    memset(pair + g->dim, 0, (g->width - g->dim) * sizeof *pair);
    p->path[g->first + i].steps = 0;
    p->result[g->first + i] = (enf__ode_result){.t = p->t0};
    if (!enf__all_finite(g->dim, x))
      p->result[g->first + i].status = ENF_ERR_NONFINITE;
  }
}

static void store_end(const group *g, enf__pullback_task *task) {
  const enf__pullback *p = g->p;
  for (size_t i = 0; i < g->S; i++) {
    const size_t row = g->first + i;
    const double *end = g->pair + i * g->width;
    if (p->result[row].status != ENF_OK) {
      p->logdet[row] = p->penalty[row] = NAN;
      fill_nan(g->dim, p->y + row * g->dim);
      continue;
    }
    memcpy(p->y + row * g->dim, end, g->dim * sizeof *end);
    p->logdet[row] = is_late(p) ? NAN : end[g->dim];
    p->penalty[row] = is_late(p) ? NAN : has_penalty(p) ? end[g->dim + 1] : 0;
    if (p->path[row].steps > p->capacity)
      task->need = larger(task->need, p->path[row].steps);
  }
}

static void forward_group(group *g, enf__pullback_task *task) {
  const enf__pullback *p = g->p;
  const enf__ode ode = {p->run, is_late(p) ? velocity_rate : pair_rate, g, g->width, p->t0, p->t1};
  load_start(g);
  enf__ode_solve(&ode, g->arena, g->S, g->pair, p->result + g->first,
                 p->adjoint == ENF__DISCRETE ? p->path + g->first : NULL);
  store_end(g, task);
}

/* ---- reverse ------------------------------------------------------------------------------- */

static void load_cotangents(const group *g) {
  const enf__pullback *p = g->p;
  for (size_t i = 0; i < g->S; i++) {
    const size_t row = g->first + i;
    double *a = g->pair + i * g->width;
    for (size_t c = 0; c < g->dim; c++)
      a[c] = g->r->scale * g->r->dy[row * g->dim + c];
    const double others[] = {dlogdet(g, row), has_penalty(p) ? dpenalty(g, row) : 0};
    memcpy(a + g->dim, others, (g->width - g->dim) * sizeof *a);
    const bool good =
        p->result[row].status == ENF_OK && enf__all_finite(g->dim, a) && enf__all_finite(2, others);
    g->result[i].status = good ? ENF_OK : SKIP;
  }
}

/* Did sample i of the group, which was well at t1, come back well? */
static bool came_back(const group *g, size_t i) {
  return g->result[i].status == ENF_OK && enf__all_finite(g->dim, g->pair + i * g->width) &&
         (!is_late(g->p) || enf__all_finite(2, g->late + 2 * i));
}

/* What went wrong on the way back is the sample's failure from now on. True if that is news. */
static bool note_failures(const group *g) {
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

static void store_pulled(const group *g) {
  const enf__pullback *p = g->p;
  for (size_t i = 0; i < g->S; i++) {
    const size_t row = g->first + i;
    const bool good = p->result[row].status == ENF_OK;
    if (is_late(p)) {
      p->logdet[row] = good ? g->late[2 * i] : NAN;
      p->penalty[row] = good ? g->late[2 * i + 1] : NAN;
    }
    if (g->r->dx && good)
      memcpy(g->r->dx + row * g->dim, g->pair + i * g->width, g->dim * sizeof *g->pair);
    else if (g->r->dx)
      fill_nan(g->dim, g->r->dx + row * g->dim);
  }
  for (size_t k = 0; g->sum && k < p->params; k++)
    g->sum[k] += g->gradient[k];
}

static size_t solve_back(const group *g, const enf__adjoint *adjoint) {
  const enf__pullback *p = g->p;
  for (size_t i = 0; i < g->S; i++) {
    double *end = g->end + i * g->width;
    memcpy(end, p->y + (g->first + i) * g->dim, g->dim * sizeof *end);
    memset(end + g->dim, 0, (g->width - g->dim) * sizeof *end);
  }
  return enf__adjoint_continuous(adjoint, g->arena, p->t1, p->t0, g->S, g->result,
                                 p->path + g->first, g->end, g->pair);
}

static void reverse_group(group *g, enf__pullback_task *task) {
  const enf__pullback *p = g->p;
  const enf__adjoint adjoint = {p->run, velocity_rate, pull, g, g->width, g->sum != NULL};
  do {
    memset(g->gradient, 0, p->params * sizeof *g->gradient);
    memset(g->late, 0, 2 * g->S * sizeof *g->late);
    load_cotangents(g);
    if (p->adjoint == ENF__DISCRETE)
      enf__adjoint_discrete(&adjoint, g->arena, g->S, g->result, p->path + g->first, g->pair);
    else
      task->need = solve_back(g, &adjoint);
    if (task->need)
      return;
  } while (note_failures(g) && g->sum);
  store_pulled(g);
}

/* ---- chunks -------------------------------------------------------------------------------- */

typedef struct {
  enf__pullback *p;
  const enf__pulled *r; /* NULL: forward */
} job;

/* The groups of a chunk, from where it was left for want of memory. */
static enf_status run_chunk(void *user, size_t chunk, enf__arena *arena) {
  const job *j = user;
  enf__pullback *p = j->p;
  enf__pullback_task *task = p->task + chunk;
  const size_t end = p->n * (chunk + 1) / p->chunks, size = group_size(p);
  group g = {.p = p, .r = j->r, .arena = arena, .S = size};
  g.dim = dim_of(p);
  g.width = width_of(p);
  lay_out(&g);
  if (j->r && j->r->gradients)
    g.sum = j->r->gradients + chunk * p->params;
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
static enf_status run_chunks(enf_ctx *ctx, enf__pullback *p, const enf__pulled *r, size_t dim) {
  enf_status status = ENF_OK;
  job j = {p, r};
  size_t need = 0;
  for (size_t c = 0; c < p->chunks; c++)
    p->task[c] = (enf__pullback_task){.next = p->n * c / p->chunks};
  do {
    if (need)
      TRY(reserve_record(ctx, p, need + need / 4, dim));
    for (size_t c = 0; need && !r && c < p->chunks; c++)
      p->task[c].next = p->n * c / p->chunks;
    TRY(enf__parallel_for(ctx, p->chunks, run_chunk, &j, 0, 0));
    need = 0;
    for (size_t c = 0; c < p->chunks; c++)
      need = larger(need, p->task[c].need);
  } while (need);
  p->failed = 0;
  for (size_t i = 0; i < p->n; i++)
    p->failed += p->result[i].status != ENF_OK;
  for (size_t c = 0; c < p->chunks; c++)
    p->evaluations += p->task[c].evaluations;
out:
  return status;
}

/* ---- the two phases ------------------------------------------------------------------------ */

enf_status enf__pullback_forward(enf_ctx *ctx, enf__pullback *p) {
  enf_status status = ENF_OK;
  const size_t dim = width_of(p);
  p->run = &ctx->run;
  p->evaluations = 0;
  p->failed = 0;
  if (p->n && p->adjoint == ENF__DISCRETE)
    TRY(reserve_record(ctx, p, first_capacity(ctx, p, dim), dim));
  if (p->n)
    TRY(run_chunks(ctx, p, NULL, dim));
out:
  return status;
}

enf_status enf__pullback_reverse(enf_ctx *ctx, enf__pullback *p, const enf__pulled *r) {
  enf_status status = ENF_OK;
  const size_t dim = 2 * width_of(p);
  if (p->n && p->adjoint == ENF__CONTINUOUS)
    TRY(reserve_record(ctx, p, r->gradients ? first_capacity(ctx, p, dim) : 1, dim));
  if (p->n)
    TRY(run_chunks(ctx, p, r, dim));
out:
  return status;
}
