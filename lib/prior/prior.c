/* prior.c -- the table of priors, and their parameters. */
#include "prior/prior.h"
#include "core/random.h"
#include <math.h>

static const enf__prior_ops *const table[] = {[ENF__GAUSSIAN_PRIOR] = &enf__gaussian_ops,
                                              [ENF__STUDENT_PRIOR] = &enf__student_ops,
                                              [ENF__INTERNAL_PRIOR] = &enf__internal_prior_ops,
                                              [ENF__HAAR_PRIOR] = &enf__haar_ops,
                                              [ENF__COPULA_PRIOR] = &enf__copula_ops};
ENF__ROW_FOR_EVERY(ENF__PRIORS, table);

enf__prior enf__prior_make(int kind, const enf__space *space, double std) {
  return (enf__prior){.ops = table[kind], .space = space, .std = std, .df = 5};
}

enf_status enf__prior_create(enf_ctx *ctx, enf__prior *prior, const enf_opts *options,
                             const enf__space *space, enf__params *params) {
  *prior = enf__prior_make((int)enf__opts_int(options, ENF__OPT_MODEL_PRIOR), space,
                           enf__opts_real(options, ENF__OPT_MODEL_PRIOR_STD));
  prior->df = enf__opts_real(options, ENF__OPT_MODEL_PRIOR_DF);
  prior->trained = enf__opts_int(options, ENF__OPT_MODEL_PRIOR_TRAIN) != 0;
  const double logs[] = {log(prior->std), log(prior->df)};
  static const char *const names[] = {"prior.log_std", "prior.log_df"};
  prior->offset = params->size;
  for (size_t k = 0; prior->trained && k < prior->ops->logs; k++)
    enf__params_add(params, (enf__tensor){.rows = 1, .cols = 1, .first = logs[k], .last = logs[k]},
                    "%s", names[k]);
  const enf_status status = prior->ops->check(ctx, space);
  if (status == ENF_OK && prior->ops == &enf__copula_ops)
    return enf__copula_plan(ctx, &prior->copula, options, space, prior->trained, params);
  const bool data = enf__opts_int(options, ENF__OPT_MODEL_PRIOR_COVARIANCE) == ENF__COVARIANCE_DATA;
  return status == ENF_OK && data ? enf__ellipse_plan(ctx, &prior->ellipse, space, params) : status;
}

enf_status enf__prior_allocate(enf_ctx *ctx, enf__prior *prior) {
  const enf_status status = enf__ellipse_allocate(ctx, &prior->ellipse, prior->space);
  return status == ENF_OK ? enf__copula_allocate(ctx, &prior->copula) : status;
}

void enf__prior_start(const enf__prior *prior, double *params) {
  if (prior->copula.on)
    enf__copula_start(&prior->copula, params);
}

void enf__prior_free(const enf_alloc *alloc, enf__prior *prior) {
  enf__ellipse_free(alloc, &prior->ellipse);
  enf__copula_free(alloc, &prior->copula);
}

enf_status enf__prior_admit(enf_ctx *ctx, const enf__prior *prior, size_t offset,
                            const double *data) {
  if (prior->ellipse.on && offset == prior->ellipse.offset)
    return enf__ellipse_admit(ctx, prior->space, data);
  if (prior->copula.matrix && offset == prior->copula.correlation)
    return enf__copula_admit(ctx, &prior->copula, data);
  return ENF_OK;
}

void enf__prior_pack(enf__prior *prior, const double *params) {
  double *const numbers[] = {&prior->std, &prior->df};
  for (size_t k = 0; prior->trained && k < prior->ops->logs; k++)
    *numbers[k] = exp(params[prior->offset + k]);
  if (prior->ellipse.on)
    enf__ellipse_set(&prior->ellipse, prior->space, params + prior->ellipse.offset);
  if (prior->copula.on)
    enf__copula_pack(&prior->copula, params);
}

void enf__prior_pull(const enf__prior *prior, const double *z, double weight, double *dparams) {
  double by_log[2];
  if (prior->trained && prior->copula.on)
    enf__copula_pull(prior, z, weight, dparams);
  if (!prior->trained || prior->ops->logs == 0)
    return;
  prior->ops->gradient(prior, z, NULL, by_log);
  for (size_t k = 0; k < prior->ops->logs; k++)
    dparams[prior->offset + k] += weight * by_log[k];
}

/* ---- states ---------------------------------------------------------------------------------- */

void enf__prior_sample(const enf__prior *prior, uint64_t seed, uint32_t stream, uint64_t index,
                       double *z) {
  const enf__space *space = prior->space;
  prior->ops->sample(prior, seed, stream, index, z);
  if (space->noise)
    enf__random_normal(seed, stream | ENF__STREAM_NOISE, index, space->noise,
                       z + enf__space_said(space));
}

double enf__prior_log_density(const enf__prior *prior, const double *z) {
  const double density = prior->ops->log_density(prior, z);
  return prior->space->noise ? density + enf__space_noise_density(prior->space, z) : density;
}

void enf__prior_gradient(const enf__prior *prior, const double *z, double *grad) {
  prior->ops->gradient(prior, z, grad, NULL);
  for (size_t i = enf__space_state(prior->space); prior->space->noise && i-- > enf__space_said(prior->space);)
    grad[i] = -z[i];
  enf__shape_hold(&prior->space->shape, grad);
}
