/* adjoint.c -- gradients through the integrator.

   Discrete. A step is y' = y + h sum_i b_i k_i, k_i = f(t_i, Y_i), Y_i = y + h sum_{j<i} a_ij k_j.
   With lambda = dL/dy' its reverse is (Hager 2000; Sanz-Serna 2016, arXiv:2010.04042), from the
   last stage to the first,

     kappa_i = h (b_i lambda + sum_{j>i} a_ji mu_j),   mu_i = kappa_i^T df/dy(t_i, Y_i),
     dL/dy = lambda + sum_i mu_i,   dL/dtheta += kappa_i^T df/dtheta(t_i, Y_i).

   The record has y and the k that the Y_i follow from. The error estimate and the evaluation at the
   new point do not influence y', so a dopri5 step costs 6 reverse passes and no evaluation. Samples
   walk side by side, each through steps of its own.

   Where the space of y is a surface, every Y_i and y' were brought back to it, and lambda and mu_i
   have the reverse of that. The continuous way does without.

   Continuous (Chen et al. 2018, arXiv:1806.07366): y' = f, a' = -a^T df/dy backward from t1, with
   error control on y and a; a is scaled by its largest number first, as tolerances have no other
   measure. dL/dtheta = int a^T df/dtheta dt along the recorded path by Gauss's rule with three
   nodes on every step, which needs no error control of its own (Kidger, Chen, Lyons 2021,
   arXiv:2009.09457). */
#include "ode/adjoint.h"
#include <math.h>
#include <string.h>

/* ---- discrete ------------------------------------------------------------------------------ */

typedef struct {
  const enf__adjoint *adjoint;
  const enf__tableau *method;
  size_t stages; /* that influence the new point */
  size_t active;
  size_t *sample, *step; /* of a row; its steps that are still to be walked */
  double *t0, *h, *t, *weight;
  double *y[ENF__ODE_STAGES], *k[ENF__ODE_STAGES]; /* (S,dim) Y_i; k_i, then mu_i */
  double *lambda, *kappa;
  double *point; /* (S,dim) Y_i, or what the space makes of it */
} walk;

static void lay_out_walk(walk *w, enf__arena *arena, size_t S, size_t dim) {
  const size_t state = S * dim;
  w->sample = ENF__TAKE(arena, size_t, S);
  w->step = ENF__TAKE(arena, size_t, S);
  w->t0 = ENF__TAKE(arena, double, S);
  w->h = ENF__TAKE(arena, double, S);
  w->t = ENF__TAKE(arena, double, S);
  w->weight = ENF__TAKE(arena, double, S);
  w->lambda = ENF__TAKE(arena, double, state);
  w->kappa = ENF__TAKE(arena, double, state);
  w->point = ENF__TAKE(arena, double, state);
  for (size_t i = 0; i + 1 < ENF__ODE_STAGES; i++) {
    w->y[i] = ENF__TAKE(arena, double, state);
    w->k[i] = ENF__TAKE(arena, double, state);
  }
}

size_t enf__adjoint_discrete_workspace(size_t S, size_t dim) {
  enf__arena count = {0};
  walk w;
  lay_out_walk(&w, &count, S, dim);
  return count.used;
}

static void enter(walk *w, size_t S, const enf__ode_result *result, const enf__ode_path *path,
                  const double *a) {
  const size_t dim = w->adjoint->dim;
  for (size_t i = 0; i < S; i++) {
    if (result[i].status != ENF_OK || path[i].steps == 0)
      continue;
    const size_t row = w->active++;
    w->sample[row] = i;
    w->step[row] = path[i].steps;
    memcpy(w->lambda + row * dim, a + i * dim, dim * sizeof *a);
  }
}

/* The sample is at its beginning: lambda goes out, the last row moves in. */
static void leave(walk *w, size_t row, double *a) {
  const size_t dim = w->adjoint->dim, bytes = dim * sizeof *a, last = --w->active;
  memcpy(a + w->sample[row] * dim, w->lambda + row * dim, bytes);
  if (row == last)
    return;
  w->sample[row] = w->sample[last];
  w->step[row] = w->step[last];
  memcpy(w->lambda + row * dim, w->lambda + last * dim, bytes);
}

