/* tail.c -- do the largest of a set of weights tell that more was not seen? Pareto smoothing
   (Vehtari, Simpson, Gelman, Yao, Gabry 2024, J. Mach. Learn. Res. 25, 72; arXiv:1507.02646).

   The M = min(n/5, 3 sqrt n) largest weights, less the largest one that is not among them, are
   taken as draws x of the generalised Pareto distribution of shape k and width sigma: the mean of
   weights has a finite variance for k < 1/2, itself is finite for k < 1, and at finite n can be
   trusted below about 0.7. k is that of Zhang and Stephens (2009, Technometrics 51, 316): with

     k(theta) = mean log(1 - theta x),      L(theta) = M (log(-theta/k(theta)) - k(theta) - 1),
     theta_j = 1/x_M + (1 - sqrt(m/(j - 1/2))) / (3 x_(M/4 + 1/2)),   j = 1 ... m = 30 + sqrt M,

   theta is the mean of the theta_j with weights exp L(theta_j), k = k(theta), sigma = -k/theta (k
   of the other sign than theirs); then k is drawn towards 1/2 as by ten more draws (op. cit.,
   appendix C). Smoothed, the tail's weights are the distribution's quantiles at (j - 1/2)/M, none
   above the largest there was. Only weights above 0 are in a tail. */
#include "infer/tail.h"
#include <enf/infer.h>
#include <math.h>
#include <string.h>

enum { FEWEST = 5, GRID = 30 };

/* ---- the largest weights ------------------------------------------------------------------- */

static void swap(double *a, double *b) {
  const double t = *a;
  *a = *b;
  *b = t;
}

double enf__select_largest(size_t n, double *w, size_t rank) {
  size_t low = 0, high = n;
  while (high - low > 1) {
    const double pivot = w[low + (high - low) / 2];
    size_t above = low, below = high;
    for (size_t i = low; i < below;) {
      if (w[i] > pivot)
        swap(&w[i++], &w[above++]);
      else if (w[i] < pivot)
        swap(&w[i], &w[--below]);
      else
        i++;
    }
    if (rank < above)
      high = above;
    else if (rank < below)
      return pivot;
    else
      low = below;
  }
  return w[low];
}

static size_t most_of(size_t n) { return (size_t)ceil(fmin((double)n / 5, 3 * sqrt((double)n))); }

void enf__tail_take(enf__tail *t, size_t n, enf__arena *arena) {
  t->member = ENF__TAKE(arena, enf__tail_member, most_of(n));
  t->excess = ENF__TAKE(arena, double, most_of(n));
}

static bool is_less(const enf__tail_member *a, const enf__tail_member *b) {
  return a->log_w < b->log_w || (a->log_w == b->log_w && a->sample < b->sample);
}

/* Member `at` of a heap of n, whose members below are in order, goes where it belongs. */
static void sink(enf__tail_member *heap, size_t n, size_t at) {
  const enf__tail_member moved = heap[at];
  for (size_t child; (child = 2 * at + 1) < n; at = child) {
    if (child + 1 < n && is_less(&heap[child], &heap[child + 1]))
      child++;
    if (!is_less(&moved, &heap[child]))
      break;
    heap[at] = heap[child];
  }
  heap[at] = moved;
}

/* Ascending (heapsort: it needs no memory). */
static void sort(size_t n, enf__tail_member *member) {
  for (size_t at = n / 2; at-- > 0;)
    sink(member, n, at);
  for (size_t last = n; last-- > 1;) {
    const enf__tail_member largest = member[0];
    member[0] = member[last];
    member[last] = largest;
    sink(member, last, 0);
  }
}

/* The members in order, and the logarithm of the cut. Of equal weights at the cut those of the
   first samples are in. */
static double gather(enf__tail *t, size_t n, const double *log_w, double *scratch) {
  size_t above = 0, ties, count = 0;
  memcpy(scratch, log_w, n * sizeof *scratch);
  const double least = enf__select_largest(n, scratch, t->count - 1);
  const double cut = t->count < n ? enf__select_largest(n, scratch, t->count) : -(double)INFINITY;
  for (size_t i = 0; i < n; i++)
    above += log_w[i] > least;
  ties = t->count - above;
  for (size_t i = 0; i < n; i++)
    if (log_w[i] > least || (log_w[i] == least && ties > 0 && ties--))
      t->member[count++] = (enf__tail_member){log_w[i], i};
  sort(count, t->member);
  return cut;
}

/* ---- the distribution ---------------------------------------------------------------------- */

static double shape(const enf__tail *t, double theta) {
  double sum = 0;
  for (size_t j = 0; j < t->count; j++)
    sum += log1p(-theta * t->excess[j]);
  return sum / (double)t->count;
}

static double log_likelihood(const enf__tail *t, double theta) {
  const double k = shape(t, theta), value = log(-theta / k) - k - 1;
  return isfinite(value) ? (double)t->count * value : -(double)INFINITY;
}

