/* anneal.c -- `enf anneal`: from a flow to the Boltzmann density by bridges (enf_anneal).

   One bridge a call, so that an interruption costs one bridge; after it, and every minute, walkers
   are kept beside the output and --resume goes on with them, to the same bits. <f> = sum W f has the
   error sqrt(sum over families of (sum W (f - <f>))^2): walkers of one family are not independent. */
#include "atoms.h"
#include "checkpoint.h"
#include "effort.h"
#include "files.h"
#include "links.h"
#include "progress.h"
#include "report.h"
#include "target.h"
#include "temperatures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double KEEP_SECONDS = 60;

typedef struct {
  cli *c;
  enf_flow *flow;
  target target;
  dataset data; /* x is the checkpoint's */
  checkpoint walkers;
  enf_anneal_plan plan;
  enf_annealing at;
  uint64_t *family;
  uint64_t most; /* bridges of this run */
  effort effort;
} annealing;

/* ---- flags ----------------------------------------------------------------------------------- */

static int read_plan(cli *c, enf_anneal_plan *plan) {
  int result = cli_count(c, FLAG_SEED, 0, 0, &plan->seed);
  if (result == SUCCESS)
    result = cli_real(c, FLAG_ESS_STEP, 0, plan->ess_step, &plan->ess_step);
  if (result == SUCCESS)
    result = cli_real(c, FLAG_ESS_RESAMPLE, -INFINITY, plan->ess_resample, &plan->ess_resample);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_MOVES, 0, plan->moves, &plan->moves);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_LEAPFROG, 1, plan->leapfrog, &plan->leapfrog);
  plan->guided = cli_has(c, FLAG_GUIDED);
  return result;
}

static int read_flags(annealing *a) {
  static const flag needed[] = {FLAG_OUTPUT, FLAG_COUNT, FLAG_ENERGY};
  cli *c = a->c;
  uint64_t n = 0;
  int result = SUCCESS;
  for (size_t k = 0; k < sizeof needed / sizeof *needed && result == SUCCESS; k++)
    result = cli_require(c, needed[k]);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_COUNT, 1, 0, &n);
  if (result == SUCCESS)
    result = read_plan(c, &a->plan);
  if (result == SUCCESS)
    result = target_make(c, c->value[FLAG_ENERGY], &a->target);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_BRIDGES, 1, UINT64_MAX, &a->most);
  a->data.n = (size_t)n;
  return result == SUCCESS ? cli_configure(c) : result;
}

/* ---- walkers of before ------------------------------------------------------------------------- */

enum { PLAN = 7, STATE = 9 };

static void list_plan(const enf_anneal_plan *plan, double number[PLAN]) {
  const double rest[PLAN - 2] = {plan->ess_step, plan->ess_resample, (double)plan->moves,
                                 (double)plan->leapfrog, (double)plan->guided};
  checkpoint_put_seed(number, plan->seed);
  memcpy(number + 2, rest, sizeof rest);
}

static int keep(annealing *a) {
  const double state[STATE] = {a->at.beta,
                               a->at.log_z,
                               a->at.log_z_err,
                               a->at.ess,
                               a->at.step,
                               (double)a->at.bridges,
                               (double)a->at.resamplings,
                               (double)a->at.proposals,
                               (double)a->at.accepted};
  list_plan(&a->plan, a->walkers.number);
  memcpy(a->walkers.number + PLAN, state, sizeof state);
  for (size_t i = 0; i < a->walkers.n; i++)
    a->walkers.families[i] = (double)a->family[i];
  return checkpoint_write(a->c, &a->walkers);
}

static int recall(annealing *a) {
  double wanted[PLAN];
  bool found;
  list_plan(&a->plan, wanted);
  int result = checkpoint_read(a->c, &a->walkers, &found);
  if (result != SUCCESS || !found)
    return result;
  result = checkpoint_check(a->c, &a->walkers, a->flow, a->target.fn, a->target.user, PLAN, wanted);
  const double *s = a->walkers.number + PLAN;
  a->at = (enf_annealing){sizeof a->at,   s[0],           s[1],           s[2],          s[3], s[4],
                          (uint64_t)s[5], (uint64_t)s[6], (uint64_t)s[7], (uint64_t)s[8]};
  for (size_t i = 0; i < a->walkers.n; i++)
    a->family[i] = (uint64_t)a->walkers.families[i];
  return result;
}

/* ---- the way ----------------------------------------------------------------------------------- */

static enf_status cross(annealing *a) {
  checkpoint *w = &a->walkers;
  const double start = cli_seconds();
  const enf_status status = enf_anneal(a->c->ctx, a->flow, a->target.fn, a->target.user, &a->plan, 1,
                                       &a->at, w->n, w->x, w->u, w->logq, w->logw, a->family);
  const effort bridge = effort_read(a->c, w->n, cli_seconds() - start);
  a->effort = effort_add(&a->effort, &bridge);
  a->effort.n = w->n;
  return status;
}

static int anneal(annealing *a) {
  progress p = progress_begin(a->c, "annealing", "millionths", (uint64_t)(1e6 * a->at.beta));
  double kept = cli_seconds();
  enf_status status = ENF_OK;
  int result = SUCCESS;
  enf_ctx_set_progress(a->c->ctx, progress_callback, &p);
  while (a->at.beta < 1 && a->most > 0 && status == ENF_OK && result == SUCCESS && !interrupted()) {
    status = cross(a);
    a->most--;
    const bool due = save_requested() || cli_seconds() - kept >= KEEP_SECONDS;
    if (status != ENF_OK || !due)
      continue;
    result = keep(a);
    kept = cli_seconds();
  }
  progress_end(&p);
  enf_ctx_set_progress(a->c->ctx, NULL, NULL);
  return status == ENF_OK || status == ENF_ERR_CANCELLED ? result : cli_fail_status(a->c, status);
}

