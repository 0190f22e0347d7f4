/* least_squares.c -- the objective of fields that are linear in their coefficients, v = sum_e c_e(t)
   v_e (field/gauge.h): coefficients by linear least squares, knot after knot.

   On the path q_t ~ exp(t W), W = -u, from the prior to the target, the velocity must satisfy
   W - <W> + div v + t <v, dW> = 0. Over samples of q_t, at every knot,

     minimise Var( W + sum_e c_e M_e ),   M_e = div v_e + t <v_e, dW>

   (regression.h). At t = 0 on prior draws; to the next knot the samples are carried with the
   coefficients continued linearly from the last two knots (the first time as they are), linear
   between the knots, there c is found, the samples are carried again from the knot before with it,
   and it is found once more. The flow's own samples stand for those of q_t. M_e is what the field's
   reverse pass says of c for the cotangents t dW of v and 1 of its divergence.

   The loss of a step is what is left of Var W at the worst knot. A step is one march; steps after
   the first start from fresh draws and are averaged (step.c). */
#include "core/parallel.h"
#include "core/random.h"
#include "field/gauge.h"
#include "map/cnf.h"
#include "train/regression.h"
#include "train/train.h"
#include <math.h>
#include <string.h>

enum { GROUP = ENF__GAUGE_GROUP, STEPS = 2 /* of Runge and Kutta's method from knot to knot */ };

typedef struct {
  const enf__batch *b;
  const enf__gauge *field;
  const enf__gauge_kernels *kernels;
  int kernel; /* level */
  size_t dim, terms;
  double t, t_from;   /* of the knot that is worked on, and of the one before */
  double *c, *c_from; /* (terms) there; linear between them */
  double *from, *x;   /* (n,dim) samples at the knot before, and here */
  double *u, *grad;   /* (n), (n,dim) */
  enf__regression r;
} march;

static march lay_out(const enf__batch *b, const enf__run *run, enf__arena *arena) {
  const enf__gauge *field = (const enf__gauge *)enf__chain_field(&b->flow->chain);
  const size_t dim = enf__space_state(&b->flow->space), terms = field->shape.terms;
  return (march){.b = b,
                 .field = field,
                 .kernels = run ? enf__gauge_kernels_of(run->kernel, field->shape.links.n) : NULL,
                 .kernel = run ? run->kernel : 0,
                 .dim = dim,
                 .terms = terms,
                 .c = ENF__TAKE(arena, double, terms),
                 .c_from = ENF__TAKE(arena, double, terms),
                 .from = ENF__TAKE(arena, double, b->n *dim),
                 .x = ENF__TAKE(arena, double, b->n *dim),
                 .u = ENF__TAKE(arena, double, b->n),
                 .grad = ENF__TAKE(arena, double, b->n *dim),
                 .r = enf__regression_take(b->n, terms, arena)};
}

static size_t call_bytes(const enf__batch *b) {
  enf__arena count = {0};
  lay_out(b, NULL, &count);
  return count.used;
}

/* ---- one group of samples -------------------------------------------------------------------- */

typedef struct {
  double *c, *y, *k, *sum, *a, *b, *dc;
} group;

static group take_group(size_t dim, size_t terms, enf__arena *arena) {
  return (group){.c = ENF__TAKE(arena, double, GROUP *terms),
                 .y = ENF__TAKE(arena, double, GROUP *dim),
                 .k = ENF__TAKE(arena, double, GROUP *dim),
                 .sum = ENF__TAKE(arena, double, GROUP *dim),
                 .a = ENF__TAKE(arena, double, GROUP *dim),
                 .b = ENF__TAKE(arena, double, GROUP),
                 .dc = ENF__TAKE(arena, double, GROUP *terms)};
}

static size_t worker_bytes(const enf__batch *b, const enf__run *run) {
  enf__arena count = {0}, unused = {0};
  const march m = lay_out(b, run, &unused);
  take_group(m.dim, m.terms, &count);
  return count.used + m.kernels->workspace(&m.field->shape, true);
}

static size_t group_size(const march *m, size_t task) {
  const size_t rest = m->b->n - task * GROUP;
  return rest < GROUP ? rest : GROUP;
}

/* k = v at y, `share` of the way between the knots. */
static void velocity(const march *m, enf__arena *arena, size_t S, double share, const group *g) {
  for (size_t s = 0; s < S; s++)
    for (size_t e = 0; e < m->terms; e++)
      g->c[s * m->terms + e] = (1 - share) * m->c_from[e] + share * m->c[e];
  m->kernels->forward(&m->field->shape, arena, S, g->c, g->y, m->dim, g->k, NULL);
}

static void add(size_t count, double scale, const double *a, const double *b, double *out) {
  for (size_t i = 0; i < count; i++)
    out[i] = a[i] + scale * b[i];
}

/* A step from share `at` on, of the samples x (S,dim). */
static void step(const march *m, enf__arena *arena, size_t S, double at, double *x,
                 const group *g) {
  static const double node[4] = {0, 0.5, 0.5, 1}, weight[4] = {1. / 6, 1. / 3, 1. / 3, 1. / 6};
  const enf__space *space = &m->b->flow->space;
  const double h = (m->t - m->t_from) / STEPS;
  const size_t count = S * m->dim;
  memcpy(g->y, x, count * sizeof *x);
  memcpy(g->sum, x, count * sizeof *x);
  for (size_t stage = 0; stage < 4; stage++) {
    velocity(m, arena, S, at + node[stage] / STEPS, g);
    add(count, h * weight[stage], g->sum, g->k, g->sum);
    if (stage < 3)
      add(count, h * node[stage + 1], x, g->k, g->y);
  }
  memcpy(x, g->sum, count * sizeof *x);
  for (size_t s = 0; s < S; s++)
    space->ops->restore(space, m->kernel, x + s * m->dim);
}

