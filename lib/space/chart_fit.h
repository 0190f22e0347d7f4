/* chart_fit.h -- a chart's centres and widths from data, and what the data say of the molecule. */
#ifndef ENF__CHART_FIT_H
#define ENF__CHART_FIT_H

#include "space/chart.h"

typedef struct {
  size_t used, bad;   /* frames that were used, and those without coordinates */
  size_t other_hand;  /* mirror images: left out */
  size_t turned;      /* with a stiff dihedral more than 90 degrees from its mean: left out */
  size_t broken;      /* with a distance 3 times its mean or a third of it: left out */
  size_t constrained; /* bonds of constant length: their width is the least there is */
  size_t first_bad;   /* the first bad frame's number, and what is wrong with it */
  enf__fault fault;
} enf__chart_report;

/* center and width (C) of frames x (n,N,3): mean and standard deviation (divided by the number of
   frames, about the mean; 1e-3 or more) of the chart's lines before they are centred; of impropers
   the circular mean, then the deviation of 2 tan((P-m)/2). One frame alone gives centres, with
   widths .03 of distances and .1 of angles and impropers. RANGE if no frame has coordinates. */
enf_status enf__chart_fit(enf_ctx *ctx, const enf__zmatrix *z, size_t n, const double *x,
                          double *center, double *width, enf__chart_report *report);

/* Is the molecule of these coordinates q a mirror image of the centres'? It is where an improper P
   with |sin m| > 1/2 has sin P of the other sign. */
bool enf__chart_is_other_hand(const enf__zmatrix *z, const double *center, const double *q);

/* Is a stiff dihedral (an improper of the Z-matrix) of these coordinates more than 90 degrees from its
   centre, as a peptide bond that is cis where others are trans? */
bool enf__chart_is_turned(const enf__zmatrix *z, const double *center, const double *q);

/* How many times longer than the centres' the distances of q are: geometric mean. Near 10 or .1
   where a molecule in angstrom meets a flow in nm, or the other way round. */
double enf__chart_scale(const enf__chart *chart, const double *q);

#endif
