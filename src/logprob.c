/* logprob.c -- `enf logprob`: exact log-density of configurations; NLL and excess NLL.

   Excess NLL = mean over rows of (-log q(x)) - (u(x) + log Z), the paired difference to the score
   of the true density exp(-u)/Z on the same rows: an estimate of KL(p||q) with a much smaller error
   than the NLL itself. */
#include "atoms.h"
#include "draw.h"
#include "links.h"
#include "molecules.h"
#include "progress.h"
#include "ranks.h"
#include "score.h"
#include "temperatures.h"
#include "trajectory.h"

#include <math.h>
#include <stdlib.h>

/* Replaces u by the rows' excess. */
static int find_excess(const target *t, const dataset *data, const double *logp, score *s) {
  double *u = cli_alloc(data->n, sizeof(double));
  if (u == NULL)
    return FAILURE;
  const int result = target_eval(t, data, u);
  for (size_t i = 0; i < data->n && result == SUCCESS; i++) {
    s->nonfinite += isfinite(u[i]) ? 0 : 1;
    u[i] = -logp[i] - (u[i] + t->log_z);
  }
  if (s->nonfinite > 0)
    cli_note("%llu of %zu energies are not finite: these rows are left out of the excess NLL",
             (unsigned long long)s->nonfinite, data->n);
  mean_of(data->n, u, &s->excess, &s->excess_err);
  free(u);
  return result;
}

/* A flow that is kept to one hand has twice the density there, and none elsewhere. */
static int settle_hands(const cli *c, const enf_flow *flow, const dataset *data, double *logp) {
  hands h;
  size_t others = 0;
  bool *wrong = cli_alloc(data->n, sizeof *wrong);
  int result = wrong != NULL ? hands_of_flow(c, flow, &h) : FAILURE;
  if (result == SUCCESS)
    result = hands_compare(c, &h, data, wrong, &others);
  for (size_t i = 0; i < data->n && result == SUCCESS && h.count > 0; i++)
    logp[i] = wrong[i] ? -INFINITY : logp[i] + log(2);
  if (wrong != NULL)
    hands_free(&h);
  free(wrong);
  return result;
}

/* Of this rank's rows; failed counts those that have none. */
static int score_part(cli *c, const enf_flow *flow, const dataset *data, double *logp, score *s,
                      bool *cancelled) {
  const size_t me = ranks_number(), begin = ranks_from(data->n, me);
  const size_t count = ranks_from(data->n, me + 1) - begin;
  progress p = progress_begin(c, "log-density", "samples", 0);
  if (count == 0)
    return SUCCESS;
  enf_ctx_set_progress(c->ctx, progress_callback, &p);
  const double start = cli_seconds();
  const enf_status status =
      enf_log_prob(c->ctx, flow, count, data->x + begin * data->N * data->D, logp + begin);
  s->effort = effort_read(c, count, cli_seconds() - start);
  progress_end(&p);
  enf_ctx_set_progress(c->ctx, NULL, NULL);
  *cancelled = status == ENF_ERR_CANCELLED;
  return *cancelled ? SUCCESS : settle_failed(c, status, count, &s->failed);
}

/* The parts of all ranks. */
static int score_all(cli *c, const enf_flow *flow, const dataset *data, double *logp, score *s) {
  bool cancelled = false;
  const int result = ranks_worst(score_part(c, flow, data, logp, s, &cancelled));
  if (result != SUCCESS)
    return result;
  if (ranks_worst(cancelled))
    return s->n = 0, SUCCESS;
  double failed = (double)s->failed;
  ranks_gather(data->n, 1, logp);
  ranks_add(NULL, 1, &failed);
  s->effort = effort_gather(&s->effort);
  s->failed = (uint64_t)failed;
  if (s->failed == data->n)
    return cli_fail("all %zu configurations failed", data->n);
  return settle_hands(c, flow, data, logp);
}

