/* prior_fit.c -- enf_prior_fit, and the part of it that the first step of a training makes: the
   data scale, the covariance of the prior, its other numbers. */
#include "core/option_text.h"
#include "flow/mixture.h"
#include "prior/fit.h"
#include <math.h>

static enf_status refuse(enf_ctx *ctx, enf_flow *flow, size_t n, double before) {
  flow->space.scale = before;
  return enf__fail(ctx, ENF_ERR_RANGE,
                   "the %zu configurations do not say how wide the prior is: their covariance is "
                   "singular",
                   n);
}

/* Of the data, to replace `before`; a number that model.data_scale has set stays. */
static double scale_of(const enf_flow *flow, double found, double before) {
  double set;
  enf__read_data_scale(enf__opts_text(flow->options, ENF__OPT_MODEL_DATA_SCALE), &set);
  return set > 0 ? before : found > 0 ? found : 1;
}

/* All of a fit, with the numbers that are wanted. */
static enf_status fit(enf_ctx *ctx, enf_flow *flow, size_t n, const double *x,
                      enf__prior_wanted wanted, double *work) {
  enf__space *space = &flow->space;
  enf__prior *prior = &flow->prior;
  size_t left_out;
  double most;
  if (space->ops->fit)
    return space->ops->fit(ctx, space, flow->params.value, n, x);
  const double scale = enf__flow_scale(flow, n, x, work, &left_out, &most), before = space->scale;
  if (!isfinite(scale))
    return enf__fail(ctx, ENF_ERR_NONFINITE, "the coordinates are too large for a data scale");
  space->scale = scale_of(flow, scale, before);
  const enf__space bare = enf__space_bare(space);
  const enf__prior_rows all = {&bare, n, x, INFINITY};
  if (prior->copula.on)
    return enf__copula_fit(prior, &all, wanted.std, wanted.open, work, flow->params.value)
               ? ENF_OK
               : refuse(ctx, flow, n, before);
  const bool student = prior->ops == &enf__student_ops;
  if (!prior->ellipse.on && !(student && (wanted.std || wanted.df)))
    return ENF_OK;
  const enf__prior_rows rows = {&bare, n, x,
                                student ? (double)INFINITY : most / (space->scale * space->scale)};
  if (enf__prior_fit(prior, &rows, wanted, work, flow->params.value + prior->ellipse.offset))
    return ENF_OK;
  return refuse(ctx, flow, n, before);
}

/* A fit that fails leaves what it found. */
static enf_status fit_or_restore(enf_ctx *ctx, enf_flow *flow, size_t n, const double *x,
                                 enf__prior_wanted wanted, double *work) {
  const double std = flow->prior.std, df = flow->prior.df;
  const enf_status status = fit(ctx, flow, n, x, wanted, work);
  if (status == ENF_OK)
    return status;
  flow->prior.std = std;
  flow->prior.df = df;
  enf__flow_pack(flow);
  return status;
}

enf_status enf__flow_fit(enf_ctx *ctx, enf_flow *flow, size_t n, const double *x, double *work) {
  return fit_or_restore(ctx, flow, n, x, (enf__prior_wanted){.std = false}, work);
}

/* Numbers that were set stay, but for those that training would move. */
static enf__prior_wanted wanted_of(const enf_flow *flow) {
  const bool open = flow->prior.trained || flow->fitted;
  const bool std = open || !enf__opts_isset(flow->options, ENF__OPT_MODEL_PRIOR_STD);
  const bool df = open || !enf__opts_isset(flow->options, ENF__OPT_MODEL_PRIOR_DF);
  if (flow->prior.copula.on)
    return (enf__prior_wanted){.std = true, .open = open};
  return (enf__prior_wanted){.std = std && !flow->prior.ellipse.on, .df = df};
}

/* The prior's numbers where the flow keeps them: its tensors, or its options. */
static enf_status keep(enf_flow *flow, enf__prior_wanted wanted) {
  const enf__prior *prior = &flow->prior;
  const double number[] = {prior->std, prior->df};
  const bool found[] = {wanted.std, wanted.df};
  static const enf__opt option[] = {ENF__OPT_MODEL_PRIOR_STD, ENF__OPT_MODEL_PRIOR_DF};
  enf_status status = ENF_OK;
  for (size_t k = 0; k < prior->ops->logs && status == ENF_OK; k++)
    if (prior->trained)
      flow->params.value[prior->offset + k] = log(number[k]);
    else if (found[k])
      status = enf_opts_set_real(flow->options, enf__opts_name(option[k]), number[k]);
  return status;
}

enf_status enf_prior_fit(enf_ctx *ctx, enf_flow *flow, size_t n, const double *x) {
  ENF__ENTRY;
  enf_status status = ENF_OK;
  double *work = NULL;
  TRY(enf__enter(ctx));
  TRY(enf__flow_check(ctx, flow));
  TRY(enf__flow_single(ctx, flow, "enf_prior_fit"));
  TRY(enf__scale_check(ctx, "enf_prior_fit", flow, n, x));
  work = enf__alloc_array(&ctx->alloc, enf__flow_fit_doubles(flow, n), sizeof *work);
  if (!work)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for the sizes of %zu configurations", n));
  const enf__prior_wanted wanted = wanted_of(flow);
  TRY(fit_or_restore(ctx, flow, n, x, wanted, work));
  if (flow->prior.ops == &enf__student_ops)
    TRY(keep(flow, wanted));
  flow->fitted = flow->scale_fixed = true;
  enf__flow_pack(flow);
out:
  enf__free(&ctx->alloc, work);
  return status;
}
