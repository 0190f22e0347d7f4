/* report.c -- the tables, and the same numbers as JSON. A rate is that of the fastest run; share
   is its GFLOP/s over those of the yardstick on as many threads; gain is the rate over that of one
   thread, and in the last column over the yardstick's own gain. */
#include "bench.h"
#include "core/core.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const kernels[ENF__KERNELS] = {"auto",   "baseline", "avx2",
                                                  "avx512", "blas",     "amx"};

void bench_json_number(FILE *json, const char *name, double value, const char *then) {
  if (!json)
    return;
  if (isfinite(value))
    fprintf(json, "\"%s\": %.6g%s", name, value, then);
  else
    fprintf(json, "\"%s\": null%s", name, then);
}

static void json_text(FILE *json, const char *name, const char *text, const char *then) {
  if (!json)
    return;
  fprintf(json, "\"%s\": \"", name);
  for (; *text; text++)
    if (*text == '"' || *text == '\\')
      fprintf(json, "\\%c", *text);
    else if ((unsigned char)*text >= ' ')
      fputc(*text, json);
  fprintf(json, "\"%s", then);
}

static void processor(char *name, size_t size) {
  char line[512];
  FILE *file = fopen("/proc/cpuinfo", "r");
  snprintf(name, size, "unknown processor");
  while (file && fgets(line, sizeof line, file)) {
    const char *colon = strchr(line, ':');
    if (strncmp(line, "model name", 10) || !colon)
      continue;
    snprintf(name, size, "%s", colon + 2);
    name[strcspn(name, "\n")] = 0;
    break;
  }
  if (file)
    fclose(file);
}

void bench_report_begin(const bench_args *args, enf_ctx *ctx, FILE *json) {
  char name[256];
  processor(name, sizeof name);
  const char *clock = args->cpu_clock ? "processor time" : "wall time";
  printf("libenf %s, kernels %s, %s, best of %zu runs (%s)\n", enf_version(),
         kernels[ctx->run.kernel], name, args->runs, clock);
  if (!json)
    return;
  fprintf(json, "{\n  ");
  json_text(json, "libenf", enf_version(), ", ");
  json_text(json, "kernels", kernels[ctx->run.kernel], ", ");
  json_text(json, "processor", name, ", ");
  json_text(json, "clock", clock, ", ");
  bench_json_number(json, "runs", (double)args->runs, ",\n  ");
}

void bench_report_system(const bench_system *s, FILE *json) {
  printf("\n%s: %ld particles, %ld layers of %ld, %s\n", s->name, (long)s->N, (long)s->L,
         (long)s->H, s->trained ? "trained" : "fresh, updates enlarged");
  if (!json)
    return;
  json_text(json, "system", s->name, ", ");
  bench_json_number(json, "particles", (double)s->N, ", ");
  bench_json_number(json, "dimensions", (double)s->D, ", ");
  bench_json_number(json, "layers", (double)s->L, ", ");
  bench_json_number(json, "hidden", (double)s->H, ", ");
  bench_json_number(json, "edge_depth", (double)s->edge_depth, ", ");
  bench_json_number(json, "node_depth", (double)s->node_depth, ", ");
  bench_json_number(json, "trained", s->trained, ", ");
  bench_json_number(json, "velocity_flop", bench_velocity_flops(s), ", ");
  bench_json_number(json, "divergence_flop", bench_divergence_flops(s), "");
}

typedef struct {
  double rate, gflops, share, gain, relative;
} figures;

/* The job of the same work on one thread. */
static const bench_job *single(size_t jobs, const bench_job *job, const bench_work *work) {
  for (size_t i = 0; i < jobs; i++)
    if (job[i].work == work && job[i].threads == 1)
      return job + i;
  return NULL;
}

static figures figures_of(const bench_sgemm *sgemm, const bench_job *j, const bench_job *one) {
  figures f = {bench_job_rate(j), bench_job_gflops(j), NAN, NAN, NAN};
  if (j->threads == 1 || j->threads == sgemm->threads)
    f.share = f.gflops / sgemm->best[j->threads > 1];
  if (j->threads > 1 && one)
    f.gain = f.rate / bench_job_rate(one);
  if (j->threads == sgemm->threads)
    f.relative = f.gain / (sgemm->best[1] / sgemm->best[0]);
  return f;
}

/* "-" for what does not apply. */
static void cell(int width, int digits, double value) {
  if (isfinite(value))
    printf("  %*.*f", width, digits, value);
  else
    printf("  %*s", width, "-");
}

static void print_row(const bench_job *j, const figures *f) {
  printf("  %-14s %7zu", j->work->name, j->threads);
  cell(10, f->rate < 100 ? 2 : 0, f->rate);
  cell(7, 1, f->gflops);
  cell(5, 2, f->share);
  cell(4, 2, f->gain);
  cell(8, 2, f->relative);
  cell(7, 1, j->velocities);
  cell(7, 1, j->divergences);
  printf("  %7zu  %4zu\n", j->n, j->runs);
}