int score_flow(cli *c, const enf_flow *flow, const dataset *data, const target *t, double *logp,
               score *s) {
  *s = (score){.n = data->n, .excess = (double)NAN, .excess_err = (double)NAN};
  const int result = score_all(c, flow, data, logp, s);
  if (result != SUCCESS || s->n == 0)
    return result;
  mean_of(data->n, logp, &s->nll, &s->nll_err);
  s->nll = -s->nll;
  const int found = lines_find(c, flow, data, &s->lines);
  return isnan(t->log_z) || found != SUCCESS ? found : find_excess(t, data, logp, s);
}

void score_report(report *r, const score *s) {
  report_count(r, "rows", "configurations scored", s->n);
  report_count(r, "failed", "failed", s->failed);
  report_measured(r, "nll", "NLL", s->nll, s->nll_err, (double)NAN, 0);
  if (s->nonfinite > 0)
    report_count(r, "nonfinite", "energies not finite", s->nonfinite);
  if (!isnan(s->excess))
    report_measured(r, "excess_nll", "excess NLL", s->excess, s->excess_err, (double)NAN, 0);
  lines_report(r, &s->lines, s->nll, s->nll - s->excess);
}

static void print_score(const cli *c, const score *s) {
  report r = report_begin(c);
  report_text(&r, "flow", "flow", c->operand[0]);
  report_text(&r, "data", "data", c->operand[1]);
  score_report(&r, s);
  effort_report(&r, &s->effort);
  if (cli_has(c, FLAG_OUTPUT))
    report_text(&r, "output", "written to", c->value[FLAG_OUTPUT]);
  report_end(&r);
}

static int evaluate(cli *c, const enf_flow *flow, const dataset *data, target *t) {
  score s;
  double *logp = cli_alloc(data->n, sizeof(double));
  int result = logp != NULL ? target_check(t, "the configurations", data->N, data->D) : FAILURE;
  if (result == SUCCESS)
    result = score_flow(c, flow, data, t, logp, &s);
  if (result == SUCCESS && s.n == 0)
    result = cli_fail_status(c, ENF_ERR_CANCELLED);
  if (result == SUCCESS && cli_has(c, FLAG_OUTPUT))
    result = vector_write(c, c->value[FLAG_OUTPUT], data->n, logp);
  if (result == SUCCESS)
    print_score(c, &s);
  free(logp);
  return result;
}

static int load_and_evaluate(cli *c, target *t) {
  enf_flow *flow = NULL;
  dataset data = {0};
  size_t N = 0, D = 0;
  uint64_t rows = 0;
  int result = cli_count(c, FLAG_ROWS, 1, UINT64_MAX, &rows);
  if (result == SUCCESS && cli_has(c, FLAG_U) && cli_has(c, FLAG_ROWS))
    result = cli_usage(c, "--u has an energy for every configuration: --rows cannot choose some");
  if (result != SUCCESS)
    return result;
  result = flow_open(c, c->operand[0], &flow);
  if (result != SUCCESS)
    return result;
  flow_shape(flow, &N, &D);
  target_check_kT(t, flow, c->operand[0]);
  target_heat(t, flow_temperature(flow));
  if (N == 0) {
    result = logprob_molecules(c, flow);
    enf_destroy(flow);
    return result;
  }
  result = cli_has(c, FLAG_CONTEXT) ? cli_usage(c, "--context is for flows of molecules of any size")
                                    : links_of_flow(c, flow);
  if (result == SUCCESS)
    result = trajectory_read(c, c->operands - 1, c->operand + 1, N, D, &data);
  if (result == SUCCESS)
    result = atoms_fit_flow(c, flow, c->operand[0], &data, c->operand[1]);
  if (result == SUCCESS) {
    data_thin(&data, rows);
    result = evaluate(c, flow, &data, t);
  }
  data_free(&data);
  enf_destroy(flow);
  return result;
}

int run_logprob(cli *c) {
  target t = {0};
  int result = cli_configure(c);
  if (result == SUCCESS)
    result = target_make(c, c->value[FLAG_ENERGY], &t);
  if (result == SUCCESS) {
    interrupts_catch();
    result = load_and_evaluate(c, &t);
  }
  target_free(&t);
  return result;
}
