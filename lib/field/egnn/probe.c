/* probe.c -- the calls with one direction: J eps, and the gradient of a probe: see pair.h.

   With features the penalty is |w|^2, w = J^T eps, as published (Satorras et al. 2021,
   arXiv:2105.09016). With w as it is, its gradient is that of 2 eps^T J w; so it joins that of the
   probe: one pair of direction b eps + 2 d w, whose tangent has the cotangent eps. */
#include "field/egnn/pair.h"

/* out (n,D) = f[sample] in, less its mean over particles. */
void egnn_centred(const group *g, const double *in, const double *f, REAL *out) {
  const size_t size = enf__shape_size(g->shape);
  for (size_t s = 0; s < g->S; s++)
    for (size_t a = 0; a < g->D; a++) {
      const double *from = in + s * size + a;
      double mean = 0;
      for (size_t i = 0; i < g->N; i++)
        mean += from[i * g->D];
      mean /= (double)g->N;
      for (size_t i = 0; i < g->N; i++)
        out[(s * g->N + i) * g->D + a] = (REAL)((f ? f[s] : 1) * (from[i * g->D] - mean));
    }
}

/* out (n,ld) = f[sample] in, of the features. */
void egnn_scaled_features(const group *g, const double *in, const double *f, size_t ld, REAL *out) {
  egnn_features_in(g, in, ld, out);
  for (size_t k = 0; f && k < g->n * ld; k++)
    out[k] *= (REAL)f[k / (g->N * ld)];
}

static void tangent_out(const group *g, const pair *p, double *v_dot) {
  group of_tangents = *g;
  of_tangents.v = p->v_dot;
  of_tangents.rate = p->rate_dot;
  egnn_velocity_out(&of_tangents, v_dot);
}

static void direction_in(const group *g, const double *eps, pair *p) {
  egnn_centred(g, eps, NULL, p->eps);
  if (g->F)
    egnn_scaled_features(g, eps, NULL, g->I, p->in_dot);
}

/* |rates|^2 of sample s. */
static double features_square(const group *g, const REAL *rate, size_t s) {
  double sum = 0;
  for (size_t row = s * g->N; row < (s + 1) * g->N; row++)
    for (size_t c = 0; c < g->F; c++)
      sum += (double)rate[row * g->Fp + c] * (double)rate[row * g->Fp + c];
  return sum;
}

/* Mean over the particles of one sample of one coordinate of a vector. */
static double mean_of(const group *g, const REAL *in) {
  double sum = 0;
  for (size_t i = 0; i < g->N; i++)
    sum += (double)in[i * g->D];
  return sum / (double)g->N;
}

/* |in|^2 of sample s, in (n,D) less its mean over particles. */
double egnn_square_of(const group *g, const REAL *in, size_t s) {
  double sum = 0;
  for (size_t a = 0; a < g->D; a++) {
    const REAL *from = in + s * g->N * g->D + a;
    const double mean = mean_of(g, from);
    for (size_t i = 0; i < g->N; i++)
      sum += ((double)from[i * g->D] - mean) * ((double)from[i * g->D] - mean);
  }
  return sum;
}

static double form_of(const group *g, const pair *p, size_t s) {
  const size_t size = g->N * g->D;
  double sum = 0;
  for (size_t k = s * size; k < (s + 1) * size; k++)
    sum += (double)p->eps[k] * (double)p->v_dot[k];
  for (size_t row = s * g->N; g->F && row < (s + 1) * g->N; row++)
    for (size_t c = 0; c < g->F; c++)
      sum += (double)p->in_dot[row * g->I + c] * (double)p->rate_dot[row * g->Fp + c];
  return (double)g->sign * sum;
}

static void give_values(const group *g, const pair *p, const double *c, const double *d,
                        double *value) {
  for (size_t s = 0; s < g->S; s++, value += ENF__VALUES) {
    value[ENF__TRACE_VALUE] = form_of(g, p, s);
    value[ENF__SPEED_VALUE] = c ? egnn_square_of(g, g->v, s) : 0;
    value[ENF__JACOBIAN_VALUE] = d ? egnn_square_of(g, p->v_dot, s) : 0;
  }
}

