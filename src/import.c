/* import.c -- `enf import`: the weights of a published network as a flow. */
#include "cli.h"

#include <stdio.h>

int run_import(cli *c) {
  const char *path = c->value[FLAG_OUTPUT];
  enf_flow *flow = NULL;
  int64_t particles = 0, parameters = 0;
  if (path == NULL)
    return cli_usage(c, "-o names the flow");
  enf_status status = enf_import(c->ctx, &flow, c->operand[0], c->opts);
  if (status == ENF_OK)
    status = enf_save(c->ctx, flow, path);
  enf_get_int(flow, "particles", &particles);
  enf_get_int(flow, "parameters", &parameters);
  enf_destroy(flow);
  if (status != ENF_OK)
    return cli_fail_status(c, status);
  if (!cli_has(c, FLAG_QUIET))
    printf("%s: %lld particles, %lld parameters\n", path, (long long)particles,
           (long long)parameters);
  return SUCCESS;
}