/* y, t, h and the first k of every row's step. */
static void load_steps(walk *w, const enf__ode_path *path) {
  const size_t dim = w->adjoint->dim, bytes = dim * sizeof(double);
  for (size_t row = 0; row < w->active; row++) {
    const enf__ode_path *p = path + w->sample[row];
    const size_t n = --w->step[row];
    const double *node = p->node + 3 * dim * n;
    w->t0[row] = p->t[n];
    w->h[row] = p->t[n + 1] - p->t[n];
    memcpy(w->y[0] + row * dim, node, bytes);
    memcpy(w->k[0] + row * dim, node + dim, bytes);
    for (size_t i = 1; i + 1 < w->stages; i++)
      memcpy(w->k[i] + row * dim, p->stage + (ENF__ODE_KEPT * n + i - 1) * dim, bytes);
  }
}

static void set_times(walk *w, size_t stage) {
  for (size_t row = 0; row < w->active; row++) {
    w->t[row] = w->t0[row] + w->method->c[stage] * w->h[row];
    w->weight[row] = w->h[row] * w->method->a[w->stages][stage];
  }
}

/* out (rows,dim) += factor v */
static void add(size_t count, double factor, const double *v, double *out) {
  if (factor == 0)
    return;
  for (size_t i = 0; i < count; i++)
    out[i] += factor * v[i];
}

/* out = base + h out, or h out without a base */
static void step_by(const walk *w, const double *base, double *out) {
  const size_t dim = w->adjoint->dim;
  for (size_t row = 0; row < w->active; row++)
    for (size_t i = row * dim; i < (row + 1) * dim; i++)
      out[i] = (base ? base[i] : 0) + w->h[row] * out[i];
}

static void restore_stages(walk *w) {
  const size_t count = w->active * w->adjoint->dim;
  for (size_t i = 1; i < w->stages; i++) {
    memset(w->y[i], 0, count * sizeof(double));
    for (size_t j = 0; j < i; j++)
      add(count, w->method->a[i][j], w->k[j], w->y[i]);
    step_by(w, w->y[0], w->y[i]);
  }
}

static bool has_surface(const walk *w) { return enf__space_is_surface(w->adjoint->space); }

/* Where f was asked in stage i. */
static const double *point_of(const walk *w, size_t i) {
  const enf__space *space = w->adjoint->space;
  const size_t dim = w->adjoint->dim;
  if (i == 0 || !has_surface(w))
    return w->y[i];
  memcpy(w->point, w->y[i], w->active * dim * sizeof *w->point);
  for (size_t row = 0; row < w->active; row++)
    space->ops->restore(space, w->adjoint->run->kernel, w->point + row * dim);
  return w->point;
}

/* Cotangents a of where the space has brought y: to those of y. */
static void pull_restore(const walk *w, const double *y, double *a) {
  const enf__space *space = w->adjoint->space;
  const size_t dim = w->adjoint->dim;
  for (size_t row = 0; has_surface(w) && row < w->active; row++)
    space->ops->restore_pull(space, y + row * dim, a + row * dim);
}

/* lambda, of the new point, before the space had it back: y + h sum_i b_i k_i, the last k anew, as the
   record has no use for it else. */
static void reverse_restore(walk *w) {
  const enf__adjoint *adj = w->adjoint;
  const size_t count = w->active * adj->dim, last = w->stages - 1;
  if (!has_surface(w))
    return;
  set_times(w, last);
  adj->f(adj->user, w->active, w->sample, w->t, point_of(w, last), w->k[last]);
  memset(w->kappa, 0, count * sizeof(double));
  for (size_t i = 0; i < w->stages; i++)
    add(count, w->method->a[w->stages][i], w->k[i], w->kappa);
  step_by(w, w->y[0], w->kappa);
  pull_restore(w, w->kappa, w->lambda);
}

