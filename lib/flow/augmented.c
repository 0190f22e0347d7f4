/* augmented.c -- log q of given x where a state has noise b beside x: of m draws

     log (1/m) sum_j w_j,  log w_j = log q(x, b_j) - log N(b_j),

   whose exponential is unbiased; its own mean is below log q, the less so the more draws. The
   variance of the logarithm is that of the mean of w, over its square. */
#include "flow/augmented.h"
#include "core/random.h"
#include <math.h>

enf_status enf__augmented_refuse(enf_ctx *ctx, const enf_flow *flow, const char *what) {
  if (!flow->space.noise)
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                   "%s: with model.map coupling the density of x is known by estimates only", what);
}

static double log_add(double a, double b) {
  return a > b ? a + log1p(exp(b - a)) : b + log1p(exp(a - b));
}

/* Draw number c->first of the row's noise. */
static enf__failure begin(const enf__transit *c, size_t row, double *x, double *note) {
  const enf__space *space = &c->flow->space;
  const enf__failure why = enf__transit_from_x(c, row, x, note);
  const uint64_t key = enf__random_key(enf__space_said(space), x);
  space->ops->redraw(space, (enf__place){c->seed, key + c->first * 0x9e3779b97f4a7c15}, x, note);
  return why;
}

/* The sums so far of w in logp and of its squares in y, as logarithms. */
static enf__failure add(const enf__transit *c, size_t row, double *z, double logdet, double note) {
  const double w = enf__prior_log_density(&c->flow->prior, z) + logdet -
                   enf__space_log_unit(&c->flow->space) + note;
  c->logp[row] = c->first ? log_add(c->logp[row], w) : w;
  if (c->y)
    c->y[row] = c->first ? log_add(c->y[row], 2 * w) : 2 * w;
  return (enf__failure){.status = ENF_OK};
}

enf_status enf__augmented_run(enf_ctx *ctx, enf__transit *c, double *var) {
  const size_t m = ctx->run.probes;
  enf_status status = ENF_OK;
  c->begin = begin;
  c->finish = add;
  c->y = var;
  c->var = NULL;
  if (ctx->run.again && ctx->run.logdet_method == ENF__LOGDET_HUTCHINSON)
    c->seed = ~c->seed; /* other noise shows what noise does */
  for (c->first = 0; c->first < m; c->first++) {
    status = enf__transit_run(ctx, c);
    if (status != ENF_OK && ctx->stats.failed == 0)
      return status;
  }
  for (size_t i = 0; i < c->n; i++) {
    if (var)
      var[i] = m > 1 ? (exp(var[i] - 2 * c->logp[i]) - 1 / (double)m) * (double)m / (double)(m - 1)
                     : (double)NAN;
    c->logp[i] -= log((double)m);
  }
  return status;
}

/* ---- positions and their copies -------------------------------------------------------------- */

static double eta_of(const enf_flow *flow) {
  return enf__opts_real(flow->options, ENF__OPT_MODEL_AUGMENT_STD);
}

enf__failure enf__augmented_enter(const enf_flow *flow, const double *in, double *y,
                                  double *origin) {
  const enf__space bare = enf__space_bare(&flow->space);
  const size_t size = enf__space_said(&bare), D = bare.shape.dimensions;
  const enf__failure why = bare.ops->enter(&bare, in, y, origin, NULL);
  for (size_t i = 0; i < size; i++)
    y[size + i] = ((in[size + i] - origin[i % D]) / bare.scale - y[i]) / eta_of(flow);
  return why;
}

void enf__augmented_leave(const enf_flow *flow, const double *y, const double *origin,
                          double *out) {
  const enf__space bare = enf__space_bare(&flow->space);
  const size_t size = enf__space_said(&bare), D = bare.shape.dimensions;
  for (size_t i = 0; i < size; i++) {
    out[i] = bare.scale * y[i] + origin[i % D];
    out[size + i] = out[i] + bare.scale * eta_of(flow) * y[size + i];
  }
}
