/* jump.c -- `enf jump`: walkers of a file jump to samples of a flow (enf_jump).

   In pieces of about a second; after an interruption, and every minute, walkers are kept with the
   place in the stream, u and log q beside the output, and --resume goes on with them, to the same bits. */
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
#include <string.h>

static const double PIECE_SECONDS = 1, KEEP_SECONDS = 60;

typedef struct {
  cli *c;
  enf_flow *flow;
  target target;
  dataset data;
  checkpoint walkers;
  uint64_t seed, first, counter, rounds, done, accepted;
  effort effort;
} jumping;

static int read_flags(jumping *j) {
  static const flag needed[] = {FLAG_OUTPUT, FLAG_ENERGY};
  cli *c = j->c;
  int result = SUCCESS;
  for (size_t k = 0; k < sizeof needed / sizeof *needed && result == SUCCESS; k++)
    result = cli_require(c, needed[k]);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_SEED, 0, 0, &j->seed);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_FIRST, 0, 0, &j->first);
  if (result == SUCCESS)
    result = cli_count(c, FLAG_ROUNDS, 1, 1, &j->rounds);
  if (result == SUCCESS)
    result = target_make(c, c->value[FLAG_ENERGY], &j->target);
  return result == SUCCESS ? cli_configure(c) : result;
}

/* ---- walkers of before ------------------------------------------------------------------------- */

enum { RUN = 4, STATE = 2 };

static void list_run(const jumping *j, double number[RUN]) {
  checkpoint_put_seed(number, j->seed);
  checkpoint_put_seed(number + 2, j->first);
}

static int keep(const jumping *j) {
  list_run(j, j->walkers.number);
  j->walkers.number[RUN] = (double)j->done;
  j->walkers.number[RUN + 1] = (double)j->accepted;
  return checkpoint_write(j->c, &j->walkers);
}

static int recall(jumping *j) {
  double wanted[RUN];
  bool found;
  list_run(j, wanted);
  int result = checkpoint_read(j->c, &j->walkers, &found);
  if (result != SUCCESS || !found)
    return result;
  result = checkpoint_check(j->c, &j->walkers, j->flow, j->target.fn, j->target.user, RUN, wanted);
  j->done = (uint64_t)j->walkers.number[RUN];
  j->accepted = (uint64_t)j->walkers.number[RUN + 1];
  j->counter += j->done * j->walkers.n;
  if (result == SUCCESS && j->done > j->rounds)
    return cli_usage(j->c, "%s has had %llu rounds, more than the %llu of --rounds",
                     j->c->value[FLAG_OUTPUT], (unsigned long long)j->done,
                     (unsigned long long)j->rounds);
  return result;
}

/* ---- rounds ------------------------------------------------------------------------------------ */

static enf_status jump(jumping *j, size_t rounds) {
  checkpoint *w = &j->walkers;
  enf_jump_info info = ENF_JUMP_INFO_INIT;
  const double start = cli_seconds();
  const enf_status status =
      enf_jump(j->c->ctx, j->flow, j->target.fn, j->target.user, j->seed, &j->counter, rounds, w->n,
               w->x, w->u, w->logq, &info);
  const effort piece = effort_read(j->c, rounds * w->n, cli_seconds() - start);
  if (status != ENF_OK)
    return status;
  j->effort = effort_add(&j->effort, &piece);
  j->done += rounds;
  j->accepted += info.accepted;
  return status;
}

static int jump_all(jumping *j) {
  const uint64_t n = j->walkers.n;
  progress p = progress_begin(j->c, "jumping", "proposals", j->done * n);
  double kept = cli_seconds();
  size_t piece = 1;
  enf_status status = ENF_OK;
  int result = SUCCESS;
  enf_ctx_set_progress(j->c->ctx, progress_callback, &p);
  while (j->done < j->rounds && status == ENF_OK && result == SUCCESS && !interrupted()) {
    const double start = cli_seconds();
    progress_part(&p, j->done * n, j->rounds * n);
    status = jump(j, piece < j->rounds - j->done ? piece : (size_t)(j->rounds - j->done));
    const double now = cli_seconds();
    piece *= now - start < PIECE_SECONDS ? 2 : 1;
    if (status != ENF_OK || !(save_requested() || now - kept >= KEEP_SECONDS))
      continue;
    result = keep(j);
    kept = now;
  }
  progress_end(&p);
  enf_ctx_set_progress(j->c->ctx, NULL, NULL);
  return status == ENF_OK || status == ENF_ERR_CANCELLED ? result : cli_fail_status(j->c, status);
}

