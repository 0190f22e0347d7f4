/* cnf_carry.c -- samples along a velocity field, with the log-determinant: x' = v(t,x),
   (log |dx(t1)/dx(t0)|)' = div v(t,x)  (Chen et al. 2018, arXiv:1806.07366, eq. 8).

   Two ways to the log-determinant. quadrature: the path is found with velocities alone and the
   divergence is integrated along it, to logdet.tol. coupled: the pair (x, logdet) is integrated
   together. A sample with more steps than a record holds has its log-determinant from the coupled
   form; its x stays that of velocities alone, so that x never depends on whether a density was
   asked for by quadrature.

   With probes eps the integrand is eps^T J eps, whose mean over probes is the divergence
   (Grathwohl et al. 2019, arXiv:1810.01367, eq. 8): one integral for every probe of a sample, all
   along its one path; their mean, and s^2/m for the variance of that mean. Where the record is too
   small, x and these integrals are integrated together.

   A field whose divergence is closed has it integrated with the path, whatever logdet.method says.

   Everything is in units of the data scale, which log |dy/dx| is free of. */
#include "core/random.h"
#include "map/cnf.h"
#include "map/probe.h"
#include "map/rate.h"
#include <math.h>
#include <string.h>

enum { MOST_SAMPLES = 32, MOST_RECORDED = 256, LEAST_RECORDED = 32 };
static const size_t RECORD_BYTES = (size_t)16 << 20;

/* A status that the solvers take for "leave this sample alone". */
enum { SKIP = ENF_ERR_STATE };

/* Rounding of a divergence, relative to its size, by precision. */
static const double divergence_noise[] = {[ENF__FLOAT32] = 5e-7, [ENF__FLOAT64] = 1e-14};

/* One task at work. */
typedef struct {
  const enf__cnf *cnf;
  enf__carry *c;
  enf__arena *arena;
  size_t S, dim;
  size_t lines;    /* integrals along one path: probes, or 1 */
  size_t capacity; /* steps that a record holds */
  enf__rate velocity, pair;
  enf__ode_result *result; /* (S) */
  double *start;           /* (S,dim) */
  double *pairs;           /* (S,dim+lines) states of the coupled form */
  enf__integral *integral; /* (S,lines) */
  enf__ode_path *path;     /* (S,lines): those of one sample share their record */
  double *eps, *rows;      /* (S,lines,dim); of the points of one call of the integrand */
  double *form;            /* (S) */
} group;

static bool by_quadrature(const enf__field *field, const enf__carry *c) {
  return c->logdet && !enf__field_closed(field) &&
         (c->probes || c->run->logdet_method == ENF__LOGDET_QUADRATURE);
}

/* Steps of a record: by shapes only. */
static size_t recorded(size_t dim) {
  const size_t steps = RECORD_BYTES / enf__ode_path_bytes(dim, false);
  return steps < LEAST_RECORDED ? LEAST_RECORDED : steps < MOST_RECORDED ? steps : MOST_RECORDED;
}

static void lay_out_paths(group *g) {
  const size_t lines = g->S * g->lines;
  g->start = ENF__TAKE(g->arena, double, g->S * g->dim);
  g->integral = ENF__TAKE(g->arena, enf__integral, lines);
  g->path = ENF__TAKE(g->arena, enf__ode_path, lines);
  for (size_t i = 0; i < g->S; i++) {
    enf__ode_path path;
    enf__ode_path_take(&path, g->arena, g->capacity, g->dim, false);
    if (g->path)
      g->path[i] = path;
  }
  if (!g->c->probes)
    return;
  g->eps = ENF__TAKE(g->arena, double, lines * g->dim);
  g->rows = ENF__TAKE(g->arena, double, ENF__QUADRATURE_ROWS * g->dim);
  g->form = ENF__TAKE(g->arena, double, g->S);
}

/* ---- integrands ----------------------------------------------------------------------------- */

static void divergence(void *user, size_t S, const size_t *sample, const double *t, const double *x,
                       double *div) {
  (void)sample;
  const group *g = user;
  const enf__points at = {g->velocity.shape, S, t, x};
  enf__field_divergence(g->cnf->field, g->c->run, g->arena, &at, NULL, div);
}

