/* surface.c -- the free energy over two collective variables, with block errors, as text and
   picture.

   Cells of both axes; F = -log of a cell's share of the weight, 0 at the lowest. The samples are cut
   into BLOCKS in their order, and the error of F is that of the jackknife,

     sqrt((B-1)/B sum_b (F_without_b - their mean)^2),

   of the share in all, not of the difference to the lowest cell; it also holds where samples depend
   on neighbours, as those of a chain. */
#include "surface.h"
#include "plot.h"
#include "whole.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 20, CELLS = PLOT_CELLS, GRID = CELLS * CELLS };
static const double PI = 3.14159265358979323846;

typedef struct {
  double low[2], high[2];
  double *block;        /* (BLOCKS + 1,GRID): weights of the blocks, then of all */
  double sum[BLOCKS + 1];
  double *free, *error; /* (GRID) */
} grid;

/* ---- flags ----------------------------------------------------------------------------------- */

int surface_flags(const cli *c, const cvs *v, surface *s) {
  const char *names = c->value[FLAG_FES];
  *s = (surface){.axis = {v->count, v->count}, .error = (double)NAN};
  if (cli_has(c, FLAG_FES_FILE) && names == NULL)
    return cli_usage(c, "--fes-file is for the surface of --fes");
  if (names == NULL && !cli_has(c, FLAG_PLOT_2D))
    return SUCCESS;
  if (names == NULL && v->count != 2)
    return cli_usage(c, "--plot-2d draws two variables, and --cv has %zu: --fes names two",
                     v->count);
  s->axis[0] = 0, s->axis[1] = 1;
  if (names == NULL)
    return SUCCESS;
  const char *comma = names + strcspn(names, ",");
  s->axis[0] = cvs_find(v, names, (size_t)(comma - names));
  s->axis[1] = *comma == ',' ? cvs_find(v, comma + 1, strlen(comma + 1)) : v->count;
  if (s->axis[0] == v->count || s->axis[1] == v->count || s->axis[0] == s->axis[1])
    return cli_usage(c, "--fes takes two of the variables of --cv, phi,psi, not '%s'", names);
  return SUCCESS;
}

/* ---- cells ----------------------------------------------------------------------------------- */

/* The circle, half of it, or as far as samples with weight are. */
static void find_range(const cvs *v, size_t axis, size_t n, const double *logw, double *low,
                       double *high) {
  const cv_kind kind = v->of[axis].kind;
  *low = kind == CV_TORSION ? -PI : kind == CV_ANGLE ? 0 : INFINITY;
  *high = kind == CV_TORSION || kind == CV_ANGLE ? PI : -INFINITY;
  for (size_t i = 0; i < n && (kind == CV_DISTANCE || kind == CV_RG); i++) {
    const double value = v->value[i * v->count + axis];
    if (isfinite(value) && logw[i] > log(1e-9)) {
      *low = fmin(*low, value);
      *high = fmax(*high, value);
    }
  }
  if (!(*high > *low))
    *low = isfinite(*low) ? *low - 1 : -1, *high = *low + 2;
}

static size_t cell_of(double value, double low, double high) {
  const double at = (value - low) / (high - low) * CELLS;
  return at < 0 ? 0 : at < CELLS ? (size_t)at : CELLS - 1;
}

static void fill(size_t n, const double *logw, const cvs *v, const surface *s, grid *g) {
  for (size_t i = 0; i < n; i++) {
    const double *value = v->value + i * v->count;
    const double x = value[s->axis[0]], y = value[s->axis[1]], w = exp(logw[i]);
    if (!isfinite(x) || !isfinite(y) || !(w > 0))
      continue;
    const size_t b = i * BLOCKS / n;
    const size_t cell =
        cell_of(y, g->low[1], g->high[1]) * CELLS + cell_of(x, g->low[0], g->high[0]);
    g->block[b * GRID + cell] += w;
    g->block[BLOCKS * GRID + cell] += w;
    g->sum[b] += w;
    g->sum[BLOCKS] += w;
  }
}

/* The jackknife's error of a cell; infinite where one block has all of it. */
static double error_of(const grid *g, size_t cell) {
  const double all = g->block[BLOCKS * GRID + cell];
  double without[BLOCKS], mean = 0, squares = 0;
  for (size_t b = 0; b < BLOCKS; b++) {
    without[b] = -log((all - g->block[b * GRID + cell]) / (g->sum[BLOCKS] - g->sum[b]));
    mean += without[b] / BLOCKS;
  }
  for (size_t b = 0; b < BLOCKS; b++)
    squares += (without[b] - mean) * (without[b] - mean);
  return isfinite(mean) && mean < 30 ? sqrt(squares * (BLOCKS - 1) / BLOCKS) : INFINITY;
}