/* ---- what came of it --------------------------------------------------------------------------- */

static void print(const jumping *j) {
  const cli *c = j->c;
  const double proposals = (double)j->done * (double)j->walkers.n;
  const double accepted = (double)j->accepted / proposals;
  double mean = 0, error = 0;
  mean_of(j->walkers.n, j->walkers.u, &mean, &error);
  report r = report_begin(c);
  report_text(&r, "flow", "flow", c->operand[0]);
  report_count(&r, "walkers", "walkers", j->walkers.n);
  report_count(&r, "rounds", "rounds", j->done);
  report_count(&r, "seed", "seed", j->seed);
  report_count(&r, "first", "first proposal", j->first);
  report_count(&r, "next", "next proposal (--first)", j->counter);
  report_measured(&r, "acceptance", "acceptance", accepted,
                  sqrt(accepted * (1 - accepted) / proposals), (double)NAN, 0);
  report_measured(&r, "mean_u", "mean energy now", mean, error, j->target.mean_u,
                  j->target.mean_u_err);
  effort_report(&r, &j->effort);
  report_text(&r, "output", "written to", c->value[FLAG_OUTPUT]);
  report_end(&r);
}

static int finish(jumping *j) {
  cli *c = j->c;
  if (j->done == 0)
    return cli_fail_status(c, ENF_ERR_CANCELLED);
  memcpy(j->data.x, j->walkers.x, j->walkers.n * j->walkers.size * sizeof *j->data.x);
  int result = keep(j);
  if (result == SUCCESS)
    result = data_write(c, c->value[FLAG_OUTPUT], "f8", &j->data);
  if (result != SUCCESS)
    return result;
  print(j);
  return j->done == j->rounds
             ? SUCCESS
             : cli_fail("interrupted after %llu of %llu rounds; --resume goes on",
                        (unsigned long long)j->done, (unsigned long long)j->rounds);
}

static int open_walkers(jumping *j) {
  cli *c = j->c;
  size_t N, D;
  int result = flow_open(c, c->operand[0], &j->flow);
  if (result != SUCCESS)
    return result;
  flow_shape(j->flow, &N, &D);
  result = links_of_flow(c, j->flow);
  if (result == SUCCESS)
    result = target_check(&j->target, "the flow", N, D);
  target_check_kT(&j->target, j->flow, c->operand[0]);
  if (result == SUCCESS)
    target_heat(&j->target, flow_temperature(j->flow));
  if (result == SUCCESS)
    result = target_keep_hand(c, j->flow, &j->target);
  if (result == SUCCESS)
    result = data_read(c, c->operand[1], N, D, &j->data);
  if (result == SUCCESS)
    result = atoms_fit_flow(c, j->flow, c->operand[0], &j->data, c->operand[1]);
  if (result == SUCCESS)
    result = checkpoint_make(&j->walkers, j->data.n, N * D);
  if (result != SUCCESS)
    return result;
  memcpy(j->walkers.x, j->data.x, j->data.n * N * D * sizeof *j->data.x);
  for (size_t i = 0; i < j->data.n; i++)
    j->walkers.u[i] = j->walkers.logq[i] = (double)NAN;
  j->counter = j->first;
  return SUCCESS;
}

int run_jump(cli *c) {
  jumping j = {.c = c};
  int result = read_flags(&j);
  interrupts_catch();
  if (result == SUCCESS)
    result = open_walkers(&j);
  if (result == SUCCESS && cli_has(c, FLAG_RESUME))
    result = recall(&j);
  if (result == SUCCESS)
    result = jump_all(&j);
  if (result == SUCCESS)
    result = finish(&j);
  data_free(&j.data);
  checkpoint_free(&j.walkers);
  enf_destroy(j.flow);
  target_free(&j.target);
  return result;
}
