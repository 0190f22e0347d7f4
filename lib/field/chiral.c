/* chiral.c -- the part of a velocity that tells left from right: its object and what happens at
   every particle, see chiral.h. A sample goes from pairs to particles (p and, as far as wanted, S or
   p_dot), through what happens at every particle alone, and in the reverse pass back to the pairs:
   foo_bar is the derivative of the loss by foo, foo_hat that by the tangent foo_dot.

   G begins small, so that the field begins nearly blind, as it would be without this part. */
#include "field/chiral_work.h"

static const double INITIAL_CHARGE = 0.5, INITIAL_GAIN = 1e-3;

/* ---- the object ------------------------------------------------------------------------------ */

enf_status enf__chiral_plan(enf_ctx *ctx, enf__chiral **chiral, size_t kinds, const char *prefix,
                            enf__params *params) {
  enf__chiral *f = enf__alloc(&ctx->alloc, sizeof *f);
  *chiral = f;
  if (!f)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for a field that tells left from right");
  const enf__tensor charge = {.rows = kinds, .cols = CHARGES, .spread = INITIAL_CHARGE};
  const enf__tensor gain = {.rows = kinds, .cols = GAINS, .spread = INITIAL_GAIN};
  *f = (enf__chiral){.alloc = ctx->alloc, .kinds = kinds};
  f->charge = enf__params_add(params, charge, "%schiral.charge", prefix ? prefix : "");
  f->gain = enf__params_add(params, gain, "%schiral.gain", prefix ? prefix : "");
  return ENF_OK;
}

enf_status enf__chiral_allocate(enf__chiral *f) {
  f->A = enf__alloc_array(&f->alloc, f->kinds * CHARGES, sizeof *f->A);
  f->G = enf__alloc_array(&f->alloc, f->kinds * GAINS, sizeof *f->G);
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
  memcpy(f->A, params + f->charge, f->kinds * CHARGES * sizeof *f->A);
  memcpy(f->G, params + f->gain, f->kinds * GAINS * sizeof *f->G);
}

/* ---- one sample ------------------------------------------------------------------------------ */

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

