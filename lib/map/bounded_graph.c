/* bounded_graph.c -- the network of bounded_graph.h (docs/math.md has the proof of its bound).

   m, s and everything of a pair are the same for both directions, so pairs i < j are visited once.
   The norm of Wn is exact (math/spectral.h), so the bound is, and kappa has a gradient. */
#include "map/bounded_graph.h"
#include "math/spectral.h"
#include <math.h>
#include <string.h>

static const double SOFT = 1e-4, STEEP = 1.1; /* under the root of d; most slope of silu */
enum { MOST_D = 3 };

/* ---- parameters ------------------------------------------------------------------------------ */

void enf__bounded_graph_add(enf__bounded_graph *net, enf__params *params, size_t layer) {
  const size_t H = net->hidden;
  const double wide = 1 / sqrt((double)H);
  const enf__tensor vector = {.rows = H, .cols = 1, .spread = 1};
  const enf__tensor pairs = {.rows = net->rows, .cols = H, .spread = 1};
  net->a = enf__params_add(params, vector, "residual.%zu.a", layer);
  net->b1 = enf__params_add(params, pairs, "residual.%zu.b1", layer);
  net->node = enf__params_add(
      params, (enf__tensor){.rows = H, .cols = H, .spread = wide, .turns = true}, "residual.%zu.Wn",
      layer);
  net->edge = enf__params_add(params, vector, "residual.%zu.we", layer);
  net->b2 = enf__params_add(params, pairs, "residual.%zu.b2", layer);
  net->w = enf__params_add(params, (enf__tensor){.rows = H, .cols = 1}, "residual.%zu.w", layer);
  net->g = enf__params_add(params, (enf__tensor){.rows = 1, .cols = 1}, "residual.%zu.g", layer);
}

size_t enf__bounded_graph_numbers(const enf__bounded_graph *net) {
  return 2 * net->hidden + enf__spectral_work(net->hidden, net->hidden);
}

void enf__bounded_graph_place(enf__bounded_graph *net, double *block) {
  net->u = block;
  net->v = net->u + net->hidden;
  net->work = net->v + net->hidden;
}

static double length(size_t n, const double *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += x[i] * x[i];
  return sqrt(sum);
}

static double roots(const enf__bounded_graph *net) {
  return 2 * sqrt((double)(net->shape->particles - 1));
}

void enf__bounded_graph_pack(enf__bounded_graph *net, const double *params) {
  const size_t H = net->hidden;
  net->params = params;
  net->norm = enf__spectral_norm(H, H, params + net->node, net->u, net->v, net->work);
  net->l = STEEP * length(H, params + net->w) *
           (roots(net) * net->norm * STEEP * length(H, params + net->a) + length(H, params + net->edge));
  net->kappa = net->bound / ((double)net->shape->particles * (1 + net->l));
}

/* d (n) += factor x/|x|, nothing at 0. */
static void pull_length(size_t n, double factor, const double *x, double *d) {
  const double size = length(n, x);
  for (size_t i = 0; size > 0 && i < n; i++)
    d[i] += factor * x[i] / size;
}

void enf__bounded_graph_pull_bound(const enf__bounded_graph *net, double dkappa, double *dparams) {
  const size_t H = net->hidden;
  const double *p = net->params, dl = -STEEP * dkappa * net->kappa / (1 + net->l);
  const double w = length(H, p + net->w), a = length(H, p + net->a), R = roots(net) * STEEP;
  pull_length(H, dl * (R * net->norm * a + length(H, p + net->edge)), p + net->w, dparams + net->w);
  pull_length(H, dl * w * R * net->norm, p + net->a, dparams + net->a);
  pull_length(H, dl * w, p + net->edge, dparams + net->edge);
  for (size_t i = 0; i < H; i++)
    for (size_t k = 0; k < H; k++)
      dparams[net->node + i * H + k] += dl * w * R * a * net->u[i] * net->v[k];
}

/* ---- pairs ----------------------------------------------------------------------------------- */

/* silu and its two derivatives */
typedef struct {
  double y, slope, bend;
} silu;

static silu silu_of(double z) {
  const double s = 1 / (1 + exp(-z)), t = s * (1 - s);
  return (silu){z * s, s + z * t, t * (2 + z * (1 - 2 * s))};
}

