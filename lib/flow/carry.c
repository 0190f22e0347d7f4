/* carry.c -- samples along the flow, with the log-determinant: x' = v(t,x),
   (log |dx(t1)/dx(t0)|)' = div v(t,x)  (Chen et al. 2018, arXiv:1806.07366, eq. 8).

   Two ways to the log-determinant. quadrature: the path is found with velocities alone and the
   divergence is integrated along it, to logdet.tol. coupled: the pair (x, logdet) is integrated
   together. A sample with more steps than a record holds has its log-determinant from the coupled
   form; its x stays that of velocities alone, so that x never depends on whether a density was
   asked for by quadrature.

   With probes eps the integrand is eps^T J eps, whose mean over probes is the divergence
   (Grathwohl et al. 2019, arXiv:1810.01367, eq. 8): one integral for every probe of a sample, all
   along its one path; their mean, and s^2/m for the variance of that mean. (Where the record is too
   small it is the exact log-determinant, of variance 0.)

   Everything is in units of the data scale, which log |dy/dx| is free of. */
#include "flow/batch.h"
#include "flow/probe.h"
#include "math/finite.h"
#include <math.h>
#include <string.h>

enum { MOST_SAMPLES = 32, MOST_RECORDED = 256, LEAST_RECORDED = 32 };
static const size_t RECORD_BYTES = (size_t)16 << 20;

/* Rounding of a divergence, relative to its size, by precision. */
static const double divergence_noise[] = {[ENF__FLOAT32] = 5e-7, [ENF__FLOAT64] = 1e-14};

/* One task at work. */
typedef struct {
  const enf__carry *c;
  enf__arena *arena;
  size_t S, dim; /* samples, N*D */
  size_t lines;  /* integrals along one path: probes, or 1 */
  double *x, *note, *logdet, *var;
  enf__failure *why; /* status OK: nothing has gone wrong with the sample so far */
  enf__ode_result *result;
  enf__integral *integral; /* (S,lines) */
  enf__ode_path *path;     /* (S,lines): those of one sample share their record */
  double *eps, *rows;      /* (S,lines,dim); of the points of one call of the integrand */
  /* coupled form: states (S,dim+1), and their parts for the field */
  double *pair, *pair_x, *pair_v, *pair_div;
} group;

static bool by_quadrature(const enf__carry *c) {
  return c->logdet && (c->probes || c->run->logdet_method == ENF__LOGDET_QUADRATURE);
}

static void layout(group *g) {
  const size_t S = g->S, state = S * g->dim, pairs = S * (g->dim + 1), lines = S * g->lines;
  g->x = ENF__TAKE(g->arena, double, state);
  g->note = ENF__TAKE(g->arena, double, S);
  g->logdet = ENF__TAKE(g->arena, double, S);
  g->var = ENF__TAKE(g->arena, double, S);
  g->why = ENF__TAKE(g->arena, enf__failure, S);
  g->result = ENF__TAKE(g->arena, enf__ode_result, S);
  if (!g->c->logdet)
    return;
  g->pair = ENF__TAKE(g->arena, double, pairs);
  g->pair_x = ENF__TAKE(g->arena, double, state);
  g->pair_v = ENF__TAKE(g->arena, double, state);
  g->pair_div = ENF__TAKE(g->arena, double, S);
  if (!by_quadrature(g->c))
    return;
  g->integral = ENF__TAKE(g->arena, enf__integral, lines);
  g->path = ENF__TAKE(g->arena, enf__ode_path, lines);
  for (size_t i = 0; i < S; i++) {
    enf__ode_path path;
    enf__ode_path_take(&path, g->arena, g->c->capacity, g->dim, false);
    if (g->path)
      g->path[i] = path;
  }
  if (!g->c->probes)
    return;
  g->eps = ENF__TAKE(g->arena, double, lines * g->dim);
  g->rows = ENF__TAKE(g->arena, double, ENF__QUADRATURE_ROWS * g->dim);
}

/* ---- what the integrator asks --------------------------------------------------------------- */

static void velocity(void *user, size_t S, const size_t *sample, const double *t, const double *x,
                     double *v) {
  (void)sample;
  const group *g = user;
  const enf__points at = {&g->c->flow->shape, S, t, x};
  enf__field_velocity(g->c->flow->field, g->c->run, g->arena, &at, v);
}

static void divergence(void *user, size_t S, const size_t *sample, const double *t, const double *x,
                       double *div) {
  (void)sample;
  const group *g = user;
  const enf__points at = {&g->c->flow->shape, S, t, x};
  enf__field_divergence(g->c->flow->field, g->c->run, g->arena, &at, NULL, div);
}

static void estimate(void *user, size_t S, const size_t *line, const double *t, const double *x,
                     double *form) {
  const group *g = user;
  for (size_t i = 0; i < S; i++)
    memcpy(g->rows + i * g->dim, g->eps + line[i] * g->dim, g->dim * sizeof *g->rows);
  const enf__points at = {&g->c->flow->shape, S, t, x};
  enf__field_jvp(g->c->flow->field, g->c->run, g->arena, &at, g->rows, NULL, NULL, form);
}

