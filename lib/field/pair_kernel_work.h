/* pair_kernel_work.h -- velocity, trace and reverse pass of the pair-kernel field, compiled once
   per precision (see pair_kernel_f32.c). The functions of distance and time are REAL; geometry and
   sums over pairs are double. With r = x_i - x_j, d = |r|, and, for a direction eps,
   e = eps_i - eps_j, sums over unordered pairs:

     div v       = sum 2 D phi + 2 d phi'
     eps^T J eps = sum |e|^2 phi + (r.e)^2/d phi'

   both of the form sum q0 phi + q1 phi'. With a = a_i - a_j, the gradient of <a,v> + b (that) is
   the reverse pass of sum p0 phi + p1 phi', p0 = a.r + b q0, p1 = b q1, and with respect to r

     (p0 phi' + p1 phi'') r/d + phi a + b phi' dq1/dr

   |v|^2 adds to a twice v. The gradient of d |J eps|^2 is that of <w,J eps> at fixed w = 2 d J eps:

     <w, J eps>  = sum w.e phi + (r.w)(r.e)/d phi'

   A force goes to both particles with opposite sign, so v and dx are mean-free to rounding, and
   coincident particles exert none (1/d is 0 there). Pairs are taken in tiles, whatever the sample
   they belong to, so the workspace does not grow with N^2. */
#ifndef ENF__PAIR_KERNEL_WORK_H
#define ENF__PAIR_KERNEL_WORK_H

#include "field/pair_kernel.h"

#include <math.h>
#include <string.h>

#if ENF__DOUBLE
typedef double REAL;
typedef enf__kernels_f64 kernels;
#define SUFFIX(name) name##_f64
#define KERNELS_OF enf__kernels_f64_of
#define PACKED(f) ((f)->packed_f64)
#else
typedef float REAL;
typedef enf__kernels_f32 kernels;
#define SUFFIX(name) name##_f32
#define KERNELS_OF enf__kernels_f32_of
#define PACKED(f) ((f)->packed_f32)
#endif

enum { TILE = 256, MOST_D = 3 };

/* A pair of particles: where its coordinates are in the group's arrays. */
typedef struct {
  size_t sample, i, j;
  double r[MOST_D], d;
} pair;

typedef struct {
  const enf__pair_kernel *f;
  const enf__shape *shape;
  const kernels *k;
  const REAL *w; /* packed weights */
  size_t N, D, samples;
  REAL *time;         /* (samples) */
  REAL *basis, *coef; /* (samples,Tp) T_s(t), (samples,columns) */
  /* one tile */
  pair *pair;            /* (TILE) */
  int32_t *seg;          /* (TILE) its row of coef as (samples * species_pairs, Kp) */
  REAL *d, *phi, *phi1;  /* (TILE) */
  REAL *p0, *p1, *slope; /* (TILE) reverse pass */
  /* reverse pass of the group */
  REAL *dcoef, *dbasis;  /* as coef, as basis */
  REAL *ones, *sink;     /* (samples), (3 samples) */
  REAL *grad;            /* (grad_count) */
  double *v, *a, *v_hat; /* (samples,N,D) v; cotangents of v and of J eps */
  double *form;          /* (samples) */
} group;

/* ---- workspace ------------------------------------------------------------------------------- */

static void open_reverse(group *g, enf__arena *arena) {
  const enf__pair_kernel *f = g->f;
  const size_t n = enf__pair_kernel_group(f);
  REAL **tile[] = {&g->p0, &g->p1, &g->slope};
  for (size_t i = 0; i < sizeof tile / sizeof *tile; i++)
    *tile[i] = ENF__TAKE(arena, REAL, TILE);
  g->dcoef = ENF__TAKE(arena, REAL, n * f->columns);
  g->dbasis = ENF__TAKE(arena, REAL, n * f->Tp);
  g->ones = ENF__TAKE(arena, REAL, n);
  g->sink = ENF__TAKE(arena, REAL, 3 * n);
  g->grad = ENF__TAKE(arena, REAL, f->grad_count);
  g->v = ENF__TAKE(arena, double, n * g->N * g->D);
  g->a = ENF__TAKE(arena, double, n * g->N * g->D);
  g->v_hat = ENF__TAKE(arena, double, n * g->N * g->D);
  g->form = ENF__TAKE(arena, double, n);
  for (size_t i = 0; arena->base && i < n; i++)
    g->ones[i] = 1;
}

