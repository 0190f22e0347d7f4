/* lammps_force.c -- a flow as the force field of LAMMPS: fix external with the gradient of log q, Langevin dynamics at kT = 1 on the
   potential -log q. FLOW of N particles in space [STEPS]. The mean of -log q is that of the flow's own samples: fails where it is not, by
   more than three standard errors. The file's mass is 1, its unit of length the flow's. */
#define LAMMPS_LIB_MPI
#include <enf/enf.h>
#include <lammps/library.h>
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 256, SAMPLES = 2000, STRIDE = 100, BLOCKS = 20 };

typedef struct {
  enf_ctx *ctx;
  enf_flow *flow;
  void *lammps;
  int failed;
  double energy;
} host;

/* Every atom is local: one process. Tags are atoms' numbers from 1. */
static void force(void *user, int64_t step, int n, int *tag, double **x, double **f) {
  host *h = user;
  double y[3 * MOST], grad[3 * MOST], logq;
  (void)step;
  for (int i = 0; i < n; i++)
    for (int d = 0; d < 3; d++)
      y[3 * (tag[i] - 1) + d] = x[i][d];
  h->failed = h->failed || enf_log_prob_grad(h->ctx, h->flow, 1, y, &logq, grad);
  for (int i = 0; i < n; i++)
    for (int d = 0; d < 3; d++)
      f[i][d] = h->failed ? 0 : grad[3 * (tag[i] - 1) + d];
  h->energy = -logq;
  lammps_fix_external_set_energy_global(h->lammps, "flow", -logq);
}

static int place_atoms(host *h, int n) {
  double x[3 * MOST];
  int type[MOST];
  for (int i = 0; i < n; i++)
    type[i] = 1;
  return enf_sample(h->ctx, h->flow, 3, 0, 1, x, NULL) || lammps_create_atoms(h->lammps, n, NULL, type, x, NULL, NULL, 0) != n;
}

static void mean(int n, const double *values, double *mean, double *error) {
  double sum = 0, squares = 0;
  for (int i = 0; i < n; i++)
    sum += values[i] / n, squares += values[i] * values[i] / n;
  *mean = sum, *error = sqrt((squares - sum * sum) / (n - 1));
}

int main(int argc, char **argv) {
  const char *quiet[] = {"host", "-screen", "none", "-log", "none", "-nocite"};
  const char *begin = "units lj\natom_style atomic\natom_modify map array sort 0 0.0\nboundary s s s\nregion box block -50 50 -50 50 -50 50\n"
                      "create_box 1 box\nmass 1 1.0\npair_style zero 10.0\npair_coeff * *\ncomm_modify cutoff 12\n";
  const char *go = "fix flow all external pf/callback 1 1\nfix_modify flow energy yes\nfix move all nve\n"
                   "fix bath all langevin 1.0 1.0 0.5 4711 zero yes\nvelocity all create 1.0 17 mom yes rot no loop geom\n"
                   "thermo_modify lost error flush no\nthermo 1000000\ntimestep 0.01\nrun 2000 post no\n";
  host h = {0};
  double energy[BLOCKS] = {0}, x[3 * MOST], drawn[SAMPLES], e, e_err, q, q_err;
  int64_t n = 0;
  const int steps = argc > 2 ? atoi(argv[2]) : 20000, frames = steps / STRIDE / BLOCKS * BLOCKS;
  h.lammps = lammps_open(6, (char **)quiet, (MPI_Init(&argc, &argv), MPI_COMM_WORLD), NULL);
  h.failed = enf_ctx_create(&h.ctx, NULL) || enf_load(h.ctx, &h.flow, argv[1]) || enf_get_int(h.flow, "particles", &n) || n > MOST;
  lammps_commands_string(h.lammps, begin);
  h.failed = h.failed || place_atoms(&h, (int)n);
  lammps_command(h.lammps, "fix flow all external pf/callback 1 1");
  lammps_set_fix_external_callback(h.lammps, "flow", force, &h);
  lammps_commands_string(h.lammps, go + sizeof "fix flow all external pf/callback 1 1");
  for (int i = 0; i < frames && !h.failed; i++) {
    lammps_command(h.lammps, "run 100 post no");
    energy[i * BLOCKS / frames] += h.energy * BLOCKS / frames;
  }
  for (int i = 0; i < SAMPLES && !h.failed; i++)
    h.failed = enf_sample(h.ctx, h.flow, 1, (uint64_t)i, 1, x, &drawn[i]);
  mean(BLOCKS, energy, &e, &e_err), mean(SAMPLES, drawn, &q, &q_err);
  if (h.failed)
    fprintf(stderr, "%s\n", enf_ctx_errmsg(h.ctx));
  printf("mean of -log q: dynamics %.3f +- %.3f, samples %.3f +- %.3f\n", e, e_err, -q, q_err);
  enf_destroy(h.flow), enf_ctx_destroy(h.ctx), lammps_close(h.lammps), MPI_Finalize();
  return h.failed || !(fabs(e + q) < 3 * hypot(e_err, q_err));
}