void egnn_jvp(const enf__egnn *f, int kernel, enf__arena *arena, const enf__points *at,
              const double *eps, double *v, double *v_dot, double *form) {
  const size_t mark = arena->used, size = enf__shape_size(at->shape);
  group g;
  pair p;
  egnn_open_group(&g, f, at->shape, ENF__JVP, arena);
  egnn_layout_pair(&g, &p, false, arena);
  g.k = KERNELS_OF(kernel);
  g.fk = FIELD_KERNELS_OF(kernel);
  for (size_t s = 0, step = g.S; s < at->S; s += step) {
    egnn_enter_samples(&g, at, s, next_samples(at, s, step));
    direction_in(&g, eps + s * size, &p);
    egnn_forward_pair(&g, &p);
    if (v)
      egnn_velocity_out(&g, v + s * size);
    if (v_dot)
      tangent_out(&g, &p, v_dot + s * size);
    for (size_t i = 0; i < g.S; i++)
      form[s + i] = form_of(&g, &p, i);
  }
  arena->used = mark;
}

/* bar (n,D) += the gradient of f[sample] |in|^2, in (n,D) less its mean over particles. */
void egnn_add_square_grad(const group *g, const REAL *in, const double *f, REAL *bar) {
  for (size_t s = 0; f && s < g->S; s++)
    for (size_t a = 0; a < g->D; a++) {
      const size_t from = s * g->N * g->D + a;
      const double mean = mean_of(g, in + from);
      for (size_t i = 0; i < g->N; i++)
        bar[from + i * g->D] += (REAL)(2 * f[s] * ((double)in[from + i * g->D] - mean));
    }
}

/* The same function from sample `first` on. */
static enf__cotangent cotangent_from(const enf__cotangent *of, size_t first, size_t size) {
  return (enf__cotangent){.eps = of->eps + first * size,
                          .a = of->a + first * size,
                          .b = of->b + first,
                          .c = of->c ? of->c + first : NULL,
                          .d = of->d ? of->d + first : NULL,
                          .hat = of->hat ? of->hat + first * size : NULL};
}

/* The samples in the group. */
static void trace_pass(group *g, pair *p, const enf__cotangent *of, double *value) {
  egnn_centred(g, of->eps, NULL, p->eps);
  egnn_forward_pair(g, p);
  if (value)
    give_values(g, p, of->c, of->d, value);
  egnn_centred(g, of->a, NULL, p->v_bar);
  egnn_add_square_grad(g, g->v, of->c, p->v_bar);
  egnn_centred(g, of->hat ? of->hat : of->eps, of->hat ? NULL : of->b, p->v_hat);
  egnn_add_square_grad(g, p->v_dot, of->d, p->v_hat);
  egnn_reverse_pair(g, p);
}

/* ---- features -------------------------------------------------------------------------------- */

/* f[sample] in, a cotangent of v or v_dot, as one of what the network gives. */
static void cotangent_in(const group *g, const double *in, const double *f, REAL *x, REAL *rate) {
  egnn_centred(g, in, f, x);
  egnn_scaled_features(g, in, f, g->Fp, rate);
  for (size_t k = 0; g->sign < 0 && k < g->n * g->D; k++)
    x[k] = -x[k];
  for (size_t k = 0; g->sign < 0 && k < g->n * g->Fp; k++)
    rate[k] = -rate[k];
}

/* Where w = J^T eps is kept, and b eps + 2 d w: (S,size). */
typedef struct {
  double *w, *direction;
} transposed;

static transposed layout_transposed(const group *g, enf__arena *arena) {
  const size_t count = g->S * enf__shape_size(g->shape);
  return (transposed){ENF__TAKE(arena, double, count), ENF__TAKE(arena, double, count)};
}

void egnn_layout_transposed(const group *g, enf__arena *arena) { layout_transposed(g, arena); }

typedef struct {
  const double *eps;
  size_t size;
} probes;

static void give_probe(void *user, size_t first, size_t S, const double *v, double *a) {
  const probes *p = user;
  (void)v;
  memcpy(a, p->eps + first * p->size, S * p->size * sizeof *a);
}

