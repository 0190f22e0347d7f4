/* copula_fit.c -- the margins and the correlation of a copula prior from data.

   A margin of greatest likelihood, in turn until nothing moves: with t = (y - loc)/scale and the
   weight w = -(log f)'(t)/t, which is 1 for the normal law,

     loc <- sum w y / sum w,   scale^2 <- scale^2 mean(w t^2)   (Student's: sum w t^2 / sum w)

   and Student's df at the zero of the likelihood's derivative (fit.c). Laplace's loc is the median.
   The correlation is that of the normal scores Phi^-1(F_i(y_i)), with the margins as they then are.*/
#include "core/option_text.h"
#include "prior/fit.h"
#include <math.h>
#include <string.h>

enum { ROUNDS = 1000, HALVINGS = 100 };
static const double ENOUGH = 1e-11;

typedef struct {
  size_t n;
  const double *y;
  double *q; /* (n) t^2 */
  enf__copula_margin *margin;
  bool fixed[3]; /* df, loc, scale */
} margin_fit;

static double median(const margin_fit *f) {
  double low = f->y[0], high = f->y[0];
  for (size_t i = 0; i < f->n; i++) {
    low = fmin(low, f->y[i]);
    high = fmax(high, f->y[i]);
  }
  for (int i = 0; i < HALVINGS && low < high; i++) {
    const double middle = 0.5 * (low + high);
    size_t below = 0;
    for (size_t k = 0; k < f->n; k++)
      below += f->y[k] <= middle;
    if (2 * below < f->n)
      low = middle;
    else
      high = middle;
  }
  return high;
}

static void fit_laplace(const margin_fit *f) {
  double sum = 0;
  if (!f->fixed[1])
    f->margin->loc = median(f);
  for (size_t i = 0; i < f->n; i++)
    sum += fabs(f->y[i] - f->margin->loc);
  if (!f->fixed[2])
    f->margin->scale = sum / (double)f->n;
}

/* One round; how far the numbers moved, in units of the scale. */
static double step(const margin_fit *f) {
  enf__copula_margin *m = f->margin;
  const enf__copula_margin before = *m;
  const bool student = m->law.kind == ENF__STUDENT_LAW;
  double weights = 0, sum = 0, square = 0;
  for (size_t i = 0; i < f->n; i++)
    f->q[i] = pow((f->y[i] - m->loc) / m->scale, 2);
  if (student && !f->fixed[0])
    m->law.df = enf__prior_fit_df(f->n, f->q, 1);
  for (size_t i = 0; i < f->n; i++) {
    const double t = (f->y[i] - m->loc) / m->scale;
    const double w = t == 0 ? -enf__law_score(m->law, 1e-8) / 1e-8 : -enf__law_score(m->law, t) / t;
    weights += w;
    sum += w * f->y[i];
    square += w * t * t;
  }
  if (!f->fixed[1])
    m->loc = sum / weights;
  if (!f->fixed[2])
    m->scale *= sqrt(square / (student ? weights : (double)f->n));
  return fabs(m->loc - before.loc) / before.scale + fabs(log(m->scale / before.scale)) +
         fabs(log(m->law.df / before.law.df));
}

static bool fit_margin(const margin_fit *f) {
  if (f->margin->law.kind == ENF__LAPLACE_LAW)
    fit_laplace(f);
  for (int i = 0; f->margin->law.kind != ENF__LAPLACE_LAW && i < ROUNDS; i++)
    if (!(step(f) > ENOUGH))
      break;
  return f->margin->scale > 0 && isfinite(f->margin->scale) && isfinite(f->margin->loc);
}

/* Where an iteration can begin: the middle of the data and half of it on both sides. */
static void begin(margin_fit *f) {
  enf__copula_margin *m = f->margin;
  if (!f->fixed[1])
    m->loc = median(f);
  for (size_t i = 0; i < f->n; i++)
    f->q[i] = fabs(f->y[i] - m->loc);
  margin_fit sizes = *f;
  sizes.y = f->q;
  const double half = median(&sizes);
  if (!f->fixed[2] && half > 0)
    m->scale = half;
}

