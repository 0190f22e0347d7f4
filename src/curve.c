/* curve.c -- the training curve, as CSV and picture.

   The CSV has the columns of the validation once there is a look; they are empty in other rows.
   Numbers that decide have all their digits, so that a training goes on from the file as it would
   have gone on itself. */
#include "curve.h"
#include "place.h"
#include "plot.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POINTS = 1000 };
static const char header[] = "step,seconds,samples,loss,lr,grad_norm";

void curve_plan(curve *k, uint64_t planned) { k->every = planned > POINTS ? planned / POINTS : 1; }

static int push(curve *k, const curve_point *p) {
  if (k->n == k->capacity) {
    const size_t capacity = 2 * k->capacity + 256;
    curve_point *grown = realloc(k->point, capacity * sizeof *grown);
    if (grown == NULL)
      return cli_fail("no memory for a training curve of %zu points", capacity);
    k->point = grown;
    k->capacity = capacity;
  }
  k->point[k->n++] = *p;
  return SUCCESS;
}

/* Where all steps were skipped, or there was none, the means are not known. */
static int end_point(curve *k, uint64_t step, uint64_t samples, double seconds) {
  const double w = k->open > 0 ? 1 / (double)k->open : (double)NAN;
  const curve_point p = {.step = step,
                         .samples = samples,
                         .seconds = seconds,
                         .loss = k->sum.loss * w,
                         .lr = k->sum.lr * w,
                         .grad_norm = k->sum.grad_norm * w};
  k->sum = (curve_point){0};
  k->open = 0;
  return push(k, &p);
}

int curve_add(curve *k, const enf_step_info *info, uint64_t samples, double seconds) {
  if (isfinite(info->loss)) { /* a skipped step has no loss */
    k->smoothed = k->smoothed == 0 ? info->loss : k->smoothed + 0.02 * (info->loss - k->smoothed);
    k->sum.loss += info->loss;
    k->sum.lr += info->lr;
    k->sum.grad_norm += info->grad_norm;
    k->open++;
  }
  if (info->step % k->every != 0 || k->open == 0)
    return SUCCESS;
  return end_point(k, info->step, samples, seconds);
}

int curve_look(curve *k, const look *l, uint64_t samples, double seconds) {
  if (k->n == 0 || k->point[k->n - 1].step != l->step) {
    const int result = end_point(k, l->step, samples, seconds);
    if (result != SUCCESS)
      return result;
  }
  k->point[k->n - 1].looked = k->watched = true;
  k->point[k->n - 1].look = *l;
  return SUCCESS;
}

/* ---- CSV ----------------------------------------------------------------------------------- */

int curve_read(curve *k, const char *path, uint64_t step) {
  char line[512];
  int result = SUCCESS;
  FILE *file = fopen(path, "r");
  if (file == NULL)
    return SUCCESS;
  while (result == SUCCESS && fgets(line, sizeof line, file) != NULL) {
    curve_point p = {0};
    unsigned long long at = 0, samples = 0;
    const int numbers = sscanf(line, "%llu,%lg,%llu,%lg,%lg,%lg,%lg,%lg,%lg,%lg", &at, &p.seconds,
                               &samples, &p.loss, &p.lr, &p.grad_norm, &p.look.nll, &p.look.nll_err,
                               &p.look.gain, &p.look.gain_err);
    if (numbers < 6)
      continue;
    p.step = p.look.step = at;
    p.samples = samples;
    p.looked = numbers == 10;
    k->watched = k->watched || (p.looked && p.step <= step);
    if (p.step <= step)
      result = push(k, &p);
  }
  fclose(file);
  return result;
}

static void put_points(const curve *k, FILE *file) {
  fprintf(file, "%s%s\n", header, k->watched ? ",nll,nll_err,gain,gain_err" : "");
  for (size_t i = 0; i < k->n; i++) {
    const curve_point *p = &k->point[i];
    fprintf(file, "%llu,%.3f,%llu,%.9g,%.9g,%.9g", (unsigned long long)p->step, p->seconds,
            (unsigned long long)p->samples, p->loss, p->lr, p->grad_norm);
    if (p->looked)
      fprintf(file, ",%.17g,%.17g,%.17g,%.17g", p->look.nll, p->look.nll_err, p->look.gain,
              p->look.gain_err);
    fputs(k->watched && !p->looked ? ",,,,\n" : "\n", file);
  }
}

int curve_write(const curve *k, const char *path) {
  char temporary[PLACE_NAME];
  const place target = place_of(path);
  const int length =
      snprintf(temporary, sizeof temporary, "%s.%ld.tmp", target.path, (long)getpid());
  if (length < 0 || (size_t)length >= sizeof temporary)
    return cli_fail("the name %s is too long", path);
  FILE *file = fopen(temporary, "w");
  if (file == NULL)
    return cli_fail("%s cannot be written: %s", temporary, strerror(errno));
  put_points(k, file);
  const bool complete = !ferror(file);
  if ((fclose(file) == 0) && complete && rename(temporary, target.path) == 0)
    return SUCCESS;
  const int error = errno;
  unlink(temporary);
  return cli_fail("%s cannot be written: %s", path, strerror(error));
}

/* ---- picture ------------------------------------------------------------------------------- */

/* Mean over the same number of neighbouring points on either side, up to n/25, and fewer near the
   beginning, where the loss falls fast. */
static double local_mean(const curve *k, size_t i) {
  size_t reach = k->n / 25, known = 0;
  double sum = 0;
  reach = reach < i / 2 ? reach : i / 2;
  reach = reach < k->n - 1 - i ? reach : k->n - 1 - i;
  for (size_t j = i - reach; j <= i + reach; j++)
    if (isfinite(k->point[j].loss)) {
      sum += k->point[j].loss;
      known++;
    }
  return known > 0 ? sum / (double)known : (double)NAN;
}

bool curve_plot(const curve *k, const char *path, const char *title, const char *name,
                bool above_0) {
  double *x = k->n > 1 ? cli_alloc(4 * k->n, sizeof(double)) : NULL;
  if (x == NULL)
    return false;
  double *loss = x + k->n, *smooth = loss + k->n, *nll = smooth + k->n;
  for (size_t i = 0; i < k->n; i++) {
    x[i] = (double)k->point[i].step;
    loss[i] = k->point[i].loss;
    smooth[i] = local_mean(k, i);
    nll[i] = k->point[i].looked ? k->point[i].look.nll : (double)NAN;
  }
  const plot p = {
      .title = title,
      .xlabel = "step",
      .ylabel = name,
      .y = above_0 ? AXIS_LOG : AXIS_ROBUST,
      .right = k->watched ? "validation NLL" : NULL,
      .series = k->watched ? 3 : 2,
      .curve = {
          {"mean of the steps", "lines lw 1 lc rgb '#9fc5cf'", k->n, x, loss, false},
          {"smoothed", "lines lw 2.5 lc rgb '#00798c'", k->n, x, smooth, false},
          {"validation", "linespoints pt 7 ps 0.6 lw 1.5 lc rgb '#d1495b'", k->n, x, nll, true}}};
  const bool drawn = plot_write(path, &p);
  free(x);
  return drawn;
}

void curve_free(curve *k) {
  free(k->point);
  k->point = NULL;
}
