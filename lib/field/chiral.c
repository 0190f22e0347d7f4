/* chiral.c -- the part of a velocity that tells left from right: its object and its arithmetic, see
   chiral.h. A sample goes from pairs to particles (p and, as far as wanted, S or p_dot), through
   what happens at every particle alone, and in the reverse pass back to the pairs: foo_bar is the
   derivative of the loss by foo, foo_hat that by the tangent foo_dot.

   G begins small, so that the field begins nearly blind, as it would be without this part. */
#include "field/chiral.h"

#include <math.h>
#include <string.h>

enum { K = ENF__CHIRAL_WIDTHS, M = ENF__CHIRAL_POWERS, B = ENF__CHIRAL_TIMES };

static const double INITIAL_CHARGE = 0.5, INITIAL_GAIN = 1e-3;

/* ---- the object ------------------------------------------------------------------------------ */

enf_status enf__chiral_plan(enf_ctx *ctx, enf__chiral **chiral, size_t kinds, const char *prefix,
                            enf__params *params) {
  enf__chiral *f = enf__alloc(&ctx->alloc, sizeof *f);
  *chiral = f;
  if (!f)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a field that tells left from right");
  const enf__tensor charge = {.rows = 3 * kinds, .cols = K, .spread = INITIAL_CHARGE};
  const enf__tensor gain = {.rows = 3 * kinds, .cols = M * B, .spread = INITIAL_GAIN};
  *f = (enf__chiral){.alloc = ctx->alloc, .kinds = kinds};
  f->charge = enf__params_add(params, charge, "%schiral.charge", prefix ? prefix : "");
  f->gain = enf__params_add(params, gain, "%schiral.gain", prefix ? prefix : "");
  return ENF_OK;
}

enf_status enf__chiral_allocate(enf__chiral *f) {
  f->A = enf__alloc_array(&f->alloc, 3 * f->kinds * K, sizeof *f->A);
  f->G = enf__alloc_array(&f->alloc, 3 * f->kinds * M * B, sizeof *f->G);
  return f->A && f->G ? ENF_OK : ENF_ERR_NOMEM;
}

void enf__chiral_destroy(enf__chiral *f) {
  if (!f)
    return;
  const enf_alloc alloc = f->alloc;
  enf__free(&alloc, f->A);
  enf__free(&alloc, f->G);
  enf__free(&alloc, f);
}

void enf__chiral_pack(enf__chiral *f, const double *params) {
  memcpy(f->A, params + f->charge, 3 * f->kinds * K * sizeof *f->A);
  memcpy(f->G, params + f->gain, 3 * f->kinds * M * B * sizeof *f->G);
}

/* ---- one sample ------------------------------------------------------------------------------ */

/* Of a particle: p and p_dot (3,3), row c; S (3,3,3), matrix c. */
typedef struct {
  double p[3][3], p_dot[3][3], S[3][3][3];
} node;

typedef struct {
  const enf__chiral *f;
  const enf__shape *shape;
  const double *x, *eps; /* (N,3) */
  bool slopes;           /* S is wanted */
  double norm;           /* (N-1)^-1/2 */
  double time[B];        /* T_b */
  node *value, *bar;     /* (N); bar.p_dot is the derivative by p_dot, p_dot's hat */
  double *v, *v_dot;     /* (N,3) */
} sample;

static sample lay_out(const enf__shape *shape, enf__arena *arena) {
  const size_t N = shape->particles;
  return (sample){.shape = shape,
                  .norm = 1 / sqrt((double)(N > 1 ? N - 1 : 1)),
                  .value = ENF__TAKE(arena, node, N),
                  .bar = ENF__TAKE(arena, node, N),
                  .v = ENF__TAKE(arena, double, 3 * N),
                  .v_dot = ENF__TAKE(arena, double, 3 * N)};
}

size_t enf__chiral_workspace(const enf__shape *shape) {
  enf__arena count = {0};
  lay_out(shape, &count);
  return count.used;
}

static void enter(sample *s, const enf__points *at, size_t i) {
  const double t = 2 * at->t[i] - 1;
  s->x = at->x + i * enf__shape_size(at->shape);
  s->time[0] = 1;
  s->time[1] = t;
  for (size_t b = 2; b < B; b++)
    s->time[b] = 2 * t * s->time[b - 1] - s->time[b - 2];
}

static size_t kind_of(const sample *s, size_t i) {
  return s->shape->kind ? (size_t)s->shape->kind[i] : 0;
}

