/* histogram.c -- three distributions of one number on one axis, and the distances between them.

   A flow's worst samples can have energies of any size, so the axis ends where a small, stated
   share of each set's weight is left. Total variation is that of the bins and of two more, for what
   lies below and above the axis; Wasserstein-1 is exact and takes all values. */
#include "histogram.h"
#include "plot.h"

#include <math.h>
#include <stdlib.h>

enum { COUNTED = BINS + 2 };
static const double LOWER_TAIL = 5e-4;
static const char *const titles[SETS] = {"flow samples", "reweighted", "reference data"};
static const char *const styles[SETS] = {"lines lw 2 lc rgb '#d1495b'",
                                         "lines lw 2.5 lc rgb '#00798c'", "boxes lc rgb '#9aa5b1'"};

/* Part of a set: every configuration, or every other one. */
typedef enum { WHOLE, EVEN, ODD } part;

/* One distribution: weights of a set's values, and their sums in the bins. */
typedef struct {
  size_t n;
  const double *value;
  double *w; /* (n) */
  double sum, count[COUNTED];
} distribution;

/* ---- the axis ------------------------------------------------------------------------------ */

typedef struct {
  double value, w;
} weighted;

static int by_value(const void *a, const void *b) {
  const double x = ((const weighted *)a)->value, y = ((const weighted *)b)->value;
  return (x > y) - (x < y);
}

static double quantile(const weighted *sorted, size_t n, double share) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    if ((sum += sorted[i].w) >= share)
      return sorted[i].value;
  return sorted[n - 1].value;
}

/* Widen the range to hold this distribution but for its tails. */
static int widen(const distribution *d, double tail, double range[2]) {
  size_t used = 0;
  weighted *sorted = cli_alloc(d->n, sizeof *sorted);
  if (sorted == NULL)
    return FAILURE;
  for (size_t i = 0; i < d->n; i++)
    if (d->w[i] > 0)
      sorted[used++] = (weighted){d->value[i], d->w[i] / d->sum};
  qsort(sorted, used, sizeof *sorted, by_value);
  if (used > 0) {
    range[0] = fmin(range[0], quantile(sorted, used, LOWER_TAIL));
    range[1] = fmax(range[1], quantile(sorted, used, 1 - tail));
  }
  free(sorted);
  return SUCCESS;
}

/* ---- distributions ------------------------------------------------------------------------- */

/* A value that is not finite weighs nothing. */
static int take(const values *set, part which, distribution *d) {
  *d = (distribution){.n = set->n * set->per, .value = set->value};
  d->w = cli_alloc(d->n, sizeof *d->w);
  if (d->w == NULL)
    return FAILURE;
  for (size_t i = 0; i < d->n; i++) {
    const size_t row = i / set->per;
    if (!isfinite(set->value[i]) || (which != WHOLE && (row % 2 == 0) != (which == EVEN)))
      continue;
    d->w[i] = set->logw != NULL ? exp(set->logw[row]) : 1;
    d->sum += d->w[i];
  }
  return SUCCESS;
}

static int count(const cli *c, const double range[2], distribution *d) {
  const enf_status status =
      enf_histogram(c->ctx, d->n, d->value, d->w, range[0], range[1], BINS, d->count + 1);
  for (size_t i = 0; i < d->n; i++) {
    d->count[0] += d->value[i] < range[0] ? d->w[i] : 0;
    d->count[COUNTED - 1] += d->value[i] > range[1] ? d->w[i] : 0;
  }
  return status == ENF_OK ? SUCCESS : cli_fail_status(c, status);
}

