/* half.c -- half steps: there, back, and their cotangents.

   With g the cotangent of m towards the prior, u = m - p on the data's side and mu that of the
   log-determinant:

     dv = g, dA = g u^T, dm = A g, dp = g - A g + what goes through the network
     ds = u A g + D mu,  dP = e^s g u^T + mu (1 + P)^-1

   On the way to the data, where m is p + A^-1 (m - p - v) and its cotangent f, g = A^-1 f: that of
   the m it came from; dp = f - g, and the network has -g and -mu. */
#include "map/coupled/work.h"

/* 1 + P of a particle, and its inverse: symmetric, as SYMMETRIC has them. */
typedef struct {
  double is[SYMMETRIC], inverse[SYMMETRIC], log_det;
} matrix;

static matrix matrix_of(size_t D, const REAL *P) {
  const double a = 1 + (double)P[0], b = (double)P[1], c = 1 + (double)P[2];
  const double small = a * c - b * b;
  matrix m = {.is = {a, b, c}};
  if (D == 2) {
    m.inverse[0] = c / small;
    m.inverse[1] = -b / small;
    m.inverse[2] = a / small;
    m.log_det = log(small);
    return m;
  }
  const double d = (double)P[3], e = (double)P[4], f = 1 + (double)P[5];
  const double xx = c * f - e * e, xy = d * e - b * f, xz = b * e - c * d;
  const double det = a * xx + b * xy + d * xz;
  m.is[3] = d;
  m.is[4] = e;
  m.is[5] = f;
  m.inverse[0] = xx / det;
  m.inverse[1] = xy / det;
  m.inverse[2] = (a * f - d * d) / det;
  m.inverse[3] = xz / det;
  m.inverse[4] = (b * d - a * e) / det;
  m.inverse[5] = small / det;
  m.log_det = log(det);
  return m;
}

/* y = factor M x, D numbers; y may be x. */
static void multiply(size_t D, double factor, const double *M, const double *x, double *y) {
  const double x0 = x[0], x1 = x[1], x2 = D == 3 ? x[2] : 0;
  y[0] = factor * (M[0] * x0 + M[1] * x1 + M[3] * x2);
  y[1] = factor * (M[1] * x0 + M[2] * x1 + M[4] * x2);
  if (D == 3)
    y[2] = factor * (M[3] * x0 + M[4] * x1 + M[5] * x2);
}

/* ---- states ---------------------------------------------------------------------------------- */

/* (x, b) -> (x, a), or back. */
static void to_copies(const tile *t, size_t S, double *x) {
  const size_t size = t->N * t->D;
  for (size_t s = 0; s < S; s++, x += 2 * size)
    for (size_t i = 0; i < size; i++)
      x[size + i] = x[i] + t->map->eta * x[size + i];
}

static void from_copies(const tile *t, size_t S, double *x) {
  const size_t size = t->N * t->D;
  for (size_t s = 0; s < S; s++, x += 2 * size)
    for (size_t i = 0; i < size; i++)
      x[size + i] = (x[size + i] - x[i]) / t->map->eta;
}

/* Of a sample: less the mean of `of` (N,D), from both. */
static void take_mean(size_t N, size_t D, const double *of, double *p, double *m) {
  for (size_t a = 0; a < D; a++) {
    double mean = 0;
    for (size_t i = 0; i < N; i++)
      mean += of[i * D + a];
    mean /= (double)N;
    for (size_t i = 0; i < N; i++) {
      p[i * D + a] -= mean;
      m[i * D + a] -= mean;
    }
  }
}

/* Where p and m of half step h are in a state. */
static size_t resting(const tile *t, size_t h) { return h % 2 ? t->N * t->D : 0; }
static size_t moving(const tile *t, size_t h) { return h % 2 ? 0 : t->N * t->D; }

/* ---- there ----------------------------------------------------------------------------------- */