static bool fit_margins(enf__copula *c, size_t n, const double *columns, bool open, double *q) {
  const char *text = c->text;
  enf__margin margin = {.law = 0};
  for (size_t i = 0; i < c->D; i++) {
    margin_fit f = {.n = n, .y = columns + i * n, .q = q, .margin = &c->margin[i]};
    if (text)
      text = enf__margins_next(text, &margin);
    for (size_t k = 0; k < 3; k++)
      f.fixed[k] = !open && margin.set[k];
    begin(&f);
    if (!fit_margin(&f))
      return false;
  }
  return true;
}

/* Columns become normal scores, of mean 0 and square n. */
static bool score_columns(const enf__copula *c, size_t n, double *columns) {
  for (size_t i = 0; i < c->D; i++) {
    double *y = columns + i * n, mean = 0, square = 0;
    const enf__copula_margin *m = &c->margin[i];
    for (size_t k = 0; k < n; k++) {
      const double t = (y[k] - m->loc) / m->scale;
      const double tail = enf__law_log_tail(m->law, fabs(t));
      y[k] = copysign(enf__law_quantile((enf__law){ENF__NORMAL_LAW, 0}, tail), t);
      mean += y[k] / (double)n;
    }
    for (size_t k = 0; k < n; k++) {
      y[k] -= mean;
      square += y[k] * y[k] / (double)n;
    }
    if (!(square > 0))
      return false;
    for (size_t k = 0; k < n; k++)
      y[k] /= sqrt(square);
  }
  return true;
}

static void correlate(const enf__copula *c, size_t n, const double *columns, double *R) {
  const size_t D = c->D;
  for (size_t i = 0; i < D; i++)
    for (size_t j = 0; j <= i; j++) {
      double sum = 0;
      for (size_t k = 0; k < n; k++)
        sum += columns[i * n + k] * columns[j * n + k] / (double)n;
      R[i * D + j] = R[j * D + i] = i == j ? 1 : sum;
    }
}

size_t enf__copula_fit_doubles(const enf__space *space, size_t n) {
  const size_t D = enf__space_state(space);
  return (D + 1) * (n + 1) + D * (D + 3);
}

/* Numbers of its tensors, which lie one behind the other. */
static size_t count_of(const enf__copula *c) {
  return c->D * ((c->has_df ? 3 : 2) + (c->matrix ? c->D : 0));
}

static bool fit(enf__copula *c, size_t n, bool margins, bool open, double *columns, double *q,
                double *params) {
  if (margins && !fit_margins(c, n, columns, open, q))
    return false;
  enf__copula_start(c, params);
  if (!c->matrix)
    return true;
  if (!score_columns(c, n, columns))
    return false;
  correlate(c, n, columns, params + c->correlation);
  return enf__copula_pack(c, params);
}

bool enf__copula_fit(enf__prior *prior, const enf__prior_rows *rows, bool margins, bool open,
                     double *work, double *params) {
  enf__copula *c = &prior->copula;
  const enf__space *space = rows->space;
  const size_t n = rows->n, count = count_of(c);
  double *kept = work, *y = kept + c->D * (c->D + 3), *q = y + c->D, *columns = q + n;
  memcpy(kept, params + c->loc, count * sizeof *kept);
  for (size_t k = 0; k < n; k++) {
    space->ops->enter(space, rows->x + k * enf__space_host(space), y, NULL, NULL);
    for (size_t i = 0; i < c->D; i++)
      columns[i * n + k] = y[i] / prior->std;
  }
  if (fit(c, n, margins, open, columns, q, params))
    return true;
  memcpy(params + c->loc, kept, count * sizeof *kept);
  return false;
}
