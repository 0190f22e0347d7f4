/* curve.h -- the training curve: loss, rate and gradient norm over steps, and the looks at the
   validation, as CSV and picture. */
#ifndef CURVE_H
#define CURVE_H

#include "watch.h"

/* Means over the steps since the point before. */
typedef struct {
  uint64_t step, samples; /* done so far */
  double seconds;         /* of training so far */
  double loss, lr, grad_norm;
  bool looked; /* and what was seen: */
  look look;
} curve_point;

typedef struct {
  uint64_t every; /* steps per point */
  size_t n, capacity;
  curve_point *point;
  curve_point sum; /* of the open window */
  uint64_t open;   /* steps in it */
  bool watched;    /* there is a look */
  double smoothed; /* loss over about the last 50 steps, 0 before the first */
} curve;

/* Points are about a thousandth of the planned steps apart; the plan may change on the way. */
void curve_plan(curve *k, uint64_t planned);
int curve_add(curve *k, const enf_step_info *info, uint64_t samples, double seconds);
/* A look ends the point that is open. */
int curve_look(curve *k, const look *l, uint64_t samples, double seconds);
/* The points up to `step` that an earlier run wrote; a missing file is an empty curve. */
int curve_read(curve *k, const char *path, uint64_t step);
int curve_write(const curve *k, const char *path);
/* `loss` names the vertical axis; it is logarithmic if the loss is always above 0. */
bool curve_plot(const curve *k, const char *path, const char *title, const char *loss,
                bool above_0);
void curve_free(curve *k);

#endif