typedef struct {
  size_t i, j, row; /* row: of its species */
  double r[MOST_D], r_dot[MOST_D], rho_dot, d, d_dot;
  double q, q_dot; /* 1/sqrt(1 + |r|^2) */
} pair;

/* Without x_dot what it would move is 0. */
static pair pair_of(const enf__bounded_graph *net, const double *x, const double *x_dot, size_t i,
                    size_t j) {
  const size_t D = net->shape->dimensions;
  pair p = {.i = i, .j = j, .row = enf__shape_species(net->shape, i, j)};
  double rho = 0;
  for (size_t k = 0; k < D; k++) {
    p.r[k] = x[i * D + k] - x[j * D + k];
    p.r_dot[k] = x_dot ? x_dot[i * D + k] - x_dot[j * D + k] : 0;
    rho += p.r[k] * p.r[k];
    p.rho_dot += 2 * p.r[k] * p.r_dot[k];
  }
  p.d = sqrt(rho + SOFT);
  p.d_dot = p.rho_dot / (2 * p.d);
  p.q = 1 / sqrt(1 + rho);
  p.q_dot = -p.q * p.q * p.q * p.rho_dot / 2;
  return p;
}

/* Cotangents of r, |r|^2 and d, and of the derivatives of the latter two, to dx. */
typedef struct {
  double r[MOST_D], rho, rho_dot, d, d_dot;
} pair_cotangent;