static void reverse_stages(walk *w) {
  const enf__adjoint *adj = w->adjoint;
  const size_t count = w->active * adj->dim;
  const double *b = w->method->a[w->stages];
  for (size_t i = w->stages; i-- > 0;) {
    memset(w->kappa, 0, count * sizeof(double));
    add(count, b[i], w->lambda, w->kappa);
    for (size_t j = i + 1; j < w->stages; j++)
      add(count, w->method->a[j][i], w->k[j], w->kappa);
    step_by(w, NULL, w->kappa);
    set_times(w, i);
    adj->pull(adj->user, w->active, w->sample, w->t, point_of(w, i), w->kappa, w->weight, w->k[i],
              adj->params);
    if (i > 0)
      pull_restore(w, w->y[i], w->k[i]);
  }
  for (size_t i = 0; i < w->stages; i++)
    add(count, 1, w->k[i], w->lambda);
}

void enf__adjoint_discrete(const enf__adjoint *adjoint, enf__arena *arena, size_t S,
                           const enf__ode_result *result, const enf__ode_path *path, double *a) {
  const size_t mark = arena->used;
  walk w = {.adjoint = adjoint, .method = &enf__tableaux[adjoint->run->ode_method]};
  w.stages = w.method->stages - 1;
  lay_out_walk(&w, arena, S, adjoint->dim);
  enter(&w, S, result, path, a);
  while (w.active) {
    load_steps(&w, path);
    restore_stages(&w);
    reverse_restore(&w);
    reverse_stages(&w);
    /* from the end, so that the row that fills a gap has been looked at */
    for (size_t row = w.active; row-- > 0;)
      if (w.step[row] == 0)
        leave(&w, row, a);
  }
  arena->used = mark;
}

/* ---- continuous ---------------------------------------------------------------------------- */

enum { POOL = ENF__ADJOINT_ROWS, NODES = 3 };

static const struct {
  double at, weight; /* on [0,1] */
} gauss[NODES] = {
    {0.11270166537925831148, 5.0 / 18}, {0.5, 4.0 / 9}, {0.88729833462074168852, 5.0 / 18}};

typedef struct {
  const enf__adjoint *adjoint;
  double *pair;    /* (S,2 dim) y and a, scaled */
  double *scale;   /* (S) */
  double *y, *a;   /* (max(S,POOL),dim) apart */
  double *dy, *da; /* (S,dim) */
  size_t *sample;  /* (POOL) points of the parameters' integral */
  double *t;       /* (POOL) */
  double *state;   /* (2 dim) */
  size_t points;
} back;

static void lay_out_back(back *w, enf__arena *arena, size_t S, size_t dim) {
  const size_t rows = S > POOL ? S : POOL, state = S * dim;
  w->pair = ENF__TAKE(arena, double, 2 * state);
  w->scale = ENF__TAKE(arena, double, S);
  w->y = ENF__TAKE(arena, double, rows *dim);
  w->a = ENF__TAKE(arena, double, rows *dim);
  w->dy = ENF__TAKE(arena, double, state);
  w->da = ENF__TAKE(arena, double, state);
  w->sample = ENF__TAKE(arena, size_t, POOL);
  w->t = ENF__TAKE(arena, double, POOL);
  w->state = ENF__TAKE(arena, double, 2 * dim);
}

size_t enf__adjoint_continuous_workspace(size_t S, size_t dim) {
  enf__arena count = {0};
  back w;
  lay_out_back(&w, &count, S, dim);
  return count.used + enf__ode_workspace(S, 2 * dim);
}

