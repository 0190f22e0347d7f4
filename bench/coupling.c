/* coupling.c -- what optimal transport costs beside the training step it feeds, and what it brings.

   One batch of the data is coupled with the prior, plainly and up to the symmetries, in blocks of
   all and of a quarter of its rows. Time is that of the drawing and pairing alone; distance is the
   root of the mean |x1 - x0|^2 in units of the data scale: how far the flow has to carry a sample.
   The step is flow matching on the same batch, independent coupling, on as many threads. */
#include "train/coupling.h"
#include "bench.h"
#include "flow/flow.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 7, ROWS = 256, KINDS = 3 };

static const struct {
  const char *name;
  int kind;
} kinds[KINDS] = {
    {"independent", ENF__INDEPENDENT}, {"ot", ENF__OT}, {"equivariant-ot", ENF__EQUIVARIANT_OT}};

/* Milliseconds of the fastest of several draws. */
static double time_draws(const bench_args *args, enf_ctx *ctx, enf__coupling *c) {
  double best = INFINITY;
  bench_check(
      enf__reserve(ctx, enf__coupling_call_bytes(c), enf__coupling_worker_bytes(c, &ctx->run)),
      enf_ctx_errmsg(ctx));
  for (int round = 0; round < ROUNDS; round++) {
    const double start = bench_seconds(args);
    ctx->arena.used = 0;
    bench_check(enf__coupling_draw(ctx, c), enf_ctx_errmsg(ctx));
    best = fmin(best, bench_seconds(args) - start);
  }
  return 1e3 * best;
}

static double distance(const enf__coupling *c, size_t size) {
  double sum = 0;
  for (size_t k = 0; k < c->n * size; k++)
    sum += (c->x1[k] - c->x0[k]) * (c->x1[k] - c->x0[k]);
  return sqrt(sum / (double)c->n);
}

static void report(const char *name, const enf__coupling *c, double ms, double length, FILE *json,
                   const char *then) {
  printf("  %-14s  %5zu  %8.2f  %8.3f\n", name, c->block, ms, length);
  if (!json)
    return;
  fprintf(json, "%s\n        {\"coupling\": \"%s\", ", then, name);
  bench_json_number(json, "block", (double)c->block, ", ");
  bench_json_number(json, "ms", ms, ", ");
  bench_json_number(json, "distance", length, "}");
}

static double step_ms(const bench_args *args, bench_system *s) {
  bench_job job;
  const bench_work *work = bench_work_named("flow-matching");
  if (!bench_job_open(args, work, s, args->threads, ROWS, 1, &job))
    return NAN;
  for (int round = 0; round < ROUNDS; round++)
    bench_job_run(&job);
  const double ms = 1e3 * job.best;
  bench_job_close(&job);
  return ms;
}

void bench_coupling(const bench_args *args, bench_system *s, FILE *json) {
  const size_t size = (size_t)(s->N * s->D);
  double *x1 = bench_memory(ROWS * size, sizeof *x1), *x0 = bench_memory(ROWS * size, sizeof *x0);
  enf_ctx *ctx = bench_context(args, args->threads);
  const double step = step_ms(args, s);
  for (size_t i = 0; i < ROWS; i++)
    for (size_t k = 0; k < size; k++)
      x1[i * size + k] = s->x[i % s->samples * size + k] / s->flow->space.scale;
  printf("  coupling of %d rows, %zu threads; a flow-matching step on them takes %.2f ms\n"
         "  coupling        block        ms  distance\n",
         ROWS, args->threads, step);
  if (json)
    fprintf(json, ",\n      ");
  bench_json_number(json, "coupling_step_ms", step, ", \"couplings\": [");
  for (size_t q = 1; q < 2 * KINDS; q++) { /* blocks mean nothing to independent pairs */
    enf__coupling c = {.kind = kinds[q / 2].kind,
                       .block = q % 2 ? ROWS / 4 : ROWS,
                       .prior = &s->flow->prior,
                       .n = ROWS,
                       .x1 = x1,
                       .x0 = x0,
                       .species = s->flow->space.shape.kind,
                       .reflect = true};
    const double ms = time_draws(args, ctx, &c);
    report(kinds[q / 2].name, &c, ms, distance(&c, size), json, q > 1 ? "," : "");
  }
  if (json)
    fprintf(json, "]");
  enf_ctx_destroy(ctx);
  free(x1);
  free(x0);
}