/* Into NaN where one of them is empty. */
static int compare(const cli *c, const distribution *a, const distribution *b, double *tv,
                   double *w1) {
  *tv = *w1 = (double)NAN;
  if (!(a->sum > 0 && b->sum > 0))
    return SUCCESS;
  enf_status status = enf_total_variation(c->ctx, COUNTED, a->count, b->count, tv);
  if (status != ENF_OK)
    return cli_fail_status(c, status);
  status = enf_wasserstein(c->ctx, a->n, a->value, a->w, b->n, b->value, b->w, w1);
  if (status == ENF_ERR_NONFINITE) /* farther apart than a double can tell */
    *w1 = INFINITY;
  else if (status != ENF_OK)
    return cli_fail_status(c, status);
  return SUCCESS;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static int find_axis(histogram *h, const distribution d[SETS]) {
  double range[2] = {INFINITY, -INFINITY};
  for (int s = 0; s < SETS; s++)
    if (d[s].n > 0 && widen(&d[s], h->set[s].tail, range) != SUCCESS)
      return FAILURE;
  for (int k = 0; k < 2 && range[0] < range[1]; k++)
    h->range[k] = range[k];
  return SUCCESS;
}

static int fill(const cli *c, histogram *h, which_set s, distribution *d) {
  const double width = (h->range[1] - h->range[0]) / BINS;
  if (d->n == 0)
    return SUCCESS;
  const int result = count(c, h->range, d);
  for (int b = 0; b < BINS && d->sum > 0; b++)
    h->density[s][b] = d->count[b + 1] / d->sum / width;
  return result;
}

/* How far the halves of the reference are apart: what its size alone brings. */
static int compare_halves(const cli *c, histogram *h) {
  distribution half[2] = {{.w = NULL}, {.w = NULL}};
  int result = SUCCESS;
  for (int k = 0; k < 2 && result == SUCCESS; k++) {
    result = take(&h->set[REFERENCE], k == 0 ? EVEN : ODD, &half[k]);
    if (result == SUCCESS)
      result = count(c, h->range, &half[k]);
  }
  if (result == SUCCESS)
    result = compare(c, &half[0], &half[1], &h->tv[REFERENCE], &h->w1[REFERENCE]);
  free(half[0].w);
  free(half[1].w);
  return result;
}

static int make(const cli *c, histogram *h, distribution d[SETS]) {
  int result = SUCCESS;
  for (int s = 0; s < SETS && result == SUCCESS; s++)
    result = take(&h->set[s], WHOLE, &d[s]);
  if (result == SUCCESS)
    result = find_axis(h, d);
  if (result != SUCCESS || !(h->range[0] < h->range[1]))
    return result;
  for (int s = 0; s < SETS && result == SUCCESS; s++)
    result = fill(c, h, (which_set)s, &d[s]);
  for (int s = 0; s < REFERENCE && result == SUCCESS && d[REFERENCE].n > 0; s++)
    result = compare(c, &d[s], &d[REFERENCE], &h->tv[s], &h->w1[s]);
  return result == SUCCESS && d[REFERENCE].n > 0 ? compare_halves(c, h) : result;
}

int histogram_make(const cli *c, histogram *h) {
  distribution d[SETS] = {{.w = NULL}, {.w = NULL}, {.w = NULL}};
  for (int s = 0; s < SETS; s++)
    h->tv[s] = h->w1[s] = (double)NAN;
  const int result = make(c, h, d);
  for (int s = 0; s < SETS; s++)
    free(d[s].w);
  return result;
}

bool histogram_plot(const histogram *h, const char *path, const char *title) {
  const double lowest = h->range[0], highest = h->range[1];
  double middle[BINS];
  plot p = {.title = title, .xlabel = h->axis, .ylabel = "probability density"};
  if (!(lowest < highest))
    return cli_note("no picture %s: the %s have no spread", path, h->label), false;
  for (int b = 0; b < BINS; b++)
    middle[b] = lowest + (b + 0.5) * (highest - lowest) / BINS;
  for (int s = SETS - 1; s >= 0; s--) /* the reference lies below the lines */
    if (h->set[s].n > 0)
      p.curve[p.series++] = (plot_series){titles[s], styles[s], BINS, middle, h->density[s], false};
  return plot_write(path, &p);
}

void histogram_report(report *r, const histogram *h) {
  static const char *const keys[SETS] = {"samples", "reweighted", "reference"};
  static const char *const rows[SETS] = {"samples", "reweighted", "data halves"};
  char key[64], label[64];
  for (int s = 0; s < SETS; s++) {
    if (isnan(h->tv[s]))
      continue;
    snprintf(key, sizeof key, "tv_%s_%s", h->key, s == REFERENCE ? "halves" : keys[s]);
    snprintf(label, sizeof label, "%s: TV, %s", h->label, rows[s]);
    report_real(r, key, label, h->tv[s]);
    snprintf(key, sizeof key, "w1_%s_%s", h->key, s == REFERENCE ? "halves" : keys[s]);
    snprintf(label, sizeof label, "%s: W1, %s", h->label, rows[s]);
    report_real(r, key, label, h->w1[s]);
  }
  if (!(h->range[0] < h->range[1]))
    return;
  snprintf(key, sizeof key, "%s_range", h->key);
  report_numbers(r, key, 2, h->range);
  for (int s = 0; s < SETS; s++) {
    snprintf(key, sizeof key, "%s_density_%s", h->key, keys[s]);
    if (h->set[s].n > 0)
      report_numbers(r, key, BINS, h->density[s]);
  }
}
