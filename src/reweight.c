/* reweight.c -- `enf reweight`: from a flow's samples to averages of the Boltzmann density.

   w = exp(-u - log q), normalised; reweighted mean <u> = sum w u with the error
   sqrt(sum w^2 (u - <u>)^2) (delta method). */
#include "atoms.h"
#include "bridge.h"
#include "chain.h"
#include "colvar.h"
#include "draw.h"
#include "histogram.h"
#include "links.h"
#include "pairs.h"
#include "paths.h"
#include "plot.h"
#include "progress.h"
#include "report.h"
#include "score.h"
#include "surface.h"
#include "target.h"
#include "temperatures.h"
#include "trajectory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PATHS = 2000 };

typedef struct {
  draws samples;
  dataset reference;
  target target;
  double *u, *logw, *u_reference;
  enf_weights weights;
  double mean_u, mean_u_err, acceptance;
  uint64_t paths_wanted, rows;
  paths paths;
  score score;   /* n = 0: no --data */
  bridge bridge; /* samples and --data together */
  cvs cvs;
  surface surface;
  histogram energies, distances;
  double *distance, *distance_logw, *distance_reference;
  const char *picture, *distance_picture;
} reweighting;

static const char *reference_of(const cli *c) {
  return cli_has(c, FLAG_DATA) ? c->value[FLAG_DATA] : c->value[FLAG_REFERENCE];
}

static int check_flags(const cli *c) {
  const bool of_flow = cli_has(c, FLAG_DATA) || cli_has(c, FLAG_PATHS);
  if (cli_has(c, FLAG_X) != cli_has(c, FLAG_LOGP))
    return cli_usage(c, "--x and --logp go together");
  if (cli_has(c, FLAG_X) == (c->operands > 0))
    return cli_usage(c, "reweight takes either FLOW or --x and --logp");
  if (cli_has(c, FLAG_X) && (cli_has(c, FLAG_COUNT) || cli_has(c, FLAG_FIRST)))
    return cli_usage(c, "-n and --first draw from FLOW: --x has its samples");
  if (of_flow && c->operands == 0)
    return cli_usage(c, "--data and --paths need FLOW; --reference does not");
  if (cli_has(c, FLAG_DATA) && cli_has(c, FLAG_REFERENCE))
    return cli_usage(c, "--data is --reference with the NLL: give one of them");
  if (cli_has(c, FLAG_U) && !cli_has(c, FLAG_X))
    return cli_usage(c, "--u has the energies of --x and --logp: they are needed");
  if (cli_has(c, FLAG_MAP_ATOMS) && (c->operands == 0 || reference_of(c) == NULL))
    return cli_usage(c, "--map-atoms needs FLOW and --data or --reference");
  if (cli_has(c, FLAG_CHIRAL) && c->operands == 0)
    return cli_usage(c, "--chiral needs FLOW: --x has samples of one hand, or is to have both");
  if (reference_of(c) == NULL &&
      (cli_has(c, FLAG_SKIP) || cli_has(c, FLAG_LAST) || cli_has(c, FLAG_STRIDE)))
    return cli_usage(c, "--skip, --last and --stride need --data or --reference");
  if (cli_has(c, FLAG_ROWS) && reference_of(c) == NULL)
    return cli_usage(c, "--rows needs --data or --reference");
  return SUCCESS;
}

static int read_flags(cli *c, reweighting *w) {
  int result = check_flags(c);
  if (result == SUCCESS)
    result = cvs_flags(c, &w->cvs);
  if (result == SUCCESS)
    result = surface_flags(c, &w->cvs, &w->surface);
  if (result == SUCCESS && !cli_has(c, FLAG_U))
    result = cli_require(c, FLAG_ENERGY);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_PATHS, 0, PATHS, &w->paths_wanted);
  return result == SUCCESS ? cli_count(c, FLAG_ROWS, 1, UINT64_MAX, &w->rows) : result;
}

static int read_samples(cli *c, const target *t, draws *d) {
  int result = cli_count(c, FLAG_SEED, 0, 0, &d->seed);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_FIRST, 0, 0, &d->first);
  if (result == SUCCESS)
    result = links_of_target(c, t);
  if (result == SUCCESS)
    result = data_read(c, c->value[FLAG_X], t->N, t->D, &d->data);
  if (result == SUCCESS)
    result = vector_read(c, c->value[FLAG_LOGP], &d->data.n, &d->logp);
  return result;
}

static int get_samples(cli *c, reweighting *w) {
  int result = c->operands > 0 ? draw_samples(c, c->operand[0], true, &w->samples)
                               : read_samples(c, &w->target, &w->samples);
  if (result == SUCCESS && c->operands > 0 && w->samples.done < w->samples.data.n)
    result = cli_fail_status(c, ENF_ERR_CANCELLED);
  if (result == SUCCESS)
    result = target_check(&w->target, "the configurations", w->samples.data.N, w->samples.data.D);
  return result;
}

