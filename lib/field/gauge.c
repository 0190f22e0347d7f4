/* gauge.c -- the velocity fields of matrices as objects (gauge.h): their words, their one tensor,
   the curves of its coefficients in time, and what is asked of the kernels.

   Coefficients are Catmull-Rom curves through T knots at t = i/(T-1): on [i,i+1] the cubic with the
   knots' values and the slopes (c_{i+1} - c_{i-1})/2, at either end that of the parabola through
   three knots. T = 1: constant, T = 2: linear. A new field is zero: the flow begins at Haar measure.
   An estimate of the divergence by probes is not there, as the exact one costs next to nothing. */
#include "field/gauge.h"
#include <string.h>

enum { MOST_KNOTS = 4 }; /* that a coefficient depends on at one time */

/* ---- words ----------------------------------------------------------------------------------- */

/* The words of degree d, in order; word NULL: how many. */
static size_t list_words(size_t n, size_t d, enf__word *word) {
  size_t count = 0;
  if (n == 1) {
    for (size_t k = 1; word && k <= d; k++)
      word[k - 1] = (enf__word){.k = (uint8_t)k};
    return d;
  }
  for (size_t k = 1; k < n; k++)
    for (size_t i = 0; i <= d; i++)
      for (size_t j = 0; j <= (n > 2 ? d / 2 : 0); j++)
        for (size_t l = 0; l <= (n > 3 ? d / 2 : 0); l++) {
          if (i + 2 * j + 2 * l + k - 1 > d)
            continue;
          if (word)
            word[count] = (enf__word){(uint8_t)k, {(uint8_t)i, (uint8_t)j, (uint8_t)l}};
          count++;
        }
  return count;
}

/* ---- the object ------------------------------------------------------------------------------ */

static void destroy(enf__field *field) {
  enf__gauge *f = (enf__gauge *)field;
  const enf_alloc alloc = field->alloc;
  enf__free(&alloc, f->word);
  enf__free(&alloc, f->coef);
  enf__free(&alloc, f);
}

static enf_status allocate(enf__field *field) {
  enf__gauge *f = (enf__gauge *)field;
  f->word = enf__alloc_array(&field->alloc, f->shape.words + 1, sizeof *f->word);
  f->coef = enf__alloc_array(&field->alloc, f->shape.terms * f->times, sizeof *f->coef);
  if (!f->word || !f->coef)
    return ENF_ERR_NOMEM;
  list_words(f->shape.links.n, f->shape.degree, f->word);
  f->shape.word = f->word;
  return ENF_OK;
}

static enf_status check(enf_ctx *ctx, const enf__model *model) {
  if (model->links.n == 1 && model->degree == 0)
    return enf__fail(ctx, ENF_ERR_OPTION, "model.degree is 0: U(1) has harmonics from 1 on");
  if (model->pairs > 0 && (model->links.n != 1 || model->kind != ENF__FIELD_DRAIN))
    return enf__fail(ctx, ENF_ERR_OPTION,
                     "model.pairs is %zu, but only the field drain of U(1) has pairs",
                     model->pairs);
  return ENF_OK;
}

static enf_status plan_field(enf_ctx *ctx, enf__field **field, const enf__model *model,
                             enf__params *params, const enf__field_ops *ops, int lift) {
  const enf_status status = check(ctx, model);
  *field = NULL;
  if (status != ENF_OK)
    return status;
  enf__gauge *f = enf__alloc(&ctx->alloc, sizeof *f);
  if (!f)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a velocity field");
  const size_t words = list_words(model->links.n, model->degree, NULL);
  *f = (enf__gauge){.base = {.ops = ops, .alloc = ctx->alloc, .model = *model},
                    .shape = {.links = model->links,
                              .lift = lift,
                              .degree = model->degree,
                              .pairs = model->pairs,
                              .words = words,
                              .terms = words + 2 * model->pairs * model->pairs},
                    .times = model->times};
  f->param = enf__params_add(
      params, (enf__tensor){.rows = f->shape.terms, .cols = f->times}, "class");
  *field = &f->base;
  return ENF_OK;
}

static void pack(enf__field *field, const double *params) {
  enf__gauge *f = (enf__gauge *)field;
  memcpy(f->coef, params + f->param, f->shape.terms * f->times * sizeof *params);
}

/* ---- coefficients in time -------------------------------------------------------------------- */

