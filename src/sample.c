/* sample.c -- `enf sample`: samples from a flow, with their exact log-density. */
#include "draw.h"
#include "progress.h"
#include "report.h"

#include <math.h>
#include <stdlib.h>

int settle_failed(const cli *c, enf_status status, size_t n, uint64_t *failed) {
  double count = 0;
  *failed = 0;
  if (status == ENF_OK)
    return SUCCESS;
  enf_ctx_stat(c->ctx, "failed", &count);
  if (status == ENF_ERR_CANCELLED || count < 1 || count >= (double)n)
    return cli_fail_status(c, status);
  *failed = (uint64_t)count;
  cli_note("%.0f of %zu samples failed and are NaN; the first: %s", count, n,
           enf_ctx_errmsg(c->ctx));
  return SUCCESS;
}

static double stat_of(const cli *c, const char *name) {
  double value = (double)NAN;
  return enf_ctx_stat(c->ctx, name, &value) == ENF_OK ? value : (double)NAN;
}

effort effort_read(const cli *c, size_t n, double seconds) {
  return (effort){n, seconds, stat_of(c, "velocities"), stat_of(c, "divergences"),
                  stat_of(c, "logdet_error")};
}

void effort_report(report *r, const effort *e) {
  const double n = (double)e->n;
  report_real(r, "velocities", "velocities per sample", e->velocities / n);
  if (e->divergences > 0) {
    report_real(r, "divergences", "divergences per sample", e->divergences / n);
    report_real(r, "logdet_error", "error of log-density (RMS)", e->logdet_error);
  }
  report_real(r, "seconds", "seconds", e->seconds);
  report_real(r, "rate", "samples per second", n / e->seconds);
}

static int allocate(size_t n, bool density, draws *d) {
  d->data.n = n;
  d->data.x = cli_alloc(n, d->data.N * d->data.D * sizeof(double));
  if (d->data.x == NULL)
    return FAILURE;
  if (density && (d->logp = cli_alloc(n, sizeof(double))) == NULL)
    return FAILURE;
  return SUCCESS;
}

static int draw(cli *c, const enf_flow *flow, size_t n, bool density, draws *d) {
  progress p = progress_begin(c, "sampling", "samples", 0);
  flow_shape(flow, &d->data.N, &d->data.D);
  if (allocate(n, density, d) != SUCCESS)
    return FAILURE;
  enf_ctx_set_progress(c->ctx, progress_callback, &p);
  const double start = cli_seconds();
  const enf_status status = enf_sample(c->ctx, flow, d->seed, d->first, n, d->data.x, d->logp);
  d->effort = effort_read(c, n, cli_seconds() - start);
  progress_end(&p);
  enf_ctx_set_progress(c->ctx, NULL, NULL);
  return settle_failed(c, status, n, &d->failed);
}

int draw_samples(cli *c, const char *path, bool density, draws *d) {
  enf_flow *flow = NULL;
  uint64_t n = 0;
  *d = (draws){.logp = NULL};
  int result = cli_require(c, FLAG_COUNT);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_COUNT, 1, 0, &n);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_SEED, 0, 0, &d->seed);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_FIRST, 0, 0, &d->first);
  if (result == SUCCESS)
    result = cli_configure(c);
  if (result != SUCCESS)
    return result;
  interrupts_catch();
  const enf_status status = enf_load(c->ctx, &flow, path);
  result = status == ENF_OK ? draw(c, flow, (size_t)n, density, d) : cli_fail_status(c, status);
  enf_destroy(flow);
  return result;
}

void draws_free(draws *d) {
  data_free(&d->data);
  free(d->logp);
  d->logp = NULL;
}

static void print_draws(const cli *c, const draws *d) {
  double mean = 0, error = 0;
  report r = report_begin(c);
  report_text(&r, "flow", "flow", c->operand[0]);
  report_count(&r, "samples", "samples", d->data.n);
  report_count(&r, "seed", "seed", d->seed);
  report_count(&r, "first", "first sample", d->first);
  report_count(&r, "failed", "failed", d->failed);
  if (d->logp != NULL) {
    mean_of(d->data.n, d->logp, &mean, &error);
    report_measured(&r, "mean_logp", "mean log-density", mean, error, (double)NAN, 0);
  }
  effort_report(&r, &d->effort);
  report_text(&r, "output", "written to", c->value[FLAG_OUTPUT]);
  if (d->logp != NULL)
    report_text(&r, "logp", "log-densities in", c->value[FLAG_LOGP]);
  report_end(&r);
}

int run_sample(cli *c) {
  draws d = {0};
  int result = cli_require(c, FLAG_OUTPUT);
  if (result == SUCCESS)
    result = data_check_output(c, FLAG_OUTPUT, true);
  if (result == SUCCESS)
    result = data_check_output(c, FLAG_LOGP, false);
  if (result == SUCCESS)
    result = draw_samples(c, c->operand[0], cli_has(c, FLAG_LOGP), &d);
  if (result == SUCCESS)
    result = data_write(c, c->value[FLAG_OUTPUT], "f8", &d.data);
  if (result == SUCCESS && d.logp != NULL)
    result = vector_write(c, c->value[FLAG_LOGP], d.data.n, d.logp);
  if (result == SUCCESS)
    print_draws(c, &d);
  draws_free(&d);
  return result;
}
