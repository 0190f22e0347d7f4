/* chart.h -- the lines and circles on which the density of a molecule lives: y (C), internal
   coordinates with a centre m and a width w each.

     distance    y = (ln r - m)/w             improper    y = 2 tan((P-m)/2)/w
     angle       y = (ln(T/(pi-T)) - m)/w     torsion     y = P in (-pi,pi] */
#ifndef ENF__CHART_H
#define ENF__CHART_H

#include "space/internal.h"

typedef struct {
  const enf__zmatrix *z; /* the caller's */
  double *center, *width;
  double constant; /* of the log volume */
} enf__chart;

/* Centres 0, widths 1. */
enf_status enf__chart_create(enf_ctx *ctx, const enf_alloc *alloc, const enf__zmatrix *z,
                             enf__chart *chart);
void enf__chart_destroy(const enf_alloc *alloc, enf__chart *chart); /* fine on a zeroed one */
/* RANGE, with the number's place: not finite, a width <= 0; of a torsion other than 0 and 1. */
enf_status enf__chart_check_centers(enf_ctx *ctx, const enf__zmatrix *z, const double *center);
enf_status enf__chart_check_widths(enf_ctx *ctx, const enf__zmatrix *z, const double *width);
/* Copy centres and widths (C each), which have been checked. */
void enf__chart_set(enf__chart *chart, const double *center, const double *width);

/* x (N,3) from any origin -> y (C) and the log volume (NULL: not wanted):
     log q(x) = log q_y(y) + log volume,
   a density by Lebesgue's measure on the mean-free subspace, rotations uniform. False with a fault,
   outputs unspecified. */
bool enf__chart_enter(const enf__chart *chart, const double *x, double *y, double *log_volume,
                      enf__fault *fault);
/* y, torsions of any size -> x (N,3), mean-free, unturned, and the log volume there (NULL: not
   wanted). False with a fault, outputs unspecified. */
bool enf__chart_leave(const enf__chart *chart, const double *y, double *x, double *log_volume,
                      enf__fault *fault);
/* dx += the pullback of dL/dy and dL/dlog_volume by enter, at an x where it does not fail. */
void enf__chart_enter_pullback(const enf__chart *chart, const double *x, const double *dy,
                               double dlog_volume, double *dx);
/* dy becomes the pullback of dL/dx and dL/dlog_volume by leave, which gave x, since turned by any
   fixed rotation or not. dx is written over. */
void enf__chart_leave_pullback(const enf__chart *chart, const double *y, const double *x,
                               double *dx, double dlog_volume, double *dy);

/* q -> y and log |dy/dq|. */
double enf__chart_line(const enf__chart *chart, const double *q, double *y);
/* y -> q. */
void enf__chart_unline(const enf__chart *chart, const double *y, double *q);

#endif
