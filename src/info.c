/* info.c -- `enf info`: what a flow file holds. */
#include "report.h"

static const char *const integers[][2] = {
    {"particles", "particles"},
    {"dimensions", "dimensions"},
    {"degrees_of_freedom", "degrees of freedom"},
    {"species", "species"},
    {"hidden", "hidden width"},
    {"layers", "layers"},
    {"parameters", "parameters"},
    {"tensors", "tensors"},
};
static const char *const reals[][2] = {
    {"data_scale", "data scale"},
    {"prior_std", "prior std (data scales)"},
};

static void print_tensors(const enf_flow *flow, bool json) {
  const char *name = NULL;
  size_t rows = 0, columns = 0;
  fputs(json ? ", \"shapes\": {" : "\n", stdout);
  for (size_t i = 0; enf_params_info(flow, i, &name, &rows, &columns) == ENF_OK; i++) {
    if (!json) {
      printf("%-44s %4zu x %zu\n", name, rows, columns);
      continue;
    }
    fputs(i > 0 ? ", " : "", stdout);
    json_string(stdout, name);
    printf(": [%zu, %zu]", rows, columns);
  }
  fputs(json ? "}" : "", stdout);
}

int run_info(cli *c) {
  enf_flow *flow = NULL;
  const enf_status status = enf_load(c->ctx, &flow, c->operand[0]);
  if (status != ENF_OK)
    return cli_fail_status(c, status);
  report r = report_begin(c);
  report_text(&r, "flow", "flow", c->operand[0]);
  for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
    int64_t value = 0;
    enf_get_int(flow, integers[i][0], &value);
    report_count(&r, integers[i][0], integers[i][1], (uint64_t)value);
  }
  for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
    double value = 0;
    enf_get_real(flow, reals[i][0], &value);
    report_real(&r, reals[i][0], reals[i][1], value);
  }
  print_tensors(flow, r.json);
  report_end(&r);
  enf_destroy(flow);
  return SUCCESS;
}
