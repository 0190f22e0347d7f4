/* fit_curve.h -- the curve of a training: loss, rate and gradient norm over steps, and its looks
   (fit_curve.c). */
#ifndef ENF__TRAIN_FIT_CURVE_H
#define ENF__TRAIN_FIT_CURVE_H

#include "train/fit_looks.h"
#include <enf/train.h>

/* Means over the steps since the point before. */
typedef struct {
  uint64_t step, samples; /* done so far */
  double seconds;         /* of training so far */
  double loss, lr, grad_norm;
  bool looked; /* and what was seen: */
  enf__look look;
} enf__curve_point;

typedef struct {
  uint64_t every; /* steps per point */
  size_t n, capacity;
  enf__curve_point *point;
  enf__curve_point sum; /* of the open window */
  uint64_t open;        /* steps in it */
  bool looked;          /* there is a look */
  double smoothed;      /* loss over about the last 50 steps, 0 before the first */
} enf__curve;

/* Points are about a thousandth of the planned steps apart; the plan may change on the way. */
void enf__curve_plan(enf__curve *c, uint64_t planned);
enf_status enf__curve_add(enf_ctx *ctx, enf__curve *c, const enf_step_info *info, uint64_t samples,
                          double seconds);
/* A look ends the point that is open. */
enf_status enf__curve_look(enf_ctx *ctx, enf__curve *c, const enf__look *look, uint64_t samples,
                           double seconds);
/* The points up to `step` that an earlier call wrote; a missing file is an empty curve. */
enf_status enf__curve_read(enf_ctx *ctx, enf__curve *c, const char *path, uint64_t step);
enf_status enf__curve_write(enf_ctx *ctx, const enf__curve *c, const char *path);
void enf__curve_free(enf_ctx *ctx, enf__curve *c);

#endif
