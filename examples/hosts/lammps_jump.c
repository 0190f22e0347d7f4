/* lammps_jump.c -- LJ13 in LAMMPS: Langevin dynamics with jumps to a flow's samples, which keep detailed balance.
   ./lammps_jump lj13.safetensors lj13.lammps [CYCLES]; kT = 1 in the script's units. */
#include <enf/enf.h>
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#define LAMMPS_LIB_MPI
#include <lammps/library.h>

enum { ND = 39, ROUNDS = 4 };

/* A configuration that LAMMPS cannot take would end the process, so look first. */
static int energy(void *lammps, size_t n, const double *x, double *u, double *grad) {
  for (size_t i = 0; i < n; i++, x += ND) {
    double largest = 0;
    for (int k = 0; k < ND; k++)
      largest = fmax(largest, isfinite(x[k]) ? fabs(x[k]) : INFINITY);
    if (largest < 40) {
      lammps_scatter_atoms(lammps, "x", 1, 3, (void *)x);
      lammps_command(lammps, "run 0 post no");
    }
    u[i] = largest < 40 ? lammps_get_thermo(lammps, "pe") : INFINITY;
  }
  return grad != NULL; /* jumps want none */
}

int main(int argc, char **argv) {
  const char *quiet[] = {"host", "-screen", "none", "-log", "none", "-nocite"};
  enf_ctx *ctx = NULL;
  enf_flow *flow = NULL;
  enf_jump_info info = ENF_JUMP_INFO_INIT;
  double x[ND], u, logq, sum = 0, squares = 0, accepted = 0;
  uint64_t place = 0;
  const int cycles = argc > 3 ? atoi(argv[3]) : 100;
  MPI_Init(&argc, &argv);
  void *lammps = lammps_open(6, (char **)quiet, MPI_COMM_WORLD, NULL);
  lammps_file(lammps, argv[2]);
  int failed = enf_ctx_create(&ctx, NULL) || enf_load(ctx, &flow, argv[1]);
  for (int c = 0; c < cycles && !failed; c++) {
    lammps_command(lammps, "velocity all create 1.0 4711 mom yes rot no loop geom");
    lammps_command(lammps, "run 200 post no");
    lammps_gather_atoms(lammps, "x", 1, 3, x);
    u = logq = NAN; /* dynamics moved it */
    failed = enf_jump(ctx, flow, energy, lammps, 7, &place, ROUNDS, 1, x, &u, &logq, &info);
    lammps_scatter_atoms(lammps, "x", 1, 3, x);
    sum += u, squares += u * u, accepted += (double)info.accepted;
  }
  if (failed)
    fprintf(stderr, "%s\n", enf_ctx_errmsg(ctx));
  else
    printf("%d cycles: %.2f of the jumps accepted, <u> %.3f +- %.3f (exact -43.07)\n", cycles, accepted / cycles / ROUNDS,
           sum / cycles, sqrt((squares / cycles - sum / cycles * sum / cycles) / cycles));
  enf_destroy(flow), enf_ctx_destroy(ctx);
  lammps_close(lammps), MPI_Finalize();
  return failed;
}