static group open_group(const enf__pair_kernel *f, const enf__shape *shape, int kernel,
                        bool reverse, enf__arena *arena) {
  const size_t n = enf__pair_kernel_group(f);
  group g = {.f = f, .shape = shape, .N = shape->particles, .D = shape->dimensions};
  g.k = KERNELS_OF(kernel);
  g.w = PACKED(f);
  g.time = ENF__TAKE(arena, REAL, n);
  g.basis = ENF__TAKE(arena, REAL, n * f->Tp);
  g.coef = ENF__TAKE(arena, REAL, n * f->columns);
  g.pair = ENF__TAKE(arena, pair, TILE);
  g.seg = ENF__TAKE(arena, int32_t, TILE);
  REAL **tile[] = {&g.d, &g.phi, &g.phi1};
  for (size_t i = 0; i < sizeof tile / sizeof *tile; i++)
    *tile[i] = ENF__TAKE(arena, REAL, TILE);
  if (reverse)
    open_reverse(&g, arena);
  return g;
}

size_t SUFFIX(enf__pair_kernel_workspace)(const enf__pair_kernel *f, const enf__shape *shape,
                                          enf__work work) {
  enf__arena count = {0};
  open_group(f, shape, ENF__KERNEL_BASELINE, work >= ENF__VJP, &count);
  return count.used;
}

/* ---- pairs ----------------------------------------------------------------------------------- */

/* The next pair to take. */
typedef struct {
  size_t sample;
  enf__pair pair;
} cursor;

static cursor first_pair(const group *g) { return (cursor){.pair = enf__pair_first(g->shape)}; }

static void advance(const group *g, cursor *at) {
  enf__pair_next(&at->pair);
  if (enf__pair_is(&at->pair))
    return;
  at->sample++;
  at->pair = enf__pair_first(g->shape);
}

static size_t species_pair(const group *g, size_t i, size_t j) {
  const int *kind = g->shape->kind;
  if (!kind)
    return 0;
  const size_t a = (size_t)kind[i], b = (size_t)kind[j];
  return a > b ? a * (a + 1) / 2 + b : b * (b + 1) / 2 + a;
}

/* Fill the tile from the cursor on; the number of pairs, 0 at the end of the group. */
static size_t fill_tile(group *g, const double *x, cursor *at) {
  size_t rows = 0;
  for (; rows < TILE && at->sample < g->samples && enf__pair_is(&at->pair);
       rows++, advance(g, at)) {
    pair *p = &g->pair[rows];
    const size_t i = at->pair.i, j = at->pair.j;
    double square = 0;
    p->sample = at->sample;
    p->i = (at->sample * g->N + i) * g->D;
    p->j = (at->sample * g->N + j) * g->D;
    for (size_t a = 0; a < g->D; a++) {
      p->r[a] = x[p->i + a] - x[p->j + a];
      square += p->r[a] * p->r[a];
    }
    p->d = sqrt(square);
    g->d[rows] = (REAL)p->d;
    g->seg[rows] = (int32_t)(at->sample * g->f->species_pairs + species_pair(g, i, j));
  }
  return rows;
}

static double inverse(double d) { return d > 0 ? 1 / d : 0; }

/* phi of a row of the tile, constant included. */
static double phi_of(const group *g, size_t row) {
  return (double)g->phi[row] + (double)g->coef[(size_t)g->seg[row] * g->f->Kp + g->f->K];
}

/* How phi and phi' enter the trace. */
typedef struct {
  double q0, q1;
  double e[MOST_D], along; /* eps_i - eps_j, r.e */
} trace_term;

static trace_term trace_of(const group *g, const pair *p, const double *eps) {
  trace_term y = {2 * (double)g->D, 2 * p->d, {0}, 0};
  if (!eps)
    return y;
  y.q0 = 0;
  for (size_t a = 0; a < g->D; a++) {
    y.e[a] = eps[p->i + a] - eps[p->j + a];
    y.q0 += y.e[a] * y.e[a];
    y.along += p->r[a] * y.e[a];
  }
  y.q1 = y.along * y.along * inverse(p->d);
  return y;
}

/* ---- forward --------------------------------------------------------------------------------- */

