/* dequantiser.c -- see dequantiser.h. Of an atom of kind k with atomic number Z:

   uniform: v = one-hot + u, v_F = Z + u, u uniform in (0,1), log q = 0.

   variational (Satorras et al. 2021, arXiv:2105.09016): an EGNN without time, attention and tanh
   has [one-hot, Z] and x and gives mu and log sigma of u = mu + sigma eps; with T = u_k

     v_k = T,   v_s = T - softplus(T - u_s) for s != k,   v_F = Z + sigmoid(u_F),
     log q = log N(eps) - sum log sigma - sum_{s != k} log sigmoid(T - u_s)
             - log sigmoid(u_F) - log sigmoid(-u_F). */
#include "flow/dequantiser.h"
#include "core/random.h"
#include "map/probe.h"
#include <math.h>
#include <string.h>

/* ---- made with the flow ---------------------------------------------------------------------- */

static enf_status check(enf_ctx *ctx, const enf_flow *flow) {
  const enf__featured *f = &flow->space.featured;
  if (f->elements == 0 || enf__opts_int(flow->options, ENF__OPT_MODEL_FEATURES) > 0)
    return enf__fail(
        ctx, ENF_ERR_OPTION,
        "model.dequantiser is for the kinds of model.elements, without model.features");
  if (f->kind_scale != 1 || f->charge_scale != 1)
    return enf__fail(
        ctx, ENF_ERR_OPTION,
        "model.kind_scale is %g and model.charge_scale %g: with model.dequantiser they "
        "are 1, model.actnorm scales",
        f->kind_scale, f->charge_scale);
  return ENF_OK;
}

enf_status enf__dequantiser_plan(enf_ctx *ctx, enf_flow *flow) {
  const enf_opts *opts = flow->options;
  const size_t F = flow->space.shape.features;
  enf_status status = ENF_OK;
  flow->dequantiser = (int)enf__opts_int(opts, ENF__OPT_MODEL_DEQUANTISER);
  if (flow->dequantiser == ENF__DEQUANTISER_NONE)
    return ENF_OK;
  TRY(check(ctx, flow));
  if (flow->dequantiser == ENF__DEQUANTISER_UNIFORM)
    return ENF_OK;
  const enf__model model = {.kind = ENF__FIELD_EGNN,
                            .hidden = (size_t)enf__opts_int(opts, ENF__OPT_MODEL_HIDDEN),
                            .layers =
                                (size_t)enf__opts_int(opts, ENF__OPT_MODEL_DEQUANTISER_LAYERS),
                            .edge_depth = 2,
                            .node_depth = 2,
                            .features = 2 * F,
                            .inputs = F,
                            .outputs = 2 * F,
                            .plain = true,
                            .prefix = "dequantiser."};
  TRY(enf__field_plan(ctx, &flow->network, &model, &flow->params));
out:
  return status;
}

/* ---- noise ----------------------------------------------------------------------------------- */

void enf__dequantiser_noise(const enf_flow *flow, uint64_t seed, uint64_t index, size_t draws,
                            double *noise) {
  const enf__shape *shape = &flow->space.shape;
  const size_t count = draws * shape->particles * shape->features;
  if (flow->dequantiser == ENF__DEQUANTISER_UNIFORM)
    enf__random_uniform(seed, ENF__STREAM_DEQUANTISE, index, count, noise);
  else
    enf__random_normal(seed, ENF__STREAM_DEQUANTISE, index, count, noise);
}

uint64_t enf__dequantiser_index(size_t N, size_t D, const int32_t *kind, const double *x) {
  uint64_t index = enf__random_key(N * D, x);
  for (size_t i = 0; i < N; i++) {
    const double both[2] = {(double)(index >> 11), (double)kind[i]};
    index ^= enf__random_key(2, both);
  }
  return index;
}

/* ---- the network ----------------------------------------------------------------------------- */

enum { TOGETHER = 16 };

typedef struct {
  enf__shape shape;   /* of the network's samples */
  double *t, *in, *a; /* (S), (S,size), (S,size) */
} work;

