/* mixture.c -- making a mixture, its parts, its weights. */
#include "flow/augmented.h"
#include "flow/mixture.h"
#include <string.h>

/* Their sum; RANGE, with the sentence, for weights that are none. */
static enf_status check_weights(enf_ctx *ctx, size_t count, const double *weights, double *sum) {
  *sum = 0;
  for (size_t c = 0; c < count; c++) {
    if (!(weights[c] >= 0 && isfinite(weights[c])))
      return enf__fail(ctx, ENF_ERR_RANGE, "weight %zu is %g, and none can be below 0 or infinite",
                       c, weights[c]);
    *sum += weights[c];
  }
  if (*sum > 0 && isfinite(*sum))
    return ENF_OK;
  return enf__fail(ctx, ENF_ERR_RANGE, "the weights add up to %g", *sum);
}

static void put_weights(enf_flow *mix, const double *weights, double sum) {
  for (size_t c = 0; c < mix->parts; c++)
    mix->params.value[c] = log(fmax(weights[c] / sum, ENF__LEAST_WEIGHT));
  enf__flow_pack(mix);
}

enf_status enf__mixture_alike(enf_ctx *ctx, const enf_flow *first, const enf_flow *part, size_t c) {
  static const enf__opt same[] = {ENF__OPT_MODEL_SPACE, ENF__OPT_MODEL_PARTICLES,
                                  ENF__OPT_MODEL_DIMENSIONS, ENF__OPT_MODEL_SPECIES,
                                  ENF__OPT_MODEL_REFLECTIONS, ENF__OPT_MODEL_TEMPERATURE};
  char one[32], other[32];
  for (size_t k = 0; k < sizeof same / sizeof *same; k++) {
    const char *a = enf__opts_print(first->options, same[k], one);
    const char *b = enf__opts_print(part->options, same[k], other);
    if (strcmp(a, b) != 0)
      return enf__fail(ctx, ENF_ERR_SHAPE, "%s of part %zu is \"%.60s\", that of part 0 \"%.60s\"",
                       enf__opts_name(same[k]), c, b, a);
  }
  return ENF_OK;
}

static enf_status check_part(enf_ctx *ctx, const enf_flow *first, const enf_flow *part, size_t c) {
  enf_status status;
  TRY(enf__flow_check(ctx, part));
  TRY(enf__augmented_refuse(ctx, part, "a mixture"));
  if (part->parts)
    TRY(enf__fail(ctx, ENF_ERR_UNSUPPORTED, "part %zu is a mixture, and parts may not be", c));
  status = enf__mixture_alike(ctx, first, part, c);
out:
  return status;
}

static enf_status check(enf_ctx *ctx, size_t count, const enf_flow *const *parts) {
  enf_status status = ENF_OK;
  if (count == 0 || count > ENF__MIXTURE_PARTS)
    return enf__fail(ctx, ENF_ERR_RANGE, "a mixture has 1 to %d parts, not %zu",
                     (int)ENF__MIXTURE_PARTS, count);
  if (!parts)
    return enf__fail(ctx, ENF_ERR_ARG, "parts is NULL");
  TRY(enf__flow_check(ctx, parts[0]));
  for (size_t c = 0; c < count; c++)
    TRY(check_part(ctx, parts[0], parts[c], c));
out:
  return status;
}

/* The mixture of copies; their scales are what they are. */
static enf_status make(enf_ctx *ctx, enf_flow **mix, size_t count, const enf_flow *const *parts) {
  enf_flow *copies[ENF__MIXTURE_PARTS] = {NULL};
  enf_status status;
  for (size_t c = 0; c < count; c++) {
    TRY(enf__flow_clone(ctx, &copies[c], parts[c]));
    copies[c]->scale_fixed = true;
  }
  TRY(enf__mixture_assemble(ctx, mix, count, copies));
out:
  for (size_t c = 0; status != ENF_OK && c < count; c++)
    enf_destroy(copies[c]);
  return status;
}

enf_status enf_mixture_create(enf_ctx *ctx, enf_flow **mix, size_t count,
                              const enf_flow *const *parts, const double *weights) {
  ENF__ENTRY;
  enf_flow *made = NULL;
  double sum = 0;
  enf_status status;
  if (mix)
    *mix = NULL;
  TRY(enf__enter(ctx));
  if (!mix)
    return enf__fail(ctx, ENF_ERR_ARG, "mix is NULL: nowhere to put the flow");
  TRY(check(ctx, count, parts));
  if (weights)
    TRY(check_weights(ctx, count, weights, &sum));
  TRY(make(ctx, &made, count, parts));
  if (weights)
    put_weights(made, weights, sum);
  for (size_t i = 0; i < parts[0]->metas; i++)
    TRY(enf__meta_put(ctx, made, parts[0]->meta[i].key, parts[0]->meta[i].text));
  *mix = made;
  made = NULL;
out:
  enf_destroy(made);
  return status;
}

enf_status enf_mixture_get(const enf_flow *mix, size_t index, const enf_flow **part,
                           double *weight) {
  ENF__ENTRY;
  if (enf__flow_check(NULL, mix) != ENF_OK)
    return ENF_ERR_ARG;
  if (index >= mix->parts)
    return ENF_ERR_RANGE;
  if (part)
    *part = mix->part[index];
  if (weight)
    *weight = exp(mix->log_weight[index]);
  return ENF_OK;
}

enf_status enf_mixture_set_weights(enf_ctx *ctx, enf_flow *mix, size_t count,
                                   const double *weights) {
  ENF__ENTRY;
  double sum;
  enf_status status;
  TRY(enf__enter(ctx));
  TRY(enf__mixture_check(ctx, mix));
  if (!weights)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "weights is NULL"));
  if (count != mix->parts)
    TRY(enf__fail(ctx, ENF_ERR_SHAPE, "there are %zu weights, and %zu parts", count, mix->parts));
  TRY(check_weights(ctx, count, weights, &sum));
  put_weights(mix, weights, sum);
out:
  return status;
}