static void pair_rate(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                      double *dy) {
  (void)sample;
  const group *g = user;
  const size_t dim = g->dim;
  for (size_t i = 0; i < S; i++)
    memcpy(g->pair_x + i * dim, y + i * (dim + 1), dim * sizeof *y);
  const enf__points at = {&g->c->flow->shape, S, t, g->pair_x};
  enf__field_divergence(g->c->flow->field, g->c->run, g->arena, &at, g->pair_v, g->pair_div);
  for (size_t i = 0; i < S; i++) {
    memcpy(dy + i * (dim + 1), g->pair_v + i * dim, dim * sizeof *y);
    dy[i * (dim + 1) + dim] = g->pair_div[i];
  }
}

/* ---- one group of samples ------------------------------------------------------------------- */

/* A status that the solvers take for "leave this sample alone". */
enum { SKIP = ENF_ERR_STATE };

static bool is_well(const group *g, size_t i) { return g->why[i].status == ENF_OK; }

static void start(group *g, size_t row) {
  const enf__carry *c = g->c;
  for (size_t i = 0; i < g->S; i++) {
    double *x = g->x + i * g->dim;
    c->begin(c, row + i, x, g->note + i);
    if (g->eps)
      enf__probe_draw(c->run->probe, c->seed, enf__probe_index(g->dim, x), g->lines, g->dim,
                      g->eps + i * g->lines * g->dim);
    g->logdet[i] = 0;
    g->var[i] = 0;
    g->why[i] = (enf__failure){.status = ENF_OK, .what = "x", .t = c->t0};
    if (!enf__all_finite(g->dim, x))
      g->why[i].status = ENF_ERR_NONFINITE;
  }
}

/* Take over how an integration of sample i ended. */
static void note_result(group *g, size_t i, const char *what, enf__tally *report) {
  const enf__ode_result *r = g->result + i;
  report->steps += (double)r->accepted;
  report->velocities += (double)r->evaluations;
  if (r->status != ENF_OK)
    g->why[i] = (enf__failure){r->status, what, r->t, r->h};
}

static void carry_points(group *g, enf__tally *report) {
  const enf__carry *c = g->c;
  const enf__ode ode = {c->run, velocity, g, g->dim, c->t0, c->t1};
  for (size_t i = 0; i < g->S; i++)
    g->result[i].status = is_well(g, i) ? ENF_OK : SKIP;
  enf__ode_solve(&ode, g->arena, g->S, g->x, g->result, by_quadrature(c) ? g->path : NULL);
  for (size_t i = 0; i < g->S; i++)
    if (is_well(g, i))
      note_result(g, i, "the velocity", report);
}

/* (x, logdet) together, for the samples whose result is OK, from their beginning. */
static void carry_pairs(group *g, size_t row, bool keep_x, enf__tally *report) {
  const enf__carry *c = g->c;
  const size_t dim = g->dim;
  const enf__ode ode = {c->run, pair_rate, g, dim + 1, c->t0, c->t1};
  for (size_t i = 0; i < g->S; i++) {
    c->begin(c, row + i, g->pair + i * (dim + 1), g->note + i);
    g->pair[i * (dim + 1) + dim] = 0;
  }
  bool chosen[MOST_SAMPLES];
  for (size_t i = 0; i < g->S; i++)
    chosen[i] = g->result[i].status == ENF_OK;
  enf__ode_solve(&ode, g->arena, g->S, g->pair, g->result, NULL);
  for (size_t i = 0; i < g->S; i++) {
    if (!chosen[i])
      continue;
    const double *end = g->pair + i * (dim + 1);
    note_result(g, i, "the velocity or its divergence", report);
    report->divergences += (double)g->result[i].evaluations;
    g->logdet[i] = end[dim];
    if (!keep_x)
      memcpy(g->x + i * dim, end, dim * sizeof *end);
  }
}

/* Before the paths are spread over the integrals. */
static bool has_record(const group *g, size_t i) { return g->path[i].steps <= g->c->capacity; }

/* Mean of a sample's integrals and variance of that mean; NaN for a single probe. */
static void conclude(group *g, size_t i, enf__tally *report) {
  const enf__integral *integral = g->integral + i * g->lines;
  const double m = (double)g->lines;
  double error = 0, square = 0;
  for (size_t k = 0; k < g->lines; k++) {
    report->divergences += (double)integral[k].evaluations;
    g->logdet[i] += integral[k].value / m;
    error += integral[k].error / m;
    if (integral[k].status != ENF_OK)
      g->why[i] = (enf__failure){integral[k].status, "the divergence", g->c->t1, 0};
  }
  for (size_t k = 0; k < g->lines; k++)
    square += (integral[k].value - g->logdet[i]) * (integral[k].value - g->logdet[i]);
  if (g->c->probes)
    g->var[i] = g->lines > 1 ? square / (m * (m - 1)) : NAN;
  report->square_error += error * error;
  report->estimated++;
}

