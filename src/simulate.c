/* simulate.c -- `enf simulate`: equilibrium configurations of a built-in system or a plugin. */
#include "data.h"
#include "files.h"
#include "links.h"
#include "progress.h"
#include "report.h"
#include "target.h"

static void print_simulation(const cli *c, const target *t, const dataset *data,
                             const enf_sim_info *info) {
  report r = report_begin(c);
  report_text(&r, "system", "system", t->spec);
  report_count(&r, "samples", "samples", data->n);
  report_count(&r, "particles", "particles", data->N);
  report_count(&r, "dimensions", "dimensions", data->D);
  report_real(&r, "acceptance", "acceptance", info->acceptance);
  report_real(&r, "swap_acceptance", "swap acceptance", info->swap_acceptance);
  report_real(&r, "autocorrelation", "autocorrelation time", info->autocorrelation);
  report_measured(&r, "mean_u", "mean energy", info->mean_u, info->mean_u_err, t->mean_u,
                  t->mean_u_err);
  report_measured(&r, "virial", "virial", info->virial, info->virial_err,
                  (double)((data->N > 1 ? data->N - 1 : 1) * data->D), 0);
  report_real(&r, "step", "move size", info->step);
  report_real(&r, "seconds", "seconds", info->seconds);
  report_text(&r, "output", "written to", c->value[FLAG_OUTPUT]);
  report_end(&r);
}

/* The shape is the energy's; of a plugin that does not say, --set model.*. */
static int find_shape(cli *c, const target *t, dataset *data) {
  data->N = t->N > 0 ? t->N : cli_setting_or(c, "model.particles", 0);
  data->D = t->D > 0 ? t->D : cli_setting_or(c, "model.dimensions", 3);
  if (data->N == 0)
    return cli_usage(c, "%s does not say its particles: --set model.particles=N is needed",
                     t->spec);
  enf_opts_set_int(c->opts, "model.particles", (int64_t)data->N);
  enf_opts_set_int(c->opts, "model.dimensions", (int64_t)data->D);
  return SUCCESS;
}

static int simulate(cli *c, const target *t, dataset *data) {
  enf_sim_info info = ENF_SIM_INFO_INIT;
  progress p = progress_begin(c, "simulating", "samples", 0);
  const double bytes = files_bytes(c, c->value[FLAG_OUTPUT], "f4", data->n, data->N * data->D);
  const int fits = files_room(c, 1, &(file_need){FLAG_OUTPUT, bytes});
  if (fits != SUCCESS)
    return fits;
  data->x = cli_alloc(data->n, data->N * data->D * sizeof(double));
  if (data->x == NULL)
    return FAILURE;
  enf_ctx_set_progress(c->ctx, progress_callback, &p);
  const enf_status status = enf_simulate(c->ctx, t->fn, t->user, c->opts, data->n, data->x, &info);
  progress_end(&p);
  enf_ctx_set_progress(c->ctx, NULL, NULL);
  if (status != ENF_OK)
    return cli_fail_status(c, status);
  const int result = data_write(c, c->value[FLAG_OUTPUT], "f4", data);
  if (result == SUCCESS)
    print_simulation(c, t, data, &info);
  return result;
}

int run_simulate(cli *c) {
  target t = {0};
  uint64_t n = 0;
  int result = cli_require(c, FLAG_COUNT);
  if (result == SUCCESS)
    result = cli_require(c, FLAG_OUTPUT);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_COUNT, 1, 0, &n);
  if (result == SUCCESS && cli_has(c, FLAG_SEED))
    result = cli_set(c, "sim.seed", c->value[FLAG_SEED]);
  if (result == SUCCESS)
    result = cli_configure(c);
  if (result == SUCCESS)
    result = target_make(c, c->operand[0], &t);
  if (result == SUCCESS) {
    dataset data = {.n = (size_t)n};
    interrupts_catch();
    result = links_of_target(c, &t);
    if (result == SUCCESS)
      result = find_shape(c, &t, &data);
    if (result == SUCCESS)
      result = simulate(c, &t, &data);
    data_free(&data);
  }
  target_free(&t);
  return result;
}
