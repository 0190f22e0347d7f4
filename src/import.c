/* import.c -- `enf import`: the weights of a published network as a flow. */
#include "cli.h"

#include <stdio.h>

int run_import(cli *c) {
  const char *path = c->value[FLAG_OUTPUT];
  enf_flow *flow = NULL;
  int64_t particles = 0, parameters = 0;
  if (path == NULL)
    return cli_usage(c, "-o names the flow");
  enf_status status = enf_import_parts(c->ctx, &flow, c->operand[0],
                                       c->operands > 1 ? c->operand[1] : NULL, c->opts);
  if (status == ENF_OK)
    status = enf_save(c->ctx, flow, path);
  enf_get_int(flow, "particles", &particles);
  enf_get_int(flow, "parameters", &parameters);
  enf_destroy(flow);
  if (status != ENF_OK)
    return cli_fail_status(c, status);
  char count[24] = "any number of";
  if (particles > 0)
    snprintf(count, sizeof count, "%lld", (long long)particles);
  if (!cli_has(c, FLAG_QUIET))
    printf("%s: %s particles, %lld parameters\n", path, count, (long long)parameters);
  return SUCCESS;
}
