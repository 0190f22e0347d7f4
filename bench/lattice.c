/* lattice.c -- what a site of a lattice costs: samples with density of SU(2) and SU(3) on 8 x 8 to 64 x
   64, by RK4 with 10 steps, 40 evaluations, one thread. The sizes take turns, and the median run of
   each counts; a flat column is the aim. */
#include "bench.h"
#include <stdlib.h>

enum { STEPS = 10, EVALUATIONS = 4 * STEPS, MOST_RUNS = 32, BATCH = 16 };
static const size_t sides[] = {8, 16, 32, 64};
enum { SIDES = sizeof sides / sizeof *sides };

typedef struct {
  size_t side, n;
  enf_ctx *ctx;
  enf_flow *flow;
  double *x, *logp, seconds[MOST_RUNS];
} lattice;

/* A flow with coefficients that are not zero. */
static void open_lattice(const bench_args *args, const char *group, size_t side, lattice *l) {
  char sizes[32], steps[8];
  const char *name;
  size_t rows, columns;
  snprintf(sizes, sizeof sizes, "%zu %zu", side, side);
  snprintf(steps, sizeof steps, "%d", STEPS);
  l->side = side;
  l->n = side > 32 ? BATCH / 2 : BATCH;
  l->ctx = bench_context(args, 1);
  enf_opts *opts = bench_options(args, l->ctx, "model.space", "lattice", "model.group", group,
                                 "model.lattice", sizes, "ode.method", "rk4", "ode.steps", steps,
                                 "logdet.checks", "0", "run.threads", "1", NULL);
  bench_check(enf_ctx_configure(l->ctx, opts), enf_ctx_errmsg(l->ctx));
  bench_check(enf_create(l->ctx, &l->flow, opts), enf_ctx_errmsg(l->ctx));
  enf_opts_destroy(opts);
  bench_check(enf_params_info(l->flow, 0, &name, &rows, &columns), "no parameters");
  double *c = bench_memory(rows * columns, sizeof *c);
  for (size_t k = 0; k < rows * columns; k++)
    c[k] = 0.05 * ((double)(k * 7919 % 13) - 6) / 6;
  bench_check(enf_params_set(l->ctx, l->flow, name, c, rows * columns), enf_ctx_errmsg(l->ctx));
  free(c);
  int64_t dimensions;
  bench_check(enf_get_int(l->flow, "dimensions", &dimensions), "no dimensions");
  l->x = bench_memory(l->n * 2 * side * side * (size_t)dimensions, sizeof *l->x);
  l->logp = bench_memory(l->n, sizeof *l->logp);
}

static void close_lattice(lattice *l) {
  enf_destroy(l->flow);
  enf_ctx_destroy(l->ctx);
  free(l->x);
  free(l->logp);
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void measure(const bench_args *args, const char *group, FILE *json) {
  lattice l[SIDES];
  const size_t runs = args->quick ? 1 : args->runs < MOST_RUNS ? args->runs : MOST_RUNS;
  double first = 0;
  for (size_t i = 0; i < SIDES; i++)
    open_lattice(args, group, sides[i], &l[i]);
  for (size_t run = 0; run < runs; run++)
    for (size_t i = 0; i < SIDES; i++) {
      const double start = bench_seconds(args);
      bench_check(enf_sample(l[i].ctx, l[i].flow, 3, 0, l[i].n, l[i].x, l[i].logp),
                  enf_ctx_errmsg(l[i].ctx));
      l[i].seconds[run] = (bench_seconds(args) - start) / (double)l[i].n;
    }
  for (size_t i = 0; i < SIDES; i++) {
    qsort(l[i].seconds, runs, sizeof(double), by_size);
    const double sample = l[i].seconds[runs / 2], V = (double)(sides[i] * sides[i]);
    const double site = sample / V / EVALUATIONS;
    first = i > 0 ? first : site;
    printf("  %-4s %4zux%-4zu  %10.5f  %16.3f  %6.2f\n", group, sides[i], sides[i], sample,
           site * 1e6, site / first);
    fflush(stdout);
    if (json)
      fprintf(json, ",\n  \"lattice_%s_%zu\": {", group, sides[i]);
    bench_json_number(json, "sample_seconds", sample, ", ");
    bench_json_number(json, "site_seconds", site, "}");
    close_lattice(&l[i]);
  }
}

void bench_lattices(const bench_args *args, FILE *json) {
  printf("\nlattices (1 thread, samples with density, RK4, %d evaluations)\n"
         "  group  lattice    s/sample  us/site and eval.  to 8x8\n",
         EVALUATIONS);
  measure(args, "su2", json);
  measure(args, "su3", json);
}