static double dot(const double *a, const double *b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* out += f a x b */
static void add_cross(double f, const double *a, const double *b, double *out) {
  out[0] += f * (a[1] * b[2] - a[2] * b[1]);
  out[1] += f * (a[2] * b[0] - a[0] * b[2]);
  out[2] += f * (a[0] * b[1] - a[1] * b[0]);
}

/* x (N,3) less its mean. */
static void centre(size_t N, double *x) {
  for (size_t a = 0; a < 3; a++) {
    double mean = 0;
    for (size_t i = 0; i < N; i++)
      mean += x[3 * i + a];
    mean /= (double)N;
    for (size_t i = 0; i < N; i++)
      x[3 * i + a] -= mean;
  }
}

/* ---- pairs ----------------------------------------------------------------------------------- */

/* Of a pair: r, r_dot, q_dot, and the Gaussians with their first and second derivatives by q. */
typedef struct {
  double r[3], r_dot[3], q_dot, u[3][K];
} pair;

static pair make_pair(const sample *s, size_t i, size_t j) {
  pair e = {0};
  for (size_t a = 0; a < 3; a++) {
    e.r[a] = s->x[3 * i + a] - s->x[3 * j + a];
    e.r_dot[a] = s->eps ? s->eps[3 * i + a] - s->eps[3 * j + a] : 0;
  }
  e.q_dot = 2 * dot(e.r, e.r_dot);
  /* w_k = 2^(k-1), the exponent of the widest is q/32, of every other four times the next one's */
  double y = exp(-dot(e.r, e.r) / 32);
  for (size_t k = K; k-- > 0;) {
    const double width = ldexp(0.5, (int)k), slope = -0.5 / (width * width);
    e.u[0][k] = y / width;
    e.u[1][k] = slope * e.u[0][k];
    e.u[2][k] = slope * e.u[1][k];
    y *= y;
    y *= y;
  }
  return e;
}

/* f_cj, or its derivative of an order, for a particle of a kind. */
static double charge_sum(const sample *s, const pair *e, int order, size_t c, size_t kind) {
  const double *A = s->f->A + (c * s->f->kinds + kind) * K;
  double sum = 0;
  for (size_t k = 0; k < K; k++)
    sum += A[k] * e->u[order][k];
  return sum;
}

/* What the sender's kind gives to a receiver; sign -1: r is that of the other direction. */
static void receive(const sample *s, const pair *e, size_t kind, double sign, node *to) {
  for (size_t c = 0; c < 3; c++) {
    const double f = s->norm * charge_sum(s, e, 0, c, kind);
    for (size_t a = 0; a < 3; a++)
      to->p[c][a] += sign * f * e->r[a];
    if (!s->eps && !s->slopes)
      continue;
    const double f1 = s->norm * charge_sum(s, e, 1, c, kind);
    for (size_t a = 0; a < 3; a++) {
      to->p_dot[c][a] += sign * (f * e->r_dot[a] + f1 * e->q_dot * e->r[a]);
      to->S[c][a][a] += f;
      for (size_t b = 0; s->slopes && b < 3; b++)
        to->S[c][a][b] += 2 * f1 * e->r[a] * e->r[b];
    }
  }
}

static void sum_pairs(sample *s) {
  memset(s->value, 0, s->shape->particles * sizeof *s->value);
  for (enf__pair at = enf__pair_first(s->shape); enf__pair_is(&at); enf__pair_next(&at)) {
    const pair e = make_pair(s, at.i, at.j);
    receive(s, &e, kind_of(s, at.j), 1, &s->value[at.i]);
    receive(s, &e, kind_of(s, at.i), -1, &s->value[at.j]);
  }
}

/* `receive` backwards: from the receiver's bar to r_bar (of the pair's r) and dA. */
static void receive_grad(const sample *s, const pair *e, size_t kind, double sign, const node *bar,
                         double *r_bar, double *dA) {
  double q_bar = 0;
  for (size_t c = 0; c < 3; c++) {
    const double *p_bar = bar->p[c], *p_hat = bar->p_dot[c];
    double (*S_bar)[3] = (double (*)[3])bar->S[c];
    const double f = s->norm * charge_sum(s, e, 0, c, kind);
    const double f1 = s->norm * charge_sum(s, e, 1, c, kind);
    double along[3];
    for (size_t a = 0; a < 3; a++)
      along[a] = dot(S_bar[a], e->r);
    const double across = sign * dot(e->r, p_hat);
    const double f_bar = s->norm * (sign * (dot(e->r, p_bar) + dot(e->r_dot, p_hat)) + S_bar[0][0] +
                                    S_bar[1][1] + S_bar[2][2]);
    const double f1_bar = s->norm * (e->q_dot * across + 2 * dot(along, e->r));
    for (size_t a = 0; a < 3; a++)
      r_bar[a] += sign * (f * p_bar[a] + f1 * e->q_dot * p_hat[a]) + 2 * f1 * across * e->r_dot[a] +
                  4 * f1 * along[a];
    q_bar += f_bar * charge_sum(s, e, 1, c, kind) + f1_bar * charge_sum(s, e, 2, c, kind);
    for (size_t k = 0; dA && k < K; k++)
      dA[(c * s->f->kinds + kind) * K + k] += f_bar * e->u[0][k] + f1_bar * e->u[1][k];
  }
  for (size_t a = 0; a < 3; a++)
    r_bar[a] += 2 * q_bar * e->r[a];
}

static void sum_pairs_grad(const sample *s, double *dx, double *dA) {
  for (enf__pair at = enf__pair_first(s->shape); enf__pair_is(&at); enf__pair_next(&at)) {
    const pair e = make_pair(s, at.i, at.j);
    double r_bar[3] = {0};
    receive_grad(s, &e, kind_of(s, at.j), 1, &s->bar[at.i], r_bar, dA);
    receive_grad(s, &e, kind_of(s, at.i), -1, &s->bar[at.j], r_bar, dA);
    for (size_t a = 0; dx && a < 3; a++) {
      dx[3 * at.i + a] += r_bar[a];
      dx[3 * at.j + a] -= r_bar[a];
    }
  }
}

/* ---- particles ------------------------------------------------------------------------------- */

/* Of a particle: cross products and their tangents; powers of o and gains with their first and second
   derivatives by s; s_dot; and z. */
typedef struct {
  double w[3][3], w_dot[3][3], s_dot, z[3], power[3][M], g[3][3];
} local;

/* o^m and its derivatives by s, m = 0, 1, 2. */
static void make_powers(double s, double power[3][M]) {
  const double h = 1 / sqrt(1 + s * s), o = s * h, o1 = h * h * h, o2 = -3 * o * h * h * h * h;
  const double of[3][M] = {{1, o, o * o}, {0, o1, 2 * o * o1}, {0, o2, 2 * (o1 * o1 + o * o2)}};
  memcpy(power, of, sizeof of);
}

static local at_particle(const sample *s, size_t i) {
  const node *n = &s->value[i];
  local y = {0};
  for (size_t c = 0; c < 3; c++) {
    const size_t d = (c + 1) % 3, e = (c + 2) % 3;
    add_cross(1, n->p[d], n->p[e], y.w[c]);
    add_cross(1, n->p_dot[d], n->p[e], y.w_dot[c]);
    add_cross(1, n->p[d], n->p_dot[e], y.w_dot[c]);
  }
  make_powers(dot(n->p[0], y.w[0]), y.power);
  for (size_t c = 0; c < 3; c++) {
    const double *G = s->f->G + (c * s->f->kinds + kind_of(s, i)) * M * B;
    for (size_t m = 0; m < M; m++)
      for (size_t b = 0; b < B; b++)
        for (size_t order = 0; order < 3; order++)
          y.g[order][c] += G[m * B + b] * s->time[b] * y.power[order][m];
    y.s_dot += dot(y.w[c], n->p_dot[c]);
    for (size_t a = 0; a < 3; a++)
      y.z[a] += dot(n->S[c][a], y.w[c]);
  }
  return y;
}

/* Velocities, tangents and, if wanted, the divergence. */
static double forward_sample(sample *s) {
  double trace = 0;
  sum_pairs(s);
  for (size_t i = 0; i < s->shape->particles; i++) {
    const local y = at_particle(s, i);
    for (size_t a = 0; a < 3; a++) {
      double v = 0, v_dot = 0, W = 0;
      for (size_t c = 0; c < 3; c++) {
        v += y.g[0][c] * y.w[c][a];
        v_dot += y.g[0][c] * y.w_dot[c][a] + y.g[1][c] * y.s_dot * y.w[c][a];
        W += y.g[1][c] * y.w[c][a];
      }
      s->v[3 * i + a] = v;
      s->v_dot[3 * i + a] = v_dot;
      trace += W * y.z[a];
    }
  }
  centre(s->shape->particles, s->v);
  centre(s->shape->particles, s->v_dot);
  return trace;
}

/* From derivatives by w and w_dot to those by p and p_dot. */
static void cross_grad(const node *n, double w_bar[3][3], double w_hat[3][3], node *bar) {
  for (size_t c = 0; c < 3; c++) {
    const size_t d = (c + 1) % 3, e = (c + 2) % 3;
    add_cross(1, n->p[e], w_bar[c], bar->p[d]);
    add_cross(1, w_bar[c], n->p[d], bar->p[e]);
    add_cross(1, n->p_dot[e], w_hat[c], bar->p[d]);
    add_cross(1, w_hat[c], n->p_dot[d], bar->p[e]);
    add_cross(1, n->p[e], w_hat[c], bar->p_dot[d]);
    add_cross(1, w_hat[c], n->p[d], bar->p_dot[e]);
  }
}

/* From derivatives v_bar, v_hat by a particle's v and v_dot, and b by the divergence, to bar and
   dG. */
static void particle_grad(const sample *s, size_t i, const double *v_bar, const double *v_hat,
                          double b, double *dG) {
  const node *n = &s->value[i];
  const local y = at_particle(s, i);
  node *bar = &s->bar[i];
  double w_bar[3][3], w_hat[3][3], z_bar[3] = {0}, s_bar = 0, s_hat = 0;
  memset(bar, 0, sizeof *bar);
  for (size_t c = 0; c < 3; c++) {
    s_hat += y.g[1][c] * dot(y.w[c], v_hat);
    for (size_t a = 0; a < 3; a++)
      z_bar[a] += b * y.g[1][c] * y.w[c][a];
  }
  for (size_t c = 0; c < 3; c++) {
    const double along = y.s_dot * dot(y.w[c], v_hat) + b * dot(y.w[c], y.z);
    const double g_bar = dot(y.w[c], v_bar) + dot(y.w_dot[c], v_hat);
    s_bar += g_bar * y.g[1][c] + along * y.g[2][c];
    for (size_t a = 0; a < 3; a++) {
      w_hat[c][a] = y.g[0][c] * v_hat[a];
      w_bar[c][a] = y.g[0][c] * v_bar[a] + y.g[1][c] * (y.s_dot * v_hat[a] + b * y.z[a]) +
                    s_hat * n->p_dot[c][a] + dot(n->S[c][a], z_bar);
      bar->p_dot[c][a] = s_hat * y.w[c][a];
      for (size_t d = 0; d < 3; d++)
        bar->S[c][a][d] = (z_bar[a] * y.w[c][d] + z_bar[d] * y.w[c][a]) / 2;
    }
    double *to = dG ? dG + (c * s->f->kinds + kind_of(s, i)) * M * B : NULL;
    for (size_t k = 0; dG && k < M * B; k++)
      to[k] += s->time[k % B] * (g_bar * y.power[0][k / B] + along * y.power[1][k / B]);
  }
  for (size_t c = 0; c < 3; c++)
    for (size_t a = 0; a < 3; a++)
      bar->p[c][a] = s_bar * y.w[c][a];
  cross_grad(n, w_bar, w_hat, bar);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void add(size_t n, const double *from, double *to) {
  for (size_t i = 0; to && i < n; i++)
    to[i] += from[i];
}

static double product(size_t n, const double *a, const double *b) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += a[i] * b[i];
  return sum;
}

void enf__chiral_forward(const enf__chiral *f, enf__arena *arena, const enf__points *at,
                         const double *eps, double *v, double *v_dot, double *form) {
  const size_t mark = arena->used, size = enf__shape_size(at->shape);
  sample s = lay_out(at->shape, arena);
  s.f = f;
  s.slopes = form && !eps;
  for (size_t i = 0; i < at->S; i++) {
    enter(&s, at, i);
    s.eps = eps ? eps + i * size : NULL;
    const double trace = forward_sample(&s);
    add(size, s.v, v ? v + i * size : NULL);
    add(size, s.v_dot, v_dot ? v_dot + i * size : NULL);
    if (form)
      form[i] += eps ? product(size, s.eps, s.v_dot) : trace;
  }
  arena->used = mark;
}

/* Cotangents (N,3), less their mean, or 0. */
static void cotangent_in(size_t size, const double *from, size_t i, double *to) {
  if (from)
    memcpy(to, from + i * size, size * sizeof *to);
  else
    memset(to, 0, size * sizeof *to);
  centre(size / 3, to);
}

void enf__chiral_grad(const enf__chiral *f, enf__arena *arena, const enf__points *at,
                      const enf__chiral_cotangent *of, double *dx, double *dparams, double *form) {
  const size_t mark = arena->used, size = enf__shape_size(at->shape), N = at->shape->particles;
  double *dA = dparams ? dparams + f->charge : NULL, *dG = dparams ? dparams + f->gain : NULL;
  sample s = lay_out(at->shape, arena);
  s.f = f;
  s.slopes = of->b && !of->eps;
  for (size_t i = 0; i < at->S; i++) {
    enter(&s, at, i);
    s.eps = of->eps ? of->eps + i * size : NULL;
    const double trace = forward_sample(&s);
    if (form)
      form[i] += of->eps ? product(size, s.eps, s.v_dot) : trace;
    cotangent_in(size, of->a, i, s.v);
    cotangent_in(size, of->hat, i, s.v_dot);
    for (size_t k = 0; k < N; k++)
      particle_grad(&s, k, s.v + 3 * k, s.v_dot + 3 * k, s.slopes ? of->b[i] : 0, dG);
    sum_pairs_grad(&s, dx ? dx + i * size : NULL, dA);
  }
  arena->used = mark;
}
