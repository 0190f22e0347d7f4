/* weighted.h -- the rows of a step with weights. */
#ifndef ENF__WEIGHTED_H
#define ENF__WEIGHTED_H

#include "train/train.h"

/* NONFINITE, with the sentence, where a logarithm is none of a weight or all weights are 0; else
   the largest and how many rows are left. */
enf_status enf__weights_check(enf_ctx *ctx, size_t n, const double *logw, double *top,
                              size_t *left);

/* Rows x (n,dim) with logarithms of weights. */
typedef struct {
  size_t n, dim;
  const double *x, *logw;
  double top; /* of logw */
} enf__weighted;

/* Those that are left, in their order, and their weights, the largest 1. */
void enf__weighted_keep(const enf__weighted *rows, double *x, double *weight);
/* `count` rows of equal weight in their place, row i about count times its share of the weight:
   systematic resampling with the offset in (0,1). */
void enf__weighted_resample(const enf__weighted *rows, double offset, size_t count, double *x);

#endif
