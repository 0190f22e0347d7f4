/* lattice_plot.c -- pictures of a flow's samples, weighted: the topological charges of U(1), the
   eigenangles of one matrix of SU(n).

   The exact density of an eigenangle is that of exp(-u) times Haar's density of the angles (Weyl),
   summed over a grid of n - 2 others; the last one makes the determinant 1. It is drawn for n = 2, 3
   and 4. */
#include "lattice.h"
#include "plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 60, MOST_EXACT = 4, MOST_CHARGE = 8 };
static const double pi = 3.14159265358979323846;

/* ---- eigenangles ----------------------------------------------------------------------------- */

/* exp(-u) times Haar's density of n angles. */
static double weight_of(const target *t, size_t n, const double *angle) {
  double x[2 * MOST_EXACT * MOST_EXACT] = {0}, u = 0, product = 1;
  for (size_t i = 0; i < n; i++) {
    x[2 * i * (n + 1)] = cos(angle[i]);
    x[2 * i * (n + 1) + 1] = sin(angle[i]);
    for (size_t j = 0; j < i; j++)
      product *= 2 - 2 * cos(angle[i] - angle[j]);
  }
  return product > 0 && t->fn(t->user, 1, x, &u, NULL) == 0 ? product * exp(-u) : 0;
}

/* The sum over angles `next` ... n - 2 on the grid. */
static double sum_over(const target *t, size_t n, size_t next, double *angle) {
  double sum = 0;
  if (next + 1 == n) {
    angle[n - 1] = 0;
    for (size_t i = 0; i + 1 < n; i++)
      angle[n - 1] -= angle[i];
    return weight_of(t, n, angle);
  }
  for (size_t k = 0; k < BINS; k++) {
    angle[next] = -pi + 2 * pi * ((double)k + 0.5) / BINS;
    sum += sum_over(t, n, next + 1, angle);
  }
  return sum;
}

static void normalise(double *density, double width) {
  double sum = 0;
  for (size_t k = 0; k < BINS; k++)
    sum += density[k] * width;
  for (size_t k = 0; sum > 0 && k < BINS; k++)
    density[k] /= sum;
}

static enf_status count_angles(cli *c, const enf_flow *flow, const lattice_samples *s, size_t n,
                               double *density) {
  double *angle = cli_alloc(s->n * n, sizeof *angle);
  const enf_status status = angle == NULL
                                ? ENF_ERR_NOMEM
                                : enf_group_angles(c->ctx, flow, s->n, s->x, angle, NULL);
  for (size_t i = 0; status == ENF_OK && i < s->n * n; i++) {
    const size_t bin = (size_t)((angle[i] + pi) / (2 * pi) * BINS);
    density[bin < BINS ? bin : BINS - 1] += exp(s->logw[i / n]);
  }
  free(angle);
  return status;
}

static enf_status plot_angles(cli *c, const enf_flow *flow, const target *t,
                              const lattice_samples *s, const char *path) {
  const size_t n = (size_t)lattice_number(t, "group");
  double place[BINS], found[BINS] = {0}, exact[BINS] = {0}, angle[MOST_EXACT];
  for (size_t k = 0; k < BINS; k++) {
    place[k] = angle[0] = -pi + 2 * pi * ((double)k + 0.5) / BINS;
    if (n <= MOST_EXACT)
      exact[k] = sum_over(t, n, 1, angle);
  }
  const enf_status status = count_angles(c, flow, s, n, found);
  normalise(found, 2 * pi / BINS);
  normalise(exact, 2 * pi / BINS);
  const plot p = {.title = t->spec,
                  .xlabel = "eigenangle",
                  .ylabel = "density",
                  .y = AXIS_FROM_ZERO,
                  .series = n <= MOST_EXACT ? 2 : 1,
                  .curve = {{"samples, weighted", "histeps lw 2 lc rgb '#00798c'", BINS, place, found,
                             false},
                            {"exact", "lines lw 1.5 lc rgb '#d1495b'", BINS, place, exact, false}}};
  if (status == ENF_OK)
    plot_write(path, &p);
  return status;
}

/* ---- charges --------------------------------------------------------------------------------- */

/* Charges beyond the ends are not drawn. */
static enf_status plot_charges(const target *t, const lattice_samples *s, const char *path) {
  enum { CHARGES = 2 * MOST_CHARGE + 1 };
  double place[CHARGES], plain[CHARGES] = {0}, weighted[CHARGES] = {0};
  for (int k = 0; k < CHARGES; k++)
    place[k] = k - MOST_CHARGE;
  for (size_t i = 0; i < s->n; i++) {
    const double at = round(s->charge[i]) + MOST_CHARGE;
    if (!(at >= 0 && at < CHARGES))
      continue;
    plain[(size_t)at] += 1 / (double)s->n;
    weighted[(size_t)at] += exp(s->logw[i]);
  }
  const plot p = {.title = t->spec,
                  .xlabel = "topological charge",
                  .ylabel = "probability",
                  .y = AXIS_FROM_ZERO,
                  .series = 2,
                  .curve = {{"samples", "histeps lw 1.5 lc rgb '#9fc5cf'", CHARGES, place, plain,
                             false},
                            {"weighted", "histeps lw 2 lc rgb '#00798c'", CHARGES, place, weighted,
                             false}}};
  plot_write(path, &p);
  return ENF_OK;
}

int lattice_plot(cli *c, const enf_flow *flow, const target *t, const char *path) {
  lattice_samples s;
  const bool circle = lattice_number(t, "group") == 1;
  if (!circle && lattice_number(t, "l0") > 0)
    return cli_usage(c, "--plot draws charges of U(1) or eigenangles of one matrix, not %s", t->spec);
  enf_status status = lattice_draw(c, flow, t, &s);
  if (status == ENF_OK)
    status = circle ? plot_charges(t, &s, path) : plot_angles(c, flow, t, &s, path);
  lattice_forget(&s);
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}
