/* growth.c -- how the cost of a sample grows with the number of particles, and with the batch.

   Particles: fresh networks of 3 layers of 32 and of 2 layers of 64, one thread. A velocity goes
   with N^2; an exact divergence with N^3, or, with two layers, N^2. Batch: one call of n samples.
 */
#include "bench.h"
#include <math.h>

enum { ROUNDS = 3 };
static const int64_t sizes[] = {13, 26, 55, 110};
static const size_t batches[] = {1, 4, 16, 64, 256, 1024};
enum { SIZES = sizeof sizes / sizeof *sizes, BATCHES = sizeof batches / sizeof *batches };

typedef struct {
  double velocity, divergence; /* seconds per sample */
} cost;

static cost cost_of(const bench_args *args, enf_ctx *ctx, const bench_spec *shape) {
  bench_system s;
  bench_system_fresh(args, ctx, shape, 4, &s);
  const cost c = {1 / bench_job_measure(args, bench_work_named("velocity"), &s, 1, 0, 0, ROUNDS),
                  1 / bench_job_measure(args, bench_work_named("divergence"), &s, 1, 0, 0,
                                 ROUNDS)};
  bench_system_close(&s);
  return c;
}

typedef struct {
  char text[8];
} column;

/* The power of N with which a cost grew; empty in the first row. */
static column power(double cost_ratio, double N_ratio) {
  column c = {"      "};
  if (isfinite(N_ratio))
    snprintf(c.text, sizeof c.text, "%6.2f", log(cost_ratio) / log(N_ratio));
  return c;
}

static void grow(const bench_args *args, enf_ctx *ctx, int64_t hidden, int64_t layers, FILE *json,
                 bool first) {
  cost before = {NAN, NAN};
  double N_before = NAN;
  for (size_t i = 0; i < (args->quick ? SIZES - 1 : SIZES); i++) {
    const double N = (double)sizes[i];
    const bench_spec shape = {"growth", NULL, NULL, sizes[i], 3, hidden, layers, 2, 1, 0};
    const cost c = cost_of(args, ctx, &shape);
    printf("  %ldx%-4ld %5ld  %11.4f %s  %13.4f %s  %7.1f\n", (long)layers, (long)hidden,
           (long)sizes[i], c.velocity * 1e3, power(c.velocity / before.velocity, N / N_before).text,
           c.divergence * 1e3, power(c.divergence / before.divergence, N / N_before).text,
           c.divergence / c.velocity);
    fflush(stdout);
    if (json)
      fprintf(json, "%s\n    {", first && !i ? "" : ",");
    bench_json_number(json, "layers", (double)layers, ", ");
    bench_json_number(json, "hidden", (double)hidden, ", ");
    bench_json_number(json, "particles", N, ", ");
    bench_json_number(json, "velocity_seconds", c.velocity, ", ");
    bench_json_number(json, "divergence_seconds", c.divergence, "}");
    before = c;
    N_before = N;
  }
}

void bench_growth_particles(const bench_args *args, enf_ctx *ctx, FILE *json) {
  printf("\ngrowth with particles (1 thread; power: of N, against the row above)\n"
         "  network    N  velocity/ms  power  divergence/ms  power  div/vel\n");
  if (json)
    fprintf(json, ",\n  \"growth_particles\": [");
  grow(args, ctx, 32, 3, json, true);
  grow(args, ctx, 64, 2, json, false);
  if (json)
    fprintf(json, "]");
}

void bench_growth_batch(const bench_args *args, bench_system *s, FILE *json) {
  static const char *const names[] = {"velocity", "flow-matching", "divergence"};
  printf("\n  samples/s by samples in a call\n  batch  threads  velocity  flow-matching  "
         "divergence\n");
  if (json)
    fprintf(json, ",\n      \"growth_batch\": [");
  for (size_t b = 0; b < (args->quick ? BATCHES - 2 : BATCHES); b++)
    for (size_t threads = 1; threads <= args->threads; threads *= 2) {
      double rate[3];
      for (size_t i = 0; i < 3; i++)
        rate[i] = bench_job_measure(args, bench_work_named(names[i]), s, threads, batches[b], 0, ROUNDS);
      printf("  %5zu  %7zu  %8.0f  %13.0f  %10.0f\n", batches[b], threads, rate[0], rate[1],
             rate[2]);
      fflush(stdout);
      if (json)
        fprintf(json, "%s\n        {", b || threads > 1 ? "," : "");
      bench_json_number(json, "batch", (double)batches[b], ", ");
      bench_json_number(json, "threads", (double)threads, ", ");
      for (size_t i = 0; i < 3; i++)
        bench_json_number(json, names[i], rate[i], i < 2 ? ", " : "}");
    }
  if (json)
    fprintf(json, "]");
}