static void json_row(FILE *json, const bench_job *j, const figures *f) {
  fprintf(json, "\n        {");
  json_text(json, "work", j->work->name, ", ");
  bench_json_number(json, "threads", (double)j->threads, ", ");
  bench_json_number(json, "rate", f->rate, ", ");
  bench_json_number(json, "gflops", f->gflops, ", ");
  bench_json_number(json, "share", f->share, ", ");
  bench_json_number(json, "gain", f->gain, ", ");
  bench_json_number(json, "gain_over_sgemm", f->relative, ", ");
  bench_json_number(json, "velocities", j->velocities, ", ");
  bench_json_number(json, "divergences", j->divergences, ", ");
  bench_json_number(json, "batch", (double)j->n, ", ");
  bench_json_number(json, "calls", (double)j->calls, ", ");
  bench_json_number(json, "runs", (double)j->runs, ", ");
  bench_json_number(json, "seconds", j->best, "}");
}

void bench_report_rows(const bench_sgemm *sgemm, size_t jobs, const bench_job *job, FILE *json) {
  printf("  sgemm %s", sgemm->shape);
  if (isfinite(sgemm->best[0]))
    printf(": %.1f GFLOP/s on 1 thread", sgemm->best[0]);
  if (isfinite(sgemm->best[0]) && sgemm->threads > 1)
    printf(", %.1f on %zu (gain %.2f)", sgemm->best[1], sgemm->threads,
           sgemm->best[1] / sgemm->best[0]);
  printf("\n  work           threads   samples/s  GFLOP/s  share  gain  /sgemm's  vel/smp  div/smp "
         "   batch  runs\n");
  if (json) {
    fprintf(json, ",\n      ");
    json_text(json, "sgemm", sgemm->shape, ", ");
    bench_json_number(json, "sgemm_gflops", sgemm->best[0], ", ");
    bench_json_number(json, "sgemm_threads", (double)sgemm->threads, ", ");
    bench_json_number(json, "sgemm_gflops_threads", sgemm->best[1], ",\n      \"rows\": [");
  }
  for (size_t i = 0; i < jobs; i++) {
    const figures f = figures_of(sgemm, job + i, single(jobs, job, job[i].work));
    print_row(job + i, &f);
    if (json) {
      fprintf(json, "%s", i ? "," : "");
      json_row(json, job + i, &f);
    }
  }
  if (json)
    fprintf(json, "]");
}

void bench_report_errors(const bench_error errors[BENCH_ERRORS], FILE *json) {
  if (!errors[0].samples)
    return;
  printf("  error against coupled float64 integration at 1e-10, %zu samples, nats\n"
         "  settings                     logdet RMS  log_prob RMS  largest  vel/smp  div/smp\n",
         errors[0].samples);
  if (json)
    fprintf(json, ",\n      \"errors\": [");
  for (size_t q = 0; q < BENCH_ERRORS; q++) {
    const bench_error *e = errors + q;
    printf("  %-27s  %10.2e  %12.2e  %7.1e  %7.1f  %7.1f%s\n", e->setting, e->logdet, e->log_prob,
           e->worst, e->velocities, e->divergences,
           !e->tolerance               ? ""
           : e->logdet <= e->tolerance ? "  within logdet.tol"
                                       : "  ABOVE logdet.tol");
    if (!json)
      continue;
    fprintf(json, "%s\n        {", q ? "," : "");
    json_text(json, "settings", e->setting, ", ");
    bench_json_number(json, "samples", (double)e->samples, ", ");
    bench_json_number(json, "logdet_rms", e->logdet, ", ");
    bench_json_number(json, "log_prob_rms", e->log_prob, ", ");
    bench_json_number(json, "log_prob_largest", e->worst, ", ");
    bench_json_number(json, "velocities", e->velocities, ", ");
    bench_json_number(json, "divergences", e->divergences, "}");
  }
  if (json)
    fprintf(json, "]");
}

/* Published rates of exact densities on GPUs, by brute force. */
void bench_report_published(size_t jobs, const bench_job *job) {
  for (size_t i = 0; i < jobs; i++) {
    const char *work = job[i].work->name, *system = job[i].system->name;
    if (!strcmp(system, "lj13") && !strcmp(work, "sample+density"))
      printf("  1e5 samples with density on %zu thread(s): %.0f s (published, V100 GPU: 2,508 s)\n",
             job[i].threads, 1e5 / bench_job_rate(job + i));
    if (!strcmp(system, "ala2") && !strcmp(work, "log_prob"))
      printf("  log_prob on %zu thread(s): %.2f/s (published, L40 GPU: 29.6/s)\n", job[i].threads,
             bench_job_rate(job + i));
  }
}
