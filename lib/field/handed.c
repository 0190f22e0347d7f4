/* handed.c -- see handed.h. Reverse passes go through blocks of samples, whose cotangents are kept for
   the second part. Regularisers are of both parts together: their velocities and tangents are found
   first, and then are cotangents like others. */
#include "field/handed.h"

#include <string.h>

enum { BLOCK = 64 };

/* Of one block: (S,N,D) each. */
typedef struct {
  double *v, *a, *v_dot, *hat;
} kept;

static kept lay_out(const enf__shape *shape, enf__work work, enf__arena *arena) {
  const bool reverse = work == ENF__VJP || work == ENF__VJP_TRACE || work == ENF__VJP_PROBE;
  const size_t count = reverse ? BLOCK * enf__shape_size(shape) : 0;
  return (kept){ENF__TAKE(arena, double, count), ENF__TAKE(arena, double, count),
                ENF__TAKE(arena, double, work == ENF__VJP_PROBE ? count : 0),
                ENF__TAKE(arena, double, work == ENF__VJP_PROBE ? count : 0)};
}

size_t enf__handed_workspace(const enf__field_passes *passes, const enf__field *field, int kernel,
                             const enf__shape *shape, enf__work work) {
  enf__arena count = {0};
  size_t own = passes->workspace(field, kernel, shape, work);
  if (work == ENF__VJP_TRACE || work == ENF__VJP_PROBE)
    own = enf__larger(own, passes->workspace(field, kernel, shape,
                                             work == ENF__VJP_TRACE ? ENF__VELOCITY : ENF__JVP));
  lay_out(shape, work, &count);
  return count.used + own + enf__chiral_workspace(shape);
}

static enf__points block_of(const enf__points *at, size_t first) {
  const size_t left = at->S - first;
  return (enf__points){at->shape, left < BLOCK ? left : BLOCK, at->t + first,
                       at->x + first * enf__shape_size(at->shape)};
}

/* ---- <a,v> ----------------------------------------------------------------------------------- */

/* Who wants to know v to say a, and the block under way. */
typedef struct {
  const enf__chiral *chiral;
  enf__arena *arena;
  const enf__points *at;
  enf__cotangent_fn cotangent;
  void *user;
  size_t first;
  const kept *k;
} question;

static void ask(void *user, size_t first, size_t S, const double *v, double *a) {
  const question *q = user;
  const size_t size = enf__shape_size(q->at->shape);
  const enf__points here = {q->at->shape, S, q->at->t + first, q->at->x + first * size};
  memcpy(q->k->v, v, S * size * sizeof *v);
  enf__chiral_forward(q->chiral, q->arena, &here, NULL, q->k->v, NULL, NULL);
  q->cotangent(q->user, q->first + first, S, q->k->v, a);
  memcpy(q->k->a + first * size, a, S * size * sizeof *a);
}

void enf__handed_vjp(const enf__field_passes *passes, const enf__field *field, int kernel,
                     enf__arena *arena, const enf__points *at, enf__cotangent_fn cotangent,
                     void *user, double *dx, double *dparams) {
  const size_t mark = arena->used, size = enf__shape_size(at->shape);
  const kept k = lay_out(at->shape, ENF__VJP, arena);
  for (size_t first = 0; first < at->S; first += BLOCK) {
    const enf__points here = block_of(at, first);
    question q = {field->chiral, arena, &here, cotangent, user, first, &k};
    double *to = dx ? dx + first * size : NULL;
    passes->vjp(field, kernel, arena, &here, ask, &q, to, dparams);
    enf__chiral_grad(field->chiral, arena, &here, &(enf__chiral_cotangent){.a = k.a}, to, dparams,
                     NULL);
  }
  arena->used = mark;
}

/* ---- with a trace ---------------------------------------------------------------------------- */

static double square(size_t n, const double *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += x[i] * x[i];
  return sum;
}

/* The block's cotangents of v and J eps into k, those of squares among them; the squares into value,
   or NULL. */
static void find_cotangents(const enf__field_passes *passes, const enf__field *field, int kernel,
                            enf__arena *arena, const enf__points *here, const enf__cotangent *of,
                            size_t first, const kept *k, double *value) {
  const size_t size = enf__shape_size(here->shape), at = first * size;
  const double *eps = of->eps ? of->eps + at : NULL;
  double form[BLOCK];
  if (of->c || of->d) {
    passes->forward(field, kernel, arena, here, eps, k->v, eps ? k->v_dot : NULL,
                    eps ? form : NULL);
    enf__chiral_forward(field->chiral, arena, here, eps, k->v, eps ? k->v_dot : NULL, NULL);
  }
  for (size_t s = 0; s < here->S; s++) {
    const double c = of->c ? of->c[first + s] : 0, d = of->d ? of->d[first + s] : 0;
    for (size_t i = s * size; i < (s + 1) * size; i++) {
      k->a[i] = of->a[at + i] + (of->c ? 2 * c * k->v[i] : 0);
      if (eps)
        k->hat[i] = of->b[first + s] * eps[i] + (of->d ? 2 * d * k->v_dot[i] : 0);
    }
    if (!value)
      continue;
    value[s * ENF__VALUES + ENF__SPEED_VALUE] = of->c ? square(size, k->v + s * size) : 0;
    value[s * ENF__VALUES + ENF__JACOBIAN_VALUE] = of->d ? square(size, k->v_dot + s * size) : 0;
  }
}

static void trace_block(const enf__field_passes *passes, const enf__field *field, int kernel,
                        enf__arena *arena, const enf__points *here, const enf__cotangent *of,
                        size_t first, const kept *k, const enf__gradient *out) {
  const size_t size = enf__shape_size(here->shape);
  double *dx = out->dx ? out->dx + first * size : NULL, values[BLOCK * ENF__VALUES], form[BLOCK];
  double *value = out->value ? out->value + first * ENF__VALUES : NULL;
  find_cotangents(passes, field, kernel, arena, here, of, first, k, value);
  const double *eps = of->eps ? of->eps + first * size : NULL, *hat = eps ? k->hat : NULL;
  passes->vjp_trace(field, kernel, arena, here,
                    &(enf__cotangent){.eps = eps, .a = k->a, .b = of->b + first, .hat = hat},
                    &(enf__gradient){dx, out->dparams, values});
  for (size_t s = 0; s < here->S; s++)
    form[s] = values[s * ENF__VALUES + ENF__TRACE_VALUE];
  enf__chiral_grad(field->chiral, arena, here,
                   &(enf__chiral_cotangent){k->a, of->b + first, eps, hat}, dx, out->dparams, form);
  for (size_t s = 0; value && s < here->S; s++)
    value[s * ENF__VALUES + ENF__TRACE_VALUE] = form[s];
}

void enf__handed_vjp_trace(const enf__field_passes *passes, const enf__field *field, int kernel,
                           enf__arena *arena, const enf__points *at, const enf__cotangent *of,
                           const enf__gradient *out) {
  const size_t mark = arena->used;
  const kept k = lay_out(at->shape, of->eps ? ENF__VJP_PROBE : ENF__VJP_TRACE, arena);
  for (size_t first = 0; first < at->S; first += BLOCK) {
    const enf__points here = block_of(at, first);
    trace_block(passes, field, kernel, arena, &here, of, first, &k, out);
  }
  arena->used = mark;
}
