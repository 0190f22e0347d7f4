/* fit.c -- the Gaussian and the Student-t density of greatest likelihood, isotropic or with a
   covariance, from data.

   The Gaussian's covariance is S = mean over rows of X X^T / D, taken the same for like particles.
   For the t density by expectation and maximisation: with q of every row,

     w = (nu+k)/(nu+q),   S <- sum w X X^T / (D sum w)     (isotropic: sigma^2 <- sum w |x|^2 / (k
   sum w))

   whose fixed points are those of S <- mean w X X^T / D, reached sooner (Kent, Tyler, Vardi 1994,
   Commun. Stat. Simul. Comput. 23, 441); and nu, where it is wanted, at the zero of the derivative
   of the likelihood itself by nu given all q (Liu, Rubin 1995, Stat. Sinica 5, 19), by halving an
   interval of log nu. It ends when the mean log-density rises by less than ENOUGH. */
#include "prior/fit.h"
#include "math/digamma.h"
#include <math.h>
#include <string.h>

enum { ROUNDS = 2000, HALVINGS = 60 };
static const double ENOUGH = 1e-10, LEAST_DF = 1e-2, MOST_DF = 1e6;

/* A fit at work. */
typedef struct {
  enf__prior *prior;
  const enf__prior_rows *rows;
  size_t used;      /* rows that are not left out */
  double *q;        /* (n) of rows, negative: left out */
  double *y;        /* (state) */
  double *S, *mean; /* (N,N) and the work of its mean over exchanges */
} fit;

static fit lay_out(enf__prior *prior, const enf__prior_rows *rows, double *work) {
  const size_t N = rows->space->shape.particles;
  fit f = {.prior = prior, .rows = rows, .q = work};
  f.y = f.q + rows->n;
  f.S = f.y + enf__space_state(rows->space);
  f.mean = f.S + N * N;
  return f;
}

size_t enf__prior_fit_doubles(const enf__space *space, bool elliptical, size_t n) {
  const size_t N = space->shape.particles, vector = n + enf__space_state(space);
  return elliptical ? vector + N * N + enf__ellipse_mean_doubles(space) : vector;
}

static const double *row_of(const fit *f, size_t i) {
  const enf__space *space = f->rows->space;
  space->ops->enter(space, f->rows->x + i * enf__space_host(space), f->y, NULL, NULL);
  return f->y;
}

/* Which rows are in; their q is 1. */
static void choose(fit *f) {
  const size_t state = enf__space_state(f->rows->space);
  for (size_t i = 0; i < f->rows->n; i++) {
    const double *y = row_of(f, i);
    double square = 0;
    for (size_t k = 0; k < state; k++)
      square += y[k] * y[k];
    f->q[i] = square <= f->rows->most ? 1 : -1;
    f->used += f->q[i] > 0;
  }
}

static bool is_student(const enf__prior *prior) { return prior->ops == &enf__student_ops; }

static double weight_of(const fit *f, double q) {
  const double k = (double)enf__space_freedom(f->rows->space), nu = f->prior->df;
  return is_student(f->prior) ? (nu + k) / (nu + q) : 1;
}

/* ---- width ----------------------------------------------------------------------------------- */

/* S += weight X X^T, its lower triangle. */
static void add_product(const fit *f, double weight, const double *y) {
  const size_t N = f->rows->space->shape.particles, D = f->rows->space->shape.dimensions;
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j <= i; j++) {
      double dot = 0;
      for (size_t d = 0; d < D; d++)
        dot += y[i * D + d] * y[j * D + d];
      f->S[i * N + j] += weight * dot;
    }
}

static bool widen_ellipse(fit *f) {
  const enf__space *space = f->rows->space;
  const size_t N = space->shape.particles;
  double sum = 0;
  memset(f->S, 0, N * N * sizeof *f->S);
  for (size_t i = 0; i < f->rows->n; i++)
    if (f->q[i] >= 0) {
      const double weight = weight_of(f, f->q[i]);
      sum += weight;
      add_product(f, weight, row_of(f, i));
    }
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j <= i; j++)
      f->S[i * N + j] = f->S[j * N + i] = f->S[i * N + j] / (sum * (double)space->shape.dimensions);
  enf__ellipse_mean(space, f->S, f->mean);
  return enf__ellipse_set(&f->prior->ellipse, space, f->S);
}

