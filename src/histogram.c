/* histogram.c -- the energy histogram of `enf reweight`.

   Three densities of u on one axis: samples of the flow, the same samples reweighted to exp(-u),
   and reference data. A flow's worst samples can have energies of any size, so the axis ends where
   a small, stated share of each set's weight is left. */
#include "histogram.h"
#include "plot.h"

#include <math.h>
#include <stdlib.h>

enum { BINS = 80, SETS = 3 };
static const double LOWER_TAIL = 5e-4;
static const char *const styles[SETS] = {"lines lw 2 lc rgb '#d1495b'",
                                         "lines lw 2.5 lc rgb '#00798c'", "boxes lc rgb '#9aa5b1'"};

typedef struct {
  double u, w;
} weighted;

static int by_energy(const void *a, const void *b) {
  const double x = ((const weighted *)a)->u, y = ((const weighted *)b)->u;
  return (x > y) - (x < y);
}

static double weight_of(const energies *set, size_t i) {
  if (!isfinite(set->u[i]))
    return 0;
  return set->logw != NULL ? exp(set->logw[i]) : 1 / (double)set->n;
}

static double quantile(const weighted *sorted, size_t n, double share) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    if ((sum += sorted[i].w) >= share)
      return sorted[i].u;
  return n > 0 ? sorted[n - 1].u : 0;
}

/* Widen [*lowest, *highest] to hold this set. */
static int widen(const energies *set, double *lowest, double *highest) {
  size_t used = 0;
  weighted *sorted = cli_alloc(set->n, sizeof *sorted);
  if (sorted == NULL)
    return FAILURE;
  for (size_t i = 0; i < set->n; i++)
    if (weight_of(set, i) > 0)
      sorted[used++] = (weighted){set->u[i], weight_of(set, i)};
  qsort(sorted, used, sizeof *sorted, by_energy);
  if (used > 0) {
    *lowest = fmin(*lowest, quantile(sorted, used, LOWER_TAIL));
    *highest = fmax(*highest, quantile(sorted, used, 1 - set->tail));
  }
  free(sorted);
  return SUCCESS;
}

/* Probability density of one set at the middles of the bins. */
static int density(const cli *c, const energies *set, double lowest, double highest, double *at) {
  const double width = (highest - lowest) / BINS;
  double *w = cli_alloc(set->n, sizeof(double));
  if (w == NULL)
    return FAILURE;
  for (size_t i = 0; i < set->n; i++)
    w[i] = weight_of(set, i);
  const enf_status status = enf_histogram(c->ctx, set->n, set->u, w, lowest, highest, BINS, at);
  free(w);
  for (int b = 0; b < BINS; b++)
    at[b] /= width;
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}

int histogram_write(const cli *c, const char *path, const char *system, const energies set[3],
                    bool *drawn) {
  double lowest = INFINITY, highest = -INFINITY, middle[BINS], at[SETS][BINS];
  plot p = {.title = system, .xlabel = "reduced energy u", .ylabel = "probability density"};
  *drawn = false;
  for (int s = 0; s < SETS; s++)
    if (set[s].n > 0 && widen(&set[s], &lowest, &highest) != SUCCESS)
      return FAILURE;
  if (!(lowest < highest))
    return cli_note("no picture %s: the samples have no spread of energies", path), SUCCESS;
  for (int b = 0; b < BINS; b++)
    middle[b] = lowest + (b + 0.5) * (highest - lowest) / BINS;
  for (int s = SETS - 1; s >= 0; s--) { /* the reference lies below the lines */
    if (set[s].n == 0)
      continue;
    if (density(c, &set[s], lowest, highest, at[s]) != SUCCESS)
      return FAILURE;
    p.curve[p.series++] = (plot_series){set[s].title, styles[s], BINS, middle, at[s]};
  }
  *drawn = plot_write(path, &p);
  return SUCCESS;
}