static void estimate(void *user, size_t S, const size_t *line, const double *t, const double *x,
                     double *form) {
  const group *g = user;
  const enf__points at = {g->velocity.shape, S, t, x};
  for (size_t i = 0; i < S; i++)
    memcpy(g->rows + i * g->dim, g->eps + line[i] * g->dim, g->dim * sizeof *g->rows);
  enf__field_jvp(g->cnf->field, g->c->run, g->arena, &at, g->rows, NULL, NULL, form);
}

/* To be `evaluate` of the pair: v and the form of every probe. */
static void rate_estimates(const enf__rate *rate, const enf__points *at, const size_t *sample,
                           double *v, double *scalar) {
  const group *g = rate->user;
  for (size_t k = 0; k < g->lines; k++) {
    for (size_t i = 0; i < at->S; i++)
      memcpy(g->rows + i * g->dim, g->eps + (sample[i] * g->lines + k) * g->dim,
             g->dim * sizeof *g->rows);
    enf__field_jvp(g->cnf->field, g->c->run, g->arena, at, g->rows, v, NULL, g->form);
    for (size_t i = 0; i < at->S; i++)
      scalar[i * g->lines + k] = g->form[i];
  }
}

/* ---- memory --------------------------------------------------------------------------------- */

static group lay_out(const enf__map *map, enf__carry *c, enf__arena *arena) {
  const enf__cnf *cnf = enf__cnf_of(map);
  group g = {.cnf = cnf,
             .c = c,
             .arena = arena,
             .S = c->S,
             .dim = enf__shape_size(&map->space->shape),
             .lines = c->probes ? c->probes : 1};
  g.capacity = recorded(g.dim);
  g.velocity = (enf__rate){.field = cnf->field,
                           .run = c->run,
                           .shape = &map->space->shape,
                           .arena = arena,
                           .evaluate = enf__rate_velocity};
  g.pair = g.velocity;
  g.pair.evaluate = c->probes ? rate_estimates : enf__rate_divergence;
  g.pair.scalars = g.lines;
  g.result = ENF__TAKE(arena, enf__ode_result, g.S);
  if (c->logdet) {
    g.pairs = ENF__TAKE(arena, double, g.S *(g.dim + g.lines));
    enf__rate_take(&g.pair, g.S, arena);
  }
  if (by_quadrature(cnf->field, c))
    lay_out_paths(&g);
  return g;
}

/* ---- one group of samples ------------------------------------------------------------------- */

static bool is_well(const group *g, size_t i) { return g->c->why[i].status == ENF_OK; }

static void begin(group *g) {
  for (size_t i = 0; i < g->S; i++) {
    const double *x = g->c->x + i * g->dim;
    if (g->eps)
      enf__probe_draw(g->c->run->probe, g->c->seed, enf__random_key(g->dim, x), g->lines, g->dim,
                      g->eps + i * g->lines * g->dim);
    g->result[i].status = is_well(g, i) ? ENF_OK : SKIP;
  }
  if (g->start)
    memcpy(g->start, g->c->x, g->S * g->dim * sizeof *g->start);
}

/* Take over how an integration of sample i ended. */
static void note_result(group *g, size_t i, const char *what) {
  const enf__ode_result *r = g->result + i;
  g->c->tally->steps += (double)r->accepted;
  g->c->tally->velocities += (double)r->evaluations;
  if (r->status != ENF_OK)
    g->c->why[i] = (enf__failure){.status = r->status, .what = what, .t = r->t, .h = r->h};
}

static void carry_points(group *g) {
  const enf__carry *c = g->c;
  const enf__ode ode = {c->run, enf__rate_of, &g->velocity, g->dim, c->t0, c->t1, g->cnf->base.space};
  enf__ode_solve(&ode, g->arena, g->S, c->x, g->result, g->path);
  for (size_t i = 0; i < g->S; i++)
    if (is_well(g, i))
      note_result(g, i, "the velocity");
}

/* Mean of a sample's integrals and variance of that mean; NaN for a single probe. */
static void average(group *g, size_t i) {
  const enf__integral *integral = g->integral + i * g->lines;
  const double m = (double)g->lines;
  double mean = 0, square = 0;
  for (size_t k = 0; k < g->lines; k++)
    mean += integral[k].value / m;
  for (size_t k = 0; k < g->lines; k++)
    square += (integral[k].value - mean) * (integral[k].value - mean);
  g->c->logdet[i] += mean;
  if (g->c->probes)
    g->c->var[i] += g->lines > 1 ? square / (m * (m - 1)) : NAN;
}

