/* mpi_train.c -- a training of a program's own on ranks, and what it costs: mpirun -n R ./mpi_train ROWS.npy BATCH [STEPS].
   Every rank has all rows and takes its part of each batch of BATCH rows; MPI_Allreduce adds. Rank 0 prints the shortest and the median
   milliseconds of a step and, inside of it, of the sum (with waiting for the slowest rank), and the bytes that a rank hands over. */
#include <enf/enf.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 10000 };
static double step_ms[MOST], sum_ms[MOST];
static size_t bytes;
static int at;

static int add(void *user, size_t n, double *sum) {
  const double start = MPI_Wtime();
  (void)user;
  const int failed = MPI_Allreduce(MPI_IN_PLACE, sum, (int)n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD) != MPI_SUCCESS;
  sum_ms[at] = 1e3 * (MPI_Wtime() - start);
  bytes = n * sizeof *sum;
  return failed;
}

static enf_status set_up(enf_ctx *ctx, const enf_array *rows, enf_flow **flow, enf_trainer **tr) {
  enf_opts *opts = NULL;
  double scale = 1;
  enf_status status = enf_opts_create(ctx, &opts);
  for (int pass = 0; pass < 2 && status == ENF_OK; pass++) { /* the scale is that of all rows, which a flow has to be asked for */
    enf_destroy(*flow);
    enf_opts_set_int(opts, "model.particles", (int64_t)enf_array_shape(rows, 1));
    enf_opts_set_int(opts, "model.dimensions", (int64_t)enf_array_shape(rows, 2));
    if (pass == 1)
      enf_opts_set_real(opts, "model.data_scale", scale);
    status = enf_create(ctx, flow, opts);
    if (status == ENF_OK && pass == 0)
      status = enf_data_scale(ctx, *flow, enf_array_shape(rows, 0), enf_array_data(rows), &scale, NULL);
  }
  if (status == ENF_OK)
    status = enf_trainer_create(ctx, tr, *flow, opts);
  enf_opts_destroy(opts);
  return status;
}

/* This rank's rows of the next batch. */
static enf_status fill(const enf_trainer *tr, const enf_array *rows, size_t batch, int rank, size_t part, double *x) {
  const size_t width = enf_array_shape(rows, 1) * enf_array_shape(rows, 2);
  size_t *row = malloc(batch * sizeof *row);
  const enf_status status = row ? enf_trainer_rows(tr, enf_array_shape(rows, 0), batch, row) : ENF_ERR_NOMEM;
  for (size_t i = 0; i < part && status == ENF_OK; i++)
    memcpy(x + i * width, (const double *)enf_array_data(rows) + row[(size_t)rank * part + i] * width, width * sizeof *x);
  free(row);
  return status;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  enf_ctx *ctx = NULL;
  enf_flow *flow = NULL;
  enf_trainer *tr = NULL;
  enf_array *rows = NULL;
  enf_step_info info = ENF_STEP_INFO_INIT;
  int rank, ranks;
  MPI_Init(&argc, &argv), MPI_Comm_rank(MPI_COMM_WORLD, &rank), MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const size_t batch = argc > 2 ? (size_t)atoi(argv[2]) : 0, part = batch / (size_t)ranks;
  const int steps = argc > 3 && atoi(argv[3]) < MOST ? atoi(argv[3]) : 200;
  int failed = argc < 3 || enf_ctx_create(&ctx, NULL) || enf_array_read(ctx, &rows, argv[1]) || set_up(ctx, rows, &flow, &tr) ||
               enf_trainer_set_reduce(tr, add, NULL, rank, ranks);
  double *x = failed ? NULL : malloc(part * enf_array_shape(rows, 1) * enf_array_shape(rows, 2) * sizeof *x);
  for (at = 0; at < steps && !failed; at++) {
    failed = fill(tr, rows, batch, rank, part, x);
    const double start = MPI_Wtime();
    failed = failed || enf_train_step(ctx, tr, part, x, &info);
    step_ms[at] = 1e3 * (MPI_Wtime() - start);
  }
  if (failed)
    fprintf(stderr, "mpirun -n 1|2|4... mpi_train ROWS.npy BATCH [STEPS]: %s\n", enf_ctx_errmsg(ctx));
  qsort(step_ms, (size_t)steps, sizeof *step_ms, ascending), qsort(sum_ms, (size_t)steps, sizeof *sum_ms, ascending);
  if (rank == 0 && !failed)
    printf("%d ranks, %zu rows each: step %.2f ms at least, median %.2f; sum %.3f at least, median %.3f; %zu bytes; loss %.6f\n", ranks, part,
           step_ms[0], step_ms[steps / 2], sum_ms[0], sum_ms[steps / 2], bytes, info.loss);
  free(x), enf_trainer_destroy(tr), enf_array_destroy(rows), enf_destroy(flow), enf_ctx_destroy(ctx);
  MPI_Finalize();
  return failed;
}
