/* chart_fit.c -- centres and widths of a chart from frames, in three passes: means over all frames,
   which tell frames of the other hand, broken molecules and those with a stiff dihedral turned;
   centres without those; widths about them.

   A flow of mirror images would have to spread over both; one of labelled atoms of one hand is
   what dynamics visits. */
#include "space/chart_fit.h"
#include <math.h>
#include <string.h>

#define LEAST_WIDTH 1e-3
#define BROKEN 3 /* times longer or shorter than the mean */

/* One pass over frames. */
typedef struct {
  const enf__zmatrix *z;
  size_t n, C, used;
  const double *x;
  const double *usual; /* centres that tell what is left out; NULL: nothing is */
  double *q, *sum, *other;
  enf__chart_report *report;
} pass;

/* The line of a distance or an angle before it is centred. */
static double raw(const enf__zmatrix *z, size_t k, double q) {
  return enf__internal_kind_of(z, k) == ENF__DISTANCE ? log(q) : log(q / (M_PI - q));
}

bool enf__chart_is_other_hand(const enf__zmatrix *z, const double *center, const double *q) {
  const size_t first = 2 * z->atoms - 3;
  for (size_t k = first; k < enf__internal_count(z); k++) {
    const double s = sin(center[k]);
    if (enf__internal_kind_of(z, k) == ENF__ON_LINE && fabs(s) > 0.5 && sin(q[k]) * s < 0)
      return true;
  }
  return false;
}

bool enf__chart_is_turned(const enf__zmatrix *z, const double *center, const double *q) {
  for (size_t k = 2 * z->atoms - 3; k < enf__internal_count(z); k++)
    if (enf__internal_kind_of(z, k) == ENF__ON_LINE && cos(q[k] - center[k]) < 0)
      return true;
  return false;
}

double enf__chart_scale(const enf__chart *chart, const double *q) {
  const size_t distances = chart->z->atoms - 1;
  double sum = 0;
  for (size_t k = 0; k < distances; k++)
    sum += log(q[k]) - chart->center[k];
  return exp(sum / (double)distances);
}

/* ---- passes --------------------------------------------------------------------------------- */

static void add_to_centre(pass *p, size_t k, const double *center) {
  (void)center;
  if (enf__internal_kind_of(p->z, k) >= ENF__ON_LINE) {
    p->sum[k] += cos(p->q[k]);
    p->other[k] += sin(p->q[k]);
  } else
    p->sum[k] += raw(p->z, k, p->q[k]);
}

/* Deviations from the centre and their squares. */
static void add_to_width(pass *p, size_t k, const double *center) {
  const bool line = enf__internal_kind_of(p->z, k) < ENF__ON_LINE;
  const double d = line ? raw(p->z, k, p->q[k]) - center[k] : 2 * tan((p->q[k] - center[k]) / 2);
  p->sum[k] += d;
  p->other[k] += d * d;
}

static void count_bad(enf__chart_report *r, size_t row, const enf__fault *fault) {
  if (r->bad++ == 0) {
    r->first_bad = row;
    r->fault = *fault;
  }
}

static bool is_broken(const pass *p) {
  for (size_t k = 0; k < p->z->atoms - 1; k++)
    if (fabs(log(p->q[k]) - p->usual[k]) > log(BROKEN))
      return true;
  return false;
}

static void run(pass *p, void (*add)(pass *, size_t, const double *), const double *center) {
  enf__fault fault;
  memset(p->sum, 0, p->C * sizeof *p->sum);
  memset(p->other, 0, p->C * sizeof *p->other);
  *p->report = (enf__chart_report){0};
  for (size_t i = 0; i < p->n; i++) {
    if (!enf__internal_measure(p->z, p->x + i * 3 * p->z->atoms, p->q, NULL, &fault))
      count_bad(p->report, i, &fault);
    else if (p->usual && is_broken(p))
      p->report->broken++;
    else if (p->usual && enf__chart_is_other_hand(p->z, p->usual, p->q))
      p->report->other_hand++;
    else if (p->usual && enf__chart_is_turned(p->z, p->usual, p->q))
      p->report->turned++;
    else {
      p->report->used++;
      for (size_t k = 0; k < p->C; k++)
        add(p, k, center);
    }
  }
}

static void find_centres(pass *p, double *center) {
  run(p, add_to_centre, NULL);
  for (size_t k = 0; k < p->C; k++)
    if (enf__internal_kind_of(p->z, k) == ENF__ON_CIRCLE)
      center[k] = 0;
    else if (enf__internal_kind_of(p->z, k) == ENF__ON_LINE)
      center[k] = atan2(p->other[k], p->sum[k]);
    else
      center[k] = p->sum[k] / (double)p->report->used;
}

static double width_of_one_frame(const enf__zmatrix *z, size_t k) {
  return enf__internal_kind_of(z, k) == ENF__DISTANCE ? 0.03 : 0.1;
}

static void find_widths(pass *p, const double *center, double *width) {
  run(p, add_to_width, center);
  const double used = (double)p->report->used;
  for (size_t k = 0; k < p->C; k++) {
    const double mean = p->sum[k] / used, square = p->other[k] / used - mean * mean;
    const double deviation = sqrt(fmax(square, 0));
    const enf__internal_kind kind = enf__internal_kind_of(p->z, k);
    if (kind == ENF__ON_CIRCLE)
      width[k] = 1;
    else
      width[k] = p->n == 1 ? width_of_one_frame(p->z, k) : fmax(deviation, LEAST_WIDTH);
    if (p->n > 1 && kind == ENF__DISTANCE && deviation < LEAST_WIDTH)
      p->report->constrained++;
  }
}

/* ---- the call ------------------------------------------------------------------------------- */

static enf_status refuse(enf_ctx *ctx, const enf__chart_report *r) {
  char reason[160] = "there are none";
  if (r->bad)
    enf__fault_say(&r->fault, reason, sizeof reason);
  if (r->other_hand + r->broken + r->turned)
    return enf__fail(
        ctx, ENF_ERR_RANGE,
        "each of %zu frames differs from their mean, by a bond 3 times as long or as "
        "short (%zu), as a mirror image in part (%zu) or by a stiff dihedral (%zu): they are of "
        "several molecules",
        r->other_hand + r->broken + r->turned, r->broken, r->other_hand, r->turned);
  return enf__fail(ctx, ENF_ERR_RANGE, "no frame of %zu has internal coordinates: %s", r->bad,
                   reason);
}

enf_status enf__chart_fit(enf_ctx *ctx, const enf__zmatrix *z, size_t n, const double *x,
                          double *center, double *width, enf__chart_report *report) {
  enf_status status = ENF_OK;
  const size_t C = enf__internal_count(z);
  double *work = enf__alloc_array(&ctx->alloc, 4 * C, sizeof *work);
  if (!work)
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu internal coordinates", C);
  pass p = {.z = z,
            .n = n,
            .C = C,
            .x = x,
            .report = report,
            .q = work,
            .sum = work + C,
            .other = work + 2 * C};
  double *usual = work + 3 * C;
  find_centres(&p, usual);
  if (report->used == 0)
    TRY(refuse(ctx, report));
  p.usual = usual;
  find_centres(&p, center);
  if (report->used == 0)
    TRY(refuse(ctx, report));
  find_widths(&p, center, width);
out:
  enf__free(&ctx->alloc, work);
  return status;
}
