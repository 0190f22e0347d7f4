/* chart.c -- from internal coordinates to lines and circles, and back; the whole way to and from
   Cartesian coordinates, with its volume factor.

     ln dy/dr = -ln(r w)     ln dy/dT = -ln(w T (pi-T)/pi)     ln dy/dP = -ln(w cos^2((P-m)/2)), or
   0

   for a torsion, and so, with J of internal.c and uniform rotations,

     log volume = sum ln dy/dq - log J - log 8 pi^2 + (3/2) log N
                = constant - 3 sum ln r - sum ln(T (pi-T) sin T) + sum_impropers ln(1 +
   tan^2((P-m)/2))

   (Noe et al. 2019, arXiv:1812.01729, on such coordinates for molecules). Every y is a molecule:
   no boundary can be crossed. */
#include "space/chart.h"
#include "math/center.h"
#include "space/geometry.h"
#include "space/logsum.h"
#include <string.h>

/* ---- one coordinate ------------------------------------------------------------------------- */

static double wrap(double P) {
  if (fabs(P) < M_PI)
    return P;
  const double wrapped = remainder(P, 2 * M_PI);
  return wrapped <= -M_PI ? M_PI : wrapped; /* what is no number stays none */
}

/* What the log volume is made of: see above. */
typedef struct {
  double log_r;
  enf__logsum angles, impropers;
} volume;

#define VOLUME_INIT ((volume){0, ENF__LOGSUM_INIT, ENF__LOGSUM_INIT})

static double total(const enf__chart *chart, const volume *v) {
  return chart->constant - 3 * v->log_r - enf__logsum_get(&v->angles) +
         enf__logsum_get(&v->impropers);
}

static double to_line(const enf__chart *chart, size_t k, double q, volume *v) {
  const double m = chart->center[k], w = chart->width[k];
  double raw;
  switch (enf__internal_kind_of(chart->z, k)) {
  case ENF__DISTANCE:
    raw = log(q);
    v->log_r += raw;
    return (raw - m) / w;
  case ENF__ANGLE:
    enf__logsum_add(&v->angles, q * (M_PI - q) * sin(q));
    return (log(q / (M_PI - q)) - m) / w;
  case ENF__ON_LINE:
    raw = tan((q - m) / 2);
    enf__logsum_add(&v->impropers, 1 + raw * raw);
    return 2 * raw / w;
  default:
    return q;
  }
}

static double from_line(const enf__chart *chart, size_t k, double y, volume *v) {
  const double m = chart->center[k], w = chart->width[k];
  double raw, q;
  switch (enf__internal_kind_of(chart->z, k)) {
  case ENF__DISTANCE:
    raw = m + w * y;
    v->log_r += raw;
    return exp(raw);
  case ENF__ANGLE:
    q = M_PI / (1 + exp(-(m + w * y)));
    enf__logsum_add(&v->angles, q * (M_PI - q) * sin(q));
    return q;
  case ENF__ON_LINE:
    raw = w * y / 2;
    enf__logsum_add(&v->impropers, 1 + raw * raw);
    return wrap(m + 2 * atan(raw));
  default:
    return wrap(y);
  }
}

/* dy/dq and d log volume / dq */
static void rates(const enf__chart *chart, size_t k, double q, double *dy, double *dvolume) {
  const double m = chart->center[k], w = chart->width[k];
  double slope;
  switch (enf__internal_kind_of(chart->z, k)) {
  case ENF__DISTANCE:
    *dy = 1 / (w * q);
    *dvolume = -3 / q;
    return;
  case ENF__ANGLE:
    *dy = M_PI / (w * q * (M_PI - q));
    *dvolume = 1 / (M_PI - q) - 1 / q - cos(q) / sin(q);
    return;
  case ENF__ON_LINE:
    slope = tan((q - m) / 2);
    *dy = (1 + slope * slope) / w;
    *dvolume = slope;
    return;
  default:
    *dy = 1;
    *dvolume = 0;
  }
}

/* ---- all coordinates ------------------------------------------------------------------------ */

bool enf__chart_enter(const enf__chart *chart, const double *x, double *y, double *log_volume,
                      enf__fault *fault) {
  volume v = VOLUME_INIT;
  if (!enf__internal_measure(chart->z, x, y, NULL, fault))
    return false;
  for (size_t k = 0; k < enf__internal_count(chart->z); k++)
    y[k] = to_line(chart, k, y[k], &v);
  if (log_volume)
    *log_volume = total(chart, &v);
  return true;
}

bool enf__chart_leave(const enf__chart *chart, const double *y, double *x, double *log_volume,
                      enf__fault *fault) {
  const enf__zmatrix *z = chart->z;
  const size_t angles = z->atoms - 1, dihedrals = 2 * z->atoms - 3;
  volume v = VOLUME_INIT;
  const double ab = from_line(chart, 0, y[0], &v), bc = from_line(chart, 1, y[1], &v);
  if (!enf__place_root(z, ab, bc, from_line(chart, angles, y[angles], &v), x, fault))
    return false;
  for (size_t i = 0; i + 3 < z->atoms; i++) {
    const double r = from_line(chart, i + 2, y[i + 2], &v);
    const double T = from_line(chart, angles + i + 1, y[angles + i + 1], &v);
    const double P = from_line(chart, dihedrals + i, y[dihedrals + i], &v);
    if (!enf__place_row(&z->row[i], r, T, P, x, fault))
      return false;
  }
  enf__center(z->atoms, 3, x, x, NULL);
  if (log_volume)
    *log_volume = total(chart, &v);
  return true;
}