static void pull_pair(const enf__bounded_graph *net, const pair *p, const pair_cotangent *c,
                      double *dx) {
  const size_t D = net->shape->dimensions;
  const double rho = c->rho + c->d / (2 * p->d) - c->d_dot * p->rho_dot / (4 * p->d * p->d * p->d);
  const double rho_dot = c->rho_dot + c->d_dot / (2 * p->d);
  for (size_t k = 0; k < D; k++) {
    const double g = c->r[k] + 2 * (rho * p->r[k] + rho_dot * p->r_dot[k]);
    dx[p->i * D + k] += g;
    dx[p->j * D + k] -= g;
  }
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static size_t nodes(const enf__bounded_graph *net) { return net->shape->particles * net->hidden; }

enf__bounded_graph_work enf__bounded_graph_take(const enf__bounded_graph *net, enf__arena *arena) {
  const size_t count = 2 * nodes(net);
  return (enf__bounded_graph_work){.h = ENF__TAKE(arena, double, count),
                                   .u = ENF__TAKE(arena, double, count),
                                   .dh = ENF__TAKE(arena, double, count),
                                   .du = ENF__TAKE(arena, double, count)};
}

/* out (rows,H) = rows of in times Wn^T, or times Wn. */
static void times(const enf__bounded_graph *net, size_t rows, bool back, const double *in,
                  double *out) {
  const size_t H = net->hidden;
  const double *W = net->params + net->node;
  for (size_t n = 0; n < rows; n++)
    for (size_t i = 0; i < H; i++) {
      double sum = 0;
      for (size_t k = 0; k < H; k++)
        sum += (back ? W[k * H + i] : W[i * H + k]) * in[n * H + k];
      out[n * H + i] = sum;
    }
}

/* h = sums of messages, u = Wn h, with their derivatives if there is x_dot. */
static void gather(const enf__bounded_graph *net, const enf__bounded_graph_work *w, const double *x,
                   const double *x_dot) {
  const size_t N = net->shape->particles, H = net->hidden, all = nodes(net), rows = x_dot ? 2 * N : N;
  const double *a = net->params + net->a, share = 2 / roots(net);
  memset(w->h, 0, rows * H * sizeof *w->h);
  for (size_t i = 0; i < N; i++)
    for (size_t j = i + 1; j < N; j++) {
      const pair p = pair_of(net, x, x_dot, i, j);
      const double *b1 = net->params + net->b1 + p.row * H;
      for (size_t k = 0; k < H; k++) {
        const silu m = silu_of(a[k] * p.d + b1[k]);
        const double m_dot = share * m.slope * a[k] * p.d_dot;
        w->h[i * H + k] += share * m.y;
        w->h[j * H + k] += share * m.y;
        if (!x_dot)
          continue;
        w->h[all + i * H + k] += m_dot;
        w->h[all + j * H + k] += m_dot;
      }
    }
  times(net, rows, false, w->h, w->u);
}

/* Argument of the pair's silu number k, and its derivative unless NULL. */
static double argument(const enf__bounded_graph *net, const enf__bounded_graph_work *w,
                       const pair *p, size_t k, double *dot) {
  const size_t H = net->hidden, i = p->i * H + k, j = p->j * H + k, all = nodes(net);
  const double we = net->params[net->edge + k];
  if (dot)
    *dot = w->u[all + i] + w->u[all + j] + we * p->d_dot;
  return w->u[i] + w->u[j] + we * p->d + net->params[net->b2 + p->row * H + k];
}

/* tanh s; unless NULL its derivative along x_dot in dot[0], that of s in dot[1]. */
static double gate(const enf__bounded_graph *net, const enf__bounded_graph_work *w, const pair *p,
                   double dot[2]) {
  double s = net->params[net->g], s_dot = 0;
  for (size_t k = 0; k < net->hidden; k++) {
    double t_dot = 0;
    const silu y = silu_of(argument(net, w, p, k, dot ? &t_dot : NULL));
    s += net->params[net->w + k] * y.y;
    s_dot += net->params[net->w + k] * y.slope * t_dot;
  }
  const double T = tanh(s);
  if (dot) {
    dot[0] = (1 - T * T) * s_dot;
    dot[1] = s_dot;
  }
  return T;
}

void enf__bounded_graph_value(const enf__bounded_graph *net, const enf__bounded_graph_work *w,
                              const double *x, double *F) {
  const size_t N = net->shape->particles, D = net->shape->dimensions;
  gather(net, w, x, NULL);
  memset(F, 0, N * D * sizeof *F);
  for (size_t i = 0; i < N; i++)
    for (size_t j = i + 1; j < N; j++) {
      const pair p = pair_of(net, x, NULL, i, j);
      const double c = net->kappa * gate(net, w, &p, NULL) * p.q;
      for (size_t k = 0; k < D; k++) {
        F[i * D + k] += c * p.r[k];
        F[j * D + k] -= c * p.r[k];
      }
    }
}

void enf__bounded_graph_tangent(const enf__bounded_graph *net, const enf__bounded_graph_work *w,
                                const double *x, const double *x_dot, double *F_dot) {
  const size_t N = net->shape->particles, D = net->shape->dimensions;
  gather(net, w, x, x_dot);
  memset(F_dot, 0, N * D * sizeof *F_dot);
  for (size_t i = 0; i < N; i++)
    for (size_t j = i + 1; j < N; j++) {
      const pair p = pair_of(net, x, x_dot, i, j);
      double dot[2];
      const double T = gate(net, w, &p, dot);
      const double c = net->kappa * T * p.q, c_dot = net->kappa * (dot[0] * p.q + T * p.q_dot);
      for (size_t k = 0; k < D; k++) {
        const double f_dot = c_dot * p.r[k] + c * p.r_dot[k];
        F_dot[i * D + k] += f_dot;
        F_dot[j * D + k] -= f_dot;
      }
    }
}

/* ---- back ------------------------------------------------------------------------------------ */

/* From the gate's cotangents ds and ds_dot to nodes, weights and the pair. */
static void pull_gate(const enf__bounded_graph *net, const enf__bounded_graph_work *w,
                      const pair *p, double ds, double ds_dot, pair_cotangent *c, double *dparams) {
  const size_t H = net->hidden, all = nodes(net);
  if (dparams)
    dparams[net->g] += ds;
  for (size_t k = 0; k < H; k++) {
    double t_dot;
    const silu y = silu_of(argument(net, w, p, k, &t_dot));
    const double weight = net->params[net->w + k], we = net->params[net->edge + k];
    const double dt = weight * (ds * y.slope + ds_dot * y.bend * t_dot);
    const double dt_dot = weight * ds_dot * y.slope;
    const size_t at[] = {p->i * H + k, p->j * H + k};
    for (size_t e = 0; e < 2; e++) {
      w->du[at[e]] += dt;
      w->du[all + at[e]] += dt_dot;
    }
    c->d += dt * we;
    c->d_dot += dt_dot * we;
    if (dparams) {
      dparams[net->w + k] += ds * y.y + ds_dot * y.slope * t_dot;
      dparams[net->b2 + p->row * H + k] += dt;
      dparams[net->edge + k] += dt * p->d + dt_dot * p->d_dot;
    }
  }
}

/* From F of a pair back to its gate and to r; returns the derivative by kappa. */
static double pull_force(const enf__bounded_graph *net, const enf__bounded_graph_work *w,
                         const pair *p, const double *dF, const double *dF_dot, double *dx,
                         double *dparams) {
  const size_t D = net->shape->dimensions;
  double dot[2], df[MOST_D], df_dot[MOST_D], by_c = 0, by_c_dot = 0, along = 0;
  const double T = gate(net, w, p, dot), q = p->q, cube = q * q * q;
  const double c = T * q, c_dot = dot[0] * q + T * p->q_dot;
  pair_cotangent to = {.d = 0};
  for (size_t k = 0; k < D; k++) {
    df[k] = dF[p->i * D + k] - dF[p->j * D + k];
    df_dot[k] = dF_dot[p->i * D + k] - dF_dot[p->j * D + k];
    by_c += net->kappa * (df[k] * p->r[k] + df_dot[k] * p->r_dot[k]);
    by_c_dot += net->kappa * df_dot[k] * p->r[k];
    along += df[k] * c * p->r[k] + df_dot[k] * (c_dot * p->r[k] + c * p->r_dot[k]);
    to.r[k] = net->kappa * (c * df[k] + c_dot * df_dot[k]);
  }
  const double dT = by_c * q + by_c_dot * p->q_dot, dT_dot = by_c_dot * q;
  const double dq = by_c * T + by_c_dot * dot[0], dq_dot = by_c_dot * T;
  to.rho = -dq * cube / 2 + dq_dot * 0.75 * cube * q * q * p->rho_dot;
  to.rho_dot = -dq_dot * cube / 2;
  const double open = 1 - T * T;
  pull_gate(net, w, p, open * (dT - 2 * T * dT_dot * dot[1]), open * dT_dot, &to, dparams);
  pull_pair(net, p, &to, dx);
  return along;
}

/* From the nodes back to the messages of a pair. */
static void pull_messages(const enf__bounded_graph *net, const enf__bounded_graph_work *w,
                          const pair *p, double *dx, double *dparams) {
  const size_t H = net->hidden, all = nodes(net), i = p->i * H, j = p->j * H;
  const double *a = net->params + net->a, *b1 = net->params + net->b1 + p->row * H;
  const double share = 2 / roots(net);
  pair_cotangent to = {.d = 0};
  for (size_t k = 0; k < H; k++) {
    const silu m = silu_of(a[k] * p->d + b1[k]);
    const double z_dot = a[k] * p->d_dot, dm = share * (w->dh[i + k] + w->dh[j + k]);
    const double dm_dot = share * (w->dh[all + i + k] + w->dh[all + j + k]);
    const double dz = dm * m.slope + dm_dot * m.bend * z_dot, dz_dot = dm_dot * m.slope;
    to.d += dz * a[k];
    to.d_dot += dz_dot * a[k];
    if (dparams) {
      dparams[net->b1 + p->row * H + k] += dz;
      dparams[net->a + k] += dz * p->d + dz_dot * p->d_dot;
    }
  }
  pull_pair(net, p, &to, dx);
}

void enf__bounded_graph_reverse(const enf__bounded_graph *net, const enf__bounded_graph_work *w,
                                const double *x, const double *x_dot, const double *dF,
                                const double *dF_dot, double *dx, double *dparams, double *dkappa) {
  const size_t N = net->shape->particles, H = net->hidden;
  gather(net, w, x, x_dot);
  memset(w->du, 0, 2 * nodes(net) * sizeof *w->du);
  for (size_t i = 0; i < N; i++)
    for (size_t j = i + 1; j < N; j++) {
      const pair p = pair_of(net, x, x_dot, i, j);
      *dkappa += pull_force(net, w, &p, dF, dF_dot, dx, dparams);
    }
  times(net, 2 * N, true, w->du, w->dh);
  for (size_t n = 0; dparams && n < 2 * N; n++)
    for (size_t i = 0; i < H; i++)
      for (size_t k = 0; k < H; k++)
        dparams[net->node + i * H + k] += w->du[n * H + i] * w->h[n * H + k];
  for (size_t i = 0; i < N; i++)
    for (size_t j = i + 1; j < N; j++) {
      const pair p = pair_of(net, x, x_dot, i, j);
      pull_messages(net, w, &p, dx, dparams);
    }
}