static void pair_rate(void *user, size_t S, const size_t *sample, const double *t, const double *y,
                      double *dy) {
  const back *w = user;
  const enf__adjoint *adj = w->adjoint;
  const size_t dim = adj->dim, bytes = dim * sizeof *y;
  for (size_t i = 0; i < S; i++) {
    memcpy(w->y + i * dim, y + 2 * i * dim, bytes);
    memcpy(w->a + i * dim, y + (2 * i + 1) * dim, bytes);
  }
  adj->f(adj->user, S, sample, t, w->y, w->dy);
  adj->pull(adj->user, S, sample, t, w->y, w->a, NULL, w->da, false);
  for (size_t i = 0; i < S; i++) {
    memcpy(dy + 2 * i * dim, w->dy + i * dim, bytes);
    for (size_t c = 0; c < dim; c++)
      dy[(2 * i + 1) * dim + c] = -w->da[i * dim + c];
  }
}

/* 1 for cotangents that are all zero. */
static double largest(size_t count, const double *a) {
  double most = 0;
  for (size_t i = 0; i < count; i++)
    most = fmax(most, fabs(a[i]));
  return most > 0 ? most : 1;
}

static void load_pairs(back *w, size_t S, const double *y, const double *a) {
  const size_t dim = w->adjoint->dim;
  for (size_t i = 0; i < S; i++) {
    double *pair = w->pair + 2 * i * dim;
    w->scale[i] = largest(dim, a + i * dim);
    memcpy(pair, y + i * dim, dim * sizeof *y);
    for (size_t c = 0; c < dim; c++)
      pair[dim + c] = a[i * dim + c] / w->scale[i];
  }
}

static void flush(back *w) {
  const enf__adjoint *adj = w->adjoint;
  if (w->points)
    adj->pull(adj->user, w->points, w->sample, w->t, w->y, w->a, NULL, NULL, true);
  w->points = 0;
}

/* One node of one step: its share of the parameters' integral, which runs against the path. */
static void add_point(back *w, size_t i, const enf__ode_path *path, size_t n, size_t node) {
  const size_t dim = w->adjoint->dim, row = w->points++;
  const double h = path->t[n + 1] - path->t[n], t = path->t[n] + gauss[node].at * h;
  const double weight = -h * gauss[node].weight * w->scale[i];
  enf__ode_path_at(path, 2 * dim, n, t, w->state);
  w->sample[row] = i;
  w->t[row] = t;
  memcpy(w->y + row * dim, w->state, dim * sizeof *w->y);
  for (size_t c = 0; c < dim; c++)
    w->a[row * dim + c] = weight * w->state[dim + c];
  if (w->points == POOL)
    flush(w);
}

static void integrate_params(back *w, size_t S, const enf__ode_result *result,
                             const enf__ode_path *path) {
  for (size_t i = 0; i < S; i++)
    for (size_t n = 0; result[i].status == ENF_OK && n < path[i].steps; n++)
      for (size_t node = 0; node < NODES; node++)
        add_point(w, i, path + i, n, node);
  flush(w);
}

size_t enf__adjoint_continuous(const enf__adjoint *adjoint, enf__arena *arena, double t1, double t0,
                               size_t S, enf__ode_result *result, enf__ode_path *path,
                               const double *y, double *a) {
  const size_t mark = arena->used, dim = adjoint->dim;
  back w = {.adjoint = adjoint};
  const enf__ode ode = {adjoint->run, pair_rate, &w, 2 * dim, t1, t0, NULL};
  size_t need = 0;
  lay_out_back(&w, arena, S, dim);
  load_pairs(&w, S, y, a);
  for (size_t i = 0; i < S; i++)
    path[i].steps = 0;
  enf__ode_solve(&ode, arena, S, w.pair, result, adjoint->params ? path : NULL);
  for (size_t i = 0; i < S; i++)
    if (result[i].status == ENF_OK && path[i].steps > path[i].capacity && path[i].steps > need)
      need = path[i].steps;
  if (need == 0 && adjoint->params)
    integrate_params(&w, S, result, path);
  for (size_t i = 0; need == 0 && i < S; i++)
    for (size_t c = 0; result[i].status == ENF_OK && c < dim; c++)
      a[i * dim + c] = w.scale[i] * w.pair[(2 * i + 1) * dim + c];
  arena->used = mark;
  return need;
}
