/* curve.c -- the picture of a training curve. */
#include "curve.h"
#include "plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  double step, loss, nll; /* nll: NaN where there was no look */
} curve_point;

typedef struct {
  size_t n, capacity;
  curve_point *point;
  bool watched; /* there is a look */
} curve;

static bool push(curve *k, const curve_point *p) {
  if (k->n == k->capacity) {
    const size_t capacity = 2 * k->capacity + 256;
    curve_point *grown = realloc(k->point, capacity * sizeof *grown);
    if (grown == NULL)
      return false;
    k->point = grown;
    k->capacity = capacity;
  }
  k->point[k->n++] = *p;
  return true;
}

static bool curve_read(curve *k, const char *path) {
  char line[512];
  bool complete = true;
  FILE *file = fopen(path, "r");
  if (file == NULL)
    return false;
  while (complete && fgets(line, sizeof line, file) != NULL) {
    curve_point p;
    const int numbers = sscanf(line, "%lg,%*g,%*u,%lg,%*g,%*g,%lg", &p.step, &p.loss, &p.nll);
    if (numbers < 3)
      p.nll = (double)NAN;
    k->watched = k->watched || numbers == 3;
    if (numbers >= 2)
      complete = push(k, &p);
  }
  fclose(file);
  return complete;
}

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

static bool draw(const curve *k, const char *path, const char *title, const char *name,
                 bool above_0) {
  double *x = k->n > 1 ? cli_alloc(4 * k->n, sizeof(double)) : NULL;
  if (x == NULL)
    return false;
  double *loss = x + k->n, *smooth = loss + k->n, *nll = smooth + k->n;
  for (size_t i = 0; i < k->n; i++) {
    x[i] = (double)k->point[i].step;
    loss[i] = k->point[i].loss;
    smooth[i] = local_mean(k, i);
    nll[i] = k->point[i].nll;
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

bool curve_plot(const char *csv, const char *path, const char *title, const char *loss,
                bool above_0) {
  curve k = {0};
  const bool drawn = curve_read(&k, csv) && draw(&k, path, title, loss, above_0);
  free(k.point);
  return drawn;
}