static double product_of(size_t n, const double *x, const double *y) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += x[i] * y[i];
  return sum;
}

/* w of the samples in the group, which are those of at from `first` on, and the direction. */
static void find_transposed(const group *g, int kernel, enf__arena *arena, const enf__points *at,
                            size_t first, const enf__cotangent *of, const transposed *t) {
  const size_t size = enf__shape_size(g->shape);
  const enf__points here = {g->shape, g->S, at->t + first, at->x + first * size};
  probes p = {of->eps, size};
  egnn_vjp(g->f, kernel, arena, &here, give_probe, &p, t->w, NULL);
  for (size_t i = 0; i < g->S * size; i++)
    t->direction[i] = of->b[i / size] * of->eps[i] + 2 * of->d[i / size] * t->w[i];
}

static void features_values(const group *g, const pair *p, const enf__cotangent *of,
                            const transposed *t, double *value) {
  const size_t size = enf__shape_size(g->shape);
  for (size_t s = 0; s < g->S; s++, value += ENF__VALUES) {
    const double *w = t->w + s * size;
    value[ENF__TRACE_VALUE] = of->d ? product_of(size, w, of->eps + s * size) : form_of(g, p, s);
    value[ENF__SPEED_VALUE] =
        of->c ? egnn_square_of(g, g->v, s) + features_square(g, g->rate, s) : 0;
    value[ENF__JACOBIAN_VALUE] = of->d ? product_of(size, w, w) : 0;
  }
}

/* trace_pass with features; with the penalty, t is there (find_transposed). */
static void features_pass(group *g, pair *p, const enf__cotangent *of, const transposed *t,
                          double *value) {
  direction_in(g, of->d ? t->direction : of->eps, p);
  egnn_forward_pair(g, p);
  if (value)
    features_values(g, p, of, t, value);
  cotangent_in(g, of->a, NULL, p->v_bar, p->rate_bar);
  egnn_add_square_grad(g, g->v, of->c, p->v_bar);
  for (size_t k = 0; of->c && k < g->n * g->Fp; k++)
    p->rate_bar[k] += (REAL)(2 * of->c[k / (g->N * g->Fp)]) * g->rate[k];
  cotangent_in(g, of->eps, of->d ? NULL : of->b, p->v_hat, p->rate_hat);
  egnn_reverse_pair(g, p);
}

static void pulled_out(const group *g, const pair *p, double *dx) {
  egnn_positions_out(g, p->x_bar, dx);
  egnn_features_out(g, 1, p->in_bar, g->I, dx);
}

void egnn_probe_grad(const enf__egnn *f, int kernel, enf__arena *arena, const enf__points *at,
                     const enf__cotangent *of, const enf__gradient *out) {
  const size_t mark = arena->used, size = enf__shape_size(at->shape);
  group g;
  pair p;
  egnn_open_group(&g, f, at->shape, ENF__VJP_PROBE, arena);
  egnn_layout_pair(&g, &p, true, arena);
  const transposed t = g.F && of->d ? layout_transposed(&g, arena) : (transposed){0};
  g.k = KERNELS_OF(kernel);
  g.fk = FIELD_KERNELS_OF(kernel);
  if (!out->dparams)
    p.grad = NULL;
  if (p.grad)
    memset(p.grad, 0, f->forward_count * sizeof(REAL));
  for (size_t s = 0, step = g.S; s < at->S; s += step) {
    const enf__cotangent here = cotangent_from(of, s, size);
    egnn_enter_samples(&g, at, s, next_samples(at, s, step));
    double *value = out->value ? out->value + s * ENF__VALUES : NULL;
    if (g.F && of->d)
      find_transposed(&g, kernel, arena, at, s, &here, &t);
    if (g.F)
      features_pass(&g, &p, &here, &t, value);
    else
      trace_pass(&g, &p, &here, value);
    if (out->dx)
      pulled_out(&g, &p, out->dx + s * size);
  }
  if (p.grad)
    egnn_unpack_gradient(f, p.grad, out->dparams);
  arena->used = mark;
}
