/* plot.h -- pictures through gnuplot: SVG or PNG by the name of the file. */
#ifndef PLOT_H
#define PLOT_H

#include "cli.h"

typedef struct {
  const char *title, *style; /* style: gnuplot's, e.g. "lines lw 2 lc rgb '#000000'" */
  size_t n;
  const double *x, *y;
  bool right; /* belongs to the axis on the right */
} plot_series;

enum { PLOT_CELLS = 60 }; /* of an axis */

/* The vertical axis: from zero, logarithmic, or as long as nearly all values. */
typedef enum { AXIS_FROM_ZERO, AXIS_LOG, AXIS_ROBUST } plot_axis;

typedef struct {
  const char *title, *xlabel, *ylabel;
  const char *right; /* label of the axis on the right, or NULL */
  plot_axis y;
  const double *surface;  /* (PLOT_CELLS,PLOT_CELLS), y before x, or NULL; no series then */
  double low[2], high[2]; /* of its axes */
  size_t series;
  plot_series curve[3];
} plot;

/* Whether the name ends in .svg or .png. */
bool plot_can(const char *path);
/* Written under a temporary name and renamed. Where gnuplot is missing or fails, one line on
   standard error says so and false is returned: a picture is never worth a failed run. */
bool plot_write(const char *path, const plot *p);

#endif
