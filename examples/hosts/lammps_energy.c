/* lammps_energy.c -- weights of a flow's samples by LAMMPS's energies, beside libenf's own of the same system.
   ./lammps_energy lj13.safetensors lj13.lammps [SAMPLES]. Fails where an energy differs by more than 1e-6. */
#include <enf/enf.h>
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#define LAMMPS_LIB_MPI
#include <lammps/library.h>

enum { ND = 39, MOST = 4096 };
static double x[MOST][ND], logp[MOST], u[MOST], own[MOST];

int main(int argc, char **argv) {
  const char *quiet[] = {"host", "-screen", "none", "-log", "none", "-nocite"};
  enf_ctx *ctx = NULL;
  enf_flow *flow = NULL;
  enf_energy *lj13 = NULL;
  enf_weights w = ENF_WEIGHTS_INIT;
  const size_t n = argc > 3 ? (size_t)atoi(argv[3]) : 100;
  double worst = 0;
  MPI_Init(&argc, &argv);
  void *lammps = lammps_open(6, (char **)quiet, MPI_COMM_WORLD, NULL);
  lammps_file(lammps, argv[2]);
  int failed = n > MOST || enf_ctx_create(&ctx, NULL) || enf_load(ctx, &flow, argv[1]) ||
               enf_sample(ctx, flow, 1, 0, n, x[0], logp) || enf_energy_builtin(ctx, &lj13, "lj13") ||
               enf_energy_eval(lj13, n, x[0], own, NULL);
  for (size_t i = 0; i < n && !failed; i++) {
    lammps_scatter_atoms(lammps, "x", 1, 3, x[i]);
    lammps_command(lammps, "run 0 post no");
    u[i] = lammps_get_thermo(lammps, "pe");
    worst = fmax(worst, fabs(u[i] - own[i]) / (1 + fabs(own[i])));
  }
  if (failed || enf_reweight(ctx, n, logp, u, NULL, &w))
    fprintf(stderr, "%s\n", enf_ctx_errmsg(ctx));
  printf("%zu samples: ESS %.3f +- %.3f, log Z %.3f +- %.3f (exact 59.90); energies differ by %.1e\n", n, w.ess, w.ess_err,
         w.log_z, w.log_z_err, worst);
  enf_energy_destroy(lj13), enf_destroy(flow), enf_ctx_destroy(ctx);
  lammps_close(lammps), MPI_Finalize();
  return failed || !(worst < 1e-6);
}
