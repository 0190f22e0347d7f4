/* mix.c -- `enf mix`: flows joined to a mixture, its weights from data or from energies. */
#include "cli.h"
#include "data.h"
#include "target.h"

#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 4000, ITERATIONS = 200 };

typedef struct {
  cli *c;
  size_t count;
  enf_flow *part[OPERANDS], *mix;
  size_t N, D;
} mixing;

static int load_parts(mixing *m) {
  for (; m->count < (size_t)m->c->operands; m->count++) {
    const enf_status status = enf_load(m->c->ctx, &m->part[m->count], m->c->operand[m->count]);
    if (status != ENF_OK)
      return cli_fail_status(m->c, status);
  }
  const enf_flow *parts[OPERANDS];
  for (size_t i = 0; i < m->count; i++)
    parts[i] = m->part[i];
  const enf_status status = enf_mixture_create(m->c->ctx, &m->mix, m->count, parts, NULL);
  if (status != ENF_OK)
    return cli_fail_status(m->c, status);
  flow_shape(m->mix, &m->N, &m->D);
  return SUCCESS;
}

static int fit(mixing *m, size_t n, const double *x, const double *logw) {
  const enf_status status = enf_mixture_fit(m->c->ctx, m->mix, n, x, logw, ITERATIONS, NULL);
  return status == ENF_OK ? SUCCESS : cli_fail_status(m->c, status);
}

static int fit_data(mixing *m) {
  dataset data = {0};
  int result = data_read(m->c, m->c->value[FLAG_DATA], m->N, m->D, &data);
  if (result == SUCCESS)
    result = fit(m, data.n, data.x, NULL);
  data_free(&data);
  return result;
}

/* As many samples of every part, weighed by exp(-u) over their equal mixture. */
static int weigh_samples(mixing *m, const target *t, size_t n, double *x, double *logw, double *u) {
  enf_ctx *ctx = m->c->ctx;
  uint64_t seed = 0;
  int result = cli_count(m->c, FLAG_SEED, 0, 0, &seed);
  enf_status status = ENF_OK;
  if (result != SUCCESS)
    return result;
  for (size_t i = 0; i < m->count && status == ENF_OK; i++)
    status = enf_sample(ctx, m->part[i], seed + i, 0, n, x + i * n * m->N * m->D, NULL);
  if (status == ENF_OK)
    status = enf_log_prob(ctx, m->mix, n * m->count, x, logw);
  if (status != ENF_OK)
    return cli_fail_status(m->c, status);
  if (t->fn(t->user, n * m->count, x, u, NULL) != 0)
    return cli_fail("the energy has failed");
  for (size_t i = 0; i < n * m->count; i++)
    logw[i] = -u[i] - logw[i];
  return fit(m, n * m->count, x, logw);
}

static int fit_energy(mixing *m) {
  target t = {0};
  uint64_t n = SAMPLES;
  int result = target_make(m->c, m->c->value[FLAG_ENERGY], &t);
  if (result == SUCCESS)
    result = target_check(&t, "the flows", m->N, m->D);
  if (result == SUCCESS)
    result = cli_count(m->c, FLAG_COUNT, 1, SAMPLES, &n);
  const size_t all = (size_t)n * m->count;
  double *x = result == SUCCESS ? cli_alloc(all, (m->N * m->D + 2) * sizeof *x) : NULL;
  if (result == SUCCESS)
    result = x != NULL ? weigh_samples(m, &t, (size_t)n, x, x + all * m->N * m->D,
                                       x + all * (m->N * m->D + 1))
                       : FAILURE;
  free(x);
  target_free(&t);
  return result;
}

static int finish(mixing *m) {
  const enf_status status = enf_save(m->c->ctx, m->mix, m->c->value[FLAG_OUTPUT]);
  double weight = 0;
  if (status != ENF_OK)
    return cli_fail_status(m->c, status);
  for (size_t i = 0; i < m->count && !cli_has(m->c, FLAG_QUIET); i++) {
    enf_mixture_get(m->mix, i, NULL, &weight);
    printf("%-12.6f %s\n", weight, m->c->operand[i]);
  }
  return SUCCESS;
}

int run_mix(cli *c) {
  mixing m = {.c = c};
  if (c->value[FLAG_OUTPUT] == NULL)
    return cli_usage(c, "-o names the mixture");
  if (cli_has(c, FLAG_DATA) && cli_has(c, FLAG_ENERGY))
    return cli_usage(c, "weights are from --data or from --energy: give one of them");
  int result = cli_configure(c);
  if (result == SUCCESS)
    result = load_parts(&m);
  if (result == SUCCESS && cli_has(c, FLAG_DATA))
    result = fit_data(&m);
  if (result == SUCCESS && cli_has(c, FLAG_ENERGY))
    result = fit_energy(&m);
  if (result == SUCCESS)
    result = finish(&m);
  for (size_t i = 0; i < m.count; i++)
    enf_destroy(m.part[i]);
  enf_destroy(m.mix);
  return result;
}