/* The weights at time t of the knots from the returned one on. */
static size_t find_knots(size_t T, double t, double weight[MOST_KNOTS]) {
  memset(weight, 0, MOST_KNOTS * sizeof *weight);
  if (T == 1) {
    weight[0] = 1;
    return 0;
  }
  const double place = t * (double)(T - 1);
  size_t i = place > 0 ? (size_t)place : 0;
  i = i < T - 2 ? i : T - 2;
  const double u = place - (double)i, rest = 1 - u;
  if (T == 2) {
    weight[0] = rest;
    weight[1] = u;
    return 0;
  }
  const size_t first = T < 5 || i == 0 ? 0 : i - 1 < T - 4 ? i - 1 : T - 4;
  const double rise[2] = {u * rest * rest, -u * u * rest};
  double *at = weight + (i - first);
  at[0] += rest * rest * (1 + 2 * u);
  at[1] += u * u * (3 - 2 * u);
  for (size_t end = 0; end < 2; end++) {
    const size_t knot = i + end;
    double *slope = weight + (knot - first);
    const double half = 0.5 * rise[end];
    if (knot == 0) {
      slope[0] -= 3 * half;
      slope[1] += 4 * half;
      slope[2] -= half;
    } else if (knot == T - 1) {
      slope[0] += 3 * half;
      slope[-1] -= 4 * half;
      slope[-2] += half;
    } else {
      slope[1] += half;
      slope[-1] -= half;
    }
  }
  return first;
}

static size_t knots_of(const enf__gauge *f) { return f->times < MOST_KNOTS ? f->times : MOST_KNOTS; }

/* c (S,terms) at times t. */
static void find_coefficients(const enf__gauge *f, size_t S, const double *t, double *c) {
  const size_t knots = knots_of(f);
  for (size_t s = 0; s < S; s++) {
    double weight[MOST_KNOTS];
    const size_t first = find_knots(f->times, t[s], weight);
    for (size_t e = 0; e < f->shape.terms; e++) {
      const double *curve = f->coef + e * f->times + first;
      double sum = 0;
      for (size_t k = 0; k < knots; k++)
        sum += weight[k] * curve[k];
      c[s * f->shape.terms + e] = sum;
    }
  }
}

/* dparams += of dc (S,terms). */
static void pull_coefficients(const enf__gauge *f, size_t S, const double *t, const double *dc,
                              double *dparams) {
  const size_t knots = knots_of(f);
  for (size_t s = 0; s < S; s++) {
    double weight[MOST_KNOTS];
    const size_t first = find_knots(f->times, t[s], weight);
    for (size_t e = 0; e < f->shape.terms; e++)
      for (size_t k = 0; k < knots; k++)
        dparams[f->param + e * f->times + first + k] += weight[k] * dc[s * f->shape.terms + e];
  }
}

/* ---- work ------------------------------------------------------------------------------------ */

/* Of one group. */
typedef struct {
  double *c, *dc, *v, *a, *value;
} group;

static void take(group *g, const enf__gauge *f, size_t dim, enf__arena *arena) {
  g->c = ENF__TAKE(arena, double, ENF__GAUGE_GROUP *f->shape.terms);
  g->dc = ENF__TAKE(arena, double, ENF__GAUGE_GROUP *f->shape.terms);
  g->v = ENF__TAKE(arena, double, ENF__GAUGE_GROUP *dim);
  g->a = ENF__TAKE(arena, double, ENF__GAUGE_GROUP *dim);
  g->value = ENF__TAKE(arena, double, 2 * ENF__GAUGE_GROUP);
}

static const enf__gauge_kernels *kernels_of(const enf__gauge *f, int kernel) {
  return enf__gauge_kernels_of(kernel, f->shape.links.n);
}

static size_t workspace(const enf__field *field, int kernel, const enf__shape *shape,
                        enf__work work) {
  const enf__gauge *f = (const enf__gauge *)field;
  enf__arena count = {0};
  group g;
  take(&g, f, enf__shape_size(shape), &count);
  return count.used + kernels_of(f, kernel)->workspace(&f->shape, work >= ENF__VJP);
}

/* Transports of a site count most, on a lattice. */
static double cost(const enf__field *field, const enf__shape *shape, enf__work work) {
  const enf__gauge *f = (const enf__gauge *)field;
  const double n = (double)f->shape.links.n, products = f->shape.lift == ENF__LIFT_DRAIN ? 40 : 4;
  return (work < ENF__VJP ? 1 : 3) * (double)shape->particles *
         (products * 4 * n * n * n + 4 * (double)f->shape.terms);
}

static size_t group_at(size_t S, size_t done) {
  return S - done < ENF__GAUGE_GROUP ? S - done : ENF__GAUGE_GROUP;
}

