/* temperatures.c -- --temperature and --temperatures, reduced ones: 1 is that of the energies. */
#include "temperatures.h"
#include "data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int temperatures_read(const cli *c, size_t *count, double values[TEMPERATURES]) {
  const char *at = c->value[FLAG_TEMPERATURES];
  *count = 0;
  while (at != NULL) {
    char *end;
    const double value = strtod(at, &end);
    if (end == at || (*end != ',' && *end != '\0') || !(value > 0) || !isfinite(value))
      return cli_usage(c, "--temperatures takes numbers above 0 between commas, 1,1.25,1.6, not %s",
                       c->value[FLAG_TEMPERATURES]);
    if (*count == TEMPERATURES)
      return cli_usage(c, "--temperatures takes at most %d numbers", (int)TEMPERATURES);
    values[(*count)++] = value;
    at = *end == ',' ? end + 1 : NULL;
  }
  return SUCCESS;
}

int flow_open(const cli *c, const char *path, enf_flow **flow) {
  double temperature;
  enf_flow *loaded = NULL;
  *flow = NULL;
  const int result = cli_real(c, FLAG_TEMPERATURE, 0, 1, &temperature);
  if (result != SUCCESS)
    return result;
  enf_status status = enf_load(c->ctx, &loaded, path);
  if (status != ENF_OK || !cli_has(c, FLAG_TEMPERATURE)) {
    *flow = loaded;
    return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
  }
  status = enf_at_temperature(c->ctx, flow, loaded, temperature);
  enf_destroy(loaded);
  return status == ENF_OK ? SUCCESS : cli_fail("%s: %s", path, enf_ctx_errmsg(c->ctx));
}

double flow_temperature(const enf_flow *flow) {
  double temperature = 1;
  enf_get_real(flow, "temperature", &temperature);
  return temperature;
}

int temperatures_of_data(cli *c) {
  size_t count;
  double values[TEMPERATURES], coldest = 1, hottest = 1;
  char text[64];
  const int result = temperatures_read(c, &count, values);
  if (result != SUCCESS || count == 0 || cli_setting(c, "model.temperatures") != NULL)
    return result;
  for (size_t i = 0; i < count; i++) {
    coldest = fmin(coldest, values[i]);
    hottest = fmax(hottest, values[i]);
  }
  snprintf(text, sizeof text, "%.17g %.17g", coldest, hottest);
  return enf_opts_set(c->opts, "model.temperatures", text) == ENF_OK
             ? SUCCESS
             : cli_usage(c, "--temperatures: %s", enf_opts_errmsg(c->opts));
}

int temperatures_settle(const cli *c, enf_flow *flow) {
  const char *given = c->value[FLAG_TEMPERATURES];
  if (!cli_has(c, FLAG_RESUME))
    return given != NULL ? flow_keep_meta(c, flow, "temperatures", given) : SUCCESS;
  char *kept = flow_meta(flow, "temperatures");
  if (kept == NULL)
    return FAILURE;
  const bool same = strcmp(kept, given != NULL ? given : "") == 0;
  const int result = same            ? SUCCESS
                     : *kept != '\0' ? cli_usage(c, "the training began with --temperatures %s", kept)
                                    : cli_usage(c, "the training began without --temperatures");
  free(kept);
  return result;
}
