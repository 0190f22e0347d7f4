/* splines.c -- a molecule in internal coordinates: 12 spline layers of 64 and of 128 on one thread.

   The molecule is alanine dipeptide, its coordinates about as wide as at 300 K, its configurations
   the flow's own samples; configurations of atoms go in and come out. The last weights of every
   layer, zeros in a fresh flow, are small numbers here, as in the JAX program that
   bench/splines.sh has beside this one. */
#include "bench.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 15, TOGETHER = 1024, BATCH = 256 };
static const int64_t widths[] = {64, 128};
enum { WIDTHS = sizeof widths / sizeof *widths };

static const char zmatrix[] =
    "6 8 14; 4 6 8 14 t; 16 14 8 6 t; 10 8 6 14 i; 9 8 6 14 i; 15 14 8 16 i; 7 6 8 4 i; "
    "1 4 6 8 i; 5 4 6 1 i; 18 16 14 8 i; 17 16 14 18 i; 11 10 8 6 t; 12 10 8 11 i; 13 10 8 11 i; "
    "0 1 4 6 t; 2 1 4 0 i; 3 1 4 0 i; 19 18 16 14 t; 20 18 16 19 i; 21 18 16 19 i";

typedef struct {
  const char *name, *work;
  size_t samples;
} row;
static const row rows[] = {{"samples", "sample+density", TOGETHER},
                           {"densities", "log_prob", TOGETHER},
                           {"training", "likelihood", BATCH}};
enum { ROWS = sizeof rows / sizeof *rows };

/* A number in [-1,1] that depends on its place. */
static double noise(size_t i) {
  const uint64_t mixed = (i + 1) * 6364136223846793005u;
  return (double)(mixed >> 11) * 0x1p-52 - 1;
}

static void set_tensor(enf_ctx *ctx, enf_flow *flow, const char *name, size_t count) {
  double *w = bench_memory(count, sizeof *w);
  bench_check(enf_params_get(ctx, flow, name, w, count), enf_ctx_errmsg(ctx));
  const size_t bonds = (count + 6) / 3 - 1, angles = bonds - 1; /* of 3 N - 6 coordinates */
  for (size_t k = 0; k < count; k++)
    if (strstr(name, ".net.2.weight"))
      w[k] = 1e-3 * noise(k);
    else if (!strcmp(name, "internal.center"))
      w[k] = k < bonds ? -2 : k < bonds + angles ? 0.4 : w[k];
    else if (!strcmp(name, "internal.width"))
      w[k] = k < bonds ? 0.03 : k < bonds + angles ? 0.06 : w[k] == 1 ? 1 : 0.1;
  bench_check(enf_params_set(ctx, flow, name, w, count), enf_ctx_errmsg(ctx));
  free(w);
}

static void open_flow(const bench_args *args, enf_ctx *ctx, int64_t hidden, bench_system *s) {
  enf_opts *opts =
      bench_options(args, ctx, "model.space", "molecule", "model.zmatrix", zmatrix, "model.map",
                    "spline*12", "model.prior", "internal", "model.particles", "22", NULL);
  bench_check(enf_opts_set_int(opts, "model.hidden", hidden), enf_opts_errmsg(opts));
  *s = (bench_system){.N = 22, .D = 3, .H = hidden, .L = 12, .samples = TOGETHER};
  bench_check(enf_create(ctx, &s->flow, opts), enf_ctx_errmsg(ctx));
  enf_opts_destroy(opts);
  const char *name;
  size_t m, n;
  for (size_t i = 0; enf_params_info(s->flow, i, &name, &m, &n) == ENF_OK; i++)
    set_tensor(ctx, s->flow, name, m * n);
  s->x = bench_memory(s->samples * (size_t)(s->N * s->D), sizeof *s->x);
  bench_check(enf_sample(ctx, s->flow, 1, 0, s->samples, s->x, NULL), enf_ctx_errmsg(ctx));
}

void bench_splines(const bench_args *args, enf_ctx *ctx, FILE *json) {
  printf("\na molecule in internal coordinates, 22 atoms, 12 spline layers (1 thread, a second)\n"
         "  width  samples with density  densities  training rows\n");
  if (json)
    fprintf(json, ",\n  \"splines\": [");
  for (size_t i = 0; i < WIDTHS; i++) {
    double rate[ROWS];
    bench_system s;
    open_flow(args, ctx, widths[i], &s);
    for (size_t k = 0; k < ROWS; k++)
      rate[k] = bench_job_measure(args, bench_work_named(rows[k].work), &s, 1, rows[k].samples, 1,
                                  args->quick ? 2 : ROUNDS);
    bench_system_close(&s);
    printf("  %5ld  %20.0f  %9.0f  %13.0f\n", (long)widths[i], rate[0], rate[1], rate[2]);
    fflush(stdout);
    if (json)
      fprintf(json, "%s\n    {", i ? "," : "");
    bench_json_number(json, "width", (double)widths[i], ", ");
    for (size_t k = 0; k < ROWS; k++)
      bench_json_number(json, rows[k].name, rate[k], k + 1 < ROWS ? ", " : "}");
  }
  if (json)
    fprintf(json, "]");
}