/* Coefficients of the functions of distance, for the group's times. */
static void start_group(group *g, size_t samples, const double *t) {
  const enf__pair_kernel *f = g->f;
  g->samples = samples;
  for (size_t s = 0; s < samples; s++)
    g->time[s] = (REAL)t[s];
  g->k->basis(samples, f->Tp, g->time, g->w + f->t_center, g->w + f->t_sharp, g->basis);
  g->k->gemm(samples, f->Tp, f->columns, g->basis, f->Tp, g->w + f->weight, f->columns, NULL, 0,
             NULL, false, g->coef, f->columns);
}

static void add_forces(const group *g, size_t rows, double *v) {
  for (size_t row = 0; row < rows; row++) {
    const pair *p = &g->pair[row];
    const double phi = phi_of(g, row);
    for (size_t a = 0; a < g->D; a++) {
      v[p->i + a] += phi * p->r[a];
      v[p->j + a] -= phi * p->r[a];
    }
  }
}

static void add_tangents(const group *g, size_t rows, const double *eps, double *v_dot) {
  for (size_t row = 0; row < rows; row++) {
    const pair *p = &g->pair[row];
    const trace_term y = trace_of(g, p, eps);
    const double phi = phi_of(g, row), along = y.along * inverse(p->d) * (double)g->phi1[row];
    for (size_t a = 0; a < g->D; a++) {
      const double change = phi * y.e[a] + along * p->r[a];
      v_dot[p->i + a] += change;
      v_dot[p->j + a] -= change;
    }
  }
}

static void add_traces(const group *g, size_t rows, const double *eps, double *form) {
  for (size_t row = 0; row < rows; row++) {
    const trace_term y = trace_of(g, &g->pair[row], eps);
    form[g->pair[row].sample] += y.q0 * phi_of(g, row) + y.q1 * (double)g->phi1[row];
  }
}

