/* reweight.c -- `enf reweight`: from a flow's samples to averages of the Boltzmann density.

   w = exp(-u - log q), normalised; reweighted mean <u> = sum w u with the error
   sqrt(sum w^2 (u - <u>)^2) (delta method). */
#include "draw.h"
#include "histogram.h"
#include "plot.h"
#include "report.h"
#include "target.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  draws samples;
  dataset reference;
  target target;
  double *u, *logw, *u_reference;
  enf_weights weights;
  double mean_u, mean_u_err;
  const char *picture;
} reweighting;

static int check_flags(const cli *c) {
  if (cli_has(c, FLAG_X) != cli_has(c, FLAG_LOGP))
    return cli_usage(c, "--x and --logp go together");
  if (cli_has(c, FLAG_X) == (c->operands > 0))
    return cli_usage(c, "reweight takes either FLOW or --x and --logp");
  if (cli_has(c, FLAG_PLOT) && !plot_can(c->value[FLAG_PLOT]))
    return cli_usage(c, "--plot needs a name in .svg or .png, not '%s'", c->value[FLAG_PLOT]);
  return cli_require(c, FLAG_ENERGY);
}

static int read_samples(cli *c, const target *t, draws *d) {
  int result = data_read(c, c->value[FLAG_X], t->N, t->D, &d->data);
  if (result == SUCCESS)
    result = vector_read(c, c->value[FLAG_LOGP], &d->data.n, &d->logp);
  return result;
}

static int get_samples(cli *c, reweighting *w) {
  int result = c->operands > 0 ? draw_samples(c, c->operand[0], true, &w->samples)
                               : read_samples(c, &w->target, &w->samples);
  if (result == SUCCESS)
    result = target_check(&w->target, "the configurations", w->samples.data.N, w->samples.data.D);
  return result;
}

static int get_reference(cli *c, reweighting *w, size_t N, size_t D) {
  if (!cli_has(c, FLAG_REFERENCE))
    return SUCCESS;
  const int result = data_read(c, c->value[FLAG_REFERENCE], N, D, &w->reference);
  if (result != SUCCESS)
    return result;
  w->u_reference = cli_alloc(w->reference.n, sizeof(double));
  return w->u_reference == NULL ? FAILURE : target_eval(&w->target, &w->reference, w->u_reference);
}

/* The reference first, so that a mistake in it is told before the work; after the samples where
   only they tell the shape. */
static int get_configurations(cli *c, reweighting *w) {
  const target *t = &w->target;
  const bool open = t->N == 0 || t->D == 0;
  int result = open ? SUCCESS : get_reference(c, w, t->N, t->D);
  if (result == SUCCESS)
    result = get_samples(c, w);
  if (result == SUCCESS && open)
    result = get_reference(c, w, w->samples.data.N, w->samples.data.D);
  return result;
}

static void find_mean(size_t n, const double *u, const double *logw, double *mean, double *error) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++)
    if (logw[i] > -INFINITY)
      sum += exp(logw[i]) * u[i];
  for (size_t i = 0; i < n; i++)
    if (logw[i] > -INFINITY)
      squares += exp(2 * logw[i]) * (u[i] - sum) * (u[i] - sum);
  *mean = sum;
  *error = sqrt(squares);
}

static int weigh(cli *c, reweighting *w) {
  const size_t n = w->samples.data.n;
  w->u = cli_alloc(n, sizeof(double));
  w->logw = cli_alloc(n, sizeof(double));
  if (w->u == NULL || w->logw == NULL)
    return FAILURE;
  if (target_eval(&w->target, &w->samples.data, w->u) != SUCCESS)
    return FAILURE;
  const enf_status status = enf_reweight(c->ctx, n, w->samples.logp, w->u, w->logw, &w->weights);
  if (status != ENF_OK)
    return cli_fail_status(c, status);
  find_mean(n, w->u, w->logw, &w->mean_u, &w->mean_u_err);
  return SUCCESS;
}

static int draw_picture(const cli *c, reweighting *w) {
  const size_t n = w->samples.data.n;
  const energies set[3] = {{"flow samples", n, w->u, NULL, 0.02},
                           {"reweighted", n, w->u, w->logw, 1e-3},
                           {"reference data", w->reference.n, w->u_reference, NULL, 1e-3}};
  const char *path = c->value[FLAG_PLOT];
  bool drawn = false;
  if (path == NULL)
    return SUCCESS;
  const int result = histogram_write(c, path, w->target.spec, set, &drawn);
  w->picture = drawn ? path : NULL;
  return result;
}

static void print_energies(report *r, const reweighting *w) {
  const target *t = &w->target;
  double mean = 0, error = 0;
  report_measured(r, "mean_u", "mean energy, reweighted", w->mean_u, w->mean_u_err, t->mean_u,
                  t->mean_u_err);
  mean_of(w->samples.data.n, w->u, &mean, &error);
  report_measured(r, "mean_u_samples", "mean energy, samples", mean, error, (double)NAN, 0);
  if (w->reference.n == 0)
    return;
  mean_of(w->reference.n, w->u_reference, &mean, &error);
  report_measured(r, "mean_u_reference", "mean energy, reference", mean, error, (double)NAN, 0);
}

static void print_reweighting(const cli *c, const reweighting *w) {
  const enf_weights *q = &w->weights;
  report r = report_begin(c);
  report_text(&r, "energy", "energy", w->target.spec);
  report_count(&r, "samples", "samples", q->n);
  report_count(&r, "nonfinite", "non-finite samples", q->n_nonfinite);
  report_real(&r, "ess", "effective sample size", q->ess);
  report_real(&r, "ess_clipped", "  with weights clipped", q->ess_clipped);
  report_real(&r, "clipped_share", "  share of them clipped", q->clipped_share);
  report_real(&r, "max_weight", "largest weight's share", q->max_weight);
  report_measured(&r, "log_z", "log Z", q->log_z, q->log_z_err, w->target.log_z,
                  w->target.log_z_err);
  print_energies(&r, w);
  if (c->operands > 0)
    report_real(&r, "seconds", "seconds of sampling", w->samples.effort.seconds);
  if (w->picture != NULL)
    report_text(&r, "plot", "energy histogram", w->picture);
  report_end(&r);
}

static void free_reweighting(reweighting *w) {
  draws_free(&w->samples);
  data_free(&w->reference);
  target_free(&w->target);
  free(w->u);
  free(w->logw);
  free(w->u_reference);
}

int run_reweight(cli *c) {
  reweighting w = {.weights = ENF_WEIGHTS_INIT};
  int result = check_flags(c);
  if (result == SUCCESS)
    result = cli_configure(c);
  if (result == SUCCESS)
    result = target_make(c, c->value[FLAG_ENERGY], &w.target);
  if (result == SUCCESS)
    result = get_configurations(c, &w);
  if (result == SUCCESS)
    result = weigh(c, &w);
  if (result == SUCCESS)
    result = draw_picture(c, &w);
  if (result == SUCCESS)
    print_reweighting(c, &w);
  free_reweighting(&w);
  return result;
}
