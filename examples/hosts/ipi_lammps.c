/* ipi_lammps.c -- LAMMPS as a client of the i-PI protocol (fix ipi): ./ipi_lammps INPUT NAME joins the server at /tmp/ipi_NAME. With
   `units lj` an energy is handed over as one of 1 K in Boltzmann's constant of LAMMPS, 3.1668152e-06 hartree/K. The lmp program does the
   same with INPUT and the last two lines. The server's EXIT ends LAMMPS, which calls it an error. */
#define LAMMPS_LIB_MPI
#include <lammps/library.h>
#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv) {
  const char *quiet[] = {"client", "-screen", "none", "-log", "none", "-nocite"};
  char fix[256];
  MPI_Init(&argc, &argv);
  void *lammps = lammps_open(6, (char **)quiet, MPI_COMM_WORLD, NULL);
  lammps_file(lammps, argv[1]);
  lammps_command(lammps, "unfix move");
  lammps_command(lammps, "unfix bath");
  snprintf(fix, sizeof fix, "fix client all ipi %s 31415 unix", argv[2]);
  lammps_command(lammps, fix);
  lammps_command(lammps, "run 1000000000");
  lammps_close(lammps), MPI_Finalize();
  return 0;
}