/* The reference's with the flow's, or with those of --x. */
static int compare_atoms(cli *c, reweighting *w) {
  enf_flow *flow = NULL;
  if (c->operands == 0)
    return atoms_fit_file(&w->samples.data, c->value[FLAG_X], &w->reference, reference_of(c));
  int result = flow_open(c, c->operand[0], &flow);
  if (result != SUCCESS)
    return result;
  result = atoms_fit_flow(c, flow, c->operand[0], &w->reference, reference_of(c));
  enf_destroy(flow);
  return result;
}

static int get_reference(cli *c, reweighting *w, size_t N, size_t D) {
  if (reference_of(c) == NULL)
    return SUCCESS;
  const char *path = reference_of(c);
  int result = trajectory_read(c, 1, &path, N, D, &w->reference);
  if (result == SUCCESS)
    result = compare_atoms(c, w);
  if (result != SUCCESS)
    return result;
  data_thin(&w->reference, w->rows);
  if (cli_has(c, FLAG_U)) /* which has none of the reference */
    return SUCCESS;
  w->u_reference = cli_alloc(w->reference.n, sizeof(double));
  return w->u_reference == NULL ? FAILURE : target_eval(&w->target, &w->reference, w->u_reference);
}

/* The reference first, so that a mistake in it is told before the work; after the samples where
   they are in a file, or only they tell the shape. */
