/* molecules.c -- samples of flows of molecules of any size, as extended XYZ with elements. */
#include "molecules.h"
#include "data.h"
#include "draw.h"
#include "given.h"
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

/* What is asked for, and what came of it. */
typedef struct {
  uint64_t n, seed, first, particles;
  formula wanted; /* atoms 0: any */
  enf_batch *batch;
  double *logp; /* (n), or NULL */
  uint64_t drawn, failed;
  progress shown;
} request;

static void print_samples(const cli *c, const request *q, double seconds) {
  report r = report_begin(c);
  report_text(&r, "flow", "flow", c->operand[0]);
  report_count(&r, "samples", "samples", enf_batch_count(q->batch));
  if (q->wanted.atoms > 0)
    report_count(&r, "drawn", "drawn for them", q->drawn);
  report_count(&r, "seed", "seed", q->seed);
  report_count(&r, "failed", "failed", q->failed);
  report_real(&r, "seconds", "seconds", seconds);
  report_text(&r, "output", "written to", c->value[FLAG_OUTPUT]);
  report_end(&r);
}

/* An enf_progress_fn: the samples of a call are not counted, those of before are. */
static int stop(void *user, uint64_t done, uint64_t total) {
  request *q = user;
  (void)done, (void)total;
  progress_show(&q->shown, enf_batch_count(q->batch), q->n, 1, (double)NAN, -1);
  return interrupted();
}

/* Keeps a sample that is wanted: all of them, or, by formula, those that have it. */
static enf_status keep(cli *c, const int32_t *number, const enf_batch *drawn, size_t i,
                       double logp, request *q) {
  size_t N, F;
  const int32_t *kind;
  const double *features, *x;
  enf_batch_get(drawn, i, &N, &kind, &F, &features, &x);
  if (q->wanted.atoms > 0 && (isnan(x[0]) || !formula_is(&q->wanted, number, N, kind)))
    return ENF_OK;
  if (q->logp != NULL)
    q->logp[enf_batch_count(q->batch)] = logp;
  const enf_status status = enf_batch_append(c->ctx, q->batch, N, kind, F, features, x);
  return status == ENF_OK ? given_copy(c, drawn, i, q->batch) : status;
}

/* The next n samples of the stream, of N atoms or any; *status is that of the call. */
static int call_flow(cli *c, const enf_flow *flow, const request *q, uint64_t n, uint64_t N,
                     enf_batch **drawn, double *logp, enf_status *status) {
  enf_batch *given = NULL;
  const given_samples of = {n, q->seed, q->first + q->drawn, N, &q->wanted};
  int result = SUCCESS;
  if (!flow_is_given(flow)) {
    *status = enf_sample_batch(c->ctx, flow, of.seed, of.first, n, N, drawn, logp);
    return result;
  }
  result = given_make(c, flow, &of, &given);
  if (result == SUCCESS)
    *status = enf_sample_given(c->ctx, flow, given, of.seed, of.first, drawn, logp);
  enf_batch_destroy(given);
  return result;
}

/* n further ones of the stream; *cancelled: none of them. */
static int draw_some(cli *c, const enf_flow *flow, const int32_t *number, uint64_t n, request *q,
                     bool *cancelled) {
  enf_batch *drawn = NULL;
  double *logp = q->logp != NULL ? cli_alloc(n, sizeof *logp) : NULL;
  uint64_t failed = 0;
  const size_t N = q->wanted.atoms > 0 ? q->wanted.atoms : q->particles;
  enf_status status = ENF_OK;
  int result = call_flow(c, flow, q, n, N, &drawn, logp, &status);
  *cancelled = status == ENF_ERR_CANCELLED;
  if (result == SUCCESS && !*cancelled)
    result = drawn == NULL ? cli_fail_status(c, status) : settle_failed(c, status, n, &failed);
  for (size_t i = 0; !*cancelled && result == SUCCESS && i < n && enf_batch_count(q->batch) < q->n;
       i++) {
    status = keep(c, number, drawn, i, logp != NULL ? logp[i] : 0, q);
    result = status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
    q->drawn++;
  }
  q->failed += failed;
  enf_batch_destroy(drawn);
  free(logp);
  return result;
}

