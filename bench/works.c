/* works.c -- what is timed: the works, and jobs that repeat them.

   Everything goes through the public interface. Density works are given samples of the data, or
   samples number 0, 1, ... of stream 1; training works a batch of the data, a learning rate of 0,
   so that every step is of the same network, and independent coupling, as the PyTorch peer has. */
#include "bench.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 16 }; /* systems of up to so many particles are given larger batches */

/* ---- the works ------------------------------------------------------------------------------ */

static enf_status run_velocity(bench_job *j) {
  return enf_velocity(j->ctx, j->system->flow, j->n, j->t, j->x, j->v, NULL);
}

static enf_status run_divergence(bench_job *j) {
  return enf_velocity(j->ctx, j->system->flow, j->n, j->t, j->x, j->v, j->scalar);
}

static enf_status run_training(bench_job *j) {
  return enf_train_step(j->ctx, j->trainer, j->n, j->x, NULL);
}

static enf_status run_sample(bench_job *j) {
  return enf_sample(j->ctx, j->system->flow, 1, 0, j->n, j->v, NULL);
}

static enf_status run_log_prob(bench_job *j) {
  return enf_log_prob(j->ctx, j->system->flow, j->n, j->x, j->scalar);
}

static enf_status run_sample_density(bench_job *j) {
  return enf_sample(j->ctx, j->system->flow, 1, 0, j->n, j->v, j->scalar);
}

static double velocity_flops(const bench_job *j) { return bench_velocity_flops(j->system); }
static double divergence_flops(const bench_job *j) { return bench_divergence_flops(j->system); }
/* Forward; then, backward, a product for the rows and one for the weights to each of its own. */
static double training_flops(const bench_job *j) { return 3 * bench_velocity_flops(j->system); }
static double trajectory_flops(const bench_job *j) {
  return j->velocities * bench_velocity_flops(j->system) +
         (j->divergences > 0 ? j->divergences * bench_divergence_flops(j->system) : 0);
}
/* dopri5: 6 stages a step on the way back, one of them of weight 0. */
static double likelihood_flops(const bench_job *j) {
  const double stages = 6 * j->steps;
  return bench_pullback_flops(j->system, j->velocities - stages, stages, j->steps);
}

/* Of the continuous adjoint, whose way back is another integration, is not counted. */
static double unknown_flops(const bench_job *j) { return j ? NAN : 0; }

static const bench_work works[] = {
    {"velocity", 0.2, 16384, NULL, NULL, run_velocity, velocity_flops},
    {"flow-matching", 0.3, 0, "flow-matching", NULL, run_training, training_flops},
    {"divergence", 0.4, 8192, NULL, NULL, run_divergence, divergence_flops},
    {"sample", 0.5, 4096, NULL, NULL, run_sample, trajectory_flops},
    {"log_prob", 5, 4096, NULL, NULL, run_log_prob, trajectory_flops},
    {"sample+density", 5, 4096, NULL, NULL, run_sample_density, trajectory_flops},
    {"likelihood", 1, 64, "likelihood", "discrete", run_training, likelihood_flops},
    {"continuous", 1, 64, "likelihood", "continuous", run_training, unknown_flops},
};

const bench_work *bench_work_at(size_t index) {
  return index < sizeof works / sizeof *works ? works + index : NULL;
}

const bench_work *bench_work_named(const char *name) {
  for (size_t i = 0; bench_work_at(i); i++)
    if (!strcmp(bench_work_at(i)->name, name))
      return bench_work_at(i);
  return NULL;
}

/* ---- jobs ----------------------------------------------------------------------------------- */

static void allocate(bench_job *j, size_t n) {
  const size_t size = (size_t)(j->system->N * j->system->D), have = j->system->samples;
  free(j->t);
  free(j->x);
  free(j->v);
  free(j->scalar);
  j->n = n;
  j->t = bench_memory(n, sizeof *j->t);
  j->scalar = bench_memory(n, sizeof *j->scalar);
  j->x = bench_memory(n * size, sizeof *j->x);
  j->v = bench_memory(n * size, sizeof *j->v);
  for (size_t i = 0; i < n; i++) {
    j->t[i] = 0.5;
    memcpy(j->x + i * size, j->system->x + i % have * size, size * sizeof *j->x);
  }
}

