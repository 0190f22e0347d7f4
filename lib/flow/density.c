/* density.c -- enf_log_prob, its estimate, and enf_sample: the flow as a probability density.

   Data x at t = 1 and prior point z at t = 0 lie on one path (Satorras et al. 2021,
   arXiv:2105.09016, eq. 4); with y the state of x in its space (space/space.h):

     log q(x) = log p0(z) - int_0^1 div v dt + log |dy/dx|
              = log p0(z) + log |dz/dy|      + log |dy/dx|     carried from 1 to 0  (enf_log_prob)
              = log p0(z) - log |dy/dz|      + log |dy/dx|     carried from 0 to 1  (enf_sample)  */
#include "core/random.h"
#include "flow/accuracy.h"
#include "flow/augmented.h"
#include "flow/batch.h"
#include "flow/bound.h"
#include "math/finite.h"

/* ---- density of given configurations -------------------------------------------------------- */

static enf_status again(enf_ctx *ctx, const enf__account *account, size_t n, const double *x,
                        double *value, double *spare) {
  (void)spare;
  return enf_log_prob(ctx, account->flow, n, x, value);
}

enf_status enf__density_end(enf_ctx *ctx, const enf_flow *flow, enf__measured kind, int method,
                            size_t n, const double *x, const double *logp, enf_status status) {
  const enf__account account = {.flow = flow,
                                .kind = kind,
                                .method = method,
                                .n = n,
                                .width = enf__space_host(&flow->space),
                                .x = x,
                                .value = logp,
                                .again = again};
  return enf__accuracy_tell(ctx, &account, status);
}

static enf__failure score(const enf__transit *c, size_t row, double *z, double logdet,
                          double note) {
  const double density = enf__prior_log_density(&c->flow->prior, z);
  c->logp[row] = density + logdet - enf__space_log_unit(&c->flow->space) + note;
  return (enf__failure){.status = ENF_OK};
}

enf_status enf__log_prob_tempered(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                                  const double *temperature, double *logp) {
  enf_status status;
  const enf__argument arrays[] = {{"x", x}, {"logp", logp}};
  TRY(enf__batch_check(ctx, flow, n, 2, arrays));
  enf__transit transit = {.flow = flow,
                          .n = n,
                          .t0 = 1,
                          .t1 = 0,
                          .logdet = true,
                          .begin = enf__transit_from_x,
                          .finish = score,
                          .temperature = temperature,
                          .x = x,
                          .logp = logp};
  status = flow->space.noise ? enf__augmented_run(ctx, &transit, NULL)
                             : enf__transit_run(ctx, &transit);
  if (!temperature)
    status = enf__density_end(ctx, flow, ENF__ACCURACY_DENSITY, ctx->run.logdet_method, n, x, logp,
                              status);
out:
  return status;
}

enf_status enf_log_prob(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                        double *logp) {
  ENF__ENTRY;
  const enf_status status = enf__enter(ctx);
  return status == ENF_OK ? enf__log_prob_tempered(ctx, flow, n, x, NULL, logp) : status;
}

enf_status enf_log_prob_estimate(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                                 uint64_t seed, double *logp, double *var) {
  ENF__ENTRY;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  const enf__argument arrays[] = {{"x", x}, {"logp", logp}, {"var", var}};
  TRY(enf__batch_check(ctx, flow, n, 3, arrays));
  enf__transit transit = {.flow = flow,
                          .n = n,
                          .t0 = 1,
                          .t1 = 0,
                          .logdet = true,
                          .probes = ctx->run.probes,
                          .begin = enf__transit_from_x,
                          .finish = score,
                          .x = x,
                          .logp = logp,
                          .var = var,
                          .seed = seed};
  status = enf__density_end(ctx, flow, ENF__ACCURACY_ESTIMATE, ENF__LOGDET_HUTCHINSON, n, x, logp,
                            flow->space.noise ? enf__augmented_run(ctx, &transit, var)
                                              : enf__transit_run(ctx, &transit));
out:
  return status;
}

/* ---- samples -------------------------------------------------------------------------------- */

static uint64_t number_of(const enf__transit *c, size_t row) {
  return c->number ? c->number[row] : c->first + row;
}

/* The sample of the stream; note: its prior log-density. */
static enf__failure draw(const enf__transit *c, size_t row, double *x, double *note) {
  enf__prior_sample(&c->flow->prior, c->seed, ENF__STREAM_PRIOR, number_of(c, row), x);
  if (c->context)
    enf__space_set_context(&c->flow->space, c->context + row * c->flow->space.shape.fixed, x);
  *note = enf__prior_log_density(&c->flow->prior, x);
  return (enf__failure){.status = ENF_OK};
}

static enf__failure hand_out(const enf__transit *c, size_t row, double *x, double logdet,
                             double note) {
  const enf__space *space = &c->flow->space;
  const enf__place place = {c->seed, number_of(c, row)};
  const bool turned = c->run->rotation == ENF__ROTATION_RANDOM;
  double *y = c->y + row * enf__space_host(space), log_volume;
  const enf__failure why =
      space->ops->leave(space, turned ? &place : NULL, x, NULL, y, &log_volume);
  space->ops->project(space, y);
  if (why.status != ENF_OK)
    enf__fill_nan(enf__space_host(space), y);
  if (c->logp)
    c->logp[row] = why.status != ENF_OK ? (double)NAN
                                        : note - logdet - enf__space_log_unit(space) + log_volume;
  return why;
}

static enf_status sample(enf_ctx *ctx, enf__transit *transit, double *x, double *logp) {
  const enf_flow *flow = transit->flow;
  transit->t1 = 1;
  transit->logdet = logp != NULL;
  transit->begin = draw;
  transit->finish = hand_out;
  transit->y = x;
  transit->logp = logp;
  const enf_status status = enf__transit_run(ctx, transit);
  if (logp && flow->space.noise) /* the noise of a sample is not known from its x */
    ctx->stats.logdet_error = NAN;
  if (!logp || flow->space.noise)
    return status;
  return enf__density_end(ctx, flow, ENF__ACCURACY_SAMPLES, ctx->run.logdet_method, transit->n, x,
                          logp, status);
}

enf_status enf__sample_numbers(enf_ctx *ctx, const enf_flow *flow, uint64_t seed, size_t n,
                               const uint64_t *number, const double *context, double *x,
                               double *logp) {
  enf__transit transit = {
      .flow = flow, .n = n, .seed = seed, .number = number, .context = context};
  return sample(ctx, &transit, x, logp);
}

enf_status enf_sample(enf_ctx *ctx, const enf_flow *flow, uint64_t seed, uint64_t first, size_t n,
                      double *x, double *logp) {
  ENF__ENTRY;
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  const enf__argument arrays[] = {{"x", x}};
  TRY(enf__batch_check(ctx, flow, n, 1, arrays));
  if (n > UINT64_MAX - first)
    TRY(enf__fail(ctx, ENF_ERR_RANGE, "first = %llu plus n = %zu runs past the end of the stream",
                  (unsigned long long)first, n));
  enf__transit transit = {.flow = flow, .n = n, .seed = seed, .first = first};
  status = sample(ctx, &transit, x, logp);
out:
  return status;
}
