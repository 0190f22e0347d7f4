/* pair_gradients.c -- the reverse pass of the pair kernel: see work.h. */
#include "field/pair_kernel/work.h"

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
  cursor at = pairs_first_pair(g);
  memset(g->grad, 0, f->grad_count * sizeof *g->grad);
  memset(g->dcoef, 0, g->samples * f->columns * sizeof *g->dcoef);
  if (dx)
    memset(dx, 0, g->samples * g->N * g->D * sizeof *dx);
  for (size_t rows; (rows = pairs_fill_tile(g, x, &at));) {
    tile_cotangents(g, rows, eps, of);
    g->fk->expansion_grad(rows, f->Kp, g->d, g->w + f->center, g->w + f->sharp, g->coef, g->seg,
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
  g->fk->expansion_grad(n, f->Tp, g->time, g->w + f->t_center, g->w + f->t_sharp, g->dbasis, NULL,
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

static void vjp(const enf__field *field, int kernel, enf__arena *arena, const enf__points *at,
                enf__cotangent_fn cotangent, void *user, double *dx, double *dparams) {
  const enf__pair_kernel *f = (const enf__pair_kernel *)field;
  const size_t used = arena->used, n = enf__pair_kernel_group(f);
  group g = pairs_open_group(f, at->shape, kernel, true, arena);
  for (size_t s = 0; s < at->S; s += n) {
    const size_t i = s * g.N * g.D;
    pairs_start_group(&g, smaller(n, at->S - s), at->t + s);
    const cotangents of = {.a = g.a};
    pairs_forward_group(&g, at->x + i, NULL, g.v, NULL, NULL);
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

static void vjp_trace(const enf__field *field, int kernel, enf__arena *arena,
                      const enf__points *at, const enf__cotangent *of, const enf__gradient *out) {
  const enf__pair_kernel *f = (const enf__pair_kernel *)field;
  const size_t used = arena->used, n = enf__pair_kernel_group(f);
  const double *c = of->c, *d = of->d;
  double *value = out->value;
  group g = pairs_open_group(f, at->shape, kernel, true, arena);
  for (size_t s = 0; s < at->S; s += n) {
    const size_t i = s * g.N * g.D;
    const double *x = at->x + i, *probe = of->eps ? of->eps + i : NULL;
    cotangents here = {.a = of->a + i, .b = of->b + s};
    pairs_start_group(&g, smaller(n, at->S - s), at->t + s);
    if (c || d || value)
      pairs_forward_group(&g, x, probe, c ? g.v : NULL, d ? g.v_hat : NULL, value ? g.form : NULL);
    if (value)
      give_values(&g, c, d, value + s * ENF__VALUES);
    if (c || d)
      add_squares(&g, c ? c + s : NULL, d ? d + s : NULL, &here);
    reverse_group(&g, x, probe, &here, out->dx ? out->dx + i : NULL, out->dparams);
  }
  arena->used = used;
}

const enf__field_passes SUFFIX(enf__pair_kernel_passes) = {pairs_workspace, pairs_forward, vjp,
                                                           vjp_trace};