static void find_surface(grid *g) {
  const double *all = g->block + BLOCKS * GRID;
  double largest = 0;
  for (size_t k = 0; k < GRID; k++)
    largest = fmax(largest, all[k]);
  for (size_t k = 0; k < GRID; k++) {
    g->free[k] = -log(all[k] / largest);
    g->error[k] = all[k] > 0 ? error_of(g, k) : INFINITY;
  }
}

static double typical_error(const grid *g) {
  double error[GRID];
  size_t used = 0;
  for (size_t k = 0; k < GRID; k++)
    if (g->free[k] < 3)
      error[used++] = g->error[k];
  qsort(error, used, sizeof *error, ascending);
  return used > 0 ? error[used / 2] : (double)NAN;
}

/* ---- text and picture ------------------------------------------------------------------------ */

static double middle(const grid *g, int axis, size_t cell) {
  return g->low[axis] + ((double)cell + 0.5) * (g->high[axis] - g->low[axis]) / CELLS;
}

/* As PLUMED writes grids: a blank line between rows; cells without weight have F inf. */
static void print_grid(FILE *file, const cvs *v, const surface *s, const grid *g) {
  const char *x = v->of[s->axis[0]].name, *y = v->of[s->axis[1]].name;
  fprintf(file, "#! FIELDS %s %s ff.free err_ff.free\n", x, y);
  for (int a = 0; a < 2; a++) {
    const char *name = v->of[s->axis[a]].name;
    fprintf(file, "#! SET min_%s %.9g\n#! SET max_%s %.9g\n#! SET nbins_%s %d\n", name, g->low[a],
            name, g->high[a], name, CELLS);
    fprintf(file, "#! SET periodic_%s %s\n", name,
            v->of[s->axis[a]].kind == CV_TORSION ? "true" : "false");
  }
  for (size_t row = 0; row < CELLS; row++) {
    for (size_t i = 0; i < CELLS; i++)
      fprintf(file, "%.6f %.6f %.5f %.5f\n", middle(g, 0, i), middle(g, 1, row),
              g->free[row * CELLS + i], g->error[row * CELLS + i]);
    fputc('\n', file);
  }
}

static int write_text(const char *path, const cvs *v, const surface *s, const grid *g) {
  whole w;
  if (whole_begin(path, &w) != SUCCESS)
    return FAILURE;
  if (w.file != NULL)
    print_grid(w.file, v, s, g);
  return whole_end(&w);
}

/* Angles in degrees. */
static void draw(const char *path, const cvs *v, surface *s, const grid *g) {
  plot p = {.title = "free energy (kT)", .surface = g->free};
  for (int a = 0; a < 2; a++) {
    const cv *one = &v->of[s->axis[a]];
    const double scale = one->kind == CV_TORSION || one->kind == CV_ANGLE ? 180 / PI : 1;
    p.low[a] = scale * g->low[a];
    p.high[a] = scale * g->high[a];
    *(a == 0 ? &p.xlabel : &p.ylabel) = one->name;
  }
  s->picture = plot_write(path, &p) ? path : NULL;
}

static int make(const cli *c, size_t n, const double *logw, const cvs *v, surface *s, grid *g) {
  for (int a = 0; a < 2; a++)
    find_range(v, s->axis[a], n, logw, &g->low[a], &g->high[a]);
  fill(n, logw, v, s, g);
  if (!(g->sum[BLOCKS] > 0))
    return cli_fail("no sample with weight has both variables of the surface");
  find_surface(g);
  s->error = typical_error(g);
  if (cli_has(c, FLAG_PLOT_2D))
    draw(c->value[FLAG_PLOT_2D], v, s, g);
  return cli_has(c, FLAG_FES) ? write_text(c->value[FLAG_FES_FILE], v, s, g) : SUCCESS;
}

int surface_write(const cli *c, size_t n, const double *logw, const cvs *v, surface *s) {
  grid g = {.block = NULL};
  if (s->axis[0] == v->count)
    return SUCCESS;
  g.block = cli_alloc((BLOCKS + 3) * GRID, sizeof *g.block);
  if (g.block == NULL)
    return FAILURE;
  g.free = g.block + (BLOCKS + 1) * GRID;
  g.error = g.free + GRID;
  const int result = make(c, n, logw, v, s, &g);
  free(g.block);
  return result;
}

void surface_report(report *r, const cli *c, const surface *s) {
  if (cli_has(c, FLAG_FES)) {
    report_text(r, "fes", "free-energy surface", c->value[FLAG_FES_FILE]);
    report_real(r, "fes_error", "  error below 3 kT, median", s->error);
  }
  if (s->picture != NULL)
    report_text(r, "plot_2d", "  picture", s->picture);
}