/* One sample, whose first node is `first`; returns log |det| towards the prior. */
static double move(const tile *t, bool to_data, size_t first, double *p, double *m) {
  const size_t N = t->N, D = t->D;
  double logdet = 0;
  for (size_t i = 0; i < N; i++) {
    const REAL *v = t->v + (first + i) * D;
    const double s = (double)t->s[first + i];
    const matrix A = matrix_of(D, t->P + (first + i) * SYMMETRIC);
    double u[3] = {0};
    for (size_t a = 0; a < D; a++)
      u[a] = m[i * D + a] - p[i * D + a] - (to_data ? (double)v[a] : 0);
    multiply(D, exp(to_data ? -s : s), to_data ? A.inverse : A.is, u, u);
    for (size_t a = 0; a < D; a++)
      m[i * D + a] = p[i * D + a] + u[a] + (to_data ? 0 : (double)v[a]);
    logdet += (double)D * s + A.log_det;
  }
  take_mean(N, D, to_data ? p : m, p, m);
  return logdet;
}

static void half_step(tile *t, size_t h, bool to_data, size_t S, double *x, double *logdet) {
  const size_t state = 2 * t->N * t->D;
  coupled_network(t, h, S, x + resting(t, h), state);
  for (size_t s = 0; s < S; s++, x += state) {
    const double l = move(t, to_data, s * t->N, x + resting(t, h), x + moving(t, h));
    if (logdet)
      logdet[s] += to_data ? -l : l;
  }
}

static void keep(const tile *t, size_t h, size_t S, const double *x, double *record) {
  const size_t state = 2 * t->N * t->D, halves = 2 * t->map->head.base.layers;
  for (size_t s = 0; record && s < S; s++)
    memcpy(record + (s * halves + h) * state, x + s * state, state * sizeof *record);
}

void SUFFIX(enf__coupled_carry)(const enf__coupled *map, int kernel, enf__arena *arena, size_t from,
                                size_t to, size_t S, double *x, double *logdet, double *record) {
  const size_t mark = arena->used, halves = 2 * map->head.base.layers;
  const size_t count = from < to ? to - from : from - to;
  const bool to_data = to < from;
  tile t;
  coupled_open(&t, map, false, arena);
  t.k = KERNELS_OF(kernel);
  t.fk = FIELD_KERNELS_OF(kernel);
  const size_t state = 2 * t.N * t.D;
  to_copies(&t, S, x);
  for (size_t k = 0; k < count; k++) {
    const size_t h = to_data ? from - 1 - k : from + k;
    for (size_t s = 0; s < S; s += t.most) {
      const size_t some = S - s < t.most ? S - s : t.most;
      double *kept = record ? record + s * halves * state : NULL;
      if (!to_data)
        keep(&t, h, some, x + s * state, kept);
      half_step(&t, h, to_data, some, x + s * state, logdet ? logdet + s : NULL);
      if (to_data)
        keep(&t, h, some, x + s * state, kept);
    }
  }
  from_copies(&t, S, x);
  arena->used = mark;
}

/* ---- back ------------------------------------------------------------------------------------ */

/* Cotangents dp, dm (N,D) of where a sample came to become those of where it was, but for what goes
   through the network, whose ds, dv and dP are left in c. */
static void move_back(const tile *t, cotangents *c, bool to_data, size_t first, const double *p,
                      const double *m, double mu, double *dp, double *dm) {
  const size_t N = t->N, D = t->D;
  const double sign = to_data ? -1 : 1;
  for (size_t a = 0; a < D; a++) { /* through take_mean */
    double mean = 0;
    for (size_t i = 0; i < N; i++)
      mean += dp[i * D + a] + dm[i * D + a];
    for (size_t i = 0; i < N; i++)
      (to_data ? dp : dm)[i * D + a] -= mean / (double)N;
  }
  for (size_t i = 0; i < N; i++) {
    const matrix A = matrix_of(D, t->P + (first + i) * SYMMETRIC);
    const double s = (double)t->s[first + i], factor = exp(s);
    double *f = dm + i * D, out[3], Au[3], u[3] = {0}, g[3];
    REAL *dv = c->dv + (first + i) * D, *dP = c->dP + (first + i) * SYMMETRIC;
    double ds = (double)D * sign * mu;
    multiply(D, to_data ? 1 / factor : factor, to_data ? A.inverse : A.is, f, out);
    for (size_t a = 0; a < D; a++) {
      u[a] = m[i * D + a] - p[i * D + a];
      g[a] = sign * (to_data ? out[a] : f[a]);
      dp[i * D + a] += f[a] - out[a];
    }
    multiply(D, factor, A.is, u, Au);
    for (size_t a = 0, k = 0; a < D; a++) {
      ds += g[a] * Au[a];
      dv[a] = (REAL)g[a];
      for (size_t b = 0; b <= a; b++, k++) {
        const double both = a == b ? 1 : 2;
        dP[k] = (REAL)(factor * (g[a] * u[b] + g[b] * u[a]) * both / 2 +
                       sign * mu * both * A.inverse[k]);
      }
      f[a] = out[a];
    }
    c->ds[first + i] = (REAL)(ds * (2 - 0.5 * s * s)); /* 2 tanh' */
  }
}

