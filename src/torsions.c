/* torsions.c -- torsions of a flow's samples, by their weights: the free-energy difference of two
   states of one of them (enf_free_energy), and -log of the density of two as a picture. */
#include "torsions.h"
#include "plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double DEGREES = 180 / 3.14159265358979323846;

/* ---- flags ------------------------------------------------------------------------------------
 */

static int read_one(const cli *c, const char *text, int length, torsions *t) {
  int32_t *a = t->atom[t->count];
  int end = 0;
  if (t->count == TORSIONS)
    return cli_usage(c, "--cv takes %d torsions at most", TORSIONS);
  if (sscanf(text, "%15[^= ]=torsion:%5d,%5d,%5d,%5d%n", t->name[t->count], &a[0], &a[1], &a[2],
             &a[3], &end) != 5 ||
      end != length)
    return cli_usage(c, "--cv takes NAME=torsion:I,J,K,L (atoms from 0), not '%.*s'", length, text);
  t->count++;
  return SUCCESS;
}

static int read_torsions(const cli *c, torsions *t) {
  int result = SUCCESS;
  for (const char *at = c->value[FLAG_CV]; at != NULL && *at != '\0' && result == SUCCESS;) {
    const int length = (int)strcspn(at, " ");
    if (length > 0)
      result = read_one(c, at, length, t);
    at += length + (at[length] == ' ');
  }
  return result;
}

static int read_states(const cli *c, torsions *t) {
  char name[TORSION_NAME] = "";
  const char *text = c->value[FLAG_STATES];
  int end = -1;
  t->states = t->count;
  if (text == NULL)
    return SUCCESS;
  if (sscanf(text, "%15[^:]:%lf:%lf%n", name, &t->lowest, &t->highest, &end) != 3 ||
      text[end] != '\0' || !(t->lowest < t->highest && t->highest - t->lowest < 360))
    return cli_usage(c, "--states takes NAME:LOWEST:HIGHEST in degrees, not '%s'", text);
  for (t->states = 0; t->states < t->count && strcmp(t->name[t->states], name) != 0;)
    t->states++;
  return t->states < t->count ? SUCCESS : cli_usage(c, "--cv has no torsion '%s'", name);
}

int torsions_flags(const cli *c, torsions *t) {
  *t = (torsions){.count = 0};
  if (!cli_has(c, FLAG_CV) &&
      (cli_has(c, FLAG_STATES) || cli_has(c, FLAG_PLOT_2D) || cli_has(c, FLAG_COLVAR)))
    return cli_usage(c, "--states, --plot-2d and --colvar are of torsions: they need --cv");
  int result = read_torsions(c, t);
  if (result == SUCCESS)
    result = read_states(c, t);
  if (result == SUCCESS && cli_has(c, FLAG_PLOT_2D) && t->count != 2)
    return cli_usage(c, "--plot-2d draws two torsions, and --cv has %zu", t->count);
  return result;
}

/* ---- from samples -----------------------------------------------------------------------------
 */

/* Between the two, round the circle; a torsion that is none is in neither. */
static int state_of(const torsions *t, double radians) {
  const double above = radians * DEGREES - t->lowest;
  const double turned = above - 360 * floor(above / 360);
  return isnan(radians) ? -1 : turned < t->highest - t->lowest;
}

static int compare_states(const cli *c, size_t n, const double *logw, torsions *t) {
  int *state = cli_alloc(n, sizeof *state);
  if (state == NULL)
    return FAILURE;
  for (size_t i = 0; i < n; i++)
    state[i] = state_of(t, t->value[i * t->count + t->states]);
  const enf_status status = enf_free_energy(c->ctx, n, logw, state, &t->difference, &t->error);
  free(state);
  if (status == ENF_ERR_NONFINITE) /* a state without samples: the rest of the report stands */
    t->difference = t->error = (double)NAN;
  return status == ENF_OK || status == ENF_ERR_NONFINITE ? SUCCESS : cli_fail_status(c, status);
}

static size_t cell_of(double radians) {
  const double at = (radians * DEGREES + 180) / 360 * PLOT_CELLS;
  return at < 0 ? 0 : at < PLOT_CELLS ? (size_t)at : PLOT_CELLS - 1;
}

/* -log of the weight in every cell, 0 where it is largest. */
static void find_surface(size_t n, const double *logw, const torsions *t, double *surface) {
  double largest = 0;
  for (size_t i = 0; i < n; i++) {
    const double *v = t->value + 2 * i;
    if (isfinite(v[0]) && isfinite(v[1]) && isfinite(logw[i]))
      surface[cell_of(v[1]) * PLOT_CELLS + cell_of(v[0])] += exp(logw[i]);
  }
  for (size_t k = 0; k < PLOT_CELLS * PLOT_CELLS; k++)
    largest = fmax(largest, surface[k]);
  for (size_t k = 0; k < PLOT_CELLS * PLOT_CELLS; k++)
    surface[k] = -log(surface[k] / largest);
}

static int draw(const cli *c, size_t n, const double *logw, torsions *t) {
  const char *path = c->value[FLAG_PLOT_2D];
  double *surface = cli_alloc(PLOT_CELLS * PLOT_CELLS, sizeof *surface);
  if (surface == NULL)
    return FAILURE;
  find_surface(n, logw, t, surface);
  const plot p = {
      .title = "free energy (kT)", .xlabel = t->name[0], .ylabel = t->name[1], .surface = surface};
  t->picture = plot_write(path, &p) ? path : NULL;
  free(surface);
  return SUCCESS;
}

int torsions_measure(const cli *c, const dataset *samples, const double *logw, torsions *t) {
  const size_t n = samples->n;
  if (t->count == 0)
    return SUCCESS;
  if (samples->D != 3)
    return cli_fail("torsions are of atoms in 3 dimensions, not %zu", samples->D);
  t->value = cli_alloc(n * t->count, sizeof *t->value);
  if (t->value == NULL)
    return FAILURE;
  const enf_status status = enf_dihedrals(c->ctx, n, samples->N, samples->x, t->count,
                                          (const int32_t(*)[4])t->atom, t->value);
  int result = status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
  if (result == SUCCESS && t->states < t->count)
    result = compare_states(c, n, logw, t);
  return result == SUCCESS && cli_has(c, FLAG_PLOT_2D) ? draw(c, n, logw, t) : result;
}

void torsions_report(report *r, const torsions *t) {
  char label[64];
  if (t->count > 0 && t->states < t->count) {
    snprintf(label, sizeof label, "F of %s %.4g:%.4g, less the rest's", t->name[t->states],
             t->lowest, t->highest);
    report_measured(r, "free_energy", label, t->difference, t->error, (double)NAN, 0);
  }
  if (t->picture != NULL)
    report_text(r, "plot_2d", "torsions", t->picture);
}

void torsions_free(torsions *t) { free(t->value); }