/* The mean of the grid's theta, in one run: what was summed shrinks where a more likely one comes.
 */
static double find_theta(const enf__tail *t) {
  const double M = (double)t->count, m = GRID + floor(sqrt(M));
  const double quarter = t->excess[(size_t)floor(M / 4 + 0.5) - 1];
  double top = -INFINITY, weights = 0, sum = 0;
  for (double j = 1; j <= m; j++) {
    const double theta = 1 / t->excess[t->count - 1] + (1 - sqrt(m / (j - 0.5))) / (3 * quarter);
    const double likely = log_likelihood(t, theta);
    if (likely > top) {
      weights *= exp(top - likely);
      sum *= exp(top - likely);
      top = likely;
    }
    if (likely > -(double)INFINITY) {
      weights += exp(likely - top);
      sum += theta * exp(likely - top);
    }
  }
  return sum / weights;
}

/* Where the tail is no draw of such a distribution: equal weights have no tail, too few or such as
   differ by more than a double holds may have any. */
static double extreme(const enf__tail *t) {
  if (t->count >= FEWEST && t->excess[t->count - 1] == 0)
    return -INFINITY;
  return INFINITY;
}

static void fit(enf__tail *t) {
  const double M = (double)t->count;
  t->k = extreme(t);
  t->sigma = 0;
  if (t->count < FEWEST || !(t->excess[(size_t)floor(M / 4 + 0.5) - 1] > 0))
    return;
  const double theta = find_theta(t), k = shape(t, theta);
  if (!isfinite(k))
    return;
  t->sigma = -k / theta;
  t->k = (M * k + 10 * 0.5) / (M + 10);
}

void enf__tail_find(enf__tail *t, size_t n, const double *log_w, double *scratch) {
  size_t above_zero = 0;
  for (size_t i = 0; i < n; i++)
    above_zero += log_w[i] > -(double)INFINITY;
  t->count = above_zero < most_of(n) ? above_zero : most_of(n);
  const double cut = gather(t, n, log_w, scratch);
  t->top = t->member[t->count - 1].log_w;
  t->cut = exp(cut - t->top);
  for (size_t j = 0; j < t->count; j++)
    t->excess[j] = exp(t->member[j].log_w - t->top) - t->cut;
  fit(t);
}

void enf__tail_smooth(const enf__tail *t, double *log_w) {
  for (size_t j = 0; isfinite(t->k) && j < t->count; j++) {
    const double steps = -log1p(-((double)j + 0.5) / (double)t->count);
    const double quantile = t->k == 0 ? t->sigma * steps : t->sigma * expm1(t->k * steps) / t->k;
    log_w[t->member[j].sample] = t->top + fmin(log(t->cut + quantile), 0);
  }
}

/* ---- the call ------------------------------------------------------------------------------ */

static enf_status check(enf_ctx *ctx, size_t n, const double *logw, const double *smoothed) {
  double top = -INFINITY;
  if (n == 0)
    return enf__fail(ctx, ENF_ERR_ARG, "n is 0: there are no weights");
  if (!logw || !smoothed)
    return enf__fail(ctx, ENF_ERR_ARG, "%s is NULL", logw ? "smoothed" : "logw");
  for (size_t i = 0; i < n; i++) {
    if (!(logw[i] < (double)INFINITY))
      return enf__fail(ctx, ENF_ERR_NONFINITE,
                       "logw[%zu] is %g: a log weight is a number or -infinity", i, logw[i]);
    top = fmax(top, logw[i]);
  }
  return top > -(double)INFINITY ? ENF_OK
                                 : enf__fail(ctx, ENF_ERR_NONFINITE, "all %zu weights are 0", n);
}

static void normalise(size_t n, double top, double *log_w) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += exp(log_w[i] - top);
  for (size_t i = 0; i < n; i++)
    log_w[i] = (log_w[i] - top) - log(sum);
}

static double *lay_out(enf__tail *t, size_t n, enf__arena *arena) {
  enf__tail_take(t, n, arena);
  return ENF__TAKE(arena, double, n);
}

enf_status enf_weights_smooth(enf_ctx *ctx, size_t n, const double *logw, double *smoothed,
                              double *khat) {
  ENF__ENTRY;
  enf__tail tail;
  enf__arena count = {0};
  enf_status status = enf__enter(ctx);
  if (status != ENF_OK)
    return status;
  TRY(check(ctx, n, logw, smoothed));
  lay_out(&tail, n, &count);
  TRY(enf__reserve(ctx, count.used, 0));
  double *scratch = lay_out(&tail, n, &ctx->arena);
  enf__tail_find(&tail, n, logw, scratch);
  memmove(smoothed, logw, n * sizeof *smoothed);
  enf__tail_smooth(&tail, smoothed);
  normalise(n, tail.top, smoothed);
  if (khat)
    *khat = tail.k;
out:
  return status;
}
