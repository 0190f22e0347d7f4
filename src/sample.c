/* sample.c -- `enf sample`: samples from a flow, with their exact log-density.

   Interrupted, it writes the samples it has; so it does every minute. --resume takes them from the
   files and draws the rest: the first and the last are drawn again, to see that they are of this
   flow and this stream. */
#include "draw.h"
#include "files.h"
#include "molecules.h"
#include "progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- samples of before ----------------------------------------------------------------------- */

static bool same_number(double drawn, double found, bool single) {
  return drawn == found || (isnan(drawn) && isnan(found)) ||
         (single && (double)(float)drawn == found);
}

/* Whether sample i of the stream is the one that was read. */
static bool same_sample(const cli *c, const enf_flow *flow, const draws *d, size_t i, double *x) {
  const char *type = c->value[FLAG_TYPE];
  const bool single = type != NULL && strcmp(type, "f4") == 0;
  const size_t width = d->data.N * d->data.D;
  double logp = 0;
  bool same = true;
  enf_sample(c->ctx, flow, d->seed, d->first + i, 1, x, d->logp != NULL ? &logp : NULL);
  hands_settle(c, &d->hands, 1, d->data.N, x, &logp);
  for (size_t k = 0; k < width; k++)
    same = same && same_number(x[k], d->data.x[i * width + k], single);
  return same && (d->logp == NULL || same_number(logp, d->logp[i], false));
}

static int check_samples(const cli *c, const enf_flow *flow, const draws *d) {
  double *x = cli_alloc(d->data.N * d->data.D, sizeof *x);
  if (x == NULL)
    return FAILURE;
  const bool same = same_sample(c, flow, d, 0, x) && same_sample(c, flow, d, d->done - 1, x);
  free(x);
  return same ? SUCCESS
              : cli_fail("%s does not hold samples %llu ... of seed %llu of this flow, so --resume "
                         "cannot go on with it",
                         c->value[FLAG_OUTPUT], (unsigned long long)d->first,
                         (unsigned long long)d->seed);
}

/* What both files have: they are written one after the other. */
static int copy_samples(const cli *c, const dataset *x, size_t logps, const double *logp,
                        draws *d) {
  d->done = d->logp != NULL && logps < x->n ? logps : x->n;
  if (d->done > d->data.n)
    return cli_usage(c, "%s has %zu samples, more than -n asks for", c->value[FLAG_OUTPUT],
                     d->done);
  memcpy(d->data.x, x->x, d->done * x->N * x->D * sizeof(double));
  if (d->logp != NULL)
    memcpy(d->logp, logp, d->done * sizeof(double));
  return SUCCESS;
}

static int recall(cli *c, const enf_flow *flow, draws *d) {
  dataset x = {0};
  double *logp = NULL;
  size_t logps = 0;
  if (c->links.pairs)
    return cli_usage(c, "--resume compares angles to the last bit, --layout \"... complex\" does not keep them");
  if (access(c->value[FLAG_OUTPUT], F_OK) != 0)
    return SUCCESS; /* it was interrupted before the first, or has not begun */
  int result = data_read(c, c->value[FLAG_OUTPUT], d->data.N, d->data.D, &x);
  if (result == SUCCESS && d->logp != NULL)
    result = vector_read(c, c->value[FLAG_LOGP], &logps, &logp);
  if (result == SUCCESS)
    result = copy_samples(c, &x, logps, logp, d);
  if (result == SUCCESS && d->done > 0)
    result = check_samples(c, flow, d);
  data_free(&x);
  free(logp);
  return result;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int keep(cli *c, const draws *d) {
  dataset part = d->data;
  part.n = d->done;
  const int result = data_write(c, c->value[FLAG_OUTPUT], "f8", &part);
  return result == SUCCESS && d->logp != NULL
             ? vector_write(c, c->value[FLAG_LOGP], d->done, d->logp)
             : result;
}

static bool streams(const cli *c) {
  return is_stream(c->value[FLAG_OUTPUT]) ||
         (cli_has(c, FLAG_LOGP) && is_stream(c->value[FLAG_LOGP]));
}

/* Samples of which some centres have one hand and some the other are no samples of the molecule. */
static int count_others(const cli *c, const draws *d, size_t *others) {
  dataset samples = d->data;
  samples.n = d->done;
  bool *wrong = cli_alloc(d->done, sizeof *wrong);
  const int result =
      wrong != NULL ? hands_compare(c, &d->hands, &samples, wrong, others) : FAILURE;
  free(wrong);
  if (result == SUCCESS && *others > 0)
    cli_note("%zu of %zu samples have stereocentres of both hands, or flat ones: give them weight 0",
             *others, d->done);
  return result;
}

static void print_draws(const cli *c, const draws *d, size_t others) {
  double mean = 0, error = 0;
  report r = report_begin(c);
  report_text(&r, "flow", "flow", c->operand[0]);
  report_count(&r, "samples", "samples", d->done);
  report_count(&r, "seed", "seed", d->seed);
  report_count(&r, "first", "first sample", d->first);
  report_count(&r, "failed", "failed", d->failed);
  if (d->hands.count > 0)
    report_count(&r, "of_both_hands", "of both hands", others);
  if (d->logp != NULL) {
    mean_of(d->done, d->logp, &mean, &error);
    report_measured(&r, "mean_logp", "mean log-density", mean, error, (double)NAN, 0);
  }
  effort_report(&r, &d->effort);
  report_text(&r, "output", "written to", c->value[FLAG_OUTPUT]);
  if (d->logp != NULL)
    report_text(&r, "logp", "log-densities in", c->value[FLAG_LOGP]);
  report_end(&r);
}

/* The samples so far are kept; it is a failure all the same, since they are not all. */
static int finish(cli *c, const draws *d) {
  if (d->done == 0)
    return cli_fail_status(c, ENF_ERR_CANCELLED);
  size_t others = 0;
  int result = keep(c, d);
  if (result == SUCCESS)
    result = count_others(c, d, &others);
  if (result != SUCCESS)
    return result;
  print_draws(c, d, others);
  return d->done == d->data.n ? SUCCESS
                              : cli_fail("interrupted; %s has %zu of %zu samples, --resume goes on",
                                         c->value[FLAG_OUTPUT], d->done, d->data.n);
}

int run_sample(cli *c) {
  const bool resumes = cli_has(c, FLAG_RESUME);
  bool done = false;
  int result = cli_require(c, FLAG_OUTPUT);
  if (result == SUCCESS)
    result = cli_require(c, FLAG_COUNT);
  if (result == SUCCESS)
    result = sample_molecules(c, &done);
  if (result != SUCCESS || done)
    return result;
  if (resumes && streams(c))
    return cli_usage(c, "--resume needs the files of before, '-' has none");
  draws d = {.keep = streams(c) ? NULL : keep, .recall = resumes ? recall : NULL};
  result = draw_samples(c, c->operand[0], cli_has(c, FLAG_LOGP), &d);
  if (result == SUCCESS)
    result = finish(c, &d);
  draws_free(&d);
  return result;
}
