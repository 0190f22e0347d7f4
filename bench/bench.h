/* bench.h -- the parts of the bench program: systems, works, the yardstick, the report.

   A system is a flow and samples to evaluate it at. A work is something a user waits for; a job is
   one work on one system with one number of threads. Jobs and the yardstick (sgemm) take turns, so
   that a slow minute of the machine hits all alike, and the best run of each counts. How to read
   the numbers: bench/README.md. Nothing here is part of the library. */
#ifndef ENF_BENCH_H
#define ENF_BENCH_H

#include <enf/enf.h>
#include <stdbool.h>
#include <stdio.h>

/* What was asked for on the command line. */
typedef struct {
  const char *systems, *works, *data, *weights, *convert, *out, *json, *program;
  const char *child;   /* run as the process whose memory is measured */
  const char *set[16]; /* options of libenf, as "name=value" */
  size_t sets, threads, runs, references;
  bool quick, cpu_clock;
} bench_args;

/* Whether `name` is in a comma list; NULL list: all. */
bool bench_chosen(const char *list, const char *name);
/* Seconds by the chosen clock: wall, or the processor time of this process. */
double bench_seconds(const bench_args *args);
/* Print the sentence and end the program unless status is OK. */
void bench_check(enf_status status, const char *sentence);
void *bench_memory(size_t count, size_t size);
/* A bag with --set applied and further pairs "name", "value", ..., NULL. */
enf_opts *bench_options(const bench_args *args, enf_ctx *ctx, ...);
/* What a real option has: of --set, or else its default. */
double bench_number(const bench_args *args, const char *name);
enf_ctx *bench_context(const bench_args *args, size_t threads);
double bench_rate(double amount, double seconds); /* NaN unless seconds is a positive number */

/* ---- systems (systems.c, peer.c) ----------------------------------------------------------- */

typedef struct {
  const char *name, *file; /* file: trained flow in the data folder; NULL: fresh weights */
  const char *samples;     /* .npy in the data folder; NULL: the flow's own samples */
  int64_t particles, dimensions, hidden, layers, depth; /* depth of edge and node networks */
  double enlarge;                                       /* factor on the updates of fresh weights */
  size_t references; /* samples compared with tight integration */
} bench_spec;

typedef struct {
  char name[64];
  bool trained;
  enf_flow *flow;
  int64_t N, D, H, L, edge_depth, node_depth, species;
  size_t samples, references;
  double *x; /* (samples,N,D), mean-free */
} bench_system;

const bench_spec *bench_spec_at(size_t index); /* NULL behind the last */
void bench_system_open(const bench_args *args, enf_ctx *ctx, const bench_spec *spec,
                       bench_system *s);
/* The flow and samples of --weights: a file of libenf with its samples in a .npy of the same name,
   or a file of the PyTorch peer, which holds both. */
void bench_system_from_file(const bench_args *args, enf_ctx *ctx, const char *path,
                            bench_system *s);
/* A fresh network of any shape, its coordinate updates enlarged, with `samples` normal x. */
void bench_system_fresh(const bench_args *args, enf_ctx *ctx, const bench_spec *shape,
                        size_t samples, bench_system *s);
void bench_system_close(bench_system *s);

/* Read a file of the peer; false if it is not one. Write a system as the data folder has them. */
bool bench_peer_read(const bench_args *args, enf_ctx *ctx, const char *path, bench_system *s);
void bench_system_write(enf_ctx *ctx, const bench_system *s, const char *folder);
void bench_center(const bench_system *s, double *x, size_t n);

/* ---- counting (count.c) -------------------------------------------------------------------- */

/* Floating-point operations of the matrix products of one evaluation. */
double bench_velocity_flops(const bench_system *s);
double bench_divergence_flops(const bench_system *s); /* the velocity's included */
/* Of a trajectory of `forward` velocities that is differentiated through `stages`, `plain` of them
   without a trace. */
double bench_pullback_flops(const bench_system *s, double forward, double stages, double plain);

/* ---- works (works.c) ----------------------------------------------------------------------- */

typedef struct bench_job bench_job;