static work layout(const enf_flow *flow, size_t S, enf__arena *arena) {
  work w = {.shape = flow->space.shape};
  w.shape.features *= 2;
  w.shape.fixed = 0;
  const size_t size = enf__shape_size(&w.shape);
  w.t = ENF__TAKE(arena, double, S);
  w.in = ENF__TAKE(arena, double, S *size);
  w.a = ENF__TAKE(arena, double, S *size);
  return w;
}

size_t enf__dequantiser_workspace(const enf_flow *flow, const enf__run *run, size_t S) {
  enf__arena count = {0};
  if (flow->dequantiser != ENF__DEQUANTISER_VARIATIONAL)
    return 0;
  const work w = layout(flow, S < TOGETHER ? S : TOGETHER, &count);
  return count.used + enf__larger(enf__field_workspace(flow->network, run, &w.shape, ENF__VELOCITY),
                                  enf__field_workspace(flow->network, run, &w.shape, ENF__VJP));
}

static double charge_of(const enf_flow *flow, int32_t kind) {
  return (double)flow->space.featured.number[kind];
}

/* The network's samples: x, one-hot, charge and as many zeros. */
static void fill_input(const enf__kinds *of, size_t first, size_t S, work *w) {
  const enf__shape *shape = &of->flow->space.shape;
  const enf__featured *f = &of->flow->space.featured;
  const size_t N = shape->particles, F = shape->features, positions = enf__shape_positions(shape);
  const size_t size = enf__shape_size(&w->shape);
  memset(w->in, 0, S * size * sizeof *w->in);
  for (size_t s = 0; s < S; s++) {
    double *in = w->in + s * size;
    const int32_t *kind = of->kind + (first + s) * N;
    w->t[s] = 0;
    memcpy(in, of->x + (first + s) * positions, positions * sizeof *in);
    for (size_t i = 0; i < N; i++) {
      double *h = in + positions + i * 2 * F;
      h[kind[i]] = 1;
      if (f->charges)
        h[f->elements] = charge_of(of->flow, kind[i]);
    }
  }
}

/* ---- an atom --------------------------------------------------------------------------------- */

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }

/* u (F) of mu, log sigma (2F) and eps (F). */
static void find_u(size_t F, const double *out, const double *eps, double *u) {
  for (size_t c = 0; c < F; c++)
    u[c] = out[c] + exp(out[F + c]) * eps[c];
}

/* v (F) of one atom; returns log q. */
static double atom(const enf_flow *flow, int32_t kind, const double *out, const double *eps,
                   double *v) {
  static const double log_root_2pi = 0.91893853320467274178;
  const enf__featured *f = &flow->space.featured;
  const size_t F = flow->space.shape.features;
  double u[ENF__FEATURES] = {0}, log_q = 0;
  find_u(F, out, eps, u);
  const double T = u[kind];
  for (size_t c = 0; c < F; c++)
    log_q -= 0.5 * eps[c] * eps[c] + log_root_2pi + out[F + c];
  for (size_t s = 0; s < f->elements; s++) {
    v[s] = s == (size_t)kind ? T : T - softplus(T - u[s]);
    log_q += s == (size_t)kind ? 0 : softplus(u[s] - T);
  }
  if (!f->charges)
    return log_q;
  const double last = u[f->elements];
  v[f->elements] = charge_of(flow, kind) + sigmoid(last);
  return log_q + softplus(-last) + softplus(last);
}

/* Cotangents a (2F) of mu and log sigma. */
static void atom_pull(const enf_flow *flow, int32_t kind, const double *out, const double *eps,
                      const double *dv, double dlog_q, double *a) {
  const enf__featured *f = &flow->space.featured;
  const size_t F = flow->space.shape.features;
  double u[ENF__FEATURES] = {0}, du[ENF__FEATURES];
  find_u(F, out, eps, u);
  du[kind] = dv[kind];
  for (size_t s = 0; s < f->elements; s++) {
    if (s == (size_t)kind)
      continue;
    const double along = sigmoid(u[kind] - u[s]), rest = 1 - along;
    du[s] = dv[s] * along + dlog_q * rest;
    du[kind] += dv[s] * rest - dlog_q * rest;
  }
  if (f->charges) {
    const double s = sigmoid(u[f->elements]);
    du[f->elements] = dv[f->elements] * s * (1 - s) + dlog_q * (2 * s - 1);
  }
  for (size_t c = 0; c < F; c++) {
    a[c] = du[c];
    a[F + c] = du[c] * exp(out[F + c]) * eps[c] - dlog_q;
  }
}

