/* scale.c -- the data scale that `auto` stands for: the root mean square of the coordinates of the
   flow's space (mean-free, for particles), to two significant digits.

   A simulation that blew up leaves frames thousands of times as large as the others, and one of
   them would set the length unit of all. So a frame is left out if its own root mean square is more
   than FAR times the median over the frames, which no rare frame moves:

     m_i = |y_i|^2 / k,   s^2 = mean of the m_i <= FAR^2 median(m).

   Normal numbers exceed 8 medians once in 10^7 where a frame holds a single one, and never where it
   holds more. Without such frames s is the root mean square of all.

   Where the prior is a Student-t density of two degrees of freedom or fewer, which has no variance,
   s is its width of greatest likelihood instead. */
#include "flow/flow.h"
#include "prior/fit.h"
#include <math.h>

static const double FAR = 8;

/* The k-th smallest of a (n), which is put in another order (Hoare's selection). */
static double select_smallest(size_t n, double *a, size_t k) {
  size_t first = 0, last = n - 1;
  while (first < last) {
    const double pivot = a[first + (last - first) / 2];
    size_t i = first, j = last;
    for (;; i++, j--) {
      while (a[i] < pivot)
        i++;
      while (a[j] > pivot)
        j--;
      if (i >= j)
        break;
      const double swapped = a[i];
      a[i] = a[j];
      a[j] = swapped;
    }
    if (k <= j)
      last = j;
    else
      first = j + 1;
  }
  return a[k];
}

double enf__two_digits(double value) {
  char text[32];
  enf__format(text, sizeof text, "%.1e", value);
  return enf__strtod(text, NULL);
}

static double square_of(const enf__space *space, const double *x, double *y) {
  const size_t state = enf__space_state(space);
  double square = 0;
  space->ops->enter(space, x, y, NULL, NULL);
  for (size_t k = 0; k < state; k++)
    square += y[k] * y[k];
  return square;
}

size_t enf__scale_doubles(const enf__space *space, size_t n) {
  return 2 * n + enf__space_state(space);
}

double enf__scale_find(const enf__space *space, size_t n, const double *x, double *work,
                       size_t *left_out, double *most) {
  const size_t host = enf__space_host(space);
  double *square = work, *ordered = work + n, *y = ordered + n, sum = 0;
  enf__space unit = enf__space_bare(space);
  unit.scale = 1;
  *left_out = 0;
  *most = INFINITY;
  for (size_t i = 0; i < n; i++) {
    square[i] = ordered[i] = square_of(&unit, x + i * host, y);
    if (!isfinite(square[i]))
      return square[i];
  }
  const double median = select_smallest(n, ordered, (n - 1) / 2);
  if (median > 0)
    *most = FAR * FAR * median;
  for (size_t i = 0; i < n; i++) {
    const bool far = square[i] > *most;
    *left_out += far;
    sum += far ? 0 : square[i];
  }
  const size_t kept = n - *left_out;
  const double rms = sqrt(sum / ((double)kept * (double)enf__space_said(space)));
  return rms > 0 && isfinite(rms) ? enf__two_digits(rms) : rms;
}

static enf_status check_finite(enf_ctx *ctx, size_t n, size_t host, const double *x) {
  for (size_t k = 0; k < n * host; k++)
    if (!isfinite(x[k]))
      return enf__fail(ctx, ENF_ERR_NONFINITE, "configuration %zu (from 0) holds %g", k / host,
                       x[k]);
  return ENF_OK;
}

size_t enf__flow_fit_doubles(const enf_flow *flow, size_t n) {
  const size_t fit = flow->prior.copula.on
                         ? enf__copula_fit_doubles(&flow->space, n)
                         : enf__prior_fit_doubles(&flow->space, flow->prior.ellipse.on, n);
  return enf__larger(enf__scale_doubles(&flow->space, n), fit);
}

double enf__flow_scale(const enf_flow *flow, size_t n, const double *x, double *work,
                       size_t *left_out, double *most) {
  const double scale = enf__scale_find(&flow->space, n, x, work, left_out, most);
  if (flow->prior.ops != &enf__student_ops || flow->prior.df > 2 || !(scale > 0))
    return scale;
  enf__space unit = enf__space_bare(&flow->space);
  unit.scale = 1;
  enf__prior prior = enf__prior_make(ENF__STUDENT_PRIOR, &unit, scale);
  prior.df = flow->prior.df;
  const enf__prior_rows rows = {&unit, n, x, INFINITY};
  const enf__prior_wanted wanted = {.std = true};
  return enf__prior_fit(&prior, &rows, wanted, work, NULL) ? enf__two_digits(prior.std) : scale;
}

enf_status enf__scale_check(enf_ctx *ctx, const char *call, const enf_flow *flow, size_t n,
                            const double *x) {
  const enf__space *space = &flow->space;
  const size_t host = enf__space_host(space), extra = enf__space_state(space);
  if (n == 0 || !x)
    return enf__fail(ctx, ENF_ERR_ARG, "%s: %s", call,
                     n == 0 ? "there are no configurations" : "x is NULL");
  if (n > SIZE_MAX / 8 / host - extra || n > (SIZE_MAX / 8 - extra) / 2)
    return enf__fail(ctx, ENF_ERR_ARG, "%s: n = %zu configurations are too many", call, n);
  return check_finite(ctx, n, host, x);
}

enf_status enf_data_scale(enf_ctx *ctx, const enf_flow *flow, size_t n, const double *x,
                          double *scale, size_t *left_out) {
  ENF__ENTRY;
  enf_status status = ENF_OK;
  double *work = NULL, most;
  size_t far;
  TRY(enf__enter(ctx));
  TRY(enf__flow_check(ctx, flow));
  if (!scale)
    TRY(enf__fail(ctx, ENF_ERR_ARG, "enf_data_scale: scale is NULL"));
  TRY(enf__scale_check(ctx, "enf_data_scale", flow, n, x));
  if (flow->space.ops->fit)
    TRY(enf__fail(ctx, ENF_ERR_UNSUPPORTED,
                  "model.space molecule has no data scale but widths: enf_prior_fit finds them"));
  work = enf__alloc_array(&ctx->alloc, enf__flow_fit_doubles(flow, n), sizeof *work);
  if (!work)
    TRY(enf__fail(ctx, ENF_ERR_NOMEM, "no memory for the sizes of %zu configurations", n));
  *scale = enf__flow_scale(flow, n, x, work, &far, &most);
  if (!isfinite(*scale))
    TRY(enf__fail(ctx, ENF_ERR_NONFINITE, "the coordinates are too large for a data scale"));
  if (*scale == 0)
    TRY(enf__fail(ctx, ENF_ERR_RANGE,
                  "in every configuration all particles are in one place; there is no data scale"));
  if (left_out)
    *left_out = far;
out:
  enf__free(&ctx->alloc, work);
  return status;
}