static bool widen_isotropic(fit *f) {
  double sum = 0, square = 0;
  for (size_t i = 0; i < f->rows->n; i++)
    if (f->q[i] >= 0) {
      const double weight = weight_of(f, f->q[i]);
      sum += weight;
      square += weight * f->q[i];
    }
  f->prior->std *= sqrt(square / sum / (double)enf__space_freedom(f->rows->space));
  return f->prior->std > 0 && isfinite(f->prior->std);
}

/* q of the rows, with a covariance in its units. */
static void measure(fit *f) {
  const bool on = f->prior->ellipse.on;
  for (size_t i = 0; i < f->rows->n; i++)
    if (f->q[i] >= 0)
      f->q[i] = enf__ellipse_square(&f->prior->ellipse, f->rows->space, on ? 1 : f->prior->std,
                                    row_of(f, i));
}

/* ---- degrees of freedom ---------------------------------------------------------------------- */

/* Of the sum of log-densities, by nu/2. */
static double slope(size_t n, const double *q, double k, double nu) {
  double sum = 0, used = 0;
  for (size_t i = 0; i < n; i++)
    if (q[i] >= 0) {
      used++;
      sum += (q[i] - k) / (nu + q[i]) - log1p(q[i] / nu);
    }
  return used * (enf__digamma(0.5 * (nu + k)) - enf__digamma(0.5 * nu)) + sum;
}

double enf__prior_fit_df(size_t n, const double *q, double k) {
  double low = log(LEAST_DF), high = log(MOST_DF);
  for (int i = 0; i < HALVINGS; i++) {
    const double middle = 0.5 * (low + high);
    if (slope(n, q, k, exp(middle)) > 0)
      low = middle;
    else
      high = middle;
  }
  return exp(0.5 * (low + high));
}

/* Mean log-density, up to what does not change. */
static double score(const fit *f) {
  const double k = (double)enf__space_freedom(f->rows->space), nu = f->prior->df;
  double sum = 0;
  for (size_t i = 0; i < f->rows->n; i++)
    if (f->q[i] >= 0)
      sum += log1p(f->q[i] / nu);
  int sign;
  return lgamma_r(0.5 * (nu + k), &sign) - lgamma_r(0.5 * nu, &sign) - 0.5 * k * log(nu) -
         k * log(f->prior->std) - f->prior->ellipse.log_volume -
         0.5 * (nu + k) * sum / (double)f->used;
}

/* ---- the fit --------------------------------------------------------------------------------- */

static bool fit_student(fit *f, enf__prior_wanted wanted) {
  double before = -INFINITY;
  for (int round = 0; round < ROUNDS; round++) {
    measure(f);
    if (wanted.df)
      f->prior->df =
          enf__prior_fit_df(f->rows->n, f->q, (double)enf__space_freedom(f->rows->space));
    const double now = score(f);
    if (now - before <= ENOUGH * fmax(1, fabs(now)))
      break;
    before = now;
    if (!(f->prior->ellipse.on ? widen_ellipse(f) : !wanted.std || widen_isotropic(f)))
      return false;
  }
  return true;
}

bool enf__prior_fit(enf__prior *prior, const enf__prior_rows *rows, enf__prior_wanted wanted,
                    double *work, double *covariance) {
  const size_t N = rows->space->shape.particles;
  fit f = lay_out(prior, rows, work);
  choose(&f);
  if (prior->ellipse.on && !widen_ellipse(&f))
    return false;
  if (is_student(prior) && !fit_student(&f, wanted))
    return false;
  if (prior->ellipse.on)
    memcpy(covariance, f.S, N * N * sizeof *covariance);
  return true;
}
