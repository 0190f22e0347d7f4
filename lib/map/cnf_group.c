/* cnf_group.c -- rates of (x, logdet, penalty) along a velocity field, and their reverse.

     x' = v(t,x),  logdet' = div v(t,x)  or  mean over probes of eps^T J(t,x) eps

   with the pair as the integrator's state, so that both are in its error norm; the penalty, if
   there is one, is the last number of the state, in the units of logdet. Neither influences
   anything, and the reverse of the rate is the field's <a,v> + b trace + c |v|^2 + d |J eps|^2 with
   b = dL/dlogdet, c and d from dL/dpenalty, each times the weight of the stage on the discrete way.
   A stage of weight 0 (dopri5's second) has only <a,v>.

   Late logdets (cnf_passage.c) are no part of the state: they are sums of weight times rate over
   the stages that the way back meets. */
#include "map/cnf_group.h"
#include <string.h>

enum { MOST_ROWS = ENF__ADJOINT_ROWS }; /* of a callback; no group is larger */

bool enf__cnf_has_penalty(const enf__way *way) { return way->kinetic > 0 || way->frobenius > 0; }

bool enf__cnf_is_late(const enf__way *way) { return way->probes && way->adjoint == ENF__DISCRETE; }

static size_t dim_of(const enf__passage *p) { return enf__shape_size(&p->map->space->shape); }

size_t enf__cnf_width(const enf__passage *p) {
  const size_t more = 1 + (size_t)enf__cnf_has_penalty(&p->way);
  return dim_of(p) + (enf__cnf_is_late(&p->way) ? 0 : more);
}

void enf__cnf_group_take(enf__cnf_group *g, const enf__passage *p, const enf__run *run, size_t S,
                         enf__arena *arena) {
  const size_t dim = dim_of(p), width = enf__cnf_width(p), points = MOST_ROWS * dim;
  *g = (enf__cnf_group){.p = p,
                        .way = &p->way,
                        .record = p->record,
                        .arena = arena,
                        .S = S,
                        .dim = dim,
                        .width = width};
  g->rate = (enf__rate){.field = enf__cnf_of(p->map)->field,
                        .run = run,
                        .shape = &p->map->space->shape,
                        .arena = arena,
                        .scalars = width - dim,
                        .user = g};
  g->state = ENF__TAKE(arena, double, S *width);
  g->end = ENF__TAKE(arena, double, S *width);
  g->result = ENF__TAKE(arena, enf__ode_result, S);
  g->late = ENF__TAKE(arena, double, 2 * S);
  g->gradient = ENF__TAKE(arena, double, p->map->params);
  g->value = ENF__TAKE(arena, double, MOST_ROWS *ENF__VALUES);
  double **vectors[] = {&g->x, &g->eps, &g->a, &g->dx, &g->v_dot};
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
    *vectors[i] = ENF__TAKE(arena, double, points);
  double **numbers[] = {&g->b, &g->form, &g->c, &g->d, &g->square};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    *numbers[i] = ENF__TAKE(arena, double, MOST_ROWS);
  enf__rate_take(&g->rate, MOST_ROWS, arena);
}

/* ---- rates ----------------------------------------------------------------------------------- */