typedef struct {
  const char *name;
  double seconds;        /* aimed at for one run */
  size_t most;           /* samples of one call; further calls beyond it */
  const char *objective; /* of training works, else NULL */
  const char *adjoint;   /* train.adjoint, where it is used, else NULL */
  enf_status (*run)(bench_job *job);
  double (*flops)(const bench_job *job); /* per sample */
} bench_work;

struct bench_job {
  const bench_args *args;
  const bench_work *work;
  bench_system *system;
  size_t threads, n, calls, runs;
  bool slow; /* one run takes more than 10 s: two runs must do */
  enf_ctx *ctx;
  enf_trainer *trainer;
  double *t, *x, *v, *scalar;
  double best;                           /* seconds of the fastest run */
  double velocities, divergences, steps; /* per sample, of the last call */
};

const bench_work *bench_work_at(size_t index);
const bench_work *bench_work_named(const char *name); /* NULL: there is none */
/* Prepare a job of n samples in one call, or, n = 0, of as many samples and calls as the work's
   seconds ask for. false: this version of libenf does not have the work. */
bool bench_job_open(const bench_args *args, const bench_work *work, bench_system *s, size_t threads,
                    size_t n, size_t calls, bench_job *job);
void bench_job_run(bench_job *job);
void bench_job_close(bench_job *job);
double bench_job_rate(const bench_job *job); /* samples per second */
/* Samples per second, the best of `runs`, of n in a call as for open; NaN: there is no such work.
 */
double bench_job_measure(const bench_args *args, const bench_work *work, bench_system *s,
                         size_t threads, size_t n, size_t calls, size_t runs);
double bench_job_gflops(const bench_job *job); /* NaN where the operations are not counted */

/* ---- the yardstick (sgemm.c) --------------------------------------------------------------- */

typedef struct {
  const char *shape; /* of the better one */
  double best[2];    /* GFLOP/s of one thread, and of `threads` with a product each */
  size_t threads;
} bench_sgemm;

void bench_sgemm_run(const bench_args *args, int64_t hidden, bench_sgemm *sgemm);

/* ---- errors, growth, coupling, memory ------------------------------------------------------ */

typedef struct {
  const char *setting;
  size_t samples;
  double tolerance, logdet, log_prob, worst; /* RMS errors, and the largest of log_prob */
  double velocities, divergences;            /* per sample */
} bench_error;

enum { BENCH_ERRORS = 2 };
/* log |dy/dx| from data to prior against coupled integration in float64 at 1e-10 (accuracy.c). */
void bench_errors(const bench_args *args, const bench_system *s, bench_error errors[BENCH_ERRORS]);

void bench_growth_particles(const bench_args *args, enf_ctx *ctx, FILE *json); /* growth.c */
void bench_growth_batch(const bench_args *args, bench_system *s, FILE *json);

/* The cost of a site of lattices of several sizes (lattice.c). */
void bench_lattices(const bench_args *args, FILE *json);

/* Molecules with features, of one size and of mixed ones (molecules.c). */
void bench_molecules(const bench_args *args, FILE *json);

/* A molecule in internal coordinates (splines.c). */
void bench_splines(const bench_args *args, enf_ctx *ctx, FILE *json);

/* Time and effect of optimal transport, beside a training step (coupling.c). */
void bench_coupling(const bench_args *args, bench_system *s, FILE *json);

/* Workspace of a likelihood step at several tolerances (footprint.c). */
void bench_footprint(const bench_args *args, const bench_system *s, FILE *json);

/* Peak resident bytes of a process that only computes log_prob of a system (memory.c). To be
   called before this process has grown: a child begins with the size of its parent. */
double bench_memory_peak(const bench_args *args, const char *system, size_t threads);
int bench_memory_child(const bench_args *args, const char *system);

/* ---- the report (report.c) ----------------------------------------------------------------- */

void bench_report_begin(const bench_args *args, enf_ctx *ctx, FILE *json);
void bench_report_system(const bench_system *s, FILE *json);
void bench_report_rows(const bench_sgemm *sgemm, size_t jobs, const bench_job *job, FILE *json);
void bench_report_errors(const bench_error errors[BENCH_ERRORS], FILE *json);
void bench_report_published(size_t jobs, const bench_job *job);
/* "name": value with what separates it from the next; NaN is null. NULL json: nothing. */
void bench_json_number(FILE *json, const char *name, double value, const char *then);

#endif
