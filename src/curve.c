/* curve.c -- the training curve: loss, rate and gradient norm over steps, as CSV and picture. */
#include "curve.h"
#include "plot.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POINTS = 1000 };
static const char header[] = "step,seconds,samples,loss,lr,grad_norm\n";

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
  const double w = 1 / (double)k->open;
  const curve_point p = {info->step,      samples,       seconds,
                         k->sum.loss * w, k->sum.lr * w, k->sum.grad_norm * w};
  k->sum = (curve_point){0};
  k->open = 0;
  return push(k, &p);
}

/* ---- CSV ----------------------------------------------------------------------------------- */

int curve_read(curve *k, const char *path, uint64_t step) {
  char line[256];
  int result = SUCCESS;
  FILE *file = fopen(path, "r");
  if (file == NULL)
    return SUCCESS;
  while (result == SUCCESS && fgets(line, sizeof line, file) != NULL) {
    curve_point p;
    unsigned long long at = 0, samples = 0;
    if (sscanf(line, "%llu,%lg,%llu,%lg,%lg,%lg", &at, &p.seconds, &samples, &p.loss, &p.lr,
               &p.grad_norm) != 6)
      continue;
    p.step = at;
    p.samples = samples;
    if (p.step <= step)
      result = push(k, &p);
  }
  fclose(file);
  return result;
}

static void put_points(const curve *k, FILE *file) {
  fputs(header, file);
  for (size_t i = 0; i < k->n; i++) {
    const curve_point *p = &k->point[i];
    fprintf(file, "%llu,%.3f,%llu,%.9g,%.9g,%.9g\n", (unsigned long long)p->step, p->seconds,
            (unsigned long long)p->samples, p->loss, p->lr, p->grad_norm);
  }
}

int curve_write(const curve *k, const char *path) {
  char temporary[4096];
  const int length = snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
  if (length < 0 || (size_t)length >= sizeof temporary)
    return cli_fail("the name %s is too long", path);
  FILE *file = fopen(temporary, "w");
  if (file == NULL)
    return cli_fail("%s cannot be written: %s", temporary, strerror(errno));
  put_points(k, file);
  const bool complete = !ferror(file);
  if ((fclose(file) == 0) && complete && rename(temporary, path) == 0)
    return SUCCESS;
  const int error = errno;
  unlink(temporary);
  return cli_fail("%s cannot be written: %s", path, strerror(error));
}

/* ---- picture ------------------------------------------------------------------------------- */

/* Mean over the same number of neighbouring points on either side, up to n/25. */
static double local_mean(const curve *k, size_t i) {
  size_t reach = k->n / 25;
  double sum = 0;
  reach = reach < i ? reach : i;
  reach = reach < k->n - 1 - i ? reach : k->n - 1 - i;
  for (size_t j = i - reach; j <= i + reach; j++)
    sum += k->point[j].loss;
  return sum / (double)(2 * reach + 1);
}

bool curve_plot(const curve *k, const char *path, const char *title, const char *name,
                bool above_0) {
  double *x = k->n > 1 ? cli_alloc(3 * k->n, sizeof(double)) : NULL;
  if (x == NULL)
    return false;
  double *loss = x + k->n, *smooth = loss + k->n;
  for (size_t i = 0; i < k->n; i++) {
    x[i] = (double)k->point[i].step;
    loss[i] = k->point[i].loss;
    smooth[i] = local_mean(k, i);
  }
  const plot p = {.title = title,
                  .xlabel = "step",
                  .ylabel = name,
                  .y = above_0 ? AXIS_LOG : AXIS_ROBUST,
                  .series = 2,
                  .curve = {{"mean of the steps", "lines lw 1 lc rgb '#9fc5cf'", k->n, x, loss},
                            {"smoothed", "lines lw 2.5 lc rgb '#00798c'", k->n, x, smooth}}};
  const bool drawn = plot_write(path, &p);
  free(x);
  return drawn;
}

void curve_free(curve *k) {
  free(k->point);
  k->point = NULL;
}