static void integrate(group *g, size_t row, enf__tally *report) {
  const enf__run *run = g->c->run;
  const enf__quadrature q = {g->c->probes ? estimate : divergence, g, g->dim, run->logdet_tol,
                             divergence_noise[run->precision]};
  bool complete = true;
  /* from the end: path i of the samples becomes paths i*lines ... of the integrals */
  for (size_t i = g->S; i-- > 0;) {
    const bool good = is_well(g, i) && has_record(g, i);
    const enf__ode_path path = g->path[i];
    g->result[i].status = is_well(g, i) && !good ? ENF_OK : SKIP;
    complete = complete && g->result[i].status == SKIP;
    for (size_t k = g->lines; k-- > 0;) {
      g->path[i * g->lines + k] = path;
      g->integral[i * g->lines + k].status = good ? ENF_OK : SKIP;
    }
  }
  enf__quadrature_along(&q, g->arena, g->S * g->lines, g->path, g->integral);
  for (size_t i = 0; i < g->S; i++)
    if (is_well(g, i) && g->result[i].status == SKIP)
      conclude(g, i, report);
  if (!complete)
    carry_pairs(g, row, true, report);
}

static void finish(group *g, size_t row, enf__tally *report) {
  for (size_t i = 0; i < g->S; i++) {
    double *x = g->x + i * g->dim;
    if (!is_well(g, i)) {
      enf__tally_failure(report, row + i, g->why[i]);
      g->logdet[i] = NAN;
      g->var[i] = NAN;
      for (size_t j = 0; j < g->dim; j++)
        x[j] = NAN;
    }
    if (g->c->var)
      g->c->var[row + i] = g->var[i];
    g->c->finish(g->c, row + i, x, g->logdet[i], g->note[i]);
  }
}

static enf_status carry_task(void *user, size_t task, enf__arena *arena) {
  const enf__carry *c = user;
  const size_t row = task * c->group, left = c->n - row;
  enf__tally *report = c->reports + task;
  group g = {.c = c,
             .arena = arena,
             .S = left < c->group ? left : c->group,
             .lines = c->probes ? c->probes : 1,
             .dim = enf__space_state(&c->flow->space)};
  layout(&g);
  start(&g, row);
  if (c->logdet && !by_quadrature(c)) {
    for (size_t i = 0; i < g.S; i++)
      g.result[i].status = is_well(&g, i) ? ENF_OK : SKIP;
    carry_pairs(&g, row, false, report);
  } else {
    carry_points(&g, report);
    if (c->logdet)
      integrate(&g, row, report);
  }
  finish(&g, row, report);
  return ENF_OK;
}

/* ---- the whole call ------------------------------------------------------------------------- */

/* Samples of a task, and steps of a record: by shapes only. */
static void choose_sizes(enf__carry *c, size_t dim) {
  const size_t chunk = enf__field_chunk(c->flow->field, &c->flow->shape, ENF__VELOCITY) / 2;
  const size_t steps = RECORD_BYTES / enf__ode_path_bytes(dim, false);
  const size_t most = c->probes ? MOST_SAMPLES / c->probes : MOST_SAMPLES;
  c->group = most < 1 || chunk < 1 ? 1 : chunk < most ? chunk : most;
  c->capacity = steps < LEAST_RECORDED  ? LEAST_RECORDED
                : steps < MOST_RECORDED ? steps
                                        : MOST_RECORDED;
}

static size_t larger(size_t a, size_t b) { return a > b ? a : b; }

static size_t workspace(const enf__carry *c, size_t dim) {
  enf__arena count = {0};
  const size_t lines = c->probes ? c->probes : 1;
  group g = {.c = c, .arena = &count, .S = c->group, .dim = dim, .lines = lines};
  layout(&g);
  size_t work = enf__ode_workspace(c->group, dim);
  const enf__field *f = c->flow->field;
  const enf__shape *shape = &c->flow->shape;
  size_t field = enf__field_workspace(f, c->run, shape, ENF__VELOCITY);
  if (c->logdet) {
    work = larger(work, enf__ode_workspace(c->group, dim + 1));
    work = larger(work, enf__quadrature_workspace(c->group * lines, dim));
    field = larger(field, enf__field_workspace(f, c->run, shape, ENF__DIVERGENCE));
    field = larger(field, enf__field_workspace(f, c->run, shape, ENF__JVP));
  }
  return count.used + work + field;
}

enf_status enf__carry_run(enf_ctx *ctx, enf__carry *c) {
  const size_t dim = enf__space_state(&c->flow->space);
  c->run = &ctx->run;
  if (!c->probes && c->run->logdet_method == ENF__LOGDET_HUTCHINSON)
    c->probes = c->run->probes;
  choose_sizes(c, dim);
  return enf__batch_run(ctx, c->n, c->group, workspace(c, dim), carry_task, c, &c->reports);
}

void enf__carry_from_x(const enf__carry *c, size_t row, double *x, double *note) {
  const enf__space *space = &c->flow->space;
  space->ops->enter(space, c->x + row * enf__space_host(space), x, NULL, note);
}
