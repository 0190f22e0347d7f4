/* walks.c -- two trajectories that never cross: rows of a Metropolis walk of two particles with
   three times the double well's energy (a barrier of 13.3 kT at a distance of 4), one walk in
   either basin.

   All coordinates move by normal numbers of width STEP, every THIN-th configuration is a row. A
   walk that crosses is none of these: the program fails. */
#include "host.h"

enum { D = 3, ROWS = 1000, THIN = 100, BURN = 10000 };
static const double STEP = 0.15, BARRIER = 4;

static double distance_of(const double *x) {
  double square = 0;
  for (int k = 0; k < D; k++)
    square += pow(x[k] - x[D + k], 2);
  return sqrt(square);
}

static void walk(const enf_energy *energy, double distance, double *rows) {
  double x[2 * D] = {distance / 2, 0, 0, -distance / 2}, y[2 * D], u, next;
  enf_energy_eval((void *)energy, 1, x, &u, NULL);
  for (int k = -BURN; k < ROWS * THIN; k++) {
    for (int d = 0; d < 2 * D; d++)
      y[d] = x[d] + STEP * normal();
    enf_energy_eval((void *)energy, 1, y, &next, NULL);
    if (next - u < -log(uniform())) {
      memcpy(x, y, sizeof x);
      u = next;
    }
    if ((distance_of(x) < BARRIER) != (distance < BARRIER)) {
      fprintf(stderr, "a walk has crossed the barrier\n");
      exit(1);
    }
    if (k >= 0 && k % THIN == 0)
      memcpy(rows + (size_t)(k / THIN) * 2 * D, x, sizeof x);
  }
}

int run_walks(char **path, const char *seed) {
  static double rows[ROWS * 2 * D];
  static const double begin[] = {2.6, 5.4};
  const size_t shape[] = {ROWS, 2, D};
  enf_energy *energy;
  state = strtoull(seed, NULL, 10);
  TRY(enf_energy_builtin(ctx, &energy, "pair-dw:dim=3,quartic=2.7,quadratic=12"));
  for (int c = 0; c < 2; c++) {
    walk(energy, begin[c], rows);
    TRY(enf_array_write(ctx, path[c], "f8", 3, shape, NULL, rows));
  }
  enf_energy_destroy(energy);
  return 0;
}