static int get_configurations(cli *c, reweighting *w) {
  const target *t = &w->target;
  const bool open = t->N == 0 || t->D == 0 || c->operands == 0;
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

/* Samples of which some centres have one hand and some the other are impossible. */
static int refuse_hands(const cli *c, reweighting *w) {
  const size_t n = w->samples.data.n;
  size_t others = 0;
  bool *wrong = cli_alloc(n, sizeof *wrong);
  const int result =
      wrong != NULL ? hands_compare(c, &w->samples.hands, &w->samples.data, wrong, &others)
                    : FAILURE;
  for (size_t i = 0; i < n && others > 0; i++)
    w->u[i] = wrong[i] ? INFINITY : w->u[i];
  free(wrong);
  if (others > 0)
    cli_note("%zu of %zu samples have stereocentres of both hands, or flat ones: they weigh nothing",
             others, n);
  return result;
}

static int weigh(cli *c, reweighting *w) {
  const size_t n = w->samples.data.n;
  w->u = cli_alloc(n, sizeof(double));
  w->logw = cli_alloc(n, sizeof(double));
  if (w->u == NULL || w->logw == NULL)
    return FAILURE;
  if (target_eval(&w->target, &w->samples.data, w->u) != SUCCESS ||
      refuse_hands(c, w) != SUCCESS)
    return FAILURE;
  const enf_status status = enf_reweight(c->ctx, n, w->samples.logp, w->u, w->logw, &w->weights);
  if (status != ENF_OK)
    return cli_fail_status(c, status);
  target_check_unit(n, w->u, w->samples.logp);
  find_mean(n, w->u, w->logw, &w->mean_u, &w->mean_u_err);
  if (w->weights.n_nonfinite > w->samples.failed)
    cli_note("%llu of %zu samples have an energy or a log-density that is no number (NaN, or "
             "infinite on the wrong side): they weigh nothing",
             (unsigned long long)w->weights.n_nonfinite, n);
  return SUCCESS;
}

/* ---- what only the flow itself can tell ------------------------------------------------------ */

static int score_data(cli *c, const enf_flow *flow, reweighting *w) {
  double *logp = cli_alloc(w->reference.n, sizeof(double));
  int result =
      logp != NULL ? score_flow(c, flow, &w->reference, &w->target, logp, &w->score) : FAILURE;
  const both_sides sides = {w->samples.data.n, w->reference.n, w->u,
                            w->samples.logp,   w->u_reference, logp};
  if (result == SUCCESS && w->score.n > 0)
    result = bridge_measure(c, &sides, &w->bridge);
  free(logp);
  return result;
}

static int measure_flow(cli *c, reweighting *w) {
  enf_flow *flow = NULL;
  if (c->operands == 0)
    return SUCCESS;
  int result = flow_open(c, c->operand[0], &flow);
  if (result != SUCCESS)
    return result;
  result = paths_measure(c, flow, &w->samples, (size_t)w->paths_wanted, &w->paths);
  if (result == SUCCESS && cli_has(c, FLAG_DATA) && !interrupted())
    result = score_data(c, flow, w);
  enf_destroy(flow);
  if (result == SUCCESS && interrupted())
    cli_note("interrupted; path lengths or the score of --data are not in the report");
  return result;
}

/* ---- histograms ------------------------------------------------------------------------------ */

static int compare_energies(const cli *c, reweighting *w) {
  const size_t n = w->samples.data.n, known = w->u_reference != NULL ? w->reference.n : 0;
  w->energies = (histogram){.key = "u",
                            .label = "energies",
                            .axis = "reduced energy u",
                            .set = {{n, 1, w->u, NULL, 0.1},
                                    {n, 1, w->u, w->logw, 1e-3},
                                    {known, 1, w->u_reference, NULL, 1e-3}}};
  return histogram_make(c, &w->energies);
}

static int compare_distances(const cli *c, reweighting *w) {
  histogram *h = &w->distances;
  *h = (histogram){.key = "distance", .label = "distances", .axis = "interatomic distance"};
  int result =
      pairs_take(c, &w->samples.data, w->logw, &h->set[RAW], &w->distance, &w->distance_logw);
  h->set[REWEIGHTED] = h->set[RAW];
  h->set[REWEIGHTED].logw = w->distance_logw;
  if (result == SUCCESS && w->reference.n > 0)
    result = pairs_take(c, &w->reference, NULL, &h->set[REFERENCE], &w->distance_reference, NULL);
  return result == SUCCESS ? histogram_make(c, h) : result;
}

static const char *draw_picture(const cli *c, const histogram *h, flag f, const char *title) {
  const char *path = c->value[f];
  return path != NULL && histogram_plot(h, path, title) ? path : NULL;
}

/* Only what was asked for. */
static int compare(const cli *c, reweighting *w) {
  int result = SUCCESS;
  if (w->u_reference != NULL || cli_has(c, FLAG_PLOT))
    result = compare_energies(c, w);
  if (result == SUCCESS && (w->reference.n > 0 || cli_has(c, FLAG_PLOT_DISTANCES)))
    result = compare_distances(c, w);
  if (result != SUCCESS)
    return result;
  w->picture = draw_picture(c, &w->energies, FLAG_PLOT, w->target.spec);
  w->distance_picture = draw_picture(c, &w->distances, FLAG_PLOT_DISTANCES, w->target.spec);
  return SUCCESS;
}

/* ---- the report ------------------------------------------------------------------------------ */

static void print_energies(report *r, const reweighting *w) {
  const target *t = &w->target;
  double mean = 0, error = 0;
  report_measured(r, "mean_u", "mean energy, reweighted", w->mean_u, w->mean_u_err, t->mean_u,
                  t->mean_u_err);
  mean_of(w->samples.data.n, w->u, &mean, &error);
  report_measured(r, "mean_u_samples", "mean energy, samples", mean, error, (double)NAN, 0);
  if (w->u_reference == NULL)
    return;
  mean_of(w->reference.n, w->u_reference, &mean, &error);
  report_measured(r, "mean_u_reference", "mean energy, reference", mean, error, (double)NAN, 0);
}

static void print_weights(report *r, const enf_weights *q) {
  report_count(r, "samples", "samples", q->n);
  report_count(r, "nonfinite", "non-finite samples", q->n_nonfinite);
  report_measured(r, "ess", "effective sample size", q->ess, q->ess_err, (double)NAN, 0);
  report_measured(r, "ess_clipped", "  with weights clipped", q->ess_clipped, q->ess_clipped_err,
                  (double)NAN, 0);
  report_real(r, "clipped_share", "  share of them clipped", q->clipped_share);
  report_real(r, "ess_smoothed", "  with weights smoothed", q->ess_smoothed);
  report_real(r, "khat", "k-hat of the weights", q->khat);
  report_real(r, "max_weight", "largest weight's share", q->max_weight);
}

static void print_comparison(report *r, const cli *c, const reweighting *w) {
  if (w->score.n > 0) {
    report_text(r, "data", "data", c->value[FLAG_DATA]);
    score_report(r, &w->score);
    bridge_report(r, &w->bridge, &w->target);
  }
  if (w->energies.key != NULL)
    histogram_report(r, &w->energies);
  if (w->distances.key == NULL)
    return;
  report_count(r, "distance_samples", "distances: of samples", w->distances.set[RAW].n);
  if (w->reference.n > 0)
    report_count(r, "distance_reference", "  of the data", w->distances.set[REFERENCE].n);
  histogram_report(r, &w->distances);
}

static void print_effort(report *r, const reweighting *w) {
  const effort *e = &w->samples.effort;
  effort_report(r, e);
  report_real(r, "effective_rate", "effective samples per second",
              w->weights.ess * (double)e->n / e->seconds);
}

static void print_reweighting(const cli *c, const reweighting *w) {
  report r = report_begin(c);
  report_text(&r, "energy", "energy", w->target.spec);
  print_weights(&r, &w->weights);
  report_measured(&r, "log_z", "log Z", w->weights.log_z, w->weights.log_z_err, w->target.log_z,
                  w->target.log_z_err);
  print_energies(&r, w);
  cvs_report(&r, &w->cvs);
  surface_report(&r, c, &w->surface);
  print_comparison(&r, c, w);
  paths_report(&r, &w->paths);
  if (c->operands > 0)
    print_effort(&r, w);
  if (cli_has(c, FLAG_OUTPUT)) {
    report_real(&r, "acceptance", "acceptance of the chain", w->acceptance);
    report_text(&r, "output", "written to", c->value[FLAG_OUTPUT]);
  }
  if (cli_has(c, FLAG_LOGW))
    report_text(&r, "logw", "log-weights", c->value[FLAG_LOGW]);
  if (cli_has(c, FLAG_COLVAR))
    report_text(&r, "colvar", "variables with weights", c->value[FLAG_COLVAR]);
  if (w->picture != NULL)
    report_text(&r, "plot", "energy histogram", w->picture);
  if (w->distance_picture != NULL)
    report_text(&r, "plot_distances", "distance histogram", w->distance_picture);
  report_end(&r);
}

/* Where one sample decides, the errors are too small as well: they come from the same weights. */
static void doubt(const cli *c, const reweighting *w) {
  const double share = w->weights.max_weight;
  if (w->weights.khat > 0.7 && w->weights.n_tail >= 5 && !cli_has(c, FLAG_QUIET))
    cli_note("k-hat is %.2f, above 0.7: weights that decide may not have been seen, so the error "
             "bars are not to be trusted; rows of the target (--rows FILE) tell more",
             w->weights.khat);
  if (share > 0.1 && share * (double)w->weights.n > 10 && !cli_has(c, FLAG_QUIET))
    cli_note("one sample has %.3f of all weight: neither the averages nor their errors are to be "
             "trusted, the flow is too far from this energy",
             share);
}

static void free_reweighting(reweighting *w) {
  draws_free(&w->samples);
  data_free(&w->reference);
  target_free(&w->target);
  cvs_free(&w->cvs);
  free(w->u);
  free(w->logw);
  free(w->u_reference);
  free(w->distance);
  free(w->distance_logw);
  free(w->distance_reference);
}

/* The target at the temperature of FLOW, or with --x at --temperature. */
static int heat(const cli *c, target *t) {
  enf_flow *flow = NULL;
  double temperature;
  int result = cli_real(c, FLAG_TEMPERATURE, 0, 1, &temperature);
  if (result == SUCCESS && c->operands > 0)
    result = flow_open(c, c->operand[0], &flow);
  if (flow != NULL)
    target_check_kT(t, flow, c->operand[0]);
  if (result == SUCCESS)
    target_heat(t, flow != NULL ? flow_temperature(flow) : temperature);
  enf_destroy(flow);
  return result;
}

int run_reweight(cli *c) {
  reweighting w = {.weights = ENF_WEIGHTS_INIT};
  int result = read_flags(c, &w);
  if (result == SUCCESS)
    result = cli_configure(c);
  if (result == SUCCESS)
    result = target_make(c, c->value[FLAG_ENERGY], &w.target);
  if (result == SUCCESS)
    result = heat(c, &w.target);
  if (result == SUCCESS)
    result = get_configurations(c, &w);
  if (result == SUCCESS)
    result = weigh(c, &w);
  if (result == SUCCESS)
    result = cvs_measure(c, &w.samples.data, w.logw, &w.cvs);
  if (result == SUCCESS)
    result = surface_write(c, w.samples.data.n, w.logw, &w.cvs, &w.surface);
  if (result == SUCCESS && cli_has(c, FLAG_COLVAR))
    result = colvar_write(c->value[FLAG_COLVAR], w.samples.data.n, w.logw, &w.cvs);
  if (result == SUCCESS && cli_has(c, FLAG_LOGW))
    result = vector_write(c, c->value[FLAG_LOGW], w.samples.data.n, w.logw);
  if (result == SUCCESS && cli_has(c, FLAG_OUTPUT))
    result = chain_write(c, &w.samples, w.u, &w.acceptance);
  if (result == SUCCESS)
    result = measure_flow(c, &w);
  if (result == SUCCESS)
    result = compare(c, &w);
  if (result == SUCCESS)
    print_reweighting(c, &w);
  if (result == SUCCESS)
    doubt(c, &w);
  free_reweighting(&w);
  return result;
}