/* Take over sample i's integrals that were integrated with its x. */
static void note_lines(group *g, size_t i, const double *value) {
  g->c->tally->divergences += (double)(g->result[i].evaluations * g->lines);
  if (!g->c->probes) {
    g->c->logdet[i] += *value;
    return;
  }
  for (size_t k = 0; k < g->lines; k++)
    g->integral[i * g->lines + k].value = value[k];
  average(g, i);
}

/* (x, logdet) together from x (S,dim), for the samples whose result is OK; their ends into `to`,
   unless NULL. */
static void carry_pairs(group *g, const double *x, double *to) {
  const enf__carry *c = g->c;
  const size_t dim = g->dim, width = dim + g->lines;
  const enf__ode ode = {c->run, enf__rate_of, &g->pair, width, c->t0, c->t1, g->cnf->base.space};
  bool chosen[MOST_SAMPLES];
  for (size_t i = 0; i < g->S; i++) {
    double *pair = g->pairs + i * width;
    chosen[i] = g->result[i].status == ENF_OK;
    memcpy(pair, x + i * dim, dim * sizeof *x);
    memset(pair + dim, 0, g->lines * sizeof *pair);
  }
  enf__ode_solve(&ode, g->arena, g->S, g->pairs, g->result, NULL);
  for (size_t i = 0; i < g->S; i++) {
    if (!chosen[i])
      continue;
    const double *end = g->pairs + i * width;
    note_result(g, i, "the velocity or its divergence");
    note_lines(g, i, end + dim);
    if (to)
      memcpy(to + i * dim, end, dim * sizeof *end);
  }
}

/* Before the paths are spread over the integrals. */
static bool has_record(const group *g, size_t i) { return g->path[i].steps <= g->capacity; }

static void conclude(group *g, size_t i) {
  const enf__integral *integral = g->integral + i * g->lines;
  double error = 0;
  for (size_t k = 0; k < g->lines; k++) {
    g->c->tally->divergences += (double)integral[k].evaluations;
    error += integral[k].error / (double)g->lines;
    if (integral[k].status != ENF_OK)
      g->c->why[i] =
          (enf__failure){.status = integral[k].status, .what = "the divergence", .t = g->c->t1};
  }
  average(g, i);
  g->c->tally->unmet += error > g->c->run->logdet_tol;
}

static void integrate(group *g) {
  const enf__run *run = g->c->run;
  const enf__quadrature q = {g->c->probes ? estimate : divergence, g, g->dim, run->logdet_tol,
                             divergence_noise[run->precision], run->density_tol > 0};
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
      conclude(g, i);
  if (!complete)
    carry_pairs(g, g->start, NULL);
}

/* ---- the map's ------------------------------------------------------------------------------ */

void enf__cnf_carry(const enf__map *map, enf__arena *arena, enf__carry *c) {
  group g = lay_out(map, c, arena);
  g.pair.user = &g;
  begin(&g);
  if (c->logdet && !by_quadrature(g.cnf->field, c)) {
    carry_pairs(&g, c->x, c->x);
    return;
  }
  carry_points(&g);
  if (c->logdet)
    integrate(&g);
}

size_t enf__cnf_carry_group(const enf__map *map, size_t probes) {
  const enf__shape *shape = &map->space->shape;
  const enf__field *field = enf__cnf_of(map)->field;
  const size_t chunk = enf__field_chunk(field, shape, ENF__VELOCITY) / 2;
  const size_t most = probes ? MOST_SAMPLES / probes : MOST_SAMPLES;
  return enf__field_whole(field, most < 1 || chunk < 1 ? 1 : chunk < most ? chunk : most);
}

size_t enf__cnf_carry_workspace(const enf__map *map, const enf__carry *carry) {
  const enf__field *field = enf__cnf_of(map)->field;
  const enf__shape *shape = &map->space->shape;
  enf__arena count = {0};
  enf__carry copy = *carry;
  const group g = lay_out(map, &copy, &count);
  size_t solver = enf__ode_workspace(g.S, g.dim);
  size_t most = enf__field_workspace(field, carry->run, shape, ENF__VELOCITY);
  if (carry->logdet) {
    solver = enf__larger(solver, enf__ode_workspace(g.S, g.dim + g.lines));
    solver = enf__larger(solver, enf__quadrature_workspace(g.S * g.lines, g.dim));
    most = enf__larger(most, enf__field_workspace(field, carry->run, shape,
                                                  carry->probes ? ENF__JVP : ENF__DIVERGENCE));
  }
  return count.used + solver + most;
}
