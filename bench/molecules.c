/* molecules.c -- molecules with kinds and charges, by a fresh network of the published size (6
   layers of 64, dequantiser 4 of 64), and what mixed sizes cost beside one size, for a pair of
   atoms.

   data/molecules.xyz has the first 29 molecules of QM9's test set, then the next 34 of 18 atoms,
   which have about as many pairs. The two sides take turns, and sgemm with them; medians count. */
#include "bench.h"
#include <enf/batch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MIXED = 29, SIZE = 18, KINDS = 5, FEATURES = KINDS + 1, HIDDEN = 64, MOST_RUNS = 32 };
enum { QUICK = 3 }; /* molecules of a quick run */
static const int32_t numbers[KINDS] = {1, 6, 7, 8, 9};

typedef struct side side;
typedef struct {
  const char *name, *objective; /* objective NULL: no training */
  const char *dequantiser;
  size_t most, calls; /* molecules; calls of a run */
  bool mixed;         /* both sides, else those of one size alone */
  enf_status (*run)(side *s);
} work;

struct side {
  const work *work;
  enf_ctx *ctx;
  enf_flow *flow;
  enf_trainer *trainer;
  enf_batch *kinds, *features;
  size_t n, pairs;
  double *t, *vx, *vh, *scalar, evaluations; /* of all molecules, of the last call */
  double seconds[MOST_RUNS];
};

/* ---- works ----------------------------------------------------------------------------------- */

static enf_status run_velocity(side *s) {
  s->evaluations = (double)s->n;
  return enf_velocity_batch(s->ctx, s->flow, s->features, s->t, s->vx, s->vh, NULL);
}

static enf_status run_divergence(side *s) {
  s->evaluations = (double)s->n;
  return enf_velocity_batch(s->ctx, s->flow, s->features, s->t, s->vx, s->vh, s->scalar);
}

static enf_status run_step(side *s) {
  enf_step_info info = ENF_STEP_INFO_INIT;
  const enf_status status = enf_train_step_batch(s->ctx, s->trainer, s->kinds, &info);
  s->evaluations = (double)info.evaluations;
  return status;
}

static enf_status run_sample(side *s) {
  enf_batch *made;
  const enf_status status = enf_sample_batch(s->ctx, s->flow, 1, 0, s->n, SIZE, &made, NULL);
  enf_batch_destroy(made);
  enf_ctx_stat(s->ctx, "velocities", &s->evaluations);
  return status;
}

static enf_status run_bound(side *s) {
  const enf_status status = enf_log_prob_batch(s->ctx, s->flow, s->kinds, 1, s->scalar, NULL);
  enf_ctx_stat(s->ctx, "divergences", &s->evaluations);
  return status;
}

static const work works[] = {
    {"velocity", NULL, "none", 64, 20, true, run_velocity},
    {"divergence", NULL, "none", 64, 1, true, run_divergence},
    {"flow-matching", "flow-matching", "none", 64, 5, true, run_step},
    {"likelihood", "likelihood", "variational", 64, 1, true, run_step},
    {"sample", NULL, "none", 32, 1, false, run_sample},
    {"bound", NULL, "variational", 4, 1, false, run_bound},
};
enum { WORKS = sizeof works / sizeof *works };

/* ---- the two sides --------------------------------------------------------------------------- */

/* Molecule `index` of the file: its kinds, and the same as features, one-hot and atomic number. */
static void append(side *s, const enf_batch *file, size_t index) {
  int32_t kind[64];
  double h[64 * FEATURES] = {0};
  const int32_t *element;
  const double *x;
  size_t N;
  enf_batch_get(file, index, &N, &element, NULL, NULL, &x);
  bench_check(N <= 64 ? ENF_OK : ENF_ERR_RANGE, "a molecule of more than 64 atoms");
  for (size_t i = 0; i < N; i++)
    for (int32_t k = 0; k < KINDS; k++)
      if (numbers[k] == element[i]) {
        kind[i] = k;
        h[i * FEATURES + (size_t)k] = 1;
        h[i * FEATURES + KINDS] = element[i];
      }
  bench_check(enf_batch_append(s->ctx, s->kinds, N, kind, 0, NULL, x), enf_ctx_errmsg(s->ctx));
  bench_check(enf_batch_append(s->ctx, s->features, N, NULL, FEATURES, h, x),
              enf_ctx_errmsg(s->ctx));
  s->pairs += N * (N - 1);
}

static void open_batches(const bench_args *args, bool mixed, side *s) {
  char path[1024];
  enf_batch *file;
  snprintf(path, sizeof path, "%s/molecules.xyz", args->data);
  bench_check(enf_batch_read(s->ctx, &file, NULL, path), enf_ctx_errmsg(s->ctx));
  bench_check(enf_batch_create(s->ctx, &s->kinds, 3), enf_ctx_errmsg(s->ctx));
  bench_check(enf_batch_create(s->ctx, &s->features, 3), enf_ctx_errmsg(s->ctx));
  const size_t count = enf_batch_count(file), first = mixed ? 0 : MIXED;
  const size_t most = args->quick && s->work->most > QUICK ? QUICK : s->work->most;
  for (size_t i = first; i < (mixed ? MIXED : count) && i - first < most; i++)
    append(s, file, i);
  enf_batch_destroy(file);
  s->n = enf_batch_count(s->kinds);
  const size_t atoms = enf_batch_particles(s->kinds);
  s->t = bench_memory(s->n, sizeof *s->t);
  s->scalar = bench_memory(s->n, sizeof *s->scalar);
  s->vx = bench_memory(atoms * 3, sizeof *s->vx);
  s->vh = bench_memory(atoms * FEATURES, sizeof *s->vh);
  for (size_t i = 0; i < s->n; i++)
    s->t[i] = 0.5;
}