static void forward_group(group *g, const double *x, const double *eps, double *v, double *v_dot,
                          double *form) {
  const enf__pair_kernel *f = g->f;
  cursor at = first_pair(g);
  if (v)
    memset(v, 0, g->samples * g->N * g->D * sizeof *v);
  if (v_dot)
    memset(v_dot, 0, g->samples * g->N * g->D * sizeof *v_dot);
  if (form)
    memset(form, 0, g->samples * sizeof *form);
  for (size_t rows; (rows = fill_tile(g, x, &at));) {
    g->k->expansion(rows, f->Kp, g->d, g->w + f->center, g->w + f->sharp, g->coef, g->seg, g->phi,
                    form || v_dot ? g->phi1 : NULL);
    if (v)
      add_forces(g, rows, v);
    if (v_dot)
      add_tangents(g, rows, eps, v_dot);
    if (form)
      add_traces(g, rows, eps, form);
  }
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

void SUFFIX(enf__pair_kernel_forward)(const enf__pair_kernel *f, int kernel, enf__arena *arena,
                                      const enf__points *at, const double *eps, double *v,
                                      double *v_dot, double *form) {
  const size_t used = arena->used, n = enf__pair_kernel_group(f);
  group g = open_group(f, at->shape, kernel, false, arena);
  for (size_t s = 0; s < at->S; s += n) {
    const size_t i = s * g.N * g.D;
    start_group(&g, smaller(n, at->S - s), at->t + s);
    forward_group(&g, at->x + i, eps ? eps + i : NULL, v ? v + i : NULL, v_dot ? v_dot + i : NULL,
                  form ? form + s : NULL);
  }
  arena->used = used;
}

/* ---- reverse --------------------------------------------------------------------------------- */

/* Cotangents of v, of the trace and, with eps, of J eps; b and w may be NULL. */
typedef struct {
  const double *a, *b, *w; /* (samples,N,D), (samples), (samples,N,D) */
} cotangents;

static double dot(const group *g, const double *a, const double *b) {
  double sum = 0;
  for (size_t c = 0; c < g->D; c++)
    sum += a[c] * b[c];
  return sum;
}

/* p0 and p1 of the tile, and the constant's gradient. */
static void tile_cotangents(group *g, size_t rows, const double *eps, const cotangents *of) {
  const double *a = of->a, *b = of->b;
  for (size_t row = 0; row < rows; row++) {
    const pair *p = &g->pair[row];
    double p0 = 0, p1 = 0;
    for (size_t c = 0; c < g->D; c++)
      p0 += (a[p->i + c] - a[p->j + c]) * p->r[c];
    if (b) {
      const trace_term y = trace_of(g, p, eps);
      p0 += b[p->sample] * y.q0;
      p1 = b[p->sample] * y.q1;
    }
    if (of->w) {
      const trace_term y = trace_of(g, p, eps), w = trace_of(g, p, of->w);
      p0 += dot(g, w.e, y.e);
      p1 += w.along * y.along * inverse(p->d);
    }
    g->p0[row] = (REAL)p0;
    g->p1[row] = (REAL)p1;
    g->dcoef[(size_t)g->seg[row] * g->f->Kp + g->f->K] += (REAL)p0;
  }
}

static void add_gradients(const group *g, size_t rows, const double *eps, const cotangents *of,
                          double *dx) {
  const double *a = of->a, *b = of->b;
  for (size_t row = 0; row < rows; row++) {
    const pair *p = &g->pair[row];
    const trace_term y = trace_of(g, p, eps);
    const double scale = inverse(p->d), phi = phi_of(g, row);
    const double bphi1 = b ? b[p->sample] * (double)g->phi1[row] : 0;
    const double of_r = scale * ((double)g->slope[row] + bphi1 * (eps ? -y.q1 * scale : 2));
    const double of_e = 2 * bphi1 * y.along * scale;
    for (size_t c = 0; c < g->D; c++) {
      const double force = of_r * p->r[c] + phi * (a[p->i + c] - a[p->j + c]) + of_e * y.e[c];
      dx[p->i + c] += force;
      dx[p->j + c] -= force;
    }
  }
}

/* phi' d/dr of (r.w)(r.e)/d; what it has of phi'' is in slope. */
static void add_tangent_gradients(const group *g, size_t rows, const double *eps, const double *w,
                                  double *dx) {
  for (size_t row = 0; row < rows; row++) {
    const pair *p = &g->pair[row];
    const trace_term y = trace_of(g, p, eps), z = trace_of(g, p, w);
    const double scale = inverse(p->d), factor = scale * (double)g->phi1[row];
    const double of_r = -z.along * y.along * scale * scale;
    for (size_t c = 0; c < g->D; c++) {
      const double force = factor * (of_r * p->r[c] + z.along * y.e[c] + y.along * z.e[c]);
      dx[p->i + c] += force;
      dx[p->j + c] -= force;
    }
  }
}

static void reverse_pairs(group *g, const double *x, const double *eps, const cotangents *of,
                          double *dx) {
  const enf__pair_kernel *f = g->f;
  cursor at = first_pair(g);
  memset(g->grad, 0, f->grad_count * sizeof *g->grad);
  memset(g->dcoef, 0, g->samples * f->columns * sizeof *g->dcoef);
  if (dx)
    memset(dx, 0, g->samples * g->N * g->D * sizeof *dx);
  for (size_t rows; (rows = fill_tile(g, x, &at));) {
    tile_cotangents(g, rows, eps, of);
    g->k->expansion_grad(rows, f->Kp, g->d, g->w + f->center, g->w + f->sharp, g->coef, g->seg,
                         g->p0, of->b ? g->p1 : NULL, g->phi, g->phi1, g->slope, g->dcoef,
                         g->grad + f->center, g->grad + f->sharp);
    if (dx)
      add_gradients(g, rows, eps, of, dx);
    if (dx && of->w)
      add_tangent_gradients(g, rows, eps, of->w, dx);
  }
}

/* From the coefficients on: weights, and the functions of time. */
static void reverse_times(group *g) {
  const enf__pair_kernel *f = g->f;
  const size_t n = g->samples;
  g->k->gemm_grad(n, f->Tp, f->columns, g->basis, f->Tp, g->dcoef, f->columns, g->grad + f->weight,
                  f->columns);
  g->k->gemm(n, f->columns, f->Tp, g->dcoef, f->columns, g->w + f->reverse, f->Tp, NULL, 0, NULL,
             false, g->dbasis, f->Tp);
  g->k->expansion_grad(n, f->Tp, g->time, g->w + f->t_center, g->w + f->t_sharp, g->dbasis, NULL,
                       g->ones, NULL, g->sink, g->sink + n, g->sink + 2 * n, NULL,
                       g->grad + f->t_center, g->grad + f->t_sharp);
}

static void add_params(const group *g, double *dparams) {
  const enf__pair_kernel *f = g->f;
  const size_t place[] = {[ENF__DISTANCE_CENTERS] = f->center,
                          [ENF__DISTANCE_LOG_WIDTHS] = f->sharp,
                          [ENF__TIME_CENTERS] = f->t_center,
                          [ENF__TIME_LOG_WIDTHS] = f->t_sharp};
  for (size_t i = 0; i < ENF__PAIR_WEIGHTS; i++) {
    const size_t count = i < ENF__TIME_CENTERS ? f->K : f->times;
    for (size_t k = 0; k < count; k++)
      dparams[f->param[i] + k] += (double)g->grad[place[i] + k];
  }
  double *out = dparams + f->param[ENF__PAIR_WEIGHTS];
  for (size_t p = 0; p < f->species_pairs; p++)
    for (size_t k = 0; k <= f->K; k++)
      for (size_t s = 0; s < f->times; s++)
        *out++ += (double)g->grad[f->weight + s * f->columns + p * f->Kp + k];
}

static void reverse_group(group *g, const double *x, const double *eps, const cotangents *of,
                          double *dx, double *dparams) {
  reverse_pairs(g, x, eps, of, dx);
  if (!dparams)
    return;
  reverse_times(g);
  add_params(g, dparams);
}

void SUFFIX(enf__pair_kernel_vjp)(const enf__pair_kernel *f, int kernel, enf__arena *arena,
                                  const enf__points *at, enf__cotangent_fn cotangent, void *user,
                                  double *dx, double *dparams) {
  const size_t used = arena->used, n = enf__pair_kernel_group(f);
  group g = open_group(f, at->shape, kernel, true, arena);
  for (size_t s = 0; s < at->S; s += n) {
    const size_t i = s * g.N * g.D;
    start_group(&g, smaller(n, at->S - s), at->t + s);
    const cotangents of = {.a = g.a};
    forward_group(&g, at->x + i, NULL, g.v, NULL, NULL);
    cotangent(user, s, g.samples, g.v, g.a);
    reverse_group(&g, at->x + i, NULL, &of, dx ? dx + i : NULL, dparams);
  }
  arena->used = used;
}

static double square_of(const group *g, const double *in, size_t sample) {
  const size_t size = g->N * g->D;
  double sum = 0;
  for (size_t k = sample * size; k < (sample + 1) * size; k++)
    sum += in[k] * in[k];
  return sum;
}

static void give_values(const group *g, const double *c, const double *d, double *value) {
  for (size_t s = 0; s < g->samples; s++, value += ENF__VALUES) {
    value[ENF__TRACE_VALUE] = g->form[s];
    value[ENF__SPEED_VALUE] = c ? square_of(g, g->v, s) : 0;
    value[ENF__JACOBIAN_VALUE] = d ? square_of(g, g->v_hat, s) : 0;
  }
}

/* The gradients of c |v|^2 and d |J eps|^2 join a, in g->a, and become w: v and J eps are there. */
static void add_squares(group *g, const double *c, const double *d, cotangents *of) {
  const size_t size = g->N * g->D, count = g->samples * size;
  for (size_t k = 0; c && k < count; k++)
    g->a[k] = of->a[k] + 2 * c[k / size] * g->v[k];
  for (size_t k = 0; d && k < count; k++)
    g->v_hat[k] *= 2 * d[k / size];
  of->a = c ? g->a : of->a;
  of->w = d ? g->v_hat : NULL;
}

void SUFFIX(enf__pair_kernel_vjp_trace)(const enf__pair_kernel *f, int kernel, enf__arena *arena,
                                        const enf__points *at, const enf__cotangent *of,
                                        const enf__gradient *out) {
  const size_t used = arena->used, n = enf__pair_kernel_group(f);
  const double *c = of->c, *d = of->d;
  double *value = out->value;
  group g = open_group(f, at->shape, kernel, true, arena);
  for (size_t s = 0; s < at->S; s += n) {
    const size_t i = s * g.N * g.D;
    const double *x = at->x + i, *probe = of->eps ? of->eps + i : NULL;
    cotangents here = {.a = of->a + i, .b = of->b + s};
    start_group(&g, smaller(n, at->S - s), at->t + s);
    if (c || d || value)
      forward_group(&g, x, probe, c ? g.v : NULL, d ? g.v_hat : NULL, value ? g.form : NULL);
    if (value)
      give_values(&g, c, d, value + s * ENF__VALUES);
    if (c || d)
      add_squares(&g, c ? c + s : NULL, d ? d + s : NULL, &here);
    reverse_group(&g, x, probe, &here, out->dx ? out->dx + i : NULL, out->dparams);
  }
  arena->used = used;
}

#endif