/* ---- molecules ------------------------------------------------------------------------------- */

static void uniform(const enf__kinds *of, double *v, double *log_q) {
  const enf__shape *shape = &of->flow->space.shape;
  const enf__featured *f = &of->flow->space.featured;
  const size_t N = shape->particles, F = shape->features;
  memcpy(v, of->noise, of->S * N * F * sizeof *v);
  memset(log_q, 0, of->S * sizeof *log_q);
  for (size_t i = 0; i < of->S * N; i++) {
    v[i * F + (size_t)of->kind[i]] += 1;
    if (f->charges)
      v[i * F + f->elements] += charge_of(of->flow, of->kind[i]);
  }
}

void enf__dequantise(const enf__kinds *of, const enf__run *run, enf__arena *arena, double *v,
                     double *log_q) {
  const size_t mark = arena->used, N = of->flow->space.shape.particles;
  const size_t F = of->flow->space.shape.features, step = of->S < TOGETHER ? of->S : TOGETHER;
  if (of->flow->dequantiser != ENF__DEQUANTISER_VARIATIONAL) {
    uniform(of, v, log_q);
    return;
  }
  work w = layout(of->flow, step, arena);
  const size_t size = enf__shape_size(&w.shape), positions = enf__shape_positions(&w.shape);
  for (size_t first = 0; first < of->S; first += step) {
    const size_t S = of->S - first < step ? of->S - first : step;
    fill_input(of, first, S, &w);
    enf__field_velocity(of->flow->network, run, arena, &(enf__points){&w.shape, S, w.t, w.in}, w.a);
    for (size_t s = 0; s < S; s++) {
      log_q[first + s] = 0;
      for (size_t i = 0, at = (first + s) * N; i < N; i++, at++)
        log_q[first + s] += atom(of->flow, of->kind[at], w.a + s * size + positions + i * 2 * F,
                                 of->noise + at * F, v + at * F);
    }
  }
  arena->used = mark;
}

/* What the network's reverse pass asks: cotangents of its outputs. */
typedef struct {
  const enf__kinds *of;
  size_t first;
  const double *dv, *dlog_q;
} pulled;

static void give(void *user, size_t first, size_t S, const double *out, double *a) {
  const pulled *p = user;
  const enf_flow *flow = p->of->flow;
  const enf__shape *shape = &flow->space.shape;
  const size_t N = shape->particles, F = shape->features, positions = enf__shape_positions(shape);
  const size_t size = positions + N * 2 * F;
  memset(a, 0, S * size * sizeof *a);
  for (size_t s = 0; s < S; s++)
    for (size_t i = 0; i < N; i++) {
      const size_t row = p->first + first + s, at = row * N + i,
                   h = s * size + positions + i * 2 * F;
      atom_pull(flow, p->of->kind[at], out + h, p->of->noise + at * F, p->dv + at * F,
                p->dlog_q[row], a + h);
    }
}

void enf__dequantise_pull(const enf__kinds *of, const enf__run *run, enf__arena *arena,
                          const double *dv, const double *dlog_q, double *dx, double *dparams) {
  const size_t mark = arena->used, step = of->S < TOGETHER ? of->S : TOGETHER;
  const size_t positions = enf__shape_positions(&of->flow->space.shape);
  if (of->flow->dequantiser != ENF__DEQUANTISER_VARIATIONAL) {
    if (dx)
      memset(dx, 0, of->S * positions * sizeof *dx);
    return;
  }
  work w = layout(of->flow, step, arena);
  const size_t size = enf__shape_size(&w.shape);
  for (size_t first = 0; first < of->S; first += step) {
    const size_t S = of->S - first < step ? of->S - first : step;
    pulled p = {of, first, dv, dlog_q};
    fill_input(of, first, S, &w);
    enf__field_vjp(of->flow->network, run, arena, &(enf__points){&w.shape, S, w.t, w.in}, give, &p,
                   dx ? w.a : NULL, dparams);
    for (size_t s = 0; dx && s < S; s++)
      memcpy(dx + (first + s) * positions, w.a + s * size, positions * sizeof *dx);
  }
  arena->used = mark;
}