/* false: the objective is not one of this version's. */
static bool open_trainer(bench_job *j) {
  enf_opts *opts =
      bench_options(j->args, j->ctx, "train.lr", "0", "train.coupling", "independent", NULL);
  const bool known = enf_opts_set(opts, "train.objective", j->work->objective) == ENF_OK;
  if (j->work->adjoint)
    bench_check(enf_opts_set(opts, "train.adjoint", j->work->adjoint), enf_opts_errmsg(opts));
  if (known)
    bench_check(enf_trainer_create(j->ctx, &j->trainer, j->system->flow, opts),
                enf_ctx_errmsg(j->ctx));
  enf_opts_destroy(opts);
  return known;
}

static double time_once(bench_job *j) {
  const double start = bench_seconds(j->args);
  for (size_t i = 0; i < j->calls; i++)
    bench_check(j->work->run(j), enf_ctx_errmsg(j->ctx));
  return bench_seconds(j->args) - start;
}

/* More samples in the call, or more calls, until a run takes about the work's seconds. */
static void calibrate(bench_job *j, size_t n, bool fixed) {
  const double aim = j->work->seconds / (j->args->quick ? 5 : 1);
  const size_t most = fixed || !j->work->most ? n : j->work->most;
  allocate(j, n);
  time_once(j); /* memory is touched, contexts are sized */
  for (double seconds = time_once(j); seconds < aim / 1.5; seconds = time_once(j)) {
    const double factor = fmin(16, aim / fmax(seconds, 1e-6));
    if (j->n < most) {
      const double grown = ceil((double)j->n * factor / 4) * 4;
      allocate(j, grown < (double)most ? (size_t)grown : most);
    } else {
      j->calls = (size_t)ceil((double)j->calls * factor);
    }
  }
}

void bench_job_run(bench_job *j) {
  double value;
  if (j->slow && j->runs >= 2)
    return;
  const double seconds = time_once(j);
  j->best = j->runs && j->best < seconds ? j->best : seconds;
  j->slow = seconds > 10;
  j->runs++;
  if (enf_ctx_stat(j->ctx, "velocities", &value) == ENF_OK)
    j->velocities = value / (double)j->n;
  if (enf_ctx_stat(j->ctx, "steps", &value) == ENF_OK)
    j->steps = value / (double)j->n;
  if (enf_ctx_stat(j->ctx, "divergences", &value) == ENF_OK)
    j->divergences = value / (double)j->n;
}

bool bench_job_open(const bench_args *args, const bench_work *work, bench_system *s, size_t threads,
                    size_t n, size_t calls, bench_job *j) {
  const size_t batch = s->N <= SMALL ? 256 : 64;
  *j = (bench_job){.args = args, .work = work, .system = s, .threads = threads, .calls = 1};
  j->ctx = bench_context(args, threads);
  if (work->objective && !open_trainer(j)) {
    bench_job_close(j);
    return false;
  }
  if (n && calls) {
    j->calls = calls;
    allocate(j, n);
  } else if (n) {
    calibrate(j, n, true);
  } else if (work->objective) {
    calibrate(j, work->most && work->most < batch ? work->most : batch, true);
  } else {
    calibrate(j, s->N <= 2 * SMALL ? 4 : 2, false);
  }
  return true;
}

void bench_job_close(bench_job *j) {
  enf_trainer_destroy(j->trainer);
  enf_ctx_destroy(j->ctx);
  free(j->t);
  free(j->x);
  free(j->v);
  free(j->scalar);
  *j = (bench_job){0};
}

double bench_job_rate(const bench_job *j) { return bench_rate((double)(j->n * j->calls), j->best); }

double bench_job_measure(const bench_args *args, const bench_work *work, bench_system *s,
                         size_t threads, size_t n, size_t calls, size_t runs) {
  bench_job job;
  if (!bench_job_open(args, work, s, threads, n, calls, &job))
    return NAN;
  for (size_t i = 0; i < runs; i++)
    bench_job_run(&job);
  const double rate = bench_job_rate(&job);
  bench_job_close(&job);
  return rate;
}

double bench_job_gflops(const bench_job *j) { return bench_job_rate(j) * j->work->flops(j) / 1e9; }
