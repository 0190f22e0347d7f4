/* length.c -- enf_path_lengths: how far the flow moves its samples, and how straight.

     l = int_0^1 |v(t,x(t))| dt    arc length of x(t) in all N D coordinates
     d = |x(1) - x(0)|             its end-to-end distance, d <= l

   (Klein, Kraemer, Noe 2023, arXiv:2306.15030, report the mean of l; d/l is the straightness of a
   path, Batschelet 1981: 1 for the straight paths of optimal transport.)

   The pair (x, l) is integrated together, so the length has the order and the tolerance of the path
   itself; the end of a path agrees with enf_sample's to the tolerance, not to the bit. */
#include "core/random.h"
#include "flow/batch.h"
#include "map/rate.h"
#include <math.h>
#include <string.h>

enum { MOST_SAMPLES = 32 };

typedef struct {
  const enf_flow *flow;
  const enf__field *field;
  const enf__run *run;
  size_t n, group;
  uint64_t seed, first;
  double *length, *distance; /* (n) */
  enf__tally *reports;
} measurement;

/* One task at work. */
typedef struct {
  const measurement *m;
  enf__arena *arena;
  size_t S, dim;
  double *start;           /* (S,dim) */
  double *pair;            /* (S,dim+1): x and l */
  enf__rate rate;          /* of pairs */
  enf__ode_result *result; /* (S) */
} group;

static double norm(size_t n, const double *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += x[i] * x[i];
  return sqrt(sum);
}

static void speed_rate(const enf__rate *rate, const enf__points *at, const size_t *sample,
                       double *v, double *speed) {
  (void)sample;
  const size_t dim = enf__shape_size(at->shape);
  enf__field_velocity(rate->field, rate->run, rate->arena, at, v);
  for (size_t i = 0; i < at->S; i++)
    speed[i] = norm(dim, v + i * dim);
}

static void layout(group *g) {
  g->start = ENF__TAKE(g->arena, double, g->S * g->dim);
  g->pair = ENF__TAKE(g->arena, double, g->S *(g->dim + 1));
  g->rate = (enf__rate){.field = g->m->field,
                        .run = g->m->run,
                        .shape = &g->m->flow->space.shape,
                        .arena = g->arena,
                        .scalars = 1,
                        .evaluate = speed_rate};
  enf__rate_take(&g->rate, g->S, g->arena);
  g->result = ENF__TAKE(g->arena, enf__ode_result, g->S);
}

static void start(group *g, size_t row) {
  const measurement *m = g->m;
  for (size_t i = 0; i < g->S; i++) {
    double *x = g->start + i * g->dim, *pair = g->pair + i * (g->dim + 1);
    enf__prior_sample(&m->flow->prior, m->seed, ENF__STREAM_PRIOR, m->first + row + i, x);
    memcpy(pair, x, g->dim * sizeof *x);
    pair[g->dim] = 0;
    g->result[i].status = ENF_OK;
  }
}

/* Distance from the start to the end, which replaces it. */
static double end_to_end(size_t dim, double *from, const double *to) {
  for (size_t i = 0; i < dim; i++)
    from[i] = to[i] - from[i];
  return norm(dim, from);
}

static void finish(group *g, size_t row, enf__tally *report) {
  const measurement *m = g->m;
  for (size_t i = 0; i < g->S; i++) {
    const enf__ode_result *r = g->result + i;
    const double *pair = g->pair + i * (g->dim + 1);
    const bool well = r->status == ENF_OK;
    report->steps += (double)r->accepted;
    report->velocities += (double)r->evaluations;
    if (!well)
      enf__tally_failure(
          report, row + i,
          (enf__failure){.status = r->status, .what = "the velocity", .t = r->t, .h = r->h});
    const double distance = end_to_end(g->dim, g->start + i * g->dim, pair);
    m->length[row + i] = well ? pair[g->dim] * m->flow->space.scale : (double)NAN;
    m->distance[row + i] = well ? distance * m->flow->space.scale : (double)NAN;
  }
}

static size_t dimension(const measurement *m) { return enf__space_state(&m->flow->space); }

static enf_status measure(void *user, size_t task, enf__arena *arena) {
  const measurement *m = user;
  const size_t row = task * m->group, left = m->n - row;
  group g = {.m = m, .arena = arena, .S = left < m->group ? left : m->group, .dim = dimension(m)};
  layout(&g);
  const enf__ode ode = {m->run, enf__rate_of, &g.rate, g.dim + 1, 0, 1, &m->flow->space};
  start(&g, row);
  enf__ode_solve(&ode, arena, g.S, g.pair, g.result, NULL);
  finish(&g, row, m->reports + task);
  return ENF_OK;
}

static size_t workspace(const measurement *m) {
  enf__arena count = {0};
  group g = {.m = m, .arena = &count, .S = m->group, .dim = dimension(m)};
  layout(&g);
  return count.used + enf__ode_workspace(m->group, g.dim + 1) +
         enf__field_workspace(m->field, m->run, &m->flow->space.shape, ENF__VELOCITY);
}

enf_status enf_path_lengths(enf_ctx *ctx, const enf_flow *flow, uint64_t seed, uint64_t first,
                            size_t n, double *length, double *distance) {
  ENF__ENTRY;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  const enf__argument arrays[] = {{"length", length}, {"distance", distance}};
  TRY(enf__batch_check(ctx, flow, n, 2, arrays));
  if (n > UINT64_MAX - first)
    TRY(enf__fail(ctx, ENF_ERR_RANGE, "first = %llu plus n = %zu runs past the end of the stream",
                  (unsigned long long)first, n));
  const enf__field *field = NULL;
  TRY(enf__flow_field(ctx, flow, "enf_path_lengths", &field));
  const size_t chunk = enf__field_chunk(field, &flow->space.shape, ENF__VELOCITY) / 2;
  measurement m = {.flow = flow,
                   .field = field,
                   .run = &ctx->run,
                   .n = n,
                   .group = chunk < 1              ? 1
                            : chunk < MOST_SAMPLES ? chunk
                                                   : MOST_SAMPLES,
                   .seed = seed,
                   .first = first,
                   .length = length,
                   .distance = distance};
  TRY(enf__batch_run(ctx, n, m.group, workspace(&m), measure, &m, &m.reports));
out:
  return status;
}