double enf__chart_line(const enf__chart *chart, const double *q, double *y) {
  double sum = 0;
  volume v = VOLUME_INIT;
  for (size_t k = 0; k < enf__internal_count(chart->z); k++) {
    double slope, unused;
    rates(chart, k, q[k], &slope, &unused);
    y[k] = to_line(chart, k, q[k], &v);
    sum += log(slope);
  }
  return sum;
}

void enf__chart_unline(const enf__chart *chart, const double *y, double *q) {
  volume v = VOLUME_INIT;
  for (size_t k = 0; k < enf__internal_count(chart->z); k++)
    q[k] = from_line(chart, k, y[k], &v);
}

/* ---- pulled back ---------------------------------------------------------------------------- */

/* Cotangents of a state and of the log volume. */
typedef struct {
  const enf__chart *chart;
  const double *dy;
  double dvolume;
} cotangents;

static double pull(const cotangents *c, size_t k, double q) {
  double slope, dvolume;
  rates(c->chart, k, q, &slope, &dvolume);
  return c->dy[k] * slope + c->dvolume * dvolume;
}

void enf__chart_enter_pullback(const enf__chart *chart, const double *x, const double *dy,
                               double dlog_volume, double *dx) {
  const enf__zmatrix *z = chart->z;
  const size_t angles = z->atoms - 1, dihedrals = 2 * z->atoms - 3;
  const cotangents c = {chart, dy, dlog_volume};
  const int32_t *root = z->root;
  const enf__bend first = enf__measure_bend(x, root[2], root[1], root[0]);
  enf__add_distance(dx, root[1], root[0], &first, pull(&c, 0, first.s));
  enf__add_bend(dx, root[2], root[1], root[0], &first, pull(&c, 1, first.r),
                pull(&c, angles, enf__angle(&first)));
  for (size_t i = 0; i + 3 < z->atoms; i++) {
    const enf__zrow *row = &z->row[i];
    const enf__bend g = enf__measure_bend(x, row->atom, row->a, row->b);
    const enf__turn t = enf__measure_turn(x, &g, row->b, row->c);
    enf__add_bend(dx, row->atom, row->a, row->b, &g, pull(&c, i + 2, g.r),
                  pull(&c, angles + i + 1, enf__angle(&g)));
    enf__add_turn(dx, row, &g, &t, pull(&c, dihedrals + i, enf__dihedral(&t)));
  }
}

void enf__chart_leave_pullback(const enf__chart *chart, const double *y, const double *x,
                               double *dx, double dlog_volume, double *dy) {
  volume unused = VOLUME_INIT;
  enf__internal_place_pullback(chart->z, x, dx, dy);
  for (size_t k = 0; k < enf__internal_count(chart->z); k++) {
    double slope, dvolume;
    rates(chart, k, from_line(chart, k, y[k], &unused), &slope, &dvolume);
    dy[k] = (dy[k] + dlog_volume * dvolume) / slope;
  }
}

/* ---- making one ----------------------------------------------------------------------------- */

static double constant(const enf__chart *chart) {
  const double N = (double)chart->z->atoms;
  double sum = (N - 2) * log(M_PI) - log(8 * M_PI * M_PI) + 1.5 * log(N);
  for (size_t k = 0; k < enf__internal_count(chart->z); k++)
    sum -= log(chart->width[k]);
  return sum;
}

enf_status enf__chart_create(enf_ctx *ctx, const enf_alloc *alloc, const enf__zmatrix *z,
                             enf__chart *chart) {
  const size_t C = enf__internal_count(z);
  *chart = (enf__chart){.z = z,
                        .center = enf__alloc_array(alloc, C, sizeof(double)),
                        .width = enf__alloc_array(alloc, C, sizeof(double))};
  if (!chart->center || !chart->width) {
    enf__chart_destroy(alloc, chart);
    return enf__fail(ctx, ENF_ERR_NOMEM, "no memory for %zu internal coordinates", C);
  }
  for (size_t k = 0; k < C; k++)
    chart->center[k] = 0, chart->width[k] = 1;
  chart->constant = constant(chart);
  return ENF_OK;
}

void enf__chart_destroy(const enf_alloc *alloc, enf__chart *chart) {
  enf__free(alloc, chart->center);
  enf__free(alloc, chart->width);
  *chart = (enf__chart){0};
}

enf_status enf__chart_check_centers(enf_ctx *ctx, const enf__zmatrix *z, const double *center) {
  for (size_t k = 0; k < enf__internal_count(z); k++) {
    if (!isfinite(center[k]))
      return enf__fail(ctx, ENF_ERR_RANGE, "internal.center: number %zu is not finite", k);
    if (enf__internal_kind_of(z, k) == ENF__ON_CIRCLE && center[k] != 0)
      return enf__fail(ctx, ENF_ERR_RANGE,
                       "internal.center: number %zu is of a torsion and must be 0, not %.6g", k,
                       center[k]);
  }
  return ENF_OK;
}

enf_status enf__chart_check_widths(enf_ctx *ctx, const enf__zmatrix *z, const double *width) {
  for (size_t k = 0; k < enf__internal_count(z); k++) {
    if (!(width[k] > 0 && isfinite(width[k])))
      return enf__fail(ctx, ENF_ERR_RANGE, "internal.width: number %zu is %.6g, not above 0", k,
                       width[k]);
    if (enf__internal_kind_of(z, k) == ENF__ON_CIRCLE && width[k] != 1)
      return enf__fail(ctx, ENF_ERR_RANGE,
                       "internal.width: number %zu is of a torsion and must be 1, not %.6g", k,
                       width[k]);
  }
  return ENF_OK;
}

void enf__chart_set(enf__chart *chart, const double *center, const double *width) {
  const size_t C = enf__internal_count(chart->z);
  memcpy(chart->center, center, C * sizeof *center);
  memcpy(chart->width, width, C * sizeof *width);
  chart->constant = constant(chart);
}