/* Half step h of S samples of a tile, the way back. */
static void pull_tile(tile *t, cotangents *c, size_t h, bool to_data, size_t S,
                      const double *record, const double *dlogdet, double *dx) {
  const size_t size = t->N * t->D, state = 2 * size, stride = 2 * t->map->head.base.layers * state;
  const size_t rest = resting(t, h), move = moving(t, h);
  const double *at = record + h * state;
  coupled_network(t, h, S, at + rest, stride);
  for (size_t s = 0; s < S; s++)
    move_back(t, c, to_data, s * t->N, at + s * stride + rest, at + s * stride + move, dlogdet[s],
              dx + s * state + rest, dx + s * state + move);
  coupled_network_reverse(t, c);
  for (size_t s = 0; s < S; s++)
    for (size_t i = 0; i < size; i++)
      dx[s * state + rest + i] += (double)c->dp[s * size + i];
}

static void unpack(const enf__coupled *map, size_t h, const REAL *grad, double *dparams) {
  for (size_t k = 0; k < map->views; k++) {
    const enf__coupled_view *v = map->view + h * map->views + k;
    for (size_t o = 0; o < v->rows; o++)
      for (size_t i = 0; i < v->count; i++)
        dparams[v->param + o * v->cols + i] +=
            v->factor * (double)grad[v->at + o * v->down + i * v->along];
  }
}

static void open_pull(tile *t, cotangents *c, const enf__coupled *map, enf__arena *arena) {
  coupled_open(t, map, true, arena);
  coupled_open_reverse(c, t, arena);
}

size_t SUFFIX(enf__coupled_workspace)(const enf__coupled *map, bool reverse) {
  enf__arena count = {0};
  tile t;
  cotangents c;
  if (reverse)
    open_pull(&t, &c, map, &count);
  else
    coupled_open(&t, map, false, &count);
  return count.used;
}

void SUFFIX(enf__coupled_pull)(const enf__coupled *map, int kernel, enf__arena *arena, bool to_data,
                               size_t S, const double *record, const double *dlogdet, double *dx,
                               double *dparams) {
  const size_t mark = arena->used, halves = 2 * map->head.base.layers;
  tile t;
  cotangents c;
  open_pull(&t, &c, map, arena);
  t.k = KERNELS_OF(kernel);
  t.fk = FIELD_KERNELS_OF(kernel);
  const size_t size = t.N * t.D, state = 2 * size;
  for (size_t s = 0; s < S; s++) /* (x, b) of where they came to -> (x, a) */
    for (size_t i = 0; i < size; i++) {
      double *d = dx + s * state + i;
      d[size] /= map->eta;
      d[0] -= d[size];
    }
  for (size_t k = 0; k < halves; k++) {
    const size_t h = to_data ? k : halves - 1 - k;
    memset(c.grad, 0, map->forward * sizeof *c.grad);
    for (size_t s = 0; s < S; s += t.most)
      pull_tile(&t, &c, h, to_data, S - s < t.most ? S - s : t.most,
                record + s * halves * state, dlogdet + s, dx + s * state);
    if (dparams)
      unpack(map, h, c.grad, dparams);
  }
  for (size_t s = 0; s < S; s++) /* and back */
    for (size_t i = 0; i < size; i++) {
      double *d = dx + s * state + i;
      d[0] += d[size];
      d[size] *= map->eta;
    }
  arena->used = mark;
}
