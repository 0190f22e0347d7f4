/* temperature.c -- enf_at_temperature: a flow of many temperatures (space/ladder.h) at one of them. */
#include "core/core.h"
#include "flow/mixture.h"
#include <enf/molecule.h>

static enf_status set_temperature(enf_ctx *ctx, enf_flow *flow, double temperature) {
  enf__ladder *ladder = &flow->space.ladder;
  char text[32];
  if (!enf__ladder_on(ladder))
    return enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                     "the flow is of one temperature: it has no model.temperatures");
  if (!enf__ladder_holds(ladder, temperature))
    return enf__fail(ctx, ENF_ERR_RANGE, "temperature is %g, the flow is for %g to %g", temperature,
                     ladder->coldest, ladder->hottest);
  enf__dtoa(temperature, text);
  if (enf_opts_set(flow->options, enf__opts_name(ENF__OPT_MODEL_TEMPERATURE), text) != ENF_OK)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for an option");
  ladder->temperature = temperature;
  return ENF_OK;
}

enf_status enf_at_temperature(enf_ctx *ctx, enf_flow **at, const enf_flow *flow,
                              double temperature) {
  ENF__ENTRY;
  enf_flow *made = NULL;
  enf_status status = enf__enter(ctx);
  if (at)
    *at = NULL;
  if (status != ENF_OK)
    return status;
  if (!at)
    return enf__fail(ctx, ENF_ERR_ARG, "at is NULL: nowhere to put the flow");
  TRY(enf_copy(ctx, &made, flow));
  TRY(set_temperature(ctx, made, temperature));
  for (size_t c = 0; c < made->parts; c++)
    TRY(set_temperature(ctx, made->part[c], temperature));
  *at = made;
  made = NULL;
out:
  enf_destroy(made);
  return status;
}
