/* histogram.h -- one number (energy, interatomic distance) of a flow's samples, of the same samples
   reweighted, and of reference data: histograms on one axis, and how far the first two are from the
   third. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include "cli.h"
#include "report.h"

enum { BINS = 80 };
typedef enum { RAW, REWEIGHTED, REFERENCE, SETS } which_set;

typedef struct {
  size_t n;            /* configurations; 0: there is no such set */
  size_t per;          /* values of a configuration */
  const double *value; /* (n,per); those that are not finite are left out */
  const double *logw;  /* (n) log of normalised weights; NULL for equal ones */
  double tail;         /* share of the weight that the axis may cut off above */
} values;

typedef struct {
  const char *key, *label; /* "u", "energies" */
  const char *axis;        /* "reduced energy u" */
  values set[SETS];
  /* what follows is found by histogram_make */
  double range[2];            /* the axis; equal ends: the values have no spread */
  double density[SETS][BINS]; /* probability density in equal bins */
  /* distances to the reference, and of its two halves (every other row) to each other; NaN where
     there is no reference */
  double tv[SETS], w1[SETS];
} histogram;

int histogram_make(const cli *c, histogram *h);
/* False if there is no picture; a line on standard error has said why. */
bool histogram_plot(const histogram *h, const char *path, const char *title);
/* The distances; in JSON also the densities. */
void histogram_report(report *r, const histogram *h);

#endif