static enf_status carry_task(void *user, size_t task, enf__arena *arena) {
  const march *m = user;
  const size_t S = group_size(m, task), first = task * GROUP * m->dim;
  const group g = take_group(m->dim, m->terms, arena);
  memcpy(m->x + first, m->from + first, S * m->dim * sizeof *m->x);
  for (size_t k = 0; k < STEPS; k++)
    step(m, arena, S, (double)k / STEPS, m->x + first, &g);
  return ENF_OK;
}

/* Columns of M, from grad u along the group. */
static enf_status column_task(void *user, size_t task, enf__arena *arena) {
  const march *m = user;
  const size_t S = group_size(m, task), first = task * GROUP;
  const group g = take_group(m->dim, m->terms, arena);
  for (size_t i = 0; i < S * m->terms; i++)
    g.c[i] = 0;
  for (size_t i = 0; i < S * m->dim; i++)
    g.a[i] = -m->t * m->grad[first * m->dim + i];
  for (size_t s = 0; s < S; s++)
    g.b[s] = 1;
  m->kernels->reverse(&m->field->shape, arena, S, g.c, m->x + first * m->dim, g.a, g.b, NULL, NULL,
                      g.dc, NULL);
  for (size_t e = 0; e < m->terms; e++)
    for (size_t s = 0; s < S; s++)
      m->r.m[e * m->b->n + first + s] = g.dc[s * m->terms + e];
  return ENF_OK;
}

static enf_status run(enf_ctx *ctx, march *m, enf__task_fn task) {
  return enf__parallel_for(ctx, (m->b->n + GROUP - 1) / GROUP, task, m, 0, 0);
}

/* ---- a knot ---------------------------------------------------------------------------------- */

/* u and its gradient along the group at x; u is NaN, and the gradient 0, where either is not
   finite: that sample is left out. */
static enf_status ask(enf_ctx *ctx, march *m, enf__slope *slope) {
  const enf__space *space = &m->b->flow->space;
  const enf_status status =
      enf__host_energy(ctx, m->b->energy, m->b->energy_user, m->b->n, m->x, m->u, m->grad);
  if (status != ENF_OK)
    return status;
  for (size_t i = 0; i < m->b->n; i++) {
    double *grad = m->grad + i * m->dim;
    const double *x = m->x + i * m->dim;
    bool finite = isfinite(m->u[i]);
    for (size_t k = 0; k < m->dim; k++)
      finite = finite && isfinite(grad[k]);
    if (finite) {
      space->ops->leave_pull(space, x, x, grad, 0, grad);
      continue;
    }
    m->u[i] = (double)NAN;
    memset(grad, 0, m->dim * sizeof *grad);
    slope->capped++;
  }
  return ENF_OK;
}

/* c at the knot, on the samples x there. */
static enf_status solve(enf_ctx *ctx, march *m, enf__slope *slope) {
  const double ridge = enf__opts_real(m->b->options, ENF__OPT_TRAIN_RIDGE);
  enf_status status;
  double left;
  TRY(ask(ctx, m, slope));
  for (size_t i = 0; i < m->b->n; i++)
    m->r.w[i] = -m->u[i];
  TRY(run(ctx, m, column_task));
  TRY(enf__regression_solve(ctx, &m->r, ridge, m->c, &left));
  slope->loss = fmax(slope->loss, left);
out:
  return status == ENF_ERR_NONFINITE
             ? enf__fail(ctx, status,
                         "at t = %.3g fewer than two of %zu samples have a finite energy and "
                         "gradient, or the velocities are not finite",
                         m->t, m->b->n)
             : status;
}

/* The next knot: c continued, then found twice. */
static enf_status go_on(enf_ctx *ctx, march *m, size_t knot, enf__slope *slope) {
  enf_status status;
  for (size_t e = 0; e < m->terms; e++) {
    const double last = m->c[e], before = knot > 1 ? m->c_from[e] : last;
    m->c_from[e] = last;
    m->c[e] = 2 * last - before;
  }
  for (size_t pass = 0; pass < 2; pass++) {
    TRY(run(ctx, m, carry_task));
    slope->evaluations += m->b->n * 4 * STEPS;
    TRY(solve(ctx, m, slope));
  }
  memcpy(m->from, m->x, m->b->n * m->dim * sizeof *m->x);
out:
  return status;
}

static enf_status find(enf_ctx *ctx, const enf__batch *b, enf__slope *slope, double *params) {
  const uint64_t seed = enf__opts_seed(b->options, ENF__OPT_TRAIN_SEED);
  march m = lay_out(b, &ctx->run, &ctx->arena);
  const size_t knots = m.field->times;
  enf_status status = ENF_OK;
  for (size_t i = 0; i < b->n; i++)
    enf__prior_sample(&b->flow->prior, seed, ENF__STREAM_TRAIN_PRIOR, b->first + i,
                      m.from + i * m.dim);
  memcpy(m.x, m.from, b->n * m.dim * sizeof *m.x);
  for (size_t k = 0; k < knots; k++) {
    m.t_from = m.t;
    m.t = (double)k / (double)(knots - 1);
    TRY(k == 0 ? solve(ctx, &m, slope) : go_on(ctx, &m, k, slope));
    for (size_t e = 0; e < m.terms; e++)
      params[m.field->param + e * knots + k] = m.c[e];
    TRY(enf__report(ctx, b->n * (k + 1) / knots, b->n));
  }
out:
  return status;
}

const enf__objective enf__least_squares = {.call_bytes = call_bytes,
                                           .worker_bytes = worker_bytes,
                                           .find = find,
                                           .needs_energy = true};