/* As published: a probe, dopri5 at 1e-4 and both penalties at 1e-3 in training by likelihood. */
static void open_trainer(side *s, enf_opts *opts) {
  static const char *const likelihood[][2] = {{"train.trace", "hutchinson"},
                                              {"ode.rtol", "1e-4"},
                                              {"ode.atol", "1e-4"},
                                              {"train.kinetic", "1e-3"},
                                              {"train.frobenius", "1e-3"}};
  bench_check(enf_opts_set(opts, "train.objective", s->work->objective), enf_opts_errmsg(opts));
  bench_check(enf_opts_set(opts, "train.lr", "0"), enf_opts_errmsg(opts));
  for (size_t i = 0; i < 5 && !strcmp(s->work->objective, "likelihood"); i++)
    bench_check(enf_opts_set(opts, likelihood[i][0], likelihood[i][1]), enf_opts_errmsg(opts));
  bench_check(enf_ctx_configure(s->ctx, opts), enf_ctx_errmsg(s->ctx));
  bench_check(enf_trainer_create(s->ctx, &s->trainer, s->flow, opts), enf_ctx_errmsg(s->ctx));
}

static void open_side(const bench_args *args, const work *w, bool mixed, side *s) {
  *s = (side){.work = w, .ctx = bench_context(args, 1)};
  open_batches(args, mixed, s);
  enf_opts *opts = bench_options(args, s->ctx, "model.elements", "H C N O F", "model.charges", "on",
                                 "model.hidden", "64", "model.layers", "6", "model.dequantiser",
                                 w->dequantiser, "model.sizes", "18:1", "run.threads", "1", NULL);
  bench_check(enf_create(s->ctx, &s->flow, opts), enf_ctx_errmsg(s->ctx));
  if (w->objective != NULL)
    open_trainer(s, opts);
  enf_opts_destroy(opts);
}

static void close_side(side *s) {
  enf_trainer_destroy(s->trainer);
  enf_destroy(s->flow);
  enf_batch_destroy(s->kinds);
  enf_batch_destroy(s->features);
  enf_ctx_destroy(s->ctx);
  free(s->t);
  free(s->scalar);
  free(s->vx);
  free(s->vh);
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* Run 0 warms up: it is replaced by the next. */
static void run_side(const bench_args *args, size_t run, side *s) {
  const double start = bench_seconds(args);
  for (size_t i = 0; i < s->work->calls; i++)
    bench_check(s->work->run(s), enf_ctx_errmsg(s->ctx));
  s->seconds[run > 0 ? run - 1 : 0] = (bench_seconds(args) - start) / (double)s->work->calls;
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *seconds, size_t runs) {
  qsort(seconds, runs, sizeof *seconds, by_size);
  return seconds[runs / 2];
}

static void measure(const bench_args *args, const work *w, FILE *json, const char *then) {
  const size_t runs = args->runs < MOST_RUNS ? args->runs : MOST_RUNS;
  side alike, mixed;
  bench_sgemm sgemm = {0};
  open_side(args, w, false, &alike);
  if (w->mixed)
    open_side(args, w, true, &mixed);
  for (size_t run = 0; run <= runs; run++) {
    bench_sgemm_run(args, HIDDEN, &sgemm);
    run_side(args, run, &alike);
    if (w->mixed)
      run_side(args, run, &mixed);
  }
  const double seconds = median(alike.seconds, runs), n = (double)alike.n;
  const double pair =
      w->mixed ? median(mixed.seconds, runs) / (double)mixed.pairs / (seconds / (double)alike.pairs)
               : NAN;
  printf("  %-13s  %11.3f  %11.1f  %11.2f  %7.1f\n", w->name, seconds / n * 1e3,
         alike.evaluations / n, pair, sgemm.best[0]);
  fflush(stdout);
  if (json)
    fprintf(json, "%s\n    {\"work\": \"%s\", ", then, w->name);
  bench_json_number(json, "seconds", seconds / n, ", ");
  bench_json_number(json, "evaluations", alike.evaluations / n, ", ");
  bench_json_number(json, "mixed_pair", pair, ", ");
  bench_json_number(json, "sgemm_gflops", sgemm.best[0], "}");
  close_side(&alike);
  if (w->mixed)
    close_side(&mixed);
}

void bench_molecules(const bench_args *args, FILE *json) {
  bench_args one = *args;
  one.threads = 1;
  printf("\nmolecules with kinds and charges (1 thread, medians, 18 atoms, 6 layers of 64)\n"
         "  work           ms/molecule  evaluations  mixed/alike    sgemm\n");
  if (json)
    fprintf(json, ",\n  \"molecules\": [");
  for (size_t i = 0; i < WORKS; i++)
    measure(&one, works + i, json, i > 0 ? "," : "");
  if (json)
    fprintf(json, "]");
}