static void gather_probes(const enf__cnf_group *g, size_t S, const size_t *sample, size_t probe) {
  const enf__way *way = g->way;
  for (size_t i = 0; i < S; i++) {
    const double *eps = way->eps + ((g->first + sample[i]) * way->probes + probe) * g->dim;
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
static double direction(const enf__way *way) { return way->t1 < way->t0 ? -1 : 1; }

/* b (S) and square (S): the trace and |J eps|^2, means over probes, and v. */
static void find_traces(enf__cnf_group *g, const enf__points *at, const size_t *sample, double *v) {
  const enf__way *way = g->way;
  const enf__rate *rate = &g->rate;
  memset(g->b, 0, at->S * sizeof *g->b);
  memset(g->square, 0, at->S * sizeof *g->square);
  if (!way->probes)
    enf__field_divergence(rate->field, rate->run, g->arena, at, v, g->b);
  for (size_t probe = 0; probe < way->probes; probe++) {
    gather_probes(g, at->S, sample, probe);
    enf__field_jvp(rate->field, rate->run, g->arena, at, g->eps, v,
                   way->frobenius > 0 ? g->v_dot : NULL, g->form);
    for (size_t i = 0; i < at->S; i++)
      g->b[i] += g->form[i] / (double)way->probes;
    for (size_t i = 0; way->frobenius > 0 && i < at->S; i++)
      g->square[i] += square(g->dim, g->v_dot + i * g->dim) / (double)way->probes;
  }
}

static void evaluate_states(const enf__rate *rate, const enf__points *at, const size_t *sample,
                            double *v, double *scalar) {
  enf__cnf_group *g = rate->user;
  const enf__way *way = g->way;
  g->evaluations += at->S;
  find_traces(g, at, sample, v);
  for (size_t i = 0; i < at->S; i++) {
    double *row = scalar + i * rate->scalars;
    row[0] = g->b[i];
    if (rate->scalars > 1)
      row[1] = direction(way) *
               (way->kinetic * square(g->dim, v + i * g->dim) + way->frobenius * g->square[i]);
  }
}

static void evaluate_points(const enf__rate *rate, const enf__points *at, const size_t *sample,
                            double *v, double *scalar) {
  enf__cnf_group *g = rate->user;
  g->evaluations += at->S;
  enf__rate_velocity(rate, at, sample, v, scalar);
}

void enf__cnf_rate_of_points(enf__cnf_group *g) { g->rate.evaluate = evaluate_points; }
void enf__cnf_rate_of_states(enf__cnf_group *g) { g->rate.evaluate = evaluate_states; }

/* ---- their reverse ----------------------------------------------------------------------------
 */

double enf__cnf_dlogdet(const enf__cnf_group *g, size_t of) {
  return g->r->scale * g->r->dlogdet[of];
}

double enf__cnf_dpenalty(const enf__cnf_group *g, size_t of) {
  return g->r->dpenalty ? g->r->scale * g->r->dpenalty[of] : 0;
}

static void gather_points(const enf__cnf_group *g, size_t S, const double *state) {
  for (size_t i = 0; i < S; i++)
    memcpy(g->x + i * g->dim, state + i * g->width, g->dim * sizeof *state);
}

/* Cotangents of v, |v|^2 and each probe's part of trace and |J eps|^2 from a (rows of a state) or,
   where logdet and penalty are not in it, from their own and the stages' weights. */
static void gather_cotangents(const enf__cnf_group *g, size_t S, const size_t *sample,
                              const double *a, const double *weight) {
  const enf__way *way = g->way;
  const double share = way->probes ? 1 / (double)way->probes : 1, sign = direction(way);
  const bool late = enf__cnf_is_late(way);
  for (size_t i = 0; i < S; i++) {
    const double *row = a + i * g->width;
    const size_t of = g->first + sample[i];
    const double penalty = late                        ? weight[i] * enf__cnf_dpenalty(g, of)
                           : enf__cnf_has_penalty(way) ? row[g->dim + 1]
                                                       : 0;
    memcpy(g->a + i * g->dim, row, g->dim * sizeof *a);
    g->b[i] = share * (late ? weight[i] * enf__cnf_dlogdet(g, of) : row[g->dim]);
    g->c[i] = sign * way->kinetic * penalty;
    g->d[i] = share * sign * way->frobenius * penalty;
  }
}

static void add_pulled(const enf__cnf_group *g, size_t S, bool first, double *da) {
  for (size_t i = 0; i < S; i++) {
    double *row = da + i * g->width;
    const double *dx = g->dx + i * g->dim;
    memset(row + g->dim, 0, (g->width - g->dim) * sizeof *row);
    for (size_t c = 0; c < g->dim; c++)
      row[c] = first ? dx[c] : row[c] + dx[c];
  }
}

/* One probe's part of the integrals that the way back sums. */
static void add_values(const enf__cnf_group *g, size_t S, const size_t *sample,
                       const double *weight) {
  const enf__way *way = g->way;
  const double share = 1 / (double)way->probes;
  for (size_t i = 0; i < S; i++) {
    const double *value = g->value + i * ENF__VALUES;
    double *late = g->late + 2 * sample[i];
    late[0] += weight[i] * share * value[ENF__TRACE_VALUE];
    late[1] += weight[i] * direction(way) *
               (way->kinetic * value[ENF__SPEED_VALUE] +
                share * way->frobenius * value[ENF__JACOBIAN_VALUE]);
  }
}

static void give_cotangents(void *user, size_t first, size_t S, const double *v, double *a) {
  const enf__cnf_group *g = user;
  (void)v;
  memcpy(a, g->a + first * g->dim, S * g->dim * sizeof *a);
}

static void pull_probe(enf__cnf_group *g, const enf__points *at, size_t probe, bool dx,
                       bool params) {
  const enf__way *way = g->way;
  if (probe == 1)
    memset(g->a, 0, at->S * g->dim * sizeof *g->a);
  const enf__cotangent of = {.eps = way->probes ? g->eps : NULL,
                             .a = g->a,
                             .b = g->b,
                             .c = way->kinetic > 0 && probe == 0 ? g->c : NULL,
                             .d = way->frobenius > 0 ? g->d : NULL};
  const enf__gradient out = {.dx = dx ? g->dx : NULL,
                             .dparams = params ? g->gradient : NULL,
                             .value = enf__cnf_is_late(way) ? g->value : NULL};
  enf__field_vjp_trace(g->rate.field, g->rate.run, g->arena, at, &of, &out);
}

void enf__cnf_pull(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                   const double *a, const double *weight, double *da, bool params) {
  enf__cnf_group *g = user;
  const enf__way *way = g->way;
  const enf__points at = {g->rate.shape, S, t, g->x};
  gather_points(g, S, y);
  gather_cotangents(g, S, sample, a, weight);
  g->evaluations += S;
  if (weight && weight[0] == 0) {
    enf__field_vjp(g->rate.field, g->rate.run, g->arena, &at, give_cotangents, g, g->dx,
                   params ? g->gradient : NULL);
    add_pulled(g, S, true, da);
    return;
  }
  for (size_t probe = 0; probe < (way->probes ? way->probes : 1); probe++) {
    if (way->probes)
      gather_probes(g, S, sample, probe);
    pull_probe(g, &at, probe, da != NULL, params);
    if (enf__cnf_is_late(way))
      add_values(g, S, sample, weight);
    if (da)
      add_pulled(g, S, probe == 0, da);
  }
}
