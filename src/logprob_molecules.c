/* logprob_molecules.c -- `enf logprob` of molecules of any size: the density of their positions, or the
   bound where the flow makes kinds, too. Files are read and scored piece by piece: memory is that of a
   piece and of the densities. */
#include "molecules.h"
#include "data.h"
#include "draw.h"
#include "given.h"
#include "progress.h"
#include "report.h"

#include <math.h>
#include <stdlib.h>

enum { PIECE = 64 };

typedef struct {
  uint64_t seed, most;  /* most molecules to score */
  size_t n, room;       /* scored */
  double *logp, *error; /* (n); of one draw the error is NaN */
  uint64_t failed;
  double seconds;
  progress shown;
} scores;

/* An enf_progress_fn. */
static int stop(void *user, uint64_t done, uint64_t total) {
  scores *s = user;
  (void)done, (void)total;
  progress_show(&s->shown, s->n, s->most < UINT64_MAX ? s->most : 0, 1, (double)NAN, -1);
  return interrupted();
}

static bool make_room(scores *s, size_t n) {
  if (s->n + n <= s->room)
    return true;
  const size_t room = 2 * s->room + n;
  double *logp = realloc(s->logp, room * sizeof *logp);
  s->logp = logp != NULL ? logp : s->logp;
  double *error = logp != NULL ? realloc(s->error, room * sizeof *error) : NULL;
  s->error = error != NULL ? error : s->error;
  s->room = error != NULL ? room : s->room;
  return error != NULL;
}

/* A molecule that fails is NaN and counted; one that the flow cannot take ends it all. */
static int score_piece(cli *c, const enf_flow *flow, const enf_batch *piece, scores *s) {
  const size_t n = enf_batch_count(piece);
  double *logp = s->logp + s->n;
  const enf_status status =
      enf_log_prob_batch(c->ctx, flow, piece, s->seed, logp, s->error + s->n);
  const bool numbers = status == ENF_ERR_NONFINITE || status == ENF_ERR_ODE_STEPS ||
                       status == ENF_ERR_ODE_STEPSIZE;
  if (status != ENF_OK && !numbers)
    return cli_fail_status(c, status);
  for (size_t i = 0; i < n; i++)
    s->failed += isnan(logp[i]) ? 1 : 0;
  s->n += n;
  return SUCCESS;
}

static int score_file(cli *c, const enf_flow *flow, const char *path, scores *s) {
  enf_batch_reader *reader = NULL;
  enf_batch *piece = NULL;
  int result = SUCCESS;
  enf_status status = enf_batch_reader_open(c->ctx, &reader, flow, path);
  if (status == ENF_OK)
    status = given_keys(c, reader);
  if (status == ENF_OK)
    status = enf_batch_create(c->ctx, &piece, 3);
  for (bool more = true; status == ENF_OK && result == SUCCESS && more && s->n < s->most;) {
    const uint64_t left = s->most - s->n;
    status = enf_batch_reader_next(c->ctx, reader, left < PIECE ? left : PIECE, piece);
    more = status == ENF_OK && enf_batch_count(piece) > 0;
    if (more)
      result = make_room(s, enf_batch_count(piece)) ? score_piece(c, flow, piece, s)
                                                    : cli_fail("no memory for %zu densities", s->n);
  }
  enf_batch_reader_close(reader);
  enf_batch_destroy(piece);
  return status == ENF_OK ? result : cli_fail_status(c, status);
}

static void print_scores(const cli *c, const enf_flow *flow, const scores *s) {
  double mean = 0, error = 0, square = 0;
  size_t drawn = 0;
  bool bound = false;
  char *dequantiser = flow_text(flow, "model.dequantiser");
  report r = report_begin(c);
  report_text(&r, "flow", "flow", c->operand[0]);
  report_text(&r, "data", "data", c->operand[1]);
  report_count(&r, "rows", "molecules scored", s->n);
  report_count(&r, "failed", "failed", s->failed);
  mean_of(s->n, s->logp, &mean, &error);
  for (size_t i = 0; i < s->n; i++) {
    bound |= s->error[i] != 0 && !isnan(s->logp[i]); /* exact densities have no error */
    if (isfinite(s->error[i])) {
      square += s->error[i] * s->error[i];
      drawn++;
    }
  }
  report_measured(&r, "nll", bound ? "NLL, at most" : "NLL", -mean, error, (double)NAN, 0);
  if (bound && drawn > 0)
    report_real(&r, "draw_error", "of it by the dequantiser's draws",
                sqrt(square) / (double)drawn);
  report_text(&r, "dequantiser", "dequantiser", dequantiser != NULL ? dequantiser : "");
  report_real(&r, "seconds", "seconds", s->seconds);
  if (cli_has(c, FLAG_OUTPUT))
    report_text(&r, "output", "written to", c->value[FLAG_OUTPUT]);
  report_end(&r);
  free(dequantiser);
}

static int read_flags(cli *c, scores *s) {
  static const flag others[] = {FLAG_LAYOUT,    FLAG_CHIRAL, FLAG_ENERGY,      FLAG_U,
                                FLAG_KT,        FLAG_LOG_Z,  FLAG_TEMPERATURE, FLAG_MAP_ATOMS,
                                FLAG_UNWRAPPED, FLAG_SKIP,   FLAG_LAST,        FLAG_STRIDE};
  if (cli_refuse(c, sizeof others / sizeof *others, others, "molecules of any size") != SUCCESS ||
      cli_count(c, FLAG_SEED, 0, 0, &s->seed) != SUCCESS ||
      cli_count(c, FLAG_ROWS, 1, UINT64_MAX, &s->most) != SUCCESS)
    return USAGE;
  return SUCCESS;
}

int logprob_molecules(cli *c, const enf_flow *flow) {
  scores s = {.most = UINT64_MAX};
  int result = read_flags(c, &s);
  const double start = cli_seconds();
  s.shown = progress_begin(c, "log-density", "molecules", 0);
  enf_ctx_set_progress(c->ctx, stop, &s);
  for (int i = 1; i < c->operands && result == SUCCESS; i++)
    result = score_file(c, flow, c->operand[i], &s);
  enf_ctx_set_progress(c->ctx, NULL, NULL);
  progress_end(&s.shown);
  s.seconds = cli_seconds() - start;
  if (result == SUCCESS && s.failed == s.n)
    result = cli_fail("all %zu molecules failed", s.n);
  if (result == SUCCESS && cli_has(c, FLAG_OUTPUT))
    result = vector_write(c, c->value[FLAG_OUTPUT], s.n, s.logp);
  if (result == SUCCESS)
    print_scores(c, flow, &s);
  free(s.logp);
  free(s.error);
  return result;
}
