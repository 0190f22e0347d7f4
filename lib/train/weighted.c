/* weighted.c -- rows of a step with weights w_i: what the objectives make of them.

   The likelihood's mean is a weighted one, sum w_i l_i / sum w_i. Flow matching pairs rows with
   prior draws, and a pairing of weighted rows would weigh the draws, too, which then are no more
   those of the prior. So rows are resampled there: position (k + offset)/n in the running sum of
   the shares, k = 0 ... n-1, tells row k of the batch (systematic resampling: Kitagawa 1996, J.
   Comput. Graph. Stat. 5, 1). In the mean over the offset row i comes n w_i / sum w times, at any
   offset that number rounded up or down; equal weights give every row once, in order. */
#include "train/weighted.h"
#include <math.h>
#include <string.h>

enf_status enf__weights_check(enf_ctx *ctx, size_t n, const double *logw, double *top,
                              size_t *left) {
  *top = -INFINITY;
  *left = 0;
  for (size_t i = 0; i < n; i++) {
    if (!(logw[i] < (double)INFINITY))
      return enf__fail(ctx, ENF_ERR_NONFINITE,
                       "logw[%zu] is %g: a log weight is a number or -infinity; no step was made",
                       i, logw[i]);
    *top = fmax(*top, logw[i]);
    *left += logw[i] > -(double)INFINITY;
  }
  if (*left == 0)
    return enf__fail(ctx, ENF_ERR_NONFINITE, "all %zu rows have weight 0; no step was made", n);
  return ENF_OK;
}

static void copy_row(const enf__weighted *rows, size_t i, double *x, size_t to) {
  memcpy(x + to * rows->dim, rows->x + i * rows->dim, rows->dim * sizeof *x);
}

void enf__weighted_keep(const enf__weighted *rows, double *x, double *weight) {
  size_t count = 0;
  for (size_t i = 0; i < rows->n; i++)
    if (rows->logw[i] > -(double)INFINITY) {
      copy_row(rows, i, x, count);
      weight[count++] = exp(rows->logw[i] - rows->top);
    }
}

void enf__weighted_resample(const enf__weighted *rows, double offset, size_t count, double *x) {
  double total = 0, sum = 0;
  size_t last = 0, to = 0; /* last: with a weight, which takes what rounding leaves */
  for (size_t i = 0; i < rows->n; i++) {
    const double w = exp(rows->logw[i] - rows->top);
    total += w;
    last = w > 0 ? i : last;
  }
  for (size_t i = 0; i <= last; i++) {
    sum += exp(rows->logw[i] - rows->top);
    while (to < count && (i == last || ((double)to + offset) / (double)count * total < sum))
      copy_row(rows, i, x, to++);
  }
}