/* out += x x y */
static void add_cross(vectors x, vectors y, vectors out) {
  for (size_t a = 0; a < 3; a++)
    for (size_t b = (a + 1) % 3, c = (a + 2) % 3, h = 0; h < H; h++)
      out[a][h] += x[b][h] * y[c][h] - x[c][h] * y[b][h];
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

/* ---- particles ------------------------------------------------------------------------------- */

/* Of a particle: cross products and their tangents; powers of o and the gains, each with first and
   second derivatives by s; s_dot; and z. */
typedef struct {
  vectors w[3], w_dot[3], z;
  heads s_dot, power[3][M], g[3][3];
} local;

/* o^m and its derivatives by s, m = 0, 1, 2. */
static void make_powers(const double *s, heads power[3][M]) {
  for (size_t k = 0; k < H; k++) {
    const double h = 1 / sqrt(1 + s[k] * s[k]), o = s[k] * h, o1 = h * h * h, o2 = -3 * o * h * o1;
    const double of[3][M] = {{1, o, o * o}, {0, o1, 2 * o * o1}, {0, o2, 2 * (o1 * o1 + o * o2)}};
    for (size_t order = 0; order < 3; order++)
      for (size_t m = 0; m < M; m++)
        power[order][m][k] = of[order][m];
  }
}

static void add_gains(const sample *s, size_t kind, local *y) {
  const heads *G = (const heads *)(s->f->G + kind * GAINS);
  for (size_t m = 0; m < M; m++)
    for (size_t c = 0; c < 3; c++) {
      heads now = {0};
      for (size_t b = 0; b < B; b++)
        for (size_t h = 0; h < H; h++)
          now[h] += s->time[b] * G[(m * B + b) * 3 + c][h];
      for (size_t order = 0; order < 3; order++)
        for (size_t h = 0; h < H; h++)
          y->g[order][c][h] += now[h] * y->power[order][m][h];
    }
}

static local at_particle(const sample *s, size_t i) {
  node *n = &s->value[i];
  local y = {0};
  heads volume = {0};
  for (size_t c = 0; c < 3; c++) {
    const size_t d = (c + 1) % 3, e = (c + 2) % 3;
    add_cross(n->p[d], n->p[e], y.w[c]);
    add_cross(n->p_dot[d], n->p[e], y.w_dot[c]);
    add_cross(n->p[d], n->p_dot[e], y.w_dot[c]);
  }
  add_dots(n->p[0], y.w[0], volume);
  make_powers(volume, y.power);
  add_gains(s, kind_of(s, i), &y);
  for (size_t c = 0; c < 3; c++) {
    add_dots(y.w[c], n->p_dot[c], y.s_dot);
    for (size_t a = 0; a < 3; a++)
      add_dots(n->S[c][a], y.w[c], y.z[a]);
  }
  return y;
}

/* Velocities, tangents and, if wanted, the divergence. */
static double forward_sample(sample *s) {
  double trace = 0;
  enf__chiral_gather(s);
  for (size_t i = 0; i < s->shape->particles; i++) {
    local y = at_particle(s, i);
    for (size_t a = 0; a < 3; a++) {
      double v = 0, v_dot = 0;
      for (size_t c = 0; c < 3; c++)
        for (size_t h = 0; h < H; h++) {
          v += y.g[0][c][h] * y.w[c][a][h];
          v_dot += y.g[0][c][h] * y.w_dot[c][a][h] + y.g[1][c][h] * y.s_dot[h] * y.w[c][a][h];
          trace += y.g[1][c][h] * y.w[c][a][h] * y.z[a][h];
        }
      s->v[3 * i + a] = v;
      s->v_dot[3 * i + a] = v_dot;
    }
  }
  centre(s->shape->particles, s->v);
  centre(s->shape->particles, s->v_dot);
  return trace;
}

/* From derivatives by w and w_dot to those by p and p_dot. */
static void cross_grad(node *n, vectors w_bar[3], vectors w_hat[3], node *bar) {
  for (size_t c = 0; c < 3; c++) {
    const size_t d = (c + 1) % 3, e = (c + 2) % 3;
    add_cross(n->p[e], w_bar[c], bar->p[d]);
    add_cross(w_bar[c], n->p[d], bar->p[e]);
    add_cross(n->p_dot[e], w_hat[c], bar->p[d]);
    add_cross(w_hat[c], n->p_dot[d], bar->p[e]);
    add_cross(n->p[e], w_hat[c], bar->p_dot[d]);
    add_cross(w_hat[c], n->p[d], bar->p_dot[e]);
  }
}

/* What the gains and s receive: dG of a particle's kind, or NULL, and s_bar. */
static void gain_grad(const sample *s, local *y, const double *v_bar, const double *v_hat,
                      double b, double *dG, heads s_bar) {
  heads *to = (heads *)dG;
  for (size_t c = 0; c < 3; c++) {
    heads by_g = {0}, tangent = {0}, by_g1 = {0}, trace = {0};
    add_along(v_bar, y->w[c], by_g);
    add_along(v_hat, y->w_dot[c], by_g);
    add_along(v_hat, y->w[c], tangent);
    add_dots(y->w[c], y->z, trace);
    for (size_t h = 0; h < H; h++) {
      by_g1[h] = y->s_dot[h] * tangent[h] + b * trace[h];
      s_bar[h] += by_g[h] * y->g[1][c][h] + by_g1[h] * y->g[2][c][h];
    }
    for (size_t k = 0; dG && k < M * B; k++)
      for (size_t h = 0; h < H; h++)
        to[3 * k + c][h] += s->time[k % B] * (by_g[h] * y->power[0][k / B][h] +
                                              by_g1[h] * y->power[1][k / B][h]);
  }
}

/* From derivatives v_bar, v_hat by a particle's v and v_dot, and b by the divergence, to bar and
   dG. */
static void particle_grad(const sample *s, size_t i, const double *v_bar, const double *v_hat,
                          double b, double *dG) {
  node *n = &s->value[i];
  local y = at_particle(s, i);
  node *bar = &s->bar[i];
  vectors w_bar[3], w_hat[3], z_bar = {{0}};
  heads s_bar = {0}, s_hat = {0};
  memset(bar, 0, sizeof *bar);
  gain_grad(s, &y, v_bar, v_hat, b, dG ? dG + kind_of(s, i) * GAINS : NULL, s_bar);
  for (size_t c = 0; c < 3; c++)
    for (size_t h = 0; h < H; h++)
      for (size_t a = 0; a < 3; a++) {
        s_hat[h] += y.g[1][c][h] * y.w[c][a][h] * v_hat[a];
        z_bar[a][h] += b * y.g[1][c][h] * y.w[c][a][h];
      }
  for (size_t c = 0; c < 3; c++)
    for (size_t a = 0; a < 3; a++) {
      heads turned = {0};
      add_dots(n->S[c][a], z_bar, turned);
      for (size_t h = 0; h < H; h++) {
        const double g = y.g[0][c][h], g1 = y.g[1][c][h];
        w_hat[c][a][h] = g * v_hat[a];
        w_bar[c][a][h] = g * v_bar[a] + g1 * (y.s_dot[h] * v_hat[a] + b * y.z[a][h]) +
                         s_hat[h] * n->p_dot[c][a][h] + turned[h];
        bar->p[c][a][h] = s_bar[h] * y.w[c][a][h];
        bar->p_dot[c][a][h] = s_hat[h] * y.w[c][a][h];
        for (size_t d = 0; s->slopes && d < 3; d++)
          bar->S[c][a][d][h] = (z_bar[a][h] * y.w[c][d][h] + z_bar[d][h] * y.w[c][a][h]) / 2;
      }
    }
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
    if (form) {
      const double trace = forward_sample(&s);
      form[i] += of->eps ? product(size, s.eps, s.v_dot) : trace;
    } else {
      enf__chiral_gather(&s);
    }
    cotangent_in(size, of->a, i, s.v);
    cotangent_in(size, of->hat, i, s.v_dot);
    for (size_t k = 0; k < N; k++)
      particle_grad(&s, k, s.v + 3 * k, s.v_dot + 3 * k, s.slopes ? of->b[i] : 0, dG);
    enf__chiral_gather_grad(&s, dx ? dx + i * size : NULL, dA);
  }
  arena->used = mark;
}
