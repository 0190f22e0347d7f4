/* mpi_farm.c -- a task farm: rank 0 has a flow, the other ranks evaluate energies, a configuration at a time, whoever is free.
   mpirun -n 4 ./mpi_farm FLOW SPEC [SAMPLES]; SPEC is a built-in energy that stands for an expensive one, of which some take longer than
   others. Energies are those of one process: checked. */
#include <enf/enf.h>
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { TASK, END };

typedef struct {
  int ranks;
  size_t width, tasks[64]; /* done by each rank */
} farm;

/* An enf_energy_fn of rank 0: hand a row to every worker, and another to whoever comes back. With one rank nobody works. */
static int farm_energy(void *user, size_t n, const double *x, double *u, double *grad) {
  farm *f = user;
  size_t handed = 0, row[64];
  for (int r = 1; r < f->ranks && handed < n; r++)
    MPI_Send(x + (row[r] = handed++) * f->width, (int)f->width, MPI_DOUBLE, r, TASK, MPI_COMM_WORLD);
  for (size_t done = 0; done < n; done++) {
    MPI_Status who;
    double value;
    MPI_Recv(&value, 1, MPI_DOUBLE, MPI_ANY_SOURCE, TASK, MPI_COMM_WORLD, &who);
    u[row[who.MPI_SOURCE]] = value, f->tasks[who.MPI_SOURCE]++;
    if (handed < n)
      MPI_Send(x + (row[who.MPI_SOURCE] = handed++) * f->width, (int)f->width, MPI_DOUBLE, who.MPI_SOURCE, TASK, MPI_COMM_WORLD);
  }
  return grad != NULL;
}

/* Every other rank: energies until the end. One that cannot be computed is impossible, not the end of the farm. */
static void work(enf_energy *energy, size_t width) {
  double *x = malloc(width * sizeof *x), u;
  for (;;) {
    MPI_Status what;
    MPI_Recv(x, (int)width, MPI_DOUBLE, 0, MPI_ANY_TAG, MPI_COMM_WORLD, &what);
    if (what.MPI_TAG == END)
      break;
    if (enf_energy_eval(energy, 1, x, &u, NULL) != 0)
      u = INFINITY;
    MPI_Send(&u, 1, MPI_DOUBLE, 0, TASK, MPI_COMM_WORLD);
  }
  free(x);
}

static int weigh(enf_ctx *ctx, const enf_flow *flow, farm *f, enf_energy *energy, size_t n) {
  double *x = malloc(n * f->width * sizeof *x), *logp = malloc(n * sizeof *logp), *u = malloc(2 * n * sizeof *u);
  enf_weights w = ENF_WEIGHTS_INIT;
  int failed = !x || !logp || !u || enf_sample(ctx, flow, 1, 0, n, x, logp) || farm_energy(f, n, x, u, NULL) ||
               enf_energy_eval(energy, n, x, u + n, NULL) || enf_reweight(ctx, n, logp, u, NULL, &w);
  for (size_t i = 0; i < n && !failed; i++)
    failed = u[i] != u[n + i];
  printf("ESS %.3f +- %.3f, log Z %.3f +- %.3f; energies by rank:", w.ess, w.ess_err, w.log_z, w.log_z_err);
  for (int r = 1; r < f->ranks; r++)
    printf(" %zu", f->tasks[r]);
  puts(failed ? "; not those of one process" : "");
  free(x), free(logp), free(u);
  return failed;
}

int main(int argc, char **argv) {
  enf_ctx *ctx = NULL;
  enf_flow *flow = NULL;
  enf_energy *energy = NULL;
  int64_t N = 0, D = 0;
  int rank, failed;
  farm f = {0};
  MPI_Init(&argc, &argv), MPI_Comm_rank(MPI_COMM_WORLD, &rank), MPI_Comm_size(MPI_COMM_WORLD, &f.ranks);
  failed = argc < 3 || f.ranks < 2 || f.ranks > 64 || enf_ctx_create(&ctx, NULL) || enf_load(ctx, &flow, argv[1]) ||
           enf_get_int(flow, "particles", &N) || enf_get_int(flow, "dimensions", &D) || enf_energy_builtin(ctx, &energy, argv[2]);
  f.width = (size_t)(N * D);
  if (!failed && rank > 0)
    work(energy, f.width);
  else if (!failed)
    failed = weigh(ctx, flow, &f, energy, argc > 3 ? (size_t)atoi(argv[3]) : 1000);
  if (failed && rank == 0)
    fprintf(stderr, "mpirun -n 2..64 mpi_farm FLOW SPEC [SAMPLES]: %s\n", enf_ctx_errmsg(ctx));
  for (int r = 1; r < f.ranks && rank == 0; r++)
    MPI_Send(NULL, 0, MPI_DOUBLE, r, END, MPI_COMM_WORLD);
  enf_energy_destroy(energy), enf_destroy(flow), enf_ctx_destroy(ctx);
  MPI_Finalize();
  return failed;
}