/* Pieces of the stream, until there are enough of what is wanted, or the user has. */
static int draw(cli *c, const enf_flow *flow, request *q) {
  enum { AT_ONCE = 512, BY_FORMULA = 64, TRIES = 1000 };
  const bool chosen = q->wanted.atoms > 0, by_chance = chosen && !flow_has_given_kinds(flow);
  int32_t number[ATOMIC_NUMBERS];
  bool cancelled = false;
  if (element_numbers(flow, number) <= 0 && chosen)
    return cli_fail("--formula needs a flow that makes elements");
  const enf_status status = enf_batch_create(c->ctx, &q->batch, 3);
  int result = status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
  q->shown = progress_begin(c, "sampling", "molecules", 0);
  enf_ctx_set_progress(c->ctx, stop, q);
  while (result == SUCCESS && enf_batch_count(q->batch) < q->n && !interrupted() && !cancelled) {
    const uint64_t left = q->n - enf_batch_count(q->batch), most = by_chance ? BY_FORMULA : AT_ONCE;
    if (chosen && q->drawn >= TRIES * q->n)
      result = cli_fail("of %llu samples %zu are %s, %llu were wanted",
                        (unsigned long long)q->drawn, enf_batch_count(q->batch),
                        c->value[FLAG_FORMULA], (unsigned long long)q->n);
    else
      result = draw_some(c, flow, number, by_chance || left > most ? most : left, q, &cancelled);
  }
  enf_ctx_set_progress(c->ctx, NULL, NULL);
  progress_end(&q->shown);
  return result;
}

/* ---- the command ------------------------------------------------------------------------------- */

static int read_request(cli *c, const enf_flow *flow, request *q) {
  static const flag others[] = {FLAG_LAYOUT, FLAG_CHIRAL};
  if (cli_refuse(c, sizeof others / sizeof *others, others, "molecules of any size") != SUCCESS ||
      cli_count(c, FLAG_COUNT, 1, 1, &q->n) != SUCCESS ||
      cli_count(c, FLAG_SEED, 0, 0, &q->seed) != SUCCESS ||
      cli_count(c, FLAG_FIRST, 0, 0, &q->first) != SUCCESS ||
      cli_count(c, FLAG_PARTICLES, 2, 0, &q->particles) != SUCCESS)
    return USAGE;
  if (cli_has(c, FLAG_RESUME))
    return cli_usage(c, "--resume is not for samples of molecules of any size; --first goes on");
  if (cli_has(c, FLAG_CONTEXT) && !flow_is_given(flow))
    return cli_usage(c, "--context is for flows with model.context");
  if (cli_has(c, FLAG_FORMULA) && cli_has(c, FLAG_PARTICLES))
    return cli_usage(c, "--formula says how many particles there are");
  if (cli_has(c, FLAG_FORMULA) && !formula_read(c->value[FLAG_FORMULA], &q->wanted))
    return cli_usage(c, "'%s' is no formula of 2 to 255 atoms, as C2H6O is",
                     c->value[FLAG_FORMULA]);
  return SUCCESS;
}

static int draw_molecules(cli *c, const enf_flow *flow) {
  request q = {.n = 0};
  int result = read_request(c, flow, &q);
  if (result != SUCCESS)
    return result;
  const double start = cli_seconds();
  q.logp = cli_has(c, FLAG_LOGP) ? cli_alloc(q.n, sizeof *q.logp) : NULL;
  interrupts_catch();
  result = draw(c, flow, &q);
  if (result == SUCCESS && enf_batch_count(q.batch) == 0)
    result = cli_fail_status(c, ENF_ERR_CANCELLED);
  if (result == SUCCESS)
    result = write_samples(c, flow, q.batch, enf_batch_count(q.batch), q.logp);
  if (result == SUCCESS)
    print_samples(c, &q, cli_seconds() - start);
  if (result == SUCCESS && enf_batch_count(q.batch) < q.n)
    result = cli_fail("interrupted; %s has %zu of %llu samples, --first %llu goes on with the next",
                      c->value[FLAG_OUTPUT], enf_batch_count(q.batch), (unsigned long long)q.n,
                      (unsigned long long)(q.first + q.drawn));
  enf_batch_destroy(q.batch);
  free(q.logp);
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
  else if (result == SUCCESS) {
    static const struct {
      flag id;
      const char *name;
    } own[] = {{FLAG_FORMULA, "formula"}, {FLAG_PARTICLES, "particles"}, {FLAG_CONTEXT, "context"}};
    for (size_t i = 0; i < sizeof own / sizeof *own && result == SUCCESS; i++)
      if (cli_has(c, own[i].id))
        result = cli_usage(c, "--%s is for flows of molecules of any size", own[i].name);
  }
  enf_destroy(flow);
  return result;
}
