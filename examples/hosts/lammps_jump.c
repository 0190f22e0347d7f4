/* lammps_jump.c -- LJ13 in LAMMPS: Langevin dynamics with jumps to a flow's samples. FLOW INPUT [CYCLES]; kT = 1 in INPUT's units. */
#define LAMMPS_LIB_MPI
#include <enf/enf.h>
#include <lammps/library.h>
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
enum { ND = 39, ROUNDS = 2, BLOCKS = 10 };

static int energy(void *lammps, size_t n, const double *x, double *u, double *grad) { /* grad: jumps want none */
  for (size_t i = 0; i < n; i++) {
    lammps_scatter_atoms(lammps, "x", 1, 3, (void *)(x + i * ND));
    lammps_command(lammps, "run 0 post no");
    u[i] = lammps_get_thermo(lammps, "pe");
  }
  return grad != NULL;
}

int main(int argc, char **argv) {
  const char *quiet[] = {"host", "-screen", "none", "-log", "none", "-nocite"};
  enf_jump_info info = ENF_JUMP_INFO_INIT;
  enf_ctx *ctx = NULL; enf_flow *flow = NULL;
  uint64_t place = 0, accepted = 0;
  double x[ND], u, logq, mean[BLOCKS] = {0}, sum = 0, squares = 0;
  const int cycles = argc > 3 ? atoi(argv[3]) : 500;
  void *lammps = lammps_open(6, (char **)quiet, (MPI_Init(&argc, &argv), MPI_COMM_WORLD), NULL);
  int failed = (lammps_file(lammps, argv[2]), enf_ctx_create(&ctx, NULL)) || enf_load(ctx, &flow, argv[1]);
  for (int c = -cycles / 10; c < cycles && !failed; c++, accepted += info.accepted) { /* the first are not counted */
    lammps_command(lammps, "run 100 post no");
    lammps_gather_atoms(lammps, "x", 1, 3, x), u = logq = NAN; /* dynamics moved it */
    failed = enf_jump(ctx, flow, energy, lammps, 7, &place, ROUNDS, 1, x, &u, &logq, &info);
    lammps_scatter_atoms(lammps, "x", 1, 3, x); /* velocities do not depend on positions and stay */
    mean[c < 0 ? 0 : c * BLOCKS / cycles] += c < 0 ? 0 : u * BLOCKS / cycles;
  }
  for (int b = 0; b < BLOCKS; b++) sum += mean[b] / BLOCKS, squares += mean[b] * mean[b] / BLOCKS;
  printf("%s%.2f of the jumps accepted, <u> %.3f +- %.3f (exact -43.01)\n", failed ? enf_ctx_errmsg(ctx) : "",
         (double)accepted / (double)place, sum, sqrt((squares - sum * sum) / (BLOCKS - 1)));
  return enf_destroy(flow), enf_ctx_destroy(ctx), lammps_close(lammps), MPI_Finalize(), failed;
}
