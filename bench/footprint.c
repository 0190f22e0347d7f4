/* footprint.c -- memory of a likelihood step: what the context takes from its allocator, all
   workspaces and records, at most at a time. The record keeps the accepted steps of every sample of
   the batch; what else there is depends on shapes and threads only, so between two tolerances
   evaluations grow and bytes hardly do. */
#include "bench.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64 };

typedef struct {
  size_t bytes, peak;
} counter;

typedef union {
  size_t bytes;
  max_align_t align;
} head;

static void *take(void *user, size_t bytes) {
  counter *c = user;
  head *h = malloc(sizeof *h + bytes);
  if (!h)
    return NULL;
  h->bytes = bytes;
  c->bytes += bytes;
  c->peak = c->peak > c->bytes ? c->peak : c->bytes;
  return h + 1;
}

static void give(void *user, void *p) {
  if (!p)
    return;
  head *h = (head *)p - 1;
  ((counter *)user)->bytes -= h->bytes;
  free(h);
}

typedef struct {
  double evaluations, steps, bytes; /* per sample, per sample, of the step */
} footprint;

static void settings(const bench_args *args, enf_ctx *ctx, const char *adjoint,
                     const char *tolerance, enf_trainer **trainer, const bench_system *s) {
  enf_opts *opts = bench_options(args, ctx, "ode.rtol", tolerance, "ode.atol", tolerance,
                                 "run.threads", "1", "train.objective", "likelihood",
                                 "train.adjoint", adjoint, "train.lr", "0", NULL);
  bench_check(enf_ctx_configure(ctx, opts), enf_ctx_errmsg(ctx));
  bench_check(enf_trainer_create(ctx, trainer, s->flow, opts), enf_ctx_errmsg(ctx));
  enf_opts_destroy(opts);
}

static footprint step(const bench_args *args, const bench_system *s, const char *adjoint,
                      const char *tolerance) {
  const size_t size = (size_t)(s->N * s->D);
  counter count = {0};
  const enf_alloc alloc = {take, give, &count};
  enf_ctx *ctx = NULL;
  enf_trainer *trainer = NULL;
  footprint f;
  double *x = bench_memory(BATCH * size, sizeof *x);
  for (size_t i = 0; i < BATCH; i++)
    memcpy(x + i * size, s->x + i % s->samples * size, size * sizeof *x);
  bench_check(enf_ctx_create(&ctx, &alloc), "no memory for a context");
  settings(args, ctx, adjoint, tolerance, &trainer, s);
  const size_t before = count.bytes;
  bench_check(enf_train_step(ctx, trainer, BATCH, x, NULL), enf_ctx_errmsg(ctx));
  bench_check(enf_ctx_stat(ctx, "velocities", &f.evaluations), enf_ctx_errmsg(ctx));
  bench_check(enf_ctx_stat(ctx, "steps", &f.steps), enf_ctx_errmsg(ctx));
  f.evaluations /= BATCH;
  f.steps /= BATCH;
  f.bytes = (double)(count.peak - before);
  enf_trainer_destroy(trainer);
  enf_ctx_destroy(ctx);
  free(x);
  return f;
}

void bench_footprint(const bench_args *args, const bench_system *s, FILE *json) {
  static const char *const adjoints[] = {"discrete", "continuous"};
  static const char *const tolerances[] = {"1e-3", "1e-4", "1e-5", "1e-6"};
  enum { ADJOINTS = 2, TOLERANCES = 4 };
  printf("  memory of a likelihood step, batch %d, 1 thread\n"
         "  adjoint     tolerance  steps/smp  evaluations/smp      MB\n",
         BATCH);
  if (json)
    fprintf(json, ",\n      \"likelihood_memory\": [");
  for (size_t i = 0; i < ADJOINTS * TOLERANCES; i++) {
    const char *adjoint = adjoints[i / TOLERANCES], *tolerance = tolerances[i % TOLERANCES];
    const footprint f = step(args, s, adjoint, tolerance);
    printf("  %-10s  %9s  %9.1f  %15.1f  %6.2f\n", adjoint, tolerance, f.steps, f.evaluations,
           f.bytes / 1e6);
    if (!json)
      continue;
    fprintf(json, "%s\n        {\"adjoint\": \"%s\", \"tolerance\": %s, ", i ? "," : "", adjoint,
            tolerance);
    bench_json_number(json, "steps", f.steps, ", ");
    bench_json_number(json, "evaluations", f.evaluations, ", ");
    bench_json_number(json, "bytes", f.bytes, "}");
  }
  if (json)
    fprintf(json, "]");
}