/* ---- what came of it --------------------------------------------------------------------------- */

/* Weighted mean energy, and families as if they were of equal weight. */
static int summarise(const annealing *a, double *mean, double *error, double *families) {
  const checkpoint *w = &a->walkers;
  double *part = cli_alloc(2 * w->n, sizeof *part), *share = part + w->n, square = 0, shares = 0;
  if (part == NULL)
    return FAILURE;
  *mean = 0;
  for (size_t i = 0; i < w->n; i++)
    *mean += w->logw[i] > -INFINITY ? exp(w->logw[i]) * w->u[i] : 0;
  for (size_t i = 0; i < w->n; i++)
    if (w->logw[i] > -INFINITY) {
      part[a->family[i]] += exp(w->logw[i]) * (w->u[i] - *mean);
      share[a->family[i]] += exp(w->logw[i]);
    }
  for (size_t i = 0; i < w->n; i++) {
    square += part[i] * part[i];
    shares += share[i] * share[i];
  }
  *families = 1 / shares;
  *error = sqrt(square);
  free(part);
  return SUCCESS;
}

static int print(const annealing *a) {
  const cli *c = a->c;
  const target *t = &a->target;
  double mean, error, families;
  if (summarise(a, &mean, &error, &families) != SUCCESS)
    return FAILURE;
  report r = report_begin(c);
  report_text(&r, "flow", "flow", c->operand[0]);
  report_count(&r, "walkers", "walkers", a->walkers.n);
  report_count(&r, "seed", "seed", a->plan.seed);
  report_count(&r, "bridges", "bridges", a->at.bridges);
  report_count(&r, "resamplings", "resamplings", a->at.resamplings);
  report_real(&r, "families", "effective families", families);
  report_real(&r, "acceptance", "acceptance",
              (double)a->at.accepted / fmax(1, (double)a->at.proposals));
  report_real(&r, "ess", "effective sample size", a->at.ess);
  report_measured(&r, "log_z", "log Z", a->at.log_z, a->at.log_z_err, t->log_z, t->log_z_err);
  report_measured(&r, "mean_u", "mean energy", mean, error, t->mean_u, t->mean_u_err);
  effort_report(&r, &a->effort);
  report_text(&r, "output", "written to", c->value[FLAG_OUTPUT]);
  if (cli_has(c, FLAG_LOGW))
    report_text(&r, "logw", "log-weights in", c->value[FLAG_LOGW]);
  report_end(&r);
  return SUCCESS;
}

/* Of a run that is not at the end there is nothing but the checkpoint: walkers on a bridge are of no density
   that anybody asked for. */
static int finish(annealing *a) {
  cli *c = a->c;
  int result = a->at.bridges > 0 ? keep(a) : SUCCESS;
  if (result == SUCCESS && a->at.beta < 1 && a->most == 0)
    return cli_note("at beta %.3g after %llu bridges; --resume goes on", a->at.beta,
                    (unsigned long long)a->at.bridges),
           SUCCESS;
  if (result == SUCCESS && a->at.beta < 1)
    return cli_fail("interrupted at beta %.3g; --resume goes on", a->at.beta);
  if (result == SUCCESS)
    result = data_write(c, c->value[FLAG_OUTPUT], "f8", &a->data);
  if (result == SUCCESS && cli_has(c, FLAG_LOGW))
    result = vector_write(c, c->value[FLAG_LOGW], a->walkers.n, a->walkers.logw);
  return result == SUCCESS ? print(a) : result;
}

static int open_flow(annealing *a) {
  int result = flow_open(a->c, a->c->operand[0], &a->flow);
  if (result != SUCCESS)
    return result;
  flow_shape(a->flow, &a->data.N, &a->data.D);
  result = links_of_flow(a->c, a->flow);
  if (result == SUCCESS)
    result = target_check(&a->target, "the flow", a->data.N, a->data.D);
  target_check_kT(&a->target, a->flow, a->c->operand[0]);
  if (result == SUCCESS)
    target_heat(&a->target, flow_temperature(a->flow));
  if (result == SUCCESS)
    result = target_keep_hand(a->c, a->flow, &a->target);
  if (result == SUCCESS)
    result = atoms_label(a->flow, &a->data);
  if (result == SUCCESS)
    result = checkpoint_make(&a->walkers, a->data.n, a->data.N * a->data.D);
  if (result != SUCCESS)
    return result;
  a->data.x = a->walkers.x;
  a->family = cli_alloc(a->data.n, sizeof *a->family);
  return a->family != NULL ? SUCCESS : FAILURE;
}

int run_anneal(cli *c) {
  annealing a = {.c = c, .plan = ENF_ANNEAL_PLAN_INIT, .at = ENF_ANNEALING_INIT};
  int result = read_flags(&a);
  interrupts_catch();
  if (result == SUCCESS)
    result = open_flow(&a);
  if (result == SUCCESS && cli_has(c, FLAG_RESUME))
    result = recall(&a);
  if (result == SUCCESS)
    result = anneal(&a);
  if (result == SUCCESS)
    result = finish(&a);
  a.data.x = NULL;
  data_free(&a.data);
  checkpoint_free(&a.walkers);
  free(a.family);
  enf_destroy(a.flow);
  target_free(&a.target);
  return result;
}
