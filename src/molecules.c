/* molecules.c -- samples of flows of molecules of any size, as extended XYZ with elements. */
#include "molecules.h"
#include "data.h"
#include "draw.h"
#include "progress.h"
#include "report.h"

#include <math.h>
#include <stdlib.h>

static bool is_any_size(const enf_flow *flow) {
  int64_t particles = -1;
  return enf_get_int(flow, "particles", &particles) == ENF_OK && particles == 0;
}

static int write_samples(cli *c, const enf_flow *flow, const enf_batch *batch, size_t n,
                         const double *logp) {
  const enf_status status = enf_batch_write(c->ctx, batch, flow, c->value[FLAG_OUTPUT]);
  if (status != ENF_OK)
    return cli_fail_status(c, status);
  return logp != NULL ? vector_write(c, c->value[FLAG_LOGP], n, logp) : SUCCESS;
}

static void print_samples(const cli *c, uint64_t n, uint64_t seed, uint64_t failed,
                          double seconds) {
  report r = report_begin(c);
  report_text(&r, "flow", "flow", c->operand[0]);
  report_count(&r, "samples", "samples", n);
  report_count(&r, "seed", "seed", seed);
  report_count(&r, "failed", "failed", failed);
  report_real(&r, "seconds", "seconds", seconds);
  report_text(&r, "output", "written to", c->value[FLAG_OUTPUT]);
  report_end(&r);
}

static int draw_molecules(cli *c, const enf_flow *flow) {
  uint64_t n, seed, first, particles, failed = 0;
  enf_batch *batch = NULL;
  if (cli_count(c, FLAG_COUNT, 1, 1, &n) != SUCCESS || cli_count(c, FLAG_SEED, 0, 0, &seed) ||
      cli_count(c, FLAG_FIRST, 0, 0, &first) || cli_count(c, FLAG_PARTICLES, 2, 0, &particles))
    return USAGE;
  if (cli_has(c, FLAG_RESUME))
    return cli_usage(c, "--resume is not for samples of molecules of any size; --first goes on");
  double *logp = cli_has(c, FLAG_LOGP) ? cli_alloc(n, sizeof *logp) : NULL;
  const double start = cli_seconds();
  enf_status status = enf_sample_batch(c->ctx, flow, seed, first, n, particles, &batch, logp);
  int result = FAILURE;
  if (batch == NULL)
    result = cli_fail_status(c, status);
  else if (settle_failed(c, status, n, &failed) == SUCCESS)
    result = write_samples(c, flow, batch, n, logp);
  if (result == SUCCESS)
    print_samples(c, n, seed, failed, cli_seconds() - start);
  enf_batch_destroy(batch);
  free(logp);
  return result;
}

int sample_molecules(cli *c, bool *done) {
  enf_flow *flow = NULL;
  int result = cli_configure(c);
  *done = result != SUCCESS;
  if (*done)
    return result;
  const enf_status status = enf_load(c->ctx, &flow, c->operand[0]);
  result = status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
  *done = result != SUCCESS || is_any_size(flow);
  if (result == SUCCESS && *done)
    result = draw_molecules(c, flow);
  else if (result == SUCCESS && cli_has(c, FLAG_PARTICLES))
    result = cli_usage(c, "--particles is for flows of molecules of any size");
  enf_destroy(flow);
  return result;
}