static void forward_apart(const enf__field *field, int kernel, enf__arena *arena,
                          const enf__points *at, size_t stride, double *v, double *div) {
  const enf__gauge *f = (const enf__gauge *)field;
  const size_t mark = arena->used, dim = enf__shape_size(at->shape);
  group g;
  take(&g, f, dim, arena);
  for (size_t done = 0; done < at->S; done += ENF__GAUGE_GROUP) {
    const size_t S = group_at(at->S, done);
    find_coefficients(f, S, at->t + done, g.c);
    kernels_of(f, kernel)->forward(&f->shape, arena, S, g.c, at->x + done * stride, stride,
                                   v ? v + done * stride : NULL, div ? div + done : NULL);
  }
  arena->used = mark;
}

static void forward(const enf__field *field, int kernel, enf__arena *arena, const enf__points *at,
                    const double *eps, double *v, double *v_dot, double *div) {
  (void)eps, (void)v_dot; /* a closed field has none */
  forward_apart(field, kernel, arena, at, enf__shape_size(at->shape), v, div);
}

static void vjp(const enf__field *field, int kernel, enf__arena *arena, const enf__points *at,
                enf__cotangent_fn cotangent, void *user, double *dx, double *dparams) {
  const enf__gauge *f = (const enf__gauge *)field;
  const size_t mark = arena->used, dim = enf__shape_size(at->shape);
  const enf__gauge_kernels *kernels = kernels_of(f, kernel);
  group g;
  take(&g, f, dim, arena);
  for (size_t done = 0; done < at->S; done += ENF__GAUGE_GROUP) {
    const size_t S = group_at(at->S, done);
    const double *x = at->x + done * dim;
    find_coefficients(f, S, at->t + done, g.c);
    kernels->forward(&f->shape, arena, S, g.c, x, dim, g.v, NULL);
    cotangent(user, done, S, g.v, g.a);
    kernels->reverse(&f->shape, arena, S, g.c, x, g.a, NULL, NULL, dx ? dx + done * dim : NULL,
                     dparams ? g.dc : NULL, NULL);
    if (dparams)
      pull_coefficients(f, S, at->t + done, g.dc, dparams);
  }
  arena->used = mark;
}

static void vjp_trace(const enf__field *field, int kernel, enf__arena *arena,
                      const enf__points *at, const enf__cotangent *of, const enf__gradient *out) {
  const enf__gauge *f = (const enf__gauge *)field;
  const size_t mark = arena->used, dim = enf__shape_size(at->shape);
  group g;
  take(&g, f, dim, arena);
  for (size_t done = 0; done < at->S; done += ENF__GAUGE_GROUP) {
    const size_t S = group_at(at->S, done);
    find_coefficients(f, S, at->t + done, g.c);
    kernels_of(f, kernel)->reverse(&f->shape, arena, S, g.c, at->x + done * dim, of->a + done * dim,
                                of->b + done, of->c ? of->c + done : NULL,
                                out->dx ? out->dx + done * dim : NULL, out->dparams ? g.dc : NULL,
                                out->value ? g.value : NULL);
    if (out->dparams)
      pull_coefficients(f, S, at->t + done, g.dc, out->dparams);
    for (size_t s = 0; out->value && s < S; s++) {
      double *value = out->value + (done + s) * ENF__VALUES;
      value[ENF__TRACE_VALUE] = g.value[2 * s];
      value[ENF__SPEED_VALUE] = of->c ? g.value[2 * s + 1] : 0;
      value[ENF__JACOBIAN_VALUE] = 0;
    }
  }
  arena->used = mark;
}

/* ---- the three fields, in float64 always -------------------------------------------------------
 */

static const enf__field_passes passes = {workspace, forward, vjp, vjp_trace};

#define GAUGE_FIELD(name, of_space, of_lift)                                                       \
  static enf_status plan_##name(enf_ctx *ctx, enf__field **field, const enf__model *model,         \
                                enf__params *params) {                                             \
    return plan_field(ctx, field, model, params, &enf__##name##_field_ops, of_lift);               \
  }                                                                                                \
  const enf__field_ops enf__##name##_field_ops = {.space = of_space,                               \
                                                  .group = ENF__GAUGE_GROUP,                       \
                                                  .closed = true,                                  \
                                                  .plan = plan_##name,                             \
                                                  .allocate = allocate,                            \
                                                  .destroy = destroy,                              \
                                                  .pack = pack,                                    \
                                                  .cost = cost,                                    \
                                                  .float32 = &passes,                              \
                                                  .float64 = &passes,                              \
                                                  .apart = forward_apart}
GAUGE_FIELD(class, ENF__GROUP, ENF__LIFT_CLASS);
GAUGE_FIELD(local, ENF__LATTICE, ENF__LIFT_LOCAL);
GAUGE_FIELD(drain, ENF__LATTICE, ENF__LIFT_DRAIN);
