/* probe.c -- the calls with one direction: J eps, and the gradient of a probe: see pair.h. */
#include "field/egnn/pair.h"

/* out (n,D) = f[sample] in, less its mean over particles. */
void egnn_centred(const group *g, const double *in, const double *f, REAL *out) {
  for (size_t s = 0; s < g->S; s++)
    for (size_t a = 0; a < g->D; a++) {
      const double *from = in + s * g->N * g->D + a;
      double mean = 0;
      for (size_t i = 0; i < g->N; i++)
        mean += from[i * g->D];
      mean /= (double)g->N;
      for (size_t i = 0; i < g->N; i++)
        out[(s * g->N + i) * g->D + a] = (REAL)((f ? f[s] : 1) * (from[i * g->D] - mean));
    }
}

static void tangent_out(const group *g, const pair *p, double *v_dot) {
  group of_tangents = *g;
  of_tangents.v = p->v_dot;
  egnn_velocity_out(&of_tangents, v_dot);
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
  return sum;
}

static void give_values(const group *g, const pair *p, const double *c, const double *d,
                        double *value) {
  for (size_t s = 0; s < g->S; s++, value += ENF__VALUES) {
    value[ENF__TRACE_VALUE] = form_of(g, p, s);
    value[ENF__SPEED_VALUE] = c ? egnn_square_of(g, g->v, s) : 0;
    value[ENF__JACOBIAN_VALUE] = d ? egnn_square_of(g, p->v_dot, s) : 0;
  }
}

void SUFFIX(enf__egnn_jvp)(const enf__egnn *f, int kernel, enf__arena *arena, const enf__points *at,
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
    egnn_centred(&g, eps + s * size, NULL, p.eps);
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
                          .d = of->d ? of->d + first : NULL};
}

/* The samples in the group. */
static void trace_pass(group *g, pair *p, const enf__cotangent *of, double *value) {
  egnn_centred(g, of->eps, NULL, p->eps);
  egnn_forward_pair(g, p);
  if (value)
    give_values(g, p, of->c, of->d, value);
  egnn_centred(g, of->a, NULL, p->v_bar);
  egnn_add_square_grad(g, g->v, of->c, p->v_bar);
  egnn_centred(g, of->eps, of->b, p->v_hat);
  egnn_add_square_grad(g, p->v_dot, of->d, p->v_hat);
  egnn_reverse_pair(g, p);
}

void SUFFIX(enf__egnn_vjp_trace)(const enf__egnn *f, int kernel, enf__arena *arena,
                                 const enf__points *at, const enf__cotangent *of,
                                 const enf__gradient *out) {
  const size_t mark = arena->used, size = enf__shape_size(at->shape);
  group g;
  pair p;
  egnn_open_group(&g, f, at->shape, ENF__VJP_PROBE, arena);
  egnn_layout_pair(&g, &p, true, arena);
  g.k = KERNELS_OF(kernel);
  g.fk = FIELD_KERNELS_OF(kernel);
  if (!out->dparams)
    p.grad = NULL;
  if (p.grad)
    memset(p.grad, 0, f->forward_count * sizeof(REAL));
  for (size_t s = 0, step = g.S; s < at->S; s += step) {
    const enf__cotangent here = cotangent_from(of, s, size);
    egnn_enter_samples(&g, at, s, next_samples(at, s, step));
    trace_pass(&g, &p, &here, out->value ? out->value + s * ENF__VALUES : NULL);
    for (size_t i = 0; out->dx && i < g.n * g.D; i++)
      out->dx[s * size + i] = (double)p.x_bar[i];
  }
  if (p.grad)
    egnn_unpack_gradient(f, p.grad, out->dparams);
  arena->used = mark;
}
